use crate::world::World;
use futures::StreamExt;
use plimsoll_protocol::Health;

#[tokio::test]
async fn what_runs_is_told_with_its_release_and_again_and_again() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids.clone(), Default::default()).await;
    let before = world.engine.server_health(ids[0]).await;
    assert_eq!((before.failure, before.services), (None, vec![]));
    world.deploy(spot).await;
    world.edit("two");
    world.deploy(spot).await;
    let news: Vec<_> = world.engine.watch_health(ids).take(2).collect().await;
    for health in news {
        let [service] = &health.services[..] else {
            panic!("{health:?}");
        };
        assert_eq!(service.environment_id, spot.environment);
        assert_eq!(service.service_id, spot.service);
        assert_eq!(
            (service.health, service.release),
            (Health::Healthy, Some(2))
        );
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_news_and_keeps_nobody_waiting() {
    let world = World::new().await;
    let ids = world.servers(&["web-1", "web-2"]).await;
    let spot = world.service(ids.clone(), Default::default()).await;
    world.deploy(spot).await;
    world
        .hosts
        .with("10.0.0.1", |host| host.host_key = "another".to_owned());
    let news: Vec<_> = world.engine.watch_health(ids).take(2).collect().await;
    let failures: Vec<_> = news
        .iter()
        .filter_map(|health| health.failure.as_ref())
        .map(|failure| failure.code.as_str())
        .collect();
    assert_eq!(failures, ["ssh_host_key_changed"]);
    assert!(news.iter().any(|health| health.services.len() == 1));
}
