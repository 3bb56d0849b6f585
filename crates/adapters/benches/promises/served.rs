//! Which version a server serves, seen at its door over one connection that is kept.

use crate::{
    Done,
    site::{Connection, Site},
};
use std::time::Duration;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// How often it looks: how exact the moment of a switch is known.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a version may take to appear.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks at a site until it is dropped. It does not go over the slow line: what is asked is when
/// the server serves, the same for all sides.
pub struct Watcher {
    /// The version that serves, and since when.
    seen: watch::Receiver<Option<(u32, Instant)>>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Begins to look.
    pub fn start(site: Site) -> Self {
        let (say, seen) = watch::channel(None);
        let task = tokio::spawn(async move {
            let mut connection = None;
            loop {
                if let Ok(version) = look(&site, &mut connection).await {
                    say.send_if_modified(|seen| {
                        let news = seen.is_none_or(|(serving, _)| serving != version);
                        if news {
                            *seen = Some((version, Instant::now()));
                        }
                        news
                    });
                }
                sleep(PAUSE).await;
            }
        });
        Self { seen, task }
    }

    /// Waits until a version serves and answers since when.
    pub async fn since(&mut self, version: u32) -> Done<Instant> {
        let serves =
            |seen: &Option<(u32, Instant)>| seen.is_some_and(|(serving, _)| serving == version);
        let seen = timeout(PATIENCE, self.seen.wait_for(serves))
            .await
            .map_err(|_| format!("version {version} was never served"))??;
        seen.map(|(_, since)| since)
            .ok_or_else(|| "nothing serves".into())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(site: &Site, connection: &mut Option<Connection>) -> Done<u32> {
    let mut open = match connection.take() {
        Some(open) if open.is_usable() => open,
        _ => site.connect().await?,
    };
    let answer = open.get("/").await?;
    if !answer.closes {
        *connection = Some(open);
    }
    version_in(&answer.body).ok_or_else(|| "this page names no version".into())
}

fn version_in(page: &str) -> Option<u32> {
    let (_, rest) = page.split_once("This is version ")?;
    rest.split_once('.')?.0.parse().ok()
}
