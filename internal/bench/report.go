package bench

import (
	"fmt"
	"time"
)

// Result is what one round showed. What a workload does not measure is 0 or nil.
type Result struct {
	Workload string `json:"workload"`
	Via      string `json:"via"`     // how messages were sent
	Receive  string `json:"receive"` // and received

	InFlight    int    `json:"in_flight,omitempty"`   // single, storm
	Members     int    `json:"members,omitempty"`     // group, room, crowd, storm
	Senders     int    `json:"senders,omitempty"`     // group, room, crowd, storm
	Type        string `json:"type,omitempty"`        // of the group: normal, large
	Connections int    `json:"connections,omitempty"` // idle
	Way         string `json:"way,omitempty"`         // sync: how the log was read
	Clients     int    `json:"clients,omitempty"`     // sync: that read at the same time
	LogEntries  int64  `json:"log_entries,omitempty"` // sync: of each client
	Interrupted bool   `json:"interrupted,omitempty"` // the round was cut short

	Seconds       float64  `json:"seconds"`              // that were measured, to the end of the last message
	Messages      int64    `json:"messages"`             // sent, acknowledged and received by all; sync: read
	PerSecond     float64  `json:"messages_per_second"`  //
	Deliveries    int64    `json:"deliveries,omitempty"` // messages times receivers
	DeliveriesPer float64  `json:"deliveries_per_second,omitempty"`
	Latency       *Latency `json:"latency,omitempty"` // from send to push at the last receiver; sync: of a page
	Ack           *Latency `json:"ack,omitempty"`     // from send to acknowledgement

	CPUPer1000     float64 `json:"cpu_seconds_per_1000_messages,omitempty"` // of the processes that were named
	CPUPerDelivery float64 `json:"cpu_us_per_delivery,omitempty"`           // microseconds

	// OwnCPUPer1000 is that of the load generator, which shares the machine.
	OwnCPUPer1000 float64 `json:"own_cpu_seconds_per_1000_messages,omitempty"`

	Idle  *IdleResult  `json:"idle,omitempty"`
	Crowd *CrowdResult `json:"crowd,omitempty"`
	Storm *StormResult `json:"storm,omitempty"`

	Growth *GrowthResult `json:"growth,omitempty"` // messages are operations

	Verdict
}

// OK reports whether something happened and every message arrived once and in
// order. What was interrupted may have come to nothing.
func (r *Result) OK() bool { return r.clean() && (r.Messages > 0 || r.Interrupted) }

// Complaint says what is wrong with a result that is not OK.
func (r *Result) Complaint() string {
	what := fmt.Sprintf("%s: %d lost, %d doubled, %d out of order", r.title(), r.Lost, r.Doubled, r.Disorder)
	if r.Messages == 0 && !r.Interrupted {
		what += ", and no message arrived in the time that counts"
	}
	for _, p := range r.Problems {
		what += "\n  " + p
	}
	return what
}

func (r *Result) title() string {
	switch r.Workload {
	case "single":
		return fmt.Sprintf("single, %d in flight", r.InFlight)
	case "storm":
		return fmt.Sprintf("storm, %d in flight beside %d senders in a group of %d", r.InFlight, r.Senders, r.Members)
	case "idle":
		return fmt.Sprintf("idle, %d connections", r.Connections)
	case "growth":
		return fmt.Sprintf("%s with %d messages stored", r.Growth.Operation, r.Growth.Stored)
	case "sync":
		return fmt.Sprintf("sync by %s, %d clients", r.Way, r.Clients)
	}
	return fmt.Sprintf("%s, %d members, %d senders", r.Workload, r.Members, r.Senders)
}

// rates works out what follows from counts, times and CPU.
func (r *Result) rates(used time.Duration) {
	if r.Seconds > 0 {
		r.PerSecond = float64(r.Messages) / r.Seconds
		r.DeliveriesPer = float64(r.Deliveries) / r.Seconds
	}
	if r.Messages > 0 {
		r.CPUPer1000 = used.Seconds() * 1000 / float64(r.Messages)
	}
	if r.Deliveries > 0 {
		r.CPUPerDelivery = float64(used.Microseconds()) / float64(r.Deliveries)
	}
}

// finished names a round's result; there is none when nothing was measured.
func (r *run) finished(workload string, res *Result, fill func(*Result)) []Result {
	if res == nil {
		return nil
	}
	res.Workload, res.Via, res.Receive = workload, r.o.Via, r.o.Receive
	fill(res)
	return []Result{*res}
}
