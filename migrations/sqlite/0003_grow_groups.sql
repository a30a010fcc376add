-- Who may join a group and speak in it. A group that was dismissed keeps its
-- members, who may still read it, and its name.
ALTER TABLE chat_groups ADD COLUMN join_policy TEXT NOT NULL DEFAULT 'invite';
ALTER TABLE chat_groups ADD COLUMN invite_by TEXT NOT NULL DEFAULT 'admins';
ALTER TABLE chat_groups ADD COLUMN mute_all INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat_groups ADD COLUMN dismissed_at INTEGER NOT NULL DEFAULT 0;

-- Who may not speak in a group until when. It outlasts leaving and coming back.
CREATE TABLE IF NOT EXISTS mutes (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  user_id         INTEGER NOT NULL,
  muted_until     INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS join_requests (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  user_id         INTEGER NOT NULL,
  message         TEXT    NOT NULL,
  created_at      INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id)
) STRICT, WITHOUT ROWID;
