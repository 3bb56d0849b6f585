//! DigitalOcean's quirks, and what a crash or a cut leaves.

use crate::stage::Stage;
use plimsoll_domain::Secret;
use plimsoll_engine::ports::{Compute, Droplet, DropletAct, Firewall, NewDroplet, ReservedIp};
use plimsoll_lab::api::{Delays, Options};
use serde_json::json;
use std::sync::atomic::Ordering;

pub const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl mine";

pub fn new_droplet(name: &str, key: u64) -> NewDroplet {
    NewDroplet {
        name: name.to_owned(),
        region: "fra1".to_owned(),
        size: "s-1vcpu-1gb".to_owned(),
        image: "debian-12-x64".to_owned(),
        ssh_key_ids: vec![key],
        tags: vec!["deployed-via-api".to_owned()],
        unique_tag: format!("plimsoll-{name}"),
        user_data: Secret::new("#cloud-config\nssh_keys: {canary: only-once}\n"),
    }
}

pub fn firewall(name: &str, ports: &[u16]) -> Firewall {
    Firewall {
        id: None,
        name: name.to_owned(),
        open_tcp_ports: ports.to_vec(),
        tags: vec!["deployed-via-api".to_owned()],
        droplet_ids: Vec::new(),
    }
}

pub async fn wait_for_address(stage: &Stage, id: u64) -> Droplet {
    for _ in 0..400 {
        let droplet = stage
            .compute
            .droplet(&stage.digitalocean, id)
            .await
            .unwrap()
            .unwrap();
        if droplet.status == "active" && droplet.public_ipv4.is_some() {
            return droplet;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("droplet {id} never got an address");
}

async fn with_droplet() -> (Stage, u64) {
    let stage = Stage::open().await;
    let key = stage
        .compute
        .ensure_ssh_key(&stage.digitalocean, "k", KEY)
        .await
        .unwrap();
    let new = new_droplet("web-1", key);
    let id = stage
        .compute
        .create_droplet(&stage.digitalocean, &new)
        .await
        .unwrap()
        .id;
    wait_for_address(&stage, id).await;
    (stage, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_droplet_that_the_api_does_not_know_yet_is_waited_for() {
    let delays = Delays {
        hidden_ms: 200,
        action_ms: 50,
        private_address_ms: 50,
        public_address_ms: 300,
    };
    let stage = Stage::with(Options {
        delays,
        ..Options::default()
    })
    .await;
    let key = stage
        .compute
        .ensure_ssh_key(&stage.digitalocean, "k", KEY)
        .await
        .unwrap();
    let made = stage
        .compute
        .create_droplet(&stage.digitalocean, &new_droplet("web-1", key))
        .await
        .unwrap();
    assert_eq!(
        (made.status.as_str(), made.public_ipv4.as_deref()),
        ("new", None)
    );
    let found = stage
        .compute
        .droplet(&stage.digitalocean, made.id)
        .await
        .unwrap();
    assert_eq!(found.map(|droplet| droplet.id), Some(made.id));
    let active = wait_for_address(&stage, made.id).await;
    assert!(active.public_ipv4.unwrap().starts_with("203.0.113."));
    assert!(active.tags.contains(&"plimsoll-web-1".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_droplet_is_destroyed_and_not_taken_for_gone() {
    let delays = Delays {
        hidden_ms: 200,
        ..Delays::default()
    };
    let stage = Stage::with(Options {
        delays,
        ..Options::default()
    })
    .await;
    let (compute, account) = (&stage.compute, &stage.digitalocean);
    let key = compute.ensure_ssh_key(account, "k", KEY).await.unwrap();
    let made = compute
        .create_droplet(account, &new_droplet("web-1", key))
        .await
        .unwrap();
    compute.destroy_droplet(account, made.id).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(compute.droplets(account, None).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_that_was_cut_off_makes_one_droplet() {
    let stage = Stage::open().await;
    let key = stage
        .compute
        .ensure_ssh_key(&stage.digitalocean, "k", KEY)
        .await
        .unwrap();
    for (name, fault) in [
        ("web-1", json!({"kind": "cut"})),
        ("web-2", json!({"kind": "wrong_json"})),
        ("web-3", json!({"kind": "status", "status": 502})),
        ("web-4", json!({"kind": "refuse"})),
    ] {
        stage.fault("POST", "^/v2/droplets$", 1, fault).await;
        let new = new_droplet(name, key);
        let made = stage
            .compute
            .create_droplet(&stage.digitalocean, &new)
            .await
            .unwrap();
        // After a crash the same step runs again.
        let again = stage
            .compute
            .create_droplet(&stage.digitalocean, &new)
            .await
            .unwrap();
        assert_eq!(again.id, made.id);
        let tag = Some(new.unique_tag.as_str());
        let found = stage
            .compute
            .droplets(&stage.digitalocean, tag)
            .await
            .unwrap();
        assert_eq!(found.len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_firewalls_and_addresses_that_were_cut_off_are_made_once() {
    let (stage, id) = with_droplet().await;
    let (compute, account) = (&stage.compute, &stage.digitalocean);
    let cut = || json!({"kind": "cut"});
    stage.fault("POST", "^/v2/account/keys$", 1, cut()).await;
    let other = KEY.replace("AAAAIOMq", "AAAAIOMr");
    let key = compute
        .ensure_ssh_key(account, "other", &other)
        .await
        .unwrap();
    let comment = format!("{} elsewhere", other.trim_end_matches(" mine"));
    assert_eq!(
        compute
            .ensure_ssh_key(account, "again", &comment)
            .await
            .unwrap(),
        key
    );

    stage.fault("POST", "^/v2/firewalls$", 1, cut()).await;
    let made = compute
        .put_firewall(account, &firewall("web", &[443]))
        .await
        .unwrap();
    assert_eq!(compute.firewalls(account).await.unwrap(), [made]);

    stage.fault("POST", "^/v2/reserved_ips$", 1, cut()).await;
    let ip = compute.reserve_ip(account, id).await.unwrap();
    compute.assign_ip(account, &ip.ip, Some(id)).await.unwrap();
    compute.assign_ip(account, &ip.ip, None).await.unwrap();
    stage
        .fault("POST", "^/v2/reserved_ips/.*/actions$", 1, cut())
        .await;
    compute.assign_ip(account, &ip.ip, Some(id)).await.unwrap();
    let pointed = ReservedIp {
        droplet_id: Some(id),
        ..ip
    };
    assert_eq!(compute.reserved_ips(account).await.unwrap(), [pointed]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_that_was_cut_off_is_followed_and_not_started_twice() {
    let (stage, id) = with_droplet().await;
    let path = format!("/v2/droplets/{id}/actions");
    stage
        .fault("POST", &format!("^{path}$"), 1, json!({"kind": "cut"}))
        .await;
    let snapshot = DropletAct::Snapshot {
        name: "base".to_owned(),
    };
    stage
        .compute
        .act(&stage.digitalocean, id, &snapshot)
        .await
        .unwrap();
    assert_eq!(stage.count("POST", &path), 1);
    stage
        .compute
        .act(&stage.digitalocean, id, &snapshot)
        .await
        .unwrap();
    assert_eq!(
        stage.count("POST", &path),
        1,
        "the snapshot was taken twice"
    );
    assert_eq!(
        stage
            .compute
            .snapshots(&stage.digitalocean)
            .await
            .unwrap()
            .len(),
        1
    );
    stage
        .fault("POST", &format!("^{path}$"), 1, json!({"kind": "cut"}))
        .await;
    stage
        .compute
        .act(&stage.digitalocean, id, &DropletAct::Reboot)
        .await
        .unwrap();
    assert_eq!(stage.count("POST", &path), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_droplet_is_waited_for() {
    let delays = Delays {
        action_ms: 300,
        ..Delays::default()
    };
    let stage = Stage::with(Options {
        delays,
        ..Options::default()
    })
    .await;
    let (compute, account) = (&stage.compute, &stage.digitalocean);
    let key = compute.ensure_ssh_key(account, "k", KEY).await.unwrap();
    let id = compute
        .create_droplet(account, &new_droplet("web-1", key))
        .await
        .unwrap()
        .id;
    compute.droplet(account, id).await.unwrap();
    // Its creation is still under way, so this is refused with a pending event at first.
    compute.act(account, id, &DropletAct::Reboot).await.unwrap();
    let refused = stage
        .record
        .lock()
        .unwrap()
        .iter()
        .filter(|said| said.status == 422)
        .count();
    assert!(
        refused > 0,
        "the droplet was never busy, so nothing was proved"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_without_end_is_told_with_its_number() {
    let (stage, id) = with_droplet().await;
    stage.ground.stuck.store(true, Ordering::SeqCst);
    let error = stage
        .compute
        .act(&stage.digitalocean, id, &DropletAct::Reboot)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "do_action_stuck");
    assert!(
        error.0.evidence[0].contains("(reboot) is in-progress since 20"),
        "{error:?}"
    );
    assert!(stage.clock.slept_ms() > 300_000);
    let error = stage
        .compute
        .act(&stage.digitalocean, id, &DropletAct::PowerOff)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "do_pending_event");
    stage.ground.stuck.store(false, Ordering::SeqCst);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_snapshot_is_told_and_can_be_tried_again() {
    let (stage, id) = with_droplet().await;
    let snapshot = DropletAct::Snapshot {
        name: "base".to_owned(),
    };
    stage.ground.failing.store(true, Ordering::SeqCst);
    let error = stage
        .compute
        .act(&stage.digitalocean, id, &snapshot)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.0.retryable),
        ("do_action_failed", true)
    );
    stage.ground.failing.store(false, Ordering::SeqCst);
    stage
        .compute
        .act(&stage.digitalocean, id, &snapshot)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_digitalocean_refuses_is_told_in_its_words() {
    let stage = Stage::open().await;
    let (compute, account) = (&stage.compute, &stage.digitalocean);
    let mut new = new_droplet("web-1", 1);
    let error = compute.create_droplet(account, &new).await.unwrap_err();
    assert_eq!(error.code(), "do_invalid");
    assert!(
        error.0.evidence[0].starts_with("HTTP 422: unprocessable_entity: "),
        "{error:?}"
    );
    assert!(
        error.0.evidence[1].starts_with("DigitalOcean request "),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("only-once"), "{error:?}");
    new.user_data = Secret::new("x".repeat(64 * 1024 + 1));
    let error = compute.create_droplet(account, &new).await.unwrap_err();
    assert!(error.to_string().contains("65537 bytes"), "{error}");

    let key = compute.ensure_ssh_key(account, "k", KEY).await.unwrap();
    for n in 0..25 {
        compute
            .create_droplet(account, &new_droplet(&format!("web-{n}"), key))
            .await
            .unwrap();
    }
    let error = compute
        .create_droplet(account, &new_droplet("web-25", key))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "do_limit_reached");
    assert!(!error.0.retryable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_would_hit_another_address_are_never_sent() {
    let stage = Stage::open().await;
    for bad in ["", ".", ".."] {
        let error = stage
            .compute
            .delete_firewall(&stage.digitalocean, bad)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "do_invalid", "{bad:?}");
    }
    stage
        .compute
        .delete_firewall(&stage.digitalocean, "../droplets/1?x=#")
        .await
        .unwrap();
    let record = stage.record.lock().unwrap();
    assert_eq!(record.len(), 1);
    assert!(record[0].path.starts_with("/v2/firewalls/"), "{record:?}");
}
