package domain

import "time"

// Clock tells the time. Tests give one that they control.
type Clock interface {
	Now() time.Time
}

// SystemClock is the machine's clock, in UTC.
type SystemClock struct{}

// Now returns the current time in UTC.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// Millis cuts t to the milliseconds that gim stores and shows, in UTC.
func Millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
