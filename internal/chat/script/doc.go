// Package script is a chat without a screen: it reads lines, sends them, and
// prints what happens as lines, for people (plain text) or for programs (one JSON
// object a line). docs/chat.md describes both.
package script
