//! Bad days before there is a server, and a disk that is full: cause, evidence, next step, and
//! nothing left behind.
//!
//! The practice cloud is one for all tests and its droplets share a disk, so these take turns.

#![allow(clippy::unwrap_used)]

mod support;

use plimsoll_domain::{
    job::{Failure, Job, JobStatus},
    name::Name,
};
use plimsoll_engine::{ImageChoice, Patience, ProvisionRequest};
use serde_json::{Value, json};
use std::{fs, sync::Mutex, time::Duration};
use support::{Desk, begins, eventually, version};
use tokio::runtime::Runtime;

/// What happens to one droplet's disk, or to the next droplet, happens to everybody's.
static TURN: Mutex<()> = Mutex::new(());

/// Less than people have, more than a machine of the practice cloud needs.
const HURRIED: Patience = Patience {
    address_ms: 10_000,
    ssh_ms: 8_000,
    settling_ms: 8_000,
    cloud_init_ms: 60_000,
    away_ms: 5_000,
    backoff_ms: 1_000,
    retries: 0,
};

/// Machines and firewalls at the practice cloud.
fn rented(desk: &Desk) -> (Value, Value) {
    let status = desk.control("GET", "/status", None);
    (status["droplets"].clone(), status["firewalls"].clone())
}

/// Provisions in this process; `meanwhile` is called when a step with this in its title begins.
fn provision(
    desk: &Desk,
    name: &str,
    image: ImageChoice,
    meanwhile: Option<(&str, &dyn Fn())>,
) -> Job {
    Runtime::new().unwrap().block_on(async {
        let engine = desk.engine(HURRIED).await;
        let account = engine
            .account_named(&Name::parse("digitalocean").unwrap())
            .await
            .unwrap();
        let request = ProvisionRequest {
            name: Name::parse(name).unwrap(),
            account_id: account.id,
            region: "ams3".to_owned(),
            size: "s-1vcpu-1gb".to_owned(),
            image,
            tags: Vec::new(),
            open_ports: Vec::new(),
        };
        let plan = engine.plan_provision(request).await.unwrap();
        let job = engine.approve(plan.id).await.unwrap().id;
        let running = {
            let engine = engine.clone();
            tokio::spawn(async move { engine.run(job).await })
        };
        if let Some((title, act)) = meanwhile {
            loop {
                let steps = engine.steps(job).await.unwrap();
                let meant = steps.iter().find(|step| step.title.contains(title));
                if meant.expect("such a step").started_at.is_some() {
                    break;
                }
                assert!(!running.is_finished(), "it ended before “{title}”");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::task::block_in_place(act);
        }
        let job = running.await.unwrap().unwrap();
        engine.close().await.unwrap();
        job
    })
}

/// It failed in this way, with what people need, and left nothing behind.
fn failed(desk: &Desk, before: &(Value, Value), name: &str, job: Job, code: &str) -> Failure {
    assert_eq!(job.status, JobStatus::Failed, "{:?}", job.error);
    let error = job.error.expect("why it failed");
    assert_eq!(error.code, code, "{error:?}");
    assert!(!error.evidence.is_empty(), "no evidence: {error:?}");
    assert!(!error.next_step.is_empty(), "no next step: {error:?}");
    assert_eq!(rented(desk), *before, "something is left at the provider");
    let steps = desk.ok(&["job", "show", &job.id.to_string()])["steps"].clone();
    assert!(
        steps
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["status"] != "undo_failed"),
        "{steps}"
    );
    let (status, _) = desk.fails(&["server", "show", name]);
    assert_eq!(status, 3, "the server is still written down");
    error
}

