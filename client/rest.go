package client

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// restTimeout bounds a call of a client of NewREST: longer than the longest poll.
const restTimeout = 60 * time.Second

// NewREST returns a client of the REST API at server, such as
// https://chat.example.com, that presents credential: an app key, a user token or
// the operator's key. Calls time out after 60 seconds unless WithHTTPClient says
// otherwise. It may be used concurrently.
func NewREST(server, credential string, options ...ClientOption) (*ClientWithResponses, error) {
	return NewClientWithResponses(strings.TrimSuffix(server, "/"), append([]ClientOption{
		WithHTTPClient(&http.Client{Timeout: restTimeout}),
		withHeader("Authorization", "Bearer "+credential),
	}, options...)...)
}

// ActAs makes a client that presents an app key act for a user in every call.
func ActAs(user string) ClientOption { return withHeader("Gim-User", user) }

func withHeader(name, value string) ClientOption {
	return WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set(name, value)
		return nil
	})
}

// Made returns the positions that the answer to a write tells: the last entry that it
// made in the caller's own log, and in the conversation; 0 where there is none. Given as
// MinSeq, reads on any node wait until they see it.
func Made(answer *http.Response) (seq, conversationSeq int64) {
	seq, _ = strconv.ParseInt(answer.Header.Get("Gim-Seq"), 10, 64)                          // 0 when absent
	conversationSeq, _ = strconv.ParseInt(answer.Header.Get("Gim-Conversation-Seq"), 10, 64) // likewise
	return seq, conversationSeq
}

// Answer is what the answers to all calls have in common.
type Answer interface {
	StatusCode() int
	GetApplicationproblemJSONDefault() *Problem
}

// Check turns a refusal into an *Error; it takes what a call returned:
//
//	answer, err := rest.PutUsersWithResponse(ctx, nil, users)
//	if err := client.Check(answer, err); err != nil {
//		return err
//	}
//
// An answer that is not one of gim's, such as a proxy's, is another error.
func Check(answer Answer, err error) error {
	switch {
	case err != nil:
		return err
	case answer.StatusCode() < 300:
		return nil
	}
	p := answer.GetApplicationproblemJSONDefault()
	if p == nil {
		return fmt.Errorf("the server answered with status %d, and not as gim does: is the URL right?", answer.StatusCode())
	}
	e := &Error{Code: p.Code, Message: p.Detail, Retryable: p.Retryable, RequestID: p.RequestId}
	if p.Errors != nil {
		for _, f := range *p.Errors {
			e.Message += " (" + f.Pointer + " " + f.Detail + ")"
		}
	}
	return e
}
