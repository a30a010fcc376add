-- When a user was last seen, whether or not by a device that is registered. A
-- user who was never online has no row.
CREATE TABLE IF NOT EXISTS last_seen (
  app_id  INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, user_id)
) STRICT, WITHOUT ROWID;
