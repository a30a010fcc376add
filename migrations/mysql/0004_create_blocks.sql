-- Whom a user takes no messages from. What names a user who was deleted stays and
-- means nobody: numbers are not used again.
CREATE TABLE IF NOT EXISTS blocks (
  app_id     BIGINT NOT NULL,
  user_id    BIGINT NOT NULL,
  blocked_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (app_id, user_id, blocked_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
