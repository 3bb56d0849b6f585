//! Droplets: created once, looked up although they are new, destroyed although they are busy.

use super::{DigitalOcean, actions, errors, list, wire};
use crate::http::{Call, Refused, Session};
use plimsoll_engine::ports::{Droplet, NewDroplet, PortResult};
use serde_json::{Value, json};
use std::sync::PoisonError;

/// How long a droplet that we created may be unknown to the API, milliseconds.
const HIDDEN_MS: i64 = 30_000;
/// Pause between two looks, milliseconds.
const LOOK_MS: u64 = 500;
/// Most user data that the API takes, bytes.
const MOST_USER_DATA: usize = 64 * 1024;

/// All droplets with a tag, or all.
pub(super) async fn tagged(session: &Session, tag: Option<&str>) -> PortResult<Vec<Droplet>> {
    let mut call = Call::get("list the droplets", &["droplets"]).needs(&["droplet:read"]);
    if let Some(tag) = tag {
        call = call.query("tag_name", tag);
    }
    let found: Vec<wire::Droplet> = list::all(session, call, "droplets").await?;
    Ok(found.into_iter().map(Into::into).collect())
}

impl DigitalOcean {
    pub(super) async fn create(&self, session: &Session, new: &NewDroplet) -> PortResult<Droplet> {
        let doing = format!("create the droplet {}", new.name);
        if new.user_data.len() > MOST_USER_DATA {
            return Err(session
                .service
                .error(
                    "invalid",
                    format!(
                        "Could not {doing}: its cloud-init is {} bytes long; DigitalOcean takes \
                         {MOST_USER_DATA}.",
                        new.user_data.len()
                    ),
                )
                .next_step("Shorten what is added to cloud-init."));
        }
        // An earlier attempt may have been cut off after it was accepted.
        if let Some(found) = tagged(session, Some(&new.unique_tag))
            .await?
            .into_iter()
            .next()
        {
            return Ok(found);
        }
        let mut tags = new.tags.clone();
        tags.push(new.unique_tag.clone());
        // A snapshot is named by its number, a stock image by its slug.
        let image = new
            .image
            .parse::<u64>()
            .map_or_else(|_| json!(new.image), Value::from);
        let body = json!({
            "name": new.name,
            "region": new.region,
            "size": new.size,
            "image": image,
            "ssh_keys": new.ssh_key_ids,
            "tags": tags,
            "user_data": new.user_data.expose(),
        });
        let call = Call::post(doing, &["droplets"], body)
            .hiding(&new.user_data)
            .needs(&["droplet:create", "tag:create"]);
        let read = |answer: &_| {
            session
                .read::<wire::Droplet>(&call, answer, "droplet")
                .map(Droplet::from)
        };
        let find = || async {
            Ok(tagged(session, Some(&new.unique_tag))
                .await?
                .into_iter()
                .next())
        };
        let droplet = session
            .create(&call, read, find)
            .await?
            .map_err(|answer| errors::refusal(session, &call, &answer))?;
        self.remember(droplet.id, session.clock().now().as_millis());
        Ok(droplet)
    }

    /// One droplet. A 404 right after its creation passes, so it is asked again for a while.
    pub(super) async fn look_up(&self, session: &Session, id: u64) -> PortResult<Option<Droplet>> {
        let text = id.to_string();
        let call = Call::get(format!("look up droplet {id}"), &["droplets", &text])
            .needs(&["droplet:read"]);
        loop {
            match session.ask(&call).await {
                Ok(answer) => {
                    self.forget(id);
                    let droplet: wire::Droplet = session.read(&call, &answer, "droplet")?;
                    return Ok(Some(droplet.into()));
                }
                Err(refused) if refused.status() == Some(404) => {
                    if !self.is_fresh(id, session.clock().now().as_millis()) {
                        return Ok(None);
                    }
                    session.clock().sleep_ms(LOOK_MS).await;
                }
                Err(refused) => return Err(session.failure(&call, &refused)),
            }
        }
    }

    pub(super) async fn destroy(&self, session: &Session, id: u64) -> PortResult<()> {
        // A droplet that is still hidden would be taken for one that is gone.
        if self.is_fresh(id, session.clock().now().as_millis())
            && self.look_up(session, id).await?.is_none()
        {
            return Ok(());
        }
        let text = id.to_string();
        let call = Call::delete(format!("destroy droplet {id}"), &["droplets", &text])
            .needs(&["droplet:delete"]);
        let mut patience = actions::Patience::new(session);
        loop {
            match session.ask(&call).await {
                Ok(_) => return Ok(()),
                Err(Refused::Answer(answer)) if answer.status == 404 => return Ok(()),
                Err(Refused::Answer(answer))
                    if errors::is_pending_event(&answer) && patience.is_left() =>
                {
                    patience.pause().await;
                }
                Err(refused) => return Err(session.failure(&call, &refused)),
            }
        }
    }

    fn remember(&self, id: u64, now: i64) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.retain(|_, at| now.saturating_sub(*at) < HIDDEN_MS);
        fresh.insert(id, now);
    }

    fn forget(&self, id: u64) {
        self.fresh
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    fn is_fresh(&self, id: u64, now: i64) -> bool {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh
            .get(&id)
            .is_some_and(|at| now.saturating_sub(*at) < HIDDEN_MS)
    }
}
