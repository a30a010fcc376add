package bus

import (
	"strconv"

	"github.com/gim-im/gim/wire"
)

// partitions is the number of hash tags that topics are divided over on a Redis
// Cluster. A node has a subscribing connection and a publisher for each, so that a
// server of the cluster that is down holds up nobody else. All nodes must agree
// on it.
const partitions = 16

// channels names the channels: one for each topic, and one control channel for
// each partition. On a Redis Cluster they are sharded channels, and the hash tag
// {pN} keeps those of a partition on one server; elsewhere there is one partition.
type channels struct {
	prefix  string
	sharded bool
}

// count is the number of partitions.
func (c channels) count() int {
	if c.sharded {
		return partitions
	}
	return 1
}

// partition says which connection a topic belongs to.
func (c channels) partition(t wire.Topic) int {
	if !c.sharded {
		return 0
	}
	const golden = 0x9E3779B97F4A7C15                     // spreads numbers that follow one another
	h := (uint64(t.User) ^ uint64(t.App)*golden) * golden //nolint:gosec // bits, not a quantity
	return int(h >> 60)                                   //nolint:gosec // below partitions
}

// topicLetters stand for the kinds of topics in the names of channels.
var topicLetters = [...]byte{wire.TopicUser: 'u', wire.TopicPresence: 'p'}

// topic is the channel of t.
func (c channels) topic(t wire.Topic) string {
	buf := make([]byte, 0, 64)
	buf = append(c.appendPrefix(buf, c.partition(t)), topicLetters[t.Kind], ':')
	buf = strconv.AppendInt(buf, int64(t.App), 10)
	buf = append(buf, ':')
	return string(strconv.AppendInt(buf, int64(t.User), 10))
}

// control is the channel that every node listens to, one in each partition. A gap
// told there is for all topics.
func (c channels) control(partition int) string {
	return string(append(c.appendPrefix(nil, partition), "gap"...))
}

func (c channels) appendPrefix(buf []byte, partition int) []byte {
	buf = append(append(buf, c.prefix...), ':')
	if c.sharded {
		buf = strconv.AppendInt(append(buf, "{p"...), int64(partition), 10)
		buf = append(buf, "}:"...)
	}
	return buf
}
