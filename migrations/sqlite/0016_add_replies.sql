-- The message that another one answers, by its id, and whether its content was copied
-- from a message elsewhere.
ALTER TABLE messages ADD COLUMN reply_to TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN forwarded INTEGER NOT NULL DEFAULT 0;
