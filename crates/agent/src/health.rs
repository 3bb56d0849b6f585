//! The watch over what serves: restarts what does not answer, finds out what restarted by itself.

use crate::{
    agent::Agent,
    docker::{LABEL_MANAGED, Seen},
    edge,
    error::Result,
    probe::{self, Answer, Target},
    record::{Running, ServiceRecord, file_stem},
    transaction,
};
use bollard::query_parameters::EventsOptionsBuilder;
use futures::StreamExt;
use plimsoll_domain::service::{Probe, RestartPolicy};
use plimsoll_protocol::{Health, ServiceKey};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The shortest pause between two questions to what serves already.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Commands cost a process each.
const SHORTEST_COMMAND_PAUSE: Duration = Duration::from_secs(5);
/// The first pause between two restarts; it doubles up to [`LONGEST_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
/// The longest pause between two restarts.
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// How often the kernel's rules are compared with ours.
const RULES_EVERY: Duration = Duration::from_secs(30);
/// How often an nginx that finishes its connections is looked at.
const EDGE_EVERY: Duration = Duration::from_secs(2);

/// How the services are.
#[derive(Debug, Default)]
pub struct Watched {
    services: Mutex<HashMap<String, Watch>>,
    ending: Arc<Mutex<HashSet<String>>>,
}

/// The right to end a container that served before, or to have it serve again; dropping it gives
/// it back.
#[derive(Debug)]
pub struct Claim {
    ending: Arc<Mutex<HashSet<String>>>,
    container: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        ending.remove(&self.container);
    }
}

#[derive(Debug, Clone)]
struct Watch {
    health: Health,
    bad: u32,
    asked: bool,
    next: Instant,
    starting_until: Option<Instant>,
    restart_not_before: Instant,
    backoff: Duration,
}

impl Watch {
    fn new(health: Health) -> Self {
        let now = Instant::now();
        Self {
            health,
            bad: 0,
            asked: false,
            next: now,
            starting_until: None,
            restart_not_before: now,
            backoff: FIRST_BACKOFF,
        }
    }
}

