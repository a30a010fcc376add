package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/internal/population"
)

// GrowthOptions are what Growth needs besides.
type GrowthOptions struct {
	Label      string   // of the results, such as the store's name; may be ""
	StoreFiles string   // directory of the store's files, whose size is told; may be ""
	Operations []string // what is measured; nil is all of [Operations]
}

// GrowthResult is one operation on a store of a size.
type GrowthResult struct {
	Label      string `json:"label,omitempty"`
	Operation  string `json:"operation"`
	Stored     int64  `json:"stored_messages"`
	Users      int    `json:"users"`
	Groups     int    `json:"groups"`
	Large      int    `json:"large_group_members"`
	StoreBytes int64  `json:"store_bytes,omitempty"`
}

// Growth does one operation after the other, each for a while and one at a time, on a
// store that was filled with a population. Users, conversations and positions are
// chosen by chance each time.
func Growth(ctx context.Context, o Options, g GrowthOptions) ([]Result, error) {
	var chosen []operation
	for _, op := range operations {
		if len(g.Operations) == 0 {
			chosen = append(chosen, op)
		}
	}
	for _, name := range g.Operations {
		op, err := operationNamed(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, op)
	}
	var size int64
	if g.StoreFiles != "" {
		var err error
		if size, err = sizeOf(g.StoreFiles); err != nil {
			return nil, err
		}
	}
	var plan population.Plan
	return rounds(ctx, o, chosen, func(r *run, ctx context.Context, op operation) ([]Result, error) {
		if plan.Users == 0 {
			var err error
			if plan, err = r.findPopulation(ctx); err != nil {
				return nil, err
			}
		}
		d := &doing{run: r, plan: plan, chats: population.Chats(plan.Messages), random: rand.New(rand.NewPCG(1, uint64(plan.Messages)))} //nolint:gosec // the same users again
		result, err := d.measure(ctx, op)
		return r.finished("growth", result, func(res *Result) {
			res.Via, res.Receive = REST, op.receive
			res.Growth = &GrowthResult{
				Label: g.Label, Operation: op.name, Stored: plan.Messages, Users: plan.Users, Groups: plan.Groups,
				Large: plan.LargeSize(), StoreBytes: size,
			}
		}), err
	})
}

// findPopulation reads what the store was filled with.
func (r *run) findPopulation(ctx context.Context) (plan population.Plan, err error) {
	got, err := r.api.rest.GetUserWithResponse(ctx, population.Marker, nil)
	if err == nil && got.StatusCode() == http.StatusNotFound {
		return plan, errors.New("the store was not filled for this app: gim bench fill")
	}
	if err := refused("find what the store was filled with", got, err); err != nil {
		return plan, err
	}
	extra, err := json.Marshal(got.JSON200.Extra)
	if err == nil {
		err = json.Unmarshal(extra, &plan)
	}
	if err == nil {
		err = plan.Check()
	}
	if err == nil && population.Chats(plan.Messages) == 0 {
		err = fmt.Errorf("%d messages are too few to be measured", plan.Messages)
	}
	return plan, err
}

// doing is one operation that is measured.
type doing struct {
	Verdict
	run    *run
	plan   population.Plan
	chats  int64 // single chats to choose from
	random *rand.Rand
	sent   int64 // messages
}

// once does an operation and says what is wrong with its answer, or "".
type once func(ctx context.Context) (complaint string, err error)

// leastTimes is how often an operation is measured however long that takes.
const leastTimes = 20

// measure repeats an operation for the time of a round.
func (d *doing) measure(ctx context.Context, op operation) (*Result, error) {
	o := d.run.o
	do, err := op.prepare(ctx, d)
	if err != nil {
		return nil, err
	}
	shown := d.run.progress.watch(op.name, "times")
	defer shown()
	times := newRecorder()
	begin := time.Now().Add(o.WarmUp)
	end := begin.Add(o.Duration)
	var before time.Duration
	result := &Result{}
	counts := false
	for time.Now().Before(end) || result.Messages < leastTimes {
		if !counts && !time.Now().Before(begin) {
			counts, before, begin = true, cpuTotal(o.PIDs), time.Now()
		}
		start := time.Now()
		asking, giveUp := context.WithTimeout(ctx, o.Patience)
		complaint, err := do(asking)
		giveUp()
		if ctx.Err() != nil {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", op.name, err)
		}
		if complaint != "" {
			d.Lost++
			d.note("%s: %s", op.name, complaint)
		}
		if counts {
			times.record(time.Since(start))
			result.Messages++
		}
		d.run.progress.done.Add(1)
	}
	result.Seconds = time.Since(begin).Seconds()
	result.rates(cpuTotal(o.PIDs) - before)
	result.Latency = times.latency()
	result.add(d.Verdict)
	result.Interrupted = ctx.Err() != nil
	if result.Messages == 0 {
		return nil, nil //nolint:nilnil // interrupted before anything was measured
	}
	return result, nil
}

// chat chooses a single chat by chance.
func (d *doing) chat() (a, b string) {
	i, j := d.plan.Chat(d.random.Int64N(d.chats))
	if d.random.IntN(2) == 0 {
		i, j = j, i
	}
	return population.User(i), population.User(j)
}

// send sends a message with an id of its own.
func (d *doing) send(ctx context.Context, from string, m outgoing) (complaint string, err error) {
	m.content = population.Content(d.sent)
	m.id = fmt.Sprintf("%s-%d", d.run.prefix, time.Now().UnixNano()) // there is one at a time
	d.sent++
	conv, err := d.run.api.send(ctx, from, m)
	if err == nil && conv < 1 {
		complaint = fmt.Sprintf("a message has place %d in its conversation", conv)
	}
	return complaint, err
}

// history reads a page of a conversation as a user, before a position unless that is 0.
func (d *doing) history(ctx context.Context, user, conversation string, before int64) (*client.MessagePage, string, error) {
	limit := pageSize
	params := &client.ListMessagesParams{GimUser: &user, Limit: &limit}
	if before > 0 {
		params.Before = &before
	}
	got, err := d.run.api.rest.ListMessagesWithResponse(ctx, conversation, params)
	if err := refused("read a history", got, err); err != nil {
		return nil, "", err
	}
	page := got.JSON200
	for i := range page.Items {
		if i > 0 && page.Items[i].ConversationSeq != page.Items[i-1].ConversationSeq+1 {
			return page, fmt.Sprintf("the history of %s has a gap before %d", conversation, page.Items[i].ConversationSeq), nil
		}
	}
	if len(page.Items) != pageSize {
		return page, fmt.Sprintf("a page of %s has %d messages, want %d", conversation, len(page.Items), pageSize), nil
	}
	return page, "", nil
}
