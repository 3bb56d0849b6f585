//! A lab comes and goes: it survives crashes, fills its own disk only, and leaves nothing behind.

use std::collections::BTreeSet;

use plimsoll_lab::engine::EngineKind;
use plimsoll_lab::instance::Instance;
use plimsoll_lab::practice::{self, Running, Wipe};
use plimsoll_lab::settings::{EngineChoice, Reach, Settings};
use serde_json::json;
use tokio::process::Command;

use crate::cloud::{Cloud, Wanted, running};

/// A second lab beside the first, on the same kind of engine and from the same images; wiped when
/// it is dropped, also by a test that fails.
struct Second {
    settings: Settings,
    folder: tempfile::TempDir,
}

impl Second {
    fn beside(running: &Running) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = Settings {
            state: folder.path().join("second"),
            cache: running.cache.clone(),
            engine: match running.engine {
                EngineKind::Own => EngineChoice::Own,
                EngineKind::Given => EngineChoice::Given(Some(running.engine_endpoint.clone())),
            },
            reach: Reach::Auto,
            port: None,
            itself: running.itself.clone(),
        };
        Self { settings, folder }
    }

    async fn start(&self) -> Running {
        practice::start(&self.settings, |_| ())
            .await
            .expect("a start")
    }

    async fn stop(&self, wipe: Wipe) {
        practice::stop(&self.settings, wipe).await.expect("a stop");
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let settings = self.settings.clone();
        let wiping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            if let Err(error) = runtime.block_on(practice::stop(&settings, Wipe::State)) {
                eprintln!("the second lab was not wiped: {error}");
            }
        });
        let _ = wiping.join();
    }
}

async fn lines(program: &str, arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .await
        .expect(program);
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// What a lab could leave on a host: routes, links, firewall rules, mounts, files at run time.
async fn traces() -> BTreeSet<String> {
    let mut traces = lines("ip", &["-oneline", "route"]).await;
    traces.extend(lines("ip", &["-oneline", "-brief", "link"]).await);
    for table in ["filter", "nat"] {
        traces.extend(lines("iptables", &["-t", table, "-S"]).await);
    }
    traces.extend(lines("cat", &["/proc/self/mounts"]).await);
    traces.extend(lines("ls", &["/run/plimsoll-practice"]).await);
    traces
}

#[tokio::test]
async fn a_wiped_lab_leaves_nothing_behind() {
    let Some(running) = running().await else {
        return;
    };
    let second = Second::beside(&running);
    let state = &second.settings.state;
    let id = Instance::of_folder(state).id().to_owned();

    let cloud = Cloud::open(second.start().await).await;
    assert!(
        traces().await.iter().any(|line| line.contains(&id)),
        "a running lab is seen"
    );
    cloud
        .boot(&Wanted {
            name: "left",
            image: json!("debian-12-x64"),
            config: "",
        })
        .await;
    second.stop(Wipe::State).await;

    let left: Vec<String> = traces()
        .await
        .into_iter()
        .filter(|line| line.contains(&id))
        .collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
    assert!(!state.exists());
    second.stop(Wipe::State).await;
    let first = practice::status(&running.state).await.expect("readable");
    assert_eq!(first, Some(running), "the other lab goes on");
}

#[tokio::test]
async fn two_labs_that_start_at_once_do_not_meet() {
    let Some(running) = running().await else {
        return;
    };
    let (one, two) = (Second::beside(&running), Second::beside(&running));
    let (first, second) = tokio::join!(one.start(), two.start());
    assert_ne!(first.edge, second.edge);
    assert_ne!(first.digitalocean_url, second.digitalocean_url);
}

#[tokio::test]
async fn a_host_without_routes_reaches_droplets_through_the_proxy() {
    let Some(running) = running().await else {
        return;
    };
    if running.engine == EngineKind::Own {
        eprintln!("SKIPPED: an engine of the lab's own is always routed to");
        return;
    }
    let mut second = Second::beside(&running);
    second.settings.reach = Reach::Proxy;
    let facts = second.start().await;
    let proxy = facts.proxy.clone().expect("a proxy");
    let cloud = Cloud::open(facts).await;
    let machine = cloud
        .boot(&Wanted {
            name: "far",
            image: json!("debian-12-x64"),
            config: "",
        })
        .await;
    let proxied = reqwest::Client::builder()
        .proxy(reqwest::Proxy::all(&proxy).expect("a proxy's address"))
        .build()
        .expect("a client");
    let page = proxied
        .get(format!("http://{}/", machine.address))
        .send()
        .await;
    assert_eq!(page.expect("nginx answers").status().as_u16(), 200);
    let elsewhere = proxied.get("http://127.0.0.1:8900/health").send().await;
    assert!(
        elsewhere.is_err(),
        "the proxy leads to the lab's networks only"
    );
}

#[tokio::test]
async fn droplets_outlive_a_crash_and_a_restart_of_their_lab() {
    let Some(running) = running().await else {
        return;
    };
    let second = Second::beside(&running);
    let first = second.start().await;
    let cloud = Cloud::open(first.clone()).await;
    let wanted = Wanted {
        name: "stays",
        image: json!("debian-12-x64"),
        config: "",
    };
    let machine = cloud.boot(&wanted).await;
    machine.run("echo kept >/root/mark").await;

    let pid = nix::unistd::Pid::from_raw(i32::try_from(first.pid).expect("a process id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("killed");
    machine.run("true").await;
    let again = second.start().await;
    assert_eq!(
        again.digitalocean_url, first.digitalocean_url,
        "accounts keep their endpoint"
    );
    machine
        .run("curl -sf http://169.254.169.254/metadata/v1/hostname")
        .await;

    second.stop(Wipe::No).await;
    let stopped = practice::status(&second.settings.state)
        .await
        .expect("readable");
    assert_eq!(stopped, None);
    second.start().await;
    machine.reachable().await;
    assert_eq!(machine.run("cat /root/mark").await.trim(), "kept");
}

#[tokio::test]
async fn a_full_disk_is_the_labs_own_and_never_the_hosts() {
    let Some(running) = running().await else {
        return;
    };
    if running.engine == EngineKind::Given {
        eprintln!("SKIPPED: only an engine of the lab's own has a disk that may be filled");
        return;
    }
    // A lab of its own: a full disk is full for all droplets of a lab.
    let second = Second::beside(&running);
    let cloud = Cloud::open(second.start().await).await;
    let wanted = Wanted {
        name: "full",
        image: json!("debian-12-x64"),
        config: "",
    };
    let machine = cloud.boot(&wanted).await;
    let write = "dd if=/dev/zero of=/root/big bs=1M count=8 conv=fsync";
    cloud
        .fault(
            machine.id,
            json!({"kind": "disk_full", "leave_bytes": 1_000_000}),
        )
        .await;
    let refused = machine.ssh(write).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("No space left on device"), "{said}");
    let beside = second.folder.path().join("host");
    std::fs::write(beside, vec![0; 8 << 20]).expect("the host has room");
    cloud.fault(machine.id, json!({"kind": "mend"})).await;
    machine.run("rm -f /root/big").await;
    machine.run(write).await;
}
