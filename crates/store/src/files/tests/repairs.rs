//! What is damaged is told and repaired as far as its bytes exist anywhere; nothing else is lost by it.

use super::{Desk, Model, now, prune};
use crate::{
    StoreError,
    files::{
        Check, Files,
        pack::{Objects, Packed, Writer, pack_path},
        packs_in,
    },
};
use plimsoll_domain::content::ContentHash;
use std::{fs, path::PathBuf};

/// A desk with a saved state in one pack.
async fn saved() -> (Desk, ContentHash, Model) {
    let desk = Desk::new().await;
    for name in ["a", "b/c", "b/d", "e"] {
        desk.write(name, format!("what is in {name}").repeat(20).as_bytes());
    }
    let root = desk.save().await.root;
    let model = desk.on_disk();
    (desk, root, model)
}

impl Desk {
    fn packs(&self) -> Vec<PathBuf> {
        let packs = self.store.path().join("packs");
        let names = packs_in(&packs).unwrap();
        names.iter().map(|name| pack_path(&packs, name)).collect()
    }

    async fn checked(&self, root: ContentHash) -> Check {
        self.files.check(&[root], true).await.unwrap()
    }

    /// Opens the store anew without the index that it had.
    async fn lose_index(&mut self) {
        self.files.close().await;
        fs::remove_file(self.store.path().join("index.db")).unwrap();
        self.files = Files::open(self.store.path()).await.unwrap();
    }
}

