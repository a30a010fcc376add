-- Digests of logs up to every 1,024th entry, as far as somebody has asked. kind says
-- whose log it is: 0 a user's, 1 a conversation's. Whatever takes entries away from the
-- beginning of a log has to leave the digest up to the last of them.
CREATE TABLE IF NOT EXISTS log_digests (
  app_id INTEGER NOT NULL,
  kind   INTEGER NOT NULL,
  log_id INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  digest BLOB    NOT NULL,
  PRIMARY KEY (app_id, kind, log_id, seq)
) STRICT, WITHOUT ROWID;
