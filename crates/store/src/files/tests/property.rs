//! Any sequence of edits, saves, restores and prunings gives back exactly what was saved.

use super::{Desk, Model, prune, record};
use crate::files::{
    Files, Record, RecordId, Saved,
    pack::{Objects, Writer, pack_path},
    packs_in,
};
use plimsoll_domain::content::ContentHash;
use proptest::prelude::*;
use std::fs;

#[derive(Debug, Clone)]
enum Act {
    Write(String, Vec<u8>),
    Delete(String),
    Save,
    Restore(prop::sample::Index),
    RestoreOne(prop::sample::Index, String),
    Prune(prop::sample::Index),
    Reopen,
    LoseIndex,
    Twin(prop::sample::Index),
    Mend,
    CopyDatabase,
    PutDatabaseBack,
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]", 1..4).prop_map(|parts| parts.join("/"))
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 1_000_000usize..2_500_000).prop_map(|(seed, length)| {
            let mut bytes = vec![0; length];
            blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
            bytes
        }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (path(), content()).prop_map(|(path, content)| Act::Write(path, content)),
        3 => path().prop_map(Act::Delete),
        4 => Just(Act::Save),
        2 => any::<prop::sample::Index>().prop_map(Act::Restore),
        1 => (any::<prop::sample::Index>(), path()).prop_map(|(i, p)| Act::RestoreOne(i, p)),
        1 => any::<prop::sample::Index>().prop_map(Act::Prune),
        1 => Just(Act::Reopen),
        1 => Just(Act::LoseIndex),
        1 => any::<prop::sample::Index>().prop_map(Act::Twin),
        1 => Just(Act::Mend),
        1 => Just(Act::CopyDatabase),
        1 => Just(Act::PutDatabaseBack),
    ]
}

