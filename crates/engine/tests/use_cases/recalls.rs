//! Versions that the database does not know, since it was put back to an earlier copy: what somebody
//! saved meanwhile is not lost.

use crate::world::{World, name};
use plimsoll_domain::{
    ProjectId, Timestamp,
    version::{Retention, Version},
};
use plimsoll_engine::Recalled;
use plimsoll_store::Store;
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A project whose folder has one file, and whose database is put back now and then.
struct Site {
    world: World,
    project: ProjectId,
    folder: PathBuf,
    copies: u32,
}

impl Site {
    async fn new() -> Self {
        let world = World::new().await;
        let folder = world.folder.path().join("site");
        let created = world.engine.create_project_in(name("site"), &folder).await;
        Self {
            project: created.unwrap().id,
            world,
            folder,
            copies: 0,
        }
    }

    /// Saves a text as a version.
    async fn save(&self, text: &str) -> Version {
        fs::write(self.folder.join("page"), text).unwrap();
        let engine = &self.world.engine;
        let progress = Arc::default();
        let saved = engine.save_version(self.project, text, &progress).await;
        engine.version(saved.unwrap().id).await.unwrap()
    }

    async fn copy(&mut self) -> PathBuf {
        let database = self.world.engine.everything().await.unwrap().database;
        self.copies += 1;
        let copy = self.folder.with_file_name(format!("copy-{}", self.copies));
        fs::copy(database, &copy).unwrap();
        copy
    }

    async fn put_back(&mut self, copy: &Path) {
        let place = self.world.folder.path();
        let used = place.join("put-back");
        fs::copy(copy, &used).unwrap();
        self.world.engine.shut().await.unwrap();
        let store = place.join("store");
        let moment = Timestamp::from_millis(1_800_000_000_000);
        let aside = Store::replace(&store, &used, moment).await.unwrap();
        fs::remove_file(aside.unwrap()).unwrap();
        self.world.reopen().await;
    }

    /// The same, and lists again what the copy does not know.
    async fn restore(&mut self, copy: &Path) -> Recalled {
        self.put_back(copy).await;
        let recalled = self.world.engine.recall_after_restore().await;
        recalled.unwrap()
    }

    async fn versions(&self) -> Vec<Version> {
        let mut versions = self.world.engine.versions(self.project).await.unwrap();
        versions.reverse();
        versions
    }

    async fn content(&self, version: &Version) -> Option<String> {
        let file = self.world.engine.version_file(version.id, "page").await;
        Some(String::from_utf8(file.ok()?.bytes?).unwrap())
    }

    async fn prune(&self, last: u32) -> Vec<Version> {
        let rule = Retention { last, days: 0 };
        let pruned = self.world.engine.prune_versions(self.project, rule).await;
        pruned.unwrap().versions
    }

    async fn is_whole(&self) -> bool {
        let checked = self.world.engine.check_versions(true).await.unwrap();
        checked.hurt.is_empty() && checked.damaged_packs.is_empty()
    }
}

#[tokio::test]
async fn what_was_saved_after_the_database_was_copied_is_listed_again_as_it_was() {
    let mut site = Site::new().await;
    site.save("one").await;
    let copy = site.copy().await;
    let (two, three) = (site.save("two").await, site.save("three").await);
    let engine = &site.world.engine;
    engine.pin_version(two.id, true).await.unwrap();
    let launch = Some(name("launch"));
    engine.name_version(three.id, launch).await.unwrap();
    let before = site.versions().await;

    let recalled = site.restore(&copy).await;
    assert_eq!(
        site.versions().await,
        before,
        "number, message, name and pin"
    );
    assert_eq!(
        recalled.told(),
        ["Versions 2, 3 of “site”, which the database did not know, are listed again."]
    );
    assert_eq!(site.content(&three).await.unwrap(), "three");
    // A team hears of them like of any other.
    let changed = site.world.engine.changed_since(0, 1_000).await.unwrap();
    let told = |version: &Version| {
        let id = version.id.to_string();
        changed.rows.iter().any(|row| row.id == id)
    };
    assert!(told(&two) && told(&three));
    // Once is enough, and the next number is a new one.
    let again = site.world.engine.recall_versions().await.unwrap();
    assert_eq!(again, Recalled::default());
    assert_eq!(site.save("four").await.number, 4);
    assert!(site.is_whole().await);
}

