-- Who knows whom. A pair has two rows, one for each of its users: state is 0 where
-- they are contacts, 1 where the other one has asked user_id, 2 where user_id has
-- asked. What names a user who was deleted stays and means nobody.
CREATE TABLE IF NOT EXISTS contacts (
  app_id     INTEGER NOT NULL,
  user_id    INTEGER NOT NULL,
  contact_id INTEGER NOT NULL,
  state      INTEGER NOT NULL,
  remark     TEXT    NOT NULL,
  message    TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, user_id, contact_id)
) STRICT, WITHOUT ROWID;
