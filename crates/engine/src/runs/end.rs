//! How what runs here ends: stopped, left running, or removed after a crash.

use super::{RunHold, Runs, database::password_setting, target, without_docker};
use crate::{Engine, Result, error::EngineError, ports::RunContainer};
use plimsoll_domain::{
    ProjectId, ServiceId, job::JobStatus, name::Name, preferences::AtQuit, run::RunPart,
};
use plimsoll_store::{JobFilter, Page};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The setting that names the containers of a project that somebody asked to leave running.
pub(super) fn kept_setting(project: ProjectId) -> String {
    format!("run.kept.{project}")
}

/// The ids in that setting.
pub(super) fn kept_in(text: Option<&str>) -> Vec<String> {
    let ids = text.unwrap_or_default().split(' ');
    ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

/// Which services' containers go. The database and the network go with the last of them.
enum Going {
    /// All of the project, whoever started them.
    All,
    /// Those of one service, whoever started them.
    Of(ServiceId),
    /// Those that the process with this number has started.
    By(i64),
}

impl Going {
    fn takes(&self, one: &RunContainer) -> bool {
        match (&one.mark.part, self) {
            (_, Going::All) => true,
            (
                RunPart::Service { service_id, .. } | RunPart::Release { service_id, .. },
                Going::Of(wanted),
            ) => service_id == wanted,
            (RunPart::Service { .. } | RunPart::Release { .. }, Going::By(number)) => {
                one.mark.by == *number
            }
            _ => false,
        }
    }
}

impl Engine {
    /// Stops what runs of a project, or one service of it, and removes its containers; what is in
    /// volumes stays. The database and the network go with the last service.
    pub async fn stop_run(&self, project: ProjectId, service: Option<ServiceId>) -> Result<Runs> {
        if let Some(service) = service {
            self.end_watch_of_run(service);
        }
        let going = service.map_or(Going::All, Going::Of);
        self.take_down(project, &going).await?;
        self.runs(Some(project)).await
    }

    /// Whether this process has started anything here, which may have been stopped since.
    pub fn has_started_runs(&self) -> bool {
        self.world.here.has_started()
    }

    /// The projects of which something runs that this process has started, with their names.
    pub async fn runs_of_this_process(&self) -> Result<BTreeMap<ProjectId, Name>> {
        let Some(this) = self.number() else {
            return Ok(BTreeMap::new());
        };
        let found = self.runs(None).await?.containers.into_iter();
        Ok(found
            .map(|seen| seen.container.mark)
            .filter(|mark| mark.by == this && mark.part != RunPart::Database)
            .map(|mark| (mark.project_id, mark.project))
            .collect())
    }

    /// Stops what this process has started, or asks to leave it running when it ends. What others
    /// have started, such as a command in a terminal, is theirs.
    pub async fn leave_runs(&self, keep: bool) -> Result<()> {
        let Some(this) = self.number() else {
            return Ok(());
        };
        for project in self.runs_of_this_process().await?.into_keys() {
            if keep {
                self.keep_those(project, |_, by| by == this).await?;
            } else {
                self.take_down(project, &Going::By(this)).await?;
            }
        }
        Ok(())
    }

    /// Ends the runs of a process that is quit, as [`Engine::leave_runs`] does. What somebody wants to
    /// be remembered is done without a question from then on.
    pub async fn quit_runs(&self, keep: bool, remember: bool) -> Result<()> {
        if remember {
            let mut preferences = self.preferences().await?;
            preferences.run.at_quit = match keep {
                true => AtQuit::Leave,
                false => AtQuit::Stop,
            };
            self.set_preferences(preferences).await?;
        }
        self.leave_runs(keep).await
    }

    /// Leaves running what a crash has left of a project, or of all.
    pub async fn keep_left_runs(&self, project: Option<ProjectId>) -> Result<()> {
        let found = self.runs(project).await?.containers.into_iter();
        let left = found.filter(|seen| seen.hold == RunHold::LeftOver);
        let projects: BTreeSet<ProjectId> =
            left.map(|seen| seen.container.mark.project_id).collect();
        for project in projects {
            self.keep_those(project, |hold, _| hold == RunHold::LeftOver)
                .await?;
        }
        Ok(())
    }

    async fn keep_those(
        &self,
        project: ProjectId,
        wanted: impl Fn(RunHold, i64) -> bool,
    ) -> Result<()> {
        let found = self.runs(Some(project)).await?.containers;
        let mut write = self.world.store.write().await?;
        let before = write.setting(&kept_setting(project)).await?;
        let before = kept_in(before.as_deref());
        // Those that are gone are forgotten.
        let ids: Vec<String> = found
            .into_iter()
            .filter(|seen| {
                let container = &seen.container;
                before.contains(&container.id) || wanted(seen.hold, container.mark.by)
            })
            .map(|seen| seen.container.id)
            .collect();
        let setting = kept_setting(project);
        write.set_setting(&setting, &ids.join(" ")).await?;
        write.commit().await?;
        Ok(())
    }

    async fn take_down(&self, project: ProjectId, going: &Going) -> Result<()> {
        let world = &self.world;
        let (runs, home) = (&world.ports.local_runs, world.store.device());
        let found = runs.all(home).await.map_err(without_docker)?;
        let (go, stay): (Vec<_>, Vec<_>) = found
            .containers
            .into_iter()
            .filter(|one| one.mark.project_id == project)
            .partition(|one| going.takes(one));
        // A watch would start again what is stopped.
        for container in &go {
            if let RunPart::Service { service_id, .. } = container.mark.part {
                self.end_watch_of_run(service_id);
            }
        }
        let is_service = |one: &RunContainer| matches!(one.mark.part, RunPart::Service { .. });
        let is_last = !stay.iter().any(is_service) && !self.is_joined(project, going).await?;
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
        }
        if !names.is_empty() {
            let subject = format!("project:{project}");
            self.note_done("run.stop", subject, json!({"containers": names}))
                .await;
        }
        Ok(())
    }

    /// Whether another service of a project is about to run beside those that go: it counts on the
    /// database. What this process is about to start ends with it.
    async fn is_joined(&self, project: ProjectId, going: &Going) -> Result<bool> {
        let filter = JobFilter {
            status: Some(JobStatus::Running),
            target: Some(target(project)),
            ..JobFilter::default()
        };
        let jobs = self.world.store.jobs(&filter, &Page::first(10)).await?;
        Ok(match going {
            Going::All => false,
            Going::Of(_) => !jobs.items.is_empty(),
            Going::By(_) => jobs.items.iter().any(|job| !self.works_on(job.id)),
        })
    }

    /// Removes what processes have left of a project, or of all, that ended without a word, and takes
    /// back the jobs that they left in the middle. Answers the names of what was removed.
    pub async fn clean_runs(&self, project: Option<ProjectId>) -> Result<Vec<String>> {
        for job in self.take_back_interrupted(project).await? {
            self.run(job).await?;
        }
        let world = &self.world;
        let (runs, home) = (&world.ports.local_runs, world.store.device());
        let found = self.runs(project).await?;
        let mut names = Vec::new();
        for seen in &found.containers {
            if seen.hold == RunHold::LeftOver {
                runs.remove_container(home, &seen.container.id).await?;
                names.push(seen.container.name.clone());
            }
        }
        // Networks that are without containers only now are seen only now.
        for network in self.runs(project).await?.networks {
            runs.remove_network(home, &network.name).await?;
            names.push(network.name);
        }
        if !names.is_empty() {
            self.note_done("run.clean", "device".to_owned(), json!({"removed": names}))
                .await;
        }
        Ok(names)
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
            self.note_done("run.delete_data", subject, json!({"volumes": names}))
                .await;
        }
        Ok(names)
    }
}
