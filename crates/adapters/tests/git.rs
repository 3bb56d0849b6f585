//! Checkouts from a real git host: `git http-backend` behind TLS, with a token.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod support;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll_adapters::sources::Folders;
use plimsoll_domain::{Secret, server::Endpoint, source::GitReference};
use plimsoll_engine::ports::{PortError, Sources};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use support::tls;
use tokio::io::AsyncWriteExt;

const TOKEN: &str = "hunter2-token";

/// A host with one repository, `shop.git`, and everything needed to reach it.
struct GitHost {
    folder: tempfile::TempDir,
    endpoint: Endpoint,
    url: String,
    requests: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Served {
    root: PathBuf,
    requests: Arc<AtomicUsize>,
}

impl GitHost {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Served {
            root: folder.path().to_owned(),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&host.requests);
        git(folder.path(), &["init", "-q", "-b", "main", "work"]);
        git(
            folder.path(),
            &["init", "-q", "--bare", "-b", "main", "shop.git"],
        );
        git(folder.path(), &["init", "-q", "--bare", "empty.git"]);
        git(
            &folder.path().join("work"),
            &["remote", "add", "origin", "../shop.git"],
        );
        let router = Router::new().fallback(answer).with_state(host);
        let (port, ca_pem) = tls::serve(router, "localhost").await;
        let endpoint = Endpoint {
            ca_pem: Some(ca_pem),
            ..Endpoint::default()
        };
        let url = format!("https://localhost:{port}/shop.git");
        Self {
            folder,
            endpoint,
            url,
            requests,
        }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes files, commits, pushes; answers the commit.
    fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            let path = self.work().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        self.push()
    }

    fn push(&self) -> String {
        git(&self.work(), &["add", "-A"]);
        git(
            &self.work(),
            &["commit", "-q", "--allow-empty", "-m", "a commit"],
        );
        git(&self.work(), &["push", "-q", "origin", "HEAD"]);
        git(&self.work(), &["rev-parse", "HEAD"])
    }

    /// Makes a commit of a tree that git itself would not make, on the branch `hostile`.
    fn hostile(&self, entries: &[(&str, &[u8], &[u8])]) {
        let mut tree = Vec::new();
        for (mode, name, content) in entries {
            let id = self.object("blob", content);
            tree.extend_from_slice(mode.as_bytes());
            tree.push(b' ');
            tree.extend_from_slice(name);
            tree.push(0);
            tree.extend(hex::decode(id).unwrap());
        }
        let tree = self.object("tree", &tree);
        let commit = format!(
            "tree {tree}\nauthor a <a@b> 1700000000 +0000\ncommitter a <a@b> 1700000000 +0000\n\nx\n"
        );
        let commit = self.object("commit", commit.as_bytes());
        let bare = self.folder.path().join("shop.git");
        fs::write(bare.join("refs/heads/hostile"), format!("{commit}\n")).unwrap();
    }

    fn object(&self, kind: &str, content: &[u8]) -> String {
        let mut child = Command::new("git")
            .current_dir(self.folder.path().join("shop.git"))
            .args(["hash-object", "-w", "--stdin", "--literally", "-t", kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), content).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    }

    async fn check_out(&self, reference: GitReference, to: &Path) -> Result<String, PortError> {
        let token = Secret::new(TOKEN);
        Folders
            .checkout(&self.url, &reference, Some(&token), &self.endpoint, to)
            .await
    }
}

