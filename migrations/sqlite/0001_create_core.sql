-- Names from outside are compared byte for byte (the default of SQLite); numbers are made
-- by gim; times are milliseconds since 1970, UTC, and 0 is never. Every key
-- starts with the app, so that a distributed engine can keep it in one place.

CREATE TABLE IF NOT EXISTS counters (
  name  TEXT    NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO counters (name, value) VALUES ('apps', 0), ('revocations', 0);

CREATE TABLE IF NOT EXISTS operator_keys (
  name TEXT NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS apps (
  id         INTEGER NOT NULL,
  app_id     TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  settings   BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER NOT NULL,
  PRIMARY KEY (id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS apps_by_name ON apps (app_id, deleted_at);

CREATE TABLE IF NOT EXISTS app_keys (
  key_id     TEXT    NOT NULL,
  app_id     INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  hash       BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL,
  PRIMARY KEY (key_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS app_keys_by_app ON app_keys (app_id, key_id);

CREATE TABLE IF NOT EXISTS signing_keys (
  app_id     INTEGER NOT NULL,
  kid        TEXT    NOT NULL,
  alg        TEXT    NOT NULL,
  jwk        BLOB    NOT NULL,
  own        INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, kid)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS users (
  app_id            INTEGER NOT NULL,
  id                INTEGER NOT NULL,
  user_id           TEXT    NOT NULL,
  nickname          TEXT    NOT NULL,
  sex               TEXT    NOT NULL,
  avatar_url        TEXT    NOT NULL,
  extra             BLOB    NOT NULL,
  tokens_revoked_at INTEGER NOT NULL,
  created_at        INTEGER NOT NULL,
  updated_at        INTEGER NOT NULL,
  deleted_at        INTEGER NOT NULL,
  PRIMARY KEY (app_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS users_by_name ON users (app_id, user_id, deleted_at);

CREATE TABLE IF NOT EXISTS revoked_tokens (
  app_id     INTEGER NOT NULL,
  user_id    INTEGER NOT NULL,
  token_id   TEXT    NOT NULL,
  revoked_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, user_id, token_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS revocations (
  seq     INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  app_id  INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  name    TEXT    NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS devices (
  app_id         INTEGER NOT NULL,
  device_id      TEXT    NOT NULL,
  user_id        INTEGER NOT NULL,
  type           TEXT    NOT NULL,
  brand          TEXT    NOT NULL,
  model          TEXT    NOT NULL,
  system_version TEXT    NOT NULL,
  sdk_version    TEXT    NOT NULL,
  push_token     TEXT    NOT NULL,
  created_at     INTEGER NOT NULL,
  last_seen_at   INTEGER NOT NULL,
  acked_seq      INTEGER NOT NULL,
  session        INTEGER NOT NULL,
  PRIMARY KEY (app_id, device_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS devices_by_user ON devices (app_id, user_id, device_id);

-- conv_key names a conversation by what it is: its two users, the user that the
-- business writes to, or the group.
CREATE TABLE IF NOT EXISTS conversations (
  app_id   INTEGER NOT NULL,
  id       INTEGER NOT NULL,
  conv_key BLOB    NOT NULL,
  last_seq INTEGER NOT NULL,
  PRIMARY KEY (app_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS conversations_by_key ON conversations (app_id, conv_key);

-- A group has the number of its conversation.
CREATE TABLE IF NOT EXISTS chat_groups (
  app_id       INTEGER NOT NULL,
  id           INTEGER NOT NULL,
  group_id     TEXT    NOT NULL,
  type         TEXT    NOT NULL,
  name         TEXT    NOT NULL,
  introduction TEXT    NOT NULL,
  avatar_url   TEXT    NOT NULL,
  extra        BLOB    NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  PRIMARY KEY (app_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS chat_groups_by_name ON chat_groups (app_id, group_id);

-- A membership begins behind joined_seq, the conversation's last message then.
CREATE TABLE IF NOT EXISTS members (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  user_id         INTEGER NOT NULL,
  role            TEXT    NOT NULL,
  label           TEXT    NOT NULL,
  extra           BLOB    NOT NULL,
  joined_seq      INTEGER NOT NULL,
  joined_at       INTEGER NOT NULL,
  read_seq        INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS members_by_user ON members (app_id, user_id, conversation_id);

CREATE TABLE IF NOT EXISTS messages (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  sender_type     INTEGER NOT NULL,
  sender          INTEGER NOT NULL,
  sender_id       TEXT    NOT NULL,
  sender_device   TEXT    NOT NULL,
  to_group        INTEGER NOT NULL,
  to_id           TEXT    NOT NULL,
  type            TEXT    NOT NULL,
  content         BLOB    NOT NULL,
  mentions        BLOB    NOT NULL,
  client_msg_id   TEXT    NOT NULL,
  sent_at         INTEGER NOT NULL,
  status          INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS user_heads (
  app_id    INTEGER NOT NULL,
  user_id   INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  head_seq  INTEGER NOT NULL,
  epoch     TEXT    NOT NULL,
  PRIMARY KEY (app_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS user_log (
  app_id           INTEGER NOT NULL,
  user_id          INTEGER NOT NULL,
  seq              INTEGER NOT NULL,
  conversation_id  INTEGER NOT NULL,
  conversation_seq INTEGER NOT NULL,
  PRIMARY KEY (app_id, user_id, seq)
) STRICT, WITHOUT ROWID;

-- send_key is a digest of sender and client_msg_id.
CREATE TABLE IF NOT EXISTS sends (
  app_id           INTEGER NOT NULL,
  send_key         BLOB    NOT NULL,
  digest           BLOB    NOT NULL,
  conversation_id  INTEGER NOT NULL,
  conversation_seq INTEGER NOT NULL,
  sender_seq       INTEGER NOT NULL,
  sent_at          INTEGER NOT NULL,
  PRIMARY KEY (app_id, send_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS idempotent_requests (
  app_id      INTEGER NOT NULL,
  request_key BLOB    NOT NULL,
  request     BLOB    NOT NULL,
  status      INTEGER NOT NULL,
  answer      BLOB    NOT NULL,
  at          INTEGER NOT NULL,
  PRIMARY KEY (app_id, request_key)
) STRICT, WITHOUT ROWID;
