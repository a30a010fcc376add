package wire

// A frame on an event stream is an event of Server-Sent Events: named as its body
// is in JSON, and with the whole JSON frame as its data, which has no line breaks.

// appendPushEvent appends a push. Its id is the last entry of the log in it; it has
// none when it holds no entry, and the client then keeps the id before.
func appendPushEvent(dst []byte, items []Item) []byte {
	dst = append(dst, "event: push\n"...)
	var last int64
	for _, it := range items {
		last = max(last, it.Seq)
	}
	if last > 0 {
		dst = append(appendInt(dst, "id: ", last), '\n')
	}
	dst = AppendPush(append(dst, "data: "...), JSON, items)
	return append(dst, "\n\n"...)
}

// appendEvent appends any other frame. What answers a ping is a comment, which
// clients pass over.
func appendEvent(dst []byte, f *ServerFrame) []byte {
	name := ""
	switch b := f.GetBody().(type) {
	case *ServerFrame_Pong:
		return append(dst, heartbeat...)
	case *ServerFrame_SignedIn:
		name = "signed_in"
	case *ServerFrame_Signal:
		name = "signal"
	case *ServerFrame_Presence:
		name = "presence"
	case *ServerFrame_Unsubscribed:
		name = "unsubscribed"
	case *ServerFrame_Closing:
		name = "closing"
		if after := b.Closing.GetReconnectAfterMs(); after > 0 {
			dst = append(appendInt(dst, "retry: ", after), '\n')
		}
	default: // nothing that a client could have asked for
		name = "error"
	}
	dst = append(append(append(dst, "event: "...), name...), "\ndata: "...)
	return append(appendFrameJSON(dst, f), "\n\n"...)
}

// heartbeat is a comment.
const heartbeat = ":\n\n"

// AppendSignedIn appends the answer to a sign-in. after is the entry behind which
// pushes begin: on an event stream it is the event's id, so that a client that has
// been pushed nothing yet resumes from there.
func AppendSignedIn(dst []byte, enc Encoding, f *ServerFrame, after int64) []byte {
	if enc == EventStream {
		dst = append(appendInt(dst, "id: ", after), '\n')
	}
	return AppendFrame(dst, enc, f)
}
