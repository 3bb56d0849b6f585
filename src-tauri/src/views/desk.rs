//! What every page needs at first.

use super::{
    AccountView, BaseSnapshotView, CertificateView, CommandError, ConfigurationView,
    DeploymentView, DomainView, EnvironmentView, JobView, KeyView, NoticeView, ProjectView,
    ReleaseView, ServerView, ServiceView, VariableView,
};
use plimsoll_engine::Engine;
use serde::{Deserialize, Serialize};
use specta::Type;

/// Every row of the nouns of which there are few.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DeskView {
    /// Every change up to here is in it.
    pub seq: i64,
    /// What people have to be told until they put it away, oldest first.
    pub notices: Vec<NoticeView>,
    /// The page that Plimsoll was started for by a link; told once.
    pub start_path: Option<String>,
    /// All projects.
    pub projects: Vec<ProjectView>,
    /// All environments.
    pub environments: Vec<EnvironmentView>,
    /// All services.
    pub services: Vec<ServiceView>,
    /// All variables, without the values of secrets.
    pub variables: Vec<VariableView>,
    /// All saved configurations.
    pub configurations: Vec<ConfigurationView>,
    /// All accounts.
    pub accounts: Vec<AccountView>,
    /// All key pairs, by their public halves.
    pub keys: Vec<KeyView>,
    /// All domains.
    pub domains: Vec<DomainView>,
    /// All certificates.
    pub certificates: Vec<CertificateView>,
    /// All servers.
    pub servers: Vec<ServerView>,
    /// All base snapshots.
    pub base_snapshots: Vec<BaseSnapshotView>,
    /// Hash of today's recipe: a server or base snapshot of another one is outdated.
    pub recipe_hash: String,
    /// Jobs that have not ended: queued, running, interrupted.
    pub jobs: Vec<JobView>,
    /// The newest deployment of each service in each environment, and the one that serves.
    pub deployments: Vec<DeploymentView>,
    /// The releases of these deployments.
    pub releases: Vec<ReleaseView>,
}

impl DeskView {
    /// Reads it. The number is read first, so that a change in between is told once more rather
    /// than never.
    pub async fn read(engine: &Engine) -> Result<Self, CommandError> {
        let seq = engine.last_seq().await?;
        let jobs = engine.jobs_underway().await?;
        let (deployments, releases) = engine.latest_deployments().await?;
        let certificates = engine.certificates().await?;
        let variables = engine.all_variables().await?;
        let configurations = engine.configurations().await?;
        let mut view = Self {
            seq,
            notices: views(engine.notices().await?),
            start_path: None,
            accounts: views(engine.accounts().await?),
            keys: views(engine.ssh_keys().await?),
            domains: views(engine.domains().await?),
            certificates: certificates
                .into_iter()
                .map(|state| state.certificate.into())
                .collect(),
            servers: views(engine.servers().await?),
            base_snapshots: engine
                .base_snapshots()
                .await?
                .into_iter()
                .map(|state| state.snapshot.into())
                .collect(),
            recipe_hash: engine.recipe_hash(),
            jobs: jobs.into_iter().map(Into::into).collect(),
            deployments: deployments.into_iter().map(Into::into).collect(),
            releases: releases.into_iter().map(Into::into).collect(),
            projects: Vec::new(),
            environments: Vec::new(),
            services: Vec::new(),
            variables: variables.into_iter().map(Into::into).collect(),
            configurations: configurations.into_iter().map(Into::into).collect(),
        };
        for project in engine.projects().await? {
            let environments = engine.environments(project.id).await?;
            view.environments
                .extend(environments.into_iter().map(Into::into));
            let services = engine.services(project.id).await?;
            view.services.extend(services.into_iter().map(Into::into));
            view.projects.push(project.into());
        }
        Ok(view)
    }
}

fn views<T, V: From<T>>(rows: Vec<T>) -> Vec<V> {
    rows.into_iter().map(Into::into).collect()
}
