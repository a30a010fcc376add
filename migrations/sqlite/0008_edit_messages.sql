-- When a message was last edited, and the number of the entry that told of it, which
-- holds the content as long as it is the message's.
ALTER TABLE messages ADD COLUMN edited_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edit_seq INTEGER NOT NULL DEFAULT 0;

-- What edits replaced, where the app keeps that. edit_seq is the number of the entry
-- that told of the edit.
CREATE TABLE IF NOT EXISTS message_edits (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  edit_seq        INTEGER NOT NULL,
  content         BLOB    NOT NULL,
  replaced_at     INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq, edit_seq)
) STRICT, WITHOUT ROWID;
