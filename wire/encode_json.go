package wire

import (
	"strconv"
	"time"
)

func appendItemsJSON(dst []byte, items []Item) []byte {
	dst = append(dst, '[')
	for i, it := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = it.Body.AppendJSON(dst, it.Seq, it.conversationID())
	}
	return append(dst, ']')
}

func appendSyncPageJSON(dst []byte, id uint64, items []Item, rest *SyncPage) []byte {
	dst = appendID(dst, id)
	dst = append(dst, `"sync_page":{"items":`...)
	dst = appendItemsJSON(dst, items)
	dst = appendBool(dst, `,"has_more":`, rest.GetHasMore())
	dst = appendInt(dst, `,"first_seq":`, rest.GetFirstSeq())
	dst = appendInt(dst, `,"head_seq":`, rest.GetHeadSeq())
	if rest.GetGroupId() != "" {
		dst = appendField(dst, `,"group_id":`, rest.GetGroupId())
		return append(dst, "}}"...)
	}
	dst = appendField(dst, `,"epoch":`, rest.GetEpoch())
	return append(dst, "}}"...)
}

func appendFrameJSON(dst []byte, f *ServerFrame) []byte {
	dst = appendID(dst, f.GetId())
	switch b := f.GetBody().(type) {
	case *ServerFrame_SignedIn:
		dst = appendSignedIn(dst, b.SignedIn)
	case *ServerFrame_Pong:
		dst = appendInt(dst, `"pong":{"head_seq":`, b.Pong.GetHeadSeq())
	case *ServerFrame_Acked:
		dst = appendAcked(dst, b.Acked)
	case *ServerFrame_Sent:
		dst = appendSent(dst, b.Sent)
	case *ServerFrame_Error:
		dst = appendError(dst, b.Error)
	case *ServerFrame_Closing:
		dst = appendInt(dst, `"closing":{"code":`, int64(b.Closing.GetCode()))
		dst = appendField(dst, `,"reason":`, b.Closing.GetReason())
		dst = appendInt(dst, `,"reconnect_after_ms":`, b.Closing.GetReconnectAfterMs())
	case *ServerFrame_Signal:
		dst = appendSignalJSON(dst, b.Signal)
	case *ServerFrame_Signaled:
		dst = append(dst, `"signaled":{`...)
	case *ServerFrame_Subscribed:
		dst = appendField(dst, `"subscribed":{"group_id":`, b.Subscribed.GetGroupId())
		dst = appendInt(dst, `,"head":`, b.Subscribed.GetHead())
	case *ServerFrame_Unsubscribed:
		dst = appendField(dst, `"unsubscribed":{"group_id":`, b.Unsubscribed.GetGroupId())
	case *ServerFrame_Presence:
		dst = appendPresence(dst, b.Presence)
	case *ServerFrame_Refreshed:
		dst = append(dst, `"refreshed":{"expires_at":`...)
		dst = appendMillis(dst, b.Refreshed.GetExpiresAt())
	case *ServerFrame_Push:
		dst = append(dst, `"push":{"messages":[]`...)
	case *ServerFrame_SyncPage:
		dst = append(dst, `"sync_page":{"items":[]`...)
	}
	return append(dst, "}}"...)
}

func appendSignedIn(dst []byte, b *SignedIn) []byte {
	dst = appendField(dst, `"signed_in":{"user_id":`, b.GetUserId())
	dst = appendField(dst, `,"device_id":`, b.GetDeviceId())
	dst = appendField(dst, `,"session_id":`, b.GetSessionId())
	dst = appendInt(dst, `,"first_seq":`, b.GetFirstSeq())
	dst = appendInt(dst, `,"head_seq":`, b.GetHeadSeq())
	dst = appendField(dst, `,"epoch":`, b.GetEpoch())
	dst = appendInt(dst, `,"heartbeat_ms":`, b.GetHeartbeatMs())
	dst = appendInt(dst, `,"max_frame_bytes":`, b.GetMaxFrameBytes())
	dst = append(dst, `,"groups":[`...)
	for i, g := range b.GetGroups() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, `{"group_id":`, g.GetGroupId())
		dst = appendInt(dst, `,"head":`, g.GetHead())
		dst = appendInt(dst, `,"acked":`, g.GetAcked())
		dst = append(appendInt(dst, `,"unread":`, g.GetUnread()), '}')
	}
	return append(dst, ']')
}

