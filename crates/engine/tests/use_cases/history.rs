//! Looking back: releases side by side, the list of deployments, plans made again.

use crate::world::{World, name};
use futures::StreamExt;
use plimsoll_domain::{Secret, job::JobStatus, name::VariableName};
use plimsoll_engine::{Difference, RollbackRequest};
use plimsoll_store::{DeploymentFilter, Page};

const CANARY: &str = "canary-91ab-never-to-be-seen";
const PLAIN: &str = "plain-value-that-stays-where-it-is";

fn key(text: &str) -> VariableName {
    VariableName::parse(text).unwrap()
}

#[tokio::test]
async fn releases_are_compared_by_names_and_files_and_without_a_value() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    let engine = &world.engine;
    let (environment, service) = (spot.environment, spot.service);
    let set = |name: &'static str, value: &'static str| {
        engine.set_variable(environment, service, key(name), value.to_owned())
    };
    let seal = |name: &'static str, value: String| {
        engine.set_secret(environment, service, key(name), Secret::new(value))
    };
    set("SAME", PLAIN).await.unwrap();
    set("GONE", PLAIN).await.unwrap();
    seal("KEPT", format!("{CANARY}-1")).await.unwrap();
    seal("ANEW", format!("{CANARY}-2")).await.unwrap();
    assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
    world.edit("two");
    set("NEW", PLAIN).await.unwrap();
    seal("ANEW", format!("{CANARY}-3")).await.unwrap();
    engine
        .unset_variable(environment, service, &key("GONE"))
        .await
        .unwrap();
    assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);

    let kept = engine.kept_releases(environment, service).await.unwrap();
    let numbers: Vec<_> = kept
        .iter()
        .map(|row| (row.release.number, row.serves))
        .collect();
    assert_eq!(numbers, [(2, true), (1, false)]);
    let found = engine
        .compare_releases(kept[1].release.id, kept[0].release.id)
        .await
        .unwrap();
    let variables: Vec<_> = found
        .variables
        .iter()
        .map(|one| (one.name.as_str(), one.secret, one.difference))
        .collect();
    assert_eq!(
        variables,
        [
            ("ANEW", true, Difference::Sealed),
            ("GONE", false, Difference::Removed),
            ("KEPT", true, Difference::Same),
            ("NEW", false, Difference::Added),
            ("SAME", false, Difference::Same),
        ]
    );
    let files = found.files.as_deref().unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(
        (files[0].path.as_str(), files[0].difference),
        ("main", Difference::Changed)
    );
    assert_eq!(found.settings, []);
    let told = serde_json::to_string(&found).unwrap();
    assert!(!told.contains(CANARY));
    assert!(!told.contains(PLAIN));
    assert!(
        !told.contains("sealed\":\""),
        "no sealed text either: {told}"
    );
}

#[tokio::test]
async fn any_part_of_the_history_is_what_paging_shows() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    for text in ["one", "two", "three"] {
        world.edit(text);
        assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
    }
    let engine = &world.engine;
    let filter = DeploymentFilter {
        text: Some("#2".into()),
        ..DeploymentFilter::default()
    };
    assert_eq!(engine.deployment_ids(&filter).await.unwrap().len(), 1);
    let filter = DeploymentFilter::default();
    let ids = engine.deployment_ids(&filter).await.unwrap();
    let rows = engine.deployment_rows(&ids).await.unwrap();
    let paged = engine.deployments(&filter, &Page::default()).await.unwrap();
    assert!(rows.iter().map(|row| &row.deployment).eq(&paged.items));
    let said: Vec<_> = rows.iter().map(|row| (row.number, row.serves)).collect();
    assert_eq!(said, [(Some(3), true), (Some(2), false), (Some(1), false)]);
    assert_eq!(rows[0].service, name("web"));
    let detail = engine.deployment_detail(ids[2]).await.unwrap();
    assert_eq!(detail.release.unwrap().number, 1);
    assert_eq!(detail.kept.len(), 3);
}

#[tokio::test]
async fn a_plan_whose_world_has_moved_is_made_again_from_what_was_asked() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    let outdated = world.plan_deploy(spot).await.unwrap();
    world
        .engine
        .set_variable(spot.environment, spot.service, key("NEW"), "x".into())
        .await
        .unwrap();
    let refused = world.engine.approve(outdated.id).await.unwrap_err();
    assert_eq!(refused.code(), "plan_outdated");
    let again = world.engine.plan_again(outdated.id).await.unwrap();
    assert_ne!(again.id, outdated.id);
    assert_eq!(again.title, outdated.title);
    world.succeed(again).await;
    world.edit("three");
    world.succeed(world.plan_deploy(spot).await.unwrap()).await;
    let back = RollbackRequest {
        environment_id: spot.environment,
        service_id: spot.service,
        to: Some(1),
    };
    let plan = world.engine.plan_rollback(back).await.unwrap();
    let again = world.engine.plan_again(plan.id).await.unwrap();
    assert_eq!(again.title, plan.title);
}

#[tokio::test]
async fn who_follows_a_job_sees_its_end_and_how_long_its_log_is() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    let plan = world.plan_deploy(spot).await.unwrap();
    let job = world.engine.approve(plan.id).await.unwrap().id;
    let first = world.engine.job_now(job).await.unwrap();
    assert!(first.moves.cancel && !first.moves.retry);
    let news = world.engine.follow(job).await.unwrap();
    let (ended, news) = tokio::join!(world.engine.run(job), news.collect::<Vec<_>>());
    assert_eq!(ended.unwrap().status, JobStatus::Succeeded);
    let last = news.last().unwrap().as_ref().unwrap();
    assert_eq!(last.job.status, JobStatus::Succeeded);
    assert_eq!(last.steps.len(), last.lines.len());
    for (step, lines) in (0u32..).zip(&last.lines) {
        let size = world.engine.log_size(job, Some(step)).await.unwrap();
        assert_eq!(size.total, *lines);
    }
    let told = world.engine.since(job).await.unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].serves, "{}", told[0].text);
}