#[tokio::test]
async fn a_number_that_another_version_has_by_now_is_told() {
    let mut site = Site::new().await;
    site.save("one").await;
    let copy = site.copy().await;
    let two = site.save("two").await;
    let launch = || Some(name("launch"));
    let engine = &site.world.engine;
    engine.name_version(two.id, launch()).await.unwrap();
    site.put_back(&copy).await;
    let other = site.save("another two").await;
    assert_eq!(other.number, 2);
    let engine = &site.world.engine;
    engine.name_version(other.id, launch()).await.unwrap();

    let recalled = engine.recall_versions().await.unwrap();
    assert_eq!(recalled.back.len(), 1);
    assert_eq!(recalled.back[0].was, Some(2));
    let told = recalled.told();
    assert!(told[1].contains("What was version 2 of “site” is version 3 now"));
    let versions = site.versions().await;
    let seen: Vec<_> = versions
        .iter()
        .map(|version| (version.id, version.number))
        .collect();
    assert_eq!(seen[1..], [(other.id, 2), (two.id, 3)]);
    assert_eq!(versions[2].name, None, "another one is called so");
    assert_eq!(site.content(&versions[2]).await.unwrap(), "two");
    // Its record says so, too.
    let recalled = site.restore(&copy).await;
    assert_eq!(recalled.back.len(), 2);
    assert_eq!(site.versions().await[2].number, 3);
}

#[tokio::test]
async fn what_was_let_go_or_deleted_does_not_come_back() {
    let mut site = Site::new().await;
    site.save("one").await;
    let copy = site.copy().await;
    site.save("two").await;
    site.save("three").await;
    assert_eq!(site.prune(1).await.len(), 2);
    let other = site.folder.with_file_name("other");
    let engine = &site.world.engine;
    let created = engine.create_project_in(name("other"), &other).await;
    let created = created.unwrap().id;
    engine
        .save_version(created, "", &Arc::default())
        .await
        .unwrap();
    engine.delete_project(created).await.unwrap();

    let recalled = site.restore(&copy).await;
    let back: Vec<u32> = recalled
        .back
        .iter()
        .map(|back| back.version.number)
        .collect();
    assert_eq!((back, recalled.kept), (vec![3], vec![]));
    // What the copy itself lists is taken out of what waits to be deleted.
    let versions = site.versions().await;
    assert_eq!(versions.len(), 2);
    assert_eq!(site.content(&versions[0]).await.unwrap(), "one");
    assert!(site.is_whole().await);
}

#[tokio::test]
async fn a_kill_before_the_last_write_of_a_pruning_or_deletion_brings_nothing_back() {
    let site = Site::new().await;
    site.save("one").await;
    site.save("two").await;
    let records = site.world.folder.path().join("store/versions/records");
    let aside = records.with_file_name("aside");
    let keep = |from: &Path, to: &Path| {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    };
    keep(&records, &aside);
    assert_eq!(site.prune(1).await.len(), 1);
    keep(&aside, &records);
    let recalled = site.world.engine.recall_versions().await.unwrap();
    assert_eq!(recalled, Recalled::default());
    assert_eq!(fs::read_dir(&records).unwrap().count(), 1);
}