func appendAcked(dst []byte, b *Acked) []byte {
	if b.GetGroupId() == "" {
		return appendInt(dst, `"acked":{"seq":`, b.GetSeq())
	}
	dst = appendField(dst, `"acked":{"group_id":`, b.GetGroupId())
	return appendInt(dst, `,"conversation_seq":`, b.GetConversationSeq())
}

// appendSent writes what the REST API answers to a send, but for the braces.
func appendSent(dst []byte, b *Sent) []byte {
	dst = appendField(dst, `"sent":{"message_id":`, b.GetMessageId())
	if b.GetDurable() {
		dst = appendField(dst, `,"conversation_id":`, b.GetConversationId())
		dst = appendInt(dst, `,"conversation_seq":`, b.GetConversationSeq())
		dst = appendInt(dst, `,"seq":`, b.GetSeq())
	}
	dst = append(dst, `,"sent_at":`...)
	dst = appendMillis(dst, b.GetSentAt())
	if !b.GetDurable() {
		dst = append(dst, `,"durable":false`...)
	}
	return dst
}

func appendError(dst []byte, b *Error) []byte {
	dst = appendField(dst, `"error":{"code":`, b.GetCode())
	dst = appendField(dst, `,"message":`, b.GetMessage())
	dst = appendBool(dst, `,"retryable":`, b.GetRetryable())
	if b.GetRetryAfterMs() > 0 {
		dst = appendInt(dst, `,"retry_after_ms":`, b.GetRetryAfterMs())
	}
	return dst
}

func appendSignalJSON(dst []byte, b *PushedSignal) []byte {
	dst = appendField(dst, `"signal":{"conversation_id":`, b.GetConversationId())
	dst = appendSender(dst, b.GetSender().GetType(), b.GetSender().GetUserId(), b.GetSender().GetDeviceId())
	dst = appendField(dst, `,"kind":`, b.GetKind())
	dst = append(dst, `,"data":`...)
	dst = append(dst, b.GetData()...)
	dst = append(dst, `,"sent_at":`...)
	return appendMillis(dst, b.GetSentAt())
}

func appendPresence(dst []byte, b *Presence) []byte {
	dst = append(dst, `"presence":{"items":[`...)
	for i, u := range b.GetItems() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, `{"user_id":`, u.GetUserId())
		switch {
		case u.Online == nil:
			dst = append(dst, `,"online":null`...)
		default:
			dst = appendBool(dst, `,"online":`, u.GetOnline())
		}
		dst = append(dst, `,"devices":[`...)
		for j, d := range u.GetDevices() {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendField(dst, `{"device_id":`, d.GetDeviceId())
			dst = appendField(dst, `,"type":`, d.GetType())
			dst = append(appendField(dst, `,"transport":`, d.GetTransport()), '}')
		}
		dst = append(dst, `],"last_seen_at":`...)
		if u.GetLastSeenAt() == 0 {
			dst = append(dst, `null}`...)
			continue
		}
		dst = append(appendMillis(dst, u.GetLastSeenAt()), '}')
	}
	return append(dst, ']')
}

// appendMillis writes a time of a frame as JSON has it.
func appendMillis(dst []byte, millis int64) []byte {
	return append(appendTime(append(dst, '"'), time.UnixMilli(millis)), '"')
}

// appendID begins a frame; one that nobody asked for has no id.
func appendID(dst []byte, id uint64) []byte {
	if id == 0 {
		return append(dst, '{')
	}
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	return append(dst, ',')
}

func appendInt(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(dst, name...), n, 10)
}

func appendBool(dst []byte, name string, b bool) []byte {
	return strconv.AppendBool(append(dst, name...), b)
}
