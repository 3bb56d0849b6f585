//! One environment on two servers: built once, switched together, rolled back together.

#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, time::Instant};
use support::{Desk, version};

#[test]
fn two_servers_switch_together_or_not_at_all() {
    let desk = Desk::new("fleet");
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| desk.server("one"));
        let two = scope.spawn(|| desk.server("two"));
        (one.join().unwrap(), two.join().unwrap())
    });
    let app = desk.app("app", |text| text);
    let web = desk.service("fleet", &app, &[&one, &two], &["--health-start", "8"]);
    desk.ok(&["deploy", &web, "--yes"]);
    let serving = || {
        let status = desk.ok(&["status", "fleet/production"]);
        let images: Vec<String> = status
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                row["status"]["services"][0]["image"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(images.len(), 2, "{status}");
        assert_eq!(images[0], images[1], "the servers run different images");
        images[0].clone()
    };
    let first = serving();

    // Broken for both: both stay.
    let good = fs::read_to_string(app.join("app.py")).unwrap();
    fs::write(
        app.join("app.py"),
        good.replace("answer(200, \"text/plain\"", "answer(500, \"text/plain\""),
    )
    .unwrap();
    desk.fails(&["deploy", &web, "--yes"]);
    assert_eq!(serving(), first);

    fs::write(app.join("app.py"), version(good, "2")).unwrap();
    let began = Instant::now();
    desk.ok(&["deploy", &web, "--yes"]);
    let second = serving();
    assert_ne!(second, first);
    assert!(began.elapsed().as_secs() < 300);

    desk.ok(&["rollback", &web, "--yes"]);
    assert_eq!(serving(), first);
    desk.destroy(&one);
    desk.destroy(&two);
}

#[test]
fn two_environments_on_one_server_do_not_disturb_each_other() {
    let desk = Desk::new("twins");
    let server = desk.server("ship");
    let app = desk.app("app", |text| text);
    let production = desk.service("twins", &app, &[&server], &[]);
    desk.ok(&[
        "environment",
        "create",
        "twins/staging",
        "--server",
        &server,
    ]);
    desk.ok(&["deploy", &production, "--yes"]);
    desk.ok(&["configuration", "save", "small-web", &production]);
    desk.ok(&[
        "deploy",
        "twins/staging/web",
        "--configuration",
        "small-web",
        "--yes",
    ]);
    let services = || {
        let status = desk.ok(&["server", "show", &server]);
        status["status"]["services"].as_array().unwrap().clone()
    };
    assert_eq!(services().len(), 2);
    let image = |environment: &str| {
        let services = services();
        let found = services
            .iter()
            .find(|row| row["key"]["environment"] == environment);
        found.unwrap()["image"].as_str().unwrap().to_owned()
    };
    let before = image("production");
    fs::write(
        app.join("app.py"),
        version(fs::read_to_string(app.join("app.py")).unwrap(), "2"),
    )
    .unwrap();
    desk.ok(&["deploy", "twins/staging/web", "--yes"]);
    assert_eq!(image("production"), before);
    desk.ok(&["service", "remove", "twins/staging/web", "--yes"]);
    assert_eq!(services().len(), 1);
    assert_eq!(services()[0]["health"], "healthy");
    desk.destroy(&server);
}
