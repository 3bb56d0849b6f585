//! What every page needs at first.

use super::{CommandError, EnvironmentView, ProjectView, ServiceView};
use plimsoll_engine::Engine;
use serde::{Deserialize, Serialize};
use specta::Type;

/// Every row of the nouns of which there are few.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DeskView {
    /// Every change up to here is in it.
    pub seq: i64,
    /// All projects.
    pub projects: Vec<ProjectView>,
    /// All environments.
    pub environments: Vec<EnvironmentView>,
    /// All services.
    pub services: Vec<ServiceView>,
}

impl DeskView {
    /// Reads it. The number is read first, so that a change in between is told once more rather
    /// than never.
    pub async fn read(engine: &Engine) -> Result<Self, CommandError> {
        let seq = engine.last_seq().await?;
        let mut view = Self {
            seq,
            projects: Vec::new(),
            environments: Vec::new(),
            services: Vec::new(),
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
