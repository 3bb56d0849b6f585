//! How Cloudflare behaves beyond the shapes of its answers.

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use serde_json::{Value, json};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::driver::{Lab, Reply};
use plimsoll_lab::ground::SslMode;

/// A request made with an elliptic key, with an extension that the signer must ignore.
pub fn ecc_request() -> String {
    let mut params = CertificateParams::new(["ignored.example.com".to_owned()]).unwrap();
    let extension = CustomExtension::from_oid_content(&[2, 5, 29, 14], vec![4, 2, 1, 2]);
    params.custom_extensions.push(extension);
    params
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap()
        .pem()
        .unwrap()
}

impl Lab {
    async fn record(&self, body: Value) -> Reply {
        let path = format!("/zones/{}/dns_records", self.zone().await);
        self.flare("POST", &path, Some(body)).await
    }
}

#[tokio::test]
async fn each_refusal_of_a_record_has_its_code() {
    let lab = Lab::new().await;
    let a = json!({"type": "A", "name": "www", "content": "203.0.113.1"});
    let made = lab.record(a.clone()).await.expect(200);
    lab.record(json!({"type": "CNAME", "name": "blog", "content": "example.com"}))
        .await
        .expect(200);
    let check = async |body: Value, code: u64| {
        assert_eq!(lab.record(body.clone()).await.code(400), code, "{body}");
    };
    check(a.clone(), 81_058).await;
    check(
        json!({"type": "A", "name": "blog", "content": "203.0.113.1"}),
        81_054,
    )
    .await;
    check(
        json!({"type": "CNAME", "name": "www", "content": "example.com"}),
        81_053,
    )
    .await;
    check(
        json!({"type": "A", "name": "x", "content": "127.0.0.1", "proxied": true}),
        9_003,
    )
    .await;
    check(
        json!({"type": "TXT", "name": "x", "content": "t", "proxied": true}),
        9_004,
    )
    .await;
    check(
        json!({"type": "A", "name": "x", "content": "example.com"}),
        9_005,
    )
    .await;
    check(
        json!({"type": "AAAA", "name": "x", "content": "203.0.113.1"}),
        9_005,
    )
    .await;
    check(
        json!({"type": "CNAME", "name": "x", "content": "not a host"}),
        9_007,
    )
    .await;
    check(
        json!({"type": "A", "name": "x", "content": "203.0.113.1", "ttl": 5}),
        9_021,
    )
    .await;
    let long = "x".repeat(101);
    check(
        json!({"type": "A", "name": "x", "content": "203.0.113.1", "comment": long}),
        9_313,
    )
    .await;
    check(
        json!({"type": "A", "name": "a..b", "content": "203.0.113.1"}),
        1_004,
    )
    .await;
    check(
        json!({"type": "XYZ", "name": "x", "content": "203.0.113.1"}),
        1_004,
    )
    .await;
    let reply = lab
        .record(json!({"type": "A", "name": "x"}))
        .await
        .expect(400);
    assert_eq!(reply["errors"][0]["error_chain"][0]["code"], 9_007);

    // Turning one record into another that exists has a code of its own.
    let other = json!({"type": "A", "name": "www", "content": "203.0.113.2"});
    let other = lab.record(other).await.expect(200);
    let zone = lab.zone().await;
    let id = other["result"]["id"].as_str().unwrap();
    let path = format!("/zones/{zone}/dns_records/{id}");
    assert_eq!(lab.flare("PUT", &path, Some(a)).await.code(400), 81_057);
    let id = made["result"]["id"].as_str().unwrap();
    let path = format!("/zones/{zone}/dns_records/{id}");
    lab.flare("DELETE", &path, None).await.expect(200);
    assert_eq!(lab.flare("DELETE", &path, None).await.code(404), 81_044);
}

