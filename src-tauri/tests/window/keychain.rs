//! A keychain that is locked or missing, and the vault that stands in for it.

use crate::support::{Desk, Keyring, LATER, Role, Window};

const PASSPHRASE: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keychain_is_explained_and_a_vault_is_the_way_out() {
    let Some(desk) = with_tokens_in_a_locked_keychain().await else {
        return;
    };
    let window = desk.open().await;
    window.sees("Your keychain is locked").await;
    window.press("Use a vault with a passphrase").await;
    window.fill(Role::Textbox, "Passphrase", PASSPHRASE).await;
    window
        .fill(Role::Textbox, "The same again", "correct horse")
        .await;
    window.sees("The two are different.").await;
    window
        .fill(Role::Textbox, "The same again", PASSPHRASE)
        .await;
    window.press("Make the vault").await;
    window.find(Role::Link, "Projects").await;
    window.close().await;

    // From now on the vault is asked for, and opens for its passphrase alone.
    let window = desk.open().await;
    window.sees("Your vault is locked").await;
    window.fill(Role::Textbox, "Passphrase", "wrong").await;
    window.press("Unlock").await;
    window.sees("passphrase").await;
    assert!(!window.has(Role::Link, "Projects").await);
    window.fill(Role::Textbox, "Passphrase", PASSPHRASE).await;
    window.press("Unlock").await;
    window.find(Role::Link, "Projects").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_locked_keychain_holds_is_used_again_once_it_is_open() {
    let Some(mut desk) = with_tokens_in_a_locked_keychain().await else {
        return;
    };
    let window = desk.open().await;
    window.sees("Your keychain is locked").await;
    window.close().await;
    desk.session().keyring(Keyring::Unlocked);
    let window = desk.open().await;
    connected(&window).await;
    window.press("More for practice-digitalocean").await;
    window.click(Role::MenuItem, "Test it").await;
    window.sees("Belongs to").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_keychain_everything_can_be_looked_at() {
    let Some(desk) = Desk::new(Keyring::Missing) else {
        return;
    };
    let window = desk.open().await;
    window.sees("There is no keychain to be used").await;
    window.press("Look around without it").await;
    window.find(Role::Link, "Projects").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

/// A desk whose accounts' tokens are in the keychain, which was locked afterwards.
async fn with_tokens_in_a_locked_keychain() -> Option<Desk> {
    let mut desk = Desk::new(Keyring::Unlocked)?;
    let window = desk.open().await;
    window.press("Connect both accounts").await;
    connected(&window).await;
    window.close().await;
    desk.session().keyring(Keyring::Locked);
    Some(desk)
}

/// Both accounts of the practice cloud are there.
async fn connected(window: &Window) {
    window.click(Role::Link, "Settings").await;
    window.sees_within("digitalocean", LATER).await;
    window.sees("cloudflare").await;
}
