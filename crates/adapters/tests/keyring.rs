//! The system's keychain, for real. It is only touched when `PLIMSOLL_TEST_KEYRING` says so, with
//! `XDG_DATA_HOME` and `XDG_RUNTIME_DIR` (mode 0700) in a folder that is thrown away:
//!
//! ```text
//! dbus-run-session -- bash -c 'printf %s pw | gnome-keyring-daemon --unlock --components=secrets \
//!   >/dev/null; PLIMSOLL_TEST_KEYRING=1 cargo test -p plimsoll-adapters --test keyring'
//! ```
//!
//! With `keep` instead of `1` an entry stays; then, in a session with
//! `gnome-keyring-daemon --start --components=secrets`, where nobody unlocks anything, `locked`
//! tries to read it.

#![allow(clippy::unwrap_used)]

use plimsoll_adapters::keychain::SystemKeychain;
use plimsoll_domain::Secret;
use plimsoll_engine::ports::Keychain;

const KEPT: &str = "0199-kept";

fn told() -> Option<String> {
    let told = std::env::var("PLIMSOLL_TEST_KEYRING").ok();
    if told.is_none() {
        eprintln!("PLIMSOLL_TEST_KEYRING is not set: the system's keychain is left alone");
    }
    told
}

#[tokio::test]
async fn the_systems_keychain_keeps_replaces_and_forgets() {
    let told = told();
    if !matches!(told.as_deref(), Some("1" | "keep")) {
        return;
    }
    let keychain = SystemKeychain::of_service("plimsoll-test");
    let entry = "0199-entry";
    keychain.delete(entry).await.unwrap();
    assert!(keychain.get(entry).await.unwrap().is_none());
    for value in ["dop_v1_first", "second ü\nline"] {
        keychain.set(entry, &Secret::new(value)).await.unwrap();
        assert_eq!(keychain.get(entry).await.unwrap().unwrap().expose(), value);
    }
    assert!(
        SystemKeychain::of_service("other")
            .get(entry)
            .await
            .unwrap()
            .is_none()
    );
    keychain.delete(entry).await.unwrap();
    keychain.delete(entry).await.unwrap();
    assert!(keychain.get(entry).await.unwrap().is_none());
    if told.as_deref() == Some("keep") {
        keychain.set(KEPT, &Secret::new("kept")).await.unwrap();
    }
}

#[tokio::test]
async fn a_locked_keychain_is_not_taken_for_an_empty_one() {
    if told().as_deref() != Some("locked") {
        return;
    }
    let keychain = SystemKeychain::of_service("plimsoll-test");
    for error in [
        keychain.get(KEPT).await.map(drop).unwrap_err(),
        keychain.set(KEPT, &Secret::new("new")).await.unwrap_err(),
        keychain.delete(KEPT).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.code(), error.0.retryable),
            ("keychain_locked", true),
            "{error:?}"
        );
        assert!(
            error.0.next_step.contains("Unlock the keychain"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_keychain_is_explained() {
    // Where there is a session bus, there may be a keychain, and nothing to explain.
    let bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS");
    if !cfg!(target_os = "linux") || bus.is_some() {
        return;
    }
    let keychain = SystemKeychain::of_service("plimsoll-test");
    if let Err(error) = keychain.get("x").await {
        let codes = ["keychain_missing", "keychain_locked"];
        assert!(codes.contains(&error.code()), "{error:?}");
        assert!(
            error.0.next_step.contains("PLIMSOLL_PASSPHRASE"),
            "{error:?}"
        );
    }
}
