//! What changes in a canvas, as soon as the system tells. A person waits for every millisecond of
//! this, so nothing is gathered longer than one burst of a save lasts.

use futures::{StreamExt, stream, stream::BoxStream};
use notify::{
    Event, EventKind, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use plimsoll_domain::canvas::CanvasPath;
use plimsoll_engine::ports::{PortError, PortResult};
use std::{collections::BTreeSet, path::Path, time::Duration};
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// How long a burst of news is gathered. Where the system does not tell when a file was closed, half
/// a save has to be waited out.
const BURST: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 2 } else { 25 });

/// Follows a folder; an empty list says that news were lost.
pub(super) fn changes(folder: &Path) -> PortResult<BoxStream<'static, Vec<String>>> {
    let (tell, heard) = mpsc::unbounded_channel();
    let trouble = |error: notify::Error| {
        PortError::new(
            "canvas_unwatched",
            format!("{} cannot be watched.", folder.display()),
        )
        .evidence(error.to_string())
        .next_step("The preview shows changes when it is loaded anew. Close other programs that watch many files.")
    };
    let mut watcher = notify::recommended_watcher(move |news: notify::Result<Event>| {
        // Whoever listened may have gone.
        let _ = tell.send(news);
    })
    .map_err(trouble)?;
    watcher
        .watch(folder, RecursiveMode::Recursive)
        .map_err(trouble)?;
    let state = (watcher, heard, folder.to_owned());
    let gathered = stream::unfold(state, |(watcher, mut heard, folder)| async move {
        let news = gather(&mut heard, &folder).await?;
        Some((news, (watcher, heard, folder)))
    });
    Ok(gathered.boxed())
}

async fn gather(
    heard: &mut UnboundedReceiver<notify::Result<Event>>,
    folder: &Path,
) -> Option<Vec<String>> {
    let mut paths = BTreeSet::new();
    let mut lost = false;
    while paths.is_empty() && !lost {
        lost |= take(heard.recv().await?, folder, &mut paths);
    }
    let burst = tokio::time::sleep(BURST);
    tokio::pin!(burst);
    loop {
        tokio::select! {
            () = &mut burst => break,
            news = heard.recv() => match news {
                Some(news) => lost |= take(news, folder, &mut paths),
                None => break,
            },
        }
    }
    Some(if lost {
        Vec::new()
    } else {
        paths.into_iter().collect()
    })
}

/// Notes which files an event is about; whether news were lost.
fn take(news: notify::Result<Event>, folder: &Path, paths: &mut BTreeSet<String>) -> bool {
    let Ok(event) = news else { return true };
    if event.need_rescan() {
        return true;
    }
    if means_a_change(event.kind) {
        paths.extend(event.paths.iter().filter_map(|path| within(folder, path)));
    }
    false
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
