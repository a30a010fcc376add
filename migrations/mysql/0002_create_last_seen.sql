-- When a user was last seen, whether or not by a device that is registered. A
-- user who was never online has no row.
CREATE TABLE IF NOT EXISTS last_seen (
  app_id  BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (app_id, user_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
