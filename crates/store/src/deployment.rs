//! The history of deployments, filtered and paged; fast with ten thousand of them.

use crate::{Page, Result, Slice, Store, error::doing, log::containing, nouns::find, table::nouns};
use plimsoll_domain::{
    DeploymentId, EnvironmentId, InvalidId, ProjectId, ServiceId, Timestamp,
    deployment::{Deployment, DeploymentKind},
    job::JobStatus,
};
use sqlx::{Row, Sqlite, sqlite::SqliteArguments};

/// Which deployments; `None` does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeploymentFilter {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Of this environment.
    pub environment: Option<EnvironmentId>,
    /// Of this service.
    pub service: Option<ServiceId>,
    /// That stand here.
    pub status: Option<JobStatus>,
    /// That happened for this reason.
    pub kind: Option<DeploymentKind>,
    /// Asked for at this moment or later.
    pub since: Option<Timestamp>,
    /// Asked for before this moment.
    pub until: Option<Timestamp>,
    /// Whose project, environment, service, failure, id, commit or release (as `#12`) contains
    /// this, whatever the case of its ASCII letters.
    pub text: Option<String>,
}

/// A statement, and for the test the question how SQLite runs it.
pub(crate) struct Statement {
    pub(crate) run: &'static str,
    ids: &'static str,
    #[cfg(test)]
    pub(crate) explain: &'static str,
}

macro_rules! sql {
    ($before:literal, $what:literal, $lead:literal) => {
        concat!(
            $before,
            "SELECT ",
            $what,
            " FROM deployments WHERE ",
            $lead,
            " AND id < ?1 AND (?3 IS NULL OR project_id = ?3) \
             AND (?4 IS NULL OR environment_id = ?4) AND (?5 IS NULL OR service_id = ?5) \
             AND (?6 IS NULL OR status = ?6) AND (?7 IS NULL OR kind = ?7) \
             AND (?8 IS NULL OR created_at >= ?8) AND (?9 IS NULL OR created_at < ?9) \
             AND (?10 IS NULL OR id LIKE ?10 ESCAPE '\\' OR failure LIKE ?10 ESCAPE '\\' OR \
              EXISTS (SELECT 1 FROM services WHERE services.id = deployments.service_id \
               AND services.name LIKE ?10 ESCAPE '\\') OR \
              EXISTS (SELECT 1 FROM environments WHERE environments.id = environment_id \
               AND environments.name LIKE ?10 ESCAPE '\\') OR \
              EXISTS (SELECT 1 FROM projects WHERE projects.id = deployments.project_id \
               AND projects.name LIKE ?10 ESCAPE '\\') OR \
              EXISTS (SELECT 1 FROM releases WHERE releases.id = release_id \
               AND ('#' || releases.number LIKE ?10 ESCAPE '\\' \
                OR releases.provenance ->> 'commit' LIKE ?10 ESCAPE '\\'))) \
             ORDER BY id DESC LIMIT ?2"
        )
    };
}

/// One statement for each leading cell, so that each uses the index that begins with it. Ids grow
/// with time, so that their order is the order of the history.
macro_rules! page_by {
    ($lead:literal) => {
        Statement {
            run: sql!("", "*", $lead),
            ids: sql!("", "id", $lead),
            #[cfg(test)]
            explain: sql!("EXPLAIN QUERY PLAN ", "*", $lead),
        }
    };
}

/// The statement whose index leaves the fewest rows.
pub(crate) fn statement(filter: &DeploymentFilter) -> Statement {
    if filter.service.is_some() {
        page_by!("service_id = ?5")
    } else if filter.environment.is_some() {
        page_by!("environment_id = ?4")
    } else if filter.project.is_some() {
        page_by!("project_id = ?3")
    } else if filter.status.is_some() {
        page_by!("status = ?6")
    } else {
        page_by!("true")
    }
}

/// The text that a unit variant is stored as.
pub(crate) fn word<T: serde::Serialize>(value: Option<T>) -> Option<String> {
    let value = serde_json::to_value(value?).ok()?;
    value.as_str().map(str::to_owned)
}

impl Store {
    /// The newest deployment of each service in each environment, and the last one of each that
    /// succeeded.
    pub async fn latest_deployments(&self) -> Result<Vec<Deployment>> {
        let sql = "SELECT * FROM deployments WHERE id IN \
                   (SELECT max(id) FROM deployments GROUP BY environment_id, service_id \
                    UNION SELECT max(id) FROM deployments WHERE status = 'succeeded' \
                    GROUP BY environment_id, service_id) ORDER BY id";
        find!(self, many, sql)
    }

    /// A page of deployments, newest first.
    pub async fn deployments(
        &self,
        filter: &DeploymentFilter,
        page: &Page,
    ) -> Result<Slice<Deployment>> {
        let limit = page.limit.saturating_add(1);
        let rows = bound(statement(filter).run, filter, page.bound(), limit)
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("list deployments"))?;
        Ok(Slice::cut(
            nouns(&rows)?,
            page,
            |deployment: &Deployment| deployment.id.to_string(),
        ))
    }

    /// The ids of all deployments that a filter lets through, newest first: for lists that show any
    /// part of them.
    pub async fn deployment_ids(&self, filter: &DeploymentFilter) -> Result<Vec<DeploymentId>> {
        let first = Page::first(0);
        let rows = bound(statement(filter).ids, filter, first.bound(), u32::MAX)
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("list the ids of deployments"))?;
        rows.iter()
            .map(|row| {
                let id: String = row.try_get("id")?;
                id.parse()
                    .map_err(|error: InvalidId| sqlx::Error::Decode(error.into()))
            })
            .collect::<std::result::Result<_, _>>()
            .map_err(doing("read the id of a deployment"))
    }
}

type Asked<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

fn bound<'q>(
    sql: &'static str,
    filter: &DeploymentFilter,
    before: &'q str,
    limit: u32,
) -> Asked<'q> {
    sqlx::query(sql)
        .bind(before)
        .bind(limit)
        .bind(filter.project.map(|id| id.to_string()))
        .bind(filter.environment.map(|id| id.to_string()))
        .bind(filter.service.map(|id| id.to_string()))
        .bind(word(filter.status))
        .bind(word(filter.kind))
        .bind(filter.since.map(|at| at.to_string()))
        .bind(filter.until.map(|at| at.to_string()))
        .bind(filter.text.as_deref().map(containing))
}
