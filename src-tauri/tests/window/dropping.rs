//! Files that are dragged from the desktop into the real window.

use crate::support::{Desk, Keyring, Role, Window, holds};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// A folder with what lies on somebody's desktop.
fn desktop(folder: &Path) -> PathBuf {
    let desktop = folder.join("desktop");
    fs::create_dir_all(desktop.join("pictures/in")).unwrap();
    fs::write(desktop.join("hello.txt"), "from the desktop").unwrap();
    fs::write(desktop.join("aux.txt"), "a device to some").unwrap();
    fs::write(desktop.join("a blank & ünï.txt"), "any name").unwrap();
    fs::write(desktop.join("pictures/in/one.svg"), "<svg/>").unwrap();
    symlink("/etc/passwd", desktop.join("pictures/link")).unwrap();
    desktop
}

/// A project with a file and a folder in it.
fn shop(folder: &Path) -> PathBuf {
    let shop = folder.join("shop");
    fs::create_dir_all(shop.join("sub")).unwrap();
    fs::write(shop.join("hello.txt"), "hello\n").unwrap();
    shop
}

/// Below the last line of the tree.
async fn below_the_files(window: &Window) -> (i32, i32) {
    let (x, y) = window.place_of(Role::TreeItem, "hello.txt").await;
    (x, y + 150)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_go_on_a_folder_of_the_tree_is_copied_there_and_replaces_nothing() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (from, shop) = (desktop(folder.path()), shop(folder.path()));
    let window = desk.open_at(&shop, "files").await;
    let mut one = desk.drag(&[from.join("hello.txt")]);
    assert!(one.over(below_the_files(&window).await));
    one.let_go();
    window.find(Role::TreeItem, "hello (2).txt").await;
    holds(&shop.join("hello (2).txt"), "from the desktop").await;
    holds(&shop.join("hello.txt"), "hello\n").await;

    let names = ["hello.txt", "aux.txt", "a blank & ünï.txt", "pictures"];
    let mut several = desk.drag(&names.map(|name| from.join(name)));
    assert!(several.over(window.place_of(Role::TreeItem, "sub").await));
    several.let_go();
    window.sees("Copied 4 files in").await;
    window.sees("pictures/link: a link").await;
    window
        .sees("cannot keep aux.txt: it is the name of a device")
        .await;
    holds(&shop.join("sub/hello.txt"), "from the desktop").await;
    holds(&shop.join("sub/aux.txt"), "a device to some").await;
    holds(&shop.join("sub/a blank & ünï.txt"), "any name").await;
    holds(&shop.join("sub/pictures/in/one.svg"), "<svg/>").await;
    assert!(!shop.join("sub/pictures/link").exists());
    window.find(Role::TreeItem, "a blank & ünï.txt").await;
    window
        .find(Role::TreeItem, "aux.txt , Windows cannot keep")
        .await;

    // A folder opens under what is held over it.
    window.click(Role::TreeItem, "sub").await;
    window.click(Role::TreeItem, "sub").await;
    window.find(Role::TreeItem, "pictures").await;
    let mut deep = desk.drag(&[from.join("hello.txt")]);
    assert!(deep.over(window.place_of(Role::TreeItem, "pictures").await));
    let inner = window.place_of(Role::TreeItem, "in").await;
    assert!(deep.over(inner));
    deep.let_go();
    holds(&shop.join("sub/pictures/in/hello.txt"), "from the desktop").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_takes_files_they_cannot_be_let_go() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (from, shop) = (desktop(folder.path()), shop(folder.path()));
    let window = desk.open_at(&shop, "files").await;
    window.click(Role::TreeItem, "hello.txt").await;
    let text = window.place_of(Role::Textbox, "hello.txt").await;
    let files = below_the_files(&window).await;
    let mut held = desk.drag(&[from.join("aux.txt")]);
    assert!(held.over(files));
    assert!(!held.over(text));
    held.let_go();
    window.sees("hello").await;
    window.sees_address("/files").await;
    let there = fs::read_dir(&shop).unwrap().count();
    assert_eq!(there, 2, "something was copied");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_where_they_are_let_go_on_a_screen_with_small_pixels() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (from, shop) = (desktop(folder.path()), shop(folder.path()));
    let window = desk.open_with(&[("GDK_SCALE".into(), "2".into())]).await;
    window.at_project(&shop, "files").await;
    assert_eq!(window.script("return devicePixelRatio", vec![]).await, 2);
    let mut held = desk.drag(&[from.join("aux.txt")]);
    assert!(held.over(window.place_of(Role::TreeItem, "sub").await));
    held.let_go();
    holds(&shop.join("sub/aux.txt"), "a device to some").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_go_on_a_canvas_becomes_an_asset_of_it() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (from, shop) = (desktop(folder.path()), shop(folder.path()));
    let canvas = shop.join(".canvas");
    fs::create_dir(&canvas).unwrap();
    let page = "<!doctype html><p>Words</p><img src=\"assets/one.svg\">";
    fs::write(canvas.join("index.html"), page).unwrap();
    let window = desk.open_at(&shop, "canvas").await;
    let text = window.place_of(Role::Textbox, "Text of index.html").await;
    let preview = window.place_of(Role::Region, "Preview").await;
    let mut held = desk.drag(&[from.join("pictures/in/one.svg"), from.join("pictures")]);
    assert!(!held.over(text));
    assert!(held.over(preview));
    window.sees("Let go to put them into assets").await;
    held.let_go();
    window.sees("Copied 2 files in").await;
    window.loses("Let go to put them into assets").await;
    window.sees("assets/one.svg").await;
    window.sees("assets/pictures/in/one.svg").await;
    holds(&canvas.join("assets/one.svg"), "<svg/>").await;

    // The same name again replaces nothing, and the page is still there.
    let mut again = desk.drag(&[from.join("pictures/in/one.svg")]);
    assert!(again.over(preview));
    again.let_go();
    window.sees("assets/one (2).svg").await;
    window.sees_address("/canvas").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}
