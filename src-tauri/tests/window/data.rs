//! What a person has made is there at the next start, whatever happened in between.

use crate::support::{Desk, Key, Keyring, LATER, Role, SOON, Window};
use serde_json::json;
use std::fs;

const PASSPHRASE: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_kept_aside_and_the_newest_good_backup_stands_in() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    create_project(&window, "shop").await;
    window.close().await;
    // A start makes a backup when there is none.
    fs::remove_dir_all(desk.home().join("backups")).unwrap();
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    window.close().await;

    let database = desk.home().join("plimsoll.db");
    let damaged = vec![0x55; 64 * 1024];
    fs::write(&database, &damaged).unwrap();
    let window = desk.open().await;
    window.sees("Plimsoll's database was damaged").await;
    window.click(Role::Link, "Projects").await;
    window.sees("shop").await;
    window.press("Put this notice away").await;
    window.close().await;
    let kept = fs::read_dir(desk.home()).unwrap().flatten();
    let kept = kept.filter_map(|entry| fs::read(entry.path()).ok());
    let kept = kept.filter(|content| *content == damaged).count();
    assert_eq!(kept, 1, "the damaged file was not kept");

    // What was put away stays away.
    let window = desk.open().await;
    window.sees("shop").await;
    assert!(!window.text().await.contains("was damaged"));
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_exported_and_restored_on_the_settings_page() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    create_project(&window, "shop").await;
    let file = desk.home().with_file_name("everything.sealed");
    let path = file.to_str().unwrap();
    window.go("/settings/data").await;
    window.fill(Role::Textbox, "File to write", path).await;
    window.fill(Role::Textbox, "Passphrase", PASSPHRASE).await;
    window.fill(Role::Textbox, "Once more", "correct").await;
    window.sees("These two differ.").await;
    window.fill(Role::Textbox, "Once more", PASSPHRASE).await;
    window.press("Export everything").await;
    window.sees("Written: ").await;
    assert!(file.is_file());
    create_project(&window, "later").await;

    // The wrong passphrase changes nothing; the right one brings that day back.
    restore(&window, path, "wrong horse").await;
    window
        .until(
            "the refusal is told",
            "return (document.querySelector('[role=alert]')?.innerText ?? '') !== ''",
            SOON,
        )
        .await;
    window.click(Role::Link, "Projects").await;
    window.sees("later").await;
    window.go("/settings/data").await;
    restore(&window, path, PASSPHRASE).await;
    window
        .sees_within("Everything was brought back from an export", LATER)
        .await;
    window.click(Role::Link, "Projects").await;
    window.sees("shop").await;
    window.loses("later").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;

    let window = desk.open().await;
    window.sees("shop").await;
    assert!(!window.text().await.contains("later"));
    window.close().await;
}

async fn restore(window: &Window, path: &str, passphrase: &str) {
    window.fill(Role::Textbox, "File to read", path).await;
    window
        .fill(Role::Textbox, "Its passphrase", passphrase)
        .await;
    window
        .fill(Role::Textbox, "Type “restore” to go on", "restore")
        .await;
    window.press("Restore everything").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_created_with_the_keyboard_alone_and_is_there_after_a_crash() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    window.keys("gp").await;
    window.sees("No projects yet").await;
    window.keys("n").await;
    window.tab_to(Role::Textbox, "Name").await;
    window.keys("shop").await;
    window.keys(Key::Enter).await;
    window.sees_address("#/projects/").await;
    window.crash();

    // The last place is shown again, by its own address.
    let window = desk.open().await;
    window.sees("shop").await;
    window.sees_address("#/projects/").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

async fn create_project(window: &Window, name: &str) {
    let created = window.command("project_create", json!({ "values": { "name": name } }));
    let created = created.await;
    assert!(created["id"].is_string(), "{created}");
}
