//! Facts about building, deploying and switching.

use crate::{
    Fact,
    stage::{ADDRESS, Stage, inside, key},
    traffic::Traffic,
};
use plimsoll_domain::service::{Limits, Probe};
use plimsoll_protocol::{
    Deployed, Export, Health, Hello, ImageReady, Journal, Layers, LayersPresent, Load, Logs,
    OfDeployment, Phase, Prune, Pruned, RemoveService, Request, Reverted, SetSite, SiteSet, Status,
};
use std::{
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

pub const FACTS: &[Fact] = &[
    (
        "nonsense_on_the_socket_changes_nothing",
        nonsense_on_the_socket_changes_nothing,
    ),
    (
        "an_idle_agent_stays_below_20_mb",
        an_idle_agent_stays_below_20_mb,
    ),
    (
        "a_failing_build_names_its_instruction",
        a_failing_build_names_its_instruction,
    ),
    (
        "bad_containers_are_explained_and_never_serve",
        bad_containers_are_explained_and_never_serve,
    ),
    (
        "a_repeated_request_answers_what_the_first_did",
        a_repeated_request_answers_what_the_first_did,
    ),
    (
        "a_second_deployment_is_refused_and_a_hung_up_first_goes_on",
        a_second_deployment_is_refused_and_a_hung_up_first_goes_on,
    ),
    (
        "a_held_deployment_switches_reverts_or_expires",
        a_held_deployment_switches_reverts_or_expires,
    ),
    (
        "an_undo_brings_the_former_container_back",
        an_undo_brings_the_former_container_back,
    ),
    (
        "neighbours_find_each_other_by_name",
        neighbours_find_each_other_by_name,
    ),
    (
        "workers_without_a_port_never_run_twice",
        workers_without_a_port_never_run_twice,
    ),
    (
        "a_release_command_runs_once_and_its_failure_stops",
        a_release_command_runs_once_and_its_failure_stops,
    ),
    (
        "images_travel_without_the_layers_that_are_there",
        images_travel_without_the_layers_that_are_there,
    ),
    ("clean_up_spares_what_is_kept", clean_up_spares_what_is_kept),
    (
        "no_request_is_lost_over_a_dozen_switches",
        no_request_is_lost_over_a_dozen_switches,
    ),
];

fn of(deployment_id: plimsoll_domain::DeploymentId) -> OfDeployment {
    OfDeployment { deployment_id }
}

fn remove(stage: &Stage, service: &str) {
    let request = RemoveService {
        key: key(service),
        volumes: true,
    };
    stage.ask(Request::RemoveService(request), &[]).as_::<()>();
    let base = format!("shop-production-{service}-");
    assert!(
        !stage
            .containers()
            .iter()
            .any(|name| name.starts_with(&base))
    );
}

fn nonsense_on_the_socket_changes_nothing(stage: &mut Stage) {
    for nonsense in [
        &b"\n"[..],
        b"{}\n",
        b"\xff\xfe\x00\n",
        b"{\"protocol\":1}\n",
        b"{\"protocol\":99,\"request\":{\"kind\":\"from the future\"}}\n",
        b"{\"protocol\":1,\"owner\":\"x\",\"body_bytes\":99999999999,\"request\":{\"kind\":\"deploy\"}}\n",
        b"no end",
    ] {
        let mut stream = stage.connect().unwrap();
        stream.write_all(nonsense).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("bad_request") || answer.contains("agent_too_old"), "{answer}");
    }
    stage.ask(Request::Hello, &[]).as_::<Hello>();
}

fn an_idle_agent_stays_below_20_mb(stage: &mut Stage) {
    let hello: Hello = stage.ask(Request::Hello, &[]).as_();
    // A build without optimisation is no measure of memory, but not far from one either.
    assert!(
        hello.machine.agent_memory_bytes < 24 << 20,
        "{}",
        hello.machine.agent_memory_bytes
    );
    assert_eq!(hello.binary_hash.len(), 64);
}

