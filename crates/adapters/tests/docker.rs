//! This machine's engine: a real dockerd of the test's own, without a network.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

#[path = "support/dockerd.rs"]
mod dockerd;

use dockerd::Engine;
use plimsoll_adapters::docker::LocalEngine;
use plimsoll_domain::service::BuildSpec;
use plimsoll_engine::ports::{LocalDocker, LocalImage, PortResult, Progress, Unwatched};
use plimsoll_protocol::LogStream;
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn line(&self, stream: LogStream, line: &str) {
        assert_eq!(stream, LogStream::Build);
        self.0.lock().unwrap().push(line.to_owned());
    }
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

const DOCKERFILE: &str = "FROM scratch AS base\nCOPY bin /bin\nFROM base\nCOPY app /app\n";

/// A folder with a large layer below and a small one above.
fn application() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    // Random bytes, so that only leaving them out makes an archive small.
    let mut noise = vec![0; 3_000_000];
    blake3::Hasher::new()
        .update(b"noise")
        .finalize_xof()
        .fill(&mut noise);
    write("bin/noise", &noise);
    write("app/it's $(here)\n", b"one");
    write("app/secret.env", b"hunter2");
    write("Dockerfile", DOCKERFILE.as_bytes());
    write(".dockerignore", b"**/*.env\n");
    folder
}

async fn build(engine: &Engine, folder: &Path, tag: &str) -> PortResult<LocalImage> {
    let spec = BuildSpec::default();
    let (local, heard) = (engine.local(), Arc::new(Heard::default()));
    local
        .build(folder, &spec, None, tag, &architecture(engine).await, heard)
        .await
}

async fn architecture(engine: &Engine) -> String {
    engine
        .command(&["version", "--format", "{{.Server.Arch}}"])
        .1
}

#[tokio::test(flavor = "multi_thread")]
async fn only_new_layers_travel_and_the_same_image_arrives() {
    let Some(engine) = Engine::start() else {
        return;
    };
    let local = engine.local();
    assert!(!local.version().await.unwrap().is_empty());
    let folder = application();
    let first = build(&engine, folder.path(), "shop-web:one").await.unwrap();
    fs::write(folder.path().join("app/it's $(here)\n"), "two").unwrap();
    let second = build(&engine, folder.path(), "shop-web:two").await.unwrap();
    assert_eq!(second.layers.len(), 2);
    assert_eq!(second.layers[0], first.layers[0]);
    assert_ne!(second.layers[1], first.layers[1]);
    assert_eq!(
        local.inspect("shop-web:two").await.unwrap(),
        Some(second.clone())
    );

    let whole = engine.folder.path().join("whole");
    let part = engine.folder.path().join("part");
    let whole_bytes = local.export(&second.id, 0, &whole).await.unwrap();
    let part_bytes = local.export(&second.id, 1, &part).await.unwrap();
    println!("whole {whole_bytes} bytes, without the first layer {part_bytes} bytes");
    assert!(
        whole_bytes > 3_000_000 && part_bytes < 4_000,
        "{whole_bytes}, {part_bytes}"
    );

    local.remove_tag("shop-web:two").await.unwrap();
    local.remove_tag("shop-web:two").await.unwrap();
    assert!(!engine.has(&second.id));
    assert!(engine.load(&part).0);
    assert!(engine.has(&second.id), "the part did not become the image");

    for id in [&second.id, &first.id] {
        engine.command(&["image", "rm", "--force", id]);
    }
    engine.command(&["image", "prune", "--force"]);
    let (loaded, said) = engine.load(&part);
    assert!(
        !loaded || !engine.has(&second.id),
        "nothing can come from nothing: {said}"
    );
    assert!(engine.load(&whole).0);
    assert!(engine.has(&second.id));
    assert_eq!(local.inspect(&first.id).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_sees_what_the_context_holds_and_tells_why_it_fails() {
    let Some(engine) = Engine::start() else {
        return;
    };
    let local = engine.local();
    let folder = application();
    let image = build(&engine, folder.path(), "shop-web:files")
        .await
        .unwrap();
    let (_, id) = engine.command(&["create", &image.id, "nothing"]);
    let tar = engine.folder.path().join("out.tar");
    assert!(
        engine
            .command(&["export", "--output", &tar.display().to_string(), &id])
            .0
    );
    let mut archive = tar::Archive::new(fs::File::open(tar).unwrap());
    let names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert!(
        names.iter().any(|name| name == "app/it's $(here)\n"),
        "{names:?}"
    );
    assert!(
        !names.iter().any(|name| name.contains("secret")),
        "{names:?}"
    );

    let architecture = architecture(&engine).await;
    let generated = "FROM scratch\nCOPY app /generated\n";
    let spec = BuildSpec {
        args: vec![("A".into(), "$(id) 'x'".into())],
        ..BuildSpec::default()
    };
    let heard = Arc::new(Heard::default());
    let tag = "shop-web:generated";
    local
        .build(
            folder.path(),
            &spec,
            Some(generated),
            tag,
            &architecture,
            heard.clone(),
        )
        .await
        .unwrap();
    let heard = heard.0.lock().unwrap().join("\n");
    assert!(heard.contains("COPY app /generated"), "{heard}");

    fs::write(
        folder.path().join("Broken"),
        "FROM scratch\nCOPY nowhere /\n",
    )
    .unwrap();
    for (dockerfile, code) in [
        ("Broken", "build_failed"),
        ("nowhere", "dockerfile_missing"),
    ] {
        let spec = BuildSpec {
            dockerfile: dockerfile.into(),
            ..BuildSpec::default()
        };
        let error = local
            .build(
                folder.path(),
                &spec,
                None,
                "shop-web:broken",
                &architecture,
                Arc::new(Unwatched),
            )
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert!(!error.0.next_step.is_empty());
        if code == "build_failed" {
            assert!(
                error.0.evidence.iter().any(|line| line.contains("nowhere")),
                "{error:?}"
            );
        }
    }
    let spec = BuildSpec {
        timeout_ms: 1,
        ..BuildSpec::default()
    };
    let error = local
        .build(
            folder.path(),
            &spec,
            None,
            "shop-web:late",
            &architecture,
            Arc::new(Unwatched),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code(), "build_timeout");
}

#[tokio::test]
async fn a_machine_without_an_engine_says_so() {
    let local = LocalEngine::at_socket("/nowhere/docker.sock");
    let error = local.version().await.unwrap_err();
    assert_eq!(error.code(), "docker_missing");
    assert!(!error.0.next_step.is_empty());
    for strange in ["", "-x", "../containers/json", "a b", "a?all=1", "a\n"] {
        let error = local.inspect(strange).await.unwrap_err();
        assert_eq!(error.code(), "image_reference_invalid", "{strange:?}");
    }
}
