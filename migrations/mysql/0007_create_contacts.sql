-- Who knows whom. A pair has two rows, one for each of its users: state is 0 where
-- they are contacts, 1 where the other one has asked user_id, 2 where user_id has
-- asked. What names a user who was deleted stays and means nobody.
CREATE TABLE IF NOT EXISTS contacts (
  app_id     BIGINT        NOT NULL,
  user_id    BIGINT        NOT NULL,
  contact_id BIGINT        NOT NULL,
  state      TINYINT       NOT NULL,
  remark     VARCHAR(128)  NOT NULL,
  message    VARCHAR(1024) NOT NULL,
  created_at BIGINT        NOT NULL,
  PRIMARY KEY (app_id, user_id, contact_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
