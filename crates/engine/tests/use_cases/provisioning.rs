use crate::world::{World, name};
use plimsoll_domain::{
    job::JobStatus,
    server::{DEPLOYED_TAG, Provider, ServerState},
};
use plimsoll_engine::{
    AdoptRequest, BaseSnapshotRequest, DestroyRequest, DestroyTarget, ImageChoice, Kind,
    PowerRequest, SnapshotRequest, ports::Droplet,
};

#[tokio::test]
async fn a_server_is_provisioned_with_its_host_key_replaced_and_pinned() {
    let world = World::new().await;
    let account = world.account(Provider::Digitalocean, "do").await;
    let plan = world
        .engine
        .plan_provision(world.provision(account, "web-1"))
        .await
        .unwrap();
    assert_eq!(plan.price_cents_month(), 600);
    assert!(world.cloud.state.lock().unwrap().droplets.is_empty());
    world.succeed(plan).await;
    let server = world.engine.server_named(&name("web-1")).await.unwrap();
    assert_eq!(server.state, ServerState::Ready);
    let ssh = server.ssh.unwrap();
    assert!(ssh.host_key.starts_with("ssh-ed25519 NEWK"), "{ssh:?}");
    let state = world.cloud.state.lock().unwrap();
    assert!(state.droplets[0].tags.iter().any(|t| t == DEPLOYED_TAG));
    assert_eq!(state.firewalls[0].open_tcp_ports, [22, 80, 443]);
    drop(state);
    let entries = world.keychain.0.lock().unwrap();
    assert!(entries.keys().all(|entry| !entry.starts_with("host-key/")));
    drop(entries);
    world.hosts.with(&ssh.host, |host| {
        assert!(host.agent);
        assert!(host.commands.iter().any(|c| c.contains("install") && c.ends_with("-- ca-certificates conntrack docker.io iproute2 iptables nftables unattended-upgrades")), "{:?}", host.commands);
        assert!(host.files.contains_key("/etc/fstab"));
    });
}

#[tokio::test]
async fn what_cannot_be_rented_is_refused_before_anything_is_created() {
    let world = World::new().await;
    let account = world.account(Provider::Digitalocean, "do").await;
    let good = world.provision(account, "web-1");
    for (code, request) in [
        (
            "region_unavailable",
            plimsoll_engine::ProvisionRequest {
                region: "mars".into(),
                ..good.clone()
            },
        ),
        (
            "size_unavailable",
            plimsoll_engine::ProvisionRequest {
                size: "huge".into(),
                ..good.clone()
            },
        ),
        (
            "invalid_tag",
            plimsoll_engine::ProvisionRequest {
                tags: vec!["a b".into()],
                ..good.clone()
            },
        ),
        (
            "snapshot_unknown",
            plimsoll_engine::ProvisionRequest {
                image: ImageChoice::Snapshot("x".into()),
                ..good.clone()
            },
        ),
    ] {
        let error = world.engine.plan_provision(request).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!error.failure().next_step.is_empty());
    }
    let cloudflare = world.account(Provider::Cloudflare, "cf").await;
    let error = world
        .engine
        .plan_provision(world.provision(cloudflare, "x"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "wrong_provider");
}

#[tokio::test]
async fn a_cloud_init_that_fails_shows_why_and_leaves_nothing() {
    let world = World::new().await;
    let account = world.account(Provider::Digitalocean, "do").await;
    let plan = world
        .engine
        .plan_provision(world.provision(account, "web-1"))
        .await
        .unwrap();
    let receipt = world.engine.approve(plan.id).await.unwrap();
    *world.hosts.cloud_init.lock().unwrap() = 1;
    let job = world.engine.run(receipt.id).await.unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    let error = job.error.unwrap();
    assert_eq!(error.code, "cloud_init_failed");
    assert!(
        error.evidence.iter().any(|line| line.contains("boom")),
        "{error:?}"
    );
    assert!(world.cloud.state.lock().unwrap().droplets.is_empty());
}

