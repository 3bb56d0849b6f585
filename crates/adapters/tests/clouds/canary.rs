//! A token planted where it can leak is found in no error.

use crate::{
    digitalocean::{firewall, new_droplet},
    scripted::{Asked, Scripted, says},
    zones::record,
};
use axum::response::Response;
use plimsoll_domain::{Secret, server::Provider};
use plimsoll_engine::ports::{Compute, DropletAct, PortError, SslMode, Tokens, Zones};
use serde_json::json;

const CANARY: &str = "dop_v1_canary_\"9f8e7d6c5b4a\\39281706";

/// Answers that repeat everything we sent.
fn echo(asked: &Asked, status: u16, html: bool) -> Response {
    let sent = asked.headers["authorization"].to_str().unwrap();
    let said = format!("{} {} with {sent}", asked.method, asked.target);
    if html {
        return says(status, format!("<html>{said}</html>"));
    }
    let body = json!({
        "id": sent, "message": said, "request_id": sent,
        "success": false, "messages": [],
        "errors": [{"code": 1234, "message": said, "error_chain": [{"code": 1, "message": sent}]}],
    });
    says(status, body.to_string())
}

async fn every_failure(stage: &Scripted) -> Vec<PortError> {
    let (compute, zones) = (&stage.compute, &stage.zones);
    let (d, c) = (&stage.digitalocean, &stage.cloudflare);
    let token = Secret::new(CANARY);
    let mut failures = Vec::new();
    macro_rules! gather {
        ($($call:expr),* $(,)?) => {$(
            if let Err(error) = $call.await { failures.push(error); }
        )*};
    }
    gather!(
        stage
            .tokens
            .verify(Provider::Digitalocean, &stage.endpoint, &token),
        stage
            .tokens
            .verify(Provider::Cloudflare, &stage.endpoint, &token),
        compute.sizes(d),
        compute.regions(d),
        compute.ensure_ssh_key(d, "k", "ssh-ed25519 AAAA"),
        compute.create_droplet(d, &new_droplet("web-1", 1)),
        compute.droplet(d, 1),
        compute.droplets(d, Some("t")),
        compute.destroy_droplet(d, 1),
        compute.act(d, 1, &DropletAct::Reboot),
        compute.tag(d, 1, "t"),
        compute.untag(d, 1, "t", true),
        compute.snapshots(d),
        compute.delete_snapshot(d, "1"),
        compute.put_firewall(d, &firewall("web", &[1])),
        compute.delete_firewall(d, "1"),
        compute.reserve_ip(d, 1),
        compute.assign_ip(d, "1", None),
        compute.release_ip(d, "1"),
        zones.zones(c),
        zones.records(c, "z", None),
        zones.put_record(c, "z", &record("a.example.com", "203.0.113.7")),
        zones.delete_record(c, "z", "r"),
        zones.ssl_mode(c, "z"),
        zones.set_ssl_mode(c, "z", SslMode::Strict),
        zones.issue_origin_certificate(c, &["a.example.com".to_owned()], "csr", 7),
        zones.revoke_origin_certificate(c, "1"),
    );
    failures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_in_no_error_even_when_the_provider_repeats_it() {
    for status in [200, 202, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503] {
        // Pages of proxies come with any status; three stand for all.
        for html in if [200, 403, 503].contains(&status) {
            &[false, true][..]
        } else {
            &[false]
        } {
            let html = *html;
            let stage = Scripted::new(CANARY, move |asked| echo(&asked, status, html)).await;
            let failures = every_failure(&stage).await;
            assert!(
                failures.len() >= 15,
                "{status}: {} failures",
                failures.len()
            );
            for error in failures {
                let shown = format!(
                    "{error:?} {error} {}",
                    serde_json::to_string(&error.0).unwrap()
                );
                for leak in ["canary", "9f8e7d6c", "only-once"] {
                    assert!(!shown.contains(leak), "HTTP {status}: {shown}");
                }
                assert!(!error.0.next_step.is_empty(), "{error:?}");
                let prefixed = error.code().starts_with("do_") || error.code().starts_with("cf_");
                assert!(prefixed, "{error:?}");
            }
        }
    }
}
