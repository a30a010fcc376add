-- How many different reactions a message has: only where there are some are they read.
ALTER TABLE messages ADD COLUMN reactions SMALLINT NOT NULL DEFAULT 0;

-- The reactions of messages, each with how many users have it. since is the number of
-- the entry that told of its first use.
CREATE TABLE IF NOT EXISTS message_reactions (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  seq             BIGINT NOT NULL,
  reaction        VARBINARY(64) NOT NULL,
  total           BIGINT NOT NULL,
  since           BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq, reaction)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who has reacted to a message, and with what.
CREATE TABLE IF NOT EXISTS message_reactors (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  seq             BIGINT NOT NULL,
  reaction        VARBINARY(64) NOT NULL,
  user_id         BIGINT NOT NULL,
  reacted_at      BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq, reaction, user_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
