//! What every command works at: the engine with all its adapters, and how to print.

use crate::{
    args::{Approval, Arguments},
    failure::{Answer, Failed, Kind},
    input,
    output::Output,
    path::{EnvironmentPath, RunPath},
    watch,
};
use plimsoll_domain::{EnvironmentId, ServiceId, job::Job};
use plimsoll_engine::{Engine, Plan};
use serde_json::json;
use std::path::PathBuf;

/// An open engine and how to print.
pub struct Desk {
    /// The engine.
    pub engine: Engine,
    /// How to print.
    pub output: Output,
}

/// Where the practice cloud of this user, or of `PLIMSOLL_PRACTICE`, keeps its state.
pub fn practice_folder() -> Option<PathBuf> {
    std::env::var_os("PLIMSOLL_PRACTICE").map(PathBuf::from)
}

impl Desk {
    /// Opens everything that Plimsoll keeps on this machine.
    pub async fn open(arguments: &Arguments, output: Output) -> Answer<Self> {
        let settings = plimsoll_adapters::Settings {
            home: arguments.home.clone(),
            ask_passphrase: Some(Box::new(|| {
                input::secret("passphrase of the vault", None)
                    .map_err(|failed| failed.failure.into())
            })),
            ..plimsoll_adapters::Settings::default()
        };
        let engine = plimsoll_adapters::desktop(settings).await?;
        Ok(Self { engine, output })
    }

    /// The ids behind `project/environment/service`.
    pub async fn run_path(&self, path: &str) -> Answer<(EnvironmentId, ServiceId)> {
        let path: RunPath = path.parse()?;
        let place = self
            .engine
            .place(&path.project, &path.environment, &path.service)
            .await?;
        Ok((place.environment.id, place.service.id))
    }

    /// The number of the version that a text means in the project of `project/environment/service`.
    pub async fn version_on_path(&self, path: &str, text: &str) -> Answer<u32> {
        let path: RunPath = path.parse()?;
        let project = self.engine.project_named(&path.project).await?;
        Ok(self.engine.version_called(project.id, text).await?.number)
    }

    /// The id behind `project/environment`.
    pub async fn environment_path(&self, path: &str) -> Answer<EnvironmentId> {
        let path: EnvironmentPath = path.parse()?;
        let project = self.engine.project_named(&path.project).await?;
        Ok(self
            .engine
            .environment_named(project.id, &path.environment)
            .await?
            .id)
    }

    /// Shows a plan; with approval runs exactly that one and watches it to its end.
    pub async fn carry_out(&self, plan: Plan, approval: &Approval) -> Answer {
        if approval.plan {
            self.output.answer(&plan, watch::plan_text);
            return Ok(());
        }
        if !approval.yes {
            self.output.note(&watch::plan_text(&plan));
            if !input::confirm("Run this plan?")? {
                return Err(Failed::input("not_approved", "Nothing was done.", ""));
            }
        }
        let job_id = self.engine.approve(plan.id).await?.id;
        if approval.detach {
            self.output.answer(&json!({"job_id": job_id}), |_| {
                format!("Queued as job {job_id}.")
            });
            return Ok(());
        }
        self.work(job_id).await
    }

    /// Runs a job to its end, showing it as it goes.
    pub async fn work(&self, job_id: plimsoll_domain::JobId) -> Answer {
        let job = watch::run(&self.engine, self.output, job_id).await?;
        self.conclude(job).await
    }

    /// Prints how a job ended; anything but success is a failure of the command.
    pub async fn conclude(&self, job: Job) -> Answer {
        use plimsoll_domain::job::JobStatus;
        let kind = match job.status {
            JobStatus::Succeeded => {
                let steps = self.engine.steps(job.id).await?;
                let took = job
                    .finished_at
                    .zip(job.started_at)
                    .map_or(0, |(end, start)| end.since_ms(start));
                self.output
                    .answer(&json!({"job": job, "steps": steps}), |_| {
                        format!("{}: done in {}", job.title, crate::output::duration(took))
                    });
                return Ok(());
            }
            JobStatus::Cancelled => Kind::Cancelled,
            JobStatus::Failed | JobStatus::Queued | JobStatus::Running | JobStatus::Interrupted => {
                let kind = plimsoll_engine::Kind::of_job(job.status, job.error.as_ref());
                kind.map_or(Kind::Internal, Kind::from)
            }
        };
        let mut failed = Failed::input(
            "job_not_finished",
            format!("The job “{}” did not finish.", job.title),
            format!("See it with `plimsoll job show {}`.", job.id),
        );
        if let Some(failure) = job.error {
            failed.failure = failure;
        }
        failed.kind = kind;
        Err(failed)
    }
}
