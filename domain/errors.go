package domain

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Error is a failure that gim expects: part of the contract, shown to the
// caller, not logged as a failure and carrying no stack. Treat it as immutable.
type Error struct {
	Code   Code
	Detail string       // one sentence, safe to show; repeats no id
	Fields []FieldError // what is wrong with which part of the request

	RetryAfter time.Duration // earliest time to try again; 0 says nothing
	Limit      string        // which limit refused, with CodeRateLimited
}

// FieldError says what is wrong with one part of a request.
type FieldError struct {
	Pointer string // JSON pointer into the body ("/to/user_id"), or the name of a parameter
	Detail  string // continues the sentence "this field …"
}

// Error implements error.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Detail
	for _, f := range e.Fields {
		s += " (" + f.Pointer + " " + f.Detail + ")"
	}
	return s
}

// Is makes errors.Is match by code, so a copy with details equals its sentinel.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Failure returns an expected error with the given code; the format makes its
// sentence, or the catalogue's title stands in for an empty one.
func Failure(code Code, format string, args ...any) *Error {
	if format == "" {
		return &Error{Code: code, Detail: Describe(code).Title + "."}
	}
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalid reports one malformed part of a request as bad_request.
func Invalid(pointer, format string, args ...any) *Error {
	return &Error{
		Code:   CodeBadRequest,
		Detail: "The request breaks a rule; see errors.",
		Fields: []FieldError{{Pointer: pointer, Detail: fmt.Sprintf(format, args...)}},
	}
}

// join collects failures of several fields into one error; nil ones are left
// out and the first one's code and sentence stand for all.
func join(failures ...*Error) error {
	var all *Error
	for _, f := range failures {
		switch {
		case f == nil:
		case all == nil:
			all = &Error{Code: f.Code, Detail: f.Detail, Fields: append([]FieldError(nil), f.Fields...)}
		default:
			all.Fields = append(all.Fields, f.Fields...)
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// CodeOf returns the code of err: "" for nil, [CodeInternal] for unknown errors.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known.Code
	}
	return CodeInternal
}

// Trace marks err as unknown and records the call stack, once. Adapters call it
// where a foreign error (driver, network, codec) enters gim. Expected errors,
// cancellations and errors already traced come back unchanged.
func Trace(err error) error {
	var known *Error
	var traced *tracedError
	switch {
	case err == nil, errors.As(err, &known), errors.As(err, &traced),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	pcs := make([]uintptr, 24)
	return &tracedError{err: err, pcs: pcs[:runtime.Callers(2, pcs)]}
}

// Stack lists the recorded frames of err, innermost first, or nil.
func Stack(err error) []string {
	traced, ok := errors.AsType[*tracedError](err)
	if !ok {
		return nil
	}
	var lines []string
	frames := runtime.CallersFrames(traced.pcs)
	for {
		f, more := frames.Next()
		lines = append(lines, fmt.Sprintf("%s (%s:%d)", f.Function, f.File, f.Line))
		if !more {
			return lines
		}
	}
}

type tracedError struct {
	err error
	pcs []uintptr
}

func (e *tracedError) Error() string { return e.err.Error() }
func (e *tracedError) Unwrap() error { return e.err }
