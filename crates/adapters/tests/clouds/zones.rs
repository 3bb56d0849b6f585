//! Cloudflare's refusals, and what a crash or a cut leaves.

use crate::stage::Stage;
use plimsoll_adapters::{clock::SystemClock, keys::KeyMaker};
use plimsoll_domain::dns::DnsRecord;
use plimsoll_engine::ports::{Keys, SslMode, Zones};
use serde_json::json;
use std::sync::Arc;

pub fn record(name: &str, content: &str) -> DnsRecord {
    DnsRecord {
        provider_ref: None,
        kind: "A".to_owned(),
        name: name.to_owned(),
        content: content.to_owned(),
        proxied: true,
        ttl: 1,
        comment: "plimsoll:0199".to_owned(),
    }
}

async fn zone(stage: &Stage) -> String {
    stage
        .zones
        .zones(&stage.cloudflare)
        .await
        .unwrap()
        .pop()
        .unwrap()
        .id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_cut_off_is_made_once() {
    let stage = Stage::open().await;
    let (zones, account, zone) = (&stage.zones, &stage.cloudflare, zone(&stage).await);
    for (n, fault) in [
        json!({"kind": "cut"}),
        json!({"kind": "wrong_json"}),
        json!({"kind": "refuse"}),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("app{n}.{}", stage.zone);
        stage.fault("POST", "/dns_records$", 1, fault).await;
        let wanted = record(&name, "203.0.113.7");
        let made = zones.put_record(account, &zone, &wanted).await.unwrap();
        assert_eq!(
            zones.put_record(account, &zone, &wanted).await.unwrap(),
            made
        );
        assert_eq!(
            zones.records(account, &zone, Some(&name)).await.unwrap(),
            [made]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_whose_answer_was_cut_is_found_by_its_request() {
    let stage = Stage::open().await;
    let hosts = [format!("app.{}", stage.zone)];
    let (_, csr) = KeyMaker::new(Arc::new(SystemClock))
        .signing_request(&hosts)
        .unwrap();
    stage
        .fault("POST", "/certificates$", 1, json!({"kind": "cut"}))
        .await;
    let (zones, account) = (&stage.zones, &stage.cloudflare);
    let issued = zones
        .issue_origin_certificate(account, &hosts, &csr, 365)
        .await
        .unwrap();
    let same = zones
        .issue_origin_certificate(account, &hosts, &csr, 365)
        .await
        .unwrap();
    assert_eq!(issued.id, same.id);
    assert_eq!(stage.count("POST", "/client/v4/certificates"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_in_the_way_are_told_apart() {
    let stage = Stage::open().await;
    let (zones, account, zone) = (&stage.zones, &stage.cloudflare, zone(&stage).await);
    let name = format!("app.{}", stage.zone);
    zones
        .put_record(account, &zone, &record(&name, "203.0.113.7"))
        .await
        .unwrap();
    let mut theirs = record(&name, "203.0.113.7");
    theirs.comment = "somebody else".to_owned();
    let code = |result: Result<DnsRecord, plimsoll_engine::ports::PortError>| {
        let error = result.unwrap_err();
        assert!(
            !error.0.next_step.is_empty() && !error.0.evidence.is_empty(),
            "{error:?}"
        );
        error.code().to_owned()
    };
    assert_eq!(
        code(zones.put_record(account, &zone, &theirs).await),
        "cf_record_exists"
    );
    let mut alias = record(&name, "elsewhere.example.com");
    alias.kind = "CNAME".to_owned();
    assert_eq!(
        code(zones.put_record(account, &zone, &alias).await),
        "cf_record_conflict"
    );
    let bad = record(&format!("b.{}", stage.zone), "not an address");
    assert_eq!(
        code(zones.put_record(account, &zone, &bad).await),
        "cf_record_bad_address"
    );
    let mut bad = record(&format!("c.{}", stage.zone), "203.0.113.7");
    (bad.ttl, bad.proxied) = (7, false);
    assert_eq!(
        code(zones.put_record(account, &zone, &bad).await),
        "cf_record_bad_ttl"
    );
    let lan = record(&format!("d.{}", stage.zone), "127.0.0.1");
    assert_eq!(
        code(zones.put_record(account, &zone, &lan).await),
        "cf_record_not_proxiable"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_cannot_be_proxied_are_written_all_the_same() {
    let stage = Stage::open().await;
    let zone = zone(&stage).await;
    let mut text = record(&format!("_check.{}", stage.zone), "proof");
    (text.kind, text.proxied, text.ttl) = ("TXT".to_owned(), false, 300);
    let made = stage
        .zones
        .put_record(&stage.cloudflare, &zone, &text)
        .await
        .unwrap();
    assert_eq!(
        (made.kind.as_str(), made.ttl, made.comment),
        ("TXT", 300, text.comment)
    );
    assert!(made.content.contains("proof"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_outside_the_accounts_zones_get_no_certificate() {
    let stage = Stage::open().await;
    let hosts = ["app.example.org".to_owned()];
    let issue = |days| {
        stage
            .zones
            .issue_origin_certificate(&stage.cloudflare, &hosts, "csr", days)
    };
    let error = issue(90).await.unwrap_err();
    assert_eq!(error.code(), "cf_zone_not_found");
    assert!(error.0.evidence[0].contains(&stage.zone));
    assert_eq!(issue(6_000).await.unwrap_err().code(), "cf_invalid");
    assert_eq!(stage.count("POST", "/client/v4/certificates"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_that_the_token_does_not_reach_is_told() {
    let stage = Stage::open().await;
    let nobodys = "0123456789abcdef0123456789abcdef";
    let error = stage
        .zones
        .ssl_mode(&stage.cloudflare, nobodys)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "cf_forbidden_scope");
    assert!(error.0.evidence[0].contains("9109"), "{error:?}");
    assert!(
        error.0.next_step.contains("Zone: Zone Settings: Read"),
        "{error:?}"
    );
    let error = stage
        .zones
        .set_ssl_mode(&stage.cloudflare, "no-id", SslMode::Strict)
        .await;
    assert_eq!(error.unwrap_err().code(), "cf_invalid");
}
