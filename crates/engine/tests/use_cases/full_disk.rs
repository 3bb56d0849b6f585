//! The disk of the store is full, and the one with the project's files is not: every answer is what
//! happened.

use crate::world::{World, name};
use plimsoll_domain::{ProjectId, version::Retention};
use plimsoll_store::{
    AuditFilter, Page,
    workspace::{LineEnding, NewText},
};
use std::{
    env,
    fs::{self, File},
    io,
    path::PathBuf,
    process::Command,
    sync::Arc,
};

/// Takes all the room there is, but for some bytes.
fn fill(filler: &PathBuf, but: u64) {
    let file = File::create(filler).unwrap();
    let filled = io::copy(&mut io::repeat(7), &mut &file);
    assert_eq!(filled.unwrap_err().kind(), io::ErrorKind::StorageFull);
    let size = file.metadata().unwrap().len();
    file.set_len(size - but).unwrap();
}

async fn acts(world: &World) -> Vec<String> {
    let page = Page::first(500);
    let audit = world.engine.audit(&AuditFilter::default(), &page).await;
    let mut acts: Vec<String> = audit
        .unwrap()
        .items
        .into_iter()
        .map(|entry| entry.act)
        .collect();
    acts.reverse();
    acts
}

struct Site {
    world: World,
    project: ProjectId,
    folder: PathBuf,
    filler: PathBuf,
}

impl Site {
    async fn new(place: &std::path::Path) -> Self {
        let world = World::new().await;
        let folder = place.join("site");
        let created = world.engine.create_project_in(name("site"), &folder).await;
        Self {
            project: created.unwrap().id,
            filler: world.folder.path().join("filler"),
            world,
            folder,
        }
    }

    async fn save(&self, text: &str) -> plimsoll_engine::Result<plimsoll_domain::VersionId> {
        fs::write(self.folder.join("page"), text).unwrap();
        let engine = &self.world.engine;
        let saved = engine
            .save_version(self.project, text, &Arc::default())
            .await;
        saved.map(|saved| saved.id)
    }

    fn page(&self) -> String {
        fs::read_to_string(self.folder.join("page")).unwrap_or_default()
    }
}

/// What a process with a small disk for its stores does; called by its parent only.
#[tokio::test(flavor = "multi_thread")]
async fn answers_on_a_full_disk() {
    let Some(place) = env::var_os("FULL_STORE").map(PathBuf::from) else {
        return;
    };
    let site = Site::new(&place).await;
    let (engine, project) = (&site.world.engine, site.project);
    let first = site.save("one").await.unwrap();
    let second = site.save("two").await.unwrap();
    let binned = engine.delete_file(project, "page").await.unwrap();
    engine.restore_from_bin(project, &binned.id).await.unwrap();
    let before = acts(&site.world).await;
    fill(&site.filler, 0);

    // What lies in the folder is the version before: nothing has to be kept.
    let mut done = 0;
    for round in 0..60 {
        let (id, text) = [(first, "one"), (second, "two")][round % 2];
        let was = site.page();
        match engine.restore_version(id, None).await {
            Ok(_) => {
                assert_eq!(site.page(), text, "round {round}");
                done += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), "store_disk_full", "{error}");
                assert_eq!(site.page(), was, "round {round}");
            }
        }
    }
    assert!(done > 0, "a restore of what is kept needs no room");
    // Files are written, made and moved, as their disk has room.
    for round in 0..60 {
        let path = format!("made-{round}");
        engine.create_file(project, &path, false).await.unwrap();
        let read = engine.read_file(project, &path).await.unwrap();
        let new = NewText {
            text: format!("text {round}"),
            ending: LineEnding::Lf,
            has_mark: false,
        };
        let written = engine.write_file(project, &path, new, read.hash).await;
        written.unwrap();
        let moved = format!("moved-{round}");
        engine.move_file(project, &path, &moved).await.unwrap();
        let text = fs::read_to_string(site.folder.join(&moved)).unwrap();
        assert_eq!(text, format!("text {round}"));
    }
    // It is done, and what it lacks is said.
    let told = engine.unnoted().unwrap();
    assert!(told.text.contains("more acts are done"), "{}", told.text);
    assert!(engine.notices().await.unwrap().contains(&told));
    engine.dismiss_notice(&told.id).await.unwrap();
    assert_eq!(engine.unnoted(), None);
    let last = engine.save_version(project, "", &Arc::default()).await;
    assert_eq!(last.unwrap_err().code(), "store_disk_full");

    // With room again everything is noted, in its order.
    fs::remove_file(&site.filler).unwrap();
    engine.create_file(project, "last", false).await.unwrap();
    let noted = acts(&site.world).await;
    let files = |act: &str| noted.iter().filter(|noted| *noted == act).count();
    assert_eq!(files("file.create"), 61);
    assert_eq!((files("file.write"), files("file.move")), (60, 60));
    assert_eq!(files("version.restore"), done);
    assert_eq!(noted[..before.len()], before);
    assert_eq!(noted.last().unwrap(), "file.create");
    let report = engine.verify_audit().await.unwrap();
    assert!(report.broken.is_empty());
    assert_eq!(engine.unnoted(), None);
    let checked = engine.check_versions(true).await.unwrap();
    assert!(checked.hurt.is_empty() && checked.kept.is_empty());
    fs::write(place.join("done"), "").unwrap();
}