#[tokio::test]
async fn a_project_that_the_copy_does_not_know_keeps_its_versions_and_is_made_anew_on_request() {
    let mut site = Site::new().await;
    site.save("one").await;
    let copy = site.copy().await;
    let other = site.folder.with_file_name("other");
    let engine = &site.world.engine;
    let created = engine.create_project_in(name("other"), &other).await;
    let created = created.unwrap().id;
    fs::write(other.join("page"), "all of it").unwrap();
    let progress = Arc::default();
    let saved = engine.save_version(created, "mine", &progress).await;
    let saved = engine.version(saved.unwrap().id).await.unwrap();

    let recalled = site.restore(&copy).await;
    assert_eq!(recalled.back, []);
    let told = recalled.told();
    assert!(told[0].contains("“other”, which the database does not know, 1 version"));
    // A pruning of anything keeps what they need, and a check tells of them.
    site.save("two").await;
    site.prune(1).await;
    let engine = &site.world.engine;
    let checked = engine.check_versions(true).await.unwrap();
    assert_eq!((checked.kept.len(), checked.hurt.len()), (1, 0));
    // Meanwhile another one took the name.
    engine.create_project(name("other")).await.unwrap();

    let repaired = engine.repair_versions().await.unwrap();
    assert_eq!(repaired.recalled.made, [name("other-2")]);
    let versions = engine.versions(created).await.unwrap();
    assert_eq!(versions, std::slice::from_ref(&saved));
    assert_eq!(site.content(&saved).await.unwrap(), "all of it");
    assert_eq!(repaired.left.kept, []);
    // Now it can be let go of.
    let engine = &site.world.engine;
    engine.delete_project(created).await.unwrap();
    let repaired = engine.repair_versions().await.unwrap();
    assert_eq!((repaired.recalled, repaired.left.kept), Default::default());
}

#[tokio::test]
async fn a_version_whose_content_is_gone_is_told_once_and_comes_back_with_its_content() {
    let mut site = Site::new().await;
    site.save("one").await;
    let copy = site.copy().await;
    let packs = site.world.folder.path().join("store/versions/packs");
    let first = names_in(&packs);
    site.save("two").await;
    let second = names_in(&packs);
    let second = second.iter().find(|pack| !first.contains(pack)).unwrap();
    let aside = site.folder.with_file_name("aside.pack");
    fs::rename(second, &aside).unwrap();

    let recalled = site.restore(&copy).await;
    assert_eq!((recalled.back.len(), recalled.lost.len()), (0, 1));
    assert_eq!(
        recalled.told(),
        ["Version 2 of “site” did not come back: its content is gone."]
    );
    let again = site.world.engine.recall_versions().await.unwrap();
    assert_eq!(again, Recalled::default());
    assert_eq!(site.versions().await.len(), 1);

    fs::rename(&aside, second).unwrap();
    let repaired = site.world.engine.repair_versions().await.unwrap();
    assert_eq!(repaired.recalled.back.len(), 1);
    let versions = site.versions().await;
    assert_eq!(site.content(&versions[1]).await.unwrap(), "two");
}

#[tokio::test]
async fn versions_of_before_there_were_records_get_theirs_with_the_next_save_or_restore() {
    let mut site = Site::new().await;
    let copy = site.copy().await;
    site.save("one").await;
    site.save("two").await;
    let records = site.world.folder.path().join("store/versions/records");
    fs::remove_dir_all(&records).unwrap();
    site.world.reopen().await;
    site.save("three").await;
    assert_eq!(fs::read_dir(&records).unwrap().count(), 3);
    fs::remove_dir_all(&records).unwrap();
    site.world.engine.record_versions().await.unwrap();
    let before = site.versions().await;
    site.restore(&copy).await;
    assert_eq!(site.versions().await, before);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_told_and_one_of_a_version_that_is_there_is_written_anew() {
    let mut site = Site::new().await;
    let copy = site.copy().await;
    site.save("one").await;
    let damage = |site: &Site| {
        let records = site.world.folder.path().join("store/versions/records");
        for entry in fs::read_dir(records).unwrap() {
            fs::write(entry.unwrap().path(), "not what it was").unwrap();
        }
    };
    damage(&site);
    site.world.engine.repair_versions().await.unwrap();
    let before = site.versions().await;
    let recalled = site.restore(&copy).await;
    assert_eq!((recalled.back.len(), recalled.lost.len()), (1, 0));
    assert_eq!(site.versions().await, before);
    damage(&site);
    let recalled = site.restore(&copy).await;
    assert_eq!(
        recalled.told(),
        ["A version of “site” did not come back: its record cannot be read."]
    );
}

#[tokio::test]
async fn unknown_projects_of_one_name_come_back_beside_each_other_and_one_without_content_does_not()
{
    let mut site = Site::new().await;
    site.save("one").await;
    let copy = site.copy().await;
    let packs = site.world.folder.path().join("store/versions/packs");
    for round in ["gone", "first", "second"] {
        let folder = site.folder.with_file_name(round);
        let engine = &site.world.engine;
        let created = engine.create_project_in(name("other"), &folder).await;
        fs::write(folder.join("page"), round).unwrap();
        let before = names_in(&packs);
        let progress = Arc::default();
        let saved = engine.save_version(created.unwrap().id, round, &progress);
        saved.await.unwrap();
        let mut made = names_in(&packs);
        made.retain(|pack| round == "gone" && !before.contains(pack));
        for pack in made {
            fs::remove_file(pack).unwrap();
        }
        site.put_back(&copy).await;
    }
    let engine = &site.world.engine;
    let repaired = engine.repair_versions().await.unwrap();
    assert_eq!(repaired.recalled.made, [name("other"), name("other-2")]);
    assert_eq!(repaired.recalled.back.len(), 2);
    assert_eq!(repaired.recalled.lost.len(), 1);
    assert_eq!(repaired.left.kept, []);
}

fn names_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[derive(Debug, Clone)]
enum Act {
    Save(u8),
    Restore(prop::sample::Index),
    Pin(prop::sample::Index),
    Prune(u32),
    Copy,
    PutBack(prop::sample::Index),
    Repair,
}

fn act() -> impl Strategy<Value = Act> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        5 => any::<u8>().prop_map(Act::Save),
        2 => index().prop_map(Act::Restore),
        1 => index().prop_map(Act::Pin),
        2 => (1u32..4).prop_map(Act::Prune),
        2 => Just(Act::Copy),
        3 => index().prop_map(Act::PutBack),
        1 => Just(Act::Repair),
    ]
}

