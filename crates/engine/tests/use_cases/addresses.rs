//! Reserved addresses: kept for a server, known again after a crash, given back.

use crate::{
    fakes::When,
    resuming::cut,
    world::{World, name},
};
use plimsoll_domain::{ServerId, job::JobStatus};
use plimsoll_engine::{DestroyRequest, DestroyTarget, ports::ReservedIp};

/// A server, and an address of the account that is nobody's.
async fn ready(world: &World) -> ServerId {
    let id = world.servers(&["web-1"]).await[0];
    world.cloud.state.lock().unwrap().reserved.push(strange());
    id
}

fn strange() -> ReservedIp {
    ReservedIp {
        ip: "198.51.100.1".to_owned(),
        region: "fra1".to_owned(),
        droplet_id: None,
    }
}

/// The addresses besides the strange one, which is as it was.
fn ours(world: &World) -> Vec<ReservedIp> {
    let mut all = world.cloud.state.lock().unwrap().reserved.clone();
    let before = all.len();
    all.retain(|ip| *ip != strange());
    assert_eq!(all.len() + 1, before, "the strange address was touched");
    all
}

async fn kept(world: &World) -> Option<String> {
    let server = world.engine.server_named(&name("web-1")).await.unwrap();
    server.reserved_ip
}

#[tokio::test]
async fn an_address_is_reserved_once_shown_and_given_back() {
    let world = World::new().await;
    let id = ready(&world).await;
    let error = world.engine.plan_release_ip(id).await.unwrap_err();
    assert_eq!(error.code(), "no_address");
    let plan = world.engine.plan_reserve_ip(id).await.unwrap();
    world.succeed(plan).await;
    let [ip] = &ours(&world)[..] else {
        panic!("not one address: {:?}", ours(&world));
    };
    assert_eq!(kept(&world).await.as_ref(), Some(&ip.ip));
    assert_eq!(ip.droplet_id, Some(1));
    let error = world.engine.plan_reserve_ip(id).await.unwrap_err();
    assert_eq!(error.code(), "address_there");
    let plan = world.engine.plan_release_ip(id).await.unwrap();
    world.succeed(plan).await;
    assert_eq!(ours(&world), []);
    assert_eq!(kept(&world).await, None);
}

#[tokio::test]
async fn an_address_that_somebody_else_pointed_at_the_server_is_left_alone() {
    let world = World::new().await;
    let id = ready(&world).await;
    world.cloud.state.lock().unwrap().reserved[0].droplet_id = Some(1);
    let error = world.engine.plan_reserve_ip(id).await.unwrap_err();
    assert_eq!(error.code(), "address_there");
    let error = world.engine.plan_release_ip(id).await.unwrap_err();
    assert_eq!(error.code(), "no_address");
}

#[tokio::test]
async fn an_address_whose_answer_was_lost_is_found_again_and_not_reserved_twice() {
    for call in ["reserve_ip", "answer of the reservation", "assign_ip"] {
        for (undo, pointed) in [(false, true), (false, false), (true, true), (true, false)] {
            let place = format!("{call}, undo {undo}, pointed {pointed}");
            let mut world = World::new().await;
            let server = ready(&world).await;
            let plan = world.engine.plan_reserve_ip(server).await.unwrap();
            let id = world.engine.approve(plan.id).await.unwrap().id;
            cut(&mut world, id, call).await;
            // The provider may not have pointed it by now, nor ever do so.
            if !pointed && let Some(ours) = world.cloud.state.lock().unwrap().reserved.get_mut(1) {
                ours.droplet_id = None;
            }
            if undo {
                world.engine.undo(id).await.unwrap();
            } else {
                world.engine.resume(id).await.unwrap();
            }
            let job = world.engine.run(id).await.unwrap();
            let ours = ours(&world);
            if undo {
                assert_eq!(job.status, JobStatus::Cancelled, "{place}: {:?}", job.error);
                assert_eq!(ours, [], "{place}");
                assert_eq!(kept(&world).await, None, "{place}");
                continue;
            }
            assert_eq!(job.status, JobStatus::Succeeded, "{place}: {:?}", job.error);
            assert_eq!(ours.len(), 1, "{place}: {ours:?}");
            assert_eq!(ours[0].droplet_id, Some(1), "{place}");
            assert_eq!(kept(&world).await.as_ref(), Some(&ours[0].ip), "{place}");
        }
    }
}

#[tokio::test]
async fn a_reservation_that_fails_at_any_call_leaves_no_address() {
    let run = async |fault: Option<(usize, When)>| {
        let world = World::new().await;
        let server = ready(&world).await;
        let plan = world.engine.plan_reserve_ip(server).await.unwrap();
        let id = world.engine.approve(plan.id).await.unwrap().id;
        match fault {
            Some((place, when)) => world.faults.arm(place, when),
            None => world.faults.clear(),
        }
        let job = world.engine.run(id).await.unwrap();
        let calls = world.faults.taken();
        if fault.is_some() {
            assert_eq!(job.status, JobStatus::Failed, "{fault:?} {calls:?}");
            assert_eq!(ours(&world), [], "{fault:?} {calls:?}");
            assert_eq!(kept(&world).await, None, "{fault:?} {calls:?}");
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
async fn a_destroyed_server_gives_its_address_back() {
    let world = World::new().await;
    let id = ready(&world).await;
    let plan = world.engine.plan_reserve_ip(id).await.unwrap();
    world.succeed(plan).await;
    let request = DestroyRequest {
        target: DestroyTarget::Server { server_id: id },
        force: None,
    };
    let plan = world.engine.plan_destroy(request).await.unwrap();
    world.succeed(plan).await;
    assert_eq!(ours(&world), []);
}

#[tokio::test]
async fn a_name_leads_to_the_reserved_address_of_its_server() {
    let world = World::new().await;
    let (spot, request) = crate::domains::ready(&world).await;
    world.deploy(spot).await;
    world
        .succeed(world.engine.plan_domain_add(request.clone()).await.unwrap())
        .await;
    let leads_to = || world.cloud.state.lock().unwrap().records[0].content.clone();
    assert_eq!(leads_to(), "10.0.0.1");
    let server = world.engine.server_named(&name("web-1")).await.unwrap();
    let plan = world.engine.plan_reserve_ip(server.id).await.unwrap();
    world.succeed(plan).await;
    // Asked for again, the name is brought up to date.
    let plan = world.engine.plan_domain_add(request).await.unwrap();
    let shown: Vec<_> = plan.steps.iter().flat_map(|step| &step.changes).collect();
    let reserved = kept(&world).await.unwrap();
    assert!(
        shown
            .iter()
            .any(|change| change.subject == "app.example.com"
                && change
                    .after
                    .as_deref()
                    .is_some_and(|to| to.contains(&reserved))),
        "{shown:?}"
    );
    world.succeed(plan).await;
    assert_eq!(leads_to(), reserved);
}
