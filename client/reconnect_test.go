package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gim-im/gim/wire"
)

// TestRun_ObeysEveryCloseCode closes a live connection with each code.
func TestRun_ObeysEveryCloseCode(t *testing.T) {
	t.Parallel()
	for _, info := range wire.CloseCodes() {
		t.Run(info.Name, func(t *testing.T) {
			bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
				p, _ := r.signIn(5)
				r.forget()
				p.close(info.Code, 0)
				switch {
				case info.Code == wire.CloseResyncRequired:
					p, in := r.signInAs(&wire.SignedIn{UserId: "me", FirstSeq: 1, HeadSeq: 1, Epoch: "e2"})
					if in.After == nil || in.GetAfter() != 0 || in.GetEpoch() != "" {
						t.Errorf("came back with %v, want the beginning of any log", in)
					}
					p.push(entry(1))
					r.wantSeen("waiting 500ms", "connecting", "resync e2", "connected", "1:m1")
					if got := r.s.Cursor(); !reflect.DeepEqual(got, Cursor{Seq: 1, Epoch: "e2"}) {
						t.Errorf("the cursor is %v", got)
					}
				case info.Code.Reconnect(), info.Code == wire.CloseTokenExpired, info.Code == wire.CloseUnauthenticated:
					_, in := r.signIn(5)
					if in.GetAfter() != 5 {
						t.Errorf("came back after %d, want 5", in.GetAfter())
					}
					r.wantSeen("waiting 500ms", "connecting", "connected")
				default:
					err := r.ended()
					closed, ok := errors.AsType[*ClosedError](err)
					if !ok || closed.Code != int(info.Code) || closed.Reason != info.Name {
						t.Errorf("Run returned %v, want %d %s", err, info.Code, info.Name)
					}
					r.wantSeen("closed")
					if st := r.s.State(); !errors.Is(st.Err, err) {
						t.Errorf("the state says %v, want why it is closed", st.Err)
					}
					time.Sleep(time.Hour)
					r.none()
				}
			})
		})
	}
}

// TestRun_ObeysEveryCloseCodeOfASignIn refuses each sign-in with each code.
func TestRun_ObeysEveryCloseCodeOfASignIn(t *testing.T) {
	t.Parallel()
	for _, info := range wire.CloseCodes() {
		t.Run(info.Name, func(t *testing.T) {
			bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
				refuse := func() string {
					p := r.accept()
					f := p.read()
					p.fail(f.GetId(), &wire.Error{Code: "some_code", Message: "Because."})
					p.close(info.Code, 0)
					return f.GetSignIn().GetToken()
				}
				refuse()
				token := info.Code == wire.CloseUnauthenticated || info.Code == wire.CloseTokenExpired
				if token {
					if got := refuse(); got != "t2" {
						t.Errorf("came back with the token %q, want a fresh one", got)
					}
				}
				if token || !info.Code.Reconnect() {
					err := r.ended()
					refused, ok := errors.AsType[*Error](err)
					if !ok || refused.Code != "some_code" {
						t.Errorf("Run returned %v, want the reason of the refusal in it", err)
					}
					time.Sleep(time.Hour)
					r.none()
					return
				}
				if got := refuse(); got != "t2" {
					t.Errorf("came back with the token %q", got)
				}
				r.signIn(0)
			})
		})
	}
}

func TestRun_CountsOnlyRefusalsInARow(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		for range 3 {
			p := r.accept()
			p.read()
			p.close(wire.CloseTokenExpired, 0)
			p, _ = r.signIn(0)
			p.close(wire.CloseTokenExpired, 0) // of a live connection: nothing was refused
		}
		r.signIn(0)
	})
}

func TestRun_TakesARefusalWithoutACloseForOne(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		for range 2 {
			p := r.accept()
			p.fail(p.read().GetId(), &wire.Error{Code: "unauthorized"})
			p.drop()
		}
		if refused, ok := errors.AsType[*Error](r.ended()); !ok || refused.Code != "unauthorized" {
			t.Errorf("Run returned %v", refused)
		}
	})
}

func TestRun_StartsAnewWhenTheSignInSaysSo(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(99)}, func(t *testing.T, r *rig) {
		p := r.accept()
		p.fail(p.read().GetId(), &wire.Error{Code: "resync_required"})
		p.close(wire.CloseResyncRequired, 0)
		p, in := r.signIn(1)
		if in.After == nil || in.GetAfter() != 0 || in.GetEpoch() != "" {
			t.Errorf("came back with %v, want the beginning", in)
		}
		p.push(entry(1))
		r.wantSeen("connecting", "waiting 500ms", "connecting", "resync e1", "connected", "1:m1")
		for _, f := range p.pending() {
			if f.GetAck().GetSeq() > 1 {
				t.Errorf("acked %d of the new log", f.GetAck().GetSeq())
			}
		}
	})
}

