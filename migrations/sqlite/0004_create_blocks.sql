-- Whom a user takes no messages from. What names a user who was deleted stays and
-- means nobody: numbers are not used again.
CREATE TABLE IF NOT EXISTS blocks (
  app_id     INTEGER NOT NULL,
  user_id    INTEGER NOT NULL,
  blocked_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, user_id, blocked_id)
) STRICT, WITHOUT ROWID;
