package bench

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress_IsALineEveryFewSecondsOrOneThatIsWrittenOver(t *testing.T) {
	t.Parallel()
	for terminal, want := range map[bool]string{
		false: "single …\nsingle: 1,200 messages, 400/s, 3 s\nsingle: 1,500 messages, 100/s, 6 s\n",
		true:  "\r\x1b[Ksingle …\r\x1b[Ksingle: 1,200 messages, 2,400/s, ",
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			p := &progress{out: &out, terminal: terminal}
			stop := p.watch("single", "messages")
			p.done.Add(1200)
			time.Sleep(showElsewhere + time.Millisecond)
			p.done.Add(300)
			time.Sleep(showElsewhere)
			stop()
			stop()
			got := out.String()
			if !terminal && got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if terminal && (!strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\r\x1b[K") || strings.Contains(got, "\n") || strings.Count(got, "1,500 messages") != 6) {
				t.Errorf("on a terminal: %q", got)
			}
		})
	}
}

func TestProgress_IsSilentWhereNobodyLooks(t *testing.T) {
	t.Parallel()
	p := &progress{}
	stop := p.watch("single", "messages")
	p.done.Add(1)
	stop()
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
}

func TestRecorder_KnowsTimesToAThousandth(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	if r.latency() != nil {
		t.Error("there are times without a measurement")
	}
	for ms := range 1000 {
		r.record(time.Duration(ms+1) * time.Millisecond)
	}
	r.record(-1)
	r.record(longestRecorded * 2)
	got := r.latency()
	near := func(got, want float64) bool { return got > want*0.997 && got < want*1.003 }
	if !near(got.P50, 500) || !near(got.P99, 991) || !near(got.P999, 1000) || !near(got.Max, 600_000) || r.count() != 1002 {
		t.Errorf("of 1 to 1000 ms: %+v", got)
	}
}

func TestLiveBytes_ReadsTheEndOfAHeapProfile(t *testing.T) {
	t.Parallel()
	got, err := liveBytes(strings.NewReader("heap profile: 1: 2 [3: 4] @ heap/1\n1: 2 [3: 4] @ 0x1\n\n# runtime.MemStats\n# Alloc = 9\n" +
		"# HeapAlloc = 4096\n# HeapSys = 8192\n# Stack = 1024 / 2048\n"))
	if got != 5120 || err != nil {
		t.Errorf("%d bytes, %v; want 5120", got, err)
	}
	if _, err := liveBytes(strings.NewReader("<html>")); err == nil {
		t.Error("a page passes for a heap profile")
	}
}

func TestProcess_IsReadWhereLinuxTellsOfIt(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // nothing is read there
	}
	if got := residentBytes(os.Getpid()); got < 1<<20 {
		t.Errorf("this process holds %d bytes", got)
	}
	for end := time.Now().Add(time.Minute); cpuTime(os.Getpid()) == 0; {
		if time.Now().After(end) {
			t.Fatal("this process has used no CPU time in a minute of it")
		}
	}
	if residentBytes(1<<30)+int64(cpuTime(1<<30)) != 0 {
		t.Error("a process that does not exist has used something")
	}
}
