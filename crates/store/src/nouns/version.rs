//! Versions of projects' files.

use super::find;
use crate::{Result, Store};
use plimsoll_domain::{ProjectId, version::Version};

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
            .map_err(crate::error::doing("number a version"))
    }
}