fn a_failing_build_names_its_instruction(stage: &mut Stage) {
    let dockerfile = b"FROM scratch\nCOPY there /there\nCOPY not-there /x\n";
    let answer = stage.build(
        "web",
        &[("Dockerfile", dockerfile, false), ("there", b"1", false)],
    );
    let failure = answer.failure();
    assert_eq!(failure.code, "build_failed");
    assert!(failure.message.contains("COPY not-there"), "{failure:#?}");
    assert!(!failure.evidence.is_empty());
}

fn bad_containers_are_explained_and_never_serve(stage: &mut Stage) {
    let image = stage.application("web");
    stage.deploy_version("web", &image, "good");
    let address = stage.address("web");
    for (mode, code, shown) in [
        ("exit", "exited", "no database"),
        ("bad", "unhealthy", "500 Internal Server Error: no database"),
        ("elsewhere", "unhealthy", "0.0.0.0:9999"),
        ("inside", "unhealthy", "must listen on 0.0.0.0:8080"),
        ("memory", "out_of_memory", "32 MiB"),
    ] {
        let mut deploy = stage.deploy("web", &image);
        deploy.variables = vec![("MODE".to_owned(), mode.to_owned())];
        deploy.spec.limits = Limits {
            memory_bytes: Some(32 << 20),
            ..Limits::default()
        };
        let failure = stage.run_deploy(&deploy).failure();
        assert_eq!(failure.code, code, "{failure:#?}");
        let text = format!("{} {}", failure.message, failure.evidence.join("\n"));
        assert!(text.contains(shown), "{failure:#?}");
        assert_eq!(stage.get(&address, "/").as_deref(), Some("good "));
        assert_eq!(
            stage.containers().len(),
            1,
            "something was left behind by {mode}"
        );
    }
    remove(stage, "web");
}

fn a_repeated_request_answers_what_the_first_did(stage: &mut Stage) {
    let image = stage.application("web");
    let deploy = stage.deploy("web", &image);
    let first: Deployed = stage.run_deploy(&deploy).as_();
    let again: Deployed = stage.run_deploy(&deploy).as_();
    assert_eq!(first, again);
    let journal: Journal = stage
        .ask(Request::Journal(of(deploy.deployment_id)), &[])
        .as_();
    let phases: Vec<Phase> = journal.phases.iter().map(|(phase, _)| *phase).collect();
    assert_eq!(
        phases[..4],
        [
            Phase::Locked,
            Phase::Started,
            Phase::Healthy,
            Phase::Switched
        ]
    );
    assert_eq!(journal.serving, Some(deploy.deployment_id));
    let inspected = stage.docker(&["inspect", &first.container_id]).unwrap();
    assert!(inspected.contains("no-new-privileges") && inspected.contains("unless-stopped"));
    remove(stage, "web");
}

fn a_second_deployment_is_refused_and_a_hung_up_first_goes_on(stage: &mut Stage) {
    let image = stage.application("web");
    let mut slow = stage.deploy("web", &image);
    slow.spec.health.probe = Probe::Running;
    slow.spec.health.interval_ms = 1_000;
    let stream = stage
        .send(Request::Deploy(Box::new(slow.clone())), &[])
        .unwrap();
    thread::sleep(Duration::from_millis(600));
    drop(stream);
    let failure = stage.run_deploy(&stage.deploy("web", &image)).failure();
    assert_eq!(failure.code, "deployment_in_progress");
    assert!(failure.message.contains("ada@desk"), "{failure:#?}");
    // Whoever asks for the same one again joins it.
    stage.run_deploy(&slow).as_::<Deployed>();
    remove(stage, "web");
}

