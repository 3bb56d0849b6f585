//! What somebody would lose if these failed: what they wrote.

mod archive;
mod bad_days;
mod corpus;
pub(super) mod fuse;
mod hard_days;
mod huge;
mod odd_archives;
mod property;
mod raw_zip;
mod records;
mod repairs;
mod restores;

use super::{Files, Progress, Record, Saved};
use plimsoll_domain::{
    ProjectId, Timestamp, VersionId,
    content::{ContentHash, Node},
    name::Name,
    version::{Version, VersionCause},
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use tempfile::TempDir;

/// A workspace as a test knows it: path to content.
type Model = BTreeMap<String, Vec<u8>>;

/// The real time, which the disk's times are compared with.
fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

struct Desk {
    workspace: TempDir,
    store: TempDir,
    files: Files,
}

impl Desk {
    async fn new() -> Self {
        let store = tempfile::tempdir().unwrap();
        let files = Files::open(store.path()).await.unwrap();
        Self {
            workspace: tempfile::tempdir().unwrap(),
            store,
            files,
        }
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.workspace.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    async fn save(&self) -> Saved {
        self.files
            .save(
                self.workspace.path(),
                &[],
                now(),
                &Arc::new(Progress::default()),
            )
            .await
            .unwrap()
    }

    async fn saved(&self, root: ContentHash) -> Model {
        content_of(&self.files, root).await
    }

    fn on_disk(&self) -> Model {
        let mut model = Model::new();
        gather(self.workspace.path(), "", &mut model);
        model
    }
}

/// What is recorded of a state as the version of this number.
fn record(root: ContentHash, number: u32) -> Record {
    let entropy = [0; 10];
    let version = Version {
        id: VersionId::mint(Timestamp::from_millis(i64::from(number)), entropy),
        project_id: ProjectId::mint(Timestamp::from_millis(0), entropy),
        number,
        root,
        message: format!("state {number}\nof “many”"),
        cause: VersionCause::Saved,
        name: None,
        pinned: false,
        author: "somebody@somewhere".to_owned(),
        files: 1,
        bytes: 2,
        added_bytes: 3,
        created_at: Timestamp::from_millis(4),
    };
    Record {
        version,
        project: Name::parse("site").unwrap(),
    }
}

/// Keeps what these states need and prunes the rest.
async fn prune(files: &Files, keep: &[ContentHash], now_ms: i64) {
    let pruning = files.pruning().await.unwrap();
    let planned = pruning.keep_only(keep).await.unwrap();
    planned.prune(now_ms).await.unwrap();
}

/// Every file of a saved state.
async fn content_of(files: &Files, root: ContentHash) -> Model {
    let mut model = Model::new();
    for difference in files.differences(None, root).await.unwrap() {
        let Some(node @ Node::File { .. }) = difference.after else {
            continue;
        };
        model.insert(
            difference.path,
            files.content(node, u64::MAX).await.unwrap(),
        );
    }
    model
}

fn gather(folder: &Path, below: &str, model: &mut Model) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = super::read::joined(below, entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            gather(&entry.path(), &path, model);
        } else {
            model.insert(path, fs::read(entry.path()).unwrap());
        }
    }
}
