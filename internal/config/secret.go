package config

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
)

// Secret is a setting that is never shown. Printing, logging or marshalling it
// yields a placeholder; [Secret.Reveal] is the only way to its text.
type Secret string

const hidden = "(set, not shown)"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a placeholder, "" when nothing is set.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps the secret out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON keeps the secret out of JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// SecretKeyBytes is the length of a decoded secret key.
const SecretKeyBytes = 32

var errSecretKey = errors.New("must be 32 bytes, as 64 hexadecimal digits or in base64; `openssl rand -hex 32` makes one")

// DecodeSecretKey returns the 32 bytes that text holds in hex or base64 (either
// alphabet, padded or not). The error does not repeat the text.
func DecodeSecretKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if raw, err := hex.DecodeString(text); err == nil && len(raw) == SecretKeyBytes {
		return raw, nil
	}
	text = strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if raw, err := encoding.DecodeString(text); err == nil && len(raw) == SecretKeyBytes {
			return raw, nil
		}
	}
	return nil, errSecretKey
}
