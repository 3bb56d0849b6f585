use crate::world::World;
use plimsoll_domain::{Secret, name::VariableName};
use plimsoll_engine::{LogsRequest, Page, ports::Progress};
use plimsoll_protocol::LogStream;
use std::{
    path::Path,
    sync::{Arc, Mutex},
};

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

#[derive(Default)]
struct Screen(Mutex<String>);

impl Progress for Screen {
    fn line(&self, _: LogStream, line: &str) {
        self.0.lock().unwrap().push_str(line);
    }
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

#[tokio::test]
async fn a_secret_that_an_application_prints_is_shown_to_nobody() {
    let mut world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    let key = VariableName::parse("PASSWORD").unwrap();
    for (value, deployed) in [(CANARY, true), ("set since, and not deployed", false)] {
        world
            .engine
            .set_secret(
                spot.environment,
                spot.service,
                key.clone(),
                Secret::new(value),
            )
            .await
            .unwrap();
        if deployed {
            world.deploy(spot).await;
        }
    }
    // The next process has never heard of it.
    world.reopen().await;
    let request = LogsRequest {
        environment_id: spot.environment,
        service_id: spot.service,
        server_id: None,
        tail: 10,
        follow: false,
    };
    let screen = Arc::new(Screen::default());
    world
        .engine
        .follow_logs(request, screen.clone())
        .await
        .unwrap();
    let shown = screen.0.lock().unwrap().clone();
    assert!(
        shown.contains("PASSWORD") && !shown.contains(CANARY),
        "{shown}"
    );
}

#[tokio::test]
async fn diagnostics_tell_no_secret_not_even_one_that_a_log_holds() {
    let mut world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    let key = VariableName::parse("PASSWORD").unwrap();
    let value = Secret::new(CANARY);
    world
        .engine
        .set_secret(spot.environment, spot.service, key, value)
        .await
        .unwrap();
    world.deploy(spot).await;
    // The next process has never heard of it.
    world.reopen().await;
    let log = format!("the application said {CANARY}\n");
    let told = world
        .engine
        .diagnostics(vec![("window.log".to_owned(), log)])
        .await
        .unwrap();
    let names: Vec<&str> = told.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["about.json", "settings.json", "jobs.json", "window.log"]
    );
    let kept = world.engine.everything().await.unwrap().entries;
    for (name, text) in &told.files {
        assert!(!text.contains(CANARY), "{name}: {text}");
        for secret in kept.values() {
            assert!(!text.contains(secret.expose()), "{name}: {text}");
        }
    }
    let about = &told.files[0].1;
    assert!(
        about.contains("\"all_secrets_were_known_to_the_redactor\": true"),
        "{about}"
    );
    assert!(told.files[2].1.contains("Deploy"), "{}", told.files[2].1);
}
