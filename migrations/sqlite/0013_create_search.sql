-- Where words stand, to find messages by them: one row for each different term of a
-- message, in the order in which a conversation is searched for it.
CREATE TABLE IF NOT EXISTS search_terms (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  term            BLOB    NOT NULL,
  sent_at         INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id, term, sent_at, seq)
) STRICT, WITHOUT ROWID;

-- Up to which message a conversation has its terms in search_terms.
CREATE TABLE IF NOT EXISTS search_cursors (
  app_id          INTEGER NOT NULL,
  conversation_id INTEGER NOT NULL,
  indexed_seq     INTEGER NOT NULL,
  PRIMARY KEY (app_id, conversation_id)
) STRICT, WITHOUT ROWID;
