package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gim "github.com/gim-im/gim"
	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/domain"
	"github.com/gim-im/gim/internal/config"
	"github.com/gim-im/gim/internal/gimtest"
)

func TestAbout_TheContractAndItsPagesAreServedToAnyone(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		nobody := caller{gim: g}
		spec := nobody.get(t, "/openapi.yaml").want(t, 200)
		if string(spec.body) != string(gim.OpenAPI) || spec.header.Get("Content-Type") != "application/yaml" {
			t.Errorf("openapi.yaml has %d bytes of %s", len(spec.body), spec.header.Get("Content-Type"))
		}
		for path, want := range map[string]string{
			"/": "<!doctype html>", "/docs": "<!doctype html>", "/docs/errors": `id="user_not_found"`,
		} {
			page := nobody.get(t, path).want(t, 200)
			if !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || !strings.Contains(strings.ToLower(string(page.body)), want) {
				t.Errorf("%s is %s without %s", path, page.header.Get("Content-Type"), want)
			}
		}
		errorsPage := string(nobody.get(t, "/docs/errors").body)
		var listed []string
		for _, e := range read[client.ErrorCatalogue](t, nobody.get(t, "/v1/errors").want(t, 200)).Items {
			listed = append(listed, e.Code)
			if !strings.Contains(errorsPage, `id="`+e.Code+`"`) || e.Status < 400 || e.Title == "" || e.Advice == "" {
				t.Errorf("the page does not explain %+v", e)
			}
		}
		var want []string
		for _, info := range domain.Catalogue() {
			want = append(want, string(info.Code))
		}
		if diff := cmp.Diff(want, listed); diff != "" {
			t.Errorf("codes (-want +got):\n%s", diff)
		}
	})
}

func TestAbout_RequestsHaveAnIDThatTheLogKnows(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		for id, kept := range map[string]bool{
			"mine": true, "A-z_0.9": true, strings.Repeat("x", 64): true,
			"": false, strings.Repeat("x", 65): false, "a b": false, "é": false, "a\tb": false, "a/b": false, `"`: false,
		} {
			for _, got := range []answer{
				a.as("alice").post(t, "/v1/messages", text("bob", "hi"), "X-Request-Id: "+id),
				a.as("alice").post(t, "/v1/messages", text("ghost", "hi"), "X-Request-Id: "+id),
			} {
				shown := got.header.Get("X-Request-Id")
				if (shown == id) != kept || shown == "" || len(shown) > 64 {
					t.Errorf("%q becomes %q", id, shown)
				}
				if got.status == 404 && read[client.Problem](t, got).RequestId != shown {
					t.Errorf("the problem names another request: %s", got.body)
				}
			}
		}
		for _, parent := range []string{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "garbage", strings.Repeat("x", 3000)} {
			a.as("alice").post(t, "/v1/messages", text("bob", "hi"), "traceparent: "+parent).want(t, 201)
		}
	})
}

func TestAbout_ActingForAUserNeedsOneThatIsThere(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		alice, _ := a.onDevice(t, "alice")
		a.as("ghost").get(t, "/v1/users/me").refused(t, 404, "user_not_found")
		a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
			a.as("ghost").post(t, "/v1/messages", text("bob", "hi")).refused(t, 404, "user_not_found")
		})
		for _, c := range []caller{a.as("alice"), alice, {g, alice.credential, "alice"}} {
			if got := read[client.User](t, c.get(t, "/v1/users/me").want(t, 200)); got.UserId != "alice" {
				t.Errorf("me is %s", got.UserId)
			}
		}
		// What only the business may do, it may do in a user's name too.
		a.as("alice").get(t, "/v1/users").want(t, 200)
	})
}

