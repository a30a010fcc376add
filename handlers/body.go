package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/strictjson"
)

const mediaJSON = "application/json"

// readBody returns the request's body after holding it to the contract. The
// generated code decodes it again: what it would let pass (names in other
// letters, null, unknown fields) was refused here.
func (op *operation) readBody(r *http.Request) ([]byte, error) {
	body, err := readAll(r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, domain.Invalid("", "needs a body")
	}
	if err := checkMediaType(r.Header); err != nil {
		return nil, err
	}
	if err := strictjson.Check(body); err != nil {
		wrong, ok := errors.AsType[*strictjson.Error](err)
		if !ok {
			return nil, domain.Trace(err)
		}
		return nil, domain.Invalid(wrong.Pointer, "%s", wrong.Detail)
	}
	if op.shape.fits(body) {
		return body, nil
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // a number that no float64 holds may stand in an object of the caller's own
	if err := decoder.Decode(&value); err != nil {
		return nil, domain.Invalid("", "is not valid JSON")
	}
	return body, invalid(validate(op.body, value))
}

func readAll(r *http.Request) ([]byte, error) {
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead) // at most MaxBodyBytes, limitBody saw to that
	}
	_, err := io.Copy(&buf, r.Body)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, errBodyTooLarge()
	}
	if err != nil { // cut off, or not what its own framing says
		return nil, domain.Invalid("", "has a body that could not be read to its end")
	}
	return buf.Bytes(), nil
}

func checkMediaType(h http.Header) error {
	media, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || media != mediaJSON || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return domain.Failure(domain.CodeUnsupportedMediaType, "The body must be application/json in UTF-8.")
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return domain.Failure(domain.CodeUnsupportedMediaType, "The body must not be compressed.")
	}
	return nil
}
