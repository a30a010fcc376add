// Package domain is what gim knows about chat and nothing about how it is
// stored or spoken: the types, the rules that make a request acceptable, the
// errors a caller may meet, the use cases and the interfaces they need.
//
// It imports the standard library only. Adapters (repo, handlers, the gateways)
// depend on it, never the reverse, and meet one another only through it.
//
// # Outside ids and inside numbers
//
// Businesses name apps, users, groups and devices with strings ([AppID],
// [UserID], [GroupID], [DeviceID]). The store gives apps, users and
// conversations a number ([AppNum], [UserNum], [ConversationNum]) that is
// narrow and never reused: a user who is deleted and made again gets another
// number, and with it another log. Ids travel to the outside, numbers do not.
//
// Everything here is safe for concurrent use unless it says otherwise.
package domain
