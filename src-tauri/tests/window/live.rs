//! What moves by itself: nobody presses anything to see how things are now.

use crate::support::{Desk, Keyring, LATER, Role, Window};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn health_figures_logs_and_variables_move_by_themselves_and_a_terminal_is_one() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    let standing = window.with_service().await;
    // What was stopped stays so, to be looked at.
    let form = json!({"kind": "service_settings", "about": standing.service_id});
    let form = window.command("form_open", form).await;
    let mut values = form["values"].clone();
    values["restart"] = json!("never");
    let change = json!({"serviceId": standing.service_id, "values": values});
    window.command("service_update", change).await;
    window
        .carry_out("tour_plan", json!({"step": "deploy"}))
        .await;

    figures_move(&window, &standing.server_id).await;
    log_moves(&window, &standing.project_id, &standing.service_id).await;
    variables_move(&window, &standing).await;
    terminal_works(&window, &standing.server_id).await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

/// The drawn line of the processor's share becomes another one.
async fn figures_move(window: &Window, server: &str) {
    window.go(&format!("/servers/{server}")).await;
    window.sees("Ready").await;
    let drawn = "return document.querySelector('.gauge svg')?.outerHTML ?? ''";
    for _ in 0..2 {
        let before = window.script(drawn, vec![]).await;
        let moved = format!(
            "const now = document.querySelector('.gauge svg')?.outerHTML ?? '';
             return now !== '' && now !== {before}"
        );
        window.until("the figures have moved", &moved, LATER).await;
    }
}

/// The health checks write a line each.
async fn log_moves(window: &Window, project: &str, service: &str) {
    window
        .go(&format!("/projects/{project}?service={service}&tab=logs"))
        .await;
    window.sees_within("GET /healthz", LATER).await;
    let total = "return Number.parseInt(document.querySelector('.bar .total')?.innerText ?? '0')";
    let before = window.script(total, vec![]).await.as_i64().unwrap();
    let grown = format!("{} > {before}", total.replace(';', ""));
    window.until("the log has grown", &grown, LATER).await;
}

/// A variable that somebody else set stands in the list, and the plan of what it changes names it.
async fn variables_move(window: &Window, standing: &crate::support::Standing) {
    let (project, service) = (&standing.project_id, &standing.service_id);
    window
        .go(&format!(
            "/projects/{project}?service={service}&tab=variables"
        ))
        .await;
    window.sees("No variables yet").await;
    let variable = json!({
        "environmentId": standing.environment_id, "serviceId": service,
        "name": "GREETING", "value": "hello from elsewhere", "secret": false
    });
    window.command("variable_set", variable).await;
    window.sees("hello from elsewhere").await;
    window.keys("1").await;
    window.press("Apply settings").await;
    window.sees("Nothing has happened yet.").await;
    window.sees("GREETING").await;
    window.press("Cancel").await;
    window.sees_address("service=").await;
}

/// A shell that answers, that Ctrl-C interrupts, and in which a container is killed: which the
/// service's page shows by itself.
async fn terminal_works(window: &Window, server: &str) {
    window.go(&format!("/servers/{server}?tab=terminal")).await;
    window.in_terminal("Server").await;
    window.type_line("echo $((6 * 7)) is the answer").await;
    window.terminal_shows("42 is the answer").await;
    window.type_line("sleep 600; echo slept $?").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    window.control('c').await;
    window.type_line("echo awake $((1 + 1))").await;
    window.terminal_shows("awake 2").await;
    assert!(!window.terminal().await.contains("slept 0"));

    // The containers are beside it; what is killed there shows here.
    window
        .type_line("docker kill $(docker ps -q); echo killed $((1 + 2))")
        .await;
    window.terminal_shows("killed 3").await;
    window
        .go(&format!("/servers/{server}?tab=containers"))
        .await;
    window.sees_within("Stopped", LATER).await;
    window.go(&format!("/servers/{server}?tab=terminal")).await;
    window
        .type_line("docker start $(docker ps -aq); echo started $((2 + 2))")
        .await;
    window.terminal_shows("started 4").await;
    window
        .go(&format!("/servers/{server}?tab=containers"))
        .await;
    window.sees_within("Healthy", LATER).await;
}
