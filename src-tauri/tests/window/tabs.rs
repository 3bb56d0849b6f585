//! Several open files in the real window, and files that are no text.

use crate::support::{Desk, Key, Keyring, Role, Window, dot, holds};
use std::{fs, os::unix::fs::symlink};

/// Types at the end of a file, which is opened first.
async fn type_in(window: &Window, path: &str, text: &str) {
    window.click(Role::Textbox, path).await;
    window.control(Key::End).await;
    window.keys(text).await;
}

/// Closes a file with the keyboard alone.
async fn close(window: &Window, tab: &str) {
    window.click(Role::Tab, tab).await;
    window.keys(Key::Delete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_says_what_is_not_saved_and_asks_before_that_is_lost() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    fs::create_dir_all(shop.join("sub")).unwrap();
    for name in ["one.txt", "two.txt", "sub/one.txt"] {
        fs::write(shop.join(name), "as saved\n").unwrap();
    }
    let window = desk.open().await;
    let id = window.at_project(&shop, "files").await;
    window.click(Role::TreeItem, "two.txt").await;
    type_in(&window, "two.txt", "typed into two").await;
    window.click(Role::TreeItem, "one.txt").await;
    type_in(&window, "one.txt", "typed into one").await;
    // A link leads to a file in a folder that nobody has opened.
    window
        .go(&format!("/projects/{id}/files?file=sub/one.txt"))
        .await;
    window.find(Role::Textbox, "sub/one.txt").await;
    window.find(Role::Tab, "one.txt sub").await;
    window.find(Role::Tab, "one.txt ./ , not saved").await;

    // Nothing is asked where nothing is lost, and the next file is shown.
    close(&window, "one.txt sub").await;
    window.loses("one.txt\nsub").await;
    close(&window, "two.txt , not saved").await;
    window.sees("two.txt is not saved").await;
    window.press("Go on working").await;
    window.loses("two.txt is not saved").await;
    window.sees("typed into two").await;
    close(&window, "two.txt , not saved").await;
    window.press("Close without saving").await;
    window.loses("typed into two").await;
    assert!(!window.has(Role::Tab, "two.txt").await);
    // It was given up: nothing brings it back.
    window.click(Role::TreeItem, "two.txt").await;
    window.sees("as saved").await;
    assert!(!window.text().await.contains("typed into two"));

    type_in(&window, "two.txt", "typed again").await;
    // Whoever deletes it is asked as well.
    window.click(Role::TreeItem, "two.txt").await;
    window.keys(Key::Delete).await;
    window.sees("two.txt is not saved").await;
    window.press("Go on working").await;
    window.loses("two.txt is not saved").await;
    window.choose("Save all files", "Files").await;
    holds(&shop.join("one.txt"), "as saved\ntyped into one").await;
    holds(&shop.join("two.txt"), "as saved\ntyped again").await;
    window.loses("Not saved").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_is_shown_as_what_it_is_and_changed_by_nobody() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    fs::create_dir_all(&shop).unwrap();
    fs::write(shop.join("bytes.bin"), [0, 1, 2, 255]).unwrap();
    fs::write(shop.join("latin.txt"), b"caf\xe9\n").unwrap();
    fs::write(shop.join("long.txt"), "many words\n".repeat(1_600_000)).unwrap();
    fs::write(shop.join("dot.gif"), dot([255, 0, 0])).unwrap();
    fs::write(shop.join("text.txt"), "a text\r\n").unwrap();
    symlink("/etc/passwd", shop.join("link.txt")).unwrap();
    let window = desk.open_at(&shop, "files").await;
    for (name, said) in [
        ("bytes.bin", "A binary file of 4 B"),
        ("latin.txt", "a text that is not in UTF-8"),
        ("long.txt", "A text of 17.6 MB"),
        ("link.txt", "It points to /etc/passwd"),
        ("text.txt", "CRLF"),
    ] {
        window.click(Role::TreeItem, name).await;
        window.sees(said).await;
        let is_text = window.has(Role::Button, "Save").await;
        assert_eq!(is_text, name == "text.txt", "{name} can be saved");
    }
    // What becomes a text is shown as one.
    window.click(Role::Tab, "latin.txt").await;
    fs::write(shop.join("latin.txt"), "café\n").unwrap();
    window.sees("café").await;
    window.click(Role::TreeItem, "dot.gif").await;
    window.sees_picture("dot.gif").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
    assert_eq!(fs::read(shop.join("text.txt")).unwrap(), b"a text\r\n");
}
