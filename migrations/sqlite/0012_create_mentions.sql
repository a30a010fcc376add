-- Who may mention all of a group.
ALTER TABLE chat_groups ADD COLUMN mention_all_by TEXT NOT NULL DEFAULT 'admins';

-- The messages that mention a user, or everybody where user_id is 0. A message that is
-- recalled has none.
CREATE TABLE IF NOT EXISTS mentions (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  user_id         INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  sender          INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id, seq)
) STRICT, WITHOUT ROWID;
