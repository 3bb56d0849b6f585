//! Without a mouse: everything from a project to a rollback by keys alone.

use crate::support::{Desk, Key, Keyring, LATER, Role, Window};
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn keys_alone_lead_from_a_project_through_a_deployment_to_a_rollback() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    let tour = window.with_server().await;
    let server = server_name(&window, tour["server_id"].as_str().unwrap()).await;
    let app = desk.app();

    window.keys("gp").await;
    window.sees("No projects yet").await;
    window.keys("n").await;
    window.tab_to(Role::Textbox, "Name").await;
    window.keys("shop").await;
    window.keys(Key::Enter).await;
    window.sees_address("#/projects/").await;
    window.sees("No environments yet").await;

    window.keys("e").await;
    window.tab_to(Role::Checkbox, &server).await;
    window.keys(" ").await;
    window.tab_to(Role::Button, "Create environment").await;
    window.keys(Key::Enter).await;
    window.sees("No services yet").await;
    // Keys belong to a dialog until it has gone.
    let gone = "return document.querySelector('[data-dialog-content]') === null";
    window.until("the dialog has gone", gone, LATER).await;
    window.keys("n").await;
    fill_in_service(&window, app.to_str().unwrap()).await;
    window.sees_address("service=").await;

    // The first release, approved by the page's own key.
    window.find(Role::Button, "Deploy").await;
    window.keys("d").await;
    window.sees_within("Nothing has happened yet.", LATER).await;
    window.keys(Key::Enter).await;
    window.ends("Succeeded").await;

    // The second one, from the palette.
    let source = fs::read_to_string(app.join("app.py")).unwrap();
    let second = source.replace("VERSION = \"1\"", "VERSION = \"2\"");
    fs::write(app.join("app.py"), second).unwrap();
    window.choose("web", "Service").await;
    window.sees_address("service=").await;
    window.choose("Deploy web", "Service").await;
    window.sees_within("Nothing has happened yet.", LATER).await;
    window.keys(Key::Enter).await;
    window.ends("Succeeded").await;

    // Back to the first, from the history.
    window.keys("gd").await;
    window.sees("2 deployments").await;
    tab_into_list(&window).await;
    window.keys(Key::Down).await;
    window
        .until(
            "the second row has the focus",
            "return document.activeElement?.dataset.row === '1'",
            LATER,
        )
        .await;
    window.keys(Key::Enter).await;
    window.sees("release 1").await;
    window.find(Role::Button, "Roll back to it").await;
    window.keys("r").await;
    window.sees_within("Nothing has happened yet.", LATER).await;
    window.keys(Key::Enter).await;
    window.ends("Succeeded").await;
    window.keys("gd").await;
    window.sees("3 deployments").await;
    window.sees("Rollback #1").await;

    // Escape goes up, one level at a time.
    window.choose("web", "Service").await;
    window.sees_address("service=").await;
    window.keys("5").await;
    window.sees_address("tab=logs").await;
    window.keys(Key::Escape).await;
    window
        .until(
            "the drawer is closed",
            "return !location.hash.includes('service=')",
            LATER,
        )
        .await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

async fn server_name(window: &Window, id: &str) -> String {
    let rows = window.command("desk_load", serde_json::json!({})).await;
    let servers = rows["servers"].as_array().unwrap();
    let server = servers.iter().find(|row| row["id"] == id).unwrap();
    server["name"].as_str().unwrap().to_owned()
}

async fn fill_in_service(window: &Window, folder: &str) {
    window.tab_to(Role::Textbox, "Name").await;
    window.keys("web").await;
    window.tab_to(Role::Textbox, "Folder").await;
    window.keys(folder).await;
    window.tab_to(Role::Textbox, "Port").await;
    window.control('a').await;
    window.keys("8000").await;
    window.tab_to(Role::Button, "Health").await;
    window.keys(Key::Enter).await;
    window.tab_to(Role::Textbox, "Path").await;
    window.control('a').await;
    window.keys("/healthz").await;
    window.tab_to(Role::Button, "Create service").await;
    window.keys(Key::Enter).await;
}

/// Goes to the first row of the list with the tab key.
async fn tab_into_list(window: &Window) {
    for _ in 0..60 {
        let at = "return document.activeElement?.dataset.row ?? ''";
        if window.script(at, vec![]).await == "0" {
            return;
        }
        window.keys(Key::Tab).await;
    }
    window.fail("the tab key does not lead into the list").await
}
