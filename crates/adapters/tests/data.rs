//! Everything taken along and brought back, on stores and vaults of its own.

#![allow(clippy::unwrap_used)]

use plimsoll_adapters::{
    Settings, check_vault, create_vault, desktop, export_everything, restore_everything,
    save_diagnostics,
};
use plimsoll_domain::{Secret, name::Name};
use plimsoll_engine::Engine;
use std::{io::Read, path::Path};

const CANARY: &str = "canary-7c1e-passphrase";

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

async fn open(home: &Path, passphrase: &str) -> Engine {
    let settings = Settings {
        home: Some(home.to_owned()),
        passphrase: Some(secret(passphrase)),
        mend: true,
        ..Settings::default()
    };
    desktop(settings).await.unwrap()
}

/// A home with a vault, a project of this name and a key pair.
async fn furnished(home: &Path, passphrase: &str, project: &str) -> Engine {
    create_vault(Some(home.to_owned()), &secret(passphrase))
        .await
        .unwrap();
    let engine = open(home, passphrase).await;
    engine
        .create_project(Name::parse(project).unwrap())
        .await
        .unwrap();
    engine.login_key().await.unwrap();
    engine
}

async fn projects(engine: &Engine) -> Vec<String> {
    let projects = engine.projects().await.unwrap();
    projects.iter().map(|row| row.name.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_on_another_machine_and_what_was_there_is_kept() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = furnished(one.path(), "the first machine", "shop").await;
    let login = engine.login_key().await.unwrap();
    let export = one.path().join("everything.plimsoll");
    let sealing = secret(CANARY);
    let bytes = export_everything(&engine, &export, &sealing).await.unwrap();
    assert_eq!(bytes, std::fs::metadata(&export).unwrap().len());

    let other = furnished(two.path(), "the second machine", "blog").await;
    let refused = restore_everything(&other, &export, &secret("not the passphrase")).await;
    assert_eq!(refused.unwrap_err().code(), "export_wrong_passphrase");
    assert_eq!(projects(&other).await, ["blog"], "nothing was changed");

    let restored = restore_everything(&other, &export, &sealing).await.unwrap();
    let other = open(two.path(), "the second machine").await;
    assert_eq!(projects(&other).await, ["shop"]);
    assert_eq!(other.login_key().await.unwrap(), login);
    let entries = other.everything().await.unwrap().entries;
    assert!(
        entries
            .values()
            .any(|entry| entry.expose().contains("OPENSSH PRIVATE KEY")),
        "the private half came along"
    );

    restore_everything(&other, &restored.before, &sealing)
        .await
        .unwrap();
    let other = open(two.path(), "the second machine").await;
    assert_eq!(projects(&other).await, ["blog"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_process_has_open_is_not_replaced() {
    let home = tempfile::tempdir().unwrap();
    let engine = furnished(home.path(), "a passphrase", "shop").await;
    let export = home.path().join("everything.plimsoll");
    let sealing = secret(CANARY);
    export_everything(&engine, &export, &sealing).await.unwrap();
    let beside = open(home.path(), "a passphrase").await;
    let refused = restore_everything(&engine, &export, &sealing).await;
    assert_eq!(refused.unwrap_err().code(), "store_in_use");
    assert_eq!(projects(&beside).await, ["shop"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_made_once_and_opens_with_its_passphrase_only() {
    let home = tempfile::tempdir().unwrap();
    let folder = || Some(home.path().to_owned());
    let code = |error: plimsoll_engine::ports::PortError| error.code().to_owned();
    let short = create_vault(folder(), &secret("short")).await;
    assert_eq!(code(short.unwrap_err()), "passphrase_short");
    create_vault(folder(), &secret("long enough"))
        .await
        .unwrap();
    let again = create_vault(folder(), &secret("another one")).await;
    assert_eq!(code(again.unwrap_err()), "vault_exists");
    check_vault(folder(), &secret("long enough")).await.unwrap();
    let wrong = check_vault(folder(), &secret("another one")).await;
    assert_eq!(code(wrong.unwrap_err()), "vault_wrong_passphrase");

    // Nobody gives the passphrase: everything opens but what needs the vault.
    let settings = Settings {
        home: folder(),
        ..Settings::default()
    };
    let engine = desktop(settings).await.unwrap();
    assert_eq!(
        engine.check_keychain().await.unwrap_err().code(),
        "vault_locked"
    );
    assert_eq!(projects(&engine).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_mended_and_told_until_somebody_has_read_it() {
    let home = tempfile::tempdir().unwrap();
    let engine = furnished(home.path(), "a passphrase", "shop").await;
    engine.everything().await.unwrap();
    engine.shut().await.unwrap();
    std::fs::write(home.path().join("plimsoll.db"), "no database".repeat(999)).unwrap();

    let engine = open(home.path(), "a passphrase").await;
    assert_eq!(projects(&engine).await, ["shop"]);
    let notices = engine.notices().await.unwrap();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].text.contains(".damaged-"), "{}", notices[0].text);
    engine.shut().await.unwrap();

    let engine = open(home.path(), "a passphrase").await;
    assert_eq!(engine.notices().await.unwrap(), notices, "it is still told");
    engine.dismiss_notice(&notices[0].id).await.unwrap();
    assert_eq!(engine.notices().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn diagnostics_are_an_archive_without_secrets() {
    let home = tempfile::tempdir().unwrap();
    let engine = furnished(home.path(), CANARY, "shop").await;
    let private = engine.everything().await.unwrap().entries;
    let log = vec![("window.log".to_owned(), "begun\n".to_owned())];
    let diagnostics = engine.diagnostics(log).await.unwrap();
    let file = home.path().join("diagnostics.tar.zst");
    save_diagnostics(diagnostics, &file).await.unwrap();
    let packed = zstd::Decoder::new(std::fs::File::open(file).unwrap()).unwrap();
    let mut names = Vec::new();
    for entry in tar::Archive::new(packed).entries().unwrap() {
        let mut entry = entry.unwrap();
        names.push(entry.path().unwrap().display().to_string());
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert!(!text.contains(CANARY));
        for secret in private.values() {
            assert!(!text.contains(secret.expose()));
        }
    }
    names.sort();
    let wanted = ["about.json", "jobs.json", "settings.json", "window.log"];
    let wanted = wanted.map(|name| format!("plimsoll-diagnostics/{name}"));
    assert_eq!(names, wanted);
}
