package gateway_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/gateway"
	"github.com/gim-im/gim/internal/trace"
)

// traced is a message to alice in conversation 9.
func (w *world) traced(seq int64, text string) domain.PlacedMessage {
	m := domain.Message{
		Conversation: 9, Sender: domain.Sender{Type: domain.SenderUser, User: "carol"}, To: domain.Target{User: "alice"},
		Type: domain.ContentText, Content: []byte(`{"text":"` + text + `"}`),
	}
	w.commit("alice", m, false, "")
	return domain.PlacedMessage{Conversation: 9, Seq: seq, SentAt: time.Now()}
}

func TestTrace_KeepsWhatIsWrittenAndWhoIsTooSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		recorder := trace.New(trace.All, time.Hour, domain.SystemClock{})
		n := start(t, w, func(o *gateway.Options) { o.Trace = recorder })
		defer n.stop()
		time.Sleep(time.Second)
		c := n.signIn(t, "alice", "")
		m := w.traced(1, "one")
		synctest.Wait()
		c.wantSeqs("1")
		time.Sleep(time.Second)
		n.signIn(t, "alice", `,"after":0`).wantSeqs("1") // replayed
		at := func(m domain.PlacedMessage) []domain.Push {
			return recorder.PushTimes(t.Context(), app, m, []domain.UserNum{w.users["alice"].num}).Pushes
		}
		first := domain.Push{User: w.users["alice"].num, Device: "alice-phone", Transport: "tcp", At: m.SentAt.UTC()}
		again := first
		again.At = again.At.Add(time.Second)
		if diff := cmp.Diff([]domain.Push{first, again}, at(m)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}

		slow := n.signIn(t, "alice", "")
		resume := slow.pause()
		w.traced(2, "taken before the pause")
		synctest.Wait()
		w.traced(3, "stuck")
		time.Sleep(2 * time.Second)
		var last domain.PlacedMessage
		for i := range 40 {
			last = w.traced(int64(i+4), strings.Repeat("a", 30_000))
		}
		resume()
		synctest.Wait()
		got := at(last)
		if len(got) != 1 || !got[0].Slow || got[0].Device != "alice-phone" || !got[0].At.Equal(last.SentAt) {
			t.Errorf("the message that was too much: %+v", got)
		}
	})
}