impl Watched {
    fn services(&self) -> MutexGuard<'_, HashMap<String, Watch>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn ending(&self) -> MutexGuard<'_, HashSet<String>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Somebody else serves, and proved well a moment ago.
    pub fn began(&self, key: &ServiceKey) {
        self.services()
            .insert(file_stem(key), Watch::new(Health::Healthy));
    }
    /// How a service is.
    pub fn health(&self, key: &ServiceKey) -> Health {
        let services = self.services();
        services
            .get(&file_stem(key))
            .map_or(Health::Starting, |watch| watch.health)
    }
    /// The service is gone.
    pub fn forget(&self, key: &ServiceKey) {
        self.services().remove(&file_stem(key));
    }
    /// Claims a container that served before; `None` when somebody is at it.
    pub fn claim(&self, container: &str) -> Option<Claim> {
        self.ending().insert(container.to_owned()).then(|| Claim {
            ending: Arc::clone(&self.ending),
            container: container.to_owned(),
        })
    }
    /// The same, waiting for whoever is at it.
    pub async fn claim_within(&self, container: &str, patience: Duration) -> Option<Claim> {
        let begun = Instant::now();
        loop {
            let claim = self.claim(container);
            if claim.is_some() || begun.elapsed() >= patience {
                return claim;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    /// Claims the next question to a service when it is due.
    fn due(&self, key: &ServiceKey) -> bool {
        let mut services = self.services();
        let watch = services
            .entry(file_stem(key))
            .or_insert_with(|| Watch::new(Health::Starting));
        if watch.asked || watch.next > Instant::now() {
            return false;
        }
        watch.asked = true;
        true
    }
    fn with<T>(&self, key: &ServiceKey, change: impl FnOnce(&mut Watch) -> T) -> Option<T> {
        self.services().get_mut(&file_stem(key)).map(change)
    }
}

/// Watches for as long as the agent lives.
pub async fn watch(agent: Arc<Agent>) {
    let mut rules_at = Instant::now() + RULES_EVERY;
    let mut edge_at = Instant::now() + EDGE_EVERY;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for record in agent.records.all() {
            if record.serving.is_some() && agent.watched.due(&record.key) {
                let agent = Arc::clone(&agent);
                tokio::spawn(async move { look(&agent, record).await });
            }
        }
        transaction::retire_all(&agent).await;
        if edge_at <= Instant::now() {
            edge_at = Instant::now() + EDGE_EVERY;
            report(edge::tend(&agent).await, "tend nginx");
        }
        if rules_at <= Instant::now() {
            rules_at = Instant::now() + RULES_EVERY;
            if !agent.nat.intact().await {
                tracing::warn!("the routes were changed by somebody else: set again");
                report(establish(&agent).await, "set the routes");
            }
        }
    }
}

/// Sets all routes afresh.
pub async fn establish(agent: &Agent) -> Result<()> {
    let routes = transaction::current_routes(agent).await?;
    agent.nat.establish(routes).await?;
    transaction::refresh(agent).await
}

/// Follows Docker's events: a container that Docker restarted has another address.
pub async fn follow_events(agent: Arc<Agent>) {
    loop {
        if let Ok(client) = agent.engine.client() {
            let options = EventsOptionsBuilder::default()
                .filters(&HashMap::from([
                    ("type", vec!["container"]),
                    ("event", vec!["start", "die"]),
                    ("label", vec![LABEL_MANAGED]),
                ]))
                .build();
            let mut events = std::pin::pin!(client.events(Some(options)));
            // What happened before we listened.
            report(establish(&agent).await, "set the routes");
            while let Some(Ok(event)) = events.next().await {
                let id = event.actor.and_then(|actor| actor.id).unwrap_or_default();
                let owner = agent.records.all().into_iter().find(|record| {
                    record
                        .serving
                        .as_ref()
                        .is_some_and(|one| one.container_id == id)
                });
                if let Some(record) = owner {
                    let refreshed = transaction::refresh_service(&agent, &record.key).await;
                    report(refreshed, "set a route");
                    report(
                        transaction::introduce(&agent, &record.key).await,
                        "introduce neighbours",
                    );
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn report(done: Result<()>, doing: &str) {
    if let Err(error) = done {
        tracing::warn!(%error, doing, "the watch could not act");
    }
}

async fn look(agent: &Agent, record: ServiceRecord) {
    let key = record.key.clone();
    let Some(serving) = record.serving.clone() else {
        return;
    };
    let health = &serving.spec.health;
    let shortest = match health.probe {
        Probe::Command { .. } => SHORTEST_COMMAND_PAUSE,
        Probe::Http { .. } | Probe::Tcp | Probe::Running => SHORTEST_PAUSE,
    };
    let pause = Duration::from_millis(health.interval_ms).max(shortest);
    match agent.engine.see(&serving.container_id).await {
        Ok(seen) => judge(agent, &record, &serving, seen).await,
        // Docker does not answer, for instance while it is upgraded: nothing is known.
        Err(error) => tracing::debug!(%error, "a service could not be looked at"),
    }
    agent.watched.with(&key, |watch| {
        watch.asked = false;
        watch.next = Instant::now() + pause;
    });
}

async fn judge(agent: &Agent, record: &ServiceRecord, serving: &Running, seen: Option<Seen>) {
    let key = &record.key;
    let Some(seen) = seen else {
        agent
            .watched
            .with(key, |watch| watch.health = Health::Stopped);
        return;
    };
    if !seen.running {
        let wanted = match serving.spec.restart {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => seen.exit_code != 0,
            RestartPolicy::Never => false,
        };
        agent
            .watched
            .with(key, |watch| watch.health = Health::Stopped);
        if wanted && !seen.restarting && !agent.locks.is_held(key) {
            start_again(agent, key, serving).await;
        }
        return;
    }
    report(
        transaction::refresh_service(agent, key).await,
        "set a route",
    );
    let Some(address) = seen.address else { return };
    let target = Target {
        container_id: serving.container_id.clone(),
        address,
        port: serving.spec.port,
        host: record
            .site
            .as_ref()
            .and_then(|site| site.hosts.first().cloned())
            .unwrap_or_else(|| "localhost".to_owned()),
        has_secrets: !serving.secret_names.is_empty(),
    };
    let health = &serving.spec.health;
    let patience = Duration::from_millis(health.timeout_ms.max(1));
    match probe::ask(&agent.engine, &target, &health.probe, patience).await {
        Answer::Good => {
            agent.watched.with(key, |watch| {
                watch.health = Health::Healthy;
                watch.bad = 0;
                watch.starting_until = None;
                if watch.restart_not_before + watch.backoff < Instant::now() {
                    watch.backoff = FIRST_BACKOFF;
                }
            });
        }
        Answer::Bad(shown) | Answer::Elsewhere(shown) | Answer::Nobody(shown) => {
            let failures = health.failures.max(1);
            let restart = agent.watched.with(key, |watch| {
                let now = Instant::now();
                if watch.starting_until.is_some_and(|until| now < until) {
                    return false;
                }
                watch.bad = watch.bad.saturating_add(1);
                watch.health = Health::Unhealthy;
                watch.bad >= failures && now >= watch.restart_not_before
            });
            if restart.unwrap_or(false) && still_serves(agent, key, serving) {
                let answer = agent.secrets.redact_for(serving.started_for, vec![shown]);
                let answer = answer.concat();
                tracing::warn!(service = %key.base(), answer, "restarted: bad answers");
                restart_it(agent, key, serving).await;
            }
        }
    }
}

fn still_serves(agent: &Agent, key: &ServiceKey, serving: &Running) -> bool {
    let record = agent.records.get(key);
    record
        .and_then(|record| record.serving)
        .is_some_and(|now| now.container_id == serving.container_id)
}

async fn restart_it(agent: &Agent, key: &ServiceKey, serving: &Running) {
    note_restart(agent, key, serving);
    let done = agent
        .engine
        .restart(&serving.container_id, serving.spec.stop_grace_ms)
        .await;
    report(done, "restart a container");
    report(
        transaction::refresh_service(agent, key).await,
        "set a route",
    );
}

async fn start_again(agent: &Agent, key: &ServiceKey, serving: &Running) {
    let now = Instant::now();
    let due = agent
        .watched
        .with(key, |watch| now >= watch.restart_not_before);
    if !due.unwrap_or(false) || !still_serves(agent, key, serving) {
        return;
    }
    note_restart(agent, key, serving);
    report(agent.secrets.restore_all(), "bring the secrets back");
    report(
        agent.engine.start(&serving.container_id).await,
        "start a container",
    );
    report(
        transaction::refresh_service(agent, key).await,
        "set a route",
    );
}

fn note_restart(agent: &Agent, key: &ServiceKey, serving: &Running) {
    agent.watched.with(key, |watch| {
        let now = Instant::now();
        watch.health = Health::Starting;
        watch.bad = 0;
        watch.restart_not_before = now + watch.backoff;
        watch.backoff = (watch.backoff * 2).min(LONGEST_BACKOFF);
        watch.starting_until = Some(now + Duration::from_millis(serving.spec.health.start_ms));
    });
    let noted = agent.records.update(key, |record| record.restarts += 1);
    report(noted.map(drop), "note a restart");
}
