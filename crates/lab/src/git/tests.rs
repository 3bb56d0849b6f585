use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{GitHost, RepositoryName, serve};
use crate::tls::Authority;

const TOKEN: &str = "ghp_PracticeToken0123456789";

/// A served git host with a private repository `acme/shop` and a working copy with one commit.
struct Stage {
    host: GitHost,
    address: SocketAddr,
    folder: TempDir,
    shop: RepositoryName,
    _end: DropGuard,
}

impl Stage {
    async fn start() -> Self {
        Self::over(None).await
    }

    async fn over(tls: Option<rustls::ServerConfig>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = GitHost::open(folder.path().join("host")).unwrap();
        let shop = RepositoryName::parse("acme/shop").unwrap();
        host.create_repository(&shop).await.unwrap();
        host.set_token(&shop, Some(TOKEN)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let end = shutdown.clone().drop_guard();
        tokio::spawn(serve(host.clone(), listener, tls, shutdown));
        let stage = Self {
            host,
            address,
            folder,
            shop,
            _end: end,
        };
        stage
            .ok(&["init", "--quiet", "--initial-branch=main", "work"])
            .await;
        std::fs::write(stage.work().join("page.html"), "<h1>one</h1>").unwrap();
        stage.ok(&["-C", "work", "add", "."]).await;
        stage
            .ok(&["-C", "work", "commit", "--quiet", "--message=one"])
            .await;
        stage
    }

    fn work(&self) -> std::path::PathBuf {
        self.folder.path().join("work")
    }

    fn url(&self, password: &str, path: &str) -> String {
        format!("http://someone:{password}@{}/{path}", self.address)
    }

    fn open_url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Runs the real client, which never asks anybody for a password.
    async fn git(&self, arguments: &[&str]) -> Output {
        tokio::process::Command::new("git")
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "Ada")))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "a@example.com")))
            .env("GIT_TRACE_PACKET", "1")
            .args(arguments)
            .output()
            .await
            .unwrap()
    }

    async fn ok(&self, arguments: &[&str]) -> String {
        let output = self.git(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    async fn refused(&self, arguments: &[&str]) -> String {
        let output = self.git(arguments).await;
        assert!(!output.status.success(), "{arguments:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    async fn push(&self) {
        let url = self.url(TOKEN, "acme/shop.git");
        self.ok(&["-C", "work", "push", "--quiet", &url, "main"])
            .await;
    }
}

fn read(path: &Path, file: &str) -> String {
    std::fs::read_to_string(path.join(file)).unwrap()
}

// Without this nobody could practise deploying from a private repository.
#[tokio::test]
async fn a_private_repository_is_pushed_to_and_cloned_with_its_token() {
    let stage = Stage::start().await;
    stage.push().await;
    let said = stage
        .ok(&["clone", &stage.url(TOKEN, "acme/shop.git"), "copy"])
        .await;
    assert!(
        said.contains("version 2"),
        "protocol version 2 was not spoken: {said}"
    );
    assert_eq!(
        read(&stage.folder.path().join("copy"), "page.html"),
        "<h1>one</h1>"
    );
    stage
        .ok(&[
            "clone",
            "--quiet",
            &stage.url(TOKEN, "acme/shop"),
            "without-suffix",
        ])
        .await;
}

// A wrong token must be told as such, and a leaked address must not be enough to read code.
#[tokio::test]
async fn without_its_token_a_private_repository_can_be_neither_read_nor_changed() {
    let stage = Stage::start().await;
    stage.push().await;
    let wrong = stage.url("wrong", "acme/shop.git");
    let said = stage.refused(&["clone", &wrong, "copy"]).await;
    assert!(said.contains("Authentication failed"), "{said}");
    let open = stage.open_url("acme/shop.git");
    let said = stage.refused(&["clone", &open, "copy"]).await;
    assert!(said.contains("could not read Username"), "{said}");
    stage
        .refused(&["-C", "work", "push", &wrong, "main:other"])
        .await;
    // Whether a repository exists is not told to whoever shows no token.
    let said = stage
        .refused(&["clone", &stage.open_url("acme/none.git"), "copy"])
        .await;
    assert!(said.contains("could not read Username"), "{said}");
    let said = stage
        .refused(&["clone", &stage.url(TOKEN, "acme/none.git"), "copy"])
        .await;
    assert!(said.contains("not found"), "{said}");
}

#[tokio::test]
async fn a_new_token_ends_the_old_one_and_neither_lies_on_disk() {
    let stage = Stage::start().await;
    stage.push().await;
    stage.host.set_token(&stage.shop, Some("another")).unwrap();
    stage
        .refused(&["clone", &stage.url(TOKEN, "acme/shop.git"), "copy"])
        .await;
    stage
        .ok(&[
            "clone",
            "--quiet",
            &stage.url("another", "acme/shop.git"),
            "copy",
        ])
        .await;
    stage.host.set_token(&stage.shop, Some(TOKEN)).unwrap();
    let repository = stage.folder.path().join("host/acme/shop.git");
    for entry in std::fs::read_dir(repository).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert!(
                !std::fs::read_to_string(&path).unwrap().contains(TOKEN),
                "{path:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_public_repository_is_read_by_everybody_and_changed_by_nobody() {
    let stage = Stage::start().await;
    stage.push().await;
    stage.host.set_token(&stage.shop, None).unwrap();
    stage.host.set_token(&stage.shop, None).unwrap();
    stage
        .ok(&["clone", "--quiet", &stage.open_url("acme/shop.git"), "copy"])
        .await;
    let url = stage.url("any", "acme/shop.git");
    let said = stage.refused(&["-C", "work", "push", &url, "main:x"]).await;
    assert!(said.contains("403"), "{said}");
    stage
        .refused(&[
            "-C",
            "work",
            "push",
            &stage.open_url("acme/shop.git"),
            "main:x",
        ])
        .await;
}

// A release names a commit, which need not be the tip of a branch any more.
#[tokio::test]
async fn one_commit_is_fetched_by_its_hash_without_history() {
    let stage = Stage::start().await;
    stage.push().await;
    let first = stage.git(&["-C", "work", "rev-parse", "HEAD"]).await.stdout;
    let first = String::from_utf8(first).unwrap().trim().to_owned();
    std::fs::write(stage.work().join("page.html"), "<h1>two</h1>").unwrap();
    stage
        .ok(&["-C", "work", "commit", "--quiet", "--all", "--message=two"])
        .await;
    stage.push().await;
    stage.ok(&["init", "--quiet", "copy"]).await;
    let url = stage.url(TOKEN, "acme/shop.git");
    stage
        .ok(&["-C", "copy", "fetch", "--quiet", "--depth=1", &url, &first])
        .await;
    stage
        .ok(&["-C", "copy", "checkout", "--quiet", "FETCH_HEAD"])
        .await;
    assert_eq!(
        read(&stage.folder.path().join("copy"), "page.html"),
        "<h1>one</h1>"
    );
}

// Git sends a push beyond 1 MiB in chunks without a length: held in memory or cut, it is lost.
#[tokio::test]
async fn a_push_and_a_clone_of_many_megabytes_are_streamed_whole() {
    let stage = Stage::start().await;
    let mut noise = vec![0; 8 << 20];
    getrandom::fill(&mut noise).unwrap();
    std::fs::write(stage.work().join("noise.bin"), &noise).unwrap();
    stage.ok(&["-C", "work", "add", "."]).await;
    stage
        .ok(&["-C", "work", "commit", "--quiet", "--message=noise"])
        .await;
    stage.push().await;
    stage
        .ok(&[
            "clone",
            "--quiet",
            &stage.url(TOKEN, "acme/shop.git"),
            "copy",
        ])
        .await;
    assert!(std::fs::read(stage.folder.path().join("copy/noise.bin")).unwrap() == noise);
}

#[tokio::test]
async fn a_repository_is_served_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::load_or_create(folder.path(), "Practice").unwrap();
    let config = authority.server_config(&["127.0.0.1".to_owned()]).unwrap();
    let stage = Stage::over(Some(config)).await;
    let url = format!("https://someone:{TOKEN}@{}/acme/shop.git", stage.address);
    let trust = format!("http.sslCAInfo={}", authority.path().display());
    stage
        .ok(&["-c", &trust, "-C", "work", "push", "--quiet", &url, "main"])
        .await;
    stage
        .ok(&["-c", &trust, "clone", "--quiet", &url, "copy"])
        .await;
    assert_eq!(
        read(&stage.folder.path().join("copy"), "page.html"),
        "<h1>one</h1>"
    );
}

// The address comes from outside; it must not lead out of the folder of repositories.
#[tokio::test]
async fn names_that_leave_the_folder_or_ask_for_other_files_are_not_found() {
    let stage = Stage::start().await;
    stage
        .ok(&["init", "--quiet", "--bare", "outside.git"])
        .await;
    let credentials = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("someone:{TOKEN}"),
    );
    for path in [
        "/../outside.git/info/refs?service=git-upload-pack",
        "/acme/../../outside.git/info/refs?service=git-upload-pack",
        "/%2e%2e/outside.git/info/refs?service=git-upload-pack",
        "//etc/info/refs?service=git-upload-pack",
        "/acme/shop.git/HEAD",
        "/acme/shop.git/plimsoll-token.sha256",
        "/acme/shop.git/info/refs",
        "/acme/shop.git/git-upload-archive",
        "/",
    ] {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: git\r\nauthorization: Basic {credentials}\r\n\
             connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    for name in [
        "", ".", "..", "a/b/c", "/a", "a/", "-a", "a b", "a\n", "a.git", "ä", "a/../b",
    ] {
        assert!(RepositoryName::parse(name).is_err(), "{name:?}");
    }
    assert!(RepositoryName::parse(&"a".repeat(101)).is_err());
}
