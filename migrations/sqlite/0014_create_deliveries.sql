-- Up to where messages of a conversation, of others, have come to a device of a user, as
-- far as settled_seq of user_acks goes.
CREATE TABLE IF NOT EXISTS deliveries (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  user_id         INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id)
) STRICT, WITHOUT ROWID;

-- settled_seq is the entry of the user's log up to which deliveries has what follows from
-- acks; acked_seq the highest ack of devices that are no more.
CREATE TABLE IF NOT EXISTS user_acks (
  app_id      INTEGER NOT NULL,
  user_id     INTEGER NOT NULL,
  acked_seq   INTEGER NOT NULL,
  settled_seq INTEGER NOT NULL,
  PRIMARY KEY (app_id, user_id)
) STRICT, WITHOUT ROWID;

-- What was acknowledged before counts as delivered as far as it was read.
INSERT OR IGNORE INTO user_acks (app_id, user_id, acked_seq, settled_seq)
  SELECT app_id, user_id, 0, MAX(acked_seq) FROM devices GROUP BY app_id, user_id;
