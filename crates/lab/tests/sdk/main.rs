//! The official Python clients of both clouds run a life cycle against the practice cloud over TLS,
//! told nothing but another endpoint and certificate authority.
//!
//! `PLIMSOLL_SDK_PYTHON` names a Python that has `requirements.txt` installed; without it the test
//! says that it was skipped. With `PLIMSOLL_PRACTICE`, the state folder of a running practice
//! cloud, the same life cycle runs against that one's real machines too.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

#[allow(
    dead_code,
    reason = "shared with the tests of the API, which use all of it"
)]
#[path = "../api/memory_ground.rs"]
mod memory_ground;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use memory_ground::MemoryGround;
use plimsoll_lab::api::{ApiState, Options, router, serve};
use plimsoll_lab::tls::Authority;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

fn python() -> Option<OsString> {
    let python = std::env::var_os("PLIMSOLL_SDK_PYTHON");
    if python.is_none() {
        eprintln!("SKIPPED: name a Python with the official clients in PLIMSOLL_SDK_PYTHON");
    }
    python
}

/// Runs the life cycle against the lab described in `folder`; what it printed.
async fn live(python: OsString, folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/life_cycle.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder)
        // A proxy or another authority of the environment must not come between.
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy")
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("SSL_CERT_FILE")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{wrong}");
    said
}

#[tokio::test]
async fn the_official_clients_live_a_life_on_the_api() {
    let Some(python) = python() else { return };
    let folder = TempDir::new().unwrap();
    let ground = Arc::new(MemoryGround::default());
    let api = folder.path().join("api");
    let state = ApiState::open(&api, ground.clone(), Options::default())
        .await
        .unwrap();
    let ca = folder.path().join("ca");
    std::fs::create_dir(&ca).unwrap();
    let authority = Authority::load_or_create(&ca, "Plimsoll Practice Test").unwrap();
    let tls = authority.server_config(&["127.0.0.1".to_owned()]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let running: Value = json!({
        "digitalocean_url": url, "cloudflare_url": url, "ca": authority.path(), "api": api,
    });
    std::fs::write(folder.path().join("running.json"), running.to_string()).unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(
        listener,
        Some(Arc::new(tls)),
        router(state),
        stop.clone(),
    ));

    let said = live(python, folder.path()).await;
    eprintln!("{said}");
    assert!(said.ends_with("the life cycle is complete\n"), "{said}");
    let left = ground.land(|land| {
        (
            land.droplets.len(),
            land.snapshots.len(),
            land.reserved.len(),
            land.zones[0].records.len(),
        )
    });
    assert_eq!(
        left,
        (0, 0, 0, 0),
        "droplets, snapshots, reserved addresses, records"
    );

    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn the_official_clients_live_a_life_on_a_running_practice_cloud() {
    let Some(folder) = std::env::var_os("PLIMSOLL_PRACTICE") else {
        eprintln!("SKIPPED: name a running practice cloud's state folder in PLIMSOLL_PRACTICE");
        return;
    };
    let Some(python) = python() else { return };
    let said = live(python, Path::new(&folder)).await;
    assert!(said.ends_with("the life cycle is complete\n"), "{said}");
}
