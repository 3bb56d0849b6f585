//! Saved versions in the real window: what differs between two, and how one comes back.

use crate::support::{Desk, Key, Keyring, Role, Window, dot, holds};
use std::{fs, path::Path};

/// Shows a path of the list, and what differs in it.
async fn show(window: &Window, row: &str) {
    window.click(Role::Row, row).await;
}

/// Takes the way back that is asked about; answers when what was there before is kept.
async fn restore(window: &Window, kept: u32) {
    window.press("Save what is there, restore").await;
    window
        .sees(&format!("What was there before is version {kept}."))
        .await;
    window.press("Close").await;
    window.loses("What was there before").await;
}

fn write(shop: &Path, words: &str, color: [u8; 3], byte: u8) {
    fs::write(shop.join("words.txt"), words).unwrap();
    fs::write(shop.join("dot.gif"), dot(color)).unwrap();
    fs::write(shop.join("data.bin"), [0, byte]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_seen_side_by_side_and_what_is_restored_replaces_nothing_unsaved() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    fs::create_dir_all(&shop).unwrap();
    write(&shop, "first words\n", [255, 0, 0], 1);
    let window = desk.open_at(&shop, "versions").await;
    window.press("Save a version").await;
    window.fill(Role::Textbox, "Message", "As it began").await;
    window.press("Save").await;
    window.sees("Saved version 1.").await;
    window.sees("3 added").await;

    // One that a terminal saves is there at once.
    write(&shop, "other words\n", [0, 0, 255], 2);
    fs::write(shop.join("fresh.txt"), "fresh\n").unwrap();
    let save = ["versions", "save", "--project", "shop", "-m", "From afar"];
    let saved = desk.plimsoll(&save).output().unwrap();
    assert!(saved.status.success(), "{saved:?}");
    show(&window, "From afar").await;
    window.sees("1 added, 3 changed").await;
    show(&window, "words.txt").await;
    for (side, words) in [("Version 1", "first words"), ("Version 2", "other words")] {
        let text = window.find(Role::Textbox, side).await;
        assert_eq!(text.text().await.unwrap().trim(), words);
    }
    show(&window, "dot.gif").await;
    window.sees_picture("dot.gif in version 1").await;
    window.sees_picture("dot.gif in version 2").await;
    show(&window, "data.bin").await;
    window.sees("told by size and hash").await;
    show(&window, "fresh.txt").await;
    let before = window.find(Role::Textbox, "Version 1").await;
    assert_eq!(before.text().await.unwrap().trim(), "");

    // A file alone: the others stay, and what was there is kept, saved or not.
    fs::write(shop.join("words.txt"), "never saved\n").unwrap();
    show(&window, "As it began").await;
    window.click(Role::Tab, "Files").await;
    show(&window, "words.txt").await;
    window.find(Role::Textbox, "words.txt in version 1").await;
    window.press("Restore this file…").await;
    restore(&window, 3).await;
    holds(&shop.join("words.txt"), "first words\n").await;
    assert_eq!(fs::read(shop.join("data.bin")).unwrap(), [0, 2]);

    // What is typed meanwhile is no part of any version, and is not lost, either.
    window.click(Role::Link, "Files").await;
    window.click(Role::TreeItem, "words.txt").await;
    window.click(Role::Textbox, "words.txt").await;
    window.control(Key::End).await;
    window.keys("typed").await;
    window.click(Role::Link, "Versions").await;
    show(&window, "Before version 1 was restored").await;
    window.press("Restore…").await;
    restore(&window, 4).await;
    holds(&shop.join("words.txt"), "never saved\n").await;
    window.click(Role::Link, "Files").await;
    window.sees("choose which text stays").await;
    window.press("Keep mine").await;
    holds(&shop.join("words.txt"), "first words\ntyped").await;

    // All of it: what no longer belongs there goes, and comes back with its version.
    window.click(Role::Link, "Versions").await;
    show(&window, "As it began").await;
    window.press("Restore…").await;
    restore(&window, 5).await;
    holds(&shop.join("words.txt"), "first words\n").await;
    assert_eq!(fs::read(shop.join("data.bin")).unwrap(), [0, 1]);
    assert_eq!(fs::read(shop.join("dot.gif")).unwrap(), dot([255, 0, 0]));
    assert!(!shop.join("fresh.txt").exists());
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}
