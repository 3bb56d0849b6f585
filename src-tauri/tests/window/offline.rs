//! Without a network everything that is on this machine can be read and made.

use crate::support::{Desk, Key, Keyring, LATER, Outside, Role, Standing, Window, without_network};
use serde_json::{Value, json};
use std::net::SocketAddr;

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

#[tokio::test(flavor = "multi_thread")]
async fn without_any_network_all_can_be_read_and_it_goes_on_when_the_network_is_back() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    let standing = window.with_live_service().await;
    window.close().await;
    without_network(move |outside| cut_off(desk, standing, outside)).await;
}

/// Starts where only the loopback interface is there, looks at everything, and gets the network back.
async fn cut_off(desk: Desk, standing: Standing, outside: Outside) {
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    let rows = window.command("desk_load", json!({})).await;
    let at = |provider: &str| {
        let all = rows["accounts"].as_array().unwrap().iter();
        all.clone().find(|row| row["provider"] == provider).unwrap()
    };
    let (account, zones) = (at("digitalocean"), at("cloudflare"));
    let (project, service) = (&standing.project_id, &standing.service_id);

    // What was known is there: the project, its history, a job's log, the server.
    window
        .go(&format!("/projects/{project}?service={service}"))
        .await;
    window.sees("No answer").await;
    window.sees("Succeeded").await;
    window.keys("2").await;
    window.sees("Deployment, release 1").await;
    window.keys("3").await;
    window.sees("No variables yet").await;
    window.click(Role::Link, "Deployments").await;
    window.sees("1 deployment").await;
    let all = json!({"filter": {
        "project_id": null, "environment_id": null, "service_id": null, "status": null,
        "kind": null, "since": null, "until": null, "text": null
    }});
    let ids = window.command("deployment_ids", all).await;
    let deployment = ids[0].as_str().unwrap();
    window.go(&format!("/deployments/{deployment}")).await;
    window.sees("Kept releases").await;
    window.press("Steps and logs").await;
    window.sees("Succeeded").await;
    window.go(&format!("/servers/{}", standing.server_id)).await;
    window.sees("Unreachable").await;

    // What needs the network says why it cannot be.
    let refusal = window
        .refused("account_test", json!({"accountId": account["id"]}))
        .await;
    window.go("/settings/accounts").await;
    let more = format!("More for {}", account["name"].as_str().unwrap());
    window.press(&more).await;
    window.click(Role::MenuItem, "Test it").await;
    window.explains(&refusal).await;
    assert_ne!(refusal["evidence"], json!([]), "{refusal}");
    let refusal = window
        .refused("domain_zones", json!({"accountId": zones["id"]}))
        .await;
    window.go("/domains").await;
    window.explains(&refusal).await;

    // What needs none is done: also a deployment can be planned.
    window
        .go(&format!("/projects/{project}?service={service}"))
        .await;
    window.press("Deploy").await;
    window.sees("Nothing has happened yet.").await;
    window.press("Cancel").await;
    window.sees_address("service=").await;
    window.command("variable_set", variable(&standing)).await;
    window.keys("3").await;
    window.sees("made on a train").await;

    back(&desk, &window, &standing, &outside, &more).await;
    window.close().await;
}

/// The network is back: the same window goes on.
async fn back(desk: &Desk, window: &Window, standing: &Standing, outside: &Outside, more: &str) {
    let facts = desk.practice_facts();
    let mut wires = Vec::new();
    let urls = [
        facts.digitalocean_url,
        facts.cloudflare_url,
        facts.control_url,
    ];
    let mut to: Vec<SocketAddr> = urls.iter().map(|url| address_of(url)).collect();
    to.push(SocketAddr::new(standing.address.parse().unwrap(), 22));
    to.sort();
    to.dedup();
    for to in to {
        wires.push(outside.wire(to).await);
    }
    window.keys("1").await;
    window.sees_within("Healthy", LATER).await;
    window.press("Deploy").await;
    window.sees_within("Nothing has happened yet.", LATER).await;
    window.sees("GREETING").await;
    window.approve_and_end("Succeeded").await;
    window.go("/settings/accounts").await;
    window.press(more).await;
    window.click(Role::MenuItem, "Test it").await;
    window.sees_within("Belongs to", LATER).await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    drop(wires);
}

fn variable(standing: &Standing) -> Value {
    json!({
        "environmentId": standing.environment_id, "serviceId": standing.service_id,
        "name": "GREETING", "value": "made on a train", "secret": false
    })
}

/// `https://127.0.0.1:7443/…` as an address.
fn address_of(url: &str) -> SocketAddr {
    let rest = url.split_once("://").unwrap().1;
    rest.split('/').next().unwrap().parse().unwrap()
}