#[tokio::test]
async fn machines_of_others_are_shown_locked_and_not_destroyed() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let account = world.engine.account_named(&name("do")).await.unwrap().id;
    world.cloud.state.lock().unwrap().droplets.push(Droplet {
        id: 99,
        name: "database".into(),
        status: "active".into(),
        public_ipv4: Some("10.0.0.99".into()),
        region: "fra1".into(),
        size: "small".into(),
        price_cents_month: 600,
        tags: vec![],
        created_at: String::new(),
    });
    let listing = world.engine.listing(account).await.unwrap();
    let locked: Vec<(&str, bool)> = listing
        .iter()
        .map(|l| (l.name.as_str(), l.deployable))
        .collect();
    assert_eq!(locked, [("web-1", true), ("database", false)]);

    let machine = |force: Option<&str>| DestroyRequest {
        target: DestroyTarget::Machine {
            account_id: account,
            name: "database".into(),
        },
        force: force.map(str::to_owned),
    };
    for force in [None, Some("web-1"), Some("Database")] {
        let error = world.engine.plan_destroy(machine(force)).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), ("protected", Kind::Refused));
    }
    let plan = world
        .engine
        .plan_destroy(machine(Some("database")))
        .await
        .unwrap();
    assert_eq!(plan.price_cents_month(), -600);
    world.succeed(plan).await;

    // A tag that is taken off between plan and run protects the machine.
    let ours = DestroyRequest {
        target: DestroyTarget::Server { server_id: ids[0] },
        force: None,
    };
    let plan = world.engine.plan_destroy(ours.clone()).await.unwrap();
    world.cloud.state.lock().unwrap().droplets[0].tags.clear();
    let error = world.engine.approve(plan.id).await.unwrap_err();
    assert_eq!(error.code(), "plan_outdated");
    assert!(
        error
            .failure()
            .evidence
            .iter()
            .any(|line| line.contains("machine.tags"))
    );
    world.cloud.state.lock().unwrap().droplets[0]
        .tags
        .push(DEPLOYED_TAG.into());
    let plan = world.engine.plan_destroy(ours).await.unwrap();
    world.succeed(plan).await;
    {
        let state = world.cloud.state.lock().unwrap();
        assert!(state.droplets.is_empty() && state.firewalls.is_empty());
    }
    assert!(world.engine.servers().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_server_with_environments_is_destroyed_only_when_named() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    world.service(ids.clone(), Default::default()).await;
    let request = |force: Option<&str>| DestroyRequest {
        target: DestroyTarget::Server { server_id: ids[0] },
        force: force.map(str::to_owned),
    };
    let error = world.engine.plan_destroy(request(None)).await.unwrap_err();
    assert_eq!(error.code(), "server_in_use");
    assert_eq!(error.failure().evidence, ["shop/production"]);
    assert!(
        world
            .engine
            .plan_destroy(request(Some("web-1")))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_server_is_added_after_its_fingerprint_was_confirmed() {
    let world = World::new().await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    world
        .hosts
        .boot("192.0.2.7", crate::hosts::Host::with_key(key));
    let seen = world.engine.host_key("192.0.2.7", 22, None).await.unwrap();
    assert_eq!(
        seen.fingerprint,
        "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
    );
    let request = AdoptRequest {
        name: name("old"),
        host: "192.0.2.7".into(),
        port: 22,
        user: "root".into(),
        host_key: seen.key,
        proxy: None,
    };
    let plan = world.engine.plan_adopt(request.clone()).await.unwrap();
    world.succeed(plan).await;
    let server = world.engine.server_named(&name("old")).await.unwrap();
    assert_eq!(server.state, ServerState::Ready);
    let error = world
        .engine
        .plan_adopt(AdoptRequest {
            name: name("other"),
            ..request.clone()
        })
        .await
        .unwrap_err();
    assert_eq!(error.code(), "address_taken");
    for host in ["-oProxyCommand=x", "a b", "$(id)", ""] {
        let request = AdoptRequest {
            host: host.into(),
            ..request.clone()
        };
        assert_eq!(
            world.engine.plan_adopt(request).await.unwrap_err().code(),
            "invalid_address"
        );
    }
}

#[tokio::test]
async fn a_server_is_rebooted_switched_and_kept_as_a_snapshot_that_others_boot_from() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let plan = world.engine.plan_reboot(ids[0]).await.unwrap();
    assert!(plan.downtime_ms() > 0);
    world.succeed(plan).await;
    for on in [false, true] {
        let request = PowerRequest {
            server_id: ids[0],
            on,
        };
        world
            .succeed(world.engine.plan_power(request).await.unwrap())
            .await;
        let state = world
            .engine
            .server_named(&name("web-1"))
            .await
            .unwrap()
            .state;
        assert_eq!(state == ServerState::Ready, on);
    }
    let request = SnapshotRequest {
        server_id: ids[0],
        label: Some(name("before")),
    };
    world
        .succeed(world.engine.plan_snapshot(request).await.unwrap())
        .await;
    let account = world.engine.account_named(&name("do")).await.unwrap().id;
    let snapshot = world
        .engine
        .disk_snapshots(account)
        .await
        .unwrap()
        .remove(0);
    assert!(
        snapshot.name.starts_with("web-1-before-"),
        "{}",
        snapshot.name
    );
    let mut request = world.provision(account, "web-2");
    request.image = ImageChoice::Snapshot(snapshot.name);
    world
        .succeed(world.engine.plan_provision(request).await.unwrap())
        .await;
}

#[tokio::test]
async fn a_base_snapshot_is_built_used_and_recognised_as_outdated() {
    let world = World::new().await;
    let account = world.account(Provider::Digitalocean, "do").await;
    let request = BaseSnapshotRequest {
        account_id: account,
        region: "fra1".into(),
        size: "small".into(),
    };
    let plan = world.engine.plan_base_snapshot(request).await.unwrap();
    assert_eq!(plan.price_cents_month(), 0);
    world.succeed(plan).await;
    assert!(
        world.cloud.state.lock().unwrap().droplets.is_empty(),
        "the machine is gone"
    );
    let bases = world.engine.base_snapshots().await.unwrap();
    assert_eq!(bases.len(), 1);
    assert!(!bases[0].outdated);
    let plan = world
        .engine
        .plan_provision(world.provision(account, "web-1"))
        .await
        .unwrap();
    assert!(
        plan.steps
            .iter()
            .any(|step| step.title.contains("base snapshot"))
    );
    let id = bases[0].snapshot.id;
    world
        .succeed(world.engine.plan_delete_base_snapshot(id).await.unwrap())
        .await;
    assert!(world.cloud.state.lock().unwrap().snapshots.is_empty());
}

#[tokio::test]
async fn a_server_is_prepared_again_while_it_runs() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let plan = world.engine.plan_prepare(ids[0]).await.unwrap();
    assert!(plan.notices[0].contains("changes nothing"));
    world.succeed(plan).await;
    let server = world.engine.server_named(&name("web-1")).await.unwrap();
    assert_eq!(server.state, ServerState::Ready);
}

#[tokio::test]
async fn a_plan_runs_once() {
    let world = World::new().await;
    let account = world.account(Provider::Digitalocean, "do").await;
    let plan = world
        .engine
        .plan_provision(world.provision(account, "web-1"))
        .await
        .unwrap();
    world.engine.approve(plan.id).await.unwrap();
    let error = world.engine.approve(plan.id).await.unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("plan_approved", Kind::Conflict)
    );
}
