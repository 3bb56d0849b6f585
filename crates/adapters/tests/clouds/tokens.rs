//! Whose token it is, what it lacks, and what cannot be known.

use crate::{digitalocean::KEY, stage::Stage};
use plimsoll_domain::{Secret, server::Provider};
use plimsoll_engine::ports::{Compute, Keychain, PortError, TokenReport, Tokens, token_entry};
use serde_json::json;

async fn verify(
    stage: &Stage,
    provider: Provider,
    token: &Secret,
) -> Result<TokenReport, PortError> {
    stage
        .tokens
        .verify(provider, &stage.endpoint(), token)
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scopes_that_a_digitalocean_token_lacks_are_named() {
    let stage = Stage::open().await;
    let scopes = [
        "account:read",
        "droplet:read",
        "droplet:create",
        "droplet:update",
        "droplet:delete",
        "regions:read",
        "sizes:read",
        "ssh_key:read",
        "ssh_key:create",
        "tag:create",
        "snapshot:read",
        "snapshot:delete",
        "image:delete",
    ];
    let token = stage
        .token(json!({"cloud": "digitalocean", "scopes": scopes}))
        .await;
    let report = verify(&stage, Provider::Digitalocean, &token)
        .await
        .unwrap();
    let mut missing = report.missing_scopes;
    missing.sort();
    assert_eq!(
        missing,
        [
            "firewall:delete",
            "firewall:read",
            "firewall:update",
            "reserved_ip:delete",
            "reserved_ip:read",
            "reserved_ip:update",
            "tag:delete",
        ]
    );
    assert!(report.limits.contains(&"droplets: 25".to_owned()));
    assert!(
        report
            .limits
            .iter()
            .any(|line| line.contains("firewall:create"))
    );
    // Nothing was made by asking.
    let status = stage.record.lock().unwrap().clone();
    assert!(
        status
            .iter()
            .all(|said| said.method == "GET" || said.status >= 400),
        "{status:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_may_not_read_its_account_is_still_verified() {
    let stage = Stage::open().await;
    let token = stage
        .token(json!({"cloud": "digitalocean", "scopes": ["droplet:read"]}))
        .await;
    let report = verify(&stage, Provider::Digitalocean, &token)
        .await
        .unwrap();
    assert_eq!(report.missing_scopes[0], "account:read");
    assert!(!report.owner.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_is_named_when_it_is_needed() {
    let stage = Stage::open().await;
    let token = stage
        .token(json!({"cloud": "digitalocean", "scopes": ["ssh_key:read"]}))
        .await;
    let entry = token_entry(stage.digitalocean.id);
    stage.keychain.set(&entry, &token).await.unwrap();
    let error = stage
        .compute
        .ensure_ssh_key(&stage.digitalocean, "k", KEY)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "do_forbidden_scope");
    assert!(
        error.to_string().contains("lacks the scope ssh_key:create"),
        "{error}"
    );
    assert!(
        error
            .0
            .next_step
            .contains("cloud.digitalocean.com/account/api/tokens")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusable_tokens_are_told_apart_from_unusable_networks() {
    let stage = Stage::open().await;
    for (provider, prefix) in [(Provider::Digitalocean, "do"), (Provider::Cloudflare, "cf")] {
        for bad in [
            "",
            "  \n",
            "wrong",
            "line\nbreak",
            "tab\u{7}bell",
            &"0".repeat(40),
        ] {
            let error = verify(&stage, provider, &Secret::new(bad))
                .await
                .unwrap_err();
            assert_eq!(
                error.code(),
                format!("{prefix}_unauthorized"),
                "{bad:?}: {error:?}"
            );
            assert!(error.0.next_step.contains("https://"), "{error:?}");
            assert!(!error.0.retryable);
        }
    }
    let cloud = json!({"cloud": "digitalocean", "expires_in_ms": 0});
    let expired = stage.token(cloud).await;
    let error = verify(&stage, Provider::Digitalocean, &expired)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "do_unauthorized");
    stage
        .keychain
        .delete(&token_entry(stage.digitalocean.id))
        .await
        .unwrap();
    let error = stage.compute.sizes(&stage.digitalocean).await.unwrap_err();
    assert_eq!(error.code(), "do_token_missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_pasted_with_a_line_break_works() {
    let stage = Stage::open().await;
    let token = stage.token(json!({"cloud": "digitalocean"})).await;
    let pasted = Secret::new(format!(" {}\n", token.expose()));
    assert!(
        verify(&stage, Provider::Digitalocean, &pasted)
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_kinds_of_cloudflare_tokens_are_verified() {
    let stage = Stage::open().await;
    for (owner, kind) in [
        ("user", "kind: user token"),
        ("account", "kind: account-owned token"),
    ] {
        let draft = json!({"cloud": "cloudflare", "owner": owner, "expires_in_ms": 86_400_000});
        let token = stage.token(draft).await;
        let report = verify(&stage, Provider::Cloudflare, &token).await.unwrap();
        assert!(report.limits.contains(&kind.to_owned()), "{report:?}");
        assert!(report.limits.contains(&"zones: 1".to_owned()), "{report:?}");
        assert!(
            report.expires_at.is_some() && report.owner.contains("Practice"),
            "{report:?}"
        );
        assert_eq!(report.missing_scopes, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_permissions_that_a_cloudflare_token_lacks_are_named() {
    let stage = Stage::open().await;
    let scopes = ["zone:read", "dns:read", "account:read"];
    let token = stage
        .token(json!({"cloud": "cloudflare", "scopes": scopes}))
        .await;
    let report = verify(&stage, Provider::Cloudflare, &token).await.unwrap();
    assert_eq!(
        report.missing_scopes,
        [
            "Zone: DNS: Edit",
            "Zone: Zone Settings: Read",
            "Zone: SSL and Certificates: Read",
            "Zone: SSL and Certificates: Edit",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_cloudflare_token_is_told() {
    let stage = Stage::open().await;
    let token = stage
        .token(json!({"cloud": "cloudflare", "expires_in_ms": 0}))
        .await;
    let error = verify(&stage, Provider::Cloudflare, &token)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "cf_token_inactive");
    assert!(error.to_string().contains("expired"), "{error}");
}
