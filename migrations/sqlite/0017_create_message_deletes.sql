-- The messages that a user has deleted for itself, one by one; those that it has
-- deleted with their conversation are below cleared_seq instead. counted is 1 for what
-- counts as unread: messages of others that are no events.
CREATE TABLE IF NOT EXISTS message_deletes (
  app_id          INTEGER NOT NULL,
  user_id         INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  counted         INTEGER NOT NULL,
  PRIMARY KEY (app_id, user_id, conversation_id, seq)
) STRICT, WITHOUT ROWID;
