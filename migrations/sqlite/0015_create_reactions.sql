-- How many different reactions a message has: only where there are some are they read.
ALTER TABLE messages ADD COLUMN reactions INTEGER NOT NULL DEFAULT 0;

-- The reactions of messages, each with how many users have it. since is the number of
-- the entry that told of its first use.
CREATE TABLE IF NOT EXISTS message_reactions (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  reaction        TEXT    NOT NULL,
  total           INTEGER NOT NULL,
  since           INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq, reaction)
) STRICT, WITHOUT ROWID;

-- Who has reacted to a message, and with what.
CREATE TABLE IF NOT EXISTS message_reactors (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  reaction        TEXT    NOT NULL,
  user_id         INTEGER NOT NULL,
  reacted_at      INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq, reaction, user_id)
) STRICT, WITHOUT ROWID;
