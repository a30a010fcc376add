-- What tells of a change of another message is no news of its conversation. Where such
-- an event is the last in one, quiet_seq is its number, shown_seq that of the last message
-- that is none, and shown_changed what changed was with that.
ALTER TABLE conversations
  ADD COLUMN quiet_seq     BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN shown_seq     BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN shown_changed BIGINT NOT NULL DEFAULT 0;

ALTER TABLE uncounted ADD COLUMN quiet TINYINT NOT NULL DEFAULT 0;
