-- When a message was last edited, and the number of the entry that told of it, which
-- holds the content as long as it is the message's.
ALTER TABLE messages
  ADD COLUMN edited_at BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN edit_seq  BIGINT NOT NULL DEFAULT 0;

-- What edits replaced, where the app keeps that. edit_seq is the number of the entry
-- that told of the edit.
CREATE TABLE IF NOT EXISTS message_edits (
  app_id          BIGINT     NOT NULL,
  conversation_id BIGINT     NOT NULL,
  seq             BIGINT     NOT NULL,
  edit_seq        BIGINT     NOT NULL,
  content         MEDIUMBLOB NOT NULL,
  replaced_at     BIGINT     NOT NULL,
  PRIMARY KEY (app_id, conversation_id, seq, edit_seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
