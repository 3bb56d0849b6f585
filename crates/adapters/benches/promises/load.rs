//! Users of a site, while something happens to it: strict clients that never retry.

use crate::{
    Done,
    site::{Connection, Site},
};
use hyper::body::Bytes;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

/// Clients at once.
const CLIENTS: usize = 8;
/// How long a client thinks between an answer and its next request, at most. Clients that think
/// meet closed connections; clients that do not meet broken requests.
const THINKING: Duration = Duration::from_millis(24);

/// One request.
struct Asked {
    began: Instant,
    took: Duration,
    /// Why it failed, when it did.
    failure: Option<String>,
}

/// Clients at work until they are told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Asked>>>,
}

impl Load {
    /// Lets them begin.
    pub fn start(site: &Site) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = (0..CLIENTS)
            .map(|number| tokio::spawn(client(number, site.clone(), Arc::clone(&stop))))
            .collect();
        Self { stop, clients }
    }

    /// Lets them finish, and answers what they saw.
    pub async fn end(self) -> Done<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let mut seen = Seen(Vec::new());
        for client in self.clients {
            seen.0.extend(client.await?);
        }
        Ok(seen)
    }
}

/// What the clients saw.
pub struct Seen(Vec<Asked>);

impl Seen {
    /// How many requests were sent.
    pub fn requests(&self) -> usize {
        self.0.len()
    }

    /// Why requests failed, one line each.
    pub fn failures(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter_map(|asked| asked.failure.as_deref())
            .collect()
    }

    /// When each answered request began, and how long its answer took.
    pub fn answers(&self) -> impl Iterator<Item = (Instant, Duration)> {
        let answered = self.0.iter().filter(|asked| asked.failure.is_none());
        answered.map(|asked| (asked.began, asked.took))
    }
}

async fn client(number: usize, site: Site, stop: Arc<AtomicBool>) -> Vec<Asked> {
    let mut asked = Vec::new();
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let posts = (asked.len() + number).is_multiple_of(2);
        let failure = request(&site, &mut connection, posts).await.err();
        asked.push(Asked {
            began,
            took: began.elapsed(),
            failure: failure.map(|error| error.to_string()),
        });
        let share = u32::try_from(number).unwrap_or_default();
        sleep(THINKING * share / CLIENTS as u32).await;
    }
    asked
}

/// One request on the connection that is there, unless its end was known before the request began:
/// opening another one then loses nothing, and every client does so.
async fn request(site: &Site, connection: &mut Option<Connection>, posts: bool) -> Done {
    let mut open = match connection.take() {
        Some(open) if open.is_usable() => open,
        _ => site.connect().await?,
    };
    let answer = if posts {
        let text = Bytes::from_static(b"the same text comes back");
        let answer = open.post("/echo", text.clone()).await?;
        if answer.body.as_bytes() != text {
            return Err(format!("a POST was answered with {:?}", answer.body).into());
        }
        answer
    } else {
        open.get("/").await?
    };
    if answer.status != 200 {
        return Err(format!("status {}", answer.status).into());
    }
    if !answer.closes {
        *connection = Some(open);
    }
    Ok(())
}