func TestRateLimit_SaysWhenToComeBackAndChangesNothing(t *testing.T) {
	t.Parallel()
	clock := &stoppedClock{now: domain.SystemClock{}.Now()}
	g := gimtest.Start(t, gimtest.Options{Clock: clock, Configure: func(c *config.Config) { c.RateLimitSends = 2 }})
	a := newApp(t, g, "alice", "bob")
	hi := func(n int) object { return with(text("bob", fmt.Sprint(n)), "client_msg_id", fmt.Sprint(n)) }
	for i := range 4 { // bursts of twice the rate
		a.as("alice").post(t, "/v1/messages", hi(i)).want(t, 201)
	}
	a.changesNothing(t, []string{"alice", "bob"}, nil, func() {
		got := a.as("alice").post(t, "/v1/messages", hi(4))
		if p := got.refused(t, 429, "rate_limited"); !p.Retryable {
			t.Errorf("not retryable: %s", got.body)
		}
		want := map[string]string{"Retry-After": "1", "RateLimit": `"sends";r=0;t=1`, "RateLimit-Policy": `"sends";q=4;w=2`}
		for name, value := range want {
			if got := got.header.Get(name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
		token := a.with(a.token(t, "alice", object{}).Token) // the user is limited, not the credential
		token.post(t, "/v1/messages", hi(4)).refused(t, 429, "rate_limited")
		token.post(t, "/v1/messages", with(hi(4), "persist", false)).refused(t, 429, "rate_limited")
		a.as("alice").get(t, "/v1/sync").want(t, 200)
	})
	a.as("bob").post(t, "/v1/messages", text("alice", "hi")).want(t, 201) // each has its own
	for range 6 {
		a.back().post(t, "/v1/messages", text("bob", "hi")).want(t, 201) // the business has none
	}
	clock.advance()
	a.as("alice").post(t, "/v1/messages", hi(4)).want(t, 201)
}

// A group and an app are limited by what is delivered, whoever sends.
func TestRateLimit_OfDeliveriesSaysWhenToComeBackAndChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit           func(c *config.Config)
		policy, say     string
		single, another int // status of what others send meanwhile
	}{
		"group": {func(c *config.Config) { c.RateLimitGroup = 5 }, `"group-deliveries";r=0;t=1`, "This group", 201, 201},
		"app":   {func(c *config.Config) { c.RateLimitApp = 5 }, `"app-deliveries";r=0;t=1`, "This app", 429, 429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &stoppedClock{now: domain.SystemClock{}.Now()}
			g := gimtest.Start(t, gimtest.Options{Clock: clock, Configure: c.limit})
			a := newApp(t, g, "alice", "bob", "carol", "stranger")
			a.newGroup(t, "team", "alice", "bob", "carol")
			a.newGroup(t, "other", "alice", "bob")
			a.as("stranger").post(t, "/v1/messages", groupText("team", "hi")).refused(t, 403, "not_in_group") // which costs the group nothing
			hi := with(groupText("team", "hi"), "client_msg_id", "2")
			for _, by := range []string{"alice", "bob", "alice"} { // bursts of twice the rate
				a.as(by).post(t, "/v1/messages", groupText("team", "hi")).want(t, 201)
			}
			a.changesNothing(t, []string{"alice", "bob", "carol"}, []string{"team"}, func() {
				for _, by := range []caller{a.as("alice"), a.as("carol"), a.back()} {
					got := by.post(t, "/v1/messages", hi)
					if p := got.refused(t, 429, "rate_limited"); !p.Retryable || !strings.Contains(p.Detail, c.say) {
						t.Errorf("the refusal is %s", got.body)
					}
					if h := got.header; h.Get("Retry-After") != "1" || h.Get("RateLimit") != c.policy {
						t.Errorf("the headers are %v", h)
					}
				}
				a.back().post(t, "/v1/messages", with(hi, "persist", false)).refused(t, 429, "rate_limited")
			})
			a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, c.single)
			a.as("alice").post(t, "/v1/messages", groupText("other", "hi")).want(t, c.another)
			clock.advance()
			a.as("alice").post(t, "/v1/messages", hi).want(t, 201)
		})
	}
}

func TestMessagesHaveNoFieldsThatAreNotInTheContract(t *testing.T) {
	onBackends(t, func(t *testing.T, g *gimtest.Gim) {
		a := newApp(t, g, "alice", "bob")
		a.as("alice").post(t, "/v1/messages", text("bob", "hi")).want(t, 201)
		var page struct{ Items []map[string]json.RawMessage }
		if err := json.Unmarshal(a.as("bob").get(t, "/v1/sync").body, &page); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"seq", "message_id", "conversation_id", "conversation_seq", "sender", "to", "type", "content", "mentions", "sent_at", "status"} {
			if page.Items[0][name] == nil {
				t.Errorf("no %s in %v", name, page.Items[0])
			}
			delete(page.Items[0], name)
		}
		if len(page.Items[0]) > 0 {
			t.Errorf("more than the contract says: %v", page.Items[0])
		}
	})
}
