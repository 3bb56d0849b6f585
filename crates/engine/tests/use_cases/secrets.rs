use crate::world::World;
use plimsoll_domain::{Secret, name::VariableName};
use plimsoll_engine::Page;
use std::path::Path;

const CANARY: &str = "canary-5f2d-never-to-be-seen";

fn holds(folder: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holds(&path, needle));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes
                .windows(needle.len())
                .any(|part| part == needle.as_bytes())
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_secret_reaches_the_container_and_nothing_else() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    let engine = &world.engine;
    let key = |text: &str| VariableName::parse(text).unwrap();
    engine
        .set_secret(
            spot.environment,
            spot.service,
            key("PASSWORD"),
            Secret::new(CANARY),
        )
        .await
        .unwrap();
    let text = Secret::new(format!("PLAIN=seen\nTOKEN='{CANARY}-2'\n"));
    let imported = engine
        .import_variables(spot.environment, spot.service, &text, &[key("TOKEN")])
        .await
        .unwrap();
    assert_eq!(imported.plain, [key("PLAIN")]);
    assert_eq!(imported.secret, [key("TOKEN")]);
    let plan = world.plan_deploy(spot).await.unwrap();
    assert!(!serde_json::to_string(&plan).unwrap().contains(CANARY));
    let id = world.succeed(plan).await;
    world.hosts.with("10.0.0.1", |host| {
        let ran = host.serves("shop-production-web").unwrap();
        assert!(ran.secrets.contains(CANARY));
        assert!(!serde_json::to_string(&ran.deploy).unwrap().contains(CANARY));
        assert_eq!(ran.deploy.secret_names, ["PASSWORD", "TOKEN"]);
    });
    let steps = serde_json::to_string(&engine.steps(id).await.unwrap()).unwrap();
    assert!(!steps.contains(CANARY));
    let revealed = engine
        .reveal_secret(spot.environment, spot.service, &key("PASSWORD"))
        .await
        .unwrap();
    assert_eq!(revealed.expose(), CANARY);
    let audit = engine
        .audit(
            &Default::default(),
            &Page {
                before: None,
                limit: 200,
            },
        )
        .await
        .unwrap();
    assert!(
        audit
            .items
            .iter()
            .any(|entry| entry.act == "variable.reveal")
    );
    engine.close().await.unwrap();
    for needle in [CANARY, "-canary", "PRIVATE", "private0"] {
        let found = holds(world.folder.path(), needle);
        assert!(found.is_empty(), "{needle} is in {found:?}");
    }
}
