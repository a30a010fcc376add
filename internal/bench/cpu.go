package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// cpuMeter reads how much CPU time processes used between two moments. It knows
// Linux's /proc; elsewhere, and for processes it may not read, it says 0.
type cpuMeter struct {
	pids []int
	used chan time.Duration // capacity 1
}

// newCPUMeter starts measuring; its goroutine ends with the measured time.
func newCPUMeter(pids []int, begin, end time.Time) *cpuMeter {
	m := &cpuMeter{pids: pids, used: make(chan time.Duration, 1)}
	go func() {
		time.Sleep(time.Until(begin))
		before := m.total()
		time.Sleep(time.Until(end))
		m.used <- m.total() - before
	}()
	return m
}

// stop waits for the end of the measured time.
func (m *cpuMeter) stop() time.Duration { return <-m.used }

func (m *cpuMeter) total() (sum time.Duration) {
	for _, pid := range m.pids {
		sum += cpuTime(pid)
	}
	return sum
}

// clockTick is what /proc counts in, on every architecture Linux runs on today.
const clockTick = 10 * time.Millisecond

// cpuTime returns user and system time of a process, see proc_pid_stat(5).
func cpuTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the command's name may hold anything
	fields := bytes.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(string(f))
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick
}
