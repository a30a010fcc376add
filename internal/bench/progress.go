package bench

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// progress shows how far a run is: on a terminal one line that is written over,
// elsewhere a line every few seconds.
type progress struct {
	out      io.Writer // nil is silent
	terminal bool
	done     atomic.Int64 // of what the current part counts
}

const (
	showOnTerminal = 500 * time.Millisecond
	showElsewhere  = 3 * time.Second
)

// watch shows what is counted from now on, until stop is called.
func (p *progress) watch(what, unit string) (stop func()) {
	p.done.Store(0)
	if p.out == nil {
		return func() {}
	}
	every := showElsewhere
	if p.terminal {
		every = showOnTerminal
	}
	over := make(chan struct{})
	var shower sync.WaitGroup
	shower.Go(func() { p.show(what, unit, every, over) }) // ends with over
	return sync.OnceFunc(func() {
		close(over)
		shower.Wait()
	})
}

func (p *progress) show(what, unit string, every time.Duration, over <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	begin, lastAt, last := time.Now(), time.Now(), int64(0)
	p.line("%s …", what)
	for {
		select {
		case now := <-tick.C:
			done := p.done.Load()
			rate := float64(done-last) / now.Sub(lastAt).Seconds()
			p.line("%s: %s %s, %s/s, %.0f s", what, thousands(done), unit, thousands(int64(rate)), now.Sub(begin).Seconds())
			lastAt, last = now, done
		case <-over:
			if p.terminal {
				_, _ = io.WriteString(p.out, "\r\x1b[K")
			}
			return
		}
	}
}

func (p *progress) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.terminal {
		text = "\r\x1b[K" + text
	} else {
		text += "\n"
	}
	_, _ = io.WriteString(p.out, text)
}

// thousands writes n with commas, for people.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && c != '-' && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
