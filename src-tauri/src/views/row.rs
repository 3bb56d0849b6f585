//! A row of any noun, as the change event carries it.

use super::{
    AccountView, BaseSnapshotView, CertificateView, ConfigurationView, DeploymentView, DomainView,
    EnvironmentView, JobView, KeyView, ProjectView, ReleaseView, ServerView, ServiceView,
    VariableView, VersionView,
};
use plimsoll_engine::{AnyRow, ChangedRow};
use serde::{Deserialize, Serialize};
use specta::Type;

/// A row that changed.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The noun and how the row is now.
    pub row: RowView,
}

/// How a row is now; none when it was deleted.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "noun", content = "now", rename_all = "snake_case")]
pub enum RowView {
    /// A project.
    Project(Option<ProjectView>),
    /// An environment.
    Environment(Option<EnvironmentView>),
    /// A service.
    Service(Option<ServiceView>),
    /// A variable.
    Variable(Option<VariableView>),
    /// A saved configuration.
    Configuration(Option<ConfigurationView>),
    /// A login at a provider.
    Account(Option<AccountView>),
    /// A key pair.
    Key(Option<KeyView>),
    /// A domain.
    Domain(Option<DomainView>),
    /// A certificate.
    Certificate(Option<CertificateView>),
    /// A server.
    Server(Option<ServerView>),
    /// A base snapshot.
    BaseSnapshot(Option<BaseSnapshotView>),
    /// A job.
    Job(Option<JobView>),
    /// A deployment.
    Deployment(Option<DeploymentView>),
    /// A release.
    Release(Option<ReleaseView>),
    /// A version of a project's files.
    Version(Option<VersionView>),
}

impl RowView {
    /// The row as the pages are told of it; `None` for nouns that no page shows.
    pub fn told(changed: ChangedRow) -> Option<Row> {
        let row = match changed.now {
            Some(now) => Self::now(now),
            None => Self::gone(&changed.noun)?,
        };
        Some(Row {
            id: changed.id,
            row,
        })
    }

    fn now(row: AnyRow) -> Self {
        match row {
            AnyRow::Project(project) => Self::Project(Some(project.into())),
            AnyRow::Environment(environment) => Self::Environment(Some(environment.into())),
            AnyRow::Service(service) => Self::Service(Some(service.into())),
            AnyRow::Variable(variable) => Self::Variable(Some(variable.into())),
            AnyRow::Configuration(configuration) => Self::Configuration(Some(configuration.into())),
            AnyRow::ProviderAccount(account) => Self::Account(Some(account.into())),
            AnyRow::SshKey(key) => Self::Key(Some(key.into())),
            AnyRow::Domain(domain) => Self::Domain(Some(domain.into())),
            AnyRow::Certificate(certificate) => Self::Certificate(Some(certificate.into())),
            AnyRow::Server(server) => Self::Server(Some(server.into())),
            AnyRow::BaseSnapshot(snapshot) => Self::BaseSnapshot(Some(snapshot.into())),
            AnyRow::Job(job) => Self::Job(Some(job.into())),
            AnyRow::Deployment(deployment) => Self::Deployment(Some(deployment.into())),
            AnyRow::Release(release) => Self::Release(Some(release.into())),
            AnyRow::Version(version) => Self::Version(Some(version.into())),
        }
    }

    fn gone(noun: &str) -> Option<Self> {
        Some(match noun {
            "projects" => Self::Project(None),
            "environments" => Self::Environment(None),
            "services" => Self::Service(None),
            "variables" => Self::Variable(None),
            "configurations" => Self::Configuration(None),
            "provider_accounts" => Self::Account(None),
            "ssh_keys" => Self::Key(None),
            "domains" => Self::Domain(None),
            "certificates" => Self::Certificate(None),
            "servers" => Self::Server(None),
            "base_snapshots" => Self::BaseSnapshot(None),
            "jobs" => Self::Job(None),
            "deployments" => Self::Deployment(None),
            "releases" => Self::Release(None),
            "versions" => Self::Version(None),
            _ => return None,
        })
    }
}
