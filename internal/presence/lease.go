package presence

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gim-im/gim/domain"
)

// forgetNode is how long the last beat of a node is kept. Sessions in Redis live
// shorter.
const forgetNode = 24 * time.Hour

// beatScript renews the lease of node ARGV[1], if it is not over, and returns what
// became of it, the time, and the last beats of all nodes. ARGV[2] is 1 for a node
// that has beaten before, ARGV[3] the length of its lease in ms, which is kept with
// the beat, so that nodes need not agree on it. Without a node it only looks.
//
// Only the clock of Redis counts. Where that was set back, by a failover for
// instance, beats that lie in the future become now.
var beatScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local text = string.format('%.0f', now)
local node, outcome = ARGV[1], 'looked'
if node ~= '' then
  local last, life = string.match(redis.call('HGET', KEYS[1], node) or '', '^(%d+) (%d+)$')
  if last and now - tonumber(last) > tonumber(life) then
    outcome = 'lapsed'
  elseif not last and ARGV[2] == '1' then
    outcome = 'flushed'
    redis.call('HSET', KEYS[1], '` + fieldFlushed + `', text)
  else
    outcome = 'alive'
    redis.call('HSET', KEYS[1], node, text .. ' ' .. ARGV[3])
  end
end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at, rest = string.match(all[i + 1], '^(%d+)(.*)$')
  at = tonumber(at) or 0
  if at > now then
    all[i + 1] = text .. rest
    redis.call('HSET', KEYS[1], all[i], all[i + 1])
  elseif now - at > tonumber(ARGV[4]) then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {outcome, text, all}
`)

// outcome is what became of a lease.
type outcome string

const (
	outcomeAlive   outcome = "alive"
	outcomeLooked  outcome = "looked"
	outcomeLapsed  outcome = "lapsed"  // nobody beat for us while it lasted
	outcomeFlushed outcome = "flushed" // Redis has lost it
)

// view is which nodes are alive, as Redis told at a moment. It is never changed.
type view struct {
	node    string    // ours, whose lease was renewed; "" when it has none
	at      time.Time // our time, before we asked: ages are rather too high
	now     int64     // Redis', in ms
	beats   map[string]beat
	flushed int64 // when Redis was found to have lost all; 0 for never
}

// beat is the last sign of life of a node.
type beat struct {
	at  int64         // Redis' time, in ms
	ttl time.Duration // of the lease that it began
}

// look asks Redis and renews the lease of node, unless it is "". again says that
// it has beaten before.
func look(ctx context.Context, client redis.Scripter, key, node string, again bool, ttl time.Duration) (outcome, *view, error) {
	known := 0
	if again {
		known = 1
	}
	v := &view{at: time.Now(), beats: make(map[string]beat)}
	answer, err := beatScript.Run(ctx, client, []string{key}, node, known, ttl.Milliseconds(), forgetNode.Milliseconds()).Slice()
	if err != nil {
		return "", nil, domain.Trace(err)
	}
	if len(answer) != 3 {
		return "", nil, domain.Trace(errAnswer)
	}
	what, _ := answer[0].(string)
	now, _ := answer[1].(string)
	beats, _ := answer[2].([]any)
	if v.now, err = strconv.ParseInt(now, 10, 64); err != nil {
		return "", nil, domain.Trace(errAnswer)
	}
	for i := 0; i+1 < len(beats); i += 2 {
		name, _ := beats[i].(string)
		text, _ := beats[i+1].(string)
		first, second, _ := strings.Cut(text, " ")
		at, err := strconv.ParseInt(first, 10, 64)
		life, _ := strconv.ParseInt(second, 10, 64) // 0, of a node that is dead, for what is none
		switch {
		case err != nil:
		case name == fieldFlushed:
			v.flushed = at
		default:
			v.beats[name] = beat{at: at, ttl: time.Duration(life) * time.Millisecond}
		}
	}
	return outcome(what), v, nil
}

var errAnswer = errors.New("presence: redis answers something else than was asked")

// since is the age by now of something that happened at a time of Redis' clock.
func (v *view) since(at int64) time.Duration {
	return time.Duration(v.now-at)*time.Millisecond + time.Since(v.at)
}

// isKnown reports whether v is of use, and not too old for a node that beats every
// quarter of ttl: its lease cannot look over only because v is old.
func (v *view) isKnown(ttl time.Duration) bool {
	return v != nil && v.node != "" && time.Since(v.at) <= ttl/2
}

// verdict is what a view tells about a node.
type verdict int

const (
	alive verdict = iota
	// dead is for good: whoever wakes up after the end of its lease, which the
	// script judges in the same way, takes another id.
	dead
	// absent is a node that Redis did not know.
	absent
)

// judge tells how it stood with a node when v was taken.
func (v *view) judge(node string) verdict {
	b, known := v.beats[node]
	switch {
	case !known:
		return absent
	case v.now-b.at > b.ttl.Milliseconds():
		return dead
	}
	return alive
}

// isFinal reports whether that cannot have changed by now: a lease that has not
// ended, or one that has. Otherwise Redis has to be asked again.
func (v *view) isFinal(node string) bool {
	switch v.judge(node) {
	case alive:
		return v.left(node) >= 0
	case dead:
		return true
	case absent:
	}
	return false
}

// left is how long the lease of a living node still lasts, if it is not renewed.
func (v *view) left(node string) time.Duration { return v.beats[node].ttl - v.since(v.beats[node].at) }

// isInGrace reports whether Redis has lost everything a moment ago, so that other
// nodes may not have written their sessions again yet.
func (v *view) isInGrace(ttl time.Duration) bool {
	return v.flushed > 0 && v.since(v.flushed) < ttl/2
}
