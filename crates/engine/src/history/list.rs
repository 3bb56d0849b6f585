//! The history as a list that shows any part of itself, with the names that its rows had.

use crate::{Engine, Result, error::EngineError};
use plimsoll_domain::{
    DeploymentId, EnvironmentId, JobId, ProjectId, ReleaseId, ServiceId,
    deployment::Deployment,
    name::Name,
    project::{Environment, Project, Service},
    release::Release,
    source::SavedAs,
};
use plimsoll_store::{DeploymentFilter, Noun, Store};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, btree_map::Entry};

/// Most rows that are answered at once.
const ROWS: usize = 500;

/// A deployment with what a list says about it, also when its service is gone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentRow {
    /// The deployment.
    pub deployment: Deployment,
    /// The project.
    pub project_id: ProjectId,
    /// Its name.
    pub project: Name,
    /// The environment's name.
    pub environment: Name,
    /// The service's name.
    pub service: Name,
    /// The release's number, once there is one.
    pub number: Option<u32>,
    /// The release's commit, where there is one.
    pub commit: Option<String>,
    /// The version of the project's files that the release came from, where it came from them.
    pub version: Option<SavedAs>,
    /// Whether it serves now.
    pub serves: bool,
}

/// A release of a service, and whether it can be gone back to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseRow {
    /// The release.
    pub release: Release,
    /// Whether it serves now.
    pub serves: bool,
}

/// A deployment with its release and what else is kept of its service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentDetail {
    /// The deployment.
    pub row: DeploymentRow,
    /// Its release, once there is one.
    pub release: Option<Release>,
    /// The releases of its service that are kept, newest first.
    pub kept: Vec<ReleaseRow>,
}

impl Engine {
    /// A deployment, its release and what else is kept of its service.
    pub async fn deployment_detail(&self, id: DeploymentId) -> Result<DeploymentDetail> {
        let deployment = self.deployment(id).await?;
        let store = &self.world.store;
        let (environment, service) = (deployment.environment_id, deployment.service_id);
        let release = match deployment.release_id {
            Some(id) => store.get::<Release>(&id).await?,
            None => None,
        };
        // Of a service that is gone nothing can be gone back to.
        let kept = match store.get::<Service>(&service).await? {
            Some(_) => self.kept_releases(environment, service).await?,
            None => Vec::new(),
        };
        Ok(DeploymentDetail {
            row: Known::default().row(store, deployment).await?,
            release,
            kept,
        })
    }

    /// The deployment that a job does, as lists show it.
    pub async fn deployment_row_of(&self, job: JobId) -> Result<Option<DeploymentRow>> {
        match self.deployment_of_job(job).await? {
            Some(deployment) => Ok(Some(
                Known::default().row(&self.world.store, deployment).await?,
            )),
            None => Ok(None),
        }
    }

    /// The ids of all deployments that a filter lets through, newest first.
    pub async fn deployment_ids(&self, filter: &DeploymentFilter) -> Result<Vec<DeploymentId>> {
        self.find_the_dead().await?;
        Ok(self.world.store.deployment_ids(filter).await?)
    }

    /// Deployments by their ids, in this order; those that are not there are left out.
    pub async fn deployment_rows(&self, ids: &[DeploymentId]) -> Result<Vec<DeploymentRow>> {
        let store = &self.world.store;
        let mut known = Known::default();
        let mut rows = Vec::with_capacity(ids.len().min(ROWS));
        for id in ids.iter().take(ROWS) {
            if let Some(deployment) = store.get::<Deployment>(id).await? {
                rows.push(known.row(store, deployment).await?);
            }
        }
        Ok(rows)
    }

    /// A release.
    pub async fn release(&self, id: ReleaseId) -> Result<Release> {
        Ok(self.world.store.need::<Release>(&id).await?)
    }

    /// The releases of a service in an environment that are kept, newest first.
    pub async fn kept_releases(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Vec<ReleaseRow>> {
        let serving = self.serving(environment, service).await?;
        let serving = serving.and_then(|deployment| deployment.release_id);
        let mut releases = self.releases(environment, service).await?;
        // The one that serves keeps its image however old it is.
        if let Some(id) = serving
            && releases.iter().all(|release| release.id != id)
            && let Some(release) = self.world.store.get::<Release>(&id).await?
        {
            releases.push(release);
        }
        Ok(releases
            .into_iter()
            .map(|release| ReleaseRow {
                serves: serving == Some(release.id),
                release,
            })
            .collect())
    }
}

/// What rows share, each read once.
#[derive(Default)]
struct Known {
    environments: BTreeMap<EnvironmentId, Environment>,
    services: BTreeMap<ServiceId, Service>,
    projects: BTreeMap<ProjectId, Project>,
    serving: BTreeMap<(EnvironmentId, ServiceId), Option<DeploymentId>>,
}

impl Known {
    async fn row(&mut self, store: &Store, deployment: Deployment) -> Result<DeploymentRow> {
        let (environment_id, service_id) = (deployment.environment_id, deployment.service_id);
        let environment = cached(&mut self.environments, store, environment_id).await?;
        let service = cached(&mut self.services, store, service_id).await?;
        let project = cached(&mut self.projects, store, environment.project_id).await?;
        let spot = (environment_id, service_id);
        if let Entry::Vacant(unknown) = self.serving.entry(spot) {
            let serving = store.serving(environment_id, service_id).await?;
            unknown.insert(serving.map(|serving| serving.id));
        }
        let release = match deployment.release_id {
            Some(id) => store.get::<Release>(&id).await?,
            None => None,
        };
        Ok(DeploymentRow {
            project_id: project.id,
            project: project.name,
            environment: environment.name,
            service: service.name,
            number: release.as_ref().map(|release| release.number),
            version: release
                .as_ref()
                .and_then(|release| release.provenance.version),
            commit: release.and_then(|release| release.provenance.commit),
            serves: self.serving.get(&spot) == Some(&Some(deployment.id)),
            deployment,
        })
    }
}

async fn cached<N>(known: &mut BTreeMap<N::Id, N>, store: &Store, id: N::Id) -> Result<N>
where
    N: Noun + Clone + DeserializeOwned,
    N::Id: Ord + Copy,
{
    if let Some(noun) = known.get(&id) {
        return Ok(noun.clone());
    }
    let noun = store.get_any::<N>(&id).await?.ok_or_else(|| {
        EngineError::not_found("store_not_found", format!("There is no {id} any more."))
    })?;
    known.insert(id, noun.clone());
    Ok(noun)
}
