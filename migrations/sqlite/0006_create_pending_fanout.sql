-- What is left of a message's way into the logs of its receivers, while others write:
-- receivers holds a user and a seq of the user's log, each in eight bytes, big-endian,
-- for every entry, of which the first written ones are in user_log. The heads count
-- all of them. Rows are short-lived.
CREATE TABLE IF NOT EXISTS pending_fanout (
  app_id           INTEGER NOT NULL,
  conversation_id  INTEGER NOT NULL,
  conversation_seq INTEGER NOT NULL,
  written          INTEGER NOT NULL,
  receivers        BLOB    NOT NULL,
  PRIMARY KEY (app_id, conversation_id, conversation_seq)
) STRICT, WITHOUT ROWID;
