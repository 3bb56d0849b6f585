//! A version as a folder, so that it can be built from wherever the project's own folder is.

use crate::{
    Result,
    error::EngineError,
    ports::{PortError, PortResult},
    world::{World, make_folder},
};
use plimsoll_domain::{
    ProjectId, ServiceId,
    content::{ContentHash, Node},
    source::SavedAs,
};
use std::path::{Path, PathBuf};

/// How long a copy stays after its last use, ms: a plan that was made before is still good.
const STAYS_MS: i64 = 24 * 3_600_000;
/// Beside a copy; its time tells when the copy was last used.
const USED: &str = "used";

/// A version of a project, or a folder of one, ready to be built from.
pub(crate) struct Unpacked {
    /// Where its files lie.
    pub folder: PathBuf,
    /// The tree that lies there.
    pub tree: ContentHash,
    /// The version.
    pub saved: SavedAs,
}

/// Unpacks a folder of a version for a service.
///
/// # Errors
/// `version_unknown` and `folder_unknown` when there is none, `content_damaged` when it cannot be
/// read any more.
pub(crate) async fn unpack(
    world: &World,
    project: ProjectId,
    service: ServiceId,
    number: u32,
    below: &str,
) -> Result<Unpacked> {
    let version = world.store.version_by_number(project, number).await?;
    let version = version.ok_or_else(|| {
        EngineError::not_found(
            "version_unknown",
            format!("The project has no version {number}, or it was let go."),
        )
        .next_step("Choose a version that is there.")
    })?;
    let found = world.file_store().await?.find(version.root, below).await?;
    let Some(Node::Folder { tree, .. }) = found else {
        return Err(super::look::not_in_it("folder", number, below));
    };
    Ok(Unpacked {
        folder: unpacked(world, service, tree).await?,
        tree,
        saved: SavedAs {
            id: version.id,
            number,
            root: version.root,
        },
    })
}

/// The folder in which a tree lies for a service; unpacked when it is not there.
pub(crate) async fn unpacked(
    world: &World,
    service: ServiceId,
    tree: ContentHash,
) -> PortResult<PathBuf> {
    let place = world
        .settings
        .folder
        .join("unpacked")
        .join(service.to_string());
    make_folder(&place).await?;
    let folder = place.join(tree.to_string());
    let used = folder.with_extension(USED);
    if folder.is_dir() && !world.file_store().await?.holds(tree, &folder).await? {
        throw_away(&folder).await?;
    }
    if !folder.is_dir() {
        sweep(&place, world.now().as_millis());
        let part = place.join(format!("{tree}.{}.part", std::process::id()));
        let _ = tokio::fs::remove_dir_all(&part).await;
        make_folder(&part).await?;
        let made = async {
            world.file_store().await?.unpack(tree, &part).await?;
            match tokio::fs::rename(&part, &folder).await {
                // Another process was as far a moment ago: theirs is as good.
                Err(error) if !folder.is_dir() => Err(cannot(&folder, &error)),
                Err(_) | Ok(()) => Ok(()),
            }
        };
        let made = made.await;
        let _ = tokio::fs::remove_dir_all(&part).await;
        made?;
    }
    let noted = tokio::fs::write(&used, b"").await;
    noted.map_err(|error| cannot(&used, &error))?;
    Ok(folder)
}

/// Removes a copy that is not what it was, so that it is made again.
pub(crate) async fn throw_away(folder: &Path) -> PortResult<()> {
    tokio::fs::remove_dir_all(folder)
        .await
        .map_err(|error| cannot(folder, &error))
}

/// Removes copies that nobody used for a day; a job that needs one again unpacks it again.
fn sweep(place: &Path, now_ms: i64) {
    let Ok(entries) = std::fs::read_dir(place) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if !path.is_dir() {
            continue;
        }
        let marker = path.with_extension(USED);
        let since = marker
            .metadata()
            .or_else(|_| path.metadata())
            .and_then(|found| found.modified())
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        if now_ms.saturating_sub(since) > STAYS_MS {
            let _ = std::fs::remove_dir_all(&path);
            let _ = std::fs::remove_file(&marker);
        }
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> PortError {
    PortError::new(
        "folder_unusable",
        format!("The version could not be unpacked at {}.", path.display()),
    )
    .evidence(error.to_string())
    .next_step("Make the folder writable, or free some space.")
}
