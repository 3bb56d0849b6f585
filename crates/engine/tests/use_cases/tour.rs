use crate::world::{APP, World, name};
use plimsoll_domain::{
    Secret,
    preferences::{EditorPreferences, Motion, Preferences, Theme},
    server::{Endpoint, Provider},
    tour::{SampleState, TourState, TourStepId},
};
use plimsoll_engine::{ConnectAccount, Kind, TourGround};

fn ground(sample: SampleState) -> TourGround {
    TourGround {
        practice_runs: true,
        folder: APP.into(),
        sample,
    }
}

fn logins(token: &str) -> Vec<ConnectAccount> {
    [
        (Provider::Digitalocean, "practice-digitalocean"),
        (Provider::Cloudflare, "practice-cloudflare"),
    ]
    .into_iter()
    .map(|(provider, text)| ConnectAccount {
        provider,
        name: name(text),
        endpoint: Endpoint {
            url: Some("https://127.0.0.1:7443".to_owned()),
            ..Endpoint::default()
        },
        token: Secret::new(token),
    })
    .collect()
}

async fn present(world: &World, sample: SampleState) -> Option<TourStepId> {
    let tour = world.engine.tour(&ground(sample)).await.unwrap();
    tour.steps
        .into_iter()
        .find(|step| step.state == TourState::Now)
        .map(|step| step.id)
}

async fn run(world: &World, step: TourStepId, sample: SampleState) {
    let plan = world.engine.plan_tour(&ground(sample), step).await;
    world.succeed(plan.unwrap()).await;
}

#[tokio::test]
async fn the_tour_leads_from_nothing_to_a_name_by_the_plans_that_everybody_makes() {
    use SampleState::{Good, Missing};
    let world = World::new().await;
    let engine = &world.engine;
    assert_eq!(present(&world, Missing).await, Some(TourStepId::Accounts));
    engine.connect_practice(logins("first")).await.unwrap();
    assert_eq!(present(&world, Missing).await, Some(TourStepId::Server));
    run(&world, TourStepId::Server, Missing).await;
    assert_eq!(present(&world, Missing).await, Some(TourStepId::Project));
    world
        .sources
        .put(APP, &[("Dockerfile", "FROM scratch"), ("main", "one")]);
    let service = engine.create_sample(&ground(Good)).await.unwrap().id;
    let again = engine.create_sample(&ground(Good)).await.unwrap().id;
    assert_eq!(service, again, "asked twice, it is there once");
    assert_eq!(present(&world, Good).await, Some(TourStepId::Deploy));
    run(&world, TourStepId::Deploy, Good).await;
    assert_eq!(present(&world, Good).await, Some(TourStepId::Domain));
    run(&world, TourStepId::Domain, Good).await;
    assert_eq!(present(&world, Good).await, Some(TourStepId::Visit));
    let tour = engine.tour(&ground(Good)).await.unwrap();
    let domain = tour.domain.unwrap();
    assert_eq!(domain.host.as_str(), "hello.example.com");
    let visit = engine.visit_tour(domain.id).await.unwrap();
    assert_eq!(visit.https.unwrap().status, 200);
    assert_eq!(present(&world, Good).await, Some(TourStepId::Break));
}

#[tokio::test]
async fn a_practice_cloud_that_was_wiped_is_forgotten_and_the_tour_begins_again() {
    use SampleState::Good;
    let world = World::new().await;
    let engine = &world.engine;
    engine.connect_practice(logins("first")).await.unwrap();
    run(&world, TourStepId::Server, Good).await;
    world
        .sources
        .put(APP, &[("Dockerfile", "FROM scratch"), ("main", "one")]);
    let service = engine.create_sample(&ground(Good)).await.unwrap().id;
    run(&world, TourStepId::Deploy, Good).await;
    run(&world, TourStepId::Domain, Good).await;
    engine.forget_practice().await.unwrap();
    assert!(engine.accounts().await.unwrap().is_empty());
    assert!(engine.domains().await.unwrap().is_empty());
    assert!(engine.certificates().await.unwrap().is_empty());
    let kept = world.keychain.0.lock().unwrap().len();
    assert_eq!(kept, 2, "the data key and the login key stay");
    assert_eq!(present(&world, Good).await, Some(TourStepId::Accounts));
    engine.connect_practice(logins("second")).await.unwrap();
    run(&world, TourStepId::Server, Good).await;
    let again = engine.create_sample(&ground(Good)).await.unwrap().id;
    assert_eq!(service, again);
    assert_eq!(present(&world, Good).await, Some(TourStepId::Deploy));
    run(&world, TourStepId::Deploy, Good).await;
    assert_eq!(present(&world, Good).await, Some(TourStepId::Domain));
}

#[tokio::test]
async fn a_step_before_its_turn_says_what_comes_first() {
    let world = World::new().await;
    let ground = ground(SampleState::Missing);
    for step in [TourStepId::Server, TourStepId::Deploy, TourStepId::RollBack] {
        let error = world.engine.plan_tour(&ground, step).await.unwrap_err();
        assert_eq!(
            (error.code(), error.kind()),
            ("tour_step_early", Kind::Conflict)
        );
    }
    let error = world.engine.create_sample(&ground).await.unwrap_err();
    assert_eq!(error.code(), "tour_step_early");
}

#[tokio::test]
async fn accounts_of_a_practice_cloud_that_was_wiped_are_brought_up_to_date() {
    let world = World::new().await;
    let engine = &world.engine;
    let first = engine.connect_practice(logins("first")).await.unwrap();
    let second = engine.connect_practice(logins("second")).await.unwrap();
    let ids = |connected: &[plimsoll_engine::Connected]| -> Vec<_> {
        connected.iter().map(|one| one.account.id).collect()
    };
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(engine.accounts().await.unwrap().len(), 2);
    let kept = world.keychain.0.lock().unwrap();
    assert!(kept.values().any(|token| token.expose() == "second"));
    assert!(!kept.values().any(|token| token.expose() == "first"));
}

#[tokio::test]
async fn preferences_are_kept_and_what_cannot_be_read_counts_as_never_chosen() {
    let mut world = World::new().await;
    assert_eq!(
        world.engine.preferences().await.unwrap(),
        Preferences::default()
    );
    let chosen = Preferences {
        theme: Theme::Light,
        motion: Motion::Reduced,
        editor: EditorPreferences {
            font_size: 18,
            ..EditorPreferences::default()
        },
        ..Preferences::default()
    };
    world.engine.set_preferences(chosen).await.unwrap();
    let mut unreadable = chosen;
    unreadable.editor.font_size = 0;
    let refused = world.engine.set_preferences(unreadable).await;
    assert_eq!(refused.unwrap_err().code(), "invalid_setting");
    world.reopen().await;
    assert_eq!(world.engine.preferences().await.unwrap(), chosen);
}
