-- The messages that a user has deleted for itself, one by one; those that it has
-- deleted with their conversation are below cleared_seq instead. counted is 1 for what
-- counts as unread: messages of others that are no events.
CREATE TABLE IF NOT EXISTS message_deletes (
  app_id          BIGINT NOT NULL,
  user_id         BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  seq             BIGINT NOT NULL,
  counted         TINYINT NOT NULL,
  PRIMARY KEY (app_id, user_id, conversation_id, seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
