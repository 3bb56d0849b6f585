//! Bad days in the middle of a deployment: the desktop is killed, the connection is cut, the server
//! reboots, somebody cancels, two people deploy.
//!
//! The old release or the new one answers at every moment, and nothing is left behind. Between two
//! writes of one step only the engine's own tests can kill: `jobs::tests::kill`.

#![allow(clippy::unwrap_used)]

mod support;

use plimsoll_engine::Patience;
use serde_json::{Value, json};
use std::{
    cell::Cell,
    collections::BTreeSet,
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};
use support::{Desk, ZONE, begins, eventually, heard, witness::Witness};

/// How long the release command of these tests takes, s: time to get in between.
const IN_BETWEEN: &str = "4";

/// Every step of a deployment, as its title begins.
const STEPS: [&str; 4] = [
    "Send what changed",
    "Build the image",
    "Run the release command",
    "Write the release down",
];

/// The sample application on a server of its own, with a name and somebody who looks at it.
struct Stage {
    desk: Desk,
    server: String,
    droplet: String,
    /// `project/environment/service`.
    web: String,
    app: PathBuf,
    witness: Witness,
    /// The version that serves.
    serving: Cell<u32>,
    /// The version that the source says.
    written: Cell<u32>,
}

impl Stage {
    fn new(name: &str) -> Self {
        let desk = Desk::new(name);
        let server = desk.server("ship");
        let app = desk.app("app", |text| text);
        let web = desk.service(
            "slow",
            &app,
            &[&server],
            &[
                "--drain",
                "1",
                "--release-command",
                "python3",
                "-c",
                "import time, sys; time.sleep(float(sys.argv[1]))",
                IN_BETWEEN,
                ";",
            ],
        );
        desk.call_with(
            &["variable", "secret", &web, "TOKEN"],
            "kept in every storm",
        );
        desk.ok(&["deploy", &web, "--yes"]);
        let host = format!("{}.{ZONE}", desk.unique(name));
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
        let witness = Witness::new(&desk, &server, &host);
        let stage = Self {
            droplet: desk.droplet(&server),
            desk,
            server,
            web,
            app,
            witness,
            serving: Cell::new(1),
            written: Cell::new(1),
        };
        stage.settled("the first release");
        stage
    }

    /// Writes the next version into the source; answers it.
    fn change(&self) -> u32 {
        let next = self.written.get() + 1;
        let file = self.app.join("app.py");
        let source = fs::read_to_string(&file).unwrap();
        let line = |version: u32| format!("VERSION = \"{version}\"");
        assert!(source.contains(&line(self.written.get())));
        fs::write(
            &file,
            source.replace(&line(self.written.get()), &line(next)),
        )
        .unwrap();
        self.written.set(next);
        next
    }

    fn deploy(&self) -> Vec<&str> {
        vec!["deploy", &self.web, "--yes"]
    }

    fn status(&self) -> Value {
        let status = self.desk.ok(&["status", "slow/production"]);
        status[0]["status"]["services"][0].clone()
    }

    /// The job that was cut off, as soon as it is known to be.
    fn interrupted(&self) -> String {
        let id = self.desk.newest_job()["id"].as_str().unwrap().to_owned();
        eventually("the job is interrupted", Duration::from_secs(30), || {
            self.desk.ok(&["job", "show", &id])["job"]["status"] == "interrupted"
        });
        id
    }

    /// The new version serves from now on.
    fn now_serves(&self, what: &str, version: u32) {
        let (old, new) = (self.serving.get().to_string(), version.to_string());
        self.serving.set(version);
        self.witness.account(what, &[&old, &new]);
        self.settled(what);
    }

    /// What served before serves on, and the new version was at most seen in between.
    fn still_serves(&self, what: &str, in_between: u32) {
        let (old, new) = (self.serving.get().to_string(), in_between.to_string());
        self.witness.account(what, &[&new, &old]);
        self.settled(what);
    }