#[tokio::test]
async fn a_patch_keeps_what_it_does_not_name_and_a_put_does_not() {
    let lab = Lab::new().await;
    let body = json!({"type": "A", "name": "WWW", "content": "203.0.113.1", "proxied": true,
        "comment": "plimsoll: web", "tags": ["team:web"]});
    let made = lab.record(body).await.expect(200)["result"].take();
    assert_eq!(made["name"], "www.plimsoll.test");
    assert_eq!(
        (&made["ttl"], &made["proxiable"]),
        (&json!(1), &json!(true))
    );
    let zone = lab.zone().await;
    let path = format!("/zones/{zone}/dns_records/{}", made["id"].as_str().unwrap());
    let token = lab.state.credentials().cloudflare_token.clone();
    let patch = async |body: Value| {
        // The specification knows only whole records as a PATCH's body; clients send parts.
        let path = format!("/client/v4{path}");
        let reply = lab
            .try_call(&token, "PATCH", &path, Some(&body))
            .await
            .unwrap();
        reply.expect(200)["result"].take()
    };
    let patched = patch(json!({"content": "203.0.113.9"})).await;
    assert_eq!(patched["content"], "203.0.113.9");
    assert_eq!(patched["comment"], "plimsoll: web");
    assert_eq!(patched["proxied"], true);
    let patched = patch(json!({"comment": null, "proxied": false, "ttl": 120})).await;
    assert!(patched.get("comment").is_none());
    assert_eq!(patched["ttl"], 120);
    assert_eq!(patched["tags"], json!(["team:web"]));
    let whole = json!({"type": "A", "name": "www", "content": "203.0.113.7"});
    let put = lab.flare("PUT", &path, Some(whole)).await.expect(200)["result"].take();
    assert_eq!((&put["ttl"], &put["tags"]), (&json!(1), &json!([])));
    assert_eq!(put["created_on"], made["created_on"]);
}

#[tokio::test]
async fn the_resolver_and_the_edge_know_every_change_before_it_is_answered() {
    let lab = Lab::new().await;
    let published = || lab.ground.land(|land| land.zones.clone());
    assert_eq!(published()[0].name, "plimsoll.test");
    assert_eq!(published()[0].ssl, SslMode::Full);
    let body = json!({"type": "A", "name": "www", "content": "203.0.113.1", "proxied": true});
    lab.record(body).await.expect(200);
    let body = json!({"type": "MX", "name": "@", "content": "mail.plimsoll.test", "priority": 5.0,
        "ttl": 600.0});
    lab.record(body).await.expect(200);
    let zone = published().remove(0);
    let of = |kind: &str| {
        zone.records
            .iter()
            .find(|record| record.kind == kind)
            .unwrap()
    };
    assert_eq!(of("A").name, "www.plimsoll.test");
    assert_eq!((of("A").ttl, of("A").proxied), (300, true));
    assert_eq!(
        (of("MX").content.as_str(), of("MX").ttl),
        ("5 mail.plimsoll.test", 600)
    );
    let path = format!("/zones/{}/settings", lab.zone().await);
    let strict = json!({"id": "ssl", "value": "strict"});
    lab.flare("PATCH", &format!("{path}/ssl"), Some(strict))
        .await
        .expect(200);
    let https = json!({"id": "always_use_https", "value": "on"});
    lab.flare("PATCH", &format!("{path}/always_use_https"), Some(https))
        .await
        .expect(200);
    assert_eq!(published()[0].ssl, SslMode::Strict);
    assert!(published()[0].always_use_https);
}

#[tokio::test]
async fn what_the_resolver_missed_is_in_the_status_until_it_knows() {
    let lab = Lab::new().await;
    lab.ground.land(|land| land.failing.insert("publish_zones"));
    let body = json!({"type": "A", "name": "www", "content": "203.0.113.1"});
    lab.record(body).await.expect(200);
    let status = lab.control("GET", "/status", None).await.expect(200);
    assert!(
        status["publish_error"]
            .as_str()
            .unwrap()
            .contains("publish_zones")
    );
    lab.ground.land(|land| land.failing.clear());
    let body = json!({"type": "A", "name": "www2", "content": "203.0.113.1"});
    lab.record(body).await.expect(200);
    let status = lab.control("GET", "/status", None).await.expect(200);
    assert_eq!(status["publish_error"], Value::Null);
    assert_eq!(lab.ground.land(|land| land.zones[0].records.len()), 2);
}

#[tokio::test]
async fn settings_are_unknown_invalid_or_kept() {
    let lab = Lab::new().await;
    let path = format!("/zones/{}/settings", lab.zone().await);
    let reply = lab.flare("GET", &format!("{path}/polish"), None).await;
    assert_eq!(reply.code(400), 1_003);
    let full = lab
        .flare("GET", &format!("{path}/ssl"), None)
        .await
        .expect(200);
    assert_eq!(full["result"]["value"], "full");
    assert_eq!(full["result"]["modified_on"], Value::Null);
    let token = lab.state.credentials().cloudflare_token.clone();
    let path = format!("/client/v4{path}/ssl");
    let strict = json!({"value": "strict"});
    let reply = lab
        .try_call(&token, "PATCH", &path, Some(&strict))
        .await
        .unwrap();
    assert_eq!(reply.expect(200)["result"]["value"], "strict");
    let wrong = json!({"value": "sometimes"});
    let reply = lab
        .try_call(&token, "PATCH", &path, Some(&wrong))
        .await
        .unwrap();
    assert_eq!(reply.code(400), 1_007);
}

