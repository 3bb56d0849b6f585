//! The nouns in their tables, and how they are found.

mod project;
mod release;
mod server;
mod service;
mod version;

use crate::{
    Result, Store,
    error::doing,
    table::{Noun, Table, noun_of, nouns, table},
};
use plimsoll_domain::{
    AuditId, CertificateId, ConfigurationId, DeploymentId, DomainId, EnvironmentId, JobId,
    ProjectId, ProviderAccountId, ReleaseId, ServerId, ServiceId, SnapshotId, SshKeyId, VariableId,
    VersionId,
    audit::AuditEntry,
    deployment::Deployment,
    dns::{Certificate, Domain},
    job::Job,
    project::{Configuration, Environment, Project, Service, Variable},
    release::Release,
    server::{BaseSnapshot, ProviderAccount, Server, SshKey},
    version::Version,
};
use sqlx::sqlite::SqliteRow;

macro_rules! nouns {
    ($($constant:ident = $noun:ty, $id:ty, $table:literal { $($cells:tt)* };)*) => {$(
        static $constant: Table = table!($table { $($cells)* });
        impl Noun for $noun {
            type Id = $id;
            const TABLE: &'static Table = &$constant;
            fn row_id(&self) -> String {
                self.id.to_string()
            }
        }
    )*};
}

nouns! {
    PROVIDER_ACCOUNTS = ProviderAccount, ProviderAccountId, "provider_accounts" {
        Text provider, Text name, Json endpoint, Text owner, Text created_at
    };
    SSH_KEYS = SshKey, SshKeyId, "ssh_keys" { Text name, Text public, Text created_at };
    SERVERS = Server, ServerId, "servers" {
        Text name, Text account_id, Text provider_ref, Text region, Text size,
        Int price_cents_month, Json ssh, Text reserved_ip, Text state, Text recipe_hash,
        Text created_at
    };
    PROJECTS = Project, ProjectId, "projects" {
        Text name, Text active_version_id, Json settings, Text created_at
    };
    ENVIRONMENTS = Environment, EnvironmentId, "environments" {
        Text project_id, Text name, Json server_ids, Text created_at
    };
    SERVICES = Service, ServiceId, "services" {
        Text project_id, Text name, Json source, Json spec, Text created_at
    };
    VARIABLES = Variable, VariableId, "variables" {
        Text environment_id, Text service_id, Text name, Text value, Flag secret, Text sealed,
        Text updated_at
    };
    CONFIGURATIONS = Configuration, ConfigurationId, "configurations" {
        Text name, Json spec, Json variables, Text created_at
    };
    CERTIFICATES = Certificate, CertificateId, "certificates" {
        Text account_id, Text provider_ref, Json hosts, Text chain_pem, Text sealed_key,
        Text expires_at
    };
    DOMAINS = Domain, DomainId, "domains" {
        Text environment_id, Text service_id, Text host, Text account_id, Text zone_ref,
        Text certificate_id, Text created_at
    };
    BASE_SNAPSHOTS = BaseSnapshot, SnapshotId, "base_snapshots" {
        Text account_id, Text provider_ref, Text recipe_hash, Json regions, Int size_bytes,
        Int min_disk_gib, Text created_at
    };
    JOBS = Job, JobId, "jobs" {
        Text plan_id, Text queue, Text target, Text title, Text status, Text direction,
        Text on_failure, Flag cancel_requested, Json error, Text created_at, Text started_at,
        Text finished_at
    };
    DEPLOYMENTS = Deployment, DeploymentId, "deployments" {
        Text environment_id, Text service_id, Text release_id, Text kind, Text status, Text job_id,
        Json server_ids, Text failure, Text created_at, Text finished_at
    };
    RELEASES = Release, ReleaseId, "releases" {
        Text environment_id, Text service_id, Text deployment_id, Int number, Text image,
        Int image_bytes, Json source, Json provenance, Json spec, Json variables, Text created_at
    };
    VERSIONS = Version, VersionId, "versions" {
        Text project_id, Int number, Text root, Text message, Text cause, Text name, Flag pinned,
        Text author, Int files, Int bytes, Int added_bytes, Text created_at
    };
    AUDIT_ENTRIES = AuditEntry, AuditId, "audit_entries" {
        Int number, Text device, Text at, Text author, Text act, Text subject, Json details,
        Text previous_hash, Text hash
    };
}

/// Every table that the change log covers.
pub(crate) static SYNCED: [&Table; 18] = [
    &PROVIDER_ACCOUNTS,
    &SSH_KEYS,
    &SERVERS,
    &PROJECTS,
    &ENVIRONMENTS,
    &SERVICES,
    &VARIABLES,
    &CONFIGURATIONS,
    &CERTIFICATES,
    &DOMAINS,
    &BASE_SNAPSHOTS,
    &crate::job::PLANS,
    &JOBS,
    &crate::job::JOB_STEPS,
    &DEPLOYMENTS,
    &RELEASES,
    &VERSIONS,
    &AUDIT_ENTRIES,
];

/// Reads through a reading connection: a static statement with its parameters.
macro_rules! find {
    ($store:expr, one, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::nouns::at_most_one(
            sqlx::query($sql)$(.bind($value))*
                .fetch_optional(&mut *$store.reader().await?)
                .await,
        )
    };
    ($store:expr, many, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::nouns::as_many(
            sqlx::query($sql)$(.bind($value))*
                .fetch_all(&mut *$store.reader().await?)
                .await,
        )
    };
}
pub(crate) use find;

pub(crate) fn at_most_one<N: Noun>(
    answer: std::result::Result<Option<SqliteRow>, sqlx::Error>,
) -> Result<Option<N>> {
    answer
        .map_err(doing("find a row"))?
        .map(|row| noun_of(crate::table::cells_in(N::TABLE, &row)?))
        .transpose()
}

pub(crate) fn as_many<N: Noun>(
    answer: std::result::Result<Vec<SqliteRow>, sqlx::Error>,
) -> Result<Vec<N>> {
    nouns(&answer.map_err(doing("find rows"))?)
}

impl Store {
    /// One text of one row: for cells that their noun does not show.
    pub(crate) async fn sealed_text(&self, sql: &'static str, id: &str) -> Result<Option<String>> {
        let found: Option<Option<String>> = sqlx::query_scalar(sql)
            .bind(id)
            .fetch_optional(&mut *self.reader().await?)
            .await
            .map_err(doing("read a sealed value"))?;
        Ok(found.flatten())
    }
}
