package wire

import (
	"strconv"
	"time"

	"github.com/gim-im/gim/domain"
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

func appendSyncPageJSON(dst []byte, id uint64, items []Item, page domain.LogPage) []byte {
	dst = appendID(dst, id)
	dst = append(dst, `"sync_page":{"items":`...)
	dst = appendItemsJSON(dst, items)
	dst = appendBool(dst, `,"has_more":`, page.HasMore)
	dst = appendInt(dst, `,"first_seq":`, page.First)
	dst = appendInt(dst, `,"head_seq":`, page.Head)
	dst = appendField(dst, `,"epoch":`, page.Epoch)
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
		dst = appendInt(dst, `"acked":{"seq":`, b.Acked.GetSeq())
	case *ServerFrame_Sent:
		dst = appendSent(dst, b.Sent)
	case *ServerFrame_Error:
		dst = appendError(dst, b.Error)
	case *ServerFrame_Closing:
		dst = appendInt(dst, `"closing":{"code":`, int64(b.Closing.GetCode()))
		dst = appendField(dst, `,"reason":`, b.Closing.GetReason())
		dst = appendInt(dst, `,"reconnect_after_ms":`, b.Closing.GetReconnectAfterMs())
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
	return appendInt(dst, `,"max_frame_bytes":`, b.GetMaxFrameBytes())
}

// appendSent writes what the REST API answers to a send, but for the braces.
func appendSent(dst []byte, b *Sent) []byte {
	dst = appendField(dst, `"sent":{"message_id":`, b.GetMessageId())
	if b.GetDurable() {
		dst = appendField(dst, `,"conversation_id":`, b.GetConversationId())
		dst = appendInt(dst, `,"conversation_seq":`, b.GetConversationSeq())
		dst = appendInt(dst, `,"seq":`, b.GetSeq())
	}
	dst = append(dst, `,"sent_at":"`...)
	dst = appendTime(dst, time.UnixMilli(b.GetSentAt()))
	dst = append(dst, '"')
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
