//! A project's files in the real window, beside other programs that change them.

use crate::support::{Desk, Key, Keyring, Role, SOON, Window, eventually, holds};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The window at the files of a new project with one file; answers its folder, too.
async fn at_files(desk: &Desk, folder: &Path) -> (Window, PathBuf) {
    let shop = folder.join("shop");
    fs::create_dir(&shop).unwrap();
    fs::write(shop.join("hello.txt"), "hello\n").unwrap();
    (desk.open_at(&shop, "files").await, shop)
}

/// Types at the end of the text that is shown.
async fn type_in(window: &Window, name: &str, text: &str) {
    window.click(Role::Textbox, name).await;
    window.control(Key::End).await;
    window.keys(text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_saved_and_what_another_program_wrote_is_never_overwritten() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (window, shop) = at_files(&desk, folder.path()).await;
    let file = shop.join("hello.txt");
    window.click(Role::TreeItem, "hello.txt").await;
    type_in(&window, "hello.txt", "world").await;
    window.find(Role::Tab, "hello.txt , not saved").await;
    window.control('s').await;
    holds(&file, "hello\nworld").await;

    // Where nothing was typed, what another program writes is shown at once.
    fs::write(&file, "another program\n").unwrap();
    window.sees("another program").await;
    // What another program makes appears in the tree.
    fs::write(shop.join("fresh.txt"), "").unwrap();
    window.find(Role::TreeItem, "fresh.txt").await;

    type_in(&window, "hello.txt", "mine").await;
    fs::write(&file, "theirs\n").unwrap();
    window.sees("choose which text stays").await;
    window.find(Role::Textbox, "On the disk").await;
    window.find(Role::Textbox, "Yours").await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "theirs\n");
    window.press("Keep mine").await;
    holds(&file, "another program\nmine").await;

    type_in(&window, "hello.txt", "!").await;
    fs::write(&file, "theirs again\n").unwrap();
    window.press("Take theirs").await;
    window.sees("theirs again").await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "theirs again\n");
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_comes_back_and_what_was_typed_survives_a_crash() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (window, shop) = at_files(&desk, folder.path()).await;
    let file = shop.join("hello.txt");
    window.click(Role::TreeItem, "hello.txt").await;
    window.find(Role::Textbox, "hello.txt").await;
    window.click(Role::TreeItem, "hello.txt").await;
    window.keys(Key::Delete).await;
    window.sees("hello.txt is in the bin").await;
    eventually("the file is gone", SOON, || !file.exists()).await;
    window.click(Role::Tab, "Bin").await;
    window.press("Put hello.txt back").await;
    holds(&file, "hello\n").await;

    window.click(Role::Tab, "Files").await;
    window.click(Role::TreeItem, "hello.txt").await;
    type_in(&window, "hello.txt", "not saved").await;
    let drafts = desk.home().join("workspaces");
    eventually("what was typed is kept", SOON, || kept_in(&drafts)).await;
    window.crash();

    let window = desk.open().await;
    window.sees("not saved").await;
    window.find(Role::Tab, "hello.txt , not saved").await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "hello\n");
    window.press("Save").await;
    holds(&file, "hello\nnot saved").await;

    // Nobody waits for what is typed last to be kept.
    type_in(&window, "hello.txt", " at the end").await;
    desk.click_the_cross();
    window.has_ended().await;
    let window = desk.open().await;
    window.sees("not saved at the end").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_dragged_into_a_folder_and_saved_with_the_others_as_a_version() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (window, shop) = at_files(&desk, folder.path()).await;
    fs::create_dir(shop.join("sub")).unwrap();
    let held = window.find(Role::TreeItem, "hello.txt").await;
    let target = window.find(Role::TreeItem, "sub").await;
    let chain = window.driver().action_chain();
    let chain = chain.move_to_element_center(&held).click_and_hold();
    let chain = chain.move_by_offset(6, 4).move_to_element_center(&target);
    chain.release().perform().await.unwrap();
    window.sees("hello.txt is in sub").await;
    holds(&shop.join("sub/hello.txt"), "hello\n").await;
    assert!(!shop.join("hello.txt").exists());
    fs::write(shop.join("aux.txt"), "").unwrap();
    window.sees("aux.txt").await;

    window.click(Role::Link, "Versions").await;
    window.press("Save a version").await;
    window.press("Save").await;
    window.sees("Version 1 is saved").await;
    window.sees("aux.txt: it is the name of a device").await;
    window.press("Done").await;
    window.loses("Version 1 is saved").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

/// Whether a draft is kept for some project.
fn kept_in(workspaces: &Path) -> bool {
    let projects = fs::read_dir(workspaces).into_iter().flatten().flatten();
    let mut drafts = projects.flat_map(|project| {
        let drafts = fs::read_dir(project.path().join("drafts"));
        drafts.into_iter().flatten().flatten()
    });
    drafts.any(|draft| {
        // Beside it lies what is not flushed to the disk yet, which a crash takes along.
        let is_kept = draft.path().extension().is_some_and(|it| it == "json");
        is_kept && fs::read_to_string(draft.path()).is_ok_and(|text| text.contains("not saved"))
    })
}
