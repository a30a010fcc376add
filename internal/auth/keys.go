package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/gim-im/gim/domain"
)

const (
	appKeyPrefix   = "gim_"
	adminKeyPrefix = "gimadmin_"

	keyIDBytes  = 10 // 16 characters
	secretBytes = 32 // 52 characters
	secretChars = 52

	minKeyIDChars = 12
	maxKeyIDChars = 32

	// MinAdminKey is the least length of a configured admin key, in characters.
	MinAdminKey = 16
	maxAdminKey = 512
)

// ErrAdminKey is the cause of every refusal of a configured admin key.
var ErrAdminKey = errors.New("unusable admin key")

// lowerBase32 has no character that needs care in a header, a shell or a path,
// and no underscore, which separates the parts of a key.
var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// AppKeys makes app keys.
type AppKeys struct{}

var _ domain.KeyMaker = AppKeys{}

// NewAppKey returns a fresh key: its id, the whole key gim_<key id>_<secret> to
// show once, and the hash to store. The error is always nil.
func (AppKeys) NewAppKey() (keyID, secret string, hash []byte, err error) {
	keyID = randomText(keyIDBytes)
	part := randomText(secretBytes)
	return keyID, appKeyPrefix + keyID + "_" + part, hashSecret(part), nil
}

// splitAppKey takes a well-formed app key apart.
func splitAppKey(key string) (keyID, secret string, ok bool) {
	rest, ok := strings.CutPrefix(key, appKeyPrefix)
	if !ok {
		return "", "", false
	}
	keyID, secret, ok = strings.Cut(rest, "_")
	if !ok || len(keyID) < minKeyIDChars || len(keyID) > maxKeyIDChars || len(secret) != secretChars {
		return "", "", false
	}
	return keyID, secret, isLowerBase32(keyID) && isLowerBase32(secret)
}

func isLowerBase32(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// AdminKeyStore keeps the hash of an admin key that gim made itself.
type AdminKeyStore interface {
	// AdminKeyHash returns the stored hash, nil when there is none.
	AdminKeyHash(ctx context.Context) ([]byte, error)
	// InitAdminKeyHash stores hash unless one is stored, and reports whether it did.
	InitAdminKeyHash(ctx context.Context, hash []byte) (bool, error)
}

// EnsureAdminKey returns the hash of the admin key that is valid from now on. A
// configured key stands alone and is not stored. Without one the stored hash
// counts, and where there is none yet a key is made: created is then true, and
// shown is the key, at the only moment it is known. Of several nodes that start
// together one makes the key. A configured key that is too short or cannot be
// sent in a header is [ErrAdminKey].
func EnsureAdminKey(ctx context.Context, store AdminKeyStore, configured string) (hash []byte, shown string, created bool, err error) {
	if configured != "" {
		if err := checkAdminKey(configured); err != nil {
			return nil, "", false, err
		}
		return hashSecret(configured), "", false, nil
	}
	hash, err = store.AdminKeyHash(ctx)
	if err != nil || len(hash) > 0 {
		return hash, "", false, wrap("read the admin key's hash", err)
	}
	key := adminKeyPrefix + randomText(secretBytes)
	hash = hashSecret(key)
	created, err = store.InitAdminKeyHash(ctx, hash)
	if err != nil {
		return nil, "", false, wrap("store the admin key's hash", err)
	}
	if created {
		return hash, key, true, nil
	}
	hash, err = store.AdminKeyHash(ctx) // another node was first
	if err == nil && len(hash) == 0 {
		err = domain.Trace(errors.New("it is stored and cannot be found"))
	}
	return hash, "", false, wrap("read the admin key's hash", err)
}

func checkAdminKey(key string) error {
	if len(key) < MinAdminKey || len(key) > maxAdminKey {
		return fmt.Errorf("%w: it must have %d to %d characters", ErrAdminKey, MinAdminKey, maxAdminKey)
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' || key[i] == ',' {
			return fmt.Errorf("%w: it must be of visible ASCII characters, without spaces and commas", ErrAdminKey)
		}
	}
	return nil
}

// randomText returns n random bytes as text.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return lowerBase32.EncodeToString(b)
}

// hashSecret needs no salt and no slow function for secrets of 256 random bits.
// An operator's own key is hashed for comparison only, never stored.
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func sameHash(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// wrap adds the operation to an error of the store.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}
