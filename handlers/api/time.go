package api

import (
	"encoding/json"
	"time"
)

// timeLayout has exactly three decimals; time.RFC3339Nano would leave out
// zeros at the end, and clients that compare texts would stumble.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a moment as the REST contract writes it: RFC 3339 in UTC with
// milliseconds.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, len(timeLayout)+2), `"`+timeLayout+`"`), nil
}

// UnmarshalJSON implements json.Unmarshaler; it takes any RFC 3339 time.
func (t *Time) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &t.Time)
}

// Bind reads a parameter of a request.
func (t *Time) Bind(text string) (err error) {
	t.Time, err = time.Parse(time.RFC3339, text)
	return err
}
