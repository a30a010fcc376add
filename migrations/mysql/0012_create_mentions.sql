-- Who may mention all of a group.
ALTER TABLE chat_groups ADD COLUMN mention_all_by VARCHAR(16) NOT NULL DEFAULT 'admins';

-- The messages that mention a user, or everybody where user_id is 0. A message that is
-- recalled has none.
CREATE TABLE IF NOT EXISTS mentions (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  user_id         BIGINT NOT NULL,
  seq             BIGINT NOT NULL,
  sender          BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id, seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
