//! Where code comes from: a private git repository, an image, this machine's own Docker.

#![allow(clippy::unwrap_used)]

mod support;

use plimsoll_lab::git::{GitHost, RepositoryName};
use std::{fs, path::Path, process::Command};
use support::{Desk, Live};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_service_comes_from_git_an_image_or_a_local_build() {
    let desk = Desk::new("sources");
    let running = fs::read_to_string(desk.practice().join("running.json")).unwrap();
    let running: serde_json::Value = serde_json::from_str(&running).unwrap();

    // The first service is on the server from a folder; the others join it.
    let app = desk.app("app", |text| text);
    let Live { server, host, .. } = desk.live("sources", &app, &[]);

    // A private repository: a branch, then a commit of it.
    let name = RepositoryName::parse(&format!("ada/{}", desk.unique("repo"))).unwrap();
    let hosted = GitHost::open(Path::new(running["git"].as_str().unwrap())).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bare = runtime.block_on(hosted.create_repository(&name)).unwrap();
    hosted.set_token(&name, Some("canary-of-git")).unwrap();
    git(&app, &["init", "--quiet", "--initial-branch", "main"]);
    git(&app, &["add", "."]);
    git(&app, &["commit", "--quiet", "--message", "one"]);
    let commit = git(&app, &["rev-parse", "HEAD"]);
    git(&app, &["push", "--quiet", bare.to_str().unwrap(), "main"]);
    let url = format!("{}/{name}.git", running["git_url"].as_str().unwrap());
    let token = desk.folder().join("token");
    fs::write(&token, "wrong\n").unwrap();
    let from_git = [
        "service",
        "create",
        "sources/git",
        "--git",
        &url,
        "--branch",
        "main",
    ];
    let token_file = ["--token-file", token.to_str().unwrap()];
    let settings = ["--port", "8000", "--health-path", "/healthz"];
    desk.ok(&[&from_git[..], &token_file, &settings].concat());
    let (_, error) = desk.fails(&["deploy", "sources/production/git", "--yes"]);
    assert_eq!(error["code"], "git_authentication", "{error}");
    fs::write(&token, "canary-of-git\n").unwrap();
    desk.ok(&[&["service", "update", "sources/git"][..], &token_file].concat());
    desk.ok(&["deploy", "sources/production/git", "--yes"]);
    let releases = desk.ok(&["release", "list", "sources/production/git"]);
    assert_eq!(
        releases[0]["provenance"]["commit"],
        commit.as_str(),
        "{releases}"
    );
    let (_, error) = desk.fails(&[
        "deploy",
        "sources/production/git",
        "--branch",
        "--upload-pack=id",
        "--yes",
    ]);
    assert!(
        !error["details"]["next_step"].as_str().unwrap().is_empty(),
        "{error}"
    );

    // An image as it is, with a command of ours.
    let image = [
        "service",
        "create",
        "sources/image",
        "--image",
        "python:3.12-slim",
    ];
    let command = [
        "--port",
        "8000",
        "--command",
        "python3",
        "-m",
        "http.server",
        "8000",
        ";",
    ];
    desk.ok(&[&image[..], &command].concat());
    desk.ok(&["deploy", "sources/production/image", "--yes"]);

    // This machine's Docker builds, and only layers that the server lacks travel.
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    fs::create_dir_all(app.join("www")).unwrap();
    fs::copy(
        busybox.expect("busybox-static is part of the set-up"),
        app.join("busybox"),
    )
    .unwrap();
    fs::write(app.join("Dockerfile"), LOCAL).unwrap();
    fs::write(app.join("www/healthz"), "ok").unwrap();
    desk.ok(&["service", "update", "sources/web", "--build-on", "local"]);
    for text in ["built here", "built here again"] {
        fs::write(app.join("www/index.html"), text).unwrap();
        let deploy = ["deploy", "sources/production/web", "--yes", "--json"];
        let engine = running["engine_endpoint"].as_str().unwrap();
        let output = desk
            .command(&deploy)
            .env("DOCKER_HOST", engine)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert_eq!(desk.page(&host), text);
    }

    let status = desk.ok(&["status", "sources/production"]);
    let services = status[0]["status"]["services"].as_array().unwrap();
    assert_eq!(services.len(), 3, "{status}");
    assert!(
        services
            .iter()
            .all(|service| service["health"] == "healthy"),
        "{status}"
    );
    desk.destroy(&server);
}

/// A site from nothing but BusyBox, so that this machine's engine needs no registry.
const LOCAL: &str = "FROM scratch\nCOPY busybox /busybox\nCOPY www /www\n\
    CMD [\"/busybox\", \"httpd\", \"-f\", \"-p\", \"8000\", \"-h\", \"/www\"]\n";

/// `ada` with the password `canary-of-registry`, as bcrypt has it.
const LOGIN: &str = "ada:$2b$05$abcdefghijklmnopqrstuuxctsRedLMvMfjsdqAY3SIWVYJak8zh6\n";

const REGISTRY: &str = "version: 0.1\n\
    storage: {filesystem: {rootdirectory: /var/lib/registry}}\n\
    http: {addr: '127.0.0.1:5000'}\n\
    auth: {htpasswd: {realm: practice, path: /root/htpasswd}}\n";

