//! Plans, jobs and their steps.

use crate::{
    Page, Result, Slice, Store, StoreError, Write,
    deployment::word,
    error::doing,
    nouns::find,
    table::{Cells, Noun, Table, nouns, table},
};
use plimsoll_domain::{
    JobId, PlanId,
    deployment::Deployment,
    job::{Job, JobStatus, JobStep, Queue},
    plan::Plan,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::fmt;

pub(crate) static PLANS: Table = table!("plans" { Text title, Json body, Text created_at });

pub(crate) static JOB_STEPS: Table = table!("job_steps" {
    Text job_id, Int number, Text title, Text status, Int attempt, Json output, Json error,
    Text started_at, Text finished_at
});

/// Names a step: its job and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepRef {
    /// The job.
    pub job_id: JobId,
    /// Its place, from 0.
    pub number: u32,
}

impl fmt::Display for StepRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.job_id, self.number)
    }
}

impl Noun for JobStep {
    type Id = StepRef;
    const TABLE: &'static Table = &JOB_STEPS;
    fn row_id(&self) -> String {
        StepRef {
            job_id: self.job_id,
            number: self.number,
        }
        .to_string()
    }
}

/// Which jobs; `None` does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// That stand here.
    pub status: Option<JobStatus>,
    /// Of this queue.
    pub queue: Option<Queue>,
    /// On this target.
    pub target: Option<String>,
}

macro_rules! page_by {
    ($lead:literal) => {
        concat!(
            "SELECT * FROM jobs WHERE ",
            $lead,
            " AND id < ?1 AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR queue = ?4) \
             AND (?5 IS NULL OR target = ?5) ORDER BY id DESC LIMIT ?2"
        )
    };
}

impl Store {
    /// A page of jobs, newest first.
    pub async fn jobs(&self, filter: &JobFilter, page: &Page) -> Result<Slice<Job>> {
        let sql = if filter.target.is_some() {
            page_by!("target = ?5")
        } else if filter.status.is_some() {
            page_by!("status = ?3")
        } else if filter.queue.is_some() {
            page_by!("queue = ?4")
        } else {
            page_by!("true")
        };
        let rows = sqlx::query(sql)
            .bind(page.bound())
            .bind(page.limit.saturating_add(1))
            .bind(word(filter.status))
            .bind(word(filter.queue))
            .bind(&filter.target)
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(doing("list jobs"))?;
        Ok(Slice::cut(nouns(&rows)?, page, |job: &Job| {
            job.id.to_string()
        }))
    }

    /// The steps of a job, first to last.
    pub async fn steps(&self, job: JobId) -> Result<Vec<JobStep>> {
        let sql = "SELECT * FROM job_steps WHERE job_id = ?1 ORDER BY number";
        find!(self, many, sql, job.to_string())
    }

    /// A plan with actions of type `A`.
    pub async fn plan<A: DeserializeOwned>(&self, id: PlanId) -> Result<Option<Plan<A>>> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM plans WHERE id = ?1")
            .bind(id.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .map_err(doing("read a plan"))?;
        body.map(|body| {
            serde_json::from_str(&body).map_err(|error| StoreError::Unreadable {
                noun: "plans",
                id: id.to_string(),
                why: error.to_string(),
            })
        })
        .transpose()
    }
}

impl Write {
    /// Keeps a plan, exactly as it was shown.
    pub async fn put_plan<A: Serialize>(&mut self, plan: &Plan<A>) -> Result<()> {
        let id = plan.id.to_string();
        let body = serde_json::to_value(plan).map_err(|error| StoreError::Unreadable {
            noun: "plans",
            id: id.clone(),
            why: error.to_string(),
        })?;
        let cells = Cells::from_iter([
            ("id".to_owned(), Value::from(id.clone())),
            ("title".to_owned(), Value::from(plan.title.clone())),
            ("body".to_owned(), body),
            (
                "created_at".to_owned(),
                Value::from(plan.created_at.to_string()),
            ),
        ]);
        self.put_cells(&PLANS, &id, cells).await
    }

    /// The job on a target that runs this plan already.
    pub async fn job_of_plan(&mut self, target: &str, plan: PlanId) -> Result<Option<JobId>> {
        let id: Option<String> = sqlx::query_scalar(
            "SELECT id FROM jobs WHERE target = ?1 AND plan_id = ?2 ORDER BY id LIMIT 1",
        )
        .bind(target)
        .bind(plan.to_string())
        .fetch_optional(&mut *self.transaction)
        .await
        .map_err(doing("look for the job of a plan"))?;
        Ok(id.and_then(|id| id.parse().ok()))
    }

    /// Puts a job with its steps in line.
    ///
    /// # Errors
    /// [`StoreError::TargetInterrupted`] when a job on the same target was interrupted.
    pub async fn enqueue(&mut self, job: &Job, steps: &[JobStep]) -> Result<()> {
        let interrupted: Option<String> = sqlx::query_scalar(
            "SELECT id FROM jobs WHERE target = ?1 AND status = 'interrupted' ORDER BY id LIMIT 1",
        )
        .bind(&job.target)
        .fetch_optional(&mut *self.transaction)
        .await
        .map_err(doing("look for an interrupted job"))?;
        if let Some(interrupted) = interrupted {
            return Err(StoreError::TargetInterrupted {
                job: interrupted,
                target: job.target.clone(),
            });
        }
        self.put_job(job).await?;
        for step in steps {
            self.put(step).await?;
        }
        Ok(())
    }

    /// Writes a job; the deployments that it does follow it.
    pub async fn put_job(&mut self, job: &Job) -> Result<()> {
        self.put(job).await?;
        let rows = sqlx::query("SELECT * FROM deployments WHERE job_id = ?1")
            .bind(job.id.to_string())
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(doing("find a job's deployments"))?;
        for mut deployment in nouns::<Deployment>(&rows)? {
            deployment.status = job.status;
            deployment.finished_at = job.finished_at;
            deployment.failure = job.error.as_ref().map(|failure| failure.message.clone());
            self.put(&deployment).await?;
        }
        Ok(())
    }
}
