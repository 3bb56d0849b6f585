//! Without a network everything that is on this machine can be read and made.

use crate::support::{Desk, Key, Keyring, LATER, Role};

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_the_clouds_shows_everything_and_says_what_cannot_be_reached() {
    let Some(desk) = Desk::with_own_practice(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.press("Start the practice cloud").await;
    let connect = "Connect both accounts";
    window.find_within(Role::Button, connect, LATER).await;
    window.press(connect).await;
    window.find(Role::Button, "Plan the server").await;
    window.press("Stop").await;
    let start = "Start the practice cloud";
    window.find_within(Role::Button, start, LATER).await;
    window.close().await;

    let window = desk.open().await;
    window.click(Role::Link, "Settings").await;
    window.press("More for practice-digitalocean").await;
    window.click(Role::MenuItem, "Test it").await;
    window.find_within(Role::Button, "Try again", LATER).await;
    window.click(Role::Link, "Projects").await;
    window.press("New project").await;
    window.fill(Role::Textbox, "Name", "shop").await;
    window.keys(Key::Enter).await;
    window.sees_address("#/projects/").await;
    window.sees("shop").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}