fn a_held_deployment_switches_reverts_or_expires(stage: &mut Stage) {
    let image = stage.application("web");
    stage.deploy_version("web", &image, "one");
    let address = stage.address("web");
    let held = |version: &str| {
        let mut deploy = stage.deploy("web", &image);
        deploy.hold = true;
        deploy.variables = vec![("VERSION".to_owned(), version.to_owned())];
        let answer: Deployed = stage.run_deploy(&deploy).as_();
        assert_eq!(answer.phase, Phase::Healthy);
        deploy.deployment_id
    };
    let two = held("two");
    // Longer than a held deployment lives without being heard of.
    for _ in 0..8 {
        thread::sleep(Duration::from_secs(1));
        stage.ask(Request::Heartbeat(of(two)), &[]).as_::<()>();
    }
    assert_eq!(stage.get(&address, "/").as_deref(), Some("one "));
    let answer: Deployed = stage.ask(Request::Commit(of(two)), &[]).as_();
    assert_eq!(answer.phase, Phase::Switched);
    // At once and later: the first of these finds it ending.
    for _ in 0..20 {
        let again: Deployed = stage.ask(Request::Commit(of(two)), &[]).as_();
        assert_eq!(again, answer);
    }
    assert_eq!(stage.get(&address, "/").as_deref(), Some("two "));
    let three = held("three");
    let back: Reverted = stage.ask(Request::Revert(of(three)), &[]).as_();
    assert_eq!(back.serving, Some(two));
    let four = held("four");
    stage.wait("the expiry", || {
        let journal: Journal = stage.ask(Request::Journal(of(four)), &[]).as_();
        journal
            .failure
            .is_some_and(|failure| failure.code == "hold_expired")
    });
    assert_eq!(stage.get(&address, "/").as_deref(), Some("two "));
    let failure = stage.ask(Request::Commit(of(four)), &[]).failure();
    assert_eq!(failure.code, "hold_expired");
    remove(stage, "web");
}

fn an_undo_brings_the_former_container_back(stage: &mut Stage) {
    let image = stage.application("web");
    let first = stage.deploy("web", &image);
    stage.run_deploy(&first).as_::<Deployed>();
    let mut second = stage.deploy("web", &image);
    second.variables = vec![("VERSION".to_owned(), "second".to_owned())];
    stage.run_deploy(&second).as_::<Deployed>();
    let address = stage.address("web");
    assert_eq!(stage.get(&address, "/").as_deref(), Some("second "));
    for _ in 0..2 {
        let back: Reverted = stage
            .ask(Request::Revert(of(second.deployment_id)), &[])
            .as_();
        assert_eq!(back.serving, Some(first.deployment_id));
    }
    assert_eq!(stage.get(&address, "/").as_deref(), Some(" "));
    // The very first one has nothing to return to: its undo leaves nothing.
    let back: Reverted = stage
        .ask(Request::Revert(of(first.deployment_id)), &[])
        .as_();
    assert_eq!(back.serving, None);
    assert_eq!(stage.get(&address, "/"), None);
    stage.wait("the end of both", || stage.containers().is_empty());
    remove(stage, "web");
}

fn neighbours_find_each_other_by_name(stage: &mut Stage) {
    let image = stage.application("web");
    stage.deploy_version("web", &image, "web");
    // It comes later than the one that asks for it, and it switches under its name.
    let api = stage.application("api");
    stage.deploy_version("api", &api, "api-1");
    let web = stage.address("web");
    stage.wait("an introduction", || {
        stage
            .get(&web, "/neighbour")
            .is_some_and(|answer| answer.starts_with("api-1"))
    });
    stage.deploy_version("api", &api, "api-2");
    assert!(stage.get(&web, "/neighbour").unwrap().starts_with("api-2"));
    remove(stage, "api");
    remove(stage, "web");
}