fn git(folder: &Path, argv: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args([
            "-c",
            "user.name=ada",
            "-c",
            "user.email=ada@desk",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(argv)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{argv:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// `git http-backend` as CGI (RFC 3875), for whoever has the token.
async fn answer(State(served): State<Served>, request: Request) -> Response {
    served.requests.fetch_add(1, Ordering::Relaxed);
    let (request, body) = request.into_parts();
    let header = |name: header::HeaderName| {
        let value = request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let path = request.uri.path().to_owned();
    if let Some(moved) = path.strip_prefix("/old.git") {
        let query = request.uri.query().unwrap_or_default();
        let to = format!("/shop.git{moved}?{query}");
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)]).into_response();
    }
    let login = header(header::AUTHORIZATION).replacen("Basic ", "", 1);
    let login = String::from_utf8(STANDARD.decode(login).unwrap_or_default()).unwrap();
    if login.split_once(':').map(|(_, token)| token) != Some(TOKEN) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let mut command = tokio::process::Command::new("git");
    command
        .args(["-c", "safe.directory=*", "http-backend"])
        .env("GIT_PROJECT_ROOT", &served.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", &path)
        .env("QUERY_STRING", request.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", request.method.as_str())
        .env("CONTENT_TYPE", header(header::CONTENT_TYPE))
        .env("HTTP_CONTENT_ENCODING", header(header::CONTENT_ENCODING))
        .env(
            "GIT_PROTOCOL",
            header(header::HeaderName::from_static("git-protocol")),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut child = command
        .env("CONTENT_LENGTH", body.len().to_string())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&body).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap().stdout;
    let end = output
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..end]).unwrap().split("\r\n") {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value.split(' ').next().unwrap()),
            _ => response.header(name, value),
        };
    }
    response
        .body(Body::from(Bytes::copy_from_slice(&output[end + 4..])))
        .unwrap()
}

