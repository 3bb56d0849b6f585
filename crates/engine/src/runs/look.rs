//! What runs here and whose it is, and how it is listened to and typed into.

use super::{
    end::{kept_in, kept_setting},
    without_docker,
};
use crate::{
    Engine, Result,
    error::EngineError,
    ports::{Progress, RunContainer, RunThing, RunThings, ScreenSize},
    servers::{Terminal, Viewer},
};
use plimsoll_domain::{ProjectId, ServiceId, project::Project, run::RunPart};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Who a container of a run belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunHold {
    /// A process of this installation that still runs.
    Held,
    /// Nobody, but somebody asked to leave it running.
    Kept,
    /// Nobody: its process ended without a word.
    LeftOver,
}

/// A container of a run, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSeen {
    /// The container.
    #[serde(flatten)]
    pub container: RunContainer,
    /// Whose it is.
    pub hold: RunHold,
    /// The process that holds it, in its own words, where that is another than this one.
    pub holder: Option<String>,
    /// Where a browser finds it.
    pub url: Option<String>,
}

/// Everything that runs here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// Containers, by project and name.
    pub containers: Vec<RunSeen>,
    /// Volumes with data, which stay when their containers go.
    pub volumes: Vec<RunThing>,
    /// Networks that a crash has left without containers.
    pub networks: Vec<RunThing>,
}

/// Processes by the numbers that they registered with. This one has no words for itself.
type Alive = BTreeMap<i64, Option<String>>;

/// Sorts what the engine has by whose it is: `alive` are the processes that run, `kept` the containers
/// that somebody asked to leave running.
///
/// The database belongs to whoever runs a service beside it, also when another process started it.
fn sorted(found: RunThings, alive: &Alive, kept: &BTreeSet<String>) -> Runs {
    let own = |one: &RunContainer| match alive.get(&one.mark.by) {
        Some(process) => (RunHold::Held, process.clone()),
        None if kept.contains(&one.id) => (RunHold::Kept, None),
        None => (RunHold::LeftOver, None),
    };
    // Held before kept before left over, and by this process before another one.
    let strongest = |beside: &RunContainer| {
        let services = found.containers.iter().filter(|one| {
            let is_service = matches!(one.mark.part, RunPart::Service { .. });
            is_service && one.mark.project_id == beside.mark.project_id
        });
        services.map(own).chain([own(beside)]).min()
    };
    let mut containers: Vec<RunSeen> = Vec::new();
    for container in &found.containers {
        let (hold, holder) = match container.mark.part {
            RunPart::Database => strongest(container).unwrap_or_else(|| own(container)),
            _ => own(container),
        };
        containers.push(RunSeen {
            hold,
            holder,
            url: container
                .host_port
                .filter(|_| container.running)
                .map(|port| format!("http://127.0.0.1:{port}")),
            container: container.clone(),
        });
    }
    containers.sort_by(|a, b| a.container.name.cmp(&b.container.name));
    let mut volumes = found.volumes;
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    let used = |project| {
        let mut projects = found.containers.iter().map(|one| one.mark.project_id);
        projects.any(|one| one == project)
    };
    let mut networks = found.networks;
    networks.retain(|one| !alive.contains_key(&one.mark.by) && !used(one.mark.project_id));
    Runs {
        containers,
        volumes,
        networks,
    }
}

impl Engine {
    /// What runs here of a project, or of all.
    ///
    /// # Errors
    /// `docker_missing` and others of the kind.
    pub async fn runs(&self, project: Option<ProjectId>) -> Result<Runs> {
        let world = &self.world;
        let found = world.ports.local_runs.all(world.store.device()).await;
        let mut found = found.map_err(without_docker)?;
        if let Some(wanted) = project {
            found.containers.retain(|one| one.mark.project_id == wanted);
            found.networks.retain(|one| one.mark.project_id == wanted);
            found.volumes.retain(|one| one.mark.project_id == wanted);
        }
        world.store.reap().await?;
        let this = self.number();
        let registered = world.store.registered().await?.into_iter();
        let alive: Alive = registered
            .map(|(number, process)| (number, Some(process).filter(|_| this != Some(number))))
            .collect();
        let mut kept = BTreeSet::new();
        let projects: BTreeSet<ProjectId> = found
            .containers
            .iter()
            .map(|one| one.mark.project_id)
            .collect();
        for project in projects {
            let text = world.store.setting(&kept_setting(project)).await?;
            kept.extend(kept_in(text.as_deref()));
        }
        Ok(sorted(found, &alive, &kept))
    }

