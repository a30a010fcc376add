// Package screen shows a chat on a terminal: the conversations with what is
// unread, the messages of one, a line to type in, and how the connection is. All
// it draws are whole cells of a grid, and all text of others goes through
// chat.Clean, so that no message can move the cursor or change the terminal.
package screen
