-- Digests of logs up to every 1,024th entry, as far as somebody has asked. kind says
-- whose log it is: 0 a user's, 1 a conversation's. Whatever takes entries away from the
-- beginning of a log has to leave the digest up to the last of them.
CREATE TABLE IF NOT EXISTS log_digests (
  app_id BIGINT     NOT NULL,
  kind   TINYINT    NOT NULL,
  log_id BIGINT     NOT NULL,
  seq    BIGINT     NOT NULL,
  digest BINARY(32) NOT NULL,
  PRIMARY KEY (app_id, kind, log_id, seq)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