    /// Where a browser finds a service that runs here.
    ///
    /// # Errors
    /// `run_not_there` when it does not run here, or has no port.
    pub async fn run_url(&self, project: ProjectId, service: ServiceId) -> Result<String> {
        let found = self.runs(Some(project)).await?.containers;
        let of_it = found.into_iter().find(|one| {
            matches!(one.container.mark.part,
                RunPart::Service { service_id, .. } if service_id == service)
        });
        of_it.and_then(|one| one.url).ok_or_else(not_there)
    }

    /// Hands the lines of a service, or of the database of its project, to `progress`, without
    /// secrets.
    ///
    /// # Errors
    /// `run_not_there` when it does not run here.
    pub async fn follow_run(
        &self,
        project: ProjectId,
        service: Option<ServiceId>,
        tail: u32,
        follow: bool,
        progress: Arc<dyn Progress>,
    ) -> Result<()> {
        let container = self.run_container(project, service).await?;
        self.learn_run_secrets(project, service).await?;
        let world = &self.world;
        let home = world.store.device();
        let progress = self.masked(progress);
        let runs = &world.ports.local_runs;
        runs.follow(home, &container.id, tail, follow, progress)
            .await?;
        Ok(())
    }

    /// Opens a shell in the container of a service, or of the database. That it was opened and
    /// closed is audited; what is typed is kept nowhere.
    ///
    /// # Errors
    /// `run_not_there` when it does not run here.
    pub async fn open_run_terminal(
        &self,
        project: ProjectId,
        service: Option<ServiceId>,
        size: ScreenSize,
        viewer: Arc<dyn Viewer>,
    ) -> Result<Terminal> {
        let container = self.run_container(project, service).await?;
        let subject = format!("project:{project}");
        self.note(
            "terminal.open",
            subject.clone(),
            json!({"container": container.name}),
        )
        .await?;
        let world = &self.world;
        let runs = &world.ports.local_runs;
        let login = runs.open_terminal(world.store.device(), &container.id, size);
        Ok(self.show_login(login.await?, subject, viewer))
    }

    async fn run_container(
        &self,
        project: ProjectId,
        service: Option<ServiceId>,
    ) -> Result<RunContainer> {
        let world = &self.world;
        let found = world.ports.local_runs.all(world.store.device()).await;
        let found = found.map_err(without_docker)?;
        let wanted = found.containers.into_iter().find(|one| {
            one.mark.project_id == project
                && match (&one.mark.part, service) {
                    (RunPart::Service { service_id, .. }, Some(wanted)) => *service_id == wanted,
                    (RunPart::Database, None) => true,
                    _ => false,
                }
        });
        wanted.ok_or_else(not_there)
    }

    /// Teaches the redactor what a container knows.
    async fn learn_run_secrets(
        &self,
        project: ProjectId,
        service: Option<ServiceId>,
    ) -> Result<()> {
        let world = &self.world;
        let project = world.store.need::<Project>(&project).await?;
        if project.settings.run.postgres.is_some() {
            super::database::password(world, project.id).await?;
        }
        let Some(service) = service else {
            return Ok(());
        };
        for environment in world.store.environments_of(project.id).await? {
            let values = world.store.variable_values(environment.id, service).await?;
            world
                .open_variables(environment.id, service, &values)
                .await?;
        }
        Ok(())
    }
}

