//! Search and replace across a project's files in the real window.

use crate::support::{Desk, Key, Keyring, Role, SOON, holds};
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replaced_is_what_was_shown_and_nothing_that_was_changed_meanwhile() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    fs::create_dir_all(shop.join("sub")).unwrap();
    let [one, two] = ["one.txt", "sub/two.css"].map(|name| shop.join(name));
    fs::write(&one, "first fish\nsecond fish\n").unwrap();
    fs::write(&two, "/* Fish fish */\n").unwrap();
    fs::write(shop.join(".gitignore"), "ignored.txt\n").unwrap();
    fs::write(shop.join("ignored.txt"), "fish\n").unwrap();
    let window = desk.open_at(&shop, "files").await;
    window.click(Role::TreeItem, "one.txt").await;
    window.find(Role::Textbox, "one.txt").await;

    window
        .choose("Search and replace in all files", "Files")
        .await;
    window
        .fill(Role::Textbox, "Search in all files", "fish")
        .await;
    window.sees("4 places in 2 files").await;
    window.press("Capitals count").await;
    window.sees("3 places in 2 files").await;
    window
        .fill(Role::Textbox, "Only in files like", "*.css")
        .await;
    window.sees("1 place in 1 file").await;
    window.click(Role::Row, "fish */").await;
    window.find(Role::Textbox, "sub/two.css").await;
    let marked = "return getSelection().toString() === 'fish'";
    window.until("the place is marked", marked, SOON).await;
    window.click(Role::Textbox, "Only in files like").await;
    window.control('a').await;
    window.keys(Key::Delete).await;
    window.sees("3 places in 2 files").await;

    // What it would be is shown before anything is.
    window.press("Replace, too").await;
    window.fill(Role::Textbox, "Replace by", "bird").await;
    window.sees("first fishbird").await;

    // What is typed and not saved is no part of what would be replaced.
    window.click(Role::Tab, "one.txt").await;
    window.click(Role::Textbox, "one.txt").await;
    window.control(Key::End).await;
    window.keys("typed").await;
    window
        .bars(Role::Button, "Replace all…", "Save or close one.txt first")
        .await;
    window.control('s').await;
    holds(&one, "first fish\nsecond fish\ntyped").await;
    window.press("Replace all…").await;
    window.sees("3 places will be changed on the disk").await;
    fs::write(&two, "/* theirs, with fish */\n").unwrap();
    window.press("Replace 3 places").await;
    window.sees("left alone").await;
    holds(&two, "/* theirs, with fish */\n").await;
    // What was saved after the search was not searched, either.
    holds(&one, "first fish\nsecond fish\ntyped").await;

    window.sees("3 places in 2 files").await;
    window.press("Replace all…").await;
    window.press("Replace 3 places").await;
    window.sees("Replaced 3 places in 2 files").await;
    holds(&one, "first bird\nsecond bird\ntyped").await;
    holds(&two, "/* theirs, with bird */\n").await;
    assert_eq!(
        fs::read_to_string(shop.join("ignored.txt")).unwrap(),
        "fish\n"
    );
    // Where it is open, it is shown.
    window.sees("second bird").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}
