package redisconn

import "strconv"

// Partitions is the number of hash tags that everything is divided over on a
// Redis Cluster. What has one tag lies together on one server, and whoever works
// on each partition by itself is not held up by a server that is down. All nodes
// must agree on it.
const Partitions = 16

// Partition returns the partition of a user of an app, by their numbers.
func Partition(app, user int64) int {
	const golden = 0x9E3779B97F4A7C15                 // spreads numbers that follow one another
	h := (uint64(user) ^ uint64(app)*golden) * golden //nolint:gosec // bits, not a quantity
	return int(h >> 60)                               //nolint:gosec // below Partitions
}

// AppendTag appends the hash tag of a partition, as "{p7}:".
func AppendTag(buf []byte, partition int) []byte {
	buf = strconv.AppendInt(append(buf, "{p"...), int64(partition), 10)
	return append(buf, "}:"...)
}
