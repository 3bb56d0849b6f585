//! A project's files, as the shells use them.

use crate::world::{World, name};
use plimsoll_domain::ProjectId;
use plimsoll_engine::{
    AuditFilter, Content, FileDraft, FileHash, LineEnding, NewText, Page, Query, SearchNews,
    Writing,
};
use std::fs;

async fn project(world: &World) -> (ProjectId, std::path::PathBuf) {
    let folder = world.folder.path().join("project");
    let made = world.engine.create_project_in(name("shop"), &folder).await;
    (made.unwrap().id, folder)
}

fn text(text: &str) -> NewText {
    NewText {
        text: text.to_owned(),
        ending: LineEnding::Lf,
        has_mark: false,
    }
}

#[tokio::test]
async fn every_change_of_a_file_is_in_the_audit() {
    let world = World::new().await;
    let engine = &world.engine;
    let (id, folder) = project(&world).await;
    engine.create_file(id, "src/a.txt", false).await.unwrap();
    let read = engine.read_file(id, "src/a.txt").await.unwrap();
    let done = engine
        .write_file(id, "src/a.txt", text("one"), read.hash)
        .await;
    assert!(matches!(done.unwrap(), Writing::Done(_)));
    // What somebody else wrote is no write of ours.
    fs::write(folder.join("src/a.txt"), "two").unwrap();
    let conflict = engine
        .write_file(id, "src/a.txt", text("mine"), read.hash)
        .await;
    let Writing::Conflict(Some(there)) = conflict.unwrap() else {
        panic!("it was overwritten");
    };
    assert!(matches!(there.content, Content::Text { text, .. } if text == "two"));
    engine.move_file(id, "src/a.txt", "b.txt").await.unwrap();
    let told = engine.create_file(id, "aux", true).await.unwrap();
    assert_eq!(told.is_some(), !cfg!(windows));
    let gone = engine.delete_file(id, "b.txt").await.unwrap();
    assert_eq!(engine.bin(id).await.unwrap(), std::slice::from_ref(&gone));
    engine.restore_from_bin(id, &gone.id).await.unwrap();
    engine.delete_file(id, "b.txt").await.unwrap();
    assert_eq!(engine.empty_bin(id, None).await.unwrap().entries, 1);
    let audit = engine
        .audit(&AuditFilter::default(), &Page::default())
        .await
        .unwrap();
    let mut acts: Vec<String> = audit.items.into_iter().map(|entry| entry.act).collect();
    acts.retain(|act| !act.starts_with("project."));
    acts.sort();
    let wanted = [
        "bin.empty",
        "file.create",
        "file.delete",
        "file.delete",
        "file.move",
        "file.restore",
        "file.write",
        "folder.create",
    ];
    assert_eq!(acts, wanted);
}

#[tokio::test]
async fn a_path_out_of_the_folder_is_refused_before_anything_is_looked_at() {
    let world = World::new().await;
    let (id, _) = project(&world).await;
    let engine = &world.engine;
    for path in ["../x", "/etc/passwd", "a/../../x", ""] {
        let refused = [
            engine.read_file(id, path).await.err(),
            engine.write_file(id, path, text(""), None).await.err(),
            engine.create_file(id, path, true).await.err(),
            engine.move_file(id, "a", path).await.err(),
            engine.delete_file(id, path).await.err(),
        ];
        for error in refused {
            assert_eq!(error.unwrap().code(), "invalid_path", "{path:?}");
        }
    }
    assert_eq!(
        engine.file_entries(id, "..").await.unwrap_err().code(),
        "invalid_path"
    );
    let other = engine.create_project(name("bare")).await.unwrap().id;
    let none = engine.file_entries(other, "").await.unwrap_err();
    assert_eq!(none.code(), "project_has_no_folder");
}

#[tokio::test]
async fn what_was_found_is_replaced_and_what_changed_since_is_left() {
    let world = World::new().await;
    let (id, folder) = project(&world).await;
    for number in 0..5 {
        fs::write(folder.join(format!("{number}.txt")), "old old\n").unwrap();
    }
    let query = Query {
        text: "old".to_owned(),
        ..Query::default()
    };
    let engine = &world.engine;
    let search = engine.search_files(id, query.clone(), Some("new".to_owned()));
    let mut search = search.await.unwrap();
    let mut files = Vec::new();
    loop {
        match search.next().await.unwrap() {
            SearchNews::Found(hits) => files.push(FileHash {
                path: hits.path.to_string(),
                hash: hits.hash,
            }),
            SearchNews::Ended(end) => break assert_eq!(end.unwrap().hits, 10),
        }
    }
    assert!(search.next().await.is_none());
    fs::write(folder.join("3.txt"), "old, but another\n").unwrap();
    let replaced = engine.replace_in_files(id, query, "new".to_owned(), files);
    let replaced = replaced.await.unwrap();
    assert_eq!(
        (replaced.files, replaced.hits, replaced.left.len()),
        (4, 8, 1)
    );
    assert_eq!(
        fs::read_to_string(folder.join("0.txt")).unwrap(),
        "new new\n"
    );
}

#[tokio::test]
async fn what_was_typed_survives_the_end_of_the_program_and_goes_when_it_is_saved() {
    let mut world = World::new().await;
    let (id, folder) = project(&world).await;
    fs::write(folder.join("a.txt"), "one").unwrap();
    let read = world.engine.read_file(id, "a.txt").await.unwrap();
    let draft = FileDraft {
        path: "a.txt".to_owned().try_into().unwrap(),
        text: "one and a half".to_owned(),
        ending: LineEnding::Lf,
        has_mark: false,
        seen: read.hash,
    };
    world
        .engine
        .keep_file_draft(id, draft.clone())
        .await
        .unwrap();
    // Also what is typed while the folder is on a disk that was unplugged.
    let away = folder.with_extension("away");
    fs::rename(&folder, &away).unwrap();
    let draft = FileDraft {
        text: "one and three quarters".to_owned(),
        ..draft
    };
    world
        .engine
        .keep_file_draft(id, draft.clone())
        .await
        .unwrap();
    world.reopen().await;
    let engine = &world.engine;
    assert_eq!(
        engine.file_drafts(id).await.unwrap(),
        std::slice::from_ref(&draft)
    );
    fs::rename(&away, &folder).unwrap();
    assert_eq!(fs::read_to_string(folder.join("a.txt")).unwrap(), "one");
    let written = engine
        .write_file(id, "a.txt", text(&draft.text), draft.seen)
        .await;
    assert!(matches!(written.unwrap(), Writing::Done(_)));
    assert_eq!(engine.file_drafts(id).await.unwrap(), []);
}
