//! The promise in one piece: provision, deploy, HTTPS, a broken release, a good one, rollback.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Desk, ZONE, version};

#[test]
fn a_newcomer_goes_live_breaks_it_and_rolls_back() {
    let desk = Desk::new("main");
    let server = desk.server("ship");
    let host = format!("{}.{ZONE}", desk.unique("hello"));
    let app = desk.app("app", |text| text);
    let web = desk.service("hello", &app, &[&server], &["--health-start", "8"]);
    let write = |edit: &dyn Fn(String) -> String| {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello/app.py");
        fs::write(
            app.join("app.py"),
            edit(fs::read_to_string(sample).unwrap()),
        )
        .unwrap();
    };

    // A plan says what it does and changes nothing.
    let plan = desk.ok(&["deploy", &web, "--plan"]);
    assert!(
        plan["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty()),
        "{plan}"
    );
    assert!(
        desk.ok(&["release", "list", &web])
            .as_array()
            .unwrap()
            .is_empty()
    );

    desk.ok(&["deploy", &web, "--yes"]);
    desk.ok(&[
        "domain",
        "add",
        &host,
        "--to",
        &web,
        "--account",
        "cloudflare",
        "--yes",
    ]);
    assert!(desk.page(&host).contains("This is version 1."));
    let check = desk.ok(&["domain", "check", &host]);
    assert_eq!(check["https"]["version"], "HTTP/2");
    assert!(
        matches!(check["http"]["status"].as_u64(), Some(301 | 308)),
        "{check}"
    );
    assert_eq!(check["http"]["location"], format!("https://{host}/"));

    // A broken release leaves the old one serving and says why.
    write(&|text| {
        version(text, "2").replace("answer(200, \"text/plain\"", "answer(503, \"text/plain\"")
    });
    let (status, error) = desk.fails(&["deploy", &web, "--yes"]);
    assert_eq!(
        (status, error["code"].as_str()),
        (6, Some("unhealthy")),
        "{error}"
    );
    assert!(
        error["details"]["evidence"].to_string().contains("503"),
        "{error}"
    );
    assert!(desk.page(&host).contains("This is version 1."));

    write(&|text| version(text, "3"));
    desk.ok(&["deploy", &web, "--yes"]);
    assert!(desk.page(&host).contains("This is version 3."));

    let before = desk.ok(&["release", "list", &web]);
    desk.ok(&["rollback", &web, "--yes"]);
    assert!(desk.page(&host).contains("This is version 1."));
    let releases = desk.ok(&["release", "list", &web]);
    // The same bytes: a rollback builds nothing.
    let images = |rows: &serde_json::Value| {
        let digest = |row: &serde_json::Value| row["image"].as_str().unwrap()[..].to_owned();
        rows.as_array()
            .unwrap()
            .iter()
            .map(digest)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(images(&releases), images(&before));

    let history = desk.ok(&["deployment", "list", &web]);
    let kinds: Vec<_> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["kind"].as_str().unwrap(),
                row["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("rollback", "succeeded"),
            ("deploy", "succeeded"),
            ("deploy", "failed"),
            ("deploy", "succeeded")
        ]
    );
    desk.ok(&["audit", "verify"]);

    desk.ok(&["domain", "remove", &host, "--yes"]);
    desk.destroy(&server);
    assert_eq!(desk.ok(&["server", "list"]).as_array().unwrap().len(), 0);
}
