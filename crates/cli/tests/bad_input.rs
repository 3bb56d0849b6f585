//! Bad input: each gets its cause and a next step, and nothing is lost.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Desk, Live, version};

#[test]
fn a_wrong_token_is_refused_and_the_old_one_stays() {
    let desk = Desk::new("token");
    let ran = desk.call_with(
        &["account", "replace", "digitalocean", "--json"],
        "dop_v1_0000000000000000000000000000000000000000000000000000000000000000\n",
    );
    assert_eq!(ran.status, 6, "{}", ran.stdout);
    assert_eq!(ran.json()["error"]["code"], "do_unauthorized");
    assert!(
        !ran.stdout.contains("dop_v1_0000"),
        "the token is shown: {}",
        ran.stdout
    );
    desk.ok(&["account", "test", "digitalocean"]);
}

#[test]
fn names_that_could_be_misread_never_get_in() {
    let desk = Desk::bare("names");
    for bad in ["$(id)", "a b", "-rf", "ünïcode", "a\nb", "a'b", "", "A"] {
        let ran = desk.call(&["project", "create", "--json", "--", bad]);
        assert_eq!(ran.status, 2, "{bad:?}: {}", ran.stdout);
    }
    desk.ok(&["project", "create", "shop"]);
    let (status, error) = desk.fails(&["project", "create", "shop"]);
    assert_eq!(status, 5, "{error}");
    let (status, error) = desk.fails(&["project", "show", "shopp"]);
    assert_eq!(status, 3, "{error}");
    assert!(
        error.to_string().contains("shop"),
        "the near name is not offered: {error}"
    );
}

#[test]
fn a_command_that_cannot_be_read_is_told_to_programs_as_json() {
    let desk = Desk::bare("usage");
    let ran = desk.call(&["deploy", "shop/production/web", "--sideways", "--json"]);
    assert_eq!(ran.status, 2, "{}", ran.stdout);
    let error = &ran.json()["error"];
    assert_eq!(error["code"], "bad_arguments");
    assert!(
        error["message"].to_string().contains("--sideways"),
        "{error}"
    );
}

#[test]
fn a_server_that_we_did_not_create_is_not_destroyed() {
    let desk = Desk::new("foreign");
    let (status, error) = desk.fails(&[
        "server",
        "destroy",
        "nobody-s",
        "--account",
        "digitalocean",
        "--yes",
    ]);
    assert!(matches!(status, 3 | 4), "{error}");
}

/// One server serves the whole list: what matters is what each bad release leaves behind.
#[test]
fn a_bad_release_says_why_and_the_good_one_keeps_serving() {
    let desk = Desk::new("release");
    let app = desk.app("app", |text| text);
    let Live { server, web, host } = desk.live("bad", &app, &["--health-start", "8"]);

    let good = fs::read_to_string(app.join("app.py")).unwrap();
    let refused = |what: &str, code: &str, shows: &str| {
        let (status, error) = desk.fails(&["deploy", &web, "--yes"]);
        assert_eq!(
            (status, error["code"].as_str()),
            (6, Some(code)),
            "{what}: {error}"
        );
        let evidence = error["details"]["evidence"].to_string();
        assert!(evidence.contains(shows), "{what}: no “{shows}” in {error}");
        assert!(
            !error["details"]["next_step"].as_str().unwrap().is_empty(),
            "{what}: {error}"
        );
        assert!(
            desk.page(&host).contains("This is version 1."),
            "{what} hurt what was serving"
        );
    };

    fs::write(
        app.join("Dockerfile"),
        "FROM python:3.12-slim\nRUN echo out of luck && exit 3\n",
    )
    .unwrap();
    refused("a Dockerfile that fails", "build_failed", "out of luck");
    fs::remove_file(app.join("Dockerfile")).unwrap();

    fs::write(
        app.join("app.py"),
        "import sys\nprint('no database', flush=True)\nsys.exit(4)\n",
    )
    .unwrap();
    refused("a container that exits", "exited", "no database");

    fs::write(
        app.join("app.py"),
        good.replace("\"8000\"", "\"9123\"")
            .replace("os.environ.get(\"PORT\", ", "("),
    )
    .unwrap();
    refused("a container that listens elsewhere", "unhealthy", "9123");

    fs::write(app.join("app.py"), version(good, "2")).unwrap();
    desk.ok(&["deploy", &web, "--yes"]);
    assert!(desk.page(&host).contains("This is version 2."));
    desk.destroy(&server);
}

#[test]
fn hostile_text_travels_whole_and_no_shell_sees_it() {
    let desk = Desk::new("hostile");
    let app = desk
        .folder()
        .join("an app with 'quotes' and $(touch pwned)");
    fs::create_dir_all(&app).unwrap();
    fs::write(app.join("app.py"), include_str!("support/probe.py")).unwrap();
    let odd_files = [
        "-rf",
        "$(touch pwned)",
        "quote'\".txt",
        "new\nline",
        "ünï ☃.txt",
        "`id`;x",
    ];
    for name in odd_files {
        fs::write(app.join(name), "x").unwrap();
    }
    let Live { server, web, host } = desk.live("odd", &app, &[]);
    let odd_values = [
        ("QUOTES", "a'b\"c`d"),
        ("NEWLINES", "one\ntwo\r\nthree\n"),
        ("DOLLARS", "$(touch /pwned) ${HOME} $$"),
        ("UNICODE", "☃ ünïcode"),
        ("DASHES", "--privileged"),
        ("EMPTY", ""),
    ];
    for (name, value) in odd_values {
        desk.ok(&["variable", "set", &web, name, value]);
    }
    let secret = "sec'\"ret$(id)\n☃";
    assert_eq!(
        desk.call_with(&["variable", "secret", &web, "SECRET"], secret)
            .status,
        0
    );
    // The path of a health check is text as well.
    desk.ok(&[
        "service",
        "update",
        "odd/web",
        "--health-path",
        "/healthz?a=$(id)&b='\"%20;`x`",
    ]);
    desk.ok(&["deploy", &web, "--yes"]);

    let told: serde_json::Value = serde_json::from_str(&desk.page(&host)).unwrap();
    for (name, value) in odd_values {
        assert_eq!(
            told["environment"][name], value,
            "{name} was changed on its way"
        );
    }
    assert_eq!(told["environment"]["SECRET"], secret);
    let files: Vec<_> = told["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file.as_str().unwrap())
        .collect();
    for name in odd_files {
        assert!(files.contains(&name), "{name:?} did not arrive: {files:?}");
    }
    assert!(!files.contains(&"pwned"), "a shell saw a name");

    for bad in ["noslash", "/with\nnewline", ""] {
        let (status, error) = desk.fails(&["service", "update", "odd/web", "--health-path", bad]);
        assert_eq!(status, 2, "{bad:?}: {error}");
    }
    desk.destroy(&server);
}
