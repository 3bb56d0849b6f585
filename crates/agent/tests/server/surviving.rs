//! Facts about crashes, restarts and secrets.

use crate::{
    Fact,
    stage::{Stage, key},
};
use plimsoll_protocol::{
    Deploy, Deployed, Health, Journal, OfDeployment, RemoveService, Request, Status,
};
use std::fs;

pub const FACTS: &[Fact] = &[
    (
        "a_crash_at_any_phase_leaves_the_old_or_the_new_and_nothing_else",
        a_crash_at_any_phase_leaves_the_old_or_the_new_and_nothing_else,
    ),
    (
        "secrets_reach_the_process_and_nobody_else",
        secrets_reach_the_process_and_nobody_else,
    ),
    (
        "what_dies_comes_back_and_is_reached_again",
        what_dies_comes_back_and_is_reached_again,
    ),
    (
        "bad_answers_lead_to_a_restart",
        bad_answers_lead_to_a_restart,
    ),
];

const SECRET: &[u8] = br#"{"TOKEN": "hunter2 \"quoted\"\nline \u00fc $(id)"}"#;
const VALUE: &str = "hunter2 \"quoted\"\nline ü $(id)";

fn with_secret(stage: &Stage, image: &plimsoll_domain::image::ImageRef, version: &str) -> Deploy {
    let mut deploy = stage.deploy("web", image);
    deploy.variables = vec![("VERSION".to_owned(), version.to_owned())];
    deploy.secret_names = vec!["TOKEN".to_owned()];
    deploy
}

fn remove(stage: &Stage) {
    let request = RemoveService {
        key: key("web"),
        volumes: true,
    };
    stage.ask(Request::RemoveService(request), &[]).as_::<()>();
    assert!(stage.containers().is_empty());
    let sealed = fs::read_dir(stage.state().join("sealed")).unwrap();
    assert_eq!(sealed.count(), 0, "sealed secrets are left");
}

fn a_crash_at_any_phase_leaves_the_old_or_the_new_and_nothing_else(stage: &mut Stage) {
    let image = stage.application("web");
    let first = with_secret(stage, &image, "old");
    stage
        .ask(Request::Deploy(Box::new(first)), SECRET)
        .as_::<Deployed>();
    let address = stage.address("web");
    let mut serving = "old ".to_owned();
    for (round, (point, stands)) in [
        ("locked", false),
        ("releasecommand", false),
        ("started", false),
        ("made", false),
        ("healthy", false),
        ("recorded", true),
        ("switched", true),
    ]
    .into_iter()
    .enumerate()
    {
        stage.kill_agent();
        stage.start_agent(Some(point));
        let version = format!("new-{round}");
        let mut deploy = with_secret(stage, &image, &version);
        deploy.spec.keep_warm_ms = 0;
        deploy.run_release_command = true;
        deploy.spec.release_command = vec!["release".to_owned()];
        assert!(
            stage
                .try_ask(Request::Deploy(Box::new(deploy.clone())), SECRET)
                .is_none(),
            "{point}: the agent did not crash"
        );
        stage.wait_for_crash();
        // Whoever is asked meanwhile answers: the switch does not need the agent.
        let meanwhile = stage.get(&address, "/").unwrap();
        assert!(
            meanwhile == serving || meanwhile == format!("{version} "),
            "{point}: {meanwhile}"
        );
        stage.start_agent(None);
        if stands {
            serving = format!("{version} ");
        }
        stage.wait("one container only", || stage.containers().len() == 1);
        assert_eq!(
            stage.get(&address, "/").as_deref(),
            Some(serving.as_str()),
            "{point}"
        );
        let of = OfDeployment {
            deployment_id: deploy.deployment_id,
        };
        let journal: Journal = stage.ask(Request::Journal(of), &[]).as_();
        assert!(!journal.running);
        assert_eq!(
            journal.serving == Some(deploy.deployment_id),
            stands,
            "{point}"
        );
        assert_eq!(journal.failure.is_none(), stands, "{point}: {journal:?}");
        // The same deployment can be asked for again, and then it is done.
        let again = stage.ask(Request::Deploy(Box::new(deploy.clone())), SECRET);
        again.as_::<Deployed>();
        serving = format!("{version} ");
        assert_eq!(
            stage.get(&address, "/").as_deref(),
            Some(serving.as_str()),
            "{point}"
        );
        stage.wait("the former one's end", || stage.containers().len() == 1);
        let sealed = || {
            let all = fs::read_dir(stage.state().join("sealed"))
                .unwrap()
                .flatten();
            let owners = |name: &str| name.ends_with(".owner");
            all.filter(|one| !owners(&one.file_name().to_string_lossy()))
                .count()
        };
        stage.wait("the end of the former one's secrets", || sealed() == 1);
    }
    remove(stage);
}

