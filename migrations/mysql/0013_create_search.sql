-- Where words stand, to find messages by them: one row for each different term of a
-- message, in the order in which a conversation is searched for it.
CREATE TABLE IF NOT EXISTS search_terms (
  app_id          BIGINT        NOT NULL,
  conversation_id BIGINT        NOT NULL,
  term            VARBINARY(48) NOT NULL,
  sent_at         BIGINT        NOT NULL,
  seq             BIGINT        NOT NULL,
  PRIMARY KEY (app_id, conversation_id, term, sent_at, seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Up to which message a conversation has its terms in search_terms.
CREATE TABLE IF NOT EXISTS search_cursors (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  indexed_seq     BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
