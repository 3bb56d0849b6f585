use crate::{
    deploying::rollback,
    world::{Spot, World},
};
use plimsoll_domain::{
    job::JobStatus,
    service::{BuildPlace, ServiceSpec},
};

const ALL: [&str; 3] = ["10.0.0.1", "10.0.0.3", "10.0.0.5"];

async fn three(world: &World, spec: ServiceSpec) -> Spot {
    let ids = world.servers(&["a", "b", "c"]).await;
    world.service(ids, spec).await
}

fn spec() -> ServiceSpec {
    ServiceSpec {
        release_command: vec!["migrate".into()],
        ..ServiceSpec::default()
    }
}

#[tokio::test]
async fn an_image_is_built_once_and_runs_on_all_servers() {
    let world = World::new().await;
    let spot = three(&world, spec()).await;
    world.faults.clear();
    assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
    let calls = world.faults.taken();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    assert_eq!(count("ask build"), 1);
    assert_eq!(count("export"), 1, "one archive serves all");
    assert_eq!(count("ask load"), 2);
    assert_eq!(count("ask commit"), 3);
    let last_proof = calls.iter().rposition(|call| call == "ask deploy").unwrap();
    let first_switch = calls.iter().position(|call| call == "ask commit").unwrap();
    assert!(last_proof < first_switch, "all prove before any switches");
    let served: Vec<_> = ALL.iter().map(|address| world.serves(address)).collect();
    assert!(served[0].is_some());
    assert!(served.iter().all(|one| *one == served[0]));
    let commands: u32 = ALL
        .iter()
        .map(|address| world.hosts.with(address, |host| host.release_commands))
        .sum();
    assert_eq!(commands, 1, "the release command runs once");
}

#[tokio::test]
async fn one_server_that_fails_its_proof_keeps_all_on_the_old_release() {
    let world = World::new().await;
    let spot = three(&world, spec()).await;
    world.deploy(spot).await;
    let before: Vec<_> = ALL.iter().map(|address| world.serves(address)).collect();
    world.edit("BROKEN");
    let job = world.deploy(spot).await;
    assert_eq!(job.status, JobStatus::Failed);
    let after: Vec<_> = ALL.iter().map(|address| world.serves(address)).collect();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_rollback_copies_an_image_to_a_server_that_lost_it() {
    let world = World::new().await;
    let spot = three(&world, ServiceSpec::default()).await;
    world.deploy(spot).await;
    let first = world.serves(ALL[0]);
    world.edit("two");
    world.deploy(spot).await;
    world.hosts.with(ALL[1], |host| host.images.clear());
    let plan = world
        .engine
        .plan_rollback(rollback(spot, None))
        .await
        .unwrap();
    world.succeed(plan).await;
    for address in ALL {
        assert_eq!(world.serves(address), first);
    }
}

#[tokio::test]
async fn an_image_that_is_nowhere_any_more_is_said_so() {
    let world = World::new().await;
    let spot = three(&world, ServiceSpec::default()).await;
    world.deploy(spot).await;
    world.edit("two");
    world.deploy(spot).await;
    for address in ALL {
        world.hosts.with(address, |host| host.images.clear());
    }
    let plan = world
        .engine
        .plan_rollback(rollback(spot, None))
        .await
        .unwrap();
    let job = world.run(plan).await;
    assert_eq!(job.error.unwrap().code, "image_gone");
}

#[tokio::test]
async fn an_image_built_here_is_sent_to_every_server() {
    let world = World::new().await;
    let mut spec = ServiceSpec::default();
    spec.build.place = BuildPlace::Local;
    let spot = three(&world, spec).await;
    assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
    assert!(ALL.iter().all(|address| world.serves(address).is_some()));
}
