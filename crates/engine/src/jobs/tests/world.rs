//! A world in memory in which every act makes a thing, and acting twice makes two.

use crate::{
    jobs::{Checkpoint, Limits, NewJob, Performer, Runner, StepContext, enqueue},
    ports::{Clock, PortError, PortResult},
    redact::Redactor,
};
use async_trait::async_trait;
use plimsoll_domain::{
    JobId, PlanId, Timestamp,
    job::{Job, JobStatus, JobStep, OnFailure, Queue, StepStatus},
    plan::{Plan, PlannedStep},
};
use plimsoll_protocol::LogStream;
use plimsoll_store::{Opening, Store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// A clock that goes on only when somebody sleeps by it or pushes it.
#[derive(Default)]
pub(crate) struct FakeClock {
    now: AtomicI64,
    drawn: AtomicU64,
    pub(super) slept: Mutex<Vec<u64>>,
}

impl FakeClock {
    pub(super) fn push(&self, ms: u64) {
        self.now.fetch_add(ms as i64, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + self.now.load(Ordering::SeqCst))
    }
    fn entropy(&self, bytes: &mut [u8]) {
        let drawn = self.drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (byte, drawn) in bytes.iter_mut().rev().zip(drawn.into_iter().rev()) {
            *byte = drawn;
        }
    }
    async fn sleep_ms(&self, ms: u64) {
        self.slept.lock().unwrap().push(ms);
        self.push(ms);
        tokio::task::yield_now().await;
    }
}

/// A store in a folder that others may share.
pub(crate) async fn open_store(folder: &Path, clock: &Arc<FakeClock>) -> Store {
    let clock = clock.clone();
    Store::open(Opening {
        folder: folder.to_owned(),
        new_device: "device".into(),
        author: "ada@laptop".into(),
        now: Arc::new(move || clock.now()),
    })
    .await
    .unwrap()
}

/// How an act of the fake world behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Manner {
    #[default]
    Well,
    /// It fails and has made nothing.
    FailsBefore,
    /// It fails and has made its thing.
    FailsAfter,
    /// It fails so many times in a way that may pass.
    FailsForAWhile(u32),
    /// What it made does not pass the proof.
    FailsProof,
    /// It panics.
    Panics,
    /// It goes on until it is asked to end.
    Waits,
    /// It goes on for ever, whoever asks.
    Hangs,
    /// It goes on until the world lets it.
    WaitsForTheWorld,
    /// Its undo fails for a while.
    StaysForAWhile(u32),
}

/// Makes the thing of this name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Make {
    pub(super) name: String,
    pub(super) manner: Manner,
    /// What is being worked on, to see overlaps.
    pub(super) target: String,
}

/// What is there, and what happened.
#[derive(Default)]
pub(super) struct World {
    /// Things by name; more than one of a name was made twice.
    pub(super) things: Mutex<BTreeMap<String, u32>>,
    failures: Mutex<BTreeMap<String, u32>>,
    busy: Mutex<BTreeMap<String, u32>>,
    pub(super) most_on_one_target: AtomicUsize,
    pub(super) most_at_all: AtomicUsize,
    /// Whether no server answers any more, and how often one was asked since.
    pub(super) is_silent: AtomicBool,
    pub(super) asked_in_vain: AtomicUsize,
    /// Outputs that undos were given.
    pub(super) undone_with: Mutex<Vec<(String, Option<Value>)>>,
    pub(super) go_on: Notify,
    pub(super) begun: Notify,
}

impl World {
    pub(super) fn with(names: &[&str]) -> Arc<Self> {
        let world = Self::default();
        for name in names {
            world.things.lock().unwrap().insert((*name).into(), 1);
        }
        Arc::new(world)
    }

    /// Things as `name` or `name×2`.
    pub(super) fn list(&self) -> Vec<String> {
        let things = self.things.lock().unwrap();
        things
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(name, count)| match count {
                1 => name.clone(),
                _ => format!("{name}×{count}"),
            })
            .collect()
    }

    fn count(&self, name: &str) -> u32 {
        self.things.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    fn fails_again(&self, name: &str, times: u32) -> bool {
        let mut failures = self.failures.lock().unwrap();
        let failed = failures.entry(name.to_owned()).or_default();
        *failed += 1;
        *failed <= times
    }

    fn enter(&self, target: &str) {
        let mut busy = self.busy.lock().unwrap();
        *busy.entry(target.to_owned()).or_default() += 1;
        let here = busy[target] as usize;
        let all = busy.values().sum::<u32>() as usize;
        self.most_on_one_target.fetch_max(here, Ordering::SeqCst);
        self.most_at_all.fetch_max(all, Ordering::SeqCst);
    }

    fn leave(&self, target: &str) {
        if let Some(count) = self.busy.lock().unwrap().get_mut(target) {
            *count -= 1;
        }
    }
}

