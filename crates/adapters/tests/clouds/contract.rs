//! Everything that we send and read in the life of a server and of a domain keeps to the public
//! specifications.

use crate::{
    digitalocean::{KEY, firewall, new_droplet, wait_for_address},
    specification::Specification,
    stage::{Exchange, Stage},
    zones::record,
};
use plimsoll_adapters::{clock::SystemClock, keys::KeyMaker};
use plimsoll_domain::server::Provider;
use plimsoll_engine::ports::{
    Compute, DropletAct, Keychain, Keys, SslMode, Tokens, Zones, token_entry,
};
use serde_json::json;
use std::sync::Arc;

/// Where the specification and the provider disagree, so that neither we nor the practice cloud
/// are wrong: the beginning of the departure.
const KNOWN: &[&str] = &[
    // The specification of 2024 does not know account-owned tokens yet.
    "GET /accounts/",
    // Nor the pages of the list of origin certificates.
    "GET /certificates: no query parameter p",
];

/// `under` is where the API lives, `prefix` the part of it that the specification's paths leave out.
fn check(stage: &Stage, file: &str, under: &str, prefix: &str) {
    let record = stage.record.lock().unwrap();
    assert!(
        record.iter().any(|said| said.path.starts_with(under)),
        "nothing was said"
    );
    let Some(mut specification) = Specification::read(file) else {
        return;
    };
    let mut departures: Vec<String> = record
        .iter()
        .filter(|said| said.path.starts_with(under))
        .flat_map(|said| specification.departures(said, prefix))
        .filter(|text| !KNOWN.iter().any(|known| text.starts_with(known)))
        .collect();
    departures.sort();
    departures.dedup();
    assert!(departures.is_empty(), "{}", departures.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_life_of_a_server_keeps_to_the_specification() {
    let stage = Stage::open().await;
    let (compute, account) = (&stage.compute, &stage.digitalocean);
    let token = stage
        .keychain
        .get(&token_entry(account.id))
        .await
        .unwrap()
        .unwrap();
    let report = stage
        .tokens
        .verify(Provider::Digitalocean, &stage.endpoint(), &token)
        .await
        .unwrap();
    assert_eq!(report.missing_scopes, Vec::<String>::new());
    assert!(
        report.owner.contains("practice@plimsoll.test"),
        "{report:?}"
    );

    let sizes = compute.sizes(account).await.unwrap();
    let small = sizes
        .iter()
        .find(|size| size.slug == "s-1vcpu-1gb")
        .unwrap();
    assert_eq!((small.price_cents_month, small.memory_mib), (600, 1_024));
    assert!(
        compute
            .regions(account)
            .await
            .unwrap()
            .iter()
            .any(|region| region.available)
    );
    let key = compute
        .ensure_ssh_key(account, "plimsoll", KEY)
        .await
        .unwrap();
    let droplet = compute
        .create_droplet(account, &new_droplet("web-1", key))
        .await
        .unwrap();
    let id = droplet.id;
    wait_for_address(&stage, id).await;
    compute.tag(account, id, "extra").await.unwrap();
    let tagged = compute.droplets(account, Some("extra")).await.unwrap();
    assert_eq!(
        tagged.iter().map(|droplet| droplet.id).collect::<Vec<_>>(),
        [id]
    );
    compute.untag(account, id, "extra", true).await.unwrap();
    for act in [
        DropletAct::Reboot,
        DropletAct::Shutdown,
        DropletAct::PowerOn,
        DropletAct::PowerOff,
    ] {
        compute.act(account, id, &act).await.unwrap();
    }
    let snapshot = DropletAct::Snapshot {
        name: "base-1".to_owned(),
    };
    compute.act(account, id, &snapshot).await.unwrap();
    let taken = compute.snapshots(account).await.unwrap().pop().unwrap();
    assert_eq!(
        (taken.name.as_str(), taken.size_bytes),
        ("base-1", 2_340_000_000)
    );
    let made = compute
        .put_firewall(account, &firewall("web", &[22, 443]))
        .await
        .unwrap();
    assert_eq!(made.open_tcp_ports, [22, 443]);
    let replaced = compute
        .put_firewall(account, &firewall("web", &[443]))
        .await
        .unwrap();
    assert_eq!(
        (replaced.open_tcp_ports, &replaced.id),
        (vec![443], &made.id)
    );
    assert_eq!(compute.firewalls(account).await.unwrap().len(), 1);
    compute
        .delete_firewall(account, made.id.as_deref().unwrap())
        .await
        .unwrap();
    let ip = compute.reserve_ip(account, id).await.unwrap().ip;
    compute.assign_ip(account, &ip, Some(id)).await.unwrap();
    assert_eq!(
        compute.reserved_ips(account).await.unwrap()[0].droplet_id,
        Some(id)
    );
    compute.assign_ip(account, &ip, None).await.unwrap();
    compute.release_ip(account, &ip).await.unwrap();
    compute.delete_snapshot(account, &taken.id).await.unwrap();
    compute.destroy_droplet(account, id).await.unwrap();

    // Each of them may be asked for twice.
    compute.destroy_droplet(account, id).await.unwrap();
    compute.delete_snapshot(account, &taken.id).await.unwrap();
    compute.release_ip(account, &ip).await.unwrap();
    compute
        .delete_firewall(account, made.id.as_deref().unwrap())
        .await
        .unwrap();
    compute.untag(account, id, "extra", true).await.unwrap();
    assert_eq!(compute.droplet(account, id).await.unwrap(), None);
    check(&stage, "digitalocean-v2-subset.jsonschema.json", "/v2/", "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_life_of_a_domain_keeps_to_the_specification() {
    let stage = Stage::open().await;
    let (zones, account) = (&stage.zones, &stage.cloudflare);
    let token = stage
        .keychain
        .get(&token_entry(account.id))
        .await
        .unwrap()
        .unwrap();
    let report = stage
        .tokens
        .verify(Provider::Cloudflare, &stage.endpoint(), &token)
        .await
        .unwrap();
    assert_eq!(report.missing_scopes, Vec::<String>::new());
    let zone = zones.zones(account).await.unwrap().pop().unwrap();
    assert_eq!(
        (zone.name.as_str(), zone.status.as_str()),
        (stage.zone.as_str(), "active")
    );
    let host = format!("app.{}", zone.name);
    let made = zones
        .put_record(account, &zone.id, &record(&host, "203.0.113.7"))
        .await
        .unwrap();
    let moved = record(&host, "203.0.113.8");
    let again = zones.put_record(account, &zone.id, &moved).await.unwrap();
    assert_eq!(
        (&again.provider_ref, again.content.as_str()),
        (&made.provider_ref, "203.0.113.8")
    );
    let listed = zones.records(account, &zone.id, Some(&host)).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&again));
    assert!(
        !zones
            .records(account, &zone.id, None)
            .await
            .unwrap()
            .is_empty()
    );
    zones
        .set_ssl_mode(account, &zone.id, SslMode::Strict)
        .await
        .unwrap();
    assert_eq!(
        zones.ssl_mode(account, &zone.id).await.unwrap(),
        SslMode::Strict
    );

    let hosts = [host.clone(), format!("*.{}", zone.name)];
    let (_, csr) = KeyMaker::new(Arc::new(SystemClock))
        .signing_request(&hosts)
        .unwrap();
    let issued = zones
        .issue_origin_certificate(account, &hosts, &csr, 60)
        .await
        .unwrap();
    assert!(issued.chain_pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let same = zones
        .issue_origin_certificate(account, &hosts, &csr, 60)
        .await
        .unwrap();
    assert_eq!(
        same.id, issued.id,
        "the same request got a second certificate"
    );
    zones
        .revoke_origin_certificate(account, &issued.id)
        .await
        .unwrap();
    zones
        .revoke_origin_certificate(account, &issued.id)
        .await
        .unwrap();
    let renewed = zones
        .issue_origin_certificate(account, &hosts, &csr, 60)
        .await
        .unwrap();
    assert_ne!(
        renewed.id, issued.id,
        "a revoked certificate was taken for a valid one"
    );

    let id = again.provider_ref.unwrap();
    zones.delete_record(account, &zone.id, &id).await.unwrap();
    zones.delete_record(account, &zone.id, &id).await.unwrap();
    check(
        &stage,
        "cloudflare-v4-subset.jsonschema.json",
        "/client/v4/",
        "/client/v4",
    );
}

#[test]
fn a_departure_from_the_specification_is_noticed() {
    let file = "digitalocean-v2-subset.jsonschema.json";
    let Some(mut specification) = Specification::read(file) else {
        return;
    };
    let said = Exchange {
        method: "POST".to_owned(),
        path: "/v2/droplets".to_owned(),
        query: vec![("nonsense".to_owned(), "1".to_owned())],
        request: Some(json!({"name": "web-1", "image": 7})),
        status: 202,
        answer: Some(json!({"droplet": {"id": "seven"}})),
    };
    let departures = specification.departures(&said, "").join("\n");
    for expected in ["no query parameter nonsense", "request at", "202 at"] {
        assert!(departures.contains(expected), "{expected}: {departures}");
    }
}
