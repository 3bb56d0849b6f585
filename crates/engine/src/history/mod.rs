//! Looking back: jobs, deployments, releases, logs, the audit.

mod compare;
mod list;
mod logs;

pub use compare::{Comparison, Difference, FileDifference, VariableDifference};
pub use list::{DeploymentDetail, DeploymentRow, ReleaseRow};

use crate::{Engine, Result, deploy::here};
use plimsoll_domain::{
    DeploymentId, EnvironmentId, JobId, ReleaseId, ServiceId,
    audit::AuditEntry,
    change::Change,
    deployment::Deployment,
    job::{Job, JobStatus, JobStep},
    release::Release,
};
use plimsoll_store::{AuditFilter, AuditReport, DeploymentFilter, JobFilter, LogLine, Page, Slice};
use std::collections::BTreeSet;
use tokio::sync::watch;

impl Engine {
    /// A job.
    pub async fn job(&self, id: JobId) -> Result<Job> {
        self.find_the_dead().await?;
        Ok(self.world.store.need::<Job>(&id).await?)
    }

    /// The steps of a job, first to last.
    pub async fn steps(&self, id: JobId) -> Result<Vec<JobStep>> {
        self.job(id).await?;
        Ok(self.world.store.steps(id).await?)
    }

    /// Jobs, newest first.
    pub async fn jobs(&self, filter: &JobFilter, page: &Page) -> Result<Slice<Job>> {
        self.find_the_dead().await?;
        Ok(self.world.store.jobs(filter, page).await?)
    }

    /// Jobs that have not ended: queued, running and interrupted ones, newest first.
    pub async fn jobs_underway(&self) -> Result<Vec<Job>> {
        self.find_the_dead().await?;
        let mut all = Vec::new();
        for status in [
            JobStatus::Running,
            JobStatus::Queued,
            JobStatus::Interrupted,
        ] {
            all.extend(self.jobs_that_are(status).await?);
        }
        all.sort_by_key(|job| std::cmp::Reverse(job.id));
        Ok(all)
    }

    /// All jobs that stand here, newest first.
    pub(crate) async fn jobs_that_are(&self, status: JobStatus) -> Result<Vec<Job>> {
        let filter = JobFilter {
            status: Some(status),
            ..JobFilter::default()
        };
        let mut all = Vec::new();
        let mut page = Page::first(100);
        loop {
            let slice = self.world.store.jobs(&filter, &page).await?;
            all.extend(slice.items);
            page.before = slice.next;
            if page.before.is_none() {
                return Ok(all);
            }
        }
    }

    /// The newest deployment of each service in each environment and the one that serves there,
    /// with their releases.
    pub async fn latest_deployments(&self) -> Result<(Vec<Deployment>, Vec<Release>)> {
        let deployments = self.world.store.latest_deployments().await?;
        let ids: BTreeSet<ReleaseId> = deployments
            .iter()
            .filter_map(|deployment| deployment.release_id)
            .collect();
        let mut releases = Vec::with_capacity(ids.len());
        for id in ids {
            releases.extend(self.world.store.get::<Release>(&id).await?);
        }
        Ok((deployments, releases))
    }

    /// Log lines of a job, or of one of its steps, after a line.
    pub async fn logs(
        &self,
        id: JobId,
        step: Option<u32>,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<LogLine>> {
        Ok(self.world.store.logs(id, step, after_seq, limit).await?)
    }

    /// Deployments, newest first.
    pub async fn deployments(
        &self,
        filter: &DeploymentFilter,
        page: &Page,
    ) -> Result<Slice<Deployment>> {
        self.find_the_dead().await?;
        Ok(self.world.store.deployments(filter, page).await?)
    }

    /// A deployment.
    pub async fn deployment(&self, id: DeploymentId) -> Result<Deployment> {
        self.find_the_dead().await?;
        Ok(self.world.store.need::<Deployment>(&id).await?)
    }

    /// The deployment that a job does, where it does one.
    pub async fn deployment_of_job(&self, id: JobId) -> Result<Option<Deployment>> {
        Ok(self.world.store.deployment_of_job(id).await?)
    }

    /// The deployment that serves.
    pub async fn serving(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Option<Deployment>> {
        Ok(self.world.store.serving(environment, service).await?)
    }

    /// Releases of a service in an environment, newest first, as many as are kept.
    pub async fn releases(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Vec<Release>> {
        here(&self.world, environment, service).await?;
        let limit = self.world.settings.keep_releases;
        Ok(self
            .world
            .store
            .releases_of(environment, service, None, limit)
            .await?)
    }

    /// Entries of the audit log, newest first.
    pub async fn audit(&self, filter: &AuditFilter, page: &Page) -> Result<Slice<AuditEntry>> {
        Ok(self.world.store.audit(filter, page).await?)
    }

    /// Whether the audit log's chain is whole.
    pub async fn verify_audit(&self) -> Result<AuditReport> {
        Ok(self.world.store.verify_audit().await?)
    }

    /// Changes after a sequence number, for views that follow.
    pub async fn changes_since(&self, seq: i64, limit: u32) -> Result<Vec<Change>> {
        Ok(self.world.store.changes_since(seq, limit).await?)
    }

    /// Wakes on every change: of this process at once, of another one within half a second.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.world.store.written()
    }
}