/// Every file of a folder, with its content, or where it points to.
fn files(folder: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.is_symlink() {
                found.insert(
                    name,
                    format!("-> {}", fs::read_link(&path).unwrap().display()),
                );
            } else if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

fn branch(name: &str) -> GitReference {
    GitReference::Branch(name.to_owned())
}

fn commit(hash: &str) -> GitReference {
    GitReference::Commit(hash.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_a_commit_and_the_default_are_checked_out_exactly() {
    let host = GitHost::start().await;
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("checkout");
    symlink("src/app", host.work().join("link")).unwrap();
    let first = host.commit(&[
        ("README", "one"),
        ("src/app", "#!/bin/sh"),
        ("src/old/x", "x"),
    ]);
    assert_eq!(
        host.check_out(GitReference::Default, &to).await.unwrap(),
        first
    );
    let expected = [
        ("README", "one"),
        ("link", "-> src/app"),
        ("src/app", "#!/bin/sh"),
    ];
    let mut expected: BTreeMap<String, String> = expected
        .into_iter()
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect();
    expected.insert("src/old/x".into(), "x".into());
    assert_eq!(files(&to), expected);

    // What has not changed is not written again.
    let before = fs::metadata(to.join("README")).unwrap().modified().unwrap();
    fs::remove_dir_all(host.work().join("src/old")).unwrap();
    let app = host.work().join("src/app");
    fs::set_permissions(&app, fs::Permissions::from_mode(0o755)).unwrap();
    git(&host.work(), &["checkout", "-q", "-b", "it's/a-$(branch)ü"]);
    let second = host.commit(&[("it's $(a) file\n", "new")]);
    let found = host
        .check_out(branch("it's/a-$(branch)ü"), &to)
        .await
        .unwrap();
    assert_eq!(found, second);
    expected.remove("src/old/x");
    expected.insert("it's $(a) file\n".into(), "new".into());
    assert_eq!(files(&to), expected);
    assert!(!to.join("src/old").exists());
    assert_eq!(
        fs::metadata(to.join("README")).unwrap().modified().unwrap(),
        before
    );
    let mode = fs::metadata(to.join("src/app"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);

    let third = host.commit(&[("README", "three")]);
    for (hash, content) in [(&second, "one"), (&third, "three"), (&first, "one")] {
        assert_eq!(host.check_out(commit(hash), &to).await.unwrap(), *hash);
        assert_eq!(files(&to)["README"], content);
    }
    let asked = host.requests.load(Ordering::Relaxed);
    host.check_out(commit(&second), &to).await.unwrap();
    assert_eq!(
        host.requests.load(Ordering::Relaxed),
        asked,
        "a commit that is here was fetched"
    );
    assert_eq!(
        host.check_out(commit(&second[..9]), &to).await.unwrap(),
        second
    );
    assert_eq!(
        host.check_out(commit(&second.to_uppercase()), &to)
            .await
            .unwrap(),
        second
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_comes_without_its_history_and_the_token_is_kept_nowhere() {
    let host = GitHost::start().await;
    let to = tempfile::tempdir().unwrap();
    let first = host.commit(&[("a", "one")]);
    host.commit(&[("a", "two")]);
    host.check_out(branch("main"), &to.path().join("checkout"))
        .await
        .unwrap();
    let store = to.path().join("checkout.git");
    assert!(
        !git(&store, &["rev-list", "--all"]).contains(&first),
        "history came along"
    );
    for entry in walk(&to.path().join("checkout.git")) {
        let bytes = fs::read(&entry).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(TOKEN), "{}", entry.display());
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path))
        } else {
            found.push(path)
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched_says_why() {
    let host = GitHost::start().await;
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("checkout");
    host.commit(&[("a", "one")]);
    let check = async |url: &str, reference: GitReference, token: Option<&str>, code: &str| {
        let token = token.map(Secret::new);
        let error = Folders
            .checkout(url, &reference, token.as_ref(), &host.endpoint, &to)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert!(!error.0.next_step.is_empty());
        assert!(!format!("{error:?}").contains(TOKEN), "{error:?}");
    };
    let default = || GitReference::Default;
    let url = host.url.as_str();
    check(url, default(), None, "git_authentication").await;
    check(url, default(), Some("wrong"), "git_authentication").await;
    check(url, branch("nothing"), Some(TOKEN), "git_no_such_branch").await;
    check(
        url,
        branch("--upload-pack=x"),
        Some(TOKEN),
        "git_no_such_branch",
    )
    .await;
    check(url, branch("a..b"), Some(TOKEN), "git_no_such_branch").await;
    for hash in ["0".repeat(40).as_str(), "0000000", "abc", "not a hash", ""] {
        check(url, commit(hash), Some(TOKEN), "git_no_such_commit").await;
    }
    let other = |name: &str| url.replace("shop.git", name);
    check(&other("gone.git"), default(), Some(TOKEN), "git_not_found").await;
    check(
        &other("empty.git"),
        default(),
        Some(TOKEN),
        "git_no_such_branch",
    )
    .await;
    check(
        "https://127.0.0.1:1/x.git",
        default(),
        None,
        "git_unreachable",
    )
    .await;
    check(
        "https://nowhere.invalid/x.git",
        default(),
        None,
        "git_unreachable",
    )
    .await;
    let stranger = Endpoint::default();
    let error = Folders
        .checkout(url, &default(), None, &stranger, &to)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "git_untrusted", "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_moved_is_followed() {
    let mut host = GitHost::start().await;
    let to = tempfile::tempdir().unwrap();
    let first = host.commit(&[("a", "one")]);
    host.url = host.url.replace("shop.git", "old.git");
    let found = host
        .check_out(GitReference::Default, &to.path().join("checkout"))
        .await;
    assert_eq!(found.unwrap(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_tree_writes_nothing_outside_and_names_what_was_refused() {
    let host = GitHost::start().await;
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("checkout");
    host.commit(&[("a", "one")]);
    type Files = [(&'static str, &'static [u8], &'static [u8])];
    let cases: &[&Files] = &[
        &[("100644", b"..", b"x")],
        &[("100644", b".git", b"x")],
        &[("100644", b".GIT", b"x")],
        &[("100644", b".git ", b"x")],
        &[("100644", b"git~1", b"x")],
        &[("100644", "\u{200c}.git".as_bytes(), b"x")],
        &[("100644", b"../escape", b"x")],
        &[("100644", b"a/b", b"x")],
        &[("100644", b"not \xff utf8", b"x")],
        &[("120000", b"link", b"/etc/passwd")],
        &[("120000", b"link", b"../outside")],
        &[("120000", b"link", b"")],
        &[("120000", b"a", b"."), ("100644", b"a", b"x")],
        &[("100644", b"A", b"x"), ("100644", b"a", b"x")],
    ];
    for case in cases {
        host.hostile(case);
        let error = host.check_out(branch("hostile"), &to).await.unwrap_err();
        let name = String::from_utf8_lossy(case[0].1).into_owned();
        assert_eq!(error.code(), "git_path_refused", "{name}: {error:?}");
        assert!(
            !to.exists() || files(&to).is_empty(),
            "{name}: something was written"
        );
        assert!(!to.with_file_name("escape").exists());
    }
    assert!(
        host.check_out(branch("main"), &to).await.is_ok(),
        "a good branch still works"
    );
}
