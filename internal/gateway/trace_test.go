package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/trace"
)

// What a connection holds is not written yet: it is kept when it is.
func TestTrace_KeepsWhenAFullConnectionTookIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, topic, _, sessions, goOn := eagerCrowd(crowdSize)
		recorder := trace.New(trace.All, time.Hour, domain.SystemClock{})
		for i, s := range sessions {
			s.gw.opts.Trace, s.traced = recorder, recorder.Connection(topic.App, domain.UserNum(i+1), "phone", "tcp")
		}
		time.Sleep(time.Second)
		m := domain.PlacedMessage{Conversation: topic.Group, Seq: 1, SentAt: time.Now()}
		e := groupEvent(topic, 1, "one")
		e.Body.Message().Conversation = topic.Group
		h.Handle(e)
		synctest.Wait()
		time.Sleep(time.Second)
		if got := recorder.PushTimes(t.Context(), topic.App, m, []domain.UserNum{1, 2}); got.Written != crowdSize-1 || len(got.Pushes) != 1 {
			t.Errorf("while one is full: %+v", got)
		}
		goOn()
		synctest.Wait()
		got := recorder.PushTimes(t.Context(), topic.App, m, []domain.UserNum{1})
		if got.Written != crowdSize || len(got.Pushes) != 1 || got.Pushes[0].At.Sub(m.SentAt) != time.Second {
			t.Errorf("when it is not any more: %+v", got)
		}
	})
}
