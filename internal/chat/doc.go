// Package chat is what a chat client knows and does, without a screen: the
// conversations with their messages, what is read and what is under way
// ([Model]); the connection that feeds them ([Session]); what is kept between
// two runs ([State]); and text that is safe to show ([Clean]).
//
// `gim chat` puts a screen (internal/chat/screen) or lines for scripts
// (internal/chat/script) around it.
package chat
