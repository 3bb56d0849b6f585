-- Every noun that a team will share keeps its cells in columns of the same names, an id, and the
-- moment of its deletion: a tombstone. What is local to this device comes last. Tables whose rows
-- may be long keep their rowid, as https://www.sqlite.org/withoutrowid.html advises.

CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  noun TEXT NOT NULL,
  row_id TEXT NOT NULL,
  act TEXT NOT NULL CHECK (act IN ('created', 'updated', 'deleted')),
  cells TEXT NOT NULL CHECK (json_valid(cells)),
  hlc TEXT NOT NULL UNIQUE,
  author TEXT NOT NULL
) STRICT;
CREATE INDEX changes_of_row ON changes (noun, row_id, seq);
CREATE TRIGGER changes_never_change BEFORE UPDATE ON changes
BEGIN SELECT raise(ABORT, 'immutable: changes'); END;
CREATE TRIGGER changes_stay BEFORE DELETE ON changes
BEGIN SELECT raise(ABORT, 'immutable: changes'); END;

CREATE TABLE provider_accounts (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  provider TEXT NOT NULL,
  name TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  owner TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX provider_account_names ON provider_accounts (name) WHERE deleted_at IS NULL;

CREATE TABLE ssh_keys (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  name TEXT NOT NULL,
  public TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX ssh_key_names ON ssh_keys (name) WHERE deleted_at IS NULL;

CREATE TABLE servers (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  name TEXT NOT NULL,
  account_id TEXT REFERENCES provider_accounts (id),
  provider_ref TEXT,
  region TEXT,
  size TEXT,
  price_cents_month INTEGER,
  ssh TEXT,
  state TEXT NOT NULL,
  recipe_hash TEXT,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX server_names ON servers (name)
  WHERE deleted_at IS NULL AND state <> 'destroyed';
CREATE INDEX server_provider_refs ON servers (account_id, provider_ref);

CREATE TABLE projects (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  name TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX project_names ON projects (name) WHERE deleted_at IS NULL;

CREATE TABLE environments (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  project_id TEXT NOT NULL REFERENCES projects (id),
  name TEXT NOT NULL,
  server_ids TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX environment_names ON environments (project_id, name) WHERE deleted_at IS NULL;

CREATE TABLE services (
  id TEXT NOT NULL PRIMARY KEY,
  deleted_at TEXT,
  project_id TEXT NOT NULL REFERENCES projects (id),
  name TEXT NOT NULL,
  source TEXT NOT NULL,
  spec TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX service_names ON services (project_id, name) WHERE deleted_at IS NULL;

-- A plain variable has a value, a secret one is sealed; never both.
CREATE TABLE variables (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  service_id TEXT NOT NULL REFERENCES services (id),
  name TEXT NOT NULL,
  value TEXT,
  secret INTEGER NOT NULL CHECK (secret IN (0, 1)),
  sealed TEXT,
  updated_at TEXT NOT NULL,
  CHECK (deleted_at IS NOT NULL OR (secret = 1 AND value IS NULL AND sealed IS NOT NULL)
    OR (secret = 0 AND value IS NOT NULL AND sealed IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX variable_names ON variables (environment_id, service_id, name)
  WHERE deleted_at IS NULL;

CREATE TABLE configurations (
  id TEXT NOT NULL PRIMARY KEY,
  deleted_at TEXT,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  variables TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX configuration_names ON configurations (name) WHERE deleted_at IS NULL;

CREATE TABLE certificates (
  id TEXT NOT NULL PRIMARY KEY,
  deleted_at TEXT,
  account_id TEXT NOT NULL REFERENCES provider_accounts (id),
  provider_ref TEXT NOT NULL,
  hosts TEXT NOT NULL,
  chain_pem TEXT NOT NULL,
  sealed_key TEXT NOT NULL,
  expires_at TEXT NOT NULL
) STRICT;
CREATE INDEX certificate_expiries ON certificates (expires_at) WHERE deleted_at IS NULL;

CREATE TABLE domains (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  service_id TEXT NOT NULL REFERENCES services (id),
  host TEXT NOT NULL,
  account_id TEXT NOT NULL REFERENCES provider_accounts (id),
  zone_ref TEXT NOT NULL,
  certificate_id TEXT REFERENCES certificates (id),
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX domain_hosts ON domains (host) WHERE deleted_at IS NULL;
CREATE INDEX domains_of_service ON domains (environment_id, service_id);

CREATE TABLE base_snapshots (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  account_id TEXT NOT NULL REFERENCES provider_accounts (id),
  provider_ref TEXT NOT NULL,
  recipe_hash TEXT NOT NULL,
  regions TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  min_disk_gib INTEGER NOT NULL,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX base_snapshots_of_account ON base_snapshots (account_id);

CREATE TABLE plans (
  id TEXT NOT NULL PRIMARY KEY,
  deleted_at TEXT,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE TRIGGER plans_never_change BEFORE UPDATE ON plans
BEGIN SELECT raise(ABORT, 'immutable: plan'); END;

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  plan_id TEXT NOT NULL REFERENCES plans (id),
  queue TEXT NOT NULL,
  target TEXT NOT NULL,
  title TEXT NOT NULL,
  status TEXT NOT NULL,
  direction TEXT NOT NULL,
  on_failure TEXT NOT NULL,
  cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
  error TEXT,
  created_at TEXT NOT NULL,
  started_at TEXT,
  finished_at TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_by_status ON jobs (status, id);
CREATE INDEX jobs_by_queue ON jobs (queue, id);
CREATE INDEX jobs_by_target ON jobs (target, id);

CREATE TABLE job_steps (
  id TEXT NOT NULL PRIMARY KEY,
  deleted_at TEXT,
  job_id TEXT NOT NULL REFERENCES jobs (id),
  number INTEGER NOT NULL,
  title TEXT NOT NULL,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  output TEXT,
  error TEXT,
  started_at TEXT,
  finished_at TEXT,
  UNIQUE (job_id, number)
) STRICT;

CREATE TABLE deployments (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  service_id TEXT NOT NULL REFERENCES services (id),
  -- No foreign key: the release names the deployment that made it, and comes after it.
  release_id TEXT,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  job_id TEXT NOT NULL,
  server_ids TEXT NOT NULL,
  failure TEXT,
  created_at TEXT NOT NULL,
  finished_at TEXT,
  -- Follows from the environment; here so that one index answers for a whole project.
  project_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX deployments_by_project ON deployments (project_id, id);
CREATE INDEX deployments_by_environment ON deployments (environment_id, id);
CREATE INDEX deployments_by_service ON deployments (service_id, id);
CREATE INDEX deployments_by_status ON deployments (status, id);
CREATE INDEX deployments_by_job ON deployments (job_id);
CREATE TRIGGER deployments_know_their_project AFTER INSERT ON deployments
BEGIN
  UPDATE deployments
  SET project_id = (SELECT project_id FROM environments WHERE id = NEW.environment_id)
  WHERE id = NEW.id;
END;

CREATE TABLE releases (
  id TEXT NOT NULL PRIMARY KEY,
  deleted_at TEXT,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  service_id TEXT NOT NULL REFERENCES services (id),
  deployment_id TEXT NOT NULL REFERENCES deployments (id),
  number INTEGER NOT NULL,
  image TEXT NOT NULL,
  image_bytes INTEGER NOT NULL,
  source TEXT NOT NULL,
  provenance TEXT NOT NULL,
  spec TEXT NOT NULL,
  variables TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX release_numbers ON releases (environment_id, service_id, number);
-- Only its tombstone may be set: a release never changes.
CREATE TRIGGER releases_never_change BEFORE UPDATE OF
  id, environment_id, service_id, deployment_id, number, image, image_bytes, source, provenance,
  spec, variables, created_at ON releases
WHEN (OLD.id, OLD.environment_id, OLD.service_id, OLD.deployment_id, OLD.number, OLD.image,
      OLD.image_bytes, OLD.source, OLD.provenance, OLD.spec, OLD.variables, OLD.created_at)
  IS NOT (NEW.id, NEW.environment_id, NEW.service_id, NEW.deployment_id, NEW.number, NEW.image,
      NEW.image_bytes, NEW.source, NEW.provenance, NEW.spec, NEW.variables, NEW.created_at)
BEGIN SELECT raise(ABORT, 'immutable: release'); END;

CREATE TABLE audit_entries (
  id TEXT PRIMARY KEY,
  deleted_at TEXT,
  number INTEGER NOT NULL,
  device TEXT NOT NULL,
  at TEXT NOT NULL,
  author TEXT NOT NULL,
  act TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  UNIQUE (device, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_subject ON audit_entries (subject, id);
CREATE INDEX audit_by_act ON audit_entries (act, id);
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit_entries
BEGIN SELECT raise(ABORT, 'immutable: audit entry'); END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit_entries
BEGIN SELECT raise(ABORT, 'immutable: audit entry'); END;

-- Local to this device from here on.

CREATE TABLE clock (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  wall_ms INTEGER NOT NULL,
  counter INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE log_lines (
  job_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  step INTEGER NOT NULL,
  at TEXT NOT NULL,
  stream TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (job_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE manifests (
  server_id TEXT NOT NULL,
  service_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  entries TEXT NOT NULL,
  synced_at TEXT NOT NULL,
  PRIMARY KEY (server_id, service_id)
) STRICT;

-- Processes that run jobs now. The number is the fence: it only grows.
CREATE TABLE runners (
  fence INTEGER PRIMARY KEY AUTOINCREMENT,
  process TEXT NOT NULL,
  started_at TEXT NOT NULL,
  heartbeat_at TEXT NOT NULL
) STRICT;

CREATE TABLE leases (
  job_id TEXT PRIMARY KEY,
  fence INTEGER NOT NULL REFERENCES runners (fence),
  taken_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
