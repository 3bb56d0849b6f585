//! Canvases with real files, through the engine and the server on the loopback.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use futures::StreamExt;
use plimsoll_adapters::{
    Settings,
    canvas::{CanvasServer, serve_canvas},
    desktop,
};
use plimsoll_domain::{
    ProjectId,
    canvas::{CanvasName, ColorScheme},
    name::Name,
    source::Source,
};
use plimsoll_engine::{CanvasAnswer, CanvasDoor, CanvasRequest, Engine, Kind};
use std::{fs, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

struct World {
    engine: Engine,
    project: ProjectId,
    root: PathBuf,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = desktop(Settings {
            home: Some(folder.path().join("home")),
            ..Settings::default()
        })
        .await
        .unwrap();
        let root = folder.path().join("shop");
        let name = Name::parse("shop").unwrap();
        let project = engine.create_project_in(name, &root).await.unwrap().id;
        Self {
            engine,
            project,
            root: root.canonicalize().unwrap(),
            folder,
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn door(&self, canvas: &str, scheme: ColorScheme) -> CanvasDoor {
        let canvas = CanvasName::parse(canvas).unwrap();
        let opened = self.engine.open_canvas(self.project, &canvas, scheme).await;
        opened.unwrap()
    }

    async fn get(&self, door: &CanvasDoor, path: &str) -> CanvasAnswer {
        let base = format!("scheme://{}/", door.secret());
        let asked = request(door.secret(), path, &base);
        self.engine.canvas_answer(asked).await
    }

    async fn text(&self, door: &CanvasDoor, path: &str) -> String {
        let answer = self.get(door, path).await;
        assert_eq!(answer.status, 200, "{path}");
        String::from_utf8(answer.body).unwrap()
    }
}

fn request<'a>(secret: &'a str, path: &'a str, base: &'a str) -> CanvasRequest<'a> {
    CanvasRequest {
        method: "GET",
        secret,
        path,
        base,
        framed_by: "tauri://localhost",
        range: None,
        if_range: None,
    }
}

fn main() -> CanvasName {
    CanvasName::main()
}

#[tokio::test]
async fn a_canvas_begins_with_a_starter_and_a_second_one_beside_it() {
    let world = World::new().await;
    let engine = &world.engine;
    let before = engine.canvases(world.project).await.unwrap();
    assert_eq!(before.len(), 1);
    assert!(!before[0].has_page);
    engine.create_canvas(world.project, &main()).await.unwrap();
    assert!(world.root.join(".canvas/index.html").is_file());
    let again = engine.create_canvas(world.project, &main()).await;
    assert_eq!(again.unwrap_err().kind(), Kind::Conflict);
    let landing = CanvasName::parse("landing").unwrap();
    engine.create_canvas(world.project, &landing).await.unwrap();
    let canvases = engine.canvases(world.project).await.unwrap();
    let names: Vec<String> = canvases.iter().map(|each| each.name.to_string()).collect();
    assert_eq!(names, ["main", "landing"]);
    assert!(canvases.iter().all(|each| each.has_page));
    let door = world.door("main", ColorScheme::System).await;
    assert!(world.text(&door, "").await.contains("<h1>shop</h1>"));
}