fn workers_without_a_port_never_run_twice(stage: &mut Stage) {
    let image = stage.application("worker");
    let worker = || {
        let mut deploy = stage.deploy("worker", &image);
        deploy.variables = vec![("MODE".to_owned(), "worker".to_owned())];
        deploy.spec.port = None;
        deploy.spec.health.probe = Probe::Running;
        deploy
    };
    let (first, second) = (worker(), worker());
    stage.run_deploy(&first).as_::<Deployed>();
    let mut second = second;
    second
        .variables
        .push(("VERSION".to_owned(), "2".to_owned()));
    stage.run_deploy(&second).as_::<Deployed>();
    stage.wait("the first one's end", || {
        stage.docker(&["ps", "-q"]).unwrap().lines().count() == 1
    });
    let back: Reverted = stage
        .ask(Request::Revert(of(second.deployment_id)), &[])
        .as_();
    assert_eq!(back.serving, Some(first.deployment_id));
    remove(stage, "worker");
}

fn a_release_command_runs_once_and_its_failure_stops(stage: &mut Stage) {
    let image = stage.application("web");
    let mut deploy = stage.deploy("web", &image);
    deploy.run_release_command = true;
    deploy.spec.release_command = vec!["release".to_owned()];
    deploy.secret_names = vec!["TOKEN".to_owned()];
    let body = br#"{"TOKEN": "hunter2-hunter2"}"#;
    let answer = stage.ask(Request::Deploy(Box::new(deploy.clone())), body);
    assert!(
        answer
            .lines
            .iter()
            .any(|line| line == "migrating with [TOKEN]"),
        "{:?}",
        answer.lines
    );
    answer.as_::<Deployed>();
    let mut bad = deploy.clone();
    bad.deployment_id = stage.new_id();
    bad.variables = vec![("MODE".to_owned(), "bad-release".to_owned())];
    let failure = stage.ask(Request::Deploy(Box::new(bad)), body).failure();
    assert_eq!(failure.code, "release_command_failed");
    assert!(!format!("{failure:?}").contains("hunter2"));
    assert_eq!(stage.containers().len(), 1);
    remove(stage, "web");
}

fn images_travel_without_the_layers_that_are_there(stage: &mut Stage) {
    let image = stage.application("web");
    let facts = stage.docker(&[
        "image",
        "inspect",
        "-f",
        "{{json .RootFS.Layers}}",
        image.digest(),
    ]);
    let diff_ids: Vec<String> = serde_json::from_str(&facts.unwrap()).unwrap();
    let present: LayersPresent = stage
        .ask(
            Request::Layers(Layers {
                diff_ids: diff_ids.clone(),
                image_id: image.digest().to_owned(),
            }),
            &[],
        )
        .as_();
    assert!(present.image && present.leading == diff_ids.len());
    let export = |skip_layers| {
        let request = Export {
            image_id: image.digest().to_owned(),
            skip_layers,
        };
        let answer = stage.ask(Request::Export(request), &[]);
        assert!(answer.value.is_ok());
        answer.rest
    };
    let (whole, part) = (export(0), export(diff_ids.len()));
    assert!(
        part.len() * 10 < whole.len(),
        "{} of {}",
        part.len(),
        whole.len()
    );
    let load = |body: &[u8]| {
        let request = Load {
            key: key("web"),
            deployment_id: stage.new_id(),
            image_id: image.digest().to_owned(),
        };
        stage.ask(Request::Load(request), body)
    };
    // Its layers are still here, under another image.
    let other = b"FROM scratch\nCOPY passwd /etc/passwd\nCOPY app /app\nLABEL other=yes\n";
    stage.application_with("other", other);
    stage.docker(&["rmi", "-f", image.digest()]).unwrap();
    let loaded: ImageReady = load(&part).as_();
    assert_eq!(loaded.image.digest(), image.digest());
    for id in stage.docker(&["images", "-q"]).unwrap().lines() {
        stage.docker(&["rmi", "-f", id]);
    }
    assert_eq!(load(&part).failure().code, "layers_missing");
    assert_eq!(load(&whole).as_::<ImageReady>().layers, diff_ids);
}