/// Writes into the model as a file system would: a file takes the place of a folder only when
/// somebody removes that first.
fn put(model: &mut Model, desk: &Desk, path: &str, content: Vec<u8>) {
    let is_below = |known: &str, above: &str| {
        known
            .strip_prefix(above)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let clash: Vec<String> = model
        .keys()
        .filter(|known| is_below(known, path) || is_below(path, known))
        .cloned()
        .collect();
    for known in clash {
        delete(model, desk, &known);
    }
    let _ = fs::remove_dir_all(desk.workspace.path().join(path));
    desk.write(path, &content);
    model.insert(path.to_owned(), content);
}

fn delete(model: &mut Model, desk: &Desk, path: &str) {
    if model.remove(path).is_some() {
        fs::remove_file(desk.workspace.path().join(path)).unwrap();
    }
}

/// What is kept of each version, oldest first, and what was saved as it: the rows of a database.
#[derive(Clone, Default)]
struct Rows {
    versions: Vec<(Record, Model)>,
    last: u32,
}

impl Rows {
    /// Enters a version, its record first.
    async fn enter(&mut self, files: &Files, saved: Saved, model: Model) {
        self.last += 1;
        let record = record(saved.root, self.last);
        files.records().write(record.clone()).await.unwrap();
        self.versions.push((record, model));
    }
    fn roots(&self) -> Vec<ContentHash> {
        let versions = self.versions.iter();
        versions.map(|(record, _)| record.version.root).collect()
    }
}

/// What the records say.
async fn recorded(files: &Files) -> Vec<Record> {
    let mut recorded = Vec::new();
    for id in files.records().list().await.unwrap() {
        recorded.extend(files.records().read(id).await.unwrap());
    }
    recorded
}

async fn play(acts: Vec<Act>) {
    let mut desk = Desk::new().await;
    let mut now = Model::new();
    let mut saved = Rows::default();
    let mut copy = Rows::default();
    let mut time = 0;
    for act in acts {
        match act {
            Act::Write(path, content) => put(&mut now, &desk, &path, content),
            Act::Delete(path) => delete(&mut now, &desk, &path),
            Act::Save => {
                let present = desk.save().await;
                saved.enter(&desk.files, present, now.clone()).await;
            }
            Act::Restore(index) if !saved.versions.is_empty() => {
                let (record, model) = index.get(&saved.versions).clone();
                let present = desk.save().await;
                let before = Some(present.root);
                saved.enter(&desk.files, present, now.clone()).await;
                let place = desk.workspace.path();
                let done = desk
                    .files
                    .restore(place, before, record.version.root, None)
                    .await
                    .unwrap();
                assert_eq!(done.left, Vec::<String>::new());
                now = model;
            }
            Act::RestoreOne(index, path) if !saved.versions.is_empty() => {
                let (record, model) = index.get(&saved.versions).clone();
                let present = desk.save().await;
                let before = Some(present.root);
                saved.enter(&desk.files, present, now.clone()).await;
                let place = desk.workspace.path();
                let only = Some(path.as_str());
                desk.files
                    .restore(place, before, record.version.root, only)
                    .await
                    .unwrap();
                // What is restored in part may clash with what stands there and is left alone; the
                // rest must not have been touched.
                let within = |known: &str| {
                    known == path
                        || known
                            .strip_prefix(&path)
                            .is_some_and(|rest| rest.starts_with('/'))
                        || path.starts_with(known)
                };
                let on_disk = desk.on_disk();
                for (known, content) in &now {
                    assert!(
                        within(known) || on_disk.get(known) == Some(content),
                        "{known}"
                    );
                }
                for (known, content) in on_disk.iter().filter(|(known, _)| within(known)) {
                    let old = now.get(known) == Some(content);
                    assert!(old || model.get(known) == Some(content), "{known}");
                }
                now = on_disk;
            }
            Act::Prune(index) if !saved.versions.is_empty() => {
                // Also everything, the state that the workspace is in included.
                let from = index.index(saved.versions.len() + 1);
                let gone = saved.versions.drain(..from);
                let gone = gone.map(|(record, _)| RecordId::from(&record.version));
                let gone = gone.collect();
                time += 100_000_000;
                prune(&desk.files, &saved.roots(), time).await;
                desk.files.records().remove(gone).await.unwrap();
            }
            Act::Reopen => {
                desk.files.close().await;
                desk.files = crate::files::Files::open(desk.store.path()).await.unwrap();
            }
            Act::LoseIndex => {
                desk.files.close().await;
                fs::write(desk.store.path().join("index.db"), b"no database at all").unwrap();
                desk.files = crate::files::Files::open(desk.store.path()).await.unwrap();
            }
            // Another process that saved the same at the same time left it in a pack of its own.
            Act::Twin(index) => twin(&desk, index).await,
            Act::Mend => {
                let mended = desk.files.mend(&saved.roots(), time).await.unwrap();
                assert_eq!(mended.struck, 0);
            }
            Act::CopyDatabase => copy = saved.clone(),
            // What the copy does not know is found by its record; what was let go has none.
            Act::PutDatabaseBack => {
                let known = std::mem::replace(&mut saved, copy.clone());
                let recorded = recorded(&desk.files).await;
                let is_kept = |record: &Record| recorded.contains(record);
                saved.versions.retain(|(record, _)| is_kept(record));
                for record in &recorded {
                    let mut listed = saved.versions.iter();
                    if listed.any(|(listed, _)| listed == record) {
                        continue;
                    }
                    let mut known = known.versions.iter();
                    let (_, model) = known.find(|(known, _)| known == record).unwrap();
                    saved.versions.push((record.clone(), model.clone()));
                }
                saved.last = known.last;
                assert_eq!(saved.versions, known.versions);
            }
            Act::Restore(_) | Act::RestoreOne(..) | Act::Prune(_) => {}
        }
        assert_eq!(desk.on_disk(), now);
    }
    for (record, model) in &saved.versions {
        assert_eq!(&desk.saved(record.version.root).await, model);
    }
    let check = desk.files.check(&saved.roots(), true).await.unwrap();
    assert!(check.is_whole());
}

/// Keeps every second object of a pack once more, in another pack.
async fn twin(desk: &Desk, index: prop::sample::Index) {
    let packs = desk.store.path().join("packs");
    let names = packs_in(&packs).unwrap();
    if names.is_empty() {
        return;
    }
    let mut writer = Writer::new(&packs, "twin".to_owned());
    for object in Objects::open(&pack_path(&packs, &names[index.index(names.len())]))
        .unwrap()
        .step_by(2)
    {
        writer.append(&object.unwrap().again()).unwrap();
    }
    let written = writer.finish().unwrap();
    desk.files.index.add(&written, None).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_sequence_of_edits_saves_restores_and_prunings_gives_back_what_was_saved(
        acts in prop::collection::vec(act(), 1..24)
    ) {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
            .block_on(play(acts));
    }
}
