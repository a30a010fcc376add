package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gim-im/gim/client"
)

// api is the REST side of a run, with the key of the app.
type api struct {
	rest *client.ClientWithResponses
}

// maxRESTConns bounds the kept connections of a run.
const maxRESTConns = 1024

func newAPI(url, appKey string) (*api, error) {
	transport := &http.Transport{MaxIdleConns: maxRESTConns, MaxIdleConnsPerHost: maxRESTConns}
	rest, err := client.NewClientWithResponses(url,
		client.WithHTTPClient(&http.Client{Timeout: 30 * time.Second, Transport: transport}),
		client.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
			req.Header.Set("Authorization", "Bearer "+appKey)
			return nil
		}))
	return &api{rest: rest}, err
}

// answer is what all generated answers have in common.
type answer interface {
	StatusCode() int
	GetBody() []byte
	GetApplicationproblemJSONDefault() *client.Problem
}

// refused turns anything but success into an error that a person can act on.
func refused(what string, got answer, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if got.StatusCode() < 300 {
		return nil
	}
	if p := got.GetApplicationproblemJSONDefault(); p != nil {
		return fmt.Errorf("%s: %s: %s%s", what, p.Code, detail(p), hint(p.Code))
	}
	return fmt.Errorf("%s: status %d: %.200s", what, got.StatusCode(), got.GetBody())
}

// detail is what a problem says, with the part of the request that it means.
func detail(p *client.Problem) string {
	text := p.Detail
	if p.Errors != nil {
		for _, e := range *p.Errors {
			text += fmt.Sprintf(" (%s %s)", e.Pointer, e.Detail)
		}
	}
	return text
}

// hint says what to do about refusals that load runs into.
func hint(code string) string {
	if code == "rate_limited" {
		return " Start the server with --rate-limit-sends=0, and without the other rate limits, for a measurement."
	}
	return ""
}

func (a *api) createUsers(ctx context.Context, ids []string) error {
	for part := range slices.Chunk(ids, 1000) {
		users := make([]client.UserWithID, len(part))
		for i, id := range part {
			users[i] = client.UserWithID{UserId: id}
		}
		got, err := a.rest.PutUsersWithResponse(ctx, nil, client.PutUsersRequest{Users: users})
		if err := refused("create users", got, err); err != nil {
			return err
		}
	}
	return nil
}

// createGroup makes a group, whose owner is the first of its members.
func (a *api) createGroup(ctx context.Context, id string, members []string, kind client.GroupType) error {
	got, err := a.rest.CreateGroupWithResponse(ctx, nil, client.CreateGroupRequest{GroupId: &id, Members: &members, Type: &kind})
	return refused(fmt.Sprintf("create a group of %d members", len(members)), got, err)
}

func (a *api) addMembers(ctx context.Context, group string, users []string) error {
	got, err := a.rest.AddMembersWithResponse(ctx, group, nil, client.AddMembersRequest{UserIds: users})
	return refused(fmt.Sprintf("add %d members to a group", len(users)), got, err)
}

// outgoing is a message to send.
type outgoing struct {
	user, group string // exactly one
	content     json.RawMessage
	id          string // client_msg_id; "" for none
	passing     bool   // not stored
}

// send sends m as a user, or as the business where from is "". It returns the
// message's place in its conversation, 0 when it is not stored.
func (a *api) send(ctx context.Context, from string, m outgoing) (conv int64, err error) {
	body := client.SendMessageRequest{Type: client.Text, Content: m.content}
	if m.user != "" {
		body.To.UserId = &m.user
	} else {
		body.To.GroupId = &m.group
	}
	if m.id != "" {
		body.ClientMsgId = &m.id
	}
	if m.passing {
		persist := false
		body.Persist = &persist
	}
	var params client.SendMessageParams
	if from != "" {
		params.GimUser = &from
	}
	got, err := a.rest.SendMessageWithResponse(ctx, &params, body)
	if err := refused("send", got, err); err != nil {
		return 0, err
	}
	if got.JSON201 != nil {
		return got.JSON201.ConversationSeq, nil
	}
	if !m.passing {
		return 0, fmt.Errorf("send: status %d, want 201", got.StatusCode())
	}
	return 0, nil
}

// sync reads a page of a user's log.
func (a *api) sync(ctx context.Context, user string, after int64, limit int) (*client.SyncPage, error) {
	got, err := a.rest.SyncWithResponse(ctx, &client.SyncParams{GimUser: &user, After: &after, Limit: &limit})
	if err := refused("sync", got, err); err != nil {
		return nil, err
	}
	if got.JSON200 == nil {
		return nil, fmt.Errorf("sync: status %d, want 200", got.StatusCode())
	}
	return got.JSON200, nil
}
