//! Any sequence of edits, saves, restores and prunings gives back exactly what was saved.

use super::{Desk, Model, prune};
use crate::files::{
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

async fn play(acts: Vec<Act>) {
    let mut desk = Desk::new().await;
    let mut now = Model::new();
    let mut saved: Vec<(ContentHash, Model)> = Vec::new();
    let mut time = 0;
    for act in acts {
        match act {
            Act::Write(path, content) => put(&mut now, &desk, &path, content),
            Act::Delete(path) => delete(&mut now, &desk, &path),
            Act::Save => saved.push((desk.save().await.root, now.clone())),
            Act::Restore(index) if !saved.is_empty() => {
                let (root, model) = index.get(&saved).clone();
                let present = desk.save().await;
                saved.push((present.root, now.clone()));
                let place = desk.workspace.path();
                let done = desk
                    .files
                    .restore(place, Some(present.root), root, None)
                    .await
                    .unwrap();
                assert_eq!(done.left, Vec::<String>::new());
                now = model;
            }
            Act::RestoreOne(index, path) if !saved.is_empty() => {
                let (root, model) = index.get(&saved).clone();
                let present = desk.save().await;
                saved.push((present.root, now.clone()));
                let place = desk.workspace.path();
                let only = Some(path.as_str());
                desk.files
                    .restore(place, Some(present.root), root, only)
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
            Act::Prune(index) if !saved.is_empty() => {
                // Also everything, the state that the workspace is in included.
                let from = index.index(saved.len() + 1);
                saved.drain(..from);
                time += 100_000_000;
                let keep: Vec<ContentHash> = saved.iter().map(|(root, _)| *root).collect();
                prune(&desk.files, &keep, time).await;
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
                let roots: Vec<ContentHash> = saved.iter().map(|(root, _)| *root).collect();
                let mended = desk.files.mend(&roots, time).await.unwrap();
                assert_eq!(mended.struck, 0);
            }
            Act::Restore(_) | Act::RestoreOne(..) | Act::Prune(_) => {}
        }
        assert_eq!(desk.on_disk(), now);
    }
    for (root, model) in &saved {
        assert_eq!(&desk.saved(*root).await, model);
    }
    let roots: Vec<ContentHash> = saved.iter().map(|(root, _)| *root).collect();
    assert!(desk.files.check(&roots, true).await.unwrap().is_whole());
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