/// Starts a registry with a login on a server, with the image `private/python:1` that the server
/// itself does not have. Docker needs no TLS for one on its own machine.
fn registry(desk: &Desk, droplet: &str) {
    let put = |name: &str, text: &str| {
        let file = desk.folder().join(name);
        fs::write(&file, text).unwrap();
        desk.put(droplet, &file, &format!("/root/{name}"));
    };
    put("htpasswd", LOGIN);
    put("registry.yml", REGISTRY);
    desk.put(
        droplet,
        Path::new("/usr/bin/docker-registry"),
        "/usr/local/bin/docker-registry",
    );
    let inside = |command: &[&str]| desk.inside(droplet, command);
    inside(&[
        "systemd-run",
        "--quiet",
        "--unit=registry",
        "/usr/local/bin/docker-registry",
        "serve",
        "/root/registry.yml",
    ]);
    let up = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"];
    let retry = ["--retry", "20", "--retry-connrefused", "--retry-delay", "1"];
    let url = ["http://127.0.0.1:5000/v2/"];
    assert_eq!(inside(&[&up[..], &retry, &url].concat()), "401");
    let image = "127.0.0.1:5000/private/python:1";
    inside(&["docker", "pull", "--quiet", "python:3.12-slim"]);
    inside(&["docker", "tag", "python:3.12-slim", image]);
    let login = ["docker", "login", "-u", "ada", "-p", "canary-of-registry"];
    inside(&[&login[..], &["127.0.0.1:5000"]].concat());
    inside(&["docker", "push", "--quiet", image]);
    inside(&["docker", "logout", "127.0.0.1:5000"]);
    inside(&["docker", "rmi", "--force", image, "python:3.12-slim"]);
}

#[test]
fn an_image_comes_from_a_registry_with_a_login() {
    let desk = Desk::new("registry");
    let server = desk.server("ship");
    let droplet = desk.droplet(&server);
    registry(&desk, &droplet);
    desk.ok(&["project", "create", "registry"]);
    let environment = ["environment", "create", "registry/production"];
    desk.ok(&[&environment[..], &["--server", &server]].concat());
    let service = [
        "service",
        "create",
        "registry/web",
        "--image",
        "127.0.0.1:5000/private/python:1",
        "--port",
        "8000",
    ];
    let command = ["--command", "python3", "-m", "http.server", "8000", ";"];
    desk.ok(&[&service[..], &command].concat());
    let deploy = ["deploy", "registry/production/web", "--yes"];
    let token = desk.folder().join("token");
    let file = ["--token-file", token.to_str().unwrap()];
    let update = [&["service", "update", "registry/web"][..], &file].concat();

    let refused = |what: &str| {
        let (status, error) = desk.fails(&deploy);
        assert_eq!(status, 6, "{what}: {error}");
        assert_eq!(error["code"], "registry_denied", "{what}: {error}");
        let next_step = error["details"]["next_step"].as_str().unwrap();
        assert!(next_step.contains("login"), "{what}: {error}");
        assert!(!error.to_string().contains("canary-of"), "{what}: {error}");
    };
    refused("no login");
    fs::write(&token, "ada:canary-of-nobody\n").unwrap();
    desk.ok(&update);
    refused("a wrong password");
    fs::write(&token, "ada:canary-of-registry\n").unwrap();
    desk.ok(&update);
    desk.ok(&deploy);
    let status = desk.ok(&["status", "registry/production"]);
    let service = &status[0]["status"]["services"][0];
    assert_eq!(service["health"], "healthy", "{status}");
    let releases = desk.ok(&["release", "list", "registry/production/web"]);
    let image = releases[0]["image"].as_str().unwrap();
    assert!(image.contains("@sha256:"), "{releases}");

    // The login is on no disk of the server but the registry's own.
    let search = "grep -rlF canary-of-registry /root /etc /var/lib/plimsoll /run/plimsoll || true";
    assert_eq!(desk.inside(&droplet, &["sh", "-c", search]), "");
    desk.destroy(&server);
}

#[test]
fn a_saved_version_goes_out_whatever_became_of_the_folder() {
    let desk = Desk::new("kept");
    let app = desk.app("app", |text| text);
    let Live { server, web, host } = desk.live("kept", &app, &[]);
    desk.ok(&["project", "folder", "kept", app.to_str().unwrap()]);
    let saved = desk.ok(&["versions", "save", "--project", "kept", "-m", "one"]);
    let number = saved["number"].as_u64().unwrap();
    let source = desk.app("app", |text| {
        text.replace("VERSION = \"1\"", "VERSION = \"2\"")
    });
    desk.ok(&["deploy", &web, "--yes"]);
    assert!(desk.page(&host).contains("This is version 2."));

    fs::write(source.join("app.py"), "raise SystemExit(1)\n").unwrap();
    let deploy = ["deploy", &web, "--at-version", &number.to_string(), "--yes"];
    desk.ok(&deploy);
    assert!(desk.page(&host).contains("This is version 1."));
    let releases = desk.ok(&["release", "list", &web]);
    let from = &releases[0]["provenance"]["version"];
    assert_eq!(from["number"], number, "{releases}");
    assert_eq!(from["root"], saved["root"], "{releases}");
    let broken = fs::read_to_string(source.join("app.py")).unwrap();
    assert_eq!(broken, "raise SystemExit(1)\n", "the folder stays as it is");
    desk.destroy(&server);
}
