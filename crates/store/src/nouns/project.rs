//! Projects, environments, and saved configurations.

use super::find;
use crate::{Result, Store};
use plimsoll_domain::{
    ProjectId, ServerId,
    name::Name,
    project::{Configuration, Environment, Project},
};

impl Store {
    /// The project of this name.
    pub async fn project_by_name(&self, name: &Name) -> Result<Option<Project>> {
        let sql = "SELECT * FROM projects WHERE name = ?1 AND deleted_at IS NULL";
        find!(self, one, sql, name.as_str())
    }

    /// The environments of a project, oldest first.
    pub async fn environments_of(&self, project: ProjectId) -> Result<Vec<Environment>> {
        let sql = "SELECT * FROM environments WHERE project_id = ?1 AND deleted_at IS NULL \
                   ORDER BY id";
        find!(self, many, sql, project.to_string())
    }

    /// The environment of this name in a project.
    pub async fn environment_by_name(
        &self,
        project: ProjectId,
        name: &Name,
    ) -> Result<Option<Environment>> {
        let sql = "SELECT * FROM environments \
                   WHERE project_id = ?1 AND name = ?2 AND deleted_at IS NULL";
        find!(self, one, sql, project.to_string(), name.as_str())
    }

    /// The environments that use a server, oldest first.
    pub async fn environments_on(&self, server: ServerId) -> Result<Vec<Environment>> {
        let sql = "SELECT * FROM environments WHERE deleted_at IS NULL \
                   AND EXISTS (SELECT 1 FROM json_each(server_ids) WHERE value = ?1) ORDER BY id";
        find!(self, many, sql, server.to_string())
    }

    /// The saved configuration of this name.
    pub async fn configuration_by_name(&self, name: &Name) -> Result<Option<Configuration>> {
        let sql = "SELECT * FROM configurations WHERE name = ?1 AND deleted_at IS NULL";
        find!(self, one, sql, name.as_str())
    }
}
