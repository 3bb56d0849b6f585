use crate::world::{Spot, World, name};
use plimsoll_domain::{
    deployment::DeploymentKind, job::JobStatus, name::VariableName, source::Source,
};
use plimsoll_engine::{
    Kind, Plan, ReconfigureRequest, RemoveServiceRequest, RestartRequest, Result, RollbackRequest,
};

const A: &str = "10.0.0.1";

pub fn rollback(spot: Spot, to: Option<u32>) -> RollbackRequest {
    RollbackRequest {
        environment_id: spot.environment,
        service_id: spot.service,
        to,
    }
}

async fn one(world: &World) -> Spot {
    let ids = world.servers(&["web-1"]).await;
    world.service(ids, Default::default()).await
}

#[tokio::test]
async fn a_warm_deployment_of_one_changed_line_asks_a_server_three_times() {
    let world = World::new().await;
    let spot = one(&world).await;
    assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
    world.edit("two");
    world.faults.clear();
    let plan = world.plan_deploy(spot).await.unwrap();
    assert!(world.faults.taken().is_empty(), "planning asks nobody");
    assert!(plan.transfer_bytes() < 200, "{}", plan.transfer_bytes());
    assert_eq!(plan.downtime_ms(), 0);
    world.succeed(plan).await;
    assert_eq!(
        world.faults.taken(),
        ["ask sync_context", "ask build", "ask deploy"]
    );
}

#[tokio::test]
async fn a_broken_release_leaves_the_old_one_serving_and_shows_the_answer() {
    let world = World::new().await;
    let spot = one(&world).await;
    world.deploy(spot).await;
    let before = world.serves(A);
    world.edit("BROKEN");
    let job = world.deploy(spot).await;
    assert_eq!(job.status, JobStatus::Failed);
    let error = job.error.unwrap();
    assert_eq!(error.code, "unhealthy");
    assert!(error.evidence.iter().any(|line| line.contains("500")));
    assert_eq!(world.serves(A), before);
    let releases = world
        .engine
        .releases(spot.environment, spot.service)
        .await
        .unwrap();
    assert_eq!(releases.len(), 1, "what never served is no release");
}

#[tokio::test]
async fn a_rollback_runs_the_same_image_with_the_variables_of_then() {
    let world = World::new().await;
    let spot = one(&world).await;
    let key = VariableName::parse("COLOUR").unwrap();
    let set = async |value: &str| {
        world
            .engine
            .set_variable(spot.environment, spot.service, key.clone(), value.into())
            .await
            .unwrap()
    };
    set("red").await;
    world.deploy(spot).await;
    let first = world.serves(A);
    set("blue").await;
    world.edit("two");
    world.deploy(spot).await;
    assert_ne!(world.serves(A), first);
    let plan = world
        .engine
        .plan_rollback(rollback(spot, None))
        .await
        .unwrap();
    world.succeed(plan).await;
    assert_eq!(world.serves(A), first);
    world.hosts.with(A, |host| {
        let ran = host.serves("shop-production-web").unwrap();
        assert_eq!(
            ran.deploy.variables,
            [("COLOUR".to_owned(), "red".to_owned())]
        );
    });
    // Going back a second time goes nowhere; going forward by number does.
    let error = world
        .engine
        .plan_rollback(rollback(spot, None))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "nowhere_to_roll_back_to");
    world
        .succeed(
            world
                .engine
                .plan_rollback(rollback(spot, Some(2)))
                .await
                .unwrap(),
        )
        .await;
    assert_ne!(world.serves(A), first);
}

#[tokio::test]
async fn first_release_has_nowhere_to_roll_back_to() {
    let world = World::new().await;
    let spot = one(&world).await;
    let back = || world.engine.plan_rollback(rollback(spot, None));
    assert_eq!(back().await.unwrap_err().code(), "never_deployed");
    world.deploy(spot).await;
    let error = back().await.unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("nowhere_to_roll_back_to", Kind::NotFound)
    );
}

