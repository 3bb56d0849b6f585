//! Fetching one commit into a bare repository of our own, which knows nothing but its objects.

use super::{
    http::{Notes, Remote},
    problem,
};
use gix::{
    ObjectId, Repository,
    bstr::BString,
    progress::Discard,
    remote::{
        Direction,
        fetch::{Shallow, Tags},
    },
};
use gix_transport::{Protocol, client::blocking_io::http::Transport};
use plimsoll_domain::{Secret, source::GitReference};
use plimsoll_engine::ports::PortResult;
use std::{
    fs,
    num::NonZeroU32,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};
use tokio::runtime::Handle;
use url::Url;

/// Where the fetched commit is kept in our repository.
const TARGET: &str = "refs/plimsoll/target";
/// Length of a full SHA-1 in hexadecimal.
const FULL: usize = 40;
/// Shortest abbreviation that is looked for; git's own is seven.
const SHORTEST: usize = 7;

/// What is fetched, and from where.
pub(super) struct Order<'a> {
    pub(super) url: &'a Url,
    pub(super) reference: &'a GitReference,
    pub(super) token: Option<&'a Secret>,
    pub(super) client: reqwest::Client,
    pub(super) runtime: Handle,
    pub(super) stop: &'a AtomicBool,
}

/// Opens the repository in `store`, or makes it. Nothing of the user's git configuration counts.
pub(super) fn open(store: &Path) -> PortResult<Repository> {
    let options = || {
        // A ref that changes is written into a log with a name, which has to be some name.
        gix::open::Options::isolated().config_overrides([
            "user.name=plimsoll",
            "user.email=plimsoll@localhost",
            "core.logAllRefUpdates=false",
        ])
    };
    if let Ok(repository) = gix::open_opts(store, options()) {
        return Ok(repository);
    }
    // Half made, or damaged: it holds nothing that the host does not.
    if store.exists() {
        fs::remove_dir_all(store).map_err(|error| problem::local(store, &error))?;
    }
    gix::ThreadSafeRepository::init_opts(
        store,
        gix::create::Kind::Bare,
        gix::create::Options::default(),
        options(),
    )
    .map(|repository| repository.to_thread_local())
    .map_err(|error| problem::local(store, &std::io::Error::other(error.to_string())))
}

/// Fetches what is asked for and answers its commit.
pub(super) fn fetch(repository: &Repository, order: &Order<'_>) -> PortResult<ObjectId> {
    let url = order.url.as_str();
    match order.reference {
        GitReference::Default => {
            let tip = tip(repository, order, "HEAD")?;
            tip.ok_or_else(|| problem::no_default(url))
        }
        GitReference::Branch(branch) => {
            let name = format!("refs/heads/{branch}");
            let is_name = gix::validate::reference::name(name.as_str().into()).is_ok();
            let tip = if is_name {
                tip(repository, order, &name)?
            } else {
                None
            };
            tip.ok_or_else(|| problem::no_branch(url, branch))
        }
        GitReference::Commit(commit) => self::commit(repository, order, commit),
    }
}

/// The tip of one reference of the host, with nothing before it.
fn tip(repository: &Repository, order: &Order<'_>, name: &str) -> PortResult<Option<ObjectId>> {
    let found = receive(
        repository,
        order,
        &[format!("+{name}:{TARGET}")],
        Depth::Tip,
    )?;
    let Some(found) = found else {
        return Ok(None);
    };
    let id = found.into_iter().next();
    Ok(id)
}

