//! Bad days: the desktop is killed, the connection is cut, the server reboots, two people deploy.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::{fs, path::Path, thread::sleep, time::Duration};
use support::{Desk, eventually, version};

/// How long the release command of these tests takes: time to get in between.
const IN_BETWEEN: &str = "6";

fn slow_service(desk: &Desk, server: &str) -> (String, std::path::PathBuf) {
    let app = desk.app("app", |text| text);
    let command = [
        "--release-command",
        "python3",
        "-c",
        "import time, sys; time.sleep(float(sys.argv[1]))",
        IN_BETWEEN,
    ];
    let web = desk.service("slow", &app, &[server], &command);
    desk.ok(&["deploy", &web, "--yes"]);
    let source = fs::read_to_string(app.join("app.py")).unwrap();
    fs::write(app.join("app.py"), version(source, "2")).unwrap();
    (web, app)
}

fn image(desk: &Desk) -> String {
    let status = desk.ok(&["status", "slow/production"]);
    status[0]["status"]["services"][0]["image"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn health(desk: &Desk) -> Value {
    let status = desk.ok(&["status", "slow/production"]);
    status[0]["status"]["services"][0]["health"].clone()
}

fn interrupted(desk: &Desk) -> String {
    let mut id = String::new();
    eventually(
        "the job is shown as interrupted",
        Duration::from_secs(90),
        || {
            let jobs = desk.ok(&["job", "list", "--status", "interrupted"]);
            if let Some(found) = jobs["items"][0]["id"].as_str() {
                id = found.to_owned();
            }
            !id.is_empty()
        },
    );
    id
}

fn wait_for_step(desk: &Desk, word: &str) {
    eventually(word, Duration::from_secs(60), || {
        let jobs = desk.ok(&["job", "list", "--status", "running"]);
        let Some(id) = jobs["items"][0]["id"].as_str() else {
            return false;
        };
        let job = desk.ok(&["job", "show", id]);
        let steps = job["steps"].as_array().unwrap().clone();
        steps.iter().any(|step| {
            step["status"] == "running"
                && step["title"]
                    .as_str()
                    .unwrap()
                    .to_lowercase()
                    .contains(word)
        })
    });
}

#[test]
fn a_killed_desktop_resumes_or_undoes() {
    let desk = Desk::new("killed");
    let server = desk.server("ship");
    let (web, _) = slow_service(&desk, &server);
    let first = image(&desk);

    let mut child = desk.begin(&["deploy", &web, "--yes"]);
    wait_for_step(&desk, "switch");
    child.kill().unwrap();
    child.wait().unwrap();
    let job = interrupted(&desk);
    desk.ok(&["job", "undo", &job]);
    assert_eq!(image(&desk), first, "undo brings back what ran before");
    assert_eq!(health(&desk), "healthy");

    let mut child = desk.begin(&["deploy", &web, "--yes"]);
    wait_for_step(&desk, "switch");
    child.kill().unwrap();
    child.wait().unwrap();
    let job = interrupted(&desk);
    desk.ok(&["job", "resume", &job]);
    assert_ne!(image(&desk), first, "resume brings the new release");
    assert_eq!(health(&desk), "healthy");
    desk.destroy(&server);
}

#[test]
fn a_cut_connection_loses_nothing() {
    let desk = Desk::new("cut");
    let server = desk.server("ship");
    let droplet = desk.droplet(&server);
    let (web, _) = slow_service(&desk, &server);
    let first = image(&desk);
    let fault = |fault: &str| {
        desk.ok(&["practice", "fault", "droplet", &droplet, fault]);
    };

    let mut child = desk.begin(&["deploy", &web, "--yes"]);
    wait_for_step(&desk, "switch");
    fault(r#"{"kind":"cut"}"#);
    sleep(Duration::from_secs(12));
    fault(r#"{"kind":"mend"}"#);
    let status = child.wait().unwrap();
    if !status.success() {
        // It gave up waiting: what happened on the server is found by going on.
        let jobs = desk.ok(&["job", "list"]);
        let id = jobs["items"][0]["id"].as_str().unwrap();
        desk.ok(&["job", "retry", id]);
    }
    assert_ne!(image(&desk), first, "the agent finished what it was asked");
    assert_eq!(health(&desk), "healthy");
    desk.destroy(&server);
}

#[test]
fn everything_runs_again_after_a_reboot() {
    let desk = Desk::new("reboot");
    let server = desk.server("ship");
    let (web, app) = slow_service(&desk, &server);
    desk.call_with(&["variable", "secret", &web, "TOKEN"], "kept over a reboot");
    desk.ok(&["deploy", &web, "--yes"]);
    let before = image(&desk);
    desk.ok(&["server", "reboot", &server]);
    eventually(
        "the service is healthy again",
        Duration::from_secs(90),
        || {
            let ran = desk.call(&["status", "slow/production", "--json"]);
            ran.status == 0 && ran.json()[0]["status"]["services"][0]["health"] == "healthy"
        },
    );
    assert_eq!(image(&desk), before);

    // A reboot in the middle of a deployment leaves the old release or the new one.
    let source = fs::read_to_string(app.join("app.py")).unwrap();
    fs::write(
        app.join("app.py"),
        source.replace("VERSION = \"2\"", "VERSION = \"3\""),
    )
    .unwrap();
    let mut child = desk.begin(&["deploy", &web, "--yes"]);
    wait_for_step(&desk, "switch");
    desk.call(&["server", "reboot", &server]);
    child.wait().unwrap();
    eventually(
        "the service is healthy after the second reboot",
        Duration::from_secs(120),
        || {
            let ran = desk.call(&["status", "slow/production", "--json"]);
            ran.status == 0 && ran.json()[0]["status"]["services"][0]["health"] == "healthy"
        },
    );
    desk.destroy(&server);
}

#[test]
fn two_deployments_of_one_service_take_turns() {
    let desk = Desk::new("turns");
    let server = desk.server("ship");
    let (web, app) = slow_service(&desk, &server);
    let mut one = desk.begin(&["deploy", &web, "--yes"]);
    wait_for_step(&desk, "switch");
    change(&app);
    let two = desk.call(&["deploy", &web, "--yes", "--json"]);
    assert!(one.wait().unwrap().success(), "the first was disturbed");
    // The second waited for its turn, or was told that it must.
    if two.status != 0 {
        assert_eq!(two.status, 5, "{}", two.stdout);
    }
    assert_eq!(health(&desk), "healthy");
    desk.destroy(&server);
}

#[test]
fn a_cancelled_deployment_is_taken_back() {
    let desk = Desk::new("cancel");
    let server = desk.server("ship");
    let (web, _) = slow_service(&desk, &server);
    let first = image(&desk);
    let mut child = desk.begin(&["deploy", &web, "--yes", "--json"]);
    wait_for_step(&desk, "switch");
    let jobs = desk.ok(&["job", "list", "--status", "running"]);
    desk.ok(&["job", "cancel", jobs["items"][0]["id"].as_str().unwrap()]);
    assert_eq!(child.wait().unwrap().code(), Some(8));
    assert_eq!(image(&desk), first);
    assert_eq!(health(&desk), "healthy");
    desk.destroy(&server);
}

fn change(app: &Path) {
    let source = fs::read_to_string(app.join("app.py")).unwrap();
    fs::write(
        app.join("app.py"),
        source.replace("VERSION = \"2\"", "VERSION = \"4\""),
    )
    .unwrap();
}
