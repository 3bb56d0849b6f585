//! Whichever scope a token lacks, the error names it and what to do.

use crate::{
    digitalocean::{KEY, firewall, new_droplet, wait_for_address},
    stage::Stage,
    zones::record,
};
use plimsoll_adapters::{clock::SystemClock, keys::KeyMaker};
use plimsoll_domain::{Secret, server::Provider};
use plimsoll_engine::ports::{
    Compute, DropletAct, Keychain, Keys, PortError, SslMode, Tokens, Zones, token_entry,
};
use serde_json::json;
use std::sync::Arc;

const DIGITALOCEAN: &[&str] = &[
    "account:read",
    "droplet:create",
    "droplet:delete",
    "droplet:read",
    "droplet:update",
    "firewall:create",
    "firewall:delete",
    "firewall:read",
    "firewall:update",
    "image:delete",
    "regions:read",
    "reserved_ip:create",
    "reserved_ip:delete",
    "reserved_ip:read",
    "reserved_ip:update",
    "sizes:read",
    "snapshot:delete",
    "snapshot:read",
    "ssh_key:create",
    "ssh_key:read",
    "tag:create",
    "tag:delete",
];

/// Everything that we ever ask, with a real droplet and a real address; the failures.
async fn ask_for_everything(stage: &Stage, id: u64, ip: &str, round: usize) -> Vec<PortError> {
    let (compute, account) = (&stage.compute, &stage.digitalocean);
    let mut failures = Vec::new();
    macro_rules! gather {
        ($($call:expr),* $(,)?) => {$(
            if let Err(error) = $call.await { failures.push(error); }
        )*};
    }
    let key = KEY.replace("AAAAIOMq", &format!("AAAAIO{:02}", round % 100));
    let name = format!("web-{round}");
    let mut impossible = new_droplet(&name, 1);
    impossible.region = "nowhere".to_owned();
    gather!(
        compute.sizes(account),
        compute.regions(account),
        compute.ensure_ssh_key(account, "k", &key),
        compute.create_droplet(account, &impossible),
        compute.droplet(account, id),
        compute.droplets(account, None),
        compute.destroy_droplet(account, 7),
        compute.act(account, id, &DropletAct::Reboot),
        compute.tag(account, id, "extra"),
        compute.untag(account, id, "extra", true),
        compute.snapshots(account),
        compute.delete_snapshot(account, "7"),
        compute.put_firewall(account, &firewall(&name, &[443])),
        compute.put_firewall(account, &firewall(&name, &[22])),
        compute.delete_firewall(account, "00000000-0000-0000-0000-000000000000"),
        compute.reserve_ip(account, 7),
        compute.assign_ip(account, ip, Some(id)),
        compute.assign_ip(account, ip, None),
        compute.release_ip(account, "192.0.2.1"),
    );
    failures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_scope_a_digitalocean_token_lacks_it_is_named() {
    let stage = Stage::at_once().await;
    let (compute, account) = (&stage.compute, &stage.digitalocean);
    let key = compute.ensure_ssh_key(account, "k", KEY).await.unwrap();
    let id = compute
        .create_droplet(account, &new_droplet("web", key))
        .await
        .unwrap()
        .id;
    wait_for_address(&stage, id).await;
    let ip = compute.reserve_ip(account, id).await.unwrap().ip;
    compute.assign_ip(account, &ip, Some(id)).await.unwrap();
    // The scopes that the specification asks for are all that we need.
    let limit = async |scopes: &[&str]| {
        let token = stage
            .token(json!({"cloud": "digitalocean", "scopes": scopes}))
            .await;
        stage
            .keychain
            .set(&token_entry(account.id), &token)
            .await
            .unwrap();
        token
    };
    limit(DIGITALOCEAN).await;
    for error in ask_for_everything(&stage, id, &ip, 99).await {
        assert_ne!(error.code(), "do_forbidden_scope", "{error:?}");
    }
    for (round, missing) in DIGITALOCEAN.iter().enumerate() {
        let scopes: Vec<&str> = DIGITALOCEAN
            .iter()
            .copied()
            .filter(|scope| scope != missing)
            .collect();
        let token = limit(&scopes).await;
        let failures = ask_for_everything(&stage, id, &ip, round).await;
        let refused: Vec<&PortError> = failures
            .iter()
            .filter(|error| error.code() == "do_forbidden_scope")
            .collect();
        // Only verifying a token reads the account.
        assert!(
            !refused.is_empty() || *missing == "account:read",
            "{missing}: {failures:?}"
        );
        for error in refused {
            assert!(error.to_string().contains(missing), "{missing}: {error:?}");
            assert!(error.0.next_step.contains(missing), "{missing}: {error:?}");
        }
        let report = stage
            .tokens
            .verify(Provider::Digitalocean, &stage.endpoint(), &token)
            .await
            .unwrap();
        let told = report.missing_scopes.iter().chain(&report.limits);
        assert!(
            told.into_iter().any(|line| line.contains(missing)),
            "{missing}: {report:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_permission_a_cloudflare_token_lacks_it_is_named() {
    let stage = Stage::open().await;
    let (zones, account) = (&stage.zones, &stage.cloudflare);
    let zone = zones.zones(account).await.unwrap().pop().unwrap().id;
    let hosts = [format!("app.{}", stage.zone)];
    let (_, csr) = KeyMaker::new(Arc::new(SystemClock))
        .signing_request(&hosts)
        .unwrap();
    let all = ["zone:read", "dns:edit", "zone_settings:edit", "ssl:edit"];
    for (missing, instead, named) in [
        ("zone:read", None, "Zone: Zone: Read"),
        ("dns:edit", None, "Zone: DNS: "),
        ("dns:edit", Some("dns:read"), "Zone: DNS: Edit"),
        ("zone_settings:edit", None, "Zone: Zone Settings: "),
        (
            "zone_settings:edit",
            Some("zone_settings:read"),
            "Zone: Zone Settings: Edit",
        ),
        ("ssl:edit", None, "Zone: SSL and Certificates: "),
        (
            "ssl:edit",
            Some("ssl:read"),
            "Zone: SSL and Certificates: Edit",
        ),
    ] {
        let scopes: Vec<&str> = all
            .iter()
            .copied()
            .filter(|scope| *scope != missing)
            .chain(instead)
            .collect();
        let token: Secret = stage
            .token(json!({"cloud": "cloudflare", "scopes": scopes}))
            .await;
        stage
            .keychain
            .set(&token_entry(account.id), &token)
            .await
            .unwrap();
        let wanted = record(&hosts[0], "203.0.113.7");
        let outcomes = [
            zones.zones(account).await.map(drop),
            zones.records(account, &zone, None).await.map(drop),
            zones.put_record(account, &zone, &wanted).await.map(drop),
            zones
                .delete_record(account, &zone, "00000000000000000000000000000000")
                .await,
            zones.ssl_mode(account, &zone).await.map(drop),
            zones.set_ssl_mode(account, &zone, SslMode::Strict).await,
            zones
                .issue_origin_certificate(account, &hosts, &csr, 7)
                .await
                .map(drop),
            zones.revoke_origin_certificate(account, "7").await,
        ];
        let failures: Vec<PortError> = outcomes.into_iter().filter_map(Result::err).collect();
        assert!(!failures.is_empty(), "{missing} is not needed");
        for error in failures {
            assert_eq!(error.code(), "cf_forbidden_scope", "{missing}: {error:?}");
            assert!(error.to_string().contains(named), "{missing}: {error:?}");
        }
        let report = stage
            .tokens
            .verify(Provider::Cloudflare, &stage.endpoint(), &token)
            .await
            .unwrap();
        let told = report.missing_scopes.iter().chain(&report.limits);
        assert!(
            told.into_iter().any(|line| line.contains(named)),
            "{missing}: {report:?}"
        );
    }
}