#[tokio::test]
async fn every_answer_carries_the_walls() {
    let world = World::new().await;
    world.write(".canvas/index.html", "<!doctype html><p>hello");
    world.write(".canvas/assets/a.css", "p{}");
    world.write(".env", "SECRET=1");
    let door = world.door("main", ColorScheme::System).await;
    let page = world.get(&door, "").await;
    let client = format!("scheme://{}/.plimsoll/client.js", door.secret());
    let page = String::from_utf8(page.body).unwrap();
    let tag = format!("<!doctype html><script src=\"{client}\" data-mark=\"");
    let (mark, rest) = page.strip_prefix(&tag).unwrap().split_once('"').unwrap();
    assert_eq!(rest, "></script><p>hello");
    // Another text has another mark, by which our script sees that it was saved meanwhile.
    world.write(".canvas/index.html", "<!doctype html><p>hullo");
    let other = world.text(&door, "").await;
    assert!(mark.len() == 16 && !other.contains(mark), "{mark}: {other}");
    for (path, status) in [
        ("", 200),
        ("assets/a.css", 200),
        (".plimsoll/client.js", 200),
        ("none.js", 404),
        ("../.env", 403),
        ("%2e%2e/.env", 403),
        ("..%2f.env", 403),
        ("assets/%2e%2e/%2e%2e/.env", 403),
        ("/etc/passwd", 403),
        (".plimsoll/other", 403),
        ("a%00", 403),
    ] {
        let answer = world.get(&door, path).await;
        assert_eq!(answer.status, status, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(
            policy.contains("sandbox allow-scripts allow-forms"),
            "{path}"
        );
        assert!(
            policy.contains("frame-ancestors tauri://localhost"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("SECRET"),
            "{path}"
        );
    }
    let post = CanvasRequest {
        method: "POST",
        ..request(door.secret(), "", "scheme://own/")
    };
    assert_eq!(world.engine.canvas_answer(post).await.status, 405);
}

#[tokio::test]
async fn nobody_comes_in_without_the_secret_or_after_the_door_is_closed() {
    let world = World::new().await;
    world.write(".canvas/index.html", "hello");
    let door = world.door("main", ColorScheme::System).await;
    assert_eq!(world.get(&door, "").await.status, 200);
    let other = world.door("main", ColorScheme::System).await;
    assert_ne!(door.secret(), other.secret());
    for secret in ["", "main", "00000000000000000000000000000000"] {
        let asked = request(secret, "", "scheme://own/");
        let answer = world.engine.canvas_answer(asked).await;
        assert_eq!(answer.status, 404, "{secret}");
    }
    world.engine.close_canvas(&door);
    assert_eq!(world.get(&door, "").await.status, 404);
    assert_eq!(world.get(&other, "").await.status, 200);
}

#[tokio::test]
async fn a_part_of_a_file_is_given_where_one_is_asked_for() {
    let world = World::new().await;
    world.write(".canvas/assets/film.mp4", "0123456789");
    let door = world.door("main", ColorScheme::System).await;
    let asked = async |method, range, if_range| {
        let request = CanvasRequest {
            method,
            range,
            if_range,
            ..request(door.secret(), "assets/film.mp4", "scheme://own/")
        };
        let answer = world.engine.canvas_answer(request).await;
        let told = answer.header("content-range").map(str::to_owned);
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        (answer.status, told, String::from_utf8(answer.body).unwrap())
    };
    let part = |told: &str, body: &str| (206, Some(told.to_owned()), body.to_owned());
    let whole = (200, None, "0123456789".to_owned());
    let middle = Some("bytes=2-4");
    assert_eq!(
        asked("GET", middle, None).await,
        part("bytes 2-4/10", "234")
    );
    assert_eq!(
        asked("GET", Some("bytes=-2"), None).await,
        part("bytes 8-9/10", "89")
    );
    assert_eq!(asked("GET", None, None).await, whole);
    assert_eq!(asked("GET", middle, Some("\"a state\"")).await, whole);
    let head = asked("HEAD", middle, None).await;
    assert_eq!(head, (200, None, String::new()));
    let behind = asked("GET", Some("bytes=10-"), None).await;
    assert_eq!(behind, (416, Some("bytes */10".to_owned()), String::new()));
}

#[tokio::test]
async fn scripts_that_are_off_are_refused_until_they_are_run_again() {
    let world = World::new().await;
    let engine = &world.engine;
    world.write(
        ".canvas/index.html",
        "<!doctype html><script>for (;;) {}</script>",
    );
    let door = world.door("main", ColorScheme::System).await;
    let state = async || {
        let answer = world.get(&door, "").await;
        let policy = answer.header("content-security-policy").unwrap().to_owned();
        let page = String::from_utf8(answer.body).unwrap();
        let listed = engine.canvases(world.project).await.unwrap();
        (
            policy.contains("script-src scheme:")
                && policy.contains("'unsafe-inline' 'unsafe-eval'"),
            page.contains("data-scripts=\"off\""),
            listed[0].scripts_off,
        )
    };
    assert_eq!(state().await, (true, false, false));
    engine.set_canvas_scripts(world.project, &main(), false);
    assert_eq!(state().await, (false, true, true));
    let other = CanvasName::parse("other").unwrap();
    assert!(!engine.canvas_scripts_are_off(world.project, &other));
    engine.set_canvas_scripts(world.project, &main(), true);
    assert_eq!(state().await, (true, false, false));
}

#[tokio::test]
async fn a_host_is_reached_while_a_preview_of_who_may_is_open() {
    let world = World::new().await;
    let engine = &world.engine;
    let hosts = ["fonts.example.com".to_owned()];
    let main = main();
    let allowed = engine.set_canvas_hosts(world.project, &main, &hosts);
    allowed.await.unwrap();
    assert!(!engine.canvas_may_reach("fonts.example.com", 443).await);
    let door = world.door("main", ColorScheme::System).await;
    assert!(engine.canvas_may_reach("fonts.example.com", 443).await);
    assert!(!engine.canvas_may_reach("fonts.example.com", 80).await);
    assert!(!engine.canvas_may_reach("example.com", 443).await);
    engine.close_canvas(&door);
    assert!(!engine.canvas_may_reach("fonts.example.com", 443).await);
}

#[tokio::test]
async fn what_is_typed_is_shown_before_it_is_saved() {
    let world = World::new().await;
    let engine = &world.engine;
    world.write(".canvas/index.html", "saved");
    world.write(".canvases/other/index.html", "other");
    let door = world.door("main", ColorScheme::System).await;
    let mut changes = engine.canvas_changes(world.project, &main()).await.unwrap();
    let typed = Some("typed".to_owned());
    engine
        .draft_canvas(world.project, &main(), "index.html", typed)
        .unwrap();
    assert_eq!(changes.next().await.unwrap(), ["index.html"]);
    assert!(world.text(&door, "").await.ends_with("typed"));
    let other = world.door("other", ColorScheme::System).await;
    assert!(world.text(&other, "").await.ends_with("other"));
    engine
        .draft_canvas(world.project, &main(), "index.html", None)
        .unwrap();
    assert!(world.text(&door, "").await.ends_with("saved"));
    let out = engine.draft_canvas(world.project, &main(), "../x", Some(String::new()));
    assert_eq!(out.unwrap_err().code(), "invalid_canvas_path");
    let large = Some("x".repeat(17 << 20));
    let large = engine.draft_canvas(world.project, &main(), "a.css", large);
    assert_eq!(large.unwrap_err().code(), "canvas_draft_large");
}

#[tokio::test]
async fn hosts_are_allowed_by_a_person_and_never_by_the_folder() {
    let world = World::new().await;
    let engine = &world.engine;
    world.write(".canvas/index.html", "hello");
    world.write(".canvas/canvas.json", r#"{"hosts":["evil.test"]}"#);
    let door = world.door("main", ColorScheme::System).await;
    let policy = async || {
        let answer = world.get(&door, "").await;
        answer.header("content-security-policy").unwrap().to_owned()
    };
    assert!(!policy().await.contains("https://"));
    let hosts = ["fonts.example.com".to_owned(), " ".to_owned()];
    engine
        .set_canvas_hosts(world.project, &main(), &hosts)
        .await
        .unwrap();
    let opened = policy().await;
    assert!(opened.contains("font-src scheme://"), "{opened}");
    assert!(opened.contains("https://fonts.example.com"), "{opened}");
    for bad in ["*", "example.com; script-src *", "'self'"] {
        let hosts = [bad.to_owned()];
        let refused = engine
            .set_canvas_hosts(world.project, &main(), &hosts)
            .await;
        assert_eq!(refused.unwrap_err().code(), "invalid_canvas_host", "{bad}");
    }
    assert_eq!(policy().await, opened);
    let other = CanvasName::parse("other").unwrap();
    let settings = engine.canvas_settings(world.project, &other).await.unwrap();
    assert!(settings.hosts.is_empty());
}

#[tokio::test]
async fn a_dropped_file_replaces_none_and_stays_in_the_assets() {
    let world = World::new().await;
    let engine = &world.engine;
    let add = async |name: &str, content: &[u8]| {
        let added = engine
            .add_canvas_asset(world.project, &main(), name, content)
            .await;
        added.map(|path| path.to_string())
    };
    assert_eq!(add("a.png", b"1").await.unwrap(), "assets/a.png");
    assert_eq!(add("a.png", b"2").await.unwrap(), "assets/a-2.png");
    assert_eq!(add(".htaccess", b"3").await.unwrap(), "assets/htaccess");
    assert_eq!(
        fs::read(world.root.join(".canvas/assets/a.png")).unwrap(),
        b"1"
    );
    for name in ["../index.html", "", "a\\b", "NUL"] {
        assert!(add(name, b"x").await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_published_canvas_is_a_service_of_its_folder_and_is_made_once() {
    let world = World::new().await;
    let engine = &world.engine;
    let missing = engine.publish_canvas(world.project, &main()).await;
    assert_eq!(missing.unwrap_err().code(), "canvas_unknown");
    world.write(".canvas/index.html", "hello");
    world.write(".canvases/landing/index.html", "hello");
    let made = engine.publish_canvas(world.project, &main()).await.unwrap();
    let again = engine.publish_canvas(world.project, &main()).await.unwrap();
    assert_eq!(made.id, again.id);
    let landing = CanvasName::parse("landing").unwrap();
    engine
        .publish_canvas(world.project, &landing)
        .await
        .unwrap();
    let mut made: Vec<(String, Source)> = engine
        .services(world.project)
        .await
        .unwrap()
        .into_iter()
        .map(|service| (service.name.to_string(), service.source))
        .collect();
    made.sort_by(|one, other| one.0.cmp(&other.0));
    let folder = |path: &str| Source::Folder {
        path: world.root.join(path).to_str().unwrap().to_owned(),
    };
    assert_eq!(
        made,
        [
            ("landing".to_owned(), folder(".canvases/landing")),
            ("site".to_owned(), folder(".canvas")),
        ]
    );
}

#[tokio::test]
async fn chosen_colours_are_answered_in_pages_and_styles() {
    let world = World::new().await;
    world.write(
        ".canvas/index.html",
        "<style>@media (prefers-color-scheme: dark){}</style>",
    );
    world.write(".canvas/a.css", "@media (prefers-color-scheme: dark){}");
    let dark = world.door("main", ColorScheme::Dark).await;
    assert!(
        world
            .text(&dark, "")
            .await
            .contains("@media (min-width:0){}")
    );
    assert!(world.text(&dark, "").await.contains("data-scheme=\"dark\""));
    let light = world.door("main", ColorScheme::Light).await;
    assert_eq!(world.text(&light, "a.css").await, "@media (max-width:0){}");
    let system = world.door("main", ColorScheme::System).await;
    assert_eq!(
        world.text(&system, "a.css").await,
        "@media (prefers-color-scheme: dark){}"
    );
}

// --- The server on the loopback ------------------------------------------------------------------

struct Served {
    server: CanvasServer,
    /// `127.0.0.1:PORT`.
    host: String,
    secret: String,
}

async fn served(world: &World) -> Served {
    let main = main();
    let server = serve_canvas(&world.engine, world.project, &main, 0);
    let server = server.await.unwrap();
    let rest = server.url().strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let secret = path.strip_prefix("view/").unwrap().trim_end_matches('/');
    Served {
        host: host.to_owned(),
        secret: secret.to_owned(),
        server,
    }
}

impl Served {
    /// Sends bytes as they are; answers the status and the whole answer.
    async fn raw(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(5), read).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
        (status.unwrap_or(0), answer)
    }

    async fn get(&self, path: &str, host: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        self.raw(&request).await
    }
}

#[tokio::test]
async fn only_who_asks_for_this_host_by_its_secret_address_is_answered() {
    let world = World::new().await;
    world.write(".canvas/index.html", "the page");
    fs::write(world.folder.path().join("outside"), "SECRET").unwrap();
    let served = served(&world).await;
    assert!(served.host.starts_with("127.0.0.1:"));
    let page = format!("/page/{}/", served.secret);
    let port = served.host.split_once(':').unwrap().1;
    let own = format!("{}.localhost:{port}", served.secret);
    let (status, answer) = served.get("/", &own).await;
    assert_eq!(status, 200);
    assert!(answer.contains("the page"));
    assert!(answer.contains(&format!("src=\"http://{own}/.plimsoll/client.js\"")));
    for (path, host) in [("/", &own), (&page, &served.host)] {
        let (status, answer) = served
            .raw(&format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Dest: document\r\nConnection: close\r\n\r\n"
            ))
            .await;
        assert_eq!(status, 403, "{path} fills a browser");
        assert!(!answer.contains("the page"), "{path}");
    }
    let view = format!("/view/{}/", served.secret);
    let (status, answer) = served.get(&page, &served.host).await;
    assert_eq!(status, 200);
    assert!(answer.contains("the page"));
    assert!(answer.contains(&format!("frame-ancestors http://{}", served.host)));
    let (status, answer) = served.get(&view, &served.host).await;
    assert_eq!(status, 200);
    assert!(answer.contains("frame-ancestors 'none'"));
    for host in [
        "evil.test".to_owned(),
        format!("{}.localhost", served.secret),
        format!("{}.evil.test:{port}", served.secret),
        format!("00000000000000000000000000000000.localhost:{port}"),
        format!("evil.test:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1.evil.test:{port}"),
        String::new(),
    ] {
        for path in [&page, &view] {
            let (status, answer) = served.get(path, &host).await;
            assert!(matches!(status, 400 | 403), "{host}: {status}");
            assert!(!answer.contains("the page"), "{host}");
        }
    }
    let twice = format!(
        "GET {page} HTTP/1.1\r\nHost: {}\r\nHost: evil.test\r\nConnection: close\r\n\r\n",
        served.host
    );
    assert!(matches!(served.raw(&twice).await.0, 400 | 403));
    let none = format!("GET {page} HTTP/1.0\r\n\r\n");
    assert!(matches!(served.raw(&none).await.0, 400 | 403));
    let proxied = format!(
        "GET http://evil.test{page} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        served.host
    );
    assert!(matches!(served.raw(&proxied).await.0, 400 | 403));
    for path in [
        "/",
        "/page/",
        "/view/",
        "/changes/",
        "/page/00000000000000000000000000000000/",
        "/view/00000000000000000000000000000000/",
        "/changes/00000000000000000000000000000000",
        &format!("/view/{}/other", served.secret),
        &format!("/view/{}", served.secret),
    ] {
        let (status, answer) = served.get(path, &served.host).await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
    for path in [
        "../outside",
        "..%2foutside",
        "%2e%2e/%2e%2e/outside",
        "..\\outside",
        "a%00b",
    ] {
        let (status, answer) = served.get(&format!("{page}{path}"), &served.host).await;
        assert!(matches!(status, 400 | 403), "{path}: {status}");
        assert!(!answer.contains("SECRET"), "{path}");
    }
}

#[tokio::test]
async fn a_save_is_pushed_to_the_view_and_nothing_after_the_server_ended() {
    let world = World::new().await;
    world.write(".canvas/index.html", "one");
    let served = served(&world).await;
    let mut stream = TcpStream::connect(&served.host).await.unwrap();
    let following = format!(
        "GET /changes/{} HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\n\r\n",
        served.secret, served.host
    );
    stream.write_all(following.as_bytes()).await.unwrap();
    let mut buffer = [0; 4_096];
    let mut heard = String::new();
    while !heard.contains("text/event-stream") {
        let read = stream.read(&mut buffer).await.unwrap();
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    world.write(".canvas/index.html", "two");
    while !heard.contains("[\"index.html\"]") {
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer));
        let read = read.await.unwrap().unwrap();
        assert_ne!(read, 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    let foreign = format!(
        "GET /changes/{} HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n\r\n",
        served.secret, served.host
    );
    assert_eq!(served.raw(&foreign).await.0, 404);
    let (host, secret) = (served.host.clone(), served.secret.clone());
    drop(served.server);
    let ended = tokio::time::timeout(Duration::from_secs(5), async {
        while stream.read(&mut buffer).await.unwrap_or(0) > 0 {}
    });
    ended.await.unwrap();
    let base = format!("http://{host}/page/{secret}/");
    let asked = request(&secret, "", &base);
    assert_eq!(world.engine.canvas_answer(asked).await.status, 404);
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let world = World::new().await;
    world.write(".canvas/index.html", "hello");
    let served = served(&world).await;
    let port = served.host.split_once(':').unwrap().1.parse().unwrap();
    let again = serve_canvas(&world.engine, world.project, &main(), port).await;
    let error = again.err().unwrap();
    assert_eq!(
        (error.code(), error.kind()),
        ("canvas_port_taken", Kind::Conflict)
    );
}
