//! Releases, and what serves now.

use super::find;
use crate::{Result, Store, Write, error::doing};
use plimsoll_domain::{
    DeploymentId, EnvironmentId, JobId, ServiceId, deployment::Deployment, release::Release,
};

impl Store {
    /// The releases of a service in an environment with smaller numbers than `before_number`,
    /// newest first.
    pub async fn releases_of(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        before_number: Option<u32>,
        limit: u32,
    ) -> Result<Vec<Release>> {
        let sql = "SELECT * FROM releases WHERE environment_id = ?1 AND service_id = ?2 \
                   AND number < ?3 AND deleted_at IS NULL ORDER BY number DESC LIMIT ?4";
        let (environment, service) = (environment.to_string(), service.to_string());
        let before = before_number.map_or(i64::MAX, i64::from);
        find!(self, many, sql, environment, service, before, limit)
    }

    /// The release of this number of a service in an environment.
    pub async fn release_by_number(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
        number: u32,
    ) -> Result<Option<Release>> {
        let sql = "SELECT * FROM releases WHERE environment_id = ?1 AND service_id = ?2 \
                   AND number = ?3 AND deleted_at IS NULL";
        let (environment, service) = (environment.to_string(), service.to_string());
        find!(self, one, sql, environment, service, number)
    }

    /// The newest release of a service in an environment.
    pub async fn latest_release(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Option<Release>> {
        let found = self.releases_of(environment, service, None, 1).await?;
        Ok(found.into_iter().next())
    }

    /// The deployment that serves now: the last one that succeeded.
    pub async fn serving(
        &self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<Option<Deployment>> {
        let sql = "SELECT * FROM deployments WHERE service_id = ?1 AND environment_id = ?2 \
                   AND status = 'succeeded' ORDER BY id DESC LIMIT 1";
        find!(self, one, sql, service.to_string(), environment.to_string())
    }

    /// The deployment that a job does.
    pub async fn deployment_of_job(&self, job: JobId) -> Result<Option<Deployment>> {
        let sql = "SELECT * FROM deployments WHERE job_id = ?1 ORDER BY id LIMIT 1";
        find!(self, one, sql, job.to_string())
    }
}

impl Write {
    /// The newest deployment's id, for [`DeploymentId::mint_after`].
    pub async fn latest_deployment_id(&mut self) -> Result<Option<DeploymentId>> {
        let id: Option<String> = sqlx::query_scalar("SELECT max(id) FROM deployments")
            .fetch_one(&mut *self.transaction)
            .await
            .map_err(doing("find the newest deployment"))?;
        Ok(id.and_then(|id| id.parse().ok()))
    }

    /// The number that the next release of a service in an environment gets, from 1.
    pub async fn next_release_number(
        &mut self,
        environment: EnvironmentId,
        service: ServiceId,
    ) -> Result<u32> {
        sqlx::query_scalar(
            "SELECT coalesce(max(number), 0) + 1 FROM releases \
             WHERE environment_id = ?1 AND service_id = ?2",
        )
        .bind(environment.to_string())
        .bind(service.to_string())
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(doing("number a release"))
    }
}
