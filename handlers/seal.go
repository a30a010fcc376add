package handlers

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gim-im/gim/domain"
)

// sealer encrypts kept answers with AES-256-GCM. Some of them hold secrets that
// are shown once, so the key is made from what the caller presents and the store
// does not have: whoever reads the store reads no answer.
type sealer struct{ aead cipher.AEAD }

// newSealer derives the key from the credential and the Idempotency-Key. A user's
// token changes between two tries, so for users the Idempotency-Key alone must
// do; what they are answered holds no secret.
func newSealer(c call) (sealer, error) {
	secret := c.secret
	if c.by.Kind == domain.PrincipalUser {
		secret = fmt.Sprintf("user %d:%d", c.by.App.Num, c.by.User.Num)
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), []byte(c.idempotencyKey), "gim idempotent answer v1", 32)
	if err != nil {
		return sealer{}, domain.Trace(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, domain.Trace(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, domain.Trace(err)
}

// keptHeaders are those of an answer that are kept with it: append only.
var keptHeaders = []string{"Content-Type", headerSeq, headerConversationSeq}

// seal puts the headers, with tabs between them, into the first line.
func (s sealer) seal(r domain.IdempotencyRecord, header http.Header, body []byte) []byte {
	values := make([]string, len(keptHeaders))
	for i, name := range keptHeaders {
		values[i] = header.Get(name)
	}
	plain := append([]byte(strings.Join(values, "\t")+"\n"), body...)
	return s.aead.Seal(nil, nil, plain, boundTo(r))
}

func (s sealer) open(r domain.IdempotencyRecord) (header http.Header, body []byte, err error) {
	plain, err := s.aead.Open(nil, nil, r.Answer, boundTo(r))
	if err != nil {
		return nil, nil, err
	}
	head, body, ok := bytes.Cut(plain, []byte("\n"))
	values := strings.Split(string(head), "\t")
	if !ok || len(values) > len(keptHeaders) {
		return nil, nil, errors.New("kept answer has no head")
	}
	header = make(http.Header)
	for i, value := range values {
		if value != "" {
			header.Set(keptHeaders[i], value)
		}
	}
	return header, body, nil
}

// boundTo keeps an answer from being put under another request or status.
func boundTo(r domain.IdempotencyRecord) []byte {
	return fmt.Appendf(nil, "%x %x %d", r.Key, r.Request, r.Status)
}
