//! Containers of local runs on a real dockerd: their secrets, a shell in them, and everybody else's,
//! which stay as they are.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

#[path = "support/dockerd.rs"]
mod dockerd;

use dockerd::Engine;
use plimsoll_adapters::docker::LocalEngine;
use plimsoll_domain::{
    ProjectId, Timestamp,
    name::Name,
    run::{RunMark, RunPart},
    service::Limits,
};
use plimsoll_engine::ports::{LocalRuns, Progress, RunOrder, ScreenSize, Shown, Unwatched};
use plimsoll_protocol::LogStream;
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::timeout;

const BUSYBOX: &str = "/bin/busybox";
const HOME: &str = "desk";

#[derive(Default)]
struct Heard(Mutex<Vec<(LogStream, String)>>);

impl Progress for Heard {
    fn line(&self, stream: LogStream, line: &str) {
        self.0.lock().unwrap().push((stream, line.to_owned()));
    }
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

fn mark(home: &str) -> RunMark {
    RunMark {
        home: home.to_owned(),
        project_id: ProjectId::mint(Timestamp::from_millis(1), [7; 10]),
        project: Name::parse("shop").unwrap(),
        part: RunPart::Database,
        by: 1,
        job_id: None,
    }
}

/// An image that is a shell and waits.
async fn image(engine: &Engine, runs: &LocalEngine) -> String {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy(BUSYBOX, bin.join("busybox")).unwrap();
    for name in ["sh", "stty", "sleep", "cat"] {
        std::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
    }
    let wait = r#"echo out; echo err >&2; trap 'exit 0' TERM; while true; do sleep 1 & wait; done"#;
    fs::write(folder.path().join("wait.sh"), wait).unwrap();
    let dockerfile =
        "FROM scratch\nCOPY bin /bin\nCOPY wait.sh /\nENTRYPOINT [\"/bin/sh\", \"/wait.sh\"]\n";
    fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    let at = folder.path().display().to_string();
    let (built, said) = engine.command(&["build", "--tag", "waits:1", &at]);
    assert!(built, "{said}");
    // It is here: nothing is asked of a registry.
    runs.pull("waits:1", None, Arc::new(Unwatched))
        .await
        .unwrap()
}

fn order(image: &str) -> RunOrder {
    RunOrder {
        name: "plimsoll-run.shop.web".to_owned(),
        mark: mark(HOME),
        image: image.to_owned(),
        network: "plimsoll-run.shop".to_owned(),
        aliases: vec!["web".to_owned()],
        env: vec!["PLAIN=1".to_owned()],
        secrets: None,
        command: Vec::new(),
        volumes: Vec::new(),
        limits: Limits::default(),
        port: None,
        wish: None,
        stop_grace_ms: 5_000,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_in_a_container_is_typed_into_and_tells_its_size() {
    let Some(engine) = Engine::start().filter(|_| Path::new(BUSYBOX).exists()) else {
        return;
    };
    let runs = engine.local();
    let image = image(&engine, &runs).await;
    runs.ensure_network("plimsoll-run.shop", &mark(HOME))
        .await
        .unwrap();
    let container = runs.start(&order(&image)).await.unwrap();
    assert!(container.running && container.exit_code.is_none());

    let size = ScreenSize {
        columns: 91,
        rows: 17,
    };
    let mut login = runs.open_terminal(HOME, &container.id, size).await.unwrap();
    let mut seen = String::new();
    let mut wait_for = async |wanted: &str| {
        while !seen.contains(wanted) {
            let shown = timeout(Duration::from_secs(20), login.screen.next()).await;
            match shown
                .unwrap_or_else(|_| panic!("no {wanted:?} in {seen:?}"))
                .unwrap()
            {
                Shown::Bytes(bytes) => seen += &String::from_utf8_lossy(&bytes),
                Shown::Ended(status) => panic!("ended with {status:?}: {seen:?}"),
            }
        }
        seen.clear();
    };
    wait_for("#").await;
    login
        .keyboard
        .write(b"echo $((6 * 7))-$PLAIN; stty size\r")
        .await;
    wait_for("42-1").await;
    // The size is told beside what is typed, and may come after it.
    let asking = async {
        loop {
            login.keyboard.write(b"stty size\r").await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = wait_for("17 91") => {}
    }
    login.keyboard.resize(ScreenSize {
        columns: 60,
        rows: 10,
    });
    let asking = async {
        loop {
            login.keyboard.write(b"stty size\r").await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = wait_for("10 60") => {}
    }
    login.keyboard.write(b"exit 5\r").await;
    let ended = timeout(Duration::from_secs(20), async {
        loop {
            if let Shown::Ended(status) = login.screen.next().await.unwrap() {
                return status;
            }
        }
    });
    assert_eq!(ended.await.unwrap(), Some(5));

    let heard = Arc::new(Heard::default());
    runs.follow(HOME, &container.id, 10, false, heard.clone())
        .await
        .unwrap();
    let heard = heard.0.lock().unwrap().clone();
    assert!(heard.contains(&(LogStream::Stdout, "out".to_owned())));
    assert!(heard.contains(&(LogStream::Stderr, "err".to_owned())));

    let absent = ["absent".to_owned()];
    let answer = runs.ask(HOME, &container.id, &absent, 5_000).await.unwrap();
    assert_ne!(answer.status, Some(0));
    let slow = ["sleep".to_owned(), "30".to_owned()];
    let answer = runs.ask(HOME, &container.id, &slow, 200).await.unwrap();
    assert_eq!(answer.status, None);
    runs.remove_container(HOME, &container.id).await.unwrap();
    runs.remove_container(HOME, &container.id).await.unwrap();
    runs.remove_network(HOME, "plimsoll-run.shop")
        .await
        .unwrap();
    assert_eq!(runs.all(HOME).await.unwrap(), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_elses_containers_networks_and_volumes_are_touched() {
    let Some(engine) = Engine::start().filter(|_| Path::new(BUSYBOX).exists()) else {
        return;
    };
    let runs = engine.local();
    let image = image(&engine, &runs).await;
    let id = |argv: &[&str]| {
        let (done, said) = engine.command(argv);
        assert!(done, "{said}");
        said
    };
    // One without labels, one of another installation, one with our label and nothing else.
    let bare = id(&["create", "--network", "none", "waits:1"]);
    let labelled = format!("plimsoll.run={HOME}");
    let half = id(&[
        "create",
        "--network",
        "none",
        "--label",
        &labelled,
        "waits:1",
    ]);
    let mut all = vec![
        "create".to_owned(),
        "--network".to_owned(),
        "none".to_owned(),
    ];
    for (label, value) in mark("another").labels() {
        all.extend(["--label".to_owned(), format!("{label}={value}")]);
    }
    all.push("waits:1".to_owned());
    let theirs = id(&all.iter().map(String::as_str).collect::<Vec<_>>());
    for container in [&bare, &half, &theirs] {
        let refused = runs.remove_container(HOME, container).await.unwrap_err();
        assert_eq!(refused.code(), "run_not_ours");
        let asked = runs.ask(HOME, container, &["sh".to_owned()], 100).await;
        assert_eq!(asked.unwrap_err().code(), "run_not_ours");
        let size = ScreenSize {
            columns: 80,
            rows: 24,
        };
        let opened = runs
            .open_terminal(HOME, container, size)
            .await
            .err()
            .unwrap();
        assert_eq!(opened.code(), "run_not_ours");
    }
    id(&["network", "create", "foreign"]);
    id(&["volume", "create", "foreign"]);
    let network = runs.remove_network(HOME, "foreign").await.unwrap_err();
    assert_eq!(network.code(), "run_not_ours");
    let volume = runs.remove_volume(HOME, "foreign").await.unwrap_err();
    assert_eq!(volume.code(), "run_not_ours");
    // A name that is taken by somebody is not taken over.
    let taken = runs
        .ensure_volume("foreign", &mark(HOME))
        .await
        .unwrap_err();
    assert_eq!(taken.code(), "run_not_ours");
    assert_eq!(runs.all(HOME).await.unwrap(), Default::default());
    // An image with a name stays, and one that a container needs as well.
    runs.drop_image(&image).await.unwrap();
    assert!(engine.has(&image));
    id(&["network", "rm", "foreign"]);
    assert_eq!(
        engine
            .command(&["ps", "--all", "--quiet"])
            .1
            .lines()
            .count(),
        3
    );
}
