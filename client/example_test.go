package client_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/gim-im/gim/client"
	"github.com/gim-im/gim/wire"
)

// A back end creates users and writes in the name of one of them.
func ExampleNewREST() {
	ctx := context.Background()
	rest, err := client.NewREST(os.Getenv("GIM_URL"), os.Getenv("GIM_APP_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	users := []client.UserWithID{{UserId: "alice"}, {UserId: "bob"}}
	created, err := rest.PutUsersWithResponse(ctx, nil, client.PutUsersRequest{Users: users})
	if err := client.Check(created, err); err != nil {
		log.Fatal(err)
	}
	alice, bob := "alice", "bob"
	sent, err := rest.SendMessageWithResponse(ctx, &client.SendMessageParams{GimUser: &alice}, client.SendMessageRequest{
		To: client.Target{UserId: &bob}, Type: "text", Content: []byte(`{"text":"hi bob"}`),
	})
	if err := client.Check(sent, err); err != nil {
		log.Fatal(err)
	}
	fmt.Println("in conversation", sent.JSON201.ConversationId)
	// Output: in conversation user:bob
}

// An app reads its user's log, and answers.
func ExampleStream() {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	greeted := make(chan struct{})
	stream, err := client.NewStream(client.StreamOptions{
		Address: os.Getenv("GIM_URL"), // or tcp://host:7272
		Token:   tokenFromYourBackEnd,
		Cursor:  &client.Cursor{}, // the one that was stored; this is the beginning
		Handler: client.Handler{
			Messages: func(ctx context.Context, page []*wire.Message) error {
				for _, m := range page { // store them and the cursor in one transaction
					fmt.Printf("%d %s: %s\n", m.GetSeq(), m.GetSender().GetUserId(), m.GetContent())
				}
				if page[0].GetSeq() == 1 {
					close(greeted)
				} else {
					leave()
				}
				return nil
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		<-greeted
		if _, err := stream.Send(ctx, &wire.Send{
			To: &wire.Target{UserId: "dave"}, Type: "text", Content: []byte(`{"text":"hi dave"}`),
		}); err != nil {
			log.Print(err)
		}
	}()
	if err := stream.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 dave: {"text":"hi carol"}
	// 2 carol: {"text":"hi dave"}
}

// Erin learns what is unread and reads it.
func ExampleClientWithResponses_Conversations() {
	ctx := context.Background()
	rest, err := client.NewREST(os.Getenv("GIM_URL"), os.Getenv("GIM_APP_KEY"), client.ActAs("erin"))
	if err != nil {
		log.Fatal(err)
	}
	list, err := rest.Conversations(ctx, "") // all of them
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range list.Items {
		fmt.Println(c.ConversationId, "has", c.Unread, "unread")
		if _, err := rest.MarkRead(ctx, c.ConversationId, c.LastSeq); err != nil {
			log.Fatal(err)
		}
	}
	list, err = rest.Conversations(ctx, list.Changes) // what has changed since
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(list.Items), "changed,", list.TotalUnread, "unread")
	// Output:
	// user:frank has 1 unread
	// 1 changed, 0 unread
}

// An app heeds what becomes of messages.
func ExampleChangeOf() {
	handler := client.Handler{
		Messages: func(_ context.Context, page []*wire.Message) error {
			for _, m := range page {
				switch change := client.ChangeOf(m); {
				case change == nil:
					fmt.Printf("message %d: %s\n", m.GetConversationSeq(), m.GetContent())
				case change.Recalled, change.Deleted:
					fmt.Println("message", change.MessageSeq, "is gone")
				case change.Reaction != "":
					fmt.Println("message", change.MessageSeq, "has", change.Count, change.Reaction)
				case change.Content != nil: // else a later entry has it
					fmt.Printf("message %d: %s\n", change.MessageSeq, change.Content)
				}
			}
			return nil
		},
		Signal: func(_ context.Context, s *wire.PushedSignal) {
			if seq, ok := client.PositionOf(s); ok {
				fmt.Println(s.GetSender().GetUserId(), s.GetKind(), "up to", seq)
			}
		},
	}
	listenAsGrace(handler) // or client.NewStream, as above
	// Output:
	// message 1: {"text":"secret"}
	// message 1: {"text":"harmless"}
	// message 1 has 1 👍
	// message 1 is gone
}
