//! The system's keychain, for real. It is only touched when `PLIMSOLL_TEST_KEYRING=1` says so:
//!
//! ```text
//! dbus-run-session -- bash -c 'printf %s pw | gnome-keyring-daemon --unlock --components=secrets \
//!   >/dev/null; PLIMSOLL_TEST_KEYRING=1 cargo test -p plimsoll-adapters --test keyring'
//! ```
//!
//! with `XDG_DATA_HOME` and `XDG_RUNTIME_DIR` in a folder that is thrown away.

use plimsoll_adapters::keychain::SystemKeychain;
use plimsoll_domain::Secret;
use plimsoll_engine::ports::Keychain;

fn wanted() -> bool {
    let wanted = std::env::var("PLIMSOLL_TEST_KEYRING").is_ok_and(|value| value == "1");
    if !wanted {
        eprintln!("PLIMSOLL_TEST_KEYRING is not 1: the system's keychain is left alone");
    }
    wanted
}

#[tokio::test]
async fn the_systems_keychain_keeps_replaces_and_forgets() {
    if !wanted() {
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
}

#[tokio::test]
async fn a_missing_keychain_is_explained() {
    // Without a bus there is no Secret Service. Where there is one, there is nothing to explain.
    if !cfg!(target_os = "linux")
        || wanted()
        || std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
    {
        return;
    }
    let error = match SystemKeychain::of_service("plimsoll-test").get("x").await {
        Err(error) => error,
        Ok(_) => return,
    };
    assert!(
        ["keychain_unavailable", "keychain_locked"].contains(&error.code()),
        "{error:?}"
    );
    assert!(
        error.0.next_step.contains("PLIMSOLL_PASSPHRASE"),
        "{error:?}"
    );
}
