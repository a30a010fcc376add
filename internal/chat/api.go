package chat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gim-im/gim/client"
)

// historyPage is how many messages are read at a time.
const historyPage = 50

// membersShown bounds how many members of a group are looked at.
const membersShown = 100

// newAPI returns a client of the REST API.
func newAPI(url string, bearer func(context.Context) (string, error)) (*client.ClientWithResponses, error) {
	return client.NewClientWithResponses(strings.TrimSuffix(url, "/"),
		client.WithHTTPClient(&http.Client{Timeout: restTimeout}),
		client.WithRequestEditorFn(func(ctx context.Context, r *http.Request) error {
			token, err := bearer(ctx)
			if err == nil {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			return err
		}))
}

// isCode reports whether err is that refusal.
func isCode(err error, code string) bool {
	refused, ok := errors.AsType[*client.Error](err)
	return ok && refused.Code == code
}

// again calls once more, with a new token, when the token was refused.
func (s *Session) again(ctx context.Context, call func() error) error {
	err := call()
	if !isCode(err, "unauthorized") {
		return err
	}
	if _, fresh := s.credentials.fresh(ctx); fresh != nil {
		return err
	}
	return call()
}

// settleDevice finds the device to connect as. It returns the id to sign in with
// where the token names none; while a state is kept, it registers one for that.
func (s *Session) settleDevice(ctx context.Context, bound string) (string, error) {
	if bound != "" {
		s.state.DeviceID = bound
		return "", nil
	}
	if s.state.DeviceID != "" {
		known, err := s.api.GetDeviceWithResponse(ctx, s.state.DeviceID, nil)
		if !isCode(client.Check(known, err), "device_not_found") {
			return s.state.DeviceID, nil // other trouble shows when it signs in
		}
		s.state.DeviceID = ""
	}
	if s.store.path == "" {
		return "", nil
	}
	made, err := s.api.RegisterDeviceWithResponse(ctx, nil, *thisDevice())
	if err := client.Check(made, err); err != nil {
		return "", fmt.Errorf("register this device: %w", err)
	}
	s.state.DeviceID = made.JSON201.DeviceId
	return s.state.DeviceID, nil
}

func (s *Session) readHistory(ctx context.Context, id string, before int64) (page *client.MessagePage, err error) {
	limit := historyPage
	params := &client.ListMessagesParams{Limit: &limit}
	if before > 0 {
		params.Before = &before
	}
	err = s.again(ctx, func() error {
		got, err := s.api.ListMessagesWithResponse(ctx, id, params)
		if err := client.Check(got, err); err != nil {
			return err
		}
		page = got.JSON200
		return nil
	})
	return page, err
}

// readGroup returns the name of a group and, in order, the ids of its members: of
// a large group not all.
func (s *Session) readGroup(ctx context.Context, group string) (name string, members []string, err error) {
	err = s.again(ctx, func() error {
		got, err := s.api.GetGroupWithResponse(ctx, group, nil)
		if err := client.Check(got, err); err != nil {
			return err
		}
		name = got.JSON200.Name
		limit := membersShown
		list, err := s.api.ListMembersWithResponse(ctx, group, &client.ListMembersParams{Limit: &limit})
		if err := client.Check(list, err); err != nil {
			return err
		}
		members = nil
		for _, m := range list.JSON200.Items {
			members = append(members, m.UserId)
		}
		return nil
	})
	return name, members, err
}
