-- The message that another one answers, by its id, and whether its content was copied
-- from a message elsewhere.
ALTER TABLE messages
  ADD COLUMN reply_to  VARCHAR(32) NOT NULL DEFAULT '',
  ADD COLUMN forwarded TINYINT     NOT NULL DEFAULT 0;
