//! Versions of projects' files.

use super::find;
use crate::{Result, Store, error::doing};
use plimsoll_domain::{ProjectId, VersionId, version::Version};
use std::collections::{BTreeSet, HashMap};

impl Store {
    /// The versions of a project, newest first.
    pub async fn versions_of(&self, project: ProjectId) -> Result<Vec<Version>> {
        let sql = "SELECT * FROM versions WHERE project_id = ?1 AND deleted_at IS NULL \
                   ORDER BY number DESC";
        find!(self, many, sql, project.to_string())
    }

    /// The version of this number.
    pub async fn version_by_number(
        &self,
        project: ProjectId,
        number: u32,
    ) -> Result<Option<Version>> {
        let sql = "SELECT * FROM versions \
                   WHERE project_id = ?1 AND number = ?2 AND deleted_at IS NULL";
        find!(self, one, sql, project.to_string(), number)
    }

    /// The highest number that a version of a project ever had; pruned ones count.
    pub async fn last_version_number(&self, project: ProjectId) -> Result<u32> {
        sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM versions WHERE project_id = ?1")
            .bind(project.to_string())
            .fetch_one(&mut *self.reader().await?)
            .await
            .map_err(doing("number a version"))
    }

    /// The numbers that the versions of a project have or ever had.
    pub async fn version_numbers(&self, project: ProjectId) -> Result<BTreeSet<u32>> {
        let numbers: Vec<u32> =
            sqlx::query_scalar("SELECT number FROM versions WHERE project_id = ?1")
                .bind(project.to_string())
                .fetch_all(&mut *self.reader().await?)
                .await
                .map_err(doing("list the numbers of versions"))?;
        Ok(numbers.into_iter().collect())
    }

    /// Every version that there is a row of, and whether it is there: the row of one that was let go
    /// stays, buried.
    pub async fn version_rows(&self) -> Result<HashMap<VersionId, bool>> {
        let rows: Vec<(String, bool)> =
            sqlx::query_as("SELECT id, deleted_at IS NULL FROM versions")
                .fetch_all(&mut *self.reader().await?)
                .await
                .map_err(doing("list versions"))?;
        let read = |(id, is_there): (String, bool)| Some((id.parse().ok()?, is_there));
        Ok(rows.into_iter().filter_map(read).collect())
    }
}
