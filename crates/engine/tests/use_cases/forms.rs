use crate::world::{World, name};
use plimsoll_domain::{
    Secret,
    form::{FieldKind, FormKind, Values, service},
    name::VariableName,
    service::ServiceSpec,
};
use plimsoll_engine::ImportChange;

#[tokio::test]
async fn a_form_opens_with_how_things_are() {
    let world = World::new().await;
    let ids = world.servers(&["web-1", "web-2"]).await;
    let spec = ServiceSpec {
        port: Some(3000),
        ..ServiceSpec::default()
    };
    let spot = world.service(ids[..1].to_vec(), spec.clone()).await;
    let engine = &world.engine;
    let settings = engine
        .open_form(FormKind::ServiceSettings, &spot.service.to_string())
        .await
        .unwrap();
    assert_eq!(service::read_settings(&settings.values).unwrap().1, spec);
    let servers = engine
        .open_form(FormKind::EnvironmentServers, &spot.environment.to_string())
        .await
        .unwrap();
    assert_eq!(servers.values.get("servers"), ids[0].to_string());
    let offered = serde_json::to_string(&servers.form).unwrap();
    assert!(offered.contains("web-2"), "{offered}");
    let error = engine
        .open_form(FormKind::ServiceSettings, "no-id")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "invalid_id");
}

#[tokio::test]
async fn a_draft_survives_the_process_and_is_forgotten_when_told() {
    let mut world = World::new().await;
    let project = world.engine.create_project(name("shop")).await.unwrap().id;
    let about = project.to_string();
    let typed = Values::from_iter([("name", "we"), ("source.path", "/srv/half-typ")]);
    world
        .engine
        .keep_draft(FormKind::Service, &about, &typed)
        .await
        .unwrap();
    world.reopen().await;
    let draft = async |world: &World| {
        let opened = world.engine.open_form(FormKind::Service, &about).await;
        opened.unwrap().draft
    };
    assert_eq!(draft(&world).await, Some(typed));
    world
        .engine
        .forget_draft(FormKind::Service, &about)
        .await
        .unwrap();
    assert_eq!(draft(&world).await, None);
}

#[tokio::test]
async fn nothing_that_may_be_a_secret_is_kept_as_a_draft() {
    let world = World::new().await;
    let engine = &world.engine;
    let typed = Values::from_iter([
        ("name", "TOKEN"),
        ("value", "hunter2"),
        ("secret_value", "hunter2"),
    ]);
    engine
        .keep_draft(FormKind::Variable, "", &typed)
        .await
        .unwrap();
    let opened = engine.open_form(FormKind::Variable, "").await.unwrap();
    assert_eq!(opened.draft, None);
}

#[tokio::test]
async fn an_import_is_shown_before_it_happens_without_values() {
    let world = World::new().await;
    let spot = world.service(vec![], Default::default()).await;
    let engine = &world.engine;
    let key = |text: &str| VariableName::parse(text).unwrap();
    engine
        .set_variable(spot.environment, spot.service, key("MODE"), "fast".into())
        .await
        .unwrap();
    engine
        .set_variable(spot.environment, spot.service, key("SAME"), "x".into())
        .await
        .unwrap();
    engine
        .set_secret(
            spot.environment,
            spot.service,
            key("HIDDEN"),
            Secret::new("a"),
        )
        .await
        .unwrap();
    let text = Secret::new("MODE=slow\nSAME=x\nHIDDEN=b\nAPI_TOKEN=canary-77\n");
    let preview = engine
        .preview_import(spot.environment, spot.service, &text)
        .await
        .unwrap();
    let told: Vec<_> = preview
        .iter()
        .map(|one| (one.name.as_str(), one.secret, one.change))
        .collect();
    assert_eq!(
        told,
        [
            ("MODE", false, ImportChange::Replaced),
            ("SAME", false, ImportChange::Same),
            ("HIDDEN", true, ImportChange::Replaced),
            ("API_TOKEN", true, ImportChange::New),
        ]
    );
    assert!(
        !serde_json::to_string(&preview)
            .unwrap()
            .contains("canary-77")
    );
    let there = engine
        .variables(spot.environment, spot.service)
        .await
        .unwrap();
    assert_eq!(there.len(), 3, "a preview sets nothing");
}

#[tokio::test]
async fn servers_that_are_chosen_are_offered_first_in_their_order() {
    let world = World::new().await;
    let ids = world.servers(&["web-1", "web-2", "web-3"]).await;
    let spot = world
        .service(vec![ids[2], ids[0]], Default::default())
        .await;
    let opened = world
        .engine
        .open_form(FormKind::EnvironmentServers, &spot.environment.to_string())
        .await
        .unwrap();
    let FieldKind::Several { options } = &opened.form.fields[0].kind else {
        panic!("{:?}", opened.form);
    };
    let names: Vec<&str> = options.iter().map(|option| option.label.as_str()).collect();
    assert_eq!(names, ["web-3", "web-1", "web-2"]);
}
