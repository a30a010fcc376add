package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// cpuMeter reads how much CPU time processes use from a moment on. It knows
// Linux's /proc; elsewhere, and for processes it may not read, it says 0.
type cpuMeter struct {
	pids   []int
	before chan time.Duration // capacity 1
}

// newCPUMeter measures from begin on, or from the end of ctx if that comes first.
func newCPUMeter(ctx context.Context, pids []int, begin time.Time) *cpuMeter {
	m := &cpuMeter{pids: pids, before: make(chan time.Duration, 1)}
	go func() { // ends with begin or ctx
		pause(ctx, time.Until(begin))
		m.before <- cpuTotal(pids)
	}()
	return m
}

// used waits for begin, if need be, and returns the time used up to now.
func (m *cpuMeter) used() time.Duration {
	before := <-m.before
	return cpuTotal(m.pids) - before
}

// pause waits, no longer than ctx lives.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func cpuTotal(pids []int) (sum time.Duration) {
	for _, pid := range pids {
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

// memory is what processes hold, in bytes; 0 is not known.
type memory struct {
	resident int64 // pages in memory
	heap     int64 // Go's live heap and stacks
}

// readMemory reads what the processes hold. With the address of an admin
// listener garbage is collected before, and the heap is known too.
func readMemory(ctx context.Context, pids []int, adminURL string) (m memory, err error) {
	if adminURL != "" {
		if m.heap, err = collectGarbage(ctx, adminURL); err != nil {
			return m, err
		}
	}
	for _, pid := range pids {
		m.resident += residentBytes(pid)
	}
	return m, nil
}

// residentBytes returns VmRSS of a process, see proc_pid_status(5).
func residentBytes(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// collectGarbage asks a gim for its heap profile, which collects garbage first,
// and returns the bytes that live on the heap and on stacks.
func collectGarbage(ctx context.Context, adminURL string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(adminURL, "/")+"/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask the admin listener for its heap: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("ask the admin listener for its heap: status %d", resp.StatusCode)
	}
	return liveBytes(resp.Body)
}

// liveBytes reads runtime.MemStats from the end of a heap profile in text form.
func liveBytes(profile io.Reader) (int64, error) {
	var heap, stacks int64
	lines := bufio.NewScanner(profile)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		_, _ = fmt.Sscanf(lines.Text(), "# HeapAlloc = %d", &heap) // most lines are others
		_, _ = fmt.Sscanf(lines.Text(), "# Stack = %d", &stacks)
	}
	if heap == 0 {
		return 0, errors.Join(errors.New("the admin listener's answer is no heap profile as text"), lines.Err())
	}
	return heap + stacks, nil
}
