package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gim-im/gim/client"
)

func TestNewREST_PresentsItsCredential(t *testing.T) {
	t.Parallel()
	var got http.Header
	var path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, path = r.Header, r.URL.Path
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"user_id":"alice"}`))
	}))
	defer server.Close()
	rest, err := client.NewREST(server.URL+"/", "key", client.ActAs("alice"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := rest.GetUserWithResponse(t.Context(), "alice", nil)
	if err := client.Check(answer, err); err != nil {
		t.Fatal(err)
	}
	if got.Get("Authorization") != "Bearer key" || got.Get("Gim-User") != "alice" || path != "/v1/users/alice" {
		t.Errorf("asked for %s with %v", path, got)
	}
}

func TestCheck_MakesErrorsOfRefusals(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"/v1/users/refused": `{"code":"bad_request","detail":"No.","request_id":"r1","retryable":true,"errors":[{"pointer":"/a","detail":"is b"}]}`,
		"/v1/users/foreign": `<html>`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body := answers[r.URL.Path]; body[0] == '{' {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	}))
	defer server.Close()
	rest, err := client.NewREST(server.URL, "key")
	if err != nil {
		t.Fatal(err)
	}
	check := func(user string) error {
		answer, err := rest.GetUserWithResponse(t.Context(), user, nil)
		return client.Check(answer, err)
	}
	err = check("refused")
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || *refused != (client.Error{Code: "bad_request", Message: "No. (/a is b)", Retryable: true, RequestID: "r1"}) {
		t.Errorf("the refusal is %#v", err)
	}
	if want := "bad_request: No. (/a is b) [request r1]"; err.Error() != want {
		t.Errorf("it says %q, want %q", err, want)
	}
	err = check("foreign")
	if _, ok := errors.AsType[*client.Error](err); ok || err == nil {
		t.Errorf("an answer that is not gim's is %v", err)
	}
	server.Close()
	if err := check("refused"); err == nil {
		t.Error("a call that failed is no error")
	}
}
