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

// api is the REST side of a run.
type api struct {
	url  string
	rest *client.ClientWithResponses
}

func newAPI(url, appKey string) (*api, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1024}
	rest, err := client.NewClientWithResponses(url,
		client.WithHTTPClient(&http.Client{Timeout: 30 * time.Second, Transport: transport}),
		client.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
			req.Header.Set("Authorization", "Bearer "+appKey)
			return nil
		}))
	return &api{url: url, rest: rest}, err
}

func (a *api) createUsers(ctx context.Context, ids []string) error {
	for part := range slices.Chunk(ids, 1000) {
		users := make([]client.UserWithID, len(part))
		for i, id := range part {
			users[i] = client.UserWithID{UserId: id}
		}
		answer, err := a.rest.PutUsersWithResponse(ctx, nil, client.PutUsersRequest{Users: users})
		if err != nil {
			return fmt.Errorf("create users: %w", err)
		}
		if answer.StatusCode() != http.StatusOK {
			return fmt.Errorf("create users: %s", answer.Body)
		}
	}
	return nil
}

// connect opens a connection for a user, live from now on.
func (a *api) connect(ctx context.Context, user string) (*client.Conn, error) {
	answer, err := a.rest.CreateTokenWithResponse(ctx, user, nil, client.CreateTokenRequest{})
	if err != nil {
		return nil, fmt.Errorf("mint token: %w", err)
	}
	if answer.JSON201 == nil {
		return nil, fmt.Errorf("mint token: %s", answer.Body)
	}
	conn, err := client.Dial(ctx, a.url)
	if err != nil {
		return nil, err
	}
	_, err = conn.SignIn(ctx, answer.JSON201.Token, nil)
	return conn, err
}

func (a *api) send(ctx context.Context, from, to string, content json.RawMessage) error {
	answer, err := a.rest.SendMessageWithResponse(ctx, &client.SendMessageParams{GimUser: &from}, client.SendMessageRequest{
		To: client.Target{UserId: &to}, Type: client.Text, Content: content,
	})
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if answer.StatusCode() != http.StatusCreated {
		return fmt.Errorf("send: %s", answer.Body)
	}
	return nil
}
