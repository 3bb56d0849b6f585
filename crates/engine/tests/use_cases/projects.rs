use crate::world::{World, name};
use plimsoll_domain::{Secret, name::VariableName, service::ServiceSpec, source::Source};
use plimsoll_engine::{DeployRequest, Kind, NewService};

#[tokio::test]
async fn names_are_unique_where_they_have_to_be_and_unknown_ones_list_what_there_is() {
    let world = World::new().await;
    let engine = &world.engine;
    let shop = engine.create_project(name("shop")).await.unwrap().id;
    let error = engine.create_project(name("shop")).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), ("name_taken", Kind::Conflict));
    let error = engine.project_named(&name("shoop")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("project_unknown", Kind::NotFound)
    );
    assert_eq!(error.failure().evidence, ["shop"]);
    engine
        .create_environment(shop, name("production"), vec![])
        .await
        .unwrap();
    let error = engine.delete_project(shop).await.unwrap_err();
    assert_eq!(error.code(), "project_in_use");
}

#[tokio::test]
async fn a_service_that_cannot_work_is_refused_before_it_is_written() {
    let world = World::new().await;
    let project_id = world.engine.create_project(name("shop")).await.unwrap().id;
    let new = |source: Source, spec: ServiceSpec| NewService {
        project_id,
        name: name("web"),
        source,
        spec,
    };
    let folder = Source::Folder {
        path: "/src".into(),
    };
    let mut spec = ServiceSpec::default();
    spec.build.dockerfile = "../../etc/passwd".into();
    let error = world
        .engine
        .create_service(new(folder, spec))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "invalid_setting");
    let relative = Source::Folder {
        path: "src; rm -rf /".into(),
    };
    let error = world
        .engine
        .create_service(new(relative, ServiceSpec::default()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("invalid_source", Kind::BadInput)
    );
    assert!(world.engine.services(project_id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_saved_configuration_is_used_again_and_own_variables_win() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    let engine = &world.engine;
    let key = |text: &str| VariableName::parse(text).unwrap();
    let set = async |text: &str, value: &str| {
        engine
            .set_variable(spot.environment, spot.service, key(text), value.into())
            .await
            .unwrap()
    };
    set("A", "saved").await;
    set("B", "saved").await;
    let configuration = engine
        .save_configuration(name("small"), spot.environment, spot.service)
        .await
        .unwrap()
        .id;
    engine
        .unset_variable(spot.environment, spot.service, &key("A"))
        .await
        .unwrap();
    set("B", "own").await;
    let request = DeployRequest {
        environment_id: spot.environment,
        service_id: spot.service,
        reference: None,
        configuration_id: Some(configuration),
        version: None,
    };
    world
        .succeed(engine.plan_deploy(request).await.unwrap())
        .await;
    world.hosts.with("10.0.0.1", |host| {
        let ran = host.serves("shop-production-web").unwrap();
        let wanted = [
            ("A".to_owned(), "saved".to_owned()),
            ("B".to_owned(), "own".to_owned()),
        ];
        assert_eq!(ran.deploy.variables, wanted);
    });
}

#[tokio::test]
async fn an_env_text_with_a_bad_line_changes_nothing() {
    let world = World::new().await;
    let spot = world.service(vec![], Default::default()).await;
    let text = Secret::new("A=1\nhunter2 is no line\n");
    let error = world
        .engine
        .import_variables(spot.environment, spot.service, &text, &[])
        .await
        .unwrap_err();
    assert_eq!(error.code(), "invalid_env_file");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(
        world
            .engine
            .variables(spot.environment, spot.service)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_environment_without_servers_is_told_so() {
    let world = World::new().await;
    let spot = world.service(vec![], Default::default()).await;
    let error = world.plan_deploy(spot).await.unwrap_err();
    assert_eq!(error.code(), "environment_without_servers");
}
