package domain

import "time"

// Limits of the service. openapi.yaml and docs/protocol.md state the same
// figures, and a test compares them.
const (
	MaxBodyBytes         = 256 << 10           // of a request body
	MaxContentBytes      = 64 << 10            // of a message's content, as compact JSON
	MaxExtraBytes        = 16 << 10            // of an extra object, as compact JSON
	MaxMentions          = 100                 // of a message
	MaxClientMsgID       = 64                  // characters
	MaxSignalBytes       = 4 << 10             // of a signal's data, as compact JSON
	MaxSignalKind        = 32                  // characters
	MaxName              = 128                 // characters of a nickname, a group's or an app's name
	MaxText              = 1024                // characters of an introduction, an address, a label
	MaxPageSize          = 200                 // entries of a page
	DefaultPageSize      = 50                  // entries of a page, unless asked otherwise
	MaxPageBytes         = 1 << 20             // of message content in one page of sync or history
	MaxSyncWait          = 30 * time.Second    // of a long poll
	MaxVisibleWait       = 5 * time.Second     // until what was written elsewhere can be read here
	MaxUserBatch         = 1000                // users of one batch
	MaxMemberBatch       = 500                 // users added to a group by one call
	MaxGroupMembers      = 500                 // of a normal group, unless the app says otherwise
	MaxLargeGroupMembers = 100_000             // of a large group, unless the app says otherwise
	MaxDevicesPerUser    = 1000                // registered, unless the app says otherwise
	MaxBlocks            = 10_000              // users that a user blocks
	MaxContacts          = 10_000              // contacts and requests of a user
	MaxPresenceUsers     = 500                 // of one presence query, and watched by one connection
	MaxPresenceDevices   = 100                 // of a user, named by one answer about its presence
	MaxTokenTTL          = 30 * 24 * time.Hour // between iat and exp
	DefaultTokenTTL      = 24 * time.Hour      // of tokens that gim mints
	TokenLeeway          = 60 * time.Second    // tolerated difference of clocks
	MinIdempotencyLife   = 7 * 24 * time.Hour  // of a client_msg_id
)