func TestRun_StartsAnewWhenTheEpochIsAnother(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		p, _ := r.signInAs(&wire.SignedIn{UserId: "me", HeadSeq: 5, Epoch: "e2"})
		p.wantClosed()
		_, in := r.signInAs(&wire.SignedIn{UserId: "me", HeadSeq: 5, Epoch: "e2"})
		if in.GetAfter() != 0 {
			t.Errorf("came back after %d", in.GetAfter())
		}
		r.wantSeen("connecting", "waiting 500ms", "connecting", "resync e2", "connected")
	})
}

// TestRun_DoesNotAckTheOldCursorInTheNewLog keeps the program from being told of
// the new log.
func TestRun_DoesNotAckTheOldCursorInTheNewLog(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(6)
		goOn := make(chan struct{})
		r.onMessages(func([]*wire.Message) error { <-goOn; return nil })
		p.pending()
		p.push(entry(6))
		synctest.Wait()
		p.close(wire.CloseResyncRequired, 0)
		p, _ = r.signInAs(&wire.SignedIn{UserId: "me", HeadSeq: 1, Epoch: "e2"})
		p.wantFrames("")
		close(goOn)
		r.wantSeen("connecting", "connected", "6:m6", "waiting 500ms", "connecting", "resync e2", "connected")
		p.wantFrames("")
	})
}

func TestRun_EndsWhenTheTokenIsOfAnotherUser(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		p.drop()
		r.signInAs(&wire.SignedIn{UserId: "somebody", HeadSeq: 1, Epoch: "e2"})
		if err := r.ended(); err == nil {
			t.Error("Run went on in the log of another user")
		}
	})
}

func TestRun_PausesLongerAndLongerUntilAConnectionLasts(t *testing.T) {
	bubble(t, StreamOptions{MinBackoff: time.Second, MaxBackoff: 5 * time.Second}, func(t *testing.T, r *rig) {
		var waits []time.Duration
		for i := range 6 {
			p, _ := r.signIn(0)
			if i == 4 {
				time.Sleep(5 * time.Second)
			}
			p.drop()
			synctest.Wait()
			waits = append(waits, r.s.State().Delay)
		}
		if got := fmt.Sprint(waits); got != "[1s 2s 4s 5s 1s 2s]" {
			t.Errorf("waited for %s", got)
		}
	})
}

func TestRun_WaitsAsLongAsTheServerSaysAndThenItsOwnPause(t *testing.T) {
	bubble(t, StreamOptions{MinBackoff: time.Second}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		p.close(wire.CloseShutdown, 7*time.Second)
		closed := time.Now()
		r.signIn(0)
		if waited := time.Since(closed); waited != 8*time.Second {
			t.Errorf("came back after %v, want 7s and a pause of 1s", waited)
		}
		r.wantSeen("connecting", "connected", "waiting 8s", "connecting", "connected")
	})
}

func TestRun_WaitsAsLongAsARefusedSignInSays(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p := r.accept()
		p.read()
		p.close(wire.CloseTryLater, 7*time.Second)
		r.signIn(0)
		r.wantSeen("connecting", "waiting 7.5s", "connecting", "connected")
	})
}

func TestBackoff_IsRandomBetweenNothingAndItsBound(t *testing.T) {
	t.Parallel()
	b := backoff{min: 100, max: 1000, random: randomJitter}
	for _, bound := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		low, high := bound, time.Duration(0)
		for range 2000 {
			copied := b
			got := copied.next()
			low, high = min(low, got), max(high, got)
		}
		if low < 0 || low > bound/10 || high > bound || high < bound*9/10 {
			t.Errorf("pauses are from %d to %d, want all of 0 to %d", low, high, bound)
		}
		b.next()
	}
	b.reset()
	if got := b.next(); got > 100 {
		t.Errorf("after a reset the pause is %d, want 100 at most", got)
	}
}

func TestRun_TriesAgainWhenThereIsNoTokenOrConnection(t *testing.T) {
	failures := 3
	away := errors.New("away")
	bubble(t, StreamOptions{Token: func(context.Context) (string, error) {
		if failures--; failures >= 0 {
			return "", away
		}
		return "t", nil
	}}, func(t *testing.T, r *rig) {
		synctest.Wait()
		if st := r.s.State(); st.Phase != Waiting || !errors.Is(st.Err, away) {
			t.Errorf("the state is %v", st)
		}
		r.mu.Lock()
		r.dialErr = away
		r.mu.Unlock()
		time.Sleep(time.Hour)
		r.mu.Lock()
		r.dialErr = nil
		r.mu.Unlock()
		r.signIn(0)
	})
}