fn not_there() -> EngineError {
    EngineError::not_found("run_not_there", "It does not run on this machine.")
        .next_step("Run it here first.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::{ServiceId, Timestamp, name::Name, run::RunMark};

    fn project(seed: u8) -> ProjectId {
        ProjectId::mint(Timestamp::from_millis(1), [seed; 10])
    }

    fn container(by: i64, project: ProjectId, part: RunPart) -> RunContainer {
        RunContainer {
            id: format!("{by}"),
            name: format!("{by}"),
            mark: mark(by, project, part),
            image_id: String::new(),
            running: true,
            oom_killed: false,
            exit_code: None,
            started_at: String::new(),
            host_port: Some(4000),
        }
    }

    fn mark(by: i64, project_id: ProjectId, part: RunPart) -> RunMark {
        RunMark {
            home: "desk".to_owned(),
            project_id,
            project: Name::parse("shop").unwrap(),
            part,
            by,
            job_id: None,
        }
    }

    fn service() -> RunPart {
        RunPart::Service {
            service_id: ServiceId::mint(Timestamp::from_millis(1), [1; 10]),
            name: Name::parse("web").unwrap(),
        }
    }

    /// This process is 1, somebody else's is 2; 7 is kept.
    fn told(found: RunThings) -> Vec<(String, RunHold, Option<String>)> {
        let alive = Alive::from([(1, None), (2, Some("a terminal".to_owned()))]);
        let sorted = sorted(found, &alive, &BTreeSet::from(["7".to_owned()]));
        let containers = sorted.containers.into_iter();
        containers
            .map(|one| (one.container.name, one.hold, one.holder))
            .collect()
    }

    #[test]
    fn what_nobody_holds_and_nobody_kept_was_left_by_a_crash() {
        let network = |by, seed| RunThing {
            name: format!("network {seed}"),
            mark: mark(by, project(seed), RunPart::Network),
        };
        let found = RunThings {
            containers: vec![
                container(1, project(1), service()),
                container(2, project(2), service()),
                container(7, project(3), service()),
                container(8, project(4), service()),
            ],
            // One is in use, one belongs to somebody.
            networks: vec![network(8, 4), network(1, 5), network(9, 6)],
            volumes: Vec::new(),
        };
        let alive = Alive::from([(1, None)]);
        let networks = sorted(found.clone(), &alive, &BTreeSet::new()).networks;
        let left: Vec<&str> = networks.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(left, ["network 6"]);
        let other = Some("a terminal".to_owned());
        let told: Vec<_> = told(found)
            .into_iter()
            .map(|(_, hold, holder)| (hold, holder))
            .collect();
        assert_eq!(
            told,
            [
                (RunHold::Held, None),
                (RunHold::Held, other),
                (RunHold::Kept, None),
                (RunHold::LeftOver, None),
            ]
        );
    }

    #[test]
    fn a_database_belongs_to_whoever_runs_a_service_beside_it() {
        let hold = |database: i64, services: &[i64]| {
            let services = services.iter();
            let mut containers: Vec<_> = services
                .map(|by| container(*by, project(1), service()))
                .collect();
            let mut of = container(database, project(1), RunPart::Database);
            of.name = "database".to_owned();
            containers.push(of);
            // A service of another project says nothing.
            containers.push(container(1, project(2), service()));
            let found = RunThings {
                containers,
                ..RunThings::default()
            };
            let mut told = told(found).into_iter();
            let (_, hold, holder) = told.find(|(name, ..)| name == "database").unwrap();
            (hold, holder.is_some())
        };
        assert_eq!(hold(8, &[]), (RunHold::LeftOver, false));
        assert_eq!(hold(8, &[8]), (RunHold::LeftOver, false));
        assert_eq!(hold(8, &[8, 7]), (RunHold::Kept, false));
        assert_eq!(hold(8, &[7, 2]), (RunHold::Held, true));
        assert_eq!(hold(2, &[1]), (RunHold::Held, false));
        assert_eq!(hold(1, &[]), (RunHold::Held, false));
    }
}
