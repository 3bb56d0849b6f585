//! The account and its SSH keys.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, DigitalOceanError, Page, no_content, one, parse};
use super::books::SshKey;
use super::guard::Caller;
use crate::api::books::Books;
use crate::api::state::ApiState;

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
) -> Answer {
    caller.may(&["account:read"])?;
    let account = state
        .read(|books| books.digitalocean_accounts.get(&caller.account).cloned())
        .ok_or_else(DigitalOceanError::unauthorized)?;
    Ok(one(
        StatusCode::OK,
        "account",
        json!({
            "droplet_limit": account.droplet_limit,
            "floating_ip_limit": account.reserved_ip_limit,
            "reserved_ip_limit": account.reserved_ip_limit,
            "volume_limit": 0,
            "email": account.email,
            "name": account.name,
            "uuid": account.uuid,
            "email_verified": true,
            "status": "active",
            "status_message": "",
            "team": {"uuid": account.team_uuid, "name": account.name},
        }),
    ))
}

fn view(key: &SshKey) -> Value {
    json!({
        "id": key.id,
        "fingerprint": key.fingerprint,
        "public_key": key.public_key,
        "name": key.name,
    })
}

/// A key of the account by its number or fingerprint.
pub(super) fn find<'a>(books: &'a Books, account: &str, named: &str) -> Option<&'a SshKey> {
    books.ssh_keys.values().find(|key| {
        key.account == account && (key.fingerprint == named || key.id.to_string() == named)
    })
}

pub(super) async fn list_keys(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["ssh_key:read"])?;
    let keys = state.read(|books| {
        books
            .ssh_keys
            .values()
            .filter(|key| key.account == caller.account)
            .map(view)
            .collect()
    });
    Ok(page.answer(&caller, "/v2/account/keys", &[], "ssh_keys", keys))
}

#[derive(Deserialize)]
struct NewKey {
    name: String,
    public_key: String,
}

pub(super) async fn create_key(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    caller.may(&["ssh_key:create"])?;
    let new: NewKey = parse(&body)?;
    let name = named(new.name)?;
    let public_key = new.public_key.trim().to_owned();
    let fingerprint = fingerprint(&public_key)
        .ok_or_else(|| DigitalOceanError::unprocessable("Key invalid key type"))?;
    let key = state.change(|books| {
        if find(books, &caller.account, &fingerprint).is_some() {
            let message = "SSH Key is already in use on your account";
            return Err(DigitalOceanError::unprocessable(message));
        }
        let id = books.number();
        let account = caller.account.clone();
        let key = SshKey {
            id,
            account,
            name,
            public_key,
            fingerprint,
        };
        books.ssh_keys.insert(id, key.clone());
        Ok(key)
    })?;
    Ok(one(StatusCode::CREATED, "ssh_key", view(&key)))
}

fn named(name: String) -> Result<String, DigitalOceanError> {
    if name.trim().is_empty() {
        return Err(DigitalOceanError::unprocessable("Name can't be blank"));
    }
    Ok(name)
}

/// MD5 over the key's blob; `None` when this is no OpenSSH public key.
fn fingerprint(public_key: &str) -> Option<String> {
    let mut words = public_key.split_whitespace();
    let (kind, blob) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
    // The blob begins with the length and the name of its own type.
    let length = usize::try_from(u32::from_be_bytes(blob.get(..4)?.try_into().ok()?)).ok()?;
    if blob.get(4..4 + length)? != kind.as_bytes() || blob.len() == 4 + length {
        return None;
    }
    let bytes: Vec<String> = Md5::digest(&blob)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(bytes.join(":"))
}

pub(super) async fn show_key(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(named): Path<String>,
) -> Answer {
    caller.may(&["ssh_key:read"])?;
    let key = state
        .read(|books| find(books, &caller.account, &named).map(view))
        .ok_or_else(DigitalOceanError::not_found)?;
    Ok(one(StatusCode::OK, "ssh_key", key))
}

#[derive(Deserialize)]
struct Rename {
    name: String,
}

pub(super) async fn rename_key(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
    body: Bytes,
) -> Answer {
    caller.may(&["ssh_key:update"])?;
    let Rename { name } = parse(&body)?;
    let name = named(name)?;
    let key = state.change(|books| {
        let id = find(books, &caller.account, &key).map(|key| key.id);
        let key = id.and_then(|id| books.ssh_keys.get_mut(&id));
        let key = key.ok_or_else(DigitalOceanError::not_found)?;
        key.name = name;
        Ok::<_, DigitalOceanError>(view(key))
    })?;
    Ok(one(StatusCode::OK, "ssh_key", key))
}

pub(super) async fn delete_key(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(named): Path<String>,
) -> Answer {
    caller.may(&["ssh_key:delete"])?;
    state.change(|books| {
        let id = find(books, &caller.account, &named).map(|key| key.id);
        id.and_then(|id| books.ssh_keys.remove(&id))
            .ok_or_else(DigitalOceanError::not_found)
    })?;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_md5_of_the_blob() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me";
        assert_eq!(
            fingerprint(key).as_deref(),
            Some("65:96:2d:fc:e8:d5:a9:11:64:0c:0f:ea:00:6e:5b:bd")
        );
        assert_eq!(fingerprint("ssh-ed25519 AAAA"), None);
        assert_eq!(
            fingerprint("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9ok"),
            None
        );
        assert_eq!(fingerprint(""), None);
    }
}