fn commit(repository: &Repository, order: &Order<'_>, commit: &str) -> PortResult<ObjectId> {
    let url = order.url.as_str();
    let hex = commit.to_ascii_lowercase();
    let is_hex = hex.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex || !(SHORTEST..=FULL).contains(&hex.len()) {
        return Err(problem::no_commit(url, commit));
    }
    if hex.len() == FULL {
        let id = ObjectId::from_hex(hex.as_bytes()).map_err(|_| problem::no_commit(url, commit))?;
        if is_commit(repository, id) {
            return Ok(id);
        }
        // Most hosts hand out any commit by its hash; the others are asked for everything.
        match receive(repository, order, &[format!("+{hex}:{TARGET}")], Depth::Tip) {
            Ok(_) if is_commit(repository, id) => return Ok(id),
            Ok(_) => {}
            Err(error) if error.code() == "git_protocol" => {}
            Err(error) => return Err(error),
        }
    }
    let everything = [
        "+refs/heads/*:refs/plimsoll/heads/*",
        "+refs/tags/*:refs/plimsoll/tags/*",
    ];
    receive(
        repository,
        order,
        &everything.map(str::to_owned),
        Depth::Whole,
    )?;
    let prefix = gix::hash::Prefix::from_hex(&hex).map_err(|_| problem::no_commit(url, commit))?;
    let found = repository.objects.lookup_prefix(prefix, None);
    match found {
        Ok(Some(Ok(id))) if is_commit(repository, id) => Ok(id),
        _ => Err(problem::no_commit(url, commit)),
    }
}

fn is_commit(repository: &Repository, id: ObjectId) -> bool {
    repository
        .try_find_object(id)
        .ok()
        .flatten()
        .is_some_and(|object| object.peel_to_commit().is_ok())
}

enum Depth {
    Tip,
    Whole,
}

/// Receives what these refspecs name; answers the commits, or `None` when they name nothing.
fn receive(
    repository: &Repository,
    order: &Order<'_>,
    refspecs: &[String],
    depth: Depth,
) -> PortResult<Option<Vec<ObjectId>>> {
    let url = order.url.as_str();
    let notes = Arc::new(Notes::default());
    let failed = |error: &dyn std::fmt::Display| match notes.trouble() {
        Some(trouble) => problem::of_host(url, trouble, order.token.is_some()),
        None => problem::protocol(url, &error),
    };
    let parsed = gix::url::parse(url).map_err(|error| failed(&error))?;
    let remote = repository
        .remote_at_without_url_rewrite(parsed.clone())
        .map_err(|error| failed(&error))?
        .with_fetch_tags(Tags::None)
        .with_refspecs(
            refspecs.iter().map(|spec| BString::from(spec.as_str())),
            Direction::Fetch,
        )
        .map_err(|error| failed(&error))?;
    let http = Remote::new(
        order.client.clone(),
        order.runtime.clone(),
        Arc::clone(&notes),
    );
    let transport = Transport::new_http(http, parsed, Protocol::V2, false);
    let mut asked = false;
    let connection = remote
        .to_connection_with_transport(transport)
        .with_credentials(|action| {
            let gix::credentials::helper::Action::Get(context) = action else {
                return Ok(None);
            };
            // A token that was refused once will be refused again.
            let token = order.token.filter(|_| !std::mem::replace(&mut asked, true));
            Ok(token.map(|token| gix::credentials::protocol::Outcome {
                identity: gix::sec::identity::Account {
                    username: token_user(order.url).to_owned(),
                    password: token.expose().to_owned(),
                    oauth_refresh_token: None,
                },
                next: context.into(),
            }))
        });
    let prepared = connection
        .prepare_fetch(Discard, Default::default())
        .map_err(|error| failed(&error))?;
    if prepared.ref_map().mappings.is_empty() {
        return Ok(None);
    }
    let shallow = match depth {
        Depth::Tip => Shallow::DepthAtRemote(NonZeroU32::MIN),
        Depth::Whole => Shallow::undo(),
    };
    let outcome = prepared
        .with_shallow(shallow)
        .receive(Discard, order.stop)
        .map_err(|error| failed(&error))?;
    let ids = outcome
        .ref_map
        .mappings
        .iter()
        .filter_map(|mapping| mapping.remote.as_id());
    Ok(Some(ids.map(|id| id.to_owned()).collect()))
}

/// The user that goes with a token; most hosts look at the token alone.
fn token_user(url: &Url) -> &'static str {
    match url.host_str() {
        Some("bitbucket.org") => "x-token-auth",
        _ => "x-access-token",
    }
}
