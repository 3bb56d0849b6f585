//! Fills a store with what `cargo xtask bench window` looks at.
//!
//! `fill_store FOLDER deployments COUNT` writes a project with so many deployments.
//! `fill_store FOLDER log RATE SECONDS` begins a job, prints its id, waits for a line on standard
//! input, writes `RATE` lines a second into the job's log and prints how many a second it were.

use plimsoll_domain::{
    DeploymentId, EnvironmentId, JobId, PlanId, ProjectId, ServiceId, Timestamp,
    deployment::{Deployment, DeploymentKind},
    job::{Direction, Job, JobStatus, JobStep, OnFailure, Queue, StepStatus},
    name::Name,
    plan::Plan,
    project::{Environment, Project, Service},
    service::ServiceSpec,
    settings::ProjectSettings,
    source::Source,
};
use plimsoll_store::{Opening, Store};
use serde_json::Value;
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use std::{
    error::Error,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Deployments of one transaction.
const AT_ONCE: u32 = 1_000;
/// Pause between two deployments of the history, ms.
const BETWEEN: i64 = 47 * 60_000;
/// How often lines are written.
const TURN: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [folder, "deployments", count] => deployments(&open(folder).await?, count.parse()?).await,
        [folder, "log", rate, seconds] => {
            let seconds = Duration::from_secs(seconds.parse()?);
            log(Path::new(folder), rate.parse()?, seconds).await
        }
        _ => Err("fill_store FOLDER deployments COUNT | FOLDER log RATE SECONDS".into()),
    }
}

async fn open(folder: &str) -> Result<Store, Box<dyn Error>> {
    let opening = Opening {
        folder: PathBuf::from(folder),
        new_device: "bench".into(),
        author: "bench@localhost".into(),
        now: Arc::new(now),
    };
    Ok(Store::open(opening).await?)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

async fn deployments(store: &Store, count: u32) -> Result<(), Box<dyn Error>> {
    let first = now().plus_ms(-BETWEEN * i64::from(count));
    let project = Project {
        id: ProjectId::mint(first, [1; 10]),
        name: Name::parse("shop")?,
        active_version_id: None,
        settings: ProjectSettings::default(),
        created_at: first,
    };
    let environment = Environment {
        id: EnvironmentId::mint(first, [2; 10]),
        project_id: project.id,
        name: Name::parse("production")?,
        server_ids: Vec::new(),
        created_at: first,
    };
    let service = Service {
        id: ServiceId::mint(first, [3; 10]),
        project_id: project.id,
        name: Name::parse("web")?,
        source: Source::Folder {
            path: "/srv/shop".into(),
        },
        spec: ServiceSpec::default(),
        created_at: first,
    };
    let mut write = store.write().await?;
    write.put(&project).await?;
    write.put(&environment).await?;
    write.put(&service).await?;
    for number in 0..count {
        let at = first.plus_ms(BETWEEN * i64::from(number));
        let failed = number % 17 == 3;
        write
            .put(&Deployment {
                id: DeploymentId::mint(at, [4; 10]),
                environment_id: environment.id,
                service_id: service.id,
                release_id: None,
                kind: DeploymentKind::Deploy,
                status: match failed {
                    true => JobStatus::Failed,
                    false => JobStatus::Succeeded,
                },
                job_id: JobId::mint(at, [5; 10]),
                server_ids: Vec::new(),
                failure: failed.then(|| "The new container did not become healthy.".into()),
                created_at: at,
                finished_at: Some(at.plus_ms(20_000)),
            })
            .await?;
        if number % AT_ONCE == AT_ONCE - 1 {
            write.commit().await?;
            write = store.write().await?;
        }
    }
    write.commit().await?;
    store.close().await;
    Ok(())
}

async fn log(folder: &Path, rate: u32, lasting: Duration) -> Result<(), Box<dyn Error>> {
    let store = open(&folder.to_string_lossy()).await?;
    let registration = store.register("the benchmark").await?;
    let job = job();
    let mut write = store.write().await?;
    write.put_plan(&plan(&job)).await?;
    write.enqueue(&job, &[step(&job)]).await?;
    write.commit().await?;
    registration.claim(job.id).await?;
    writeln!(io::stdout(), "{}", job.id)?;
    io::stdout().flush()?;
    io::stdin().read_line(&mut String::new())?;

    let options = SqliteConnectOptions::new()
        .filename(folder.join("plimsoll.db"))
        .synchronous(SqliteSynchronous::Normal)
        // With the usual 2 MB and 1,000 pages it would read and copy more than it writes.
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "16384")
        .busy_timeout(Duration::from_secs(10));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let began = Instant::now();
    let (mut written, mut took) = (0, lasting);
    while began.elapsed() < lasting {
        let due = (began.elapsed().as_secs_f64() * f64::from(rate)) as i64;
        if due > written {
            append(&mut connection, job.id, written, due).await?;
            (written, took) = (due, began.elapsed());
        }
        tokio::time::sleep(TURN).await;
    }
    let each_second = written as f64 / took.as_secs_f64();
    writeln!(io::stdout(), "{each_second:.0}")?;
    registration.leave().await?;
    store.close().await;
    Ok(())
}

/// Lines from one number up to another in one statement: one for each line, as a job's lines are
/// written, could not be had 100,000 times a second.
async fn append(
    connection: &mut SqliteConnection,
    job: JobId,
    from: i64,
    to: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO log_lines (job_id, seq, step, at, stream, text, place) \
         WITH RECURSIVE lines(line) AS \
         (SELECT ?2 UNION ALL SELECT line + 1 FROM lines WHERE line + 1 < ?3) \
         SELECT ?1, line + 1, 0, ?4, 'stdout', \
         line || ' compile module ' || line || ' of a busy build', line FROM lines",
    )
    .bind(job.to_string())
    .bind(from)
    .bind(to)
    .bind(now().to_string())
    .execute(connection)
    .await?;
    Ok(())
}

fn job() -> Job {
    let at = now();
    Job {
        id: JobId::mint(at, [6; 10]),
        plan_id: PlanId::mint(at, [7; 10]),
        queue: Queue::Deploy,
        target: format!("bench:{at}"),
        title: "A busy build".into(),
        status: JobStatus::Queued,
        direction: Direction::Forward,
        on_failure: OnFailure::Undo,
        cancel_requested: false,
        error: None,
        created_at: at,
        started_at: None,
        finished_at: None,
    }
}

fn plan(job: &Job) -> Plan<String> {
    Plan {
        id: job.plan_id,
        title: job.title.clone(),
        steps: Vec::new(),
        notices: Vec::new(),
        intent: Value::Null,
        observed: Value::Null,
        observed_hash: String::new(),
        created_at: job.created_at,
    }
}

fn step(job: &Job) -> JobStep {
    JobStep {
        job_id: job.id,
        number: 0,
        title: "Build".into(),
        status: StepStatus::Running,
        attempt: 1,
        output: Value::Null,
        error: None,
        started_at: Some(job.created_at),
        finished_at: None,
    }
}
