//! A folder, a clock that ticks, and nouns to put into the store.

use crate::{Opening, Result, Store};
use plimsoll_domain::{
    DeploymentId, EnvironmentId, JobId, PlanId, ProjectId, ServiceId, Timestamp,
    deployment::{Deployment, DeploymentKind},
    job::{Direction, Job, JobStatus, JobStep, OnFailure, Queue, StepStatus},
    name::Name,
    plan::{Plan, PlannedStep},
    project::{Environment, Project, Service},
    service::ServiceSpec,
    source::Source,
};
use serde_json::Value;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// Every look at the clock is a millisecond later.
pub(crate) fn ticking() -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    let now = AtomicI64::new(1_790_000_000_000);
    Arc::new(move || Timestamp::from_millis(now.fetch_add(1, Ordering::Relaxed)))
}

pub(crate) async fn try_open(folder: &Path, device: &str) -> Result<Store> {
    Store::open(Opening {
        folder: folder.to_owned(),
        new_device: device.to_owned(),
        author: "ada@laptop".to_owned(),
        now: ticking(),
    })
    .await
}

pub(crate) async fn open(folder: &Path) -> Store {
    try_open(folder, "device-a").await.unwrap()
}

/// An id that is as old as its number is small.
macro_rules! nth {
    ($id:ty, $number:expr) => {
        <$id>::mint(
            plimsoll_domain::Timestamp::from_millis(1_790_000_000_000 + i64::from($number)),
            [7; 10],
        )
    };
}
pub(crate) use nth;

pub(crate) fn at(number: u32) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + i64::from(number))
}

pub(crate) fn project(number: u32) -> Project {
    Project {
        id: nth!(ProjectId, number),
        name: Name::parse(&format!("project-{number}")).unwrap(),
        active_version_id: None,
        settings: Default::default(),
        created_at: at(number),
    }
}

pub(crate) fn environment(number: u32, project: &Project) -> Environment {
    Environment {
        id: nth!(EnvironmentId, number),
        project_id: project.id,
        name: Name::parse(&format!("environment-{number}")).unwrap(),
        server_ids: Vec::new(),
        created_at: at(number),
    }
}

pub(crate) fn service(number: u32, project: &Project) -> Service {
    Service {
        id: nth!(ServiceId, number),
        project_id: project.id,
        name: Name::parse(&format!("service-{number}")).unwrap(),
        source: Source::Folder {
            path: "/srv/it's \"here\"".into(),
        },
        spec: ServiceSpec::default(),
        created_at: at(number),
    }
}

pub(crate) fn deployment(number: u32, environment: &Environment, service: &Service) -> Deployment {
    Deployment {
        id: nth!(DeploymentId, number),
        environment_id: environment.id,
        service_id: service.id,
        release_id: None,
        kind: DeploymentKind::Deploy,
        status: JobStatus::Queued,
        job_id: nth!(JobId, number),
        server_ids: Vec::new(),
        failure: None,
        created_at: at(number),
        finished_at: None,
    }
}

pub(crate) fn plan(number: u32) -> Plan<String> {
    Plan {
        id: nth!(PlanId, number),
        title: "Deploy web".into(),
        steps: vec![PlannedStep {
            title: "Build".into(),
            action: "build".into(),
            server_id: None,
            group: 0,
            price_cents_month: None,
            transfer_bytes: None,
            downtime_ms: 0,
            undo: Some("remove the image".into()),
            changes: Vec::new(),
        }],
        notices: Vec::new(),
        intent: Value::Null,
        observed: Value::Null,
        observed_hash: String::new(),
        created_at: at(number),
    }
}

pub(crate) fn job(number: u32, target: &str) -> Job {
    Job {
        id: nth!(JobId, number),
        plan_id: nth!(PlanId, 0u32),
        queue: Queue::Deploy,
        target: target.into(),
        title: "Deploy web".into(),
        status: JobStatus::Queued,
        direction: Direction::Forward,
        on_failure: OnFailure::Undo,
        cancel_requested: false,
        error: None,
        created_at: at(number),
        started_at: None,
        finished_at: None,
    }
}

pub(crate) fn step(job: &Job) -> JobStep {
    JobStep {
        job_id: job.id,
        number: 0,
        title: "Build".into(),
        status: StepStatus::Pending,
        attempt: 0,
        output: Value::Null,
        error: None,
        started_at: None,
        finished_at: None,
    }
}

/// A project with one environment and one service, in the store.
pub(crate) async fn furnish(store: &Store) -> (Project, Environment, Service) {
    let project = project(0);
    let environment = environment(0, &project);
    let service = service(0, &project);
    let mut write = store.write().await.unwrap();
    write.put(&project).await.unwrap();
    write.put(&environment).await.unwrap();
    write.put(&service).await.unwrap();
    write.commit().await.unwrap();
    (project, environment, service)
}

/// Puts a job with its plan in line.
pub(crate) async fn enqueue(store: &Store, job: &Job) -> Result<()> {
    let mut write = store.write().await?;
    write.put_plan(&plan(0)).await?;
    write.enqueue(job, &[step(job)]).await?;
    write.commit().await?;
    Ok(())
}
