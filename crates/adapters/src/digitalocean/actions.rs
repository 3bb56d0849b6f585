//! Actions: started once, followed to their end, one at a time a droplet.

use super::{errors, list, wire};
use crate::http::{Answer, Call, Session};
use plimsoll_engine::ports::{DropletAct, PortError, PortResult};
use serde_json::{Value, json};

/// First pause between two looks at an action, milliseconds; grows by half, up to the longest.
const FIRST_LOOK_MS: u64 = 500;
const LONGEST_LOOK_MS: u64 = 8_000;
/// How long another event may keep a droplet busy, milliseconds.
const PENDING_MS: i64 = 300_000;
/// How long a power action may take, milliseconds.
pub(super) const POWER_MS: i64 = 300_000;
/// How long a snapshot may take, milliseconds: less than a job's soft limit.
const SNAPSHOT_MS: i64 = 2_700_000;

/// Growing pauses until a deadline.
pub(super) struct Patience<'a> {
    session: &'a Session,
    until: i64,
    pause_ms: u64,
}

impl<'a> Patience<'a> {
    /// Patience with a droplet that is busy.
    pub(super) fn new(session: &'a Session) -> Self {
        Self::of(session, PENDING_MS)
    }
    fn of(session: &'a Session, ms: i64) -> Self {
        let until = session.clock().now().plus_ms(ms).as_millis();
        Self {
            session,
            until,
            pause_ms: FIRST_LOOK_MS,
        }
    }
    pub(super) fn is_left(&self) -> bool {
        self.session.clock().now().as_millis() < self.until
    }
    pub(super) async fn pause(&mut self) {
        self.session.clock().sleep_ms(self.pause_ms).await;
        self.pause_ms = (self.pause_ms + self.pause_ms / 2).min(LONGEST_LOOK_MS);
    }
}

/// Starts an act and waits for its end. What is done already is not done again.
pub(super) async fn act(session: &Session, id: u64, act: &DropletAct) -> PortResult<()> {
    let (kind, doing) = match act {
        DropletAct::PowerOn => ("power_on", format!("switch on droplet {id}")),
        DropletAct::Shutdown => ("shutdown", format!("shut down droplet {id}")),
        DropletAct::PowerOff => ("power_off", format!("cut the power of droplet {id}")),
        DropletAct::Reboot => ("reboot", format!("reboot droplet {id}")),
        DropletAct::Snapshot { name } => (
            "snapshot",
            format!("take the snapshot {name} of droplet {id}"),
        ),
    };
    let mut body = json!({"type": kind});
    if let DropletAct::Snapshot { name } = act {
        body["name"] = Value::from(name.as_str());
    }
    let text = id.to_string();
    let call = Call::post(doing, &["droplets", &text, "actions"], body).needs(&["droplet:update"]);
    let newest = latest(session, &text)
        .await?
        .first()
        .map_or(0, |action| action.id);
    let mut patience = Patience::new(session);
    loop {
        if is_done(session, &text, act).await? {
            return Ok(());
        }
        let read = |answer: &Answer| session.read::<wire::Action>(&call, answer, "action");
        let find = || async {
            let ours = |action: &wire::Action| action.id > newest && action.kind == kind;
            Ok(latest(session, &text).await?.into_iter().find(ours))
        };
        match session.create(&call, read, find).await? {
            Ok(action) => {
                let path = ["droplets", &text, "actions"];
                let patience = match act {
                    DropletAct::Snapshot { .. } => SNAPSHOT_MS,
                    DropletAct::PowerOn
                    | DropletAct::Shutdown
                    | DropletAct::PowerOff
                    | DropletAct::Reboot => POWER_MS,
                };
                return follow(session, &call.doing, &path, action, patience).await;
            }
            Err(answer) if errors::is_pending_event(&answer) && patience.is_left() => {
                patience.pause().await;
            }
            Err(answer) => return Err(errors::refusal(session, &call, &answer)),
        }
    }
}

/// Whether the droplet is already as the act would leave it.
async fn is_done(session: &Session, id: &str, act: &DropletAct) -> PortResult<bool> {
    let wanted = match act {
        DropletAct::Reboot => return Ok(false),
        DropletAct::Snapshot { name } => {
            let all = list::snapshots(session).await?;
            return Ok(all.iter().any(|snapshot| snapshot.name == *name));
        }
        DropletAct::PowerOn => "active",
        DropletAct::Shutdown | DropletAct::PowerOff => "off",
    };
    let call =
        Call::get(format!("look up droplet {id}"), &["droplets", id]).needs(&["droplet:read"]);
    let answer = session.must(&call).await?;
    let droplet: wire::Droplet = session.read(&call, &answer, "droplet")?;
    Ok(droplet.status == wanted)
}

/// The latest actions of a droplet, newest first.
async fn latest(session: &Session, id: &str) -> PortResult<Vec<wire::Action>> {
    let call = Call::get(
        format!("list the actions of droplet {id}"),
        &["droplets", id, "actions"],
    )
    .query("per_page", "20")
    .needs(&["droplet:read"]);
    let answer = session.must(&call).await?;
    let mut actions: Vec<wire::Action> = session.read(&call, &answer, "actions")?;
    actions.sort_by_key(|action| std::cmp::Reverse(action.id));
    Ok(actions)
}

/// Follows an action to its end, looking less and less often.
pub(super) async fn follow(
    session: &Session,
    doing: &str,
    path: &[&str],
    action: wire::Action,
    patience_ms: i64,
) -> PortResult<()> {
    let text = action.id.to_string();
    let path: Vec<&str> = path.iter().copied().chain([text.as_str()]).collect();
    let call = Call::get(doing, &path).needs(if path.first() == Some(&"reserved_ips") {
        &["reserved_ip:read"]
    } else {
        &["droplet:read"]
    });
    let mut patience = Patience::of(session, patience_ms);
    let mut now = action;
    loop {
        match now.status.as_str() {
            "completed" => return Ok(()),
            "errored" => {
                return Err(
                    unfinished(session, "action_failed", doing, &now, "it failed there")
                        .next_step("Look at the droplet's history at DigitalOcean, then try again.")
                        .retryable(),
                );
            }
            _ if !patience.is_left() => {
                let what = format!("it did not end within {} minutes", patience_ms / 60_000);
                return Err(unfinished(session, "action_stuck", doing, &now, &what).next_step(
                    "Look at the droplet at DigitalOcean; if it stays like this, its support has \
                     to free it.",
                ));
            }
            _ => patience.pause().await,
        }
        let answer = session.must(&call).await?;
        now = session.read(&call, &answer, "action")?;
    }
}

fn unfinished(
    session: &Session,
    code: &str,
    doing: &str,
    action: &wire::Action,
    what: &str,
) -> PortError {
    let started = action.started_at.as_deref().unwrap_or("an unknown time");
    session
        .service
        .error(code, format!("Could not {doing}: {what}."))
        .evidence(format!(
            "DigitalOcean action {} ({}) is {} since {started}",
            action.id, action.kind, action.status
        ))
}
