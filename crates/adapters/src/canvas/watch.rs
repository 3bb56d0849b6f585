//! What changes in a canvas, as soon as the system tells. A person waits for every millisecond of
//! this, so nothing is gathered longer than one burst of a save lasts.

use futures::{StreamExt, stream, stream::BoxStream};
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use plimsoll_domain::canvas::CanvasPath;
use plimsoll_engine::ports::{PortError, PortResult};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// How long a burst of news is gathered. Where the system does not tell when a file was closed, half
/// a save has to be waited out.
const BURST: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 2 } else { 25 });

/// Follows a folder below another one; an empty list says that news were lost, or that the folder went
/// or came back: a checkout or a restore may make it anew.
pub(super) fn changes(root: &Path, folder: &Path) -> PortResult<BoxStream<'static, Vec<String>>> {
    let (tell, heard) = mpsc::unbounded_channel();
    let trouble = |error: notify::Error| {
        PortError::new(
            "canvas_unwatched",
            format!("{} cannot be watched.", folder.display()),
        )
        .evidence(error.to_string())
        .next_step("The preview shows changes when it is loaded anew. Close other programs that watch many files.")
    };
    let watcher = notify::recommended_watcher(move |news: notify::Result<Event>| {
        // Whoever listened may have gone.
        let _ = tell.send(news);
    })
    .map_err(trouble)?;
    let mut following = Following {
        watcher,
        heard,
        root: root.to_owned(),
        folder: folder.to_owned(),
    };
    following.watch().map_err(trouble)?;
    let gathered = stream::unfold(following, |mut following| async move {
        let news = following.gather().await?;
        Some((news, following))
    });
    Ok(gathered.boxed())
}

struct Following {
    watcher: RecommendedWatcher,
    heard: UnboundedReceiver<notify::Result<Event>>,
    root: PathBuf,
    folder: PathBuf,
}

/// What a burst of events was about.
#[derive(Default)]
struct Burst {
    paths: BTreeSet<String>,
    is_lost: bool,
    /// The folder, or one that it lies in, went or came.
    has_moved: bool,
}

impl Following {
    /// Watches the folder with all that is in it, and those on the way to it for its coming and going.
    fn watch(&mut self) -> notify::Result<()> {
        let above = self.folder.ancestors().skip(1);
        let above = above.take_while(|above| above.starts_with(&self.root));
        // From above, so that as much is watched as is there.
        for above in above.collect::<Vec<_>>().into_iter().rev() {
            self.watcher.watch(above, RecursiveMode::NonRecursive)?;
        }
        self.watcher.watch(&self.folder, RecursiveMode::Recursive)
    }

    /// Watches what lies there now. What is not there yet is told by the folder above it.
    fn watch_anew(&mut self) {
        for place in self.folder.ancestors() {
            if !place.starts_with(&self.root) {
                break;
            }
            // The system may have ended it already.
            let _ = self.watcher.unwatch(place);
        }
        if let Err(error) = self.watch() {
            tracing::debug!("a canvas is not watched at the moment: {error}");
        }
    }

    async fn gather(&mut self) -> Option<Vec<String>> {
        let mut burst = Burst::default();
        while !burst.says_anything() {
            let news = self.heard.recv().await?;
            self.take(news, &mut burst);
        }
        let end = tokio::time::sleep(BURST);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                news = self.heard.recv() => match news {
                    Some(news) => self.take(news, &mut burst),
                    None => break,
                },
            }
        }
        if burst.has_moved {
            self.watch_anew();
        }
        Some(if burst.is_lost || burst.has_moved {
            Vec::new()
        } else {
            burst.paths.into_iter().collect()
        })
    }

    /// Notes which files an event is about.
    fn take(&self, news: notify::Result<Event>, burst: &mut Burst) {
        let event = match news {
            Ok(event) if !event.need_rescan() => event,
            _ => {
                burst.is_lost = true;
                return;
            }
        };
        let is_on_the_way = |path: &PathBuf| *path != self.root && self.folder.starts_with(path);
        let comes_or_goes = matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        burst.has_moved |= comes_or_goes && event.paths.iter().any(is_on_the_way);
        if means_a_change(event.kind) {
            let paths = event.paths.iter();
            burst
                .paths
                .extend(paths.filter_map(|path| within(&self.folder, path)));
        }
    }
}

impl Burst {
    fn says_anything(&self) -> bool {
        !self.paths.is_empty() || self.is_lost || self.has_moved
    }
}

fn means_a_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(_))
        | EventKind::Remove(_) => true,
        // On Linux a file that was written is closed soon, and until then it is half of one.
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any => !cfg!(target_os = "linux"),
        EventKind::Access(_) | EventKind::Other => false,
    }
}

/// The path of a file that a preview could have asked for.
fn within(folder: &Path, path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path
        .strip_prefix(folder)
        .ok()?
        .iter()
        .map(|part| part.to_str())
        .collect();
    let path = parts?.join("/");
    CanvasPath::parse(&path).is_ok().then_some(path)
}
