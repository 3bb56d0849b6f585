-- What lies where in the packs. Everything in here can be made again from the packs and the
-- workspaces, so a damaged index is thrown away, never repaired.

CREATE TABLE packs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  bytes INTEGER NOT NULL,
  -- Since when nothing in it is needed; its file is deleted after a time of grace.
  condemned_ms INTEGER
) STRICT;

CREATE TABLE objects (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  pack INTEGER NOT NULL REFERENCES packs (id),
  at INTEGER NOT NULL,
  stored INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX objects_of_pack ON objects (pack);

-- What was found in a folder of a workspace when it was last saved: whose times and size are the
-- same holds the same bytes.
CREATE TABLE folders (
  workspace TEXT NOT NULL,
  path TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (workspace, path)
) STRICT;