#[tokio::test]
async fn a_restart_runs_the_same_release_anew_with_the_variables_of_then() {
    let world = World::new().await;
    let spot = one(&world).await;
    let request = RestartRequest {
        environment_id: spot.environment,
        service_id: spot.service,
    };
    let restart = || world.engine.plan_restart(request.clone());
    assert_eq!(restart().await.unwrap_err().code(), "never_deployed");
    world.deploy(spot).await;
    let image = world.serves(A);
    let before = world
        .engine
        .serving(spot.environment, spot.service)
        .await
        .unwrap()
        .unwrap();
    let key = VariableName::parse("COLOUR").unwrap();
    world
        .engine
        .set_variable(spot.environment, spot.service, key, "green".into())
        .await
        .unwrap();
    let plan = restart().await.unwrap();
    assert_eq!(plan.downtime_ms(), 0);
    assert_eq!(plan.transfer_bytes(), 0);
    world.succeed(plan).await;
    assert_eq!(world.serves(A), image);
    world.hosts.with(A, |host| {
        let ran = host.serves("shop-production-web").unwrap();
        assert_eq!(ran.deploy.variables, [], "it runs as it was");
        assert_ne!(ran.deploy.deployment_id, before.id, "a new container");
    });
    let serving = world
        .engine
        .serving(spot.environment, spot.service)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(serving.kind, DeploymentKind::Restart);
    assert_eq!(serving.release_id, before.release_id);
    let releases = world
        .engine
        .releases(spot.environment, spot.service)
        .await
        .unwrap();
    assert_eq!(releases.len(), 1);
}

#[tokio::test]
async fn a_reconfiguration_runs_the_same_image_with_the_variables_of_today() {
    let world = World::new().await;
    let spot = one(&world).await;
    world.deploy(spot).await;
    let image = world.serves(A);
    let key = VariableName::parse("COLOUR").unwrap();
    world
        .engine
        .set_variable(spot.environment, spot.service, key, "green".into())
        .await
        .unwrap();
    let request = ReconfigureRequest {
        environment_id: spot.environment,
        service_id: spot.service,
    };
    world
        .succeed(world.engine.plan_reconfigure(request).await.unwrap())
        .await;
    assert_eq!(world.serves(A), image);
    world.hosts.with(A, |host| {
        let ran = host.serves("shop-production-web").unwrap();
        assert_eq!(ran.deploy.variables[0].1, "green");
    });
    let releases = world
        .engine
        .releases(spot.environment, spot.service)
        .await
        .unwrap();
    assert_eq!(
        releases.iter().map(|r| r.number).collect::<Vec<_>>(),
        [2, 1]
    );
}

#[tokio::test]
async fn a_plan_whose_world_has_changed_is_refused_and_says_what_changed() {
    let world = World::new().await;
    let spot = one(&world).await;
    let plan = world.plan_deploy(spot).await.unwrap();
    let key = VariableName::parse("NEW").unwrap();
    world
        .engine
        .set_variable(spot.environment, spot.service, key, "x".into())
        .await
        .unwrap();
    let error = world.engine.approve(plan.id).await.unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("plan_outdated", Kind::Conflict)
    );
    assert!(
        error.failure().evidence[0].contains("variables.NEW"),
        "{:?}",
        error.failure()
    );
}

#[tokio::test]
async fn a_source_that_changed_after_the_plan_is_not_sent() {
    let world = World::new().await;
    let spot = one(&world).await;
    let plan = world.plan_deploy(spot).await.unwrap();
    world.edit("other");
    let job = world.run(plan).await;
    assert_eq!(job.error.unwrap().code, "source_changed");
    assert_eq!(world.serves(A), None);
}

#[tokio::test]
async fn a_server_that_lost_its_context_gets_the_whole_again() {
    let world = World::new().await;
    let spot = one(&world).await;
    world.deploy(spot).await;
    world.hosts.with(A, |host| {
        host.contexts.clear();
        host.contents.clear();
    });
    world.edit("two");
    assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
}

#[tokio::test]
async fn a_folder_without_a_dockerfile_gets_one_that_the_plan_shows() {
    let world = World::new().await;
    let spot = one(&world).await;
    world.sources.put(
        crate::world::APP,
        &[
            ("app.py", "print()"),
            ("node_modules/x/index.js", "big"),
            (".env", "A=1"),
        ],
    );
    let plan = world.plan_deploy(spot).await.unwrap();
    let shown: Vec<&str> = plan
        .steps
        .iter()
        .flat_map(|step| &step.changes)
        .filter(|change| change.subject.starts_with("Dockerfile"))
        .filter_map(|change| change.after.as_deref())
        .collect();
    assert!(shown[0].starts_with("FROM python:"), "{shown:?}");
    world.succeed(plan).await;
    world.hosts.with(A, |host| {
        let files: Vec<&String> = host.contexts.values().flat_map(|c| c.keys()).collect();
        assert_eq!(files, ["app.py"]);
    });
    world.sources.put(crate::world::APP, &[("main.c", "")]);
    assert_eq!(
        world.plan_deploy(spot).await.unwrap_err().code(),
        "stack_unknown"
    );
}

