package wire

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Item is a message as one receiver reads it.
type Item struct {
	Seq      int64 // entry in the receiver's log; 0 when the message is not stored
	IsSender bool  // the receiver sent it
	Body     *Body
}

// Numbers of the fields that are written by hand, as in gim.proto.
const (
	fieldFrameID       protowire.Number = 1
	fieldFrameSyncPage protowire.Number = 4
	fieldFramePush     protowire.Number = 8
	fieldItems         protowire.Number = 1 // of Push and of SyncPage
)

// AppendFrame appends a frame to a client. Pushes and pages are written by
// AppendPush and AppendSyncPage, which share encodings; here they are empty.
func AppendFrame(dst []byte, enc Encoding, f *ServerFrame) []byte {
	switch enc {
	case JSON:
		return appendFrameJSON(dst, f)
	case EventStream:
		return appendEvent(dst, f)
	}
	// Strings that are not UTF-8 are the only failure, and cannot get here.
	out, err := proto.MarshalOptions{}.MarshalAppend(dst, f)
	if err != nil {
		return dst
	}
	return out
}

// AppendClosing appends the frame that says why the connection ends, or is about
// to. reconnectAfter is how long the client should stay away; 0 says nothing.
func AppendClosing(dst []byte, enc Encoding, code CloseCode, reconnectAfter time.Duration) []byte {
	return AppendFrame(dst, enc, &ServerFrame{Body: &ServerFrame_Closing{&Closing{
		Code: int32(code), Reason: code.String(), ReconnectAfterMs: reconnectAfter.Milliseconds(),
	}}})
}

// AppendPush appends a push of items, which are in the order of their seq.
func AppendPush(dst []byte, enc Encoding, items []Item) []byte {
	switch enc {
	case JSON:
		dst = append(dst, `{"push":{"messages":`...)
		dst = appendItemsJSON(dst, items)
		return append(dst, "}}"...)
	case EventStream:
		return appendPushEvent(dst, items)
	}
	dst = protowire.AppendTag(dst, fieldFramePush, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(sizeItems(items))) //nolint:gosec // not negative
	return appendItemsProto(dst, items)
}

// AppendSyncPage appends the answer to a sync; rest is the page without its items.
func AppendSyncPage(dst []byte, enc Encoding, id uint64, items []Item, rest *SyncPage) []byte {
	if enc == JSON {
		return appendSyncPageJSON(dst, id, items, rest)
	}
	if id != 0 {
		dst = protowire.AppendTag(dst, fieldFrameID, protowire.VarintType)
		dst = protowire.AppendVarint(dst, id)
	}
	dst = protowire.AppendTag(dst, fieldFrameSyncPage, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(sizeItems(items)+proto.Size(rest))) //nolint:gosec // not negative
	dst = appendItemsProto(dst, items)
	out, err := proto.MarshalOptions{}.MarshalAppend(dst, rest)
	if err != nil { // an epoch that is not UTF-8, which no store makes
		return dst
	}
	return out
}

func sizeItems(items []Item) (size int) {
	for _, it := range items {
		size += protowire.SizeTag(fieldItems) + protowire.SizeBytes(it.Body.sizeProto(it.Seq, it.conversationID()))
	}
	return size
}

func appendItemsProto(dst []byte, items []Item) []byte {
	for _, it := range items {
		name := it.conversationID()
		dst = protowire.AppendTag(dst, fieldItems, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(it.Body.sizeProto(it.Seq, name))) //nolint:gosec // not negative
		dst = it.Body.AppendProto(dst, it.Seq, name)
	}
	return dst
}

func (it Item) conversationID() string { return it.Body.ConversationID(it.IsSender) }