#[tokio::test]
async fn tokens_are_malformed_unknown_expired_or_of_the_other_kind() {
    let lab = Lab::new().await;
    let verify = "/client/v4/user/tokens/verify";
    let ask = async |token: &str, path: &str| lab.call(token, "GET", path, None).await;
    let reply = ask("short", verify).await.expect(400);
    assert_eq!(reply["errors"][0]["code"], 6_003);
    assert_eq!(reply["errors"][0]["error_chain"][0]["code"], 6_111);
    assert_eq!(ask("", "/client/v4/zones").await.code(400), 9_106);
    let unknown = "x".repeat(40);
    assert_eq!(ask(&unknown, verify).await.code(401), 1_000);
    assert_eq!(ask(&unknown, "/client/v4/zones").await.code(401), 10_000);
    let expired = lab
        .token(json!({"cloud": "cloudflare", "expires_in_ms": 0}))
        .await;
    assert_eq!(ask(&expired, "/client/v4/zones").await.code(401), 10_000);
    let reply = ask(&expired, verify).await.expect(200);
    assert_eq!(reply["result"]["status"], "expired");
    let good = lab.state.credentials().cloudflare_token.clone();
    let reply = ask(&good, verify).await.expect(200);
    assert_eq!(reply["result"]["status"], "active");
    assert_eq!(reply["messages"][0]["code"], 10_000);

    let account = lab.state.credentials().cloudflare_account.clone();
    let of_account = format!("/client/v4/accounts/{account}/tokens/verify");
    let owned = lab
        .token(json!({"cloud": "cloudflare", "owner": "account"}))
        .await;
    assert_eq!(ask(&owned, verify).await.code(401), 1_000);
    assert_eq!(
        ask(&owned, &of_account).await.expect(200)["result"]["status"],
        "active"
    );
    assert_eq!(ask(&good, &of_account).await.code(401), 1_000);
    ask(&owned, "/client/v4/zones").await.expect(200);
}

#[tokio::test]
async fn a_token_reaches_only_its_zones_and_permissions() {
    let lab = Lab::new().await;
    lab.control("POST", "/zones", Some(json!({"name": "other.test"})))
        .await
        .expect(201);
    let wish = json!({"cloud": "cloudflare", "zones": ["other.test"],
        "scopes": ["zone:read", "dns:read"]});
    let token = lab.token(wish).await;
    let zones = lab
        .call(&token, "GET", "/client/v4/zones", None)
        .await
        .expect(200);
    assert_eq!(zones["result_info"]["total_count"], 1);
    let own = format!(
        "/client/v4/zones/{}",
        zones["result"][0]["id"].as_str().unwrap()
    );
    let foreign = format!("/client/v4/zones/{}", lab.zone().await);
    assert_eq!(
        lab.call(&token, "GET", &foreign, None).await.code(403),
        9_109
    );
    let records = format!("{own}/dns_records");
    lab.call(&token, "GET", &records, None).await.expect(200);
    let body = json!({"type": "A", "name": "www", "content": "203.0.113.1"});
    assert_eq!(
        lab.call(&token, "POST", &records, Some(&body))
            .await
            .code(403),
        10_000
    );
    let ssl = format!("{own}/settings/ssl");
    assert_eq!(lab.call(&token, "GET", &ssl, None).await.code(403), 10_000);
    let body = json!({"csr": ecc_request(), "hostnames": ["other.test"],
        "request_type": "origin-ecc", "requested_validity": 90});
    let path = "/client/v4/certificates";
    assert_eq!(
        lab.call(&token, "POST", path, Some(&body)).await.code(403),
        1_016
    );
    let path = "/client/v4/zones/not-an-id";
    assert_eq!(lab.call(&token, "GET", path, None).await.code(400), 7_003);
}

