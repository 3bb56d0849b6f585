//! The process ends in the middle of a call; the next one resumes or undoes.

use crate::{
    domains,
    fakes::Faults,
    world::{Spot, World, name},
};
use plimsoll_domain::{
    JobId,
    job::JobStatus,
    server::{Provider, ServerState},
};
use std::{sync::Arc, time::Duration};

/// Runs a job until it hangs in a call of this name, and ends the process there.
pub async fn cut(world: &mut World, id: JobId, call: &str) {
    *world.faults.hang.lock().unwrap() = Some(call.to_owned());
    world.faults.clear();
    let engine = world.engine.clone();
    let run = tokio::spawn(async move { engine.run(id).await });
    reached(&world.faults, call).await;
    world.engine.close().await.unwrap();
    run.abort();
    *world.faults.hang.lock().unwrap() = None;
    world.reopen().await;
    let interrupted = world.engine.interrupted().await.unwrap();
    assert_eq!(
        interrupted.iter().map(|job| job.id).collect::<Vec<_>>(),
        [id]
    );
}

async fn reached(faults: &Arc<Faults>, call: &str) {
    for _ in 0..2_000 {
        if faults.calls.lock().unwrap().iter().any(|c| c == call) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{call} was never called");
}

async fn approved_provisioning(world: &World) -> JobId {
    let account = world.account(Provider::Digitalocean, "do").await;
    let plan = world
        .engine
        .plan_provision(world.provision(account, "web-1"))
        .await
        .unwrap();
    world.engine.approve(plan.id).await.unwrap().id
}

async fn approved_deployment(world: &World) -> (Spot, JobId) {
    let ids = world.servers(&["a", "b"]).await;
    let spot = world.service(ids, Default::default()).await;
    world.deploy(spot).await;
    world.edit("two");
    let plan = world.plan_deploy(spot).await.unwrap();
    (spot, world.engine.approve(plan.id).await.unwrap().id)
}

#[tokio::test]
async fn a_provisioning_that_was_cut_off_resumes_without_a_second_machine() {
    for call in [
        "create_droplet",
        "droplet",
        "run ssh-keygen",
        "run systemctl",
        "run timeout",
        "write_file",
        "ensure",
        "put_firewall",
    ] {
        let mut world = World::new().await;
        let id = approved_provisioning(&world).await;
        cut(&mut world, id, call).await;
        world.engine.resume(id).await.unwrap();
        let job = world.engine.run(id).await.unwrap();
        assert_eq!(job.status, JobStatus::Succeeded, "{call}: {:?}", job.error);
        assert_eq!(
            world.cloud.state.lock().unwrap().droplets.len(),
            1,
            "{call}"
        );
        let server = world.engine.server_named(&name("web-1")).await.unwrap();
        assert_eq!(server.state, ServerState::Ready);
    }
}

#[tokio::test]
async fn a_provisioning_that_was_cut_off_is_undone_whole() {
    for call in ["create_droplet", "run ssh-keygen", "put_firewall"] {
        let mut world = World::new().await;
        let id = approved_provisioning(&world).await;
        cut(&mut world, id, call).await;
        world.engine.undo(id).await.unwrap();
        world.engine.run(id).await.unwrap();
        {
            let state = world.cloud.state.lock().unwrap();
            assert!(
                state.droplets.is_empty() && state.firewalls.is_empty(),
                "{call}"
            );
        }
        assert!(world.engine.servers().await.unwrap().is_empty(), "{call}");
    }
}

#[tokio::test]
async fn a_deployment_that_was_cut_off_resumes_or_is_undone_at_any_call() {
    for call in [
        "ask sync_context",
        "ask build",
        "ask layers",
        "export",
        "ask load",
        "ask deploy",
        "ask commit",
    ] {
        for undo in [false, true] {
            let mut world = World::new().await;
            let (spot, id) = approved_deployment(&world).await;
            let before = world.serves("10.0.0.1");
            cut(&mut world, id, call).await;
            if undo {
                world.engine.undo(id).await.unwrap();
            } else {
                world.engine.resume(id).await.unwrap();
            }
            let job = world.engine.run(id).await.unwrap();
            let after = [world.serves("10.0.0.1"), world.serves("10.0.0.3")];
            assert_eq!(after[0], after[1], "{call}, undo {undo}");
            assert_eq!(
                after[0] == before,
                undo,
                "{call}, undo {undo}: {:?}",
                job.error
            );
            let releases = world
                .engine
                .releases(spot.environment, spot.service)
                .await
                .unwrap();
            assert_eq!(releases.len(), if undo { 1 } else { 2 });
        }
    }
}

#[tokio::test]
async fn a_cancelled_deployment_changes_nothing() {
    let world = World::new().await;
    let (_, id) = approved_deployment(&world).await;
    let before = world.serves("10.0.0.1");
    *world.faults.hang.lock().unwrap() = Some("ask deploy".to_owned());
    world.faults.clear();
    let engine = world.engine.clone();
    let run = tokio::spawn(async move { engine.run(id).await.unwrap() });
    reached(&world.faults, "ask deploy").await;
    world.engine.cancel(id).await.unwrap();
    let job = run.await.unwrap();
    assert_eq!(job.status, JobStatus::Cancelled, "{:?}", job.error);
    assert_eq!(world.serves("10.0.0.1"), before);
}

#[tokio::test]
async fn an_environment_is_not_removed_while_a_deployment_in_it_is_cut_off() {
    let mut world = World::new().await;
    let (spot, id) = approved_deployment(&world).await;
    cut(&mut world, id, "ask deploy").await;
    let request = plimsoll_engine::RemoveEnvironmentRequest {
        environment_id: spot.environment,
        volumes: false,
    };
    let remove = || world.engine.plan_remove_environment(request.clone());
    let error = remove().await.unwrap_err();
    assert_eq!(error.code(), "environment_busy");
    assert!(error.failure().evidence[0].contains("interrupted"));
    world.engine.undo(id).await.unwrap();
    world.engine.run(id).await.unwrap();
    world.succeed(remove().await.unwrap()).await;
    assert_eq!(world.serves("10.0.0.1"), None);
}

#[tokio::test]
async fn an_environment_is_not_deleted_while_its_first_deployment_is_cut_off() {
    let mut world = World::new().await;
    let ids = world.servers(&["a"]).await;
    let spot = world.service(ids, Default::default()).await;
    let plan = world.plan_deploy(spot).await.unwrap();
    let id = world.engine.approve(plan.id).await.unwrap().id;
    cut(&mut world, id, "ask deploy").await;
    let error = world.engine.delete_environment(spot.environment).await;
    assert_eq!(error.unwrap_err().code(), "environment_busy");
    world.engine.undo(id).await.unwrap();
    world.engine.run(id).await.unwrap();
    let deleted = world.engine.delete_environment(spot.environment).await;
    assert!(deleted.is_ok(), "{deleted:?}");
}

#[tokio::test]
async fn a_certificate_whose_answer_was_lost_is_adopted_or_revoked_and_not_issued_twice() {
    for undo in [false, true] {
        let mut world = World::new().await;
        let (spot, request) = domains::ready(&world).await;
        world.deploy(spot).await;
        let plan = world.engine.plan_domain_add(request).await.unwrap();
        let id = world.engine.approve(plan.id).await.unwrap().id;
        cut(&mut world, id, "answer of the origin ca").await;
        let issued = world.cloud.state.lock().unwrap().certificates.clone();
        assert_eq!(issued.len(), 1);
        if undo {
            world.engine.undo(id).await.unwrap();
        } else {
            world.engine.resume(id).await.unwrap();
        }
        let job = world.engine.run(id).await.unwrap();
        let state = world.cloud.state.lock().unwrap();
        assert_eq!(state.signed.len(), 1, "one request, one certificate");
        if undo {
            assert_eq!(job.status, JobStatus::Cancelled, "{:?}", job.error);
            assert!(state.certificates.is_empty());
            continue;
        }
        assert_eq!(job.status, JobStatus::Succeeded, "{:?}", job.error);
        assert_eq!(state.certificates, issued);
        // The key that serves is the one that was signed.
        let number = state.signed[0].0.split(' ').nth(1).unwrap();
        world.hosts.with("10.0.0.1", |host| {
            let (_, key) = &host.sites["shop-production-web"];
            let signed = format!("certificate-key-{number}-canary");
            assert!(key.as_ref().unwrap().contains(&signed), "{key:?}");
        });
    }
}