async fn play(acts: Vec<Act>) {
    let mut site = Site::new().await;
    let mut copies = vec![site.copy().await];
    let mut wanted = BTreeMap::new();
    for (turn, act) in acts.into_iter().enumerate() {
        let there = site.versions().await;
        match act {
            Act::Save(text) => {
                let text = format!("{turn}: {text}");
                wanted.insert(site.save(&text).await.id, text);
            }
            Act::Restore(index) if !there.is_empty() => {
                let version = index.get(&there);
                // What was let go, and is listed by an earlier copy only, may be gone.
                if wanted.contains_key(&version.id) {
                    let engine = &site.world.engine;
                    let done = engine.restore_version(version.id, None).await.unwrap();
                    let before = site.content(&done.before).await;
                    wanted.insert(done.before.id, before.unwrap_or_default());
                    let page = fs::read_to_string(site.folder.join("page")).ok();
                    assert_eq!(page.as_ref(), wanted.get(&version.id));
                }
            }
            Act::Pin(index) if !there.is_empty() => {
                let version = index.get(&there);
                let pinned = site.world.engine.pin_version(version.id, true).await;
                pinned.unwrap();
            }
            Act::Prune(last) => {
                for version in site.prune(last).await {
                    wanted.remove(&version.id);
                }
            }
            Act::Copy => copies.push(site.copy().await),
            Act::PutBack(index) => {
                let copy = index.get(&copies).clone();
                let recalled = site.restore(&copy).await;
                assert_eq!(recalled.lost, []);
            }
            Act::Repair => {
                site.world.engine.repair_versions().await.unwrap();
            }
            Act::Restore(_) | Act::Pin(_) => {}
        }
        let there = site.versions().await;
        for (id, text) in &wanted {
            let version = there.iter().find(|version| version.id == *id).unwrap();
            let content = site.content(version).await.unwrap_or_default();
            assert_eq!(&content, text, "version {}", version.number);
        }
    }
    // What an earlier copy lists and was let go since may be hurt; nothing else is.
    let checked = site.world.engine.check_versions(true).await.unwrap();
    for hurt in checked.hurt {
        assert!(!wanted.contains_key(&hurt.version.id), "{hurt:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_was_saved_and_not_let_go_is_listed_whichever_copy_the_database_is_put_back_to(
        acts in prop::collection::vec(act(), 1..16)
    ) {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
            .block_on(play(acts));
    }
}
