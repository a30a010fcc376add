-- changed orders conversations by their last messages: a number that rises with
-- every commit of some, made from its time.
ALTER TABLE conversations ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;

UPDATE conversations SET changed = COALESCE((SELECT m.sent_at * 1048576 FROM messages m
  WHERE m.app_id = conversations.app_id AND m.conversation_id = conversations.id AND m.seq = conversations.last_seq), id)
  WHERE changed = 0;

-- read_others is how many messages up to read_seq are of others and count as unread;
-- read_changed is of the kind of changed, and 0 while nothing was read. What is there
-- already counts as read: nobody could say so before.
ALTER TABLE members
  ADD COLUMN read_others  BIGINT NOT NULL DEFAULT -1,
  ADD COLUMN read_changed BIGINT NOT NULL DEFAULT 0;

UPDATE members SET
  read_seq = COALESCE((SELECT c.last_seq FROM conversations c WHERE c.app_id = members.app_id AND c.id = members.conversation_id), read_seq),
  read_others = COALESCE((SELECT c.last_seq FROM conversations c WHERE c.app_id = members.app_id AND c.id = members.conversation_id), read_seq)
    - COALESCE((SELECT x.total FROM uncounted x WHERE x.app_id = members.app_id AND x.conversation_id = members.conversation_id
      ORDER BY x.seq DESC LIMIT 1), 0)
  WHERE read_others = -1;

-- A chat with a user who was deleted is over: its members are of kind -1.
UPDATE members SET kind = -1 WHERE kind = 0 AND conversation_id IN (SELECT conversation_id FROM (SELECT d.conversation_id
  FROM members d JOIN users u ON u.app_id = d.app_id AND u.id = d.user_id WHERE d.kind = 0 AND u.deleted_at > 0) ended);

-- How many messages a user has sent to a conversation since it counts them.
CREATE TABLE IF NOT EXISTS sent_counts (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  user_id         BIGINT NOT NULL,
  total           BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What a user has made of a conversation; who has made nothing of it has no row. It
-- is hidden up to hidden_seq and deleted up to cleared_seq, of which cleared_others
-- are as in read_others; -1 is neither. A row without a membership tells that the
-- conversation has gone from the user's list.
CREATE TABLE IF NOT EXISTS conversation_states (
  app_id          BIGINT NOT NULL,
  user_id         BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  pinned          TINYINT NOT NULL,
  muted           TINYINT NOT NULL,
  marked_unread   TINYINT NOT NULL,
  hidden_seq      BIGINT NOT NULL,
  cleared_seq     BIGINT NOT NULL,
  cleared_others  BIGINT NOT NULL,
  changed         BIGINT NOT NULL,
  PRIMARY KEY (app_id, user_id, conversation_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- When somebody last read in a conversation whose members see how far others are.
CREATE TABLE IF NOT EXISTS conversation_reads (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  changed         BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