fn flip(pack: &PathBuf, at: usize) {
    let mut bytes = fs::read(pack).unwrap();
    bytes[at] ^= 1;
    fs::write(pack, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_beginning_of_a_pack_costs_nothing_of_what_lies_behind_it() {
    let (mut desk, root, model) = saved().await;
    flip(&desk.packs()[0], 3);
    let check = desk.checked(root).await;
    assert_eq!((check.damaged_packs.len(), check.hurt.len()), (1, 0));
    assert_eq!(desk.files.mend(&[root], 0).await.unwrap().struck, 0);
    assert!(desk.checked(root).await.is_whole());
    assert_eq!(desk.saved(root).await, model);

    // The same without the index's help.
    flip(&desk.packs()[0], 3);
    desk.lose_index().await;
    assert_eq!(desk.saved(root).await, model);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_byte_anywhere_costs_at_most_the_object_that_it_lies_in() {
    let (mut desk, root, model) = saved().await;
    let pack = desk.packs().remove(0);
    let whole = fs::read(&pack).unwrap();
    // The magic, the first object's whole header and its first bytes.
    for at in 0..60 {
        for bit in [0x01, 0x10, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            fs::write(&pack, bytes).unwrap();
            desk.lose_index().await;
            let check = desk.checked(root).await;
            let lost = check.hurt.first().map_or(0, |hurt| hurt.paths.len());
            assert!(lost <= 1, "{lost} files by {bit:#x} at {at}");
        }
    }
    // Its length says more than is there.
    let mut bytes = whole;
    bytes[8 + 33] ^= 0x10;
    fs::write(&pack, bytes).unwrap();
    desk.lose_index().await;
    assert_eq!(desk.files.mend(&[root], 0).await.unwrap().found, 0);
    let check = desk.checked(root).await;
    assert!(
        check.damaged_packs.is_empty() && check.hurt[0].paths.len() == 1,
        "{check:?}"
    );
    desk.save().await;
    assert!(desk.checked(root).await.is_whole());
    assert_eq!(desk.saved(root).await, model);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_was_away_during_a_repair_counts_again_when_it_is_back() {
    let (desk, root, model) = saved().await;
    let pack = desk.packs().remove(0);
    let aside = desk.store.path().join("aside");
    fs::rename(&pack, &aside).unwrap();
    let error = desk.files.entries(root, "").await.unwrap_err();
    assert!(
        matches!(error, StoreError::DamagedContent { .. }),
        "{error}"
    );
    let struck = desk.files.mend(&[root], 0).await.unwrap().struck;
    assert!(struck > 3, "{struck}");
    assert_eq!(desk.checked(root).await.hurt[0].paths, [""]);
    fs::rename(&aside, &pack).unwrap();
    let found = desk.files.mend(&[root], 0).await.unwrap().found;
    assert_eq!(found, struck);
    assert!(desk.checked(root).await.is_whole());
    assert_eq!(desk.saved(root).await, model);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_cannot_be_read_is_an_error_and_nothing_is_struck_out() {
    let (desk, root, model) = saved().await;
    let pack = desk.packs().remove(0);
    let aside = desk.store.path().join("aside");
    fs::rename(&pack, &aside).unwrap();
    // A folder in its place opens, and cannot be read.
    fs::create_dir(&pack).unwrap();
    let error = desk.files.mend(&[root], 0).await.unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error}");
    assert!(!desk.checked(root).await.hurt.is_empty());
    fs::remove_dir(&pack).unwrap();
    fs::rename(&aside, &pack).unwrap();
    assert_eq!(desk.saved(root).await, model);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_packs_hold_survives_a_pruning_of_either() {
    let (desk, root, model) = saved().await;
    // Another process saved the same at the same time: the index names its pack for all of it, and
    // the first one is nothing but waste, or with one object of its own, mostly.
    for own in [None, Some(b"needed by nobody".repeat(1_000))] {
        let packs = desk.store.path().join("packs");
        let mut writer = Writer::new(&packs, "other".to_owned());
        for object in Objects::open(&desk.packs()[0]).unwrap() {
            writer.append(&object.unwrap().again()).unwrap();
        }
        if let Some(own) = &own {
            let hash = ContentHash::of(own);
            writer.append(&Packed::new(hash, own).unwrap()).unwrap();
        }
        let written = writer.finish().unwrap();
        desk.files.index.add(&written, None).await.unwrap();
        for _ in 0..2 {
            prune(&desk.files, &[root], 0).await;
            assert!(desk.checked(root).await.is_whole());
            assert_eq!(desk.saved(root).await, model);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruning_after_the_index_was_made_anew_keeps_what_an_old_pack_and_its_heir_hold() {
    let (mut desk, _, _) = saved().await;
    desk.write("large", &[7; 300_000]);
    fs::remove_file(desk.workspace.path().join("a")).unwrap();
    let root = desk.save().await.root;
    let model = desk.on_disk();
    for time in 0..6 {
        prune(&desk.files, &[root], time).await;
        assert_eq!(desk.saved(root).await, model, "{time}");
        desk.lose_index().await;
        assert!(desk.checked(root).await.is_whole(), "{time}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_prunes_while_a_saved_state_is_not_recorded_yet() {
    let desk = Desk::new().await;
    desk.write("a", b"x");
    let saved = desk.save().await;
    let files = desk.files.clone();
    let root = saved.root;
    let pruning = tokio::spawn(async move { files.pruning().await });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!pruning.is_finished());
    drop(saved);
    let pruning = pruning.await.unwrap().unwrap();
    let planned = pruning.keep_only(&[root]).await.unwrap();
    planned.prune(now().as_millis()).await.unwrap();
    assert!(desk.checked(root).await.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_keeps_again_what_a_missing_pack_held() {
    let (desk, root, model) = saved().await;
    fs::remove_file(&desk.packs()[0]).unwrap();
    let again = desk.save().await;
    assert_eq!(again.root, root);
    assert_eq!(desk.saved(root).await, model);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_lost_for_good_keeps_nobody_from_pruning() {
    let (desk, lost, _) = saved().await;
    fs::remove_file(&desk.packs()[0]).unwrap();
    // As long as the store thinks that it is there, what it needs is not known.
    let pruning = desk.files.pruning().await.unwrap();
    let error = pruning.keep_only(&[lost]).await.err().unwrap();
    assert!(
        matches!(error, StoreError::DamagedContent { .. }),
        "{error}"
    );
    desk.files.mend(&[lost], 0).await.unwrap();
    desk.write("new", b"after it");
    let root = desk.save().await.root;
    let model = desk.on_disk();
    prune(&desk.files, &[lost, root], 0).await;
    assert_eq!(desk.saved(root).await, model);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cut_off_save_left_goes_when_nobody_is_at_work() {
    let (desk, root, model) = saved().await;
    let packs = desk.store.path().join("packs");
    let left = packs.join("1-2-3-0.growing");
    fs::write(&left, b"half a pack").unwrap();
    let working = desk.save().await;
    drop(Files::open(desk.store.path()).await.unwrap());
    assert!(left.exists(), "somebody was at work");
    drop(working);
    drop(Files::open(desk.store.path()).await.unwrap());
    assert!(!left.exists());
    assert_eq!(desk.saved(root).await, model);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_leaves_the_only_whole_copy_of_what_is_damaged_alone() {
    let (desk, first, _) = saved().await;
    let packs = desk.packs();
    desk.write("a", b"the only copy");
    desk.write("f", b"new, and nowhere else");
    let second = desk.save().await.root;
    let model = desk.on_disk();
    let damaged = desk.packs().into_iter().find(|pack| !packs.contains(pack));
    for needle in [&b"the only copy"[..], b"new, and"] {
        let bytes = fs::read(damaged.as_ref().unwrap()).unwrap();
        let mut windows = bytes.windows(needle.len());
        flip(
            damaged.as_ref().unwrap(),
            windows.position(|window| window == needle).unwrap(),
        );
    }
    let restore = async || {
        let present = desk.save().await.root;
        let place = desk.workspace.path();
        let restored = desk.files.restore(place, Some(present), first, None);
        restored.await.unwrap()
    };
    let left = restore().await.left;
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left.iter().all(|why| why.contains("only whole copy")),
        "{left:?}"
    );
    assert_eq!(desk.on_disk(), model);
    // Kept again, it may go.
    desk.files.mend(&[first, second], 0).await.unwrap();
    assert_eq!(restore().await.left, Vec::<String>::new());
    assert_eq!(desk.saved(second).await, model);
    assert!(!desk.on_disk().contains_key("f"));
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_that_an_older_index_does_not_know_are_not_thrown_away() {
    let (mut desk, first, _) = saved().await;
    desk.files.close().await;
    let index = desk.store.path().join("index.db");
    let older = fs::read(&index).unwrap();
    desk.files = Files::open(desk.store.path()).await.unwrap();
    desk.write("new", b"saved after the index was copied");
    let second = desk.save().await.root;
    let model = desk.on_disk();
    desk.files.close().await;
    fs::write(&index, older).unwrap();
    desk.files = Files::open(desk.store.path()).await.unwrap();
    assert_eq!(desk.saved(second).await, model);
    prune(&desk.files, &[first, second], 0).await;
    assert_eq!(desk.saved(second).await, model);
    // What nobody needs goes all the same, after its time of grace.
    desk.write("new", b"cut off");
    let gone = desk.save().await.root;
    desk.files.close().await;
    desk.files = Files::open(desk.store.path()).await.unwrap();
    let before = desk.packs().len();
    prune(&desk.files, &[first, second], 1).await;
    prune(&desk.files, &[first, second], 200_000_000).await;
    assert!(desk.packs().len() < before);
    assert!(desk.files.entries(gone, "").await.is_err());
    assert!(desk.checked(second).await.is_whole());
}
