-- The number of a line within its step's log, from 0 without gaps, so that any window of a million
-- lines is found by its numbers instead of counted up to.
ALTER TABLE log_lines ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE log_lines SET place = numbered.place
FROM (SELECT job_id, seq, row_number() OVER (PARTITION BY job_id, step ORDER BY seq) - 1 AS place
      FROM log_lines) AS numbered
WHERE log_lines.job_id = numbered.job_id AND log_lines.seq = numbered.seq;
CREATE UNIQUE INDEX log_places ON log_lines (job_id, step, place);

-- The files that a release was built from, by the hash of their manifest: to compare releases.
CREATE TABLE contents (
  hash TEXT PRIMARY KEY,
  files TEXT NOT NULL,
  kept_at TEXT NOT NULL
) STRICT;