fn clean_up_spares_what_is_kept(stage: &mut Stage) {
    let first = stage.application("web");
    stage.deploy_version("web", &first, "1");
    let stray = stage.application("web");
    let kept = stage.application("web");
    let short = kept.name().rsplit_once('_').unwrap().1.to_owned();
    let keep = plimsoll_domain::DeploymentId::mint(
        plimsoll_domain::Timestamp::from_millis((i64::from_str_radix(&short, 16).unwrap()) << 16),
        [0; 10],
    );
    assert_eq!(keep.short(), short);
    let prune = |remove| -> Pruned {
        stage
            .ask(
                Request::Prune(Prune {
                    keep: vec![keep],
                    remove,
                    only: None,
                }),
                &[],
            )
            .as_()
    };
    let told = prune(false);
    // All three names are of one image, which runs: none of them goes.
    for image in [&first, &stray, &kept] {
        assert!(!told.tags.contains(&image.name().to_owned()), "{told:?}");
    }
    remove(stage, "web");
    let told = prune(true);
    assert!(
        told.tags.contains(&stray.name().to_owned())
            && !told.tags.contains(&kept.name().to_owned())
    );
    assert!(stage.docker(&["image", "inspect", kept.name()]).is_some());
    assert!(stage.docker(&["image", "inspect", stray.name()]).is_none());
}

fn no_request_is_lost_over_a_dozen_switches(stage: &mut Stage) {
    let image = stage.application("web");
    let deploy_version = |version: &str| -> Deployed {
        let mut deploy = stage.deploy("web", &image);
        // Connections that last may outlive many switches.
        deploy.spec.keep_warm_ms = 600_000;
        deploy.variables = vec![("VERSION".to_owned(), version.to_owned())];
        stage.run_deploy(&deploy).as_()
    };
    deploy_version("0");
    let site = SetSite {
        key: key("web"),
        hosts: vec!["shop.test".to_owned()],
        chain_pem: None,
    };
    assert!(
        stage
            .ask(Request::SetSite(site), &[])
            .as_::<SiteSet>()
            .changed
    );
    let traffic = Traffic::start(&format!("{ADDRESS}:80"), "shop.test");
    thread::sleep(Duration::from_secs(2));
    let mut switches = Vec::new();
    for round in 1..=8 {
        let answer = deploy_version(&round.to_string());
        switches.push(answer.switch_us);
        thread::sleep(Duration::from_millis(700));
    }
    // Back and forth between two that are warm: nothing starts.
    for round in [7, 8, 7, 8] {
        let begun = Instant::now();
        let answer = deploy_version(&round.to_string());
        assert!(answer.reused_warm);
        eprintln!(
            "rollback to a warm container: {} ms",
            begun.elapsed().as_millis()
        );
        switches.push(answer.switch_us);
        thread::sleep(Duration::from_millis(500));
    }
    thread::sleep(Duration::from_secs(4));
    let report = traffic.stop();
    eprintln!(
        "{} requests, {} failures, p99 {} µs, switches {switches:?} µs",
        report.requests,
        report.failures.len(),
        report.p99_us
    );
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    assert!(report.requests > 1_000);
    // Only who serves and the warm one before are left when the others are drained.
    stage.wait("the end of the others", || stage.containers().len() == 2);
    let status: Status = stage.ask(Request::Status, &[]).as_();
    assert_eq!(status.services[0].health, Health::Healthy);
    assert_eq!(status.services[0].kept.len(), 3);
    let logs = Logs {
        key: key("web"),
        deployment_id: None,
        tail: 5,
        follow: false,
    };
    let lines = stage.ask(Request::Logs(logs), &[]).lines;
    assert!(
        lines.iter().any(|line| line.contains("version 8 starts")),
        "{lines:?}"
    );
    inside(&["iptables", "-t", "nat", "-S", "PLIMSOLL"]).unwrap();
    remove(stage, "web");
}
