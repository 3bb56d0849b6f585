//! A transaction at work: what it says, how it ended, what it is told.

use crate::{
    error::{AgentError, Result},
    lock::Lock,
};
use plimsoll_domain::{DeploymentId, Timestamp, job::Failure};
use plimsoll_protocol::{Deploy, Deployed, Reply};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// How many of the last things said are kept for listeners that come later.
const KEPT_EVENTS: usize = 2000;

/// What a held run can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Switch.
    Commit,
    /// The desktop lives.
    Heartbeat,
}

/// How a run ended, or how it was answered while it is held.
pub type Outcome = std::result::Result<Deployed, Failure>;

/// A transaction at work.
#[derive(Debug)]
pub struct Run {
    /// What was asked for.
    pub deploy: Deploy,
    lock: Mutex<Option<Lock>>,
    said: Mutex<Spoken>,
    version: watch::Sender<u64>,
    commands: mpsc::Sender<Command>,
    cancelled: CancellationToken,
}

#[derive(Debug, Default)]
struct Spoken {
    first: usize,
    events: VecDeque<Reply>,
    answer: Option<Outcome>,
    ended: Option<Outcome>,
}

impl Run {
    /// A run that holds its lock.
    pub fn new(deploy: Deploy, lock: Lock) -> (Arc<Self>, mpsc::Receiver<Command>) {
        let (commands, told) = mpsc::channel(8);
        let run = Self {
            deploy,
            lock: Mutex::new(Some(lock)),
            said: Mutex::default(),
            version: watch::Sender::new(0),
            commands,
            cancelled: CancellationToken::new(),
        };
        (Arc::new(run), told)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a sign of life in the lock.
    pub fn heartbeat(&self, now: Timestamp) {
        if let Some(lock) = &*self.lock() {
            lock.heartbeat(now);
        }
    }

    fn said(&self) -> MutexGuard<'_, Spoken> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something to all listeners.
    pub fn say(&self, reply: Reply) {
        let mut said = self.said();
        if said.events.len() == KEPT_EVENTS {
            said.events.pop_front();
            said.first += 1;
        }
        said.events.push_back(reply);
        drop(said);
        self.version.send_modify(|version| *version += 1);
    }

    /// Answers listeners; a held run goes on afterwards.
    pub fn answer(&self, outcome: Outcome) {
        self.said().answer = Some(outcome);
        self.version.send_modify(|version| *version += 1);
    }

    /// Notes the end and frees the service: whoever hears of the end may deploy at once.
    pub fn end(&self, outcome: Outcome) {
        drop(self.lock().take());
        let mut said = self.said();
        said.answer = Some(outcome.clone());
        said.ended = Some(outcome);
        drop(said);
        self.version.send_modify(|version| *version += 1);
    }

    /// What was said from an index on; the index moves behind it.
    pub fn events_from(&self, next: &mut usize) -> Vec<Reply> {
        let said = self.said();
        let from = next.saturating_sub(said.first);
        *next = said.first + said.events.len();
        said.events.iter().skip(from).cloned().collect()
    }

    /// The answer, once there is one.
    pub fn outcome(&self) -> Option<Outcome> {
        self.said().answer.clone()
    }

    /// Changes whenever something was said or answered.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Waits for the end.
    pub async fn ended(&self) -> Outcome {
        let mut version = self.watch();
        loop {
            version.borrow_and_update();
            if let Some(outcome) = self.said().ended.clone() {
                return outcome;
            }
            if version.changed().await.is_err() {
                return Err(super::interrupted().failure());
            }
        }
    }

    /// Tells it something; an error when it is beyond listening.
    pub async fn tell(&self, command: Command) -> Result<()> {
        self.commands.send(command).await.map_err(|_| {
            AgentError::refused(
                "deployment_ended",
                "the deployment has ended meanwhile",
                "Look at its journal.",
            )
        })
    }

    /// Cancels it; it takes back what it did unless it switched already.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// Resolves when it was cancelled.
    pub async fn cancellation(&self) {
        self.cancelled.cancelled().await;
    }
}

/// Transactions at work, by deployment.
#[derive(Debug, Default)]
pub struct Runs {
    runs: Mutex<HashMap<DeploymentId, Arc<Run>>>,
    gone: Notify,
}

impl Runs {
    fn locked(&self) -> MutexGuard<'_, HashMap<DeploymentId, Arc<Run>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// One of them.
    pub fn get(&self, id: DeploymentId) -> Option<Arc<Run>> {
        self.locked().get(&id).cloned()
    }
    /// Adds one.
    pub fn insert(&self, run: Arc<Run>) {
        self.locked().insert(run.deploy.deployment_id, run);
    }
    /// Removes one that ended.
    pub fn remove(&self, id: DeploymentId) {
        self.locked().remove(&id);
        self.gone.notify_waiters();
    }
    /// Waits until one is gone.
    pub async fn left(&self, id: DeploymentId) {
        loop {
            let gone = self.gone.notified();
            if self.get(id).is_none() {
                return;
            }
            gone.await;
        }
    }
}
