//! Accounts: what a provider says of a token, and what becomes of the token.

use crate::support::{Desk, Keyring, Role, Window};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_replaces_nothing() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.press("Connect both accounts").await;
    window.find(Role::Button, "Plan the server").await;
    for (more, provider, wrong) in [
        (
            "More for practice-digitalocean",
            "DigitalOcean",
            format!("dop_v1_{}", "0".repeat(64)),
        ),
        ("More for practice-cloudflare", "Cloudflare", "x".repeat(40)),
    ] {
        // What the last one was told goes with its page.
        window.click(Role::Link, "Projects").await;
        settings(&window).await;
        window.press(more).await;
        window.click(Role::MenuItem, "Replace its token").await;
        window.fill(Role::Textbox, "API token", &wrong).await;
        window.press("Try it and replace").await;
        window
            .sees(&format!("{provider} does not accept the token"))
            .await;
        let text = window.script("return document.body.outerHTML", vec![]);
        let shown = text.await.to_string().contains(&wrong);
        assert!(!shown, "{provider}: the token stands in the page");
        window.press("Cancel").await;
        window.press(more).await;
        window.click(Role::MenuItem, "Test it").await;
        window.sees("Belongs to").await;
        let log = std::fs::read_to_string(desk.log()).unwrap();
        assert!(!log.contains(&wrong), "{provider}: the token was logged");
    }
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

async fn settings(window: &Window) {
    window.click(Role::Link, "Settings").await;
    window
        .find(Role::Button, "More for practice-cloudflare")
        .await;
}
