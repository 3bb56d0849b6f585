//! The promise in one piece, as a newcomer meets it: from nothing to a site, through a killed
//! process, a broken release and a mistake, back to what was well.

use crate::support::{Desk, Keyring, LATER, Role, Window, process};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_goes_live_is_interrupted_breaks_it_and_rolls_back() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.sees("Welcome to Plimsoll").await;
    window.press("Connect both accounts").await;
    window.press("Plan the server").await;
    window.sees("a month more").await;
    window.approve_and_end("Succeeded").await;
    go_on(&window).await;
    window.press("Create the project").await;

    // The process dies in the middle of the first deployment: going on ends it well.
    window.press("Plan the deployment").await;
    let window = killed_in_the_middle(&desk, window).await;
    window.press("Resume").await;
    window.ends("Succeeded").await;

    go_on(&window).await;
    window.press("Plan the domain").await;
    window.approve_and_end("Succeeded").await;
    go_on(&window).await;
    window.press("Look at the site").await;
    window.sees_within("This is version 1.", LATER).await;

    // The process dies in the middle of a release that will not do: it is taken back.
    window.press("Break its health check").await;
    window.press("Plan its release").await;
    let window = killed_in_the_middle(&desk, window).await;
    window.press("Undo").await;
    window.ends("Cancelled").await;
    go_on(&window).await;
    look_again(&window, "This is version 1.").await;

    // Nobody stops it: it is refused, says why, and the old one keeps serving.
    window.press("Plan its release").await;
    window.approve_and_end("Failed").await;
    window.sees("500").await;
    go_on(&window).await;
    look_again(&window, "This is version 1.").await;

    // What no check sees goes live, and is taken back.
    window.press("Make the mistake").await;
    window.press("Plan its release").await;
    window.approve_and_end("Succeeded").await;
    go_on(&window).await;
    look_again(&window, "This is version 3.").await;
    window.press("Plan the rollback").await;
    window.approve_and_end("Succeeded").await;
    window.click(Role::Link, "Projects").await;
    window.keys("gt").await;
    look_again(&window, "This is version 1.").await;
    window.sees("12 of 12").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

/// Back to the tour, by its bar.
async fn go_on(window: &Window) {
    window.press("Go on").await;
    window.sees("Welcome to Plimsoll").await;
}

async fn look_again(window: &Window, page: &str) {
    window.press("Look again").await;
    window.sees_within(page, LATER).await;
}

/// Approves the plan that is shown, kills the process while its job runs, and opens the window
/// again at that job.
async fn killed_in_the_middle(desk: &Desk, window: Window) -> Window {
    window.sees("Nothing has happened yet.").await;
    window.press("Approve").await;
    window.sees_address("#/jobs/").await;
    window.sees("Running").await;
    // It shall have begun to change something.
    tokio::time::sleep(Duration::from_millis(700)).await;
    window.sees("Running").await;
    process::kill(window.pid);
    window.crash();

    let window = desk.open().await;
    window
        .sees_within("Plimsoll ended in the middle of this.", LATER)
        .await;
    // What happened on the server since is told before anybody decides.
    window.find(Role::Button, "Resume").await;
    window.find(Role::Button, "Undo").await;
    window.click(Role::Link, "Servers").await;
    window.sees("was interrupted in the middle.").await;
    window.press("Resume or undo").await;
    window
}
