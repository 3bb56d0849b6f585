//! A canvas in a real browser, and on a server.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{Desk, ZONE};

/// The browser that Debian brings, which the window's tests need as well.
const BROWSER: &str = "/usr/bin/chromium";

#[test]
fn a_canvas_in_a_browser_reaches_nothing_and_repaints_without_losing_what_was_typed() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui");
    let needed = [
        PathBuf::from(BROWSER),
        pages.join("node_modules/playwright-core/package.json"),
    ];
    if let Some(missing) = needed.iter().find(|path| !path.exists()) {
        assert!(
            std::env::var_os("PLIMSOLL_TEST_WINDOW").is_none(),
            "{} is missing: run `cargo xtask setup`",
            missing.display()
        );
        eprintln!(
            "SKIPPED: {} is missing; `cargo xtask test` brings it",
            missing.display()
        );
        return;
    }
    let told = Command::new("node")
        .arg("tools/canvas-browser.mjs")
        .arg(env!("CARGO_BIN_EXE_plimsoll"))
        .current_dir(pages)
        .output()
        .unwrap();
    assert!(
        told.status.success(),
        "{}{}",
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr)
    );
}

#[test]
fn a_published_canvas_is_deployed_and_served_as_it_was_previewed() {
    let desk = Desk::new("publish");
    let server = desk.server("ship");
    let folder = desk.folder().join("site");
    let path = folder.to_str().unwrap();
    desk.ok(&["project", "create", "site", "--folder", path]);
    let environment = ["environment", "create", "site/production"];
    desk.ok(&[&environment[..], &["--server", &server]].concat());
    let of_project = ["--project", "site"];
    let (_, error) = desk.fails(&[&["canvas", "publish"][..], &of_project].concat());
    assert_eq!(error["code"], "canvas_unknown", "{error}");
    let made = desk.ok(&[&["canvas", "create"][..], &of_project].concat());
    assert_eq!(made["page"], ".canvas/index.html", "{made}");
    let page = folder.join(".canvas/index.html");
    let text = fs::read_to_string(&page).unwrap();
    let style = "<link rel=\"stylesheet\" href=\"/assets/a.css\"></head>";
    fs::write(&page, text.replace("</head>", style)).unwrap();
    fs::create_dir(folder.join(".canvas/assets")).unwrap();
    fs::write(folder.join(".canvas/assets/a.css"), "h1 { color: teal }").unwrap();

    let published = desk.ok(&[&["canvas", "publish"][..], &of_project].concat());
    assert_eq!(published["service"], "site", "{published}");
    let service = "site/production/site";
    desk.ok(&["deploy", service, "--yes"]);
    let host = format!("{}.{ZONE}", desk.unique("publish"));
    let account = ["--account", "cloudflare", "--yes"];
    desk.ok(&[&["domain", "add", &host, "--to", service][..], &account].concat());
    let served = desk.page(&host);
    assert!(served.contains("<h1>site</h1>"), "{served}");
    assert!(
        !served.contains(".plimsoll"),
        "a part of the preview: {served}"
    );
    let droplet = desk.droplet(&server);
    let here = format!("{host}:443:127.0.0.1");
    let ask = ["curl", "-sk", "--resolve", &here];
    let style = desk.inside(
        &droplet,
        &[&ask[..], &[&format!("https://{host}/assets/a.css")]].concat(),
    );
    assert_eq!(style.trim(), "h1 { color: teal }");

    // What is saved is served after the next deployment, by the same service.
    fs::write(&page, "<!doctype html><h1>Second</h1>").unwrap();
    let deployed = ["--environment", "production", "--yes"];
    desk.ok(&[&["canvas", "publish"][..], &of_project, &deployed].concat());
    assert!(desk.page(&host).contains("<h1>Second</h1>"));
    desk.destroy(&server);
}