#[tokio::test]
async fn the_origin_ca_signs_the_key_that_was_sent_for_the_names_that_were_asked() {
    let lab = Lab::new().await;
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["elsewhere.example.com".to_owned()]).unwrap();
    let csr = params.serialize_request(&key).unwrap().pem().unwrap();
    let hostnames = json!(["plimsoll.test", "*.plimsoll.test"]);
    let body = json!({"csr": csr, "hostnames": hostnames, "request_type": "origin-ecc",
        "requested_validity": 365});
    let made = lab
        .flare("POST", "/certificates", Some(body))
        .await
        .expect(200)["result"]
        .take();
    assert_eq!(made["hostnames"], hostnames);

    let (_, pem) = parse_x509_pem(made["certificate"].as_str().unwrap().as_bytes()).unwrap();
    let (_, certificate) = X509Certificate::from_der(&pem.contents).unwrap();
    let (_, root) = parse_x509_pem(lab.state.origin_ca_pem().as_bytes()).unwrap();
    let (_, root) = X509Certificate::from_der(&root.contents).unwrap();
    certificate
        .verify_signature(Some(root.public_key()))
        .unwrap();
    assert_eq!(
        certificate.public_key().subject_public_key.data.as_ref(),
        key.public_key_raw()
    );
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let names: Vec<&str> = names
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::DNSName(name) => *name,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["plimsoll.test", "*.plimsoll.test"]);
    assert_eq!(certificate.serial.to_string(), made["id"].as_str().unwrap());
    let (from, until) = (
        certificate.validity.not_before,
        certificate.validity.not_after,
    );
    let days = (until.timestamp() - from.timestamp()) / 86_400;
    assert_eq!(
        days, 366,
        "a year, and a day back for clocks that are behind"
    );
    assert!(!certificate.is_ca());

    let zone = lab.zone().await;
    let list = format!("/certificates?zone_id={zone}");
    let total = async || {
        let page = lab.flare("GET", &list, None).await.expect(200);
        page["result_info"]["total_count"].as_u64().unwrap()
    };
    assert_eq!(total().await, 1);
    let path = format!("/certificates/{}", made["id"].as_str().unwrap());
    lab.flare("DELETE", &path, None).await.expect(200);
    assert_eq!(total().await, 0);
    let revoked = lab.flare("GET", &path, None).await.expect(200);
    assert!(revoked["result"]["revoked_at"].is_string());
}

#[tokio::test]
async fn the_origin_ca_refuses_what_it_must_not_sign() {
    let lab = Lab::new().await;
    let token = lab.state.credentials().cloudflare_token.clone();
    let good = json!({"csr": ecc_request(), "hostnames": ["plimsoll.test"],
        "request_type": "origin-ecc", "requested_validity": 90});
    let check = async |change: Value, code: u64| {
        let mut body = good.clone();
        for (field, value) in change.as_object().unwrap() {
            body[field] = value.clone();
        }
        let path = "/client/v4/certificates";
        let reply = lab
            .try_call(&token, "POST", path, Some(&body))
            .await
            .unwrap();
        assert_eq!(reply.code(400), code, "{change}");
    };
    for foreign in [
        "example.com",
        "notplimsoll.test",
        "test",
        "*.*.plimsoll.test",
        "a.*.plimsoll.test",
        "*.test",
        "",
    ] {
        check(json!({"hostnames": [foreign]}), 1_010).await;
    }
    check(json!({"hostnames": []}), 1_009).await;
    check(json!({"requested_validity": 91}), 1_014).await;
    check(json!({"request_type": "keyless-certificate"}), 1_011).await;
    check(json!({"request_type": "origin-rsa"}), 1_005).await;
    check(json!({"csr": "no request"}), 1_005).await;
    let mut forged = ecc_request();
    let middle = forged.len() - 60;
    let letter = if forged.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    forged.replace_range(middle..=middle, letter);
    check(json!({"csr": forged}), 1_005).await;
}

#[tokio::test]
async fn one_request_too_many_closes_the_door_for_five_minutes() {
    let lab = Lab::new().await;
    let limits = json!({"cloudflare_five_minutes": 3});
    lab.control("PUT", "/limits", Some(limits))
        .await
        .expect(200);
    for _ in 0..3 {
        lab.flare("GET", "/user", None).await.expect(200);
    }
    let refused = lab.flare("GET", "/user", None).await;
    let wait: i64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((290..=300).contains(&wait), "{wait}");
    refused.expect(429);
    lab.clock.push(200);
    lab.flare("GET", "/user", None).await.expect(429);
    lab.clock.push(101);
    lab.flare("GET", "/user", None).await.expect(200);
}

#[tokio::test]
async fn a_cache_is_purged_of_one_thing_at_a_time() {
    let lab = Lab::new().await;
    let path = format!("/zones/{}/purge_cache", lab.zone().await);
    let files = json!({"files": ["https://plimsoll.test/app.css"]});
    lab.flare("POST", &path, Some(files)).await.expect(200);
    for wrong in [
        json!({}),
        json!({"files": []}),
        json!({"purge_everything": true, "tags": ["a"]}),
    ] {
        assert_eq!(lab.flare("POST", &path, Some(wrong)).await.code(400), 1_012);
    }
}
