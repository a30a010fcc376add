package domain

import "testing"

func TestPositions_AreThoseOfTheCaller(t *testing.T) {
	t.Parallel()
	told := func(conversation ConversationNum, seq int64, to ...Recipient) Delivery {
		return Delivery{Message: &Message{Conversation: conversation, ConversationSeq: seq}, To: to}
	}
	large := told(7, 9)
	large.Group = 7
	const me, other = 1, 2
	for name, tt := range map[string]struct {
		caller               UserNum
		told                 []Delivery
		seq, conversationSeq int64
	}{
		"nothing":                 {me, nil, 0, 0},
		"one":                     {me, []Delivery{told(7, 3, Recipient{User: other, Seq: 8}, Recipient{User: me, Seq: 5})}, 5, 3},
		"the last of two":         {me, []Delivery{told(7, 3, Recipient{User: me, Seq: 5}), told(7, 4, Recipient{User: me, Seq: 6})}, 6, 4},
		"another's beside it":     {me, []Delivery{told(8, 4, Recipient{User: other, Seq: 9}), told(7, 3, Recipient{User: me, Seq: 5})}, 5, 3},
		"only another's":          {me, []Delivery{told(8, 4, Recipient{User: other, Seq: 9})}, 0, 0},
		"of a large group":        {me, []Delivery{large}, 0, 9},
		"of several":              {me, []Delivery{told(7, 3, Recipient{User: me, Seq: 5}), told(8, 3, Recipient{User: me, Seq: 6})}, 6, 0},
		"of the business":         {0, []Delivery{told(7, 3, Recipient{User: me, Seq: 5})}, 0, 3},
		"of the business several": {0, []Delivery{told(7, 3, Recipient{User: me, Seq: 5}), told(8, 3)}, 0, 0},
	} {
		made := Positions{Caller: tt.caller}
		NoteMade(WithPositions(t.Context(), &made), tt.told)
		if made.Seq() != tt.seq || made.ConversationSeq() != tt.conversationSeq {
			t.Errorf("%s: %d and %d, want %d and %d", name, made.Seq(), made.ConversationSeq(), tt.seq, tt.conversationSeq)
		}
	}
	NoteMade(t.Context(), []Delivery{large}) // nobody asks
}
