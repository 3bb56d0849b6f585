//! Tags: names that stick to droplets and images.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, DigitalOceanError, Page, no_content, one, parse};
use super::books::Tag;
use super::create::Named;
use super::firewalls;
use super::guard::Caller;
use crate::api::books::Books;
use crate::api::state::ApiState;

/// Letters, digits, `:`, `-` and `_`, at most 255.
pub(super) fn is_valid(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
    !name.is_empty() && name.len() <= 255 && name.chars().all(allowed)
}

pub(super) fn invalid(name: &str) -> String {
    format!(
        "{name} is not a valid tag: tags may only contain letters, numbers, colons, dashes, and underscores."
    )
}

/// Puts tags that are new onto the books: naming one creates it.
pub(super) fn ensure(books: &mut Books, account: &str, names: &[String]) {
    for name in names {
        if !exists(books, account, name) {
            books.tags.push(Tag {
                account: account.to_owned(),
                name: name.clone(),
            });
        }
    }
}

pub(super) fn exists(books: &Books, account: &str, name: &str) -> bool {
    books
        .tags
        .iter()
        .any(|tag| tag.account == account && tag.name == name)
}

fn view(books: &Books, tag: &Tag) -> Value {
    let droplets: Vec<u64> = books
        .droplets
        .values()
        .filter(|droplet| droplet.account == tag.account && droplet.tags.contains(&tag.name))
        .map(|droplet| droplet.id)
        .collect();
    let images: Vec<u64> = books
        .images
        .values()
        .filter(|image| image.account == tag.account && image.tags.contains(&tag.name))
        .map(|image| image.id)
        .collect();
    let counted = |kind: &str, ids: &[u64]| {
        let mut counted = json!({"count": ids.len()});
        if let Some(last) = ids.last() {
            counted["last_tagged_uri"] =
                json!(format!("https://api.digitalocean.com/v2/{kind}/{last}"));
        }
        counted
    };
    let mut resources = counted("droplets", &droplets);
    resources["count"] = json!(droplets.len() + images.len());
    resources["droplets"] = counted("droplets", &droplets);
    resources["images"] = counted("images", &images);
    for kind in ["volumes", "volume_snapshots", "databases"] {
        resources[kind] = json!({"count": 0});
    }
    json!({"name": tag.name, "resources": resources})
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["tag:read"])?;
    let tags = state.read(|books| {
        let own = books
            .tags
            .iter()
            .filter(|tag| tag.account == caller.account);
        own.map(|tag| view(books, tag)).collect()
    });
    Ok(page.answer(&caller, "/v2/tags", &[], "tags", tags))
}

#[derive(Deserialize)]
struct NewTag {
    #[serde(default)]
    name: String,
}

pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    caller.may(&["tag:create"])?;
    let NewTag { name } = parse(&body)?;
    if !is_valid(&name) {
        return Err(DigitalOceanError::unprocessable(invalid(&name)));
    }
    let created = state.change(|books| {
        // Creating a tag that is there succeeds and changes nothing.
        ensure(books, &caller.account, std::slice::from_ref(&name));
        Ok::<_, DigitalOceanError>(view(
            books,
            &Tag {
                account: caller.account.clone(),
                name,
            },
        ))
    })?;
    Ok(one(StatusCode::CREATED, "tag", created))
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Answer {
    caller.may(&["tag:read"])?;
    let tag = state.read(|books| {
        let tag = books
            .tags
            .iter()
            .find(|tag| tag.account == caller.account && tag.name == name)?;
        Some(view(books, tag))
    });
    Ok(one(
        StatusCode::OK,
        "tag",
        tag.ok_or_else(DigitalOceanError::not_found)?,
    ))
}

pub(super) async fn delete_tag(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Answer {
    caller.may(&["tag:delete"])?;
    state.change(|books| {
        if !exists(books, &caller.account, &name) {
            return Err(DigitalOceanError::not_found());
        }
        let account = &caller.account;
        books
            .tags
            .retain(|tag| !(tag.account == *account && tag.name == name));
        for droplet in books
            .droplets
            .values_mut()
            .filter(|held| held.account == *account)
        {
            droplet.tags.retain(|tag| *tag != name);
        }
        for image in books
            .images
            .values_mut()
            .filter(|held| held.account == *account)
        {
            image.tags.retain(|tag| *tag != name);
        }
        for firewall in books
            .firewalls
            .values_mut()
            .filter(|held| held.account == *account)
        {
            firewall.forget_tag(&name);
        }
        Ok(())
    })?;
    firewalls::apply_soon(&state);
    Ok(no_content())
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    resource_id: Named,
    resource_type: String,
}

/// The tags of a droplet or image of the account.
fn tags_of<'a>(
    books: &'a mut Books,
    account: &str,
    resource: &Resource,
) -> Result<&'a mut Vec<String>, DigitalOceanError> {
    let id: u64 = resource
        .resource_id
        .text()
        .parse()
        .map_err(|_| DigitalOceanError::not_found())?;
    let tags = match resource.resource_type.as_str() {
        "droplet" => {
            let droplet = books
                .droplets
                .get_mut(&id)
                .filter(|held| held.account == account);
            droplet.map(|droplet| &mut droplet.tags)
        }
        "image" => {
            let image = books
                .images
                .get_mut(&id)
                .filter(|held| held.account == account);
            image.map(|image| &mut image.tags)
        }
        other => {
            let message = format!("The practice cloud has no resources of type {other}.");
            return Err(DigitalOceanError::unprocessable(message));
        }
    };
    tags.ok_or_else(DigitalOceanError::not_found)
}

pub(super) async fn attach(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    caller.may(&["tag:create"])?;
    change_resources(&state, &caller, &name, &body, |tags| {
        if !tags.contains(&name) {
            tags.push(name.clone());
        }
    })
}

pub(super) async fn detach(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    caller.may(&["tag:delete"])?;
    change_resources(&state, &caller, &name, &body, |tags| {
        tags.retain(|tag| *tag != name)
    })
}

fn change_resources(
    state: &ApiState,
    caller: &Caller,
    name: &str,
    body: &Bytes,
    act: impl Fn(&mut Vec<String>),
) -> Answer {
    let Resources { resources } = parse(body)?;
    state.change(|books| {
        if !exists(books, &caller.account, name) {
            return Err(DigitalOceanError::not_found());
        }
        for resource in &resources {
            act(tags_of(books, &caller.account, resource)?);
        }
        Ok(())
    })?;
    firewalls::apply_soon(state);
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_no_spaces_dots_or_slashes() {
        assert!(is_valid("deployed-via-api"));
        assert!(is_valid("env:prod_1"));
        for bad in ["", "two words", "a.b", "a/b", "ä", &"x".repeat(256)] {
            assert!(!is_valid(bad), "{bad:?}");
        }
    }
}
