//! Deep links: `plimsoll://project/…` shows what a page's path shows.

use crate::{views::Opened, window};
use std::sync::{Mutex, PoisonError};
use tauri::{AppHandle, Manager, Url};
use tauri_plugin_deep_link::DeepLinkExt;
use tauri_specta::Event;

/// Where the link leads that Plimsoll was started with, until a page has asked. Managed by Tauri.
#[derive(Default)]
pub struct StartPath(Mutex<Option<String>>);

impl StartPath {
    /// The path, once: who reloads a page stays where they are.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Follows the link that Plimsoll was started with, and every one that comes later.
pub fn follow(app: &AppHandle) {
    let links = app.deep_link();
    let first = links.get_current().ok().flatten().unwrap_or_default();
    let start = first.iter().find_map(path_of);
    *app.state::<StartPath>()
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = start;
    let handle = app.clone();
    links.on_open_url(move |event| {
        for path in event.urls().iter().filter_map(path_of) {
            window::show(&handle);
            if let Err(error) = (Opened { path }).emit(&handle) {
                tracing::warn!("a link could not be followed: {error}");
            }
        }
    });
}

/// The page that a link leads to. A link is written by anybody: it may show something that is
/// there, and nothing else.
fn path_of(link: &Url) -> Option<String> {
    if link.scheme() != "plimsoll" {
        return None;
    }
    let rest: Vec<&str> = link
        .path_segments()
        .map(|parts| parts.filter(|part| !part.is_empty()).collect())
        .unwrap_or_default();
    let path = match (link.host_str()?, rest.as_slice()) {
        ("welcome", []) => "/welcome".to_owned(),
        (page @ ("projects" | "servers" | "deployments" | "domains" | "settings"), []) => {
            format!("/{page}")
        }
        (noun @ ("project" | "plan" | "job" | "deployment" | "server"), [id]) if is_id(id) => {
            format!("/{noun}s/{id}")
        }
        ("settings", [section]) if is_word(section) => format!("/settings/{section}"),
        _ => return None,
    };
    let kept: Vec<String> = link
        .query_pairs()
        .filter(|(name, value)| {
            matches!(name.as_ref(), "environment" | "service" | "tab")
                && (is_id(value) || is_word(value))
        })
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some(if kept.is_empty() {
        path
    } else {
        format!("{path}?{}", kept.join("&"))
    })
}

/// A UUID in its usual form.
fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn is_word(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01990000-0000-7000-8000-000000000001";

    fn led(link: &str) -> Option<String> {
        path_of(&link.parse().unwrap())
    }

    #[test]
    fn a_link_leads_to_the_page_of_its_noun() {
        let project = led(&format!("plimsoll://project/{ID}"));
        assert_eq!(project, Some(format!("/projects/{ID}")));
        let drawer = led(&format!(
            "plimsoll://project/{ID}?service={ID}&tab=logs&next=/settings"
        ));
        assert_eq!(
            drawer,
            Some(format!("/projects/{ID}?service={ID}&tab=logs"))
        );
        assert_eq!(led("plimsoll://servers"), Some("/servers".into()));
        assert_eq!(
            led("plimsoll://settings/accounts"),
            Some("/settings/accounts".into())
        );
    }

    #[test]
    fn a_link_leads_nowhere_else() {
        for link in [
            "https://project/01990000-0000-7000-8000-000000000001",
            "plimsoll://project/../../etc",
            "plimsoll://project/1",
            "plimsoll://evil/01990000-0000-7000-8000-000000000001",
            "plimsoll:project",
            "plimsoll://settings/%3Cscript%3E",
            "plimsoll://project/01990000-0000-7000-8000-000000000001/delete",
        ] {
            assert_eq!(led(link), None, "{link}");
        }
    }
}