#[test]
fn machines_that_never_come_leave_nothing_behind_but_the_reason() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let desk = Desk::new("absent");
    let before = rented(&desk);
    let setback = |setback: &str| {
        let rule = json!({"type": "create", "times": 1, "setback": setback});
        desk.control("POST", "/setbacks", Some(rule));
    };

    let name = desk.unique("hangs");
    setback("hang");
    let waits = "Wait until it runs and has an address";
    // A provider destroys nothing that it is still about to create.
    let let_go = || {
        eventually("the wait is given up", Duration::from_secs(30), || {
            let id = desk.newest_job()["id"].as_str().unwrap().to_owned();
            let steps = desk.ok(&["job", "show", &id])["steps"].clone();
            steps
                .as_array()
                .unwrap()
                .iter()
                .any(|step| step["status"] == "failed")
        });
        desk.control("DELETE", "/setbacks", None);
    };
    let job = provision(&desk, &name, ImageChoice::Base, Some((waits, &let_go)));
    failed(&desk, &before, &name, job, "droplet_never_active");

    // The provider's own creation fails: the machine stays as it was never made.
    let name = desk.unique("fails");
    setback("fail");
    let job = provision(&desk, &name, ImageChoice::Base, None);
    failed(&desk, &before, &name, job, "droplet_never_active");

    // It runs, and nobody can reach it. Its address is told late enough to cut it before.
    let name = desk.unique("mute");
    let delays = desk.control("GET", "/delays", None);
    let mut slow = delays.clone();
    slow["action_ms"] = json!(4_000);
    desk.control("PUT", "/delays", Some(slow));
    let cut = || {
        eventually("it is cut", Duration::from_secs(10), || {
            let servers = desk.ok(&["server", "list"]);
            let mut servers = servers.as_array().unwrap().iter();
            let id = servers
                .find(|row| row["name"] == name.as_str())
                .and_then(|row| row["provider_ref"].as_str());
            let fault = r#"{"kind":"cut"}"#;
            id.is_some_and(|id| {
                desk.call(&["practice", "fault", "droplet", id, fault])
                    .status
                    == 0
            })
        });
    };
    let job = provision(&desk, &name, ImageChoice::Base, Some((waits, &cut)));
    desk.control("PUT", "/delays", Some(delays));
    let error = failed(&desk, &before, &name, job, "ssh_never_answered");
    assert!(
        error.evidence.iter().any(|line| line.contains("ssh_")),
        "the stage is not named: {error:?}"
    );

    // The desktop dies while it waits; whoever wants to be rid of the machine can be.
    let name = desk.unique("orphan");
    setback("hang");
    let provision = [
        "server",
        "provision",
        &name,
        "--account",
        "digitalocean",
        "--region",
        "ams3",
        "--size",
        "s-1vcpu-1gb",
        "--yes",
    ];
    assert!(desk.kill_at(&provision, begins("Wait until it runs")));
    desk.control("DELETE", "/setbacks", None);
    desk.destroy(&name);
    assert_eq!(rented(&desk), before);
    let job = desk.ok(&["job", "list", "--status", "interrupted"]);
    let job = job["items"][0]["id"].as_str().unwrap().to_owned();
    desk.ok(&["job", "undo", &job]);
    assert_eq!(rented(&desk), before);
}

#[test]
fn a_full_disk_and_a_broken_image_say_what_they_are() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let desk = Desk::new("full");
    let server = desk.server("ship");
    let droplet = desk.droplet(&server);
    full_disk(&desk, &server, &droplet);
    broken_image(&desk, &server, &droplet);
    desk.destroy(&server);
}

/// The old release serves from a full disk; the new one is refused with the reason, and comes when
/// there is space again.
fn full_disk(desk: &Desk, server: &str, droplet: &str) {
    let app = desk.app("app", |text| text);
    let web = desk.service("crowded", &app, &[server], &[]);
    desk.ok(&["deploy", &web, "--yes"]);
    let service = || desk.ok(&["status", "crowded/production"])[0]["status"]["services"][0].clone();
    let before = service();
    assert_eq!(before["health"], "healthy");

    let source = fs::read_to_string(app.join("app.py")).unwrap();
    // Incompressible, so that it needs the room that is not there.
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(4 << 20)
    .collect();
    fs::write(app.join("noise.bin"), noise).unwrap();
    fs::write(app.join("app.py"), version(source, "2")).unwrap();
    desk.fault(droplet, json!({"kind": "disk_full", "leave_bytes": 0}));
    let (status, error) = desk.fails(&["deploy", &web, "--yes"]);
    assert_eq!(status, 6, "{error}");
    assert_eq!(error["code"], "disk_full", "{error}");
    let details = error["details"].to_string();
    assert!(details.contains("free"), "no evidence: {error}");
    let still = service();
    assert_eq!(still["deployment_id"], before["deployment_id"]);
    assert_eq!(still["health"], "healthy");

    desk.fault(droplet, json!({"kind": "mend"}));
    desk.ok(&["deploy", &web, "--yes"]);
    let after = service();
    assert_ne!(after["deployment_id"], before["deployment_id"]);
    assert_eq!(after["health"], "healthy");
}

/// A snapshot on which cloud-init cannot succeed.
fn broken_image(desk: &Desk, server: &str, droplet: &str) {
    let config = "runcmd:\n- [\"/bin/false\"]\n";
    desk.inside(
        droplet,
        &[
            "sh",
            "-c",
            "printf '%s' \"$1\" > /etc/cloud/cloud.cfg.d/99_broken.cfg",
            "sh",
            config,
        ],
    );
    let label = desk.unique("broken");
    desk.ok(&["server", "snapshot", server, "--label", &label, "--yes"]);
    let job = desk.newest_job()["id"].as_str().unwrap().to_owned();
    let steps = desk.ok(&["job", "show", &job])["steps"].clone();
    let snapshot = steps[0]["output"]["snapshot"]["id"].as_str().unwrap();
    let before = rented(desk);
    let name = desk.unique("ill");
    let job = provision(
        desk,
        &name,
        ImageChoice::Snapshot(snapshot.to_owned()),
        None,
    );
    let error = failed(desk, &before, &name, job, "cloud_init_failed");
    assert!(
        error.evidence.iter().any(|line| line.contains("error")),
        "what cloud-init said is not shown: {error:?}"
    );
}
