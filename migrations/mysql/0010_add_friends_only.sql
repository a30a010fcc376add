-- Users of the app send to their contacts only.
ALTER TABLE apps ADD COLUMN friends_only TINYINT NOT NULL DEFAULT 0;
