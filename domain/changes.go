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
	// Told is where a list of more changes than Seen has room for has come to, page by
	// page; 0 outside of one. What the cursor does not name is told again in the next.
	Told int64
}

// MaxChangesSeen bounds Seen.
const MaxChangesSeen = 256

// has reports whether a change has been seen.
func (c ChangesCursor) has(change int64) bool {
	if change <= c.Upto {
		return true
	}
	_, seen := slices.BinarySearch(c.Seen, change)
	return seen
}

// Page returns what is to be told next of changes: limit of them, in their order, and those
// that have the number of the last one; the cursor behind them, and whether there are
// more. No change up to settled appears later. None is left out, though where there are
// more than Seen has room for some are told twice.
func (c ChangesCursor) Page(changes []int64, settled int64, limit int) (page []int64, next ChangesCursor, more bool) {
	unseen := slices.DeleteFunc(slices.Sorted(slices.Values(changes)), c.has)
	first, _ := slices.BinarySearch(unseen, c.Told+1)
	end := min(first+limit, len(unseen))
	for first < end && end < len(unseen) && unseen[end] == unseen[end-1] {
		end++ // what changed by one commit is told together
	}
	for _, rest := range [][]int64{unseen[:first], unseen[end:]} {
		if len(rest) > 0 {
			settled = min(settled, rest[0]-1) // the cursor must not move past it
		}
	}
	page, more = unseen[first:end], end < len(unseen)
	next = c.with(page, settled)
	if !more || next.Told <= next.Upto {
		next.Told = 0
	}
	return page, next, more
}

// with returns the cursor behind a page too.
func (c ChangesCursor) with(page []int64, settled int64) ChangesCursor {
	seen := append(slices.Clone(c.Seen), page...)
	slices.Sort(seen)
	seen = slices.Compact(seen)
	next := ChangesCursor{Upto: c.Upto, Told: c.Told}
	if n, exact := slices.BinarySearch(seen, settled); n > 0 || exact {
		if exact {
			n++
		}
		next.Upto = max(c.Upto, seen[n-1])
		seen = seen[n:]
	}
	if len(seen) > MaxChangesSeen {
		seen = seen[:MaxChangesSeen]
		next.Told = max(next.Told, 1)
	}
	next.Seen = seen
	if next.Told > 0 && len(page) > 0 {
		next.Told = page[len(page)-1]
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
	if c.Told > 0 { // behind what cannot be a distance
		raw = binary.AppendUvarint(append(raw, 0), uint64(c.Told-c.Upto)) //nolint:gosec // it is greater
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
	last, isTold := int64(0), false
	for i := 0; len(raw) > 0; i++ {
		n, size := binary.Uvarint(raw)
		if size <= 0 || i > MaxChangesSeen+2 || n > 1<<62 || c.Told > 0 || last+int64(n) < 0 { //nolint:gosec // checked
			return ChangesCursor{}, errors.New("not what String wrote")
		}
		raw = raw[size:]
		switch distance := int64(n); { //nolint:gosec // checked
		case i == 0:
			c.Upto, last = distance, distance
		case isTold:
			c.Told = c.Upto + distance
		case distance == 0:
			isTold = true
		default:
			last += distance
			c.Seen = append(c.Seen, last)
		}
	}
	return c, nil
}
