-- Names from outside are compared byte for byte (utf8mb4_bin); numbers are made
-- by gim; times are milliseconds since 1970, UTC, and 0 is never. Every key
-- starts with the app, so that a distributed engine can keep it in one place.

CREATE TABLE IF NOT EXISTS counters (
  name  VARCHAR(64) NOT NULL,
  value BIGINT      NOT NULL,
  PRIMARY KEY (name)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT IGNORE INTO counters (name, value) VALUES ('apps', 0), ('revocations', 0);

CREATE TABLE IF NOT EXISTS operator_keys (
  name VARCHAR(64)   NOT NULL,
  hash VARBINARY(64) NOT NULL,
  PRIMARY KEY (name)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS apps (
  id         BIGINT       NOT NULL,
  app_id     VARCHAR(64)  NOT NULL,
  name       VARCHAR(128) NOT NULL,
  settings   BLOB         NOT NULL,
  created_at BIGINT       NOT NULL,
  deleted_at BIGINT       NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY apps_by_name (app_id, deleted_at)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS app_keys (
  key_id     VARCHAR(64)   NOT NULL,
  app_id     BIGINT        NOT NULL,
  name       VARCHAR(128)  NOT NULL,
  hash       VARBINARY(64) NOT NULL,
  created_at BIGINT        NOT NULL,
  revoked_at BIGINT        NOT NULL,
  PRIMARY KEY (key_id),
  KEY app_keys_by_app (app_id, key_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS signing_keys (
  app_id     BIGINT      NOT NULL,
  kid        VARCHAR(64) NOT NULL,
  alg        VARCHAR(16) NOT NULL,
  jwk        BLOB        NOT NULL,
  own        TINYINT     NOT NULL,
  created_at BIGINT      NOT NULL,
  revoked_at BIGINT      NOT NULL,
  PRIMARY KEY (app_id, kid)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS users (
  app_id            BIGINT        NOT NULL,
  id                BIGINT        NOT NULL,
  user_id           VARCHAR(64)   NOT NULL,
  nickname          VARCHAR(128)  NOT NULL,
  sex               VARCHAR(16)   NOT NULL,
  avatar_url        VARCHAR(1024) NOT NULL,
  extra             BLOB          NOT NULL,
  tokens_revoked_at BIGINT        NOT NULL,
  created_at        BIGINT        NOT NULL,
  updated_at        BIGINT        NOT NULL,
  deleted_at        BIGINT        NOT NULL,
  PRIMARY KEY (app_id, id),
  UNIQUE KEY users_by_name (app_id, user_id, deleted_at)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS revoked_tokens (
  app_id     BIGINT      NOT NULL,
  user_id    BIGINT      NOT NULL,
  token_id   VARCHAR(64) NOT NULL,
  revoked_at BIGINT      NOT NULL,
  PRIMARY KEY (app_id, user_id, token_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS revocations (
  seq     BIGINT      NOT NULL,
  kind    TINYINT     NOT NULL,
  app_id  BIGINT      NOT NULL,
  user_id BIGINT      NOT NULL,
  name    VARCHAR(64) NOT NULL,
  at      BIGINT      NOT NULL,
  PRIMARY KEY (seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS devices (
  app_id         BIGINT        NOT NULL,
  device_id      VARCHAR(64)   NOT NULL,
  user_id        BIGINT        NOT NULL,
  type           VARCHAR(16)   NOT NULL,
  brand          VARCHAR(128)  NOT NULL,
  model          VARCHAR(128)  NOT NULL,
  system_version VARCHAR(128)  NOT NULL,
  sdk_version    VARCHAR(128)  NOT NULL,
  push_token     VARCHAR(1024) NOT NULL,
  created_at     BIGINT        NOT NULL,
  last_seen_at   BIGINT        NOT NULL,
  acked_seq      BIGINT        NOT NULL,
  session        BIGINT        NOT NULL,
  PRIMARY KEY (app_id, device_id),
  KEY devices_by_user (app_id, user_id, device_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- conv_key names a conversation by what it is: its two users, the user that the
-- business writes to, or the group.
CREATE TABLE IF NOT EXISTS conversations (
  app_id   BIGINT        NOT NULL,
  id       BIGINT        NOT NULL,
  conv_key VARBINARY(80) NOT NULL,
  last_seq BIGINT        NOT NULL,
  PRIMARY KEY (app_id, id),
  UNIQUE KEY conversations_by_key (app_id, conv_key)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- A group has the number of its conversation.
CREATE TABLE IF NOT EXISTS chat_groups (
  app_id       BIGINT        NOT NULL,
  id           BIGINT        NOT NULL,
  group_id     VARCHAR(64)   NOT NULL,
  type         VARCHAR(16)   NOT NULL,
  name         VARCHAR(128)  NOT NULL,
  introduction VARCHAR(1024) NOT NULL,
  avatar_url   VARCHAR(1024) NOT NULL,
  extra        BLOB          NOT NULL,
  created_at   BIGINT        NOT NULL,
  updated_at   BIGINT        NOT NULL,
  PRIMARY KEY (app_id, id),
  UNIQUE KEY chat_groups_by_name (app_id, group_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- A membership begins behind joined_seq, the conversation's last message then.
CREATE TABLE IF NOT EXISTS members (
  app_id          BIGINT        NOT NULL,
  conversation_id BIGINT        NOT NULL,
  user_id         BIGINT        NOT NULL,
  role            VARCHAR(16)   NOT NULL,
  label           VARCHAR(1024) NOT NULL,
  extra           BLOB          NOT NULL,
  joined_seq      BIGINT        NOT NULL,
  joined_at       BIGINT        NOT NULL,
  read_seq        BIGINT        NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id),
  KEY members_by_user (app_id, user_id, conversation_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS messages (
  app_id          BIGINT        NOT NULL,
  conversation_id BIGINT        NOT NULL,
  seq             BIGINT        NOT NULL,
  sender_type     TINYINT       NOT NULL,
  sender          BIGINT        NOT NULL,
  sender_id       VARCHAR(64)   NOT NULL,
  sender_device   VARCHAR(64)   NOT NULL,
  to_group        TINYINT       NOT NULL,
  to_id           VARCHAR(64)   NOT NULL,
  type            VARCHAR(16)   NOT NULL,
  content         MEDIUMBLOB    NOT NULL,
  mentions        BLOB          NOT NULL,
  client_msg_id   VARCHAR(64)   NOT NULL,
  sent_at         BIGINT        NOT NULL,
  status          TINYINT       NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS user_heads (
  app_id    BIGINT      NOT NULL,
  user_id   BIGINT      NOT NULL,
  first_seq BIGINT      NOT NULL,
  head_seq  BIGINT      NOT NULL,
  epoch     VARCHAR(32) NOT NULL,
  PRIMARY KEY (app_id, user_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS user_log (
  app_id           BIGINT NOT NULL,
  user_id          BIGINT NOT NULL,
  seq              BIGINT NOT NULL,
  conversation_id  BIGINT NOT NULL,
  conversation_seq BIGINT NOT NULL,
  PRIMARY KEY (app_id, user_id, seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- send_key is a digest of sender and client_msg_id.
CREATE TABLE IF NOT EXISTS sends (
  app_id           BIGINT        NOT NULL,
  send_key         VARBINARY(16) NOT NULL,
  digest           VARBINARY(32) NOT NULL,
  conversation_id  BIGINT        NOT NULL,
  conversation_seq BIGINT        NOT NULL,
  sender_seq       BIGINT        NOT NULL,
  sent_at          BIGINT        NOT NULL,
  PRIMARY KEY (app_id, send_key)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS idempotent_requests (
  app_id      BIGINT        NOT NULL,
  request_key VARBINARY(32) NOT NULL,
  request     VARBINARY(32) NOT NULL,
  status      SMALLINT      NOT NULL,
  answer      MEDIUMBLOB    NOT NULL,
  at          BIGINT        NOT NULL,
  PRIMARY KEY (app_id, request_key)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
