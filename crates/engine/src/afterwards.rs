//! Noting acts that are done outside the database: files that were moved, containers that were
//! removed, servers that were tidied, jobs that were stopped.
//!
//! Such an act is not refused for want of a note: who empties a bin or lets versions go may be making
//! the room that the note needs. So it is done first, and what cannot be noted is told and noted as
//! soon as it can be.

use crate::{Engine, Notice, Result, world::World};
use plimsoll_domain::Timestamp;
use serde_json::{Value, json};
use std::sync::{MutexGuard, PoisonError};

/// Tells the notice about acts that are not noted from those that are kept.
const ID: &str = "unnoted";
/// Most acts that wait to be noted; those beyond are counted only.
const MOST: usize = 10_000;

/// Acts that are done and not noted yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Unnoted {
    acts: Vec<Act>,
    /// Why the last one could not be.
    why: String,
    /// More of them than are kept.
    beyond: u64,
    /// Somebody was told, and put it away.
    is_told: bool,
}

#[derive(Debug, Clone)]
struct Act {
    act: String,
    subject: String,
    details: Value,
    at: Timestamp,
}

impl Engine {
    /// Notes an act that is done. When that cannot be done now, people are told, and it is noted with
    /// the next one.
    pub(crate) async fn note_done(&self, act: &str, subject: String, details: Value) {
        let world = &self.world;
        let done = Act {
            act: act.to_owned(),
            subject,
            details,
            at: world.now(),
        };
        let mut waiting = std::mem::take(&mut unnoted(world).acts);
        let late = waiting.len();
        waiting.push(done);
        if let Err(error) = note_all(world, &waiting, late).await {
            tracing::warn!(act, "what was done could not be noted: {error}");
            let mut unnoted = unnoted(world);
            // What others could not note meanwhile came later.
            waiting.append(&mut unnoted.acts);
            unnoted.beyond += waiting.len().saturating_sub(MOST) as u64;
            waiting.truncate(MOST);
            unnoted.acts = waiting;
            unnoted.why = error.to_string();
            unnoted.is_told = false;
        }
    }

    /// Tries once more to note what is not noted.
    pub(crate) async fn note_late(&self) {
        let waiting = std::mem::take(&mut unnoted(&self.world).acts);
        if waiting.is_empty() {
            return;
        }
        if let Err(error) = note_all(&self.world, &waiting, waiting.len()).await {
            tracing::warn!("{} acts stay out of the audit log: {error}", waiting.len());
            unnoted(&self.world).acts.splice(0..0, waiting);
        }
    }

    /// What people have to know about acts that are done and not noted; `None` when all are.
    pub fn unnoted(&self) -> Option<Notice> {
        let unnoted = unnoted(&self.world);
        let first = unnoted.acts.first()?;
        if unnoted.is_told {
            return None;
        }
        let count = unnoted.acts.len() as u64 + unnoted.beyond;
        let what = match count {
            1 => format!("“{}” is done", first.act),
            count => format!("“{}” and {} more acts are done", first.act, count - 1),
        };
        Some(Notice {
            id: ID.to_owned(),
            title: "What was done is not in the audit log yet".to_owned(),
            text: format!(
                "{what}, and could not be noted: {}. It is noted with the next act when there is room \
                 again.",
                unnoted.why
            ),
        })
    }

    /// Puts the notice about them away; answers whether it was that one.
    pub(crate) fn dismiss_unnoted(&self, id: &str) -> bool {
        if id == ID {
            unnoted(&self.world).is_told = true;
        }
        id == ID
    }
}

fn unnoted(world: &World) -> MutexGuard<'_, Unnoted> {
    let unnoted = world.unnoted.lock();
    unnoted.unwrap_or_else(PoisonError::into_inner)
}

/// Notes acts, of which the first so many are noted late.
async fn note_all(world: &World, acts: &[Act], late: usize) -> Result<()> {
    let mut write = world.store.write().await?;
    for (at, act) in acts.iter().enumerate() {
        let mut details = act.details.clone();
        if let (true, Value::Object(details)) = (at < late, &mut details) {
            details.insert("done_at".to_owned(), json!(act.at));
        }
        let auditor = &world.auditor;
        auditor
            .record(&mut write, &act.act, &act.subject, details)
            .await?;
    }
    write.commit().await?;
    Ok(())
}