/// A process that can be killed at its nth point.
#[derive(Default)]
pub(super) struct Killer {
    reached: AtomicUsize,
    at: usize,
    pub(super) dead: Notify,
}

impl Killer {
    pub(super) fn at(point: usize) -> Arc<Self> {
        Arc::new(Self {
            at: point,
            ..Self::default()
        })
    }

    /// Passes, or hangs for ever: from then on the process does nothing any more.
    async fn reach(&self) {
        if self.reached.fetch_add(1, Ordering::SeqCst) >= self.at {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn checkpoint(self: &Arc<Self>) -> Checkpoint {
        let killer = self.clone();
        Arc::new(move |_| {
            let killer = killer.clone();
            Box::pin(async move { killer.reach().await })
        })
    }
}

/// Performs in the world.
pub(super) struct Maker {
    pub(super) world: Arc<World>,
    pub(super) clock: Arc<FakeClock>,
    pub(super) killer: Option<Arc<Killer>>,
}

impl Maker {
    async fn point(&self) {
        if let Some(killer) = &self.killer {
            killer.reach().await;
        }
    }
}

#[async_trait]
impl Performer for Maker {
    type Action = Make;

    async fn observe(&self, _: &StepContext, make: &Make) -> PortResult<Option<Value>> {
        Ok((self.world.count(&make.name) > 0).then(|| json!({"made": make.name})))
    }

    async fn act(&self, step: &StepContext, make: &Make) -> PortResult<Value> {
        for (_, output) in step.outputs.iter() {
            assert!(
                output["made"].is_string(),
                "an output of an earlier step is missing"
            );
        }
        step.progress
            .line(LogStream::Build, &format!("making {}", make.name));
        step.progress.bytes(1, Some(2));
        self.point().await;
        self.world.enter(&make.target);
        // Long enough for others to be seen beside it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.world.leave(&make.target);
        let failed = |when: &str| Err(PortError::new("broken", format!("{when} {}", make.name)));
        match make.manner {
            Manner::FailsBefore => return failed("before making"),
            Manner::FailsForAWhile(times) if self.world.fails_again(&make.name, times) => {
                return Err(PortError::new("busy", "try later").retryable());
            }
            Manner::Panics => panic!("as the test wants"),
            Manner::Well
            | Manner::FailsAfter
            | Manner::FailsForAWhile(_)
            | Manner::FailsProof
            | Manner::Waits
            | Manner::Hangs
            | Manner::WaitsForTheWorld
            | Manner::StaysForAWhile(_) => {}
        }
        *self
            .world
            .things
            .lock()
            .unwrap()
            .entry(make.name.clone())
            .or_default() += 1;
        self.point().await;
        self.world.begun.notify_one();
        match make.manner {
            Manner::FailsAfter => return failed("after making"),
            Manner::Waits => {
                step.cancel.cancelled().await;
                return Err(PortError::new("cancelled", "it was asked to end"));
            }
            Manner::Hangs => std::future::pending::<()>().await,
            Manner::WaitsForTheWorld => self.world.go_on.notified().await,
            Manner::Well
            | Manner::FailsBefore
            | Manner::FailsForAWhile(_)
            | Manner::FailsProof
            | Manner::Panics
            | Manner::StaysForAWhile(_) => {}
        }
        Ok(json!({"made": make.name}))
    }

    async fn verify(&self, _: &StepContext, make: &Make, output: &Value) -> PortResult<()> {
        assert_eq!(output["made"], make.name.as_str());
        if make.manner == Manner::FailsProof {
            return Err(PortError::new("unproved", "it is not what it should be"));
        }
        Ok(())
    }

    async fn undo(&self, _: &StepContext, make: &Make, output: Option<&Value>) -> PortResult<()> {
        self.point().await;
        if let Manner::StaysForAWhile(times) = make.manner
            && self.world.fails_again(&make.name, times)
        {
            return Err(PortError::new("stuck", "it stays"));
        }
        if self.world.is_silent.load(Ordering::SeqCst) {
            self.world.asked_in_vain.fetch_add(1, Ordering::SeqCst);
            return Err(PortError::new("ssh_tcp", "no answer").retryable());
        }
        let undone = (make.name.clone(), output.cloned());
        self.world.undone_with.lock().unwrap().push(undone);
        self.world.things.lock().unwrap().remove(&make.name);
        self.point().await;
        Ok(())
    }
}

/// One process: a store and a runner in a folder that others may share.
pub(super) struct Process {
    pub(super) store: Store,
    pub(super) runner: Runner<Maker>,
    pub(super) redactor: Arc<Redactor>,
}

impl Process {
    pub(super) async fn start(folder: &Path, maker: Maker) -> Self {
        let limits = Limits {
            grace: Duration::from_millis(50),
            ..Limits::default()
        };
        Self::start_with(folder, maker, limits).await
    }

    pub(super) async fn start_with(folder: &Path, maker: Maker, limits: Limits) -> Self {
        let clock = maker.clock.clone();
        let store = open_store(folder, &clock).await;
        let redactor = Arc::new(Redactor::new());
        let checkpoint = maker.killer.as_ref().map(Killer::checkpoint);
        let runner = Runner::open_with(
            store.clone(),
            clock,
            redactor.clone(),
            Arc::new(maker),
            limits,
            checkpoint,
        )
        .await
        .unwrap();
        Self {
            store,
            runner,
            redactor,
        }
    }

    /// The process is gone; nothing of it says goodbye.
    pub(super) async fn die(self) {
        self.runner.abandon().await;
        self.store.close().await;
    }

    pub(super) async fn steps(&self, job: JobId) -> Vec<JobStep> {
        self.store.steps(job).await.unwrap()
    }

    pub(super) async fn statuses(&self, job: JobId) -> Vec<StepStatus> {
        self.steps(job)
            .await
            .iter()
            .map(|step| step.status)
            .collect()
    }

    pub(super) async fn job(&self, job: JobId) -> Job {
        self.store.need(&job).await.unwrap()
    }

    pub(super) async fn run(&self, job: JobId) -> JobStatus {
        let run = self.runner.run(job);
        let ended = tokio::time::timeout(Duration::from_secs(20), run).await;
        ended.expect("the job never ended").unwrap().status
    }
}

pub(super) fn maker(world: &Arc<World>) -> Maker {
    Maker {
        world: world.clone(),
        clock: Arc::new(FakeClock::default()),
        killer: None,
    }
}

pub(super) fn job_id(number: u32) -> JobId {
    JobId::mint(
        Timestamp::from_millis(1_790_000_000_000 + i64::from(number)),
        [9; 10],
    )
}

/// `a`, then `b` beside `c`, then `d`, then `e`; each makes its thing in its manner.
pub(super) fn plan(number: u32, target: &str, manners: &[(&str, Manner)]) -> Plan<Make> {
    let step = |name: &str, group: u32| PlannedStep {
        title: format!("Make {name}"),
        action: Make {
            name: name.to_owned(),
            manner: manners
                .iter()
                .find(|(of, _)| *of == name)
                .map(|(_, manner)| *manner)
                .unwrap_or_default(),
            target: target.to_owned(),
        },
        server_id: None,
        group,
        price_cents_month: None,
        transfer_bytes: None,
        downtime_ms: 0,
        undo: Some(format!("remove {name}")),
        changes: Vec::new(),
    };
    Plan {
        id: PlanId::mint(
            Timestamp::from_millis(1_790_000_000_000 + i64::from(number)),
            [9; 10],
        ),
        title: "Make five things".into(),
        steps: vec![
            step("a", 0),
            step("b", 1),
            step("c", 1),
            step("d", 2),
            step("e", 3),
        ],
        notices: Vec::new(),
        intent: Value::Null,
        observed: Value::Null,
        observed_hash: String::new(),
        created_at: Timestamp::from_millis(0),
    }
}

/// Puts a job in line.
pub(super) async fn put(
    store: &Store,
    number: u32,
    plan: &Plan<Make>,
    on_failure: OnFailure,
) -> JobId {
    let new = NewJob {
        id: job_id(number),
        queue: Queue::Deploy,
        target: plan.steps[0].action.target.clone(),
        on_failure,
    };
    let mut write = store.write().await.unwrap();
    enqueue(&mut write, plan, &new).await.unwrap();
    write.commit().await.unwrap();
    new.id
}
