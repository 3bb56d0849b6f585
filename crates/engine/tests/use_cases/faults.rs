//! Every call of a job fails once, before its effect and after it; nothing may be left behind.

use crate::{
    domains,
    fakes::When,
    world::{World, name},
};
use plimsoll_domain::{job::JobStatus, server::Provider};

#[tokio::test]
async fn a_provisioning_that_fails_at_any_call_leaves_nothing_behind() {
    let calls = {
        let world = World::new().await;
        let account = world.account(Provider::Digitalocean, "do").await;
        let plan = world
            .engine
            .plan_provision(world.provision(account, "web-1"))
            .await
            .unwrap();
        let id = world.engine.approve(plan.id).await.unwrap().id;
        world.faults.clear();
        world.engine.run(id).await.unwrap();
        world.faults.taken()
    };
    assert!(calls.len() > 20, "{calls:?}");
    for (place, call) in calls.iter().enumerate() {
        for when in [When::Before, When::After] {
            let world = World::new().await;
            let account = world.account(Provider::Digitalocean, "do").await;
            let plan = world
                .engine
                .plan_provision(world.provision(account, "web-1"))
                .await
                .unwrap();
            let id = world.engine.approve(plan.id).await.unwrap().id;
            world.faults.arm(place, when);
            let job = world.engine.run(id).await.unwrap();
            let place = format!("{when:?} {call}");
            assert_eq!(job.status, JobStatus::Failed, "{place}");
            assert_eq!(job.error.unwrap().code, "fault", "{place}");
            {
                let state = world.cloud.state.lock().unwrap();
                assert!(state.droplets.is_empty(), "{place}: a machine is left");
                assert!(state.firewalls.is_empty(), "{place}: a firewall is left");
            }
            assert!(world.engine.servers().await.unwrap().is_empty(), "{place}");
            {
                let entries = world.keychain.0.lock().unwrap();
                assert!(
                    entries.keys().all(|e| !e.starts_with("host-key/")),
                    "{place}"
                );
            }
            // The name is free again.
            world.faults.clear();
            let again = world
                .engine
                .plan_provision(world.provision(account, "web-1"))
                .await;
            assert!(again.is_ok(), "{place}: {again:?}");
        }
    }
}

#[tokio::test]
async fn a_deployment_that_fails_at_any_call_leaves_the_old_release_on_every_server() {
    let run = async |fault: Option<(usize, When)>| {
        let world = World::new().await;
        let ids = world.servers(&["a", "b"]).await;
        let spot = world.service(ids, Default::default()).await;
        world.deploy(spot).await;
        let before = [world.serves("10.0.0.1"), world.serves("10.0.0.3")];
        world.edit("two");
        let plan = world.plan_deploy(spot).await.unwrap();
        let id = world.engine.approve(plan.id).await.unwrap().id;
        match fault {
            Some((place, when)) => world.faults.arm(place, when),
            None => world.faults.clear(),
        }
        let job = world.engine.run(id).await.unwrap();
        let calls = world.faults.taken();
        if fault.is_some() {
            assert_eq!(job.status, JobStatus::Failed, "{fault:?} {calls:?}");
            let after = [world.serves("10.0.0.1"), world.serves("10.0.0.3")];
            assert_eq!(before, after, "{fault:?} {calls:?}");
            let releases = world
                .engine
                .releases(spot.environment, spot.service)
                .await
                .unwrap();
            assert_eq!(releases.len(), 1);
            // And the next one works.
            world.faults.clear();
            assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
            assert_ne!(world.serves("10.0.0.1"), before[0]);
        }
        calls.len()
    };
    let calls = run(None).await;
    assert!(calls >= 9);
    for place in 0..calls {
        for when in [When::Before, When::After] {
            run(Some((place, when))).await;
        }
    }
}

#[tokio::test]
async fn a_domain_that_fails_at_any_call_leaves_the_zone_as_it_was() {
    let run = async |fault: Option<(usize, When)>| {
        let world = World::new().await;
        let (spot, request) = domains::ready(&world).await;
        world.deploy(spot).await;
        let plan = world.engine.plan_domain_add(request.clone()).await.unwrap();
        let id = world.engine.approve(plan.id).await.unwrap().id;
        match fault {
            Some((place, when)) => world.faults.arm(place, when),
            None => world.faults.clear(),
        }
        let job = world.engine.run(id).await.unwrap();
        let calls = world.faults.taken();
        if fault.is_some() {
            assert_eq!(job.status, JobStatus::Failed, "{fault:?} {calls:?}");
            {
                let state = world.cloud.state.lock().unwrap();
                assert!(state.records.is_empty(), "{fault:?}");
                assert!(state.certificates.is_empty(), "{fault:?} {calls:?}");
                let mode = state
                    .ssl
                    .unwrap_or(plimsoll_engine::ports::SslMode::Flexible);
                assert_eq!(
                    mode,
                    plimsoll_engine::ports::SslMode::Flexible,
                    "{fault:?} {calls:?}"
                );
            }
            world.hosts.with("10.0.0.1", |host| {
                assert!(host.sites.is_empty(), "{fault:?}")
            });
            assert!(
                world.engine.domains().await.unwrap().is_empty(),
                "{fault:?}"
            );
        }
        calls.len()
    };
    let calls = run(None).await;
    assert!(calls >= 4);
    for place in 0..calls {
        for when in [When::Before, When::After] {
            run(Some((place, when))).await;
        }
    }
}

#[tokio::test]
async fn a_token_that_does_not_work_is_not_kept() {
    let world = World::new().await;
    let wanted = |token: &str| plimsoll_engine::ConnectAccount {
        provider: Provider::Digitalocean,
        name: name("do"),
        endpoint: Default::default(),
        token: plimsoll_domain::Secret::new(token),
    };
    for token in ["bad-token", "", "two words", "line\nend"] {
        assert!(world.engine.connect_account(wanted(token)).await.is_err());
    }
    assert!(world.engine.accounts().await.unwrap().is_empty());
    assert!(world.keychain.0.lock().unwrap().is_empty());
    assert!(world.engine.connect_account(wanted("good")).await.is_ok());
    let error = world
        .engine
        .connect_account(wanted("good"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "name_taken");
}