func TestRun_GivesUpASignInThatIsNotAnswered(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		began := time.Now()
		p := r.accept()
		p.read()
		p.wantClosed()
		if waited := time.Since(began); waited != signInTimeout {
			t.Errorf("waited for %v, want %v", waited, signInTimeout)
		}
		r.signIn(0)
	})
}

// TestRun_NoticesThatNothingIsHeard is about half-open links: the server's end is
// there and reads, but nothing comes from it.
func TestRun_NoticesThatNothingIsHeard(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		began := time.Now()
		p.wantClosed()
		if waited := time.Since(began); waited != 75*time.Second {
			t.Errorf("closed after %v, want 2.5 heartbeats", waited)
		}
		synctest.Wait()
		if st := r.s.State(); !errors.Is(st.Err, errSilent) {
			t.Errorf("the state is %v", st)
		}
		p, _ = r.signIn(0)
		for range 10 { // any frame is a sign of life
			time.Sleep(70 * time.Second)
			p.push(&wire.Message{MessageId: "x"})
		}
		r.none()
	})
}

func TestRun_PingsOnceAHeartbeatFromItsCursor(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5), ManualAck: true}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(5)
		began := time.Now()
		for i := range 5 {
			f := p.read()
			if f.GetPing() == nil || f.GetPing().GetSeq() != int64(5+i) {
				t.Fatalf("the client sent %v, want a ping with %d", f, 5+i)
			}
			p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Pong{Pong: &wire.Pong{HeadSeq: int64(5 + i)}}})
			p.push(entry(int64(6 + i)))
		}
		if waited := time.Since(began); waited != 150*time.Second {
			t.Errorf("5 pings took %v, want 5 heartbeats", waited)
		}
	})
}

func TestSwitchTo_ReconnectsAtOnceFromTheCursor(t *testing.T) {
	bubble(t, StreamOptions{Cursor: at(5)}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(6)
		p.push(entry(6))
		r.wantSeen("connecting", "connected", "6:m6")
		began := time.Now()
		r.s.SwitchTo("https://elsewhere")
		p.wantClosed()
		p, in := r.signIn(7)
		if in.GetAfter() != 6 || r.address != "https://elsewhere" {
			t.Errorf("came back after %d at %s", in.GetAfter(), r.address)
		}
		r.wantSeen("connecting", "connected")

		p.drop()
		r.wantSeen("waiting 500ms")
		r.s.SwitchTo("tcp://back") // ends the pause
		r.wantSeen("connecting")
		p = r.accept()
		p.read()
		r.s.SwitchTo("tcp://again") // ends the sign-in
		p.wantClosed()
		r.signIn(7)
		if waited := time.Since(began); waited != 0 || r.address != "tcp://again" {
			t.Errorf("came back at %s after %v", r.address, waited)
		}
	})
}

func TestRefresh_ReplacesTheTokenOfALiveConnection(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		began := time.Now()
		for _, token := range []string{"t2", "t3"} {
			p.announce(wire.CloseTokenExpired, 0)
			f := p.read()
			if f.GetRefresh().GetToken() != token {
				t.Fatalf("the client sent %v, want a refresh with %s", f, token)
			}
			p.write(&wire.ServerFrame{Id: f.GetId(), Body: &wire.ServerFrame_Refreshed{Refreshed: &wire.Refreshed{}}})
			p.wantFrames("")
		}
		if waited := time.Since(began); waited != refreshInterval {
			t.Errorf("the second token came %v after the first, want %v: some are announced to run out at once", waited, refreshInterval)
		}
		p.push(entry(1))
		r.wantSeen("connecting", "connected", "1:m1")
		r.none()
	})
}

func TestRefresh_IsTriedUntilTheConnectionEnds(t *testing.T) {
	bubble(t, StreamOptions{}, func(t *testing.T, r *rig) {
		p, _ := r.signIn(0)
		p.announce(wire.CloseTokenExpired, 0)
		p.announce(wire.CloseTokenExpired, 0) // once more while it is under way
		p.fail(p.read().GetId(), &wire.Error{Code: "unavailable", Retryable: true})
		p.fail(p.read().GetId(), &wire.Error{Code: "unauthorized"})
		time.Sleep(20 * time.Second)
		p.wantFrames("")
		p.close(wire.CloseTokenExpired, 0)
		r.signIn(0) // it was not a sign-in that was refused
	})
}
