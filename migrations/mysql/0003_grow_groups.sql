-- Who may join a group and speak in it. A group that was dismissed keeps its
-- members, who may still read it, and its name.
ALTER TABLE chat_groups
  ADD COLUMN join_policy  VARCHAR(16) NOT NULL DEFAULT 'invite',
  ADD COLUMN invite_by    VARCHAR(16) NOT NULL DEFAULT 'admins',
  ADD COLUMN mute_all     TINYINT     NOT NULL DEFAULT 0,
  ADD COLUMN dismissed_at BIGINT      NOT NULL DEFAULT 0;

-- Who may not speak in a group until when. It outlasts leaving and coming back.
CREATE TABLE IF NOT EXISTS mutes (
  app_id          BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL,
  user_id         BIGINT NOT NULL,
  muted_until     BIGINT NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS join_requests (
  app_id          BIGINT        NOT NULL,
  conversation_id BIGINT        NOT NULL,
  user_id         BIGINT        NOT NULL,
  message         VARCHAR(1024) NOT NULL,
  created_at      BIGINT        NOT NULL,
  PRIMARY KEY (app_id, conversation_id, user_id)
) DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
