package domain

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
)

// ChangesCursor is a place among the changes of a user's conversations. Changes have
// numbers that rise with time, but of two that are made at one time on different nodes
// the lower one may be seen later. So everything up to Upto has been seen, and of what is
// behind it what Seen names.
type ChangesCursor struct {
	Upto int64
	Seen []int64 // ascending, all greater than Upto
}

// MaxChangesSeen bounds Seen: of more the first count as Upto.
const MaxChangesSeen = 256

// Has reports whether a change has been seen.
func (c ChangesCursor) Has(change int64) bool {
	if change <= c.Upto {
		return true
	}
	_, seen := slices.BinarySearch(c.Seen, change)
	return seen
}

// With returns the cursor behind these changes too. Nothing up to settled that has not
// been seen can be seen later.
func (c ChangesCursor) With(changes []int64, settled int64) ChangesCursor {
	seen := append(slices.Clone(c.Seen), changes...)
	slices.Sort(seen)
	seen = slices.Compact(seen)
	first := max(len(seen)-MaxChangesSeen, 0)
	for first < len(seen) && seen[first] <= settled {
		first++
	}
	next := ChangesCursor{Upto: c.Upto}
	if first > 0 {
		next.Upto = max(c.Upto, seen[first-1])
	}
	for _, change := range seen[first:] {
		if change > next.Upto {
			next.Seen = append(next.Seen, change)
		}
	}
	return next
}

// String is the opaque form of the cursor.
func (c ChangesCursor) String() string {
	raw := binary.AppendUvarint(nil, uint64(c.Upto)) //nolint:gosec // not negative
	last := c.Upto
	for _, change := range c.Seen {
		raw = binary.AppendUvarint(raw, uint64(change-last)) //nolint:gosec // ascending
		last = change
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// ParseChangesCursor reads what String wrote; bad_request for anything else.
func ParseChangesCursor(text string) (c ChangesCursor, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		c, err = decodeChanges(raw)
	}
	if err != nil || c.String() != text {
		return ChangesCursor{}, Invalid("changed_since", "is not a cursor that this list answered with")
	}
	return c, nil
}

func decodeChanges(raw []byte) (c ChangesCursor, err error) {
	last := int64(0)
	for i := 0; len(raw) > 0; i++ {
		n, size := binary.Uvarint(raw)
		if size <= 0 || i > MaxChangesSeen || n > 1<<62 || i > 0 && n == 0 || last+int64(n) < 0 { //nolint:gosec // checked
			return ChangesCursor{}, errors.New("not what String wrote")
		}
		raw = raw[size:]
		if last += int64(n); i == 0 { //nolint:gosec // checked
			c.Upto = last
		} else {
			c.Seen = append(c.Seen, last)
		}
	}
	return c, nil
}
