-- Saved states of projects' files. Their bytes lie in packs beside this database.
CREATE TABLE versions (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  project_id TEXT NOT NULL REFERENCES projects (id),
  number INTEGER NOT NULL,
  root TEXT NOT NULL,
  message TEXT NOT NULL,
  cause TEXT NOT NULL,
  name TEXT,
  pinned INTEGER NOT NULL CHECK (pinned IN (0, 1)),
  author TEXT NOT NULL,
  files INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  added_bytes INTEGER NOT NULL,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX version_numbers ON versions (project_id, number);
CREATE UNIQUE INDEX version_names ON versions (project_id, name) WHERE deleted_at IS NULL;
-- The version that a project works on; none means its folder as it is.
ALTER TABLE projects ADD COLUMN active_version_id TEXT;