#[tokio::test]
async fn a_branch_is_pinned_to_its_commit_and_an_image_is_pulled() {
    let world = World::new().await;
    let spot = one(&world).await;
    let source = |source: Source| {
        world
            .engine
            .update_service(spot.service, Some(source), None)
    };
    source(Source::Git {
        url: "https://git.example.com/shop.git".into(),
        reference: plimsoll_domain::source::GitReference::Branch("main".into()),
        folder: String::new(),
    })
    .await
    .unwrap();
    assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
    source(Source::Image {
        reference: "nginx:1".into(),
    })
    .await
    .unwrap();
    assert_eq!(world.deploy(spot).await.status, JobStatus::Succeeded);
    let releases = world
        .engine
        .releases(spot.environment, spot.service)
        .await
        .unwrap();
    assert_eq!(
        releases[0].provenance.image_reference.as_deref(),
        Some("nginx:1")
    );
    assert_eq!(releases[1].provenance.commit.as_ref().unwrap().len(), 40);
    let bad = source(Source::Git {
        url: "ext::sh -c id".into(),
        reference: plimsoll_domain::source::GitReference::Default,
        folder: String::new(),
    })
    .await;
    assert_eq!(bad.unwrap_err().code(), "invalid_source");
}

#[tokio::test]
async fn tags_of_deployments_in_one_second_differ() {
    let world = World::new().await;
    let spot = one(&world).await;
    for text in ["1", "2", "3"] {
        world.edit(text);
        world.deploy(spot).await;
    }
    let releases = world
        .engine
        .releases(spot.environment, spot.service)
        .await
        .unwrap();
    let mut tags: Vec<&str> = releases.iter().map(|r| r.image.name()).collect();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    assert!(tags[0].starts_with("shop-production-web:deploy_"));
}

#[tokio::test]
async fn two_deployments_of_one_service_run_one_after_the_other() {
    let world = World::new().await;
    let spot = one(&world).await;
    let plans: Vec<Result<Plan>> =
        vec![world.plan_deploy(spot).await, world.plan_deploy(spot).await];
    let mut jobs = Vec::new();
    for plan in plans {
        jobs.push(world.engine.approve(plan.unwrap().id).await.unwrap().id);
    }
    let (first, second) = tokio::join!(world.engine.run(jobs[0]), world.engine.run(jobs[1]));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.status, JobStatus::Succeeded);
    assert_eq!(second.status, JobStatus::Succeeded);
    assert!(second.started_at.unwrap() >= first.finished_at.unwrap());
}

#[tokio::test]
async fn a_removed_service_runs_nowhere() {
    let world = World::new().await;
    let spot = one(&world).await;
    world.deploy(spot).await;
    let request = RemoveServiceRequest {
        environment_id: spot.environment,
        service_id: spot.service,
        volumes: false,
    };
    world
        .succeed(world.engine.plan_remove_service(request).await.unwrap())
        .await;
    assert_eq!(world.serves(A), None);
    let project = world.engine.project_named(&name("shop")).await.unwrap().id;
    let request = plimsoll_engine::RemoveEnvironmentRequest {
        environment_id: spot.environment,
        volumes: true,
    };
    world
        .succeed(world.engine.plan_remove_environment(request).await.unwrap())
        .await;
    assert!(world.engine.environments(project).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_environment_is_not_removed_beside_a_job_on_one_of_its_services() {
    let world = World::new().await;
    let spot = one(&world).await;
    world.deploy(spot).await;
    let engine = &world.engine;
    let request = plimsoll_engine::RemoveEnvironmentRequest {
        environment_id: spot.environment,
        volumes: false,
    };
    let removal = engine.plan_remove_environment(request.clone()).await;
    let removal = removal.unwrap();
    let deployment = world.plan_deploy(spot).await.unwrap();
    let late = world.plan_deploy(spot).await.unwrap();
    let job = engine.approve(deployment.id).await.unwrap().id;
    for error in [
        engine.approve(removal.id).await.unwrap_err(),
        engine.plan_remove_environment(request).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.code(), error.kind()),
            ("environment_busy", Kind::Conflict)
        );
        assert!(
            error.failure().evidence[0].contains(&job.to_string()),
            "{error:?}"
        );
    }
    assert_eq!(engine.run(job).await.unwrap().status, JobStatus::Succeeded);
    // Nor is anything deployed into an environment whose removal is in line.
    let removing = engine.approve(removal.id).await.unwrap().id;
    let error = engine.approve(late.id).await.unwrap_err();
    assert_eq!(error.code(), "environment_busy");
    assert!(error.failure().evidence[0].contains(&removing.to_string()));
    let removed = engine.run(removing).await.unwrap();
    assert_eq!(removed.status, JobStatus::Succeeded, "{:?}", removed.error);
    assert_eq!(world.serves(A), None);
}
