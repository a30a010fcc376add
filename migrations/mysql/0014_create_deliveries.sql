-- Up to where messages of a conversation, of others, have come to a device of a user, as
-- far as settled_seq of user_acks goes.
CREATE TABLE IF NOT EXISTS deliveries (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  user_id         BIGINT NOT NULL,
  seq             BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- settled_seq is the entry of the user's log up to which deliveries has what follows from
-- acks; acked_seq the highest ack of devices that are no more.
CREATE TABLE IF NOT EXISTS user_acks (
  app_id      BIGINT NOT NULL,
  user_id     BIGINT NOT NULL,
  acked_seq   BIGINT NOT NULL,
  settled_seq BIGINT NOT NULL,
  PRIMARY KEY (app_id, user_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What was acknowledged before counts as delivered as far as it was read.
INSERT IGNORE INTO user_acks (app_id, user_id, acked_seq, settled_seq)
  SELECT app_id, user_id, 0, MAX(acked_seq) FROM devices GROUP BY app_id, user_id;
