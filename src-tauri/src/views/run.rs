//! What runs on this machine.

use super::{CommandError, ProjectId, ServiceId, mirror::mirror};
use plimsoll_domain::run::RunPart;
use plimsoll_engine::{RunHold, RunSeen, Runs};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// Whose a container is.
    RunHoldView of RunHold {
        /// A process of this installation that still runs.
        Held,
        /// Nobody's, but somebody asked to leave it running.
        Kept,
        /// Nobody's: its process ended without a word.
        LeftOver,
    }
}

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum RunPartView {
    /// A service.
    Service,
    /// The release command of a service.
    Release,
    /// The database of a project.
    Database,
}

/// A container that runs, or ran, on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct RunView {
    /// Its name.
    pub name: String,
    /// The project.
    pub project_id: ProjectId,
    /// The project's name when it was started; the project may be gone.
    pub project: String,
    /// What it is for.
    pub part: RunPartView,
    /// The service.
    pub service_id: Option<ServiceId>,
    /// The service's name.
    pub service: Option<String>,
    /// Whether it runs.
    pub running: bool,
    /// Whether it was ended because it needed too much memory.
    pub oom_killed: bool,
    /// How it ended.
    pub exit_code: Option<i64>,
    /// When it was started; empty when it never was.
    pub started_at: String,
    /// Where a browser finds it.
    pub url: Option<String>,
    /// Whose it is.
    pub hold: RunHoldView,
    /// The process that holds it, in its own words, where that is another than this one.
    pub holder: Option<String>,
    /// Whether it is started again when its files change.
    pub watched: bool,
}

/// Everything that runs on this machine, or why that cannot be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct RunsView {
    /// Containers, by name.
    pub containers: Vec<RunView>,
    /// Volumes with data of the project that was asked about.
    pub volumes: Vec<String>,
    /// How many networks a crash has left.
    pub networks_left: u32,
    /// Why nothing can be told: there is no Docker, for one.
    pub failure: Option<CommandError>,
}

impl RunsView {
    /// What runs, with what is watched.
    pub fn new(runs: Runs, watched: &[plimsoll_domain::ServiceId]) -> Self {
        Self {
            containers: runs
                .containers
                .into_iter()
                .filter_map(|seen| RunView::new(seen, watched))
                .collect(),
            volumes: runs.volumes.into_iter().map(|volume| volume.name).collect(),
            networks_left: u32::try_from(runs.networks.len()).unwrap_or(u32::MAX),
            failure: None,
        }
    }

    /// Nothing can be told.
    pub fn failed(failure: CommandError) -> Self {
        Self {
            containers: Vec::new(),
            volumes: Vec::new(),
            networks_left: 0,
            failure: Some(failure),
        }
    }
}

impl RunView {
    fn new(seen: RunSeen, watched: &[plimsoll_domain::ServiceId]) -> Option<Self> {
        let container = seen.container;
        let (part, service) = match container.mark.part {
            RunPart::Service { service_id, name } => {
                (RunPartView::Service, Some((service_id, name)))
            }
            RunPart::Release { service_id, name } => {
                (RunPartView::Release, Some((service_id, name)))
            }
            RunPart::Database => (RunPartView::Database, None),
            RunPart::Network | RunPart::Volume { .. } | RunPart::DatabaseVolume => return None,
        };
        let id = service.as_ref().map(|(id, _)| *id);
        Some(Self {
            name: container.name,
            project_id: container.mark.project_id.into(),
            project: container.mark.project.to_string(),
            part,
            service_id: id.map(Into::into),
            service: service.map(|(_, name)| name.to_string()),
            running: container.running,
            oom_killed: container.oom_killed,
            exit_code: container.exit_code,
            started_at: container.started_at,
            url: seen.url,
            hold: seen.hold.into(),
            holder: seen.holder,
            watched: id.is_some_and(|id| watched.contains(&id)),
        })
    }
}
