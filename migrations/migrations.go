// Package migrations holds the schema of gim's store: numbered SQL files, the
// same numbers and names for each database. They are append-only: what has been
// released is never edited, and a recorded checksum notices if it is.
//
// Statements end with a semicolon at the end of a line. Each can be run again,
// because MySQL commits every one of them by itself and a migration that was
// interrupted starts over.
package migrations

import "embed"

// Files holds mysql/NNNN_verb_noun.sql and sqlite/NNNN_verb_noun.sql.
//
//go:embed mysql/*.sql sqlite/*.sql
var Files embed.FS