/// What a process with a small disk for its stores does; called by its parent only.
#[tokio::test(flavor = "multi_thread")]
async fn lets_go_and_saves_on_a_full_disk() {
    let Some(place) = env::var_os("FULL_STORE").map(PathBuf::from) else {
        return;
    };
    let site = Site::new(&place).await;
    let (engine, project) = (&site.world.engine, site.project);
    for round in 0..4 {
        site.save(&format!("text {round}")).await.unwrap();
    }
    for but in [0, 8_192, 16_384, 32_768, 65_536, 131_072, 262_144] {
        fill(&site.filler, but);
        let there = engine.versions(project).await.unwrap();
        let text = format!("saved with {but}");
        let now = match site.save(&text).await {
            Ok(_) => there.len() + 1,
            Err(error) => {
                assert_eq!(error.code(), "store_disk_full", "{error}");
                there.len()
            }
        };
        assert_eq!(engine.versions(project).await.unwrap().len(), now);
        let rule = Retention { last: 2, days: 0 };
        let left = match engine.prune_versions(project, rule).await {
            Ok(pruned) => now - pruned.versions.len(),
            Err(error) => {
                assert_eq!(error.code(), "store_disk_full", "{error}");
                now
            }
        };
        assert_eq!(engine.versions(project).await.unwrap().len(), left);
        fs::remove_file(&site.filler).unwrap();
        let checked = engine.check_versions(true).await.unwrap();
        assert!(checked.hurt.is_empty(), "{checked:?}");
        // A save that was refused left no record that would come back as a version.
        let recalled = engine.recall_versions().await.unwrap();
        assert_eq!(recalled, Default::default(), "with {but}");
    }
    fs::write(place.join("done"), "").unwrap();
}

/// Runs a test in a process of its own that makes its stores on a disk of 3 MB.
fn with_a_small_store(test: &str) {
    let place = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=3m tmpfs /dev/shm && exec \"$1\" --exact \"$2\"";
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c", script];
    let output = Command::new("unshare")
        .args(unshare)
        .arg("sh")
        .arg(env::current_exe().unwrap())
        .arg(format!("full_disk::{test}"))
        .env("FULL_STORE", place.path())
        .output()
        .unwrap();
    assert!(
        place.path().join("done").exists(),
        "{} {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_is_done_is_answered_as_done_though_it_cannot_be_noted() {
    with_a_small_store("answers_on_a_full_disk");
}

#[test]
fn a_save_and_a_pruning_are_refused_or_done_and_nothing_between() {
    with_a_small_store("lets_go_and_saves_on_a_full_disk");
}