fn secrets_reach_the_process_and_nobody_else(stage: &mut Stage) {
    let image = stage.application("web");
    let deploy = with_secret(stage, &image, "1");
    let answer: Deployed = stage.ask(Request::Deploy(Box::new(deploy)), SECRET).as_();
    let address = stage.address("web");
    assert_eq!(stage.get(&address, "/token").as_deref(), Some(VALUE));
    assert_eq!(stage.get(&address, "/secret-file").as_deref(), Some(VALUE));
    let inspected = stage.docker(&["inspect", &answer.container_id]).unwrap();
    assert!(!inspected.contains("hunter2"));
    // Signals and process id 1 are the application's own: it ends at once, not after the grace.
    let top = stage
        .docker(&["top", &answer.container_id, "-eo", "pid,args"])
        .unwrap();
    assert!(top.contains("/app") && !top.contains("plimsoll"), "{top}");
    let on_disk = crate::stage::run(&[
        "grep",
        "-rl",
        "hunter2",
        &stage.state().display().to_string(),
    ]);
    assert_eq!(on_disk, None, "a secret lies open on the disk");
    stage
        .docker(&["restart", "-t", "1", &answer.container_id])
        .unwrap();
    stage.wait("the restart", || {
        stage.get(&address, "/token").as_deref() == Some(VALUE)
    });
    // A reboot: the memory is empty, the containers are stopped, and the agent starts.
    stage.kill_agent();
    stage.docker(&["kill", &answer.container_id]).unwrap();
    let memory = stage.folder.join("root/run/plimsoll/secrets");
    crate::stage::run(&["umount", "-l", &memory.display().to_string()]).unwrap();
    stage.start_agent(None);
    stage.wait("the return after a reboot", || {
        stage.get(&address, "/token").as_deref() == Some(VALUE)
    });
    remove(stage);
}

fn what_dies_comes_back_and_is_reached_again(stage: &mut Stage) {
    let image = stage.application("web");
    stage.deploy_version("web", &image, "1");
    let address = stage.address("web");
    let other = stage.application("other");
    stage.get(&address, "/die");
    // Somebody takes its former address in the meantime.
    stage.deploy_version("other", &other, "other");
    stage.wait("the return", || {
        stage.get(&address, "/").as_deref() == Some("1 ")
    });
    crate::stage::inside(&["iptables", "-t", "nat", "-F", "PLIMSOLL"]).unwrap();
    stage.wait("the routes' return", || {
        stage.get(&address, "/").as_deref() == Some("1 ")
    });
    for service in ["other", "web"] {
        let request = RemoveService {
            key: key(service),
            volumes: true,
        };
        stage.ask(Request::RemoveService(request), &[]).as_::<()>();
    }
}

fn bad_answers_lead_to_a_restart(stage: &mut Stage) {
    let image = stage.application("web");
    let mut deploy = stage.deploy("web", &image);
    deploy.spec.health.failures = 2;
    let answer: Deployed = stage.run_deploy(&deploy).as_();
    let address = stage.address("web");
    stage.get(&address, "/break");
    assert_eq!(stage.get(&address, "/"), None, "{}", answer.container_id);
    stage.wait("the restart", || {
        let status: Status = stage.ask(Request::Status, &[]).as_();
        status.services[0].restarts > 0 && status.services[0].health == Health::Healthy
    });
    remove(stage);
}
