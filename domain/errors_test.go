package domain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestCatalogue_HoldsEveryCode(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`Code = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(declared) != len(Catalogue()) {
		t.Errorf("%d codes are declared, %d are in the catalogue", len(declared), len(Catalogue()))
	}
	for _, d := range declared {
		if info := Describe(Code(d[1])); info.Code != Code(d[1]) || info.Title == "" || info.Advice == "" {
			t.Errorf("%s is not described", d[1])
		}
	}
	// The codes of the project that gim descends from.
	for _, c := range []Code{"unauthorized", "not_friend", "not_in_group", "device_not_bound", "bad_request", "user_exists", "group_exists", "group_not_found", "user_not_found", "internal"} {
		if Describe(c).Code != c {
			t.Errorf("%s is missing", c)
		}
	}
}

func TestTrace_RecordsTheStackOfUnknownErrorsOnce(t *testing.T) {
	t.Parallel()
	unknown := errors.New("disk on fire")
	traced := Trace(unknown)
	stack := Stack(fmt.Errorf("store: %w", Trace(fmt.Errorf("again: %w", traced))))
	if len(stack) == 0 || !strings.Contains(stack[0], "TestTrace_RecordsTheStackOfUnknownErrorsOnce") {
		t.Errorf("stack = %v", stack)
	}
	if !errors.Is(traced, unknown) || CodeOf(traced) != CodeInternal {
		t.Errorf("traced = %v, code %s", traced, CodeOf(traced))
	}
	for _, expected := range []error{nil, ErrUserNotFound, context.Canceled, fmt.Errorf("x: %w", ErrNotInGroup)} {
		if got := Trace(expected); !errors.Is(got, expected) || Stack(got) != nil {
			t.Errorf("Trace(%v) has a stack", expected)
		}
	}
}

func TestError_IsMatchesByCode(t *testing.T) {
	t.Parallel()
	if !errors.Is(Invalid("/x", "is wrong"), Failure(CodeBadRequest, "")) || errors.Is(ErrUserNotFound, ErrGroupNotFound) {
		t.Error("errors.Is does not go by the code")
	}
}