    /// The service is well, and nothing is on the server that should not be there: one container
    /// that serves, at most the one before it, which is kept warm, and images of releases that can
    /// be gone back to.
    fn settled(&self, what: &str) {
        let mut last = String::new();
        let mut settled = || {
            let status = self.status();
            let kept: BTreeSet<String> = status["kept"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| format!("slow-production-web:deploy_{}", &id.as_str().unwrap()[..8]))
                .collect();
            let list = |command: &[&str]| -> BTreeSet<String> {
                let lines = self.desk.inside(&self.droplet, command);
                let ours = lines.lines().filter(|line| line.starts_with("slow-"));
                ours.map(str::to_owned).collect()
            };
            let images = list(&["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]);
            let containers = list(&["docker", "ps", "--all", "--format", "{{.Names}}"]);
            let shorts: BTreeSet<String> = containers
                .iter()
                .filter_map(|name| name.rsplit_once('-'))
                .map(|(_, short)| format!("slow-production-web:deploy_{short}"))
                .collect();
            let secrets = self
                .desk
                .inside(&self.droplet, &["ls", "/run/plimsoll/secrets"]);
            last = format!(
                "health {}, containers {containers:?}, images {images:?}, kept {kept:?}, secrets \
                 of {secrets:?}",
                status["health"]
            );
            status["health"] == "healthy"
                && images == kept
                && shorts.is_subset(&kept)
                && (1..=2).contains(&containers.len())
                && secrets.lines().count() <= containers.len()
        };
        let limit = Instant::now() + Duration::from_secs(40);
        while !settled() {
            if Instant::now() > limit {
                panic!("{what}: the server does not settle: {last}");
            }
            sleep(Duration::from_millis(500));
        }
    }

    fn end(self) {
        drop(self.witness);
        self.desk.destroy(&self.server);
    }
}

#[test]
fn a_desktop_killed_at_any_step_resumes_or_takes_back() {
    let stage = Stage::new("killed");
    for step in STEPS {
        for way in ["undo", "resume"] {
            let what = format!("killed at “{step}”, then {way}");
            let version = stage.change();
            let reached = stage.desk.kill_at(&stage.deploy(), begins(step));
            assert!(reached, "{what}: the step never began");
            let job = stage.interrupted();
            if step == STEPS[0] {
                // Nobody deploys over what has not been settled.
                let (status, error) = stage.desk.fails(&stage.deploy());
                assert_eq!(status, 5, "{error}");
                assert_eq!(error["code"], "target_interrupted");
            }
            stage.desk.ok(&["job", way, &job]);
            let ended = stage.desk.ok(&["job", "show", &job]);
            if way == "undo" {
                assert_eq!(ended["job"]["status"], "cancelled", "{what}: {ended}");
                stage.still_serves(&what, version);
            } else {
                assert_eq!(ended["job"]["status"], "succeeded", "{what}: {ended}");
                stage.now_serves(&what, version);
            }
        }
    }
    stage.end();
}

#[test]
fn cuts_cancellations_and_a_second_deployment_lose_nothing() {
    let stage = Stage::new("storms");
    let desk = &stage.desk;
    let release_command = STEPS[2];

    let what = "cut for 12 s";
    let version = stage.change();
    let mut child = desk.begin(&stage.deploy());
    assert!(heard(&mut child, begins(release_command)));
    desk.fault(&stage.droplet, json!({"kind": "cut"}));
    sleep(Duration::from_secs(12));
    desk.fault(&stage.droplet, json!({"kind": "mend"}));
    assert!(child.wait().unwrap().success(), "{what}");
    // Nobody was answered through a cut cable.
    stage.witness.forget();
    stage.now_serves(what, version);

    let what = "cancelled";
    let version = stage.change();
    let mut child = desk.begin(&stage.deploy());
    assert!(heard(&mut child, begins(release_command)));
    let job = desk.newest_job()["id"].as_str().unwrap().to_owned();
    desk.ok(&["job", "cancel", &job]);
    assert_eq!(child.wait().unwrap().code(), Some(8), "{what}");
    stage.still_serves(what, version);

    let what = "two deployments at once";
    let first = stage.change();
    let mut one = desk.begin(&stage.deploy());
    assert!(heard(&mut one, begins(release_command)));
    let second = stage.change();
    let mut two = desk.begin(&stage.deploy());
    assert!(heard(&mut two, |line| line.contains("waits for")), "{what}");
    assert!(
        one.wait().unwrap().success(),
        "{what}: the first was disturbed"
    );
    assert!(
        two.wait().unwrap().success(),
        "{what}: the second had no turn"
    );
    let (old, first, last) = (
        stage.serving.get().to_string(),
        first.to_string(),
        second.to_string(),
    );
    stage.serving.set(second);
    stage.witness.account(what, &[&old, &first, &last]);
    stage.settled(what);

    cut_for_longer_than_anybody_waits(&stage);
    stage.end();
}

/// The server goes on alone. The job says that it does not know; asked again, it finds out.
fn cut_for_longer_than_anybody_waits(stage: &Stage) {
    let what = "cut for longer than anybody waits";
    let version = stage.change();
    let desk = &stage.desk;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let failed = runtime.block_on(async {
        let engine = desk
            .engine(Patience {
                away_ms: 5_000,
                backoff_ms: 1_000,
                retries: 0,
                ..Patience::default()
            })
            .await;
        let plan = desk.ok(&["deploy", &stage.web, "--plan"]);
        let plan: plimsoll_engine::Plan = serde_json::from_value(plan).unwrap();
        let job = engine.approve(plan.id).await.unwrap().id;
        let watched = engine.clone();
        let running = tokio::spawn(async move { watched.run(job).await });
        loop {
            let steps = engine.steps(job).await.unwrap();
            let switching = steps.iter().find(|step| step.title.contains(STEPS[2]));
            if switching.is_some_and(|step| step.started_at.is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The agent has to have heard it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::task::block_in_place(|| desk.fault(&stage.droplet, json!({"kind": "cut"})));
        let job = running.await.unwrap().unwrap();
        engine.close().await.unwrap();
        job
    });
    desk.fault(&stage.droplet, json!({"kind": "mend"}));
    stage.witness.forget();
    let error = failed.error.expect("the job failed");
    assert!(error.code.starts_with("ssh_"), "{what}: {error:?}");
    assert!(!error.next_step.is_empty(), "{what}: {error:?}");
    // The release command needs longer than the cut needed to be noticed: it is finished alone.
    eventually("the server finished alone", Duration::from_secs(30), || {
        let status = desk.call(&["status", "slow/production", "--json"]);
        status.status == 0 && status.json()[0]["status"]["services"][0]["health"] == "healthy"
    });
    desk.ok(&["job", "retry", &failed.id.to_string()]);
    stage.now_serves(what, version);
}

#[test]
fn a_server_that_reboots_comes_back_with_the_old_release_or_the_new_one() {
    let stage = Stage::new("reboot");
    let desk = &stage.desk;
    desk.ok(&["server", "reboot", &stage.server]);
    let back = |what: &str| {
        eventually(what, Duration::from_secs(120), || {
            let ran = desk.call(&["status", "slow/production", "--json"]);
            ran.status == 0 && ran.json()[0]["status"]["services"][0]["health"] == "healthy"
        });
        // Nobody is answered by a server that boots.
        stage.witness.forget();
    };
    back("the service is healthy after a reboot");
    stage.witness.account("after a reboot", &["1"]);
    stage.settled("after a reboot");
    the_agent_comes_back_although_the_new_one_cannot_start(&stage);
    back("the service is healthy after a broken upgrade");
    stage.settled("after a broken upgrade");

    for step in [STEPS[1], STEPS[2]] {
        let what = format!("rebooted at “{step}”");
        let version = stage.change();
        let mut child = desk.begin(&stage.deploy());
        assert!(heard(&mut child, begins(step)));
        let job = desk.newest_job()["id"].as_str().unwrap().to_owned();
        desk.call(&["server", "reboot", &stage.server]);
        let succeeded = child.wait().unwrap().success();
        back(&what);
        let ended = desk.ok(&["job", "show", &job]);
        let status = ended["job"]["status"].as_str().unwrap();
        if succeeded {
            assert_eq!(status, "succeeded", "{what}");
            stage.now_serves(&what, version);
        } else {
            assert_eq!(status, "failed", "{what}: {ended}");
            stage.still_serves(&what, version);
        }
    }
    stage.end();
}

/// As a power cut leaves a server in the middle of an upgrade to something that is no program.
fn the_agent_comes_back_although_the_new_one_cannot_start(stage: &Stage) {
    use plimsoll_protocol::install::{BINARY, NEW, PREVIOUS, UPGRADING};
    let inside = |command: &[&str]| stage.desk.inside(&stage.droplet, command);
    inside(&["cp", "--", BINARY, PREVIOUS]);
    inside(&["cp", "--", "/etc/hostname", NEW]);
    inside(&["chmod", "755", NEW]);
    inside(&["mv", "--", NEW, BINARY]);
    inside(&["touch", UPGRADING]);
    stage.desk.ok(&["server", "reboot", &stage.server]);
    eventually("the former agent is back", Duration::from_secs(60), || {
        inside(&["sha256sum", BINARY]).split(' ').next()
            == inside(&["sha256sum", PREVIOUS]).split(' ').next()
    });
    assert!(!inside(&["ls", "/var/lib/plimsoll"]).contains("upgrading"));
}
