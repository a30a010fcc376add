package bus

import (
	"strconv"

	"github.com/gim-im/gim/internal/redisconn"
	"github.com/gim-im/gim/wire"
)

// channels names the channels: one for each topic, and one control channel for
// each partition. On a Redis Cluster they are sharded channels, and the hash tag
// {pN} keeps those of a partition on one server; elsewhere there is one partition.
// A node has a subscribing connection and a publisher for each, so that a server
// of the cluster that is down holds up nobody else.
type channels struct {
	prefix  string
	sharded bool
}

// count is the number of partitions.
func (c channels) count() int {
	if c.sharded {
		return redisconn.Partitions
	}
	return 1
}

// partition says which connection a topic belongs to.
func (c channels) partition(t wire.Topic) int {
	if !c.sharded {
		return 0
	}
	return redisconn.Partition(int64(t.App), t.Num())
}

// topicLetters stand for the kinds of topics in the names of channels.
var topicLetters = [...]byte{wire.TopicUser: 'u', wire.TopicPresence: 'p', wire.TopicGroup: 'g'}

// topic is the channel of t.
func (c channels) topic(t wire.Topic) string {
	buf := make([]byte, 0, 64)
	buf = append(c.appendPrefix(buf, c.partition(t)), topicLetters[t.Kind], ':')
	buf = strconv.AppendInt(buf, int64(t.App), 10)
	buf = append(buf, ':')
	return string(strconv.AppendInt(buf, t.Num(), 10))
}

// control is the channel that every node listens to, one in each partition. A gap
// told there is for all topics.
func (c channels) control(partition int) string {
	return string(append(c.appendPrefix(nil, partition), "gap"...))
}

func (c channels) appendPrefix(buf []byte, partition int) []byte {
	buf = append(append(buf, c.prefix...), ':')
	if c.sharded {
		buf = redisconn.AppendTag(buf, partition)
	}
	return buf
}
