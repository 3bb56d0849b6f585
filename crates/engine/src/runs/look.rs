//! What runs here, what a crash has left, and how it is stopped, listened to and typed into.

use super::{database::password_setting, without_docker};
use crate::{
    Engine, Result,
    error::EngineError,
    ports::{Progress, RunContainer, RunThing, RunThings, ScreenSize},
    servers::{Terminal, Viewer},
};
use plimsoll_domain::{ProjectId, ServiceId, project::Project, run::RunPart};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};

/// Who a container of a run belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

fn kept_setting(project: ProjectId) -> String {
    format!("run.kept.{project}")
}

/// Sorts what the engine has by whose it is. `alive` are the registrations of processes that run,
/// `kept` the projects that somebody asked to leave running.
fn sorted(found: RunThings, alive: &BTreeSet<i64>, kept: &BTreeSet<ProjectId>) -> Runs {
    let hold = |by: i64, project: ProjectId| match (alive.contains(&by), kept.contains(&project)) {
        (true, _) => RunHold::Held,
        (false, true) => RunHold::Kept,
        (false, false) => RunHold::LeftOver,
    };
    let used: BTreeSet<ProjectId> = found
        .containers
        .iter()
        .map(|container| container.mark.project_id)
        .collect();
    let mut containers: Vec<RunSeen> = found
        .containers
        .into_iter()
        .map(|container| RunSeen {
            hold: hold(container.mark.by, container.mark.project_id),
            url: container
                .host_port
                .filter(|_| container.running)
                .map(|port| format!("http://127.0.0.1:{port}")),
            container,
        })
        .collect();
    containers.sort_by(|a, b| a.container.name.cmp(&b.container.name));
    let mut volumes = found.volumes;
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    let networks = found.networks.into_iter().filter(|network| {
        let mark = &network.mark;
        let is_left = hold(mark.by, mark.project_id) == RunHold::LeftOver;
        is_left && !used.contains(&mark.project_id)
    });
    Runs {
        containers,
        volumes,
        networks: networks.collect(),
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
        let mut alive = BTreeSet::new();
        let mut kept = BTreeSet::new();
        let marks = found.containers.iter().map(|one| &one.mark);
        for mark in marks.chain(found.networks.iter().map(|one| &one.mark)) {
            if world.store.is_registered(mark.by).await? {
                alive.insert(mark.by);
            }
            let setting = kept_setting(mark.project_id);
            if world.store.setting(&setting).await?.is_some() {
                kept.insert(mark.project_id);
            }
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

    /// Stops what runs of a project, or one service of it, and removes its containers; what is in
    /// volumes stays. The database and the network go with the last service.
    pub async fn stop_run(&self, project: ProjectId, service: Option<ServiceId>) -> Result<Runs> {
        let world = &self.world;
        let (runs, home) = (&world.ports.local_runs, world.store.device());
        let found = runs.all(home).await.map_err(without_docker)?;
        let (go, stay): (Vec<_>, Vec<_>) = found
            .containers
            .into_iter()
            .filter(|one| one.mark.project_id == project)
            .partition(|one| match &one.mark.part {
                RunPart::Service { service_id, .. } | RunPart::Release { service_id, .. } => {
                    service.is_none_or(|wanted| wanted == *service_id)
                }
                _ => service.is_none(),
            });
        let of_services = |one: &&RunContainer| matches!(one.mark.part, RunPart::Service { .. });
        let is_last = stay.iter().filter(of_services).count() == 0;
        // A watch would start again what is stopped.
        for container in &go {
            if let RunPart::Service { service_id, .. } = container.mark.part {
                self.end_watch_of_run(service_id);
            }
        }
        if let Some(service) = service {
            self.end_watch_of_run(service);
        }
        let stopping = go.iter().chain(stay.iter().filter(|_| is_last));
        let mut names = Vec::new();
        for container in stopping {
            runs.remove_container(home, &container.id).await?;
            names.push(container.name.clone());
        }
        if is_last {
            for network in found.networks {
                if network.mark.project_id == project {
                    runs.remove_network(home, &network.name).await?;
                }
            }
            let mut write = world.store.write().await?;
            write.forget_setting(&kept_setting(project)).await?;
            write.commit().await?;
            world.here.ended(project);
        }
        if !names.is_empty() {
            let subject = format!("project:{project}");
            self.note("run.stop", subject, json!({"containers": names}))
                .await?;
        }
        self.runs(Some(project)).await
    }

    /// Removes what processes have left that ended without a word, and takes back the jobs that
    /// they left in the middle. Answers the names of what was removed.
    pub async fn clean_runs(&self) -> Result<Vec<String>> {
        for job in self.take_back_interrupted(None).await? {
            self.run(job).await?;
        }
        let world = &self.world;
        let (runs, home) = (&world.ports.local_runs, world.store.device());
        let found = self.runs(None).await?;
        let mut names = Vec::new();
        for seen in &found.containers {
            if seen.hold == RunHold::LeftOver {
                runs.remove_container(home, &seen.container.id).await?;
                names.push(seen.container.name.clone());
            }
        }
        // Networks that are without containers only now are seen only now.
        for network in self.runs(None).await?.networks {
            runs.remove_network(home, &network.name).await?;
            names.push(network.name);
        }
        if !names.is_empty() {
            self.note("run.clean", "device".to_owned(), json!({"removed": names}))
                .await?;
        }
        Ok(names)
    }

    /// Asks to leave a project's containers running when this process ends.
    pub async fn keep_run(&self, project: ProjectId) -> Result<()> {
        let mut write = self.world.store.write().await?;
        write.set_setting(&kept_setting(project), "1").await?;
        write.commit().await?;
        Ok(())
    }

    /// Deletes the data that a project's runs keep in volumes: its database, and what its services
    /// wrote.
    ///
    /// # Errors
    /// `run_in_use` while something of it runs.
    pub async fn delete_run_data(&self, project: ProjectId) -> Result<Vec<String>> {
        let world = &self.world;
        let (runs, home) = (&world.ports.local_runs, world.store.device());
        let found = self.runs(Some(project)).await?;
        if !found.containers.is_empty() {
            return Err(EngineError::conflict(
                "run_in_use",
                "The data is in use: something of this project runs here.",
            )
            .evidence(
                found
                    .containers
                    .iter()
                    .map(|one| one.container.name.clone()),
            )
            .next_step("Stop it first."));
        }
        let mut names = Vec::new();
        for volume in found.volumes {
            runs.remove_volume(home, &volume.name).await?;
            names.push(volume.name);
        }
        // A new database begins with a new password.
        let mut write = world.store.write().await?;
        write.forget_setting(&password_setting(project)).await?;
        write.commit().await?;
        if !names.is_empty() {
            let subject = format!("project:{project}");
            self.note("run.delete_data", subject, json!({"volumes": names}))
                .await?;
        }
        Ok(names)
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
    use plimsoll_domain::{Timestamp, name::Name, run::RunMark};

    fn container(by: i64, project: ProjectId) -> RunContainer {
        RunContainer {
            id: format!("{by}"),
            name: format!("{by}"),
            mark: mark(by, project),
            image_id: String::new(),
            running: true,
            oom_killed: false,
            exit_code: None,
            started_at: String::new(),
            host_port: Some(4000),
        }
    }

    fn mark(by: i64, project_id: ProjectId) -> RunMark {
        RunMark {
            home: "desk".to_owned(),
            project_id,
            project: Name::parse("shop").unwrap(),
            part: RunPart::Database,
            by,
            job_id: None,
        }
    }

    #[test]
    fn what_nobody_holds_and_nobody_kept_was_left_by_a_crash() {
        let project = |seed| ProjectId::mint(Timestamp::from_millis(1), [seed; 10]);
        let network = |by, seed| RunThing {
            name: format!("network {seed}"),
            mark: mark(by, project(seed)),
        };
        let found = RunThings {
            containers: vec![
                container(1, project(1)),
                container(2, project(2)),
                container(3, project(3)),
            ],
            networks: vec![network(2, 2), network(1, 4), network(9, 5)],
            volumes: Vec::new(),
        };
        let sorted = sorted(found, &BTreeSet::from([1]), &BTreeSet::from([project(3)]));
        let holds: Vec<RunHold> = sorted.containers.iter().map(|one| one.hold).collect();
        assert_eq!(holds, [RunHold::Held, RunHold::LeftOver, RunHold::Kept]);
        // One is in use, one belongs to somebody.
        let left: Vec<&str> = sorted
            .networks
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(left, ["network 5"]);
    }
}
