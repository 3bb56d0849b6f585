//! The contract: every operation is walked through once, and the driver judges each exchange.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::contract::CONTRACT;
use crate::driver::Lab;

/// Operations that the practice cloud answers.
const OPERATIONS: &[&str] = &[
    "GET /v2/account",
    "GET /v2/account/keys",
    "POST /v2/account/keys",
    "GET /v2/account/keys/{ssh_key_identifier}",
    "PUT /v2/account/keys/{ssh_key_identifier}",
    "DELETE /v2/account/keys/{ssh_key_identifier}",
    "GET /v2/actions",
    "GET /v2/actions/{action_id}",
    "GET /v2/droplets",
    "POST /v2/droplets",
    "DELETE /v2/droplets",
    "GET /v2/droplets/{droplet_id}",
    "DELETE /v2/droplets/{droplet_id}",
    "GET /v2/droplets/{droplet_id}/snapshots",
    "GET /v2/droplets/{droplet_id}/firewalls",
    "GET /v2/droplets/{droplet_id}/actions",
    "POST /v2/droplets/{droplet_id}/actions",
    "POST /v2/droplets/actions",
    "GET /v2/droplets/{droplet_id}/actions/{action_id}",
    "GET /v2/firewalls",
    "POST /v2/firewalls",
    "GET /v2/firewalls/{firewall_id}",
    "PUT /v2/firewalls/{firewall_id}",
    "DELETE /v2/firewalls/{firewall_id}",
    "POST /v2/firewalls/{firewall_id}/droplets",
    "DELETE /v2/firewalls/{firewall_id}/droplets",
    "POST /v2/firewalls/{firewall_id}/tags",
    "DELETE /v2/firewalls/{firewall_id}/tags",
    "POST /v2/firewalls/{firewall_id}/rules",
    "DELETE /v2/firewalls/{firewall_id}/rules",
    "GET /v2/images",
    "GET /v2/images/{image_id}",
    "PUT /v2/images/{image_id}",
    "DELETE /v2/images/{image_id}",
    "GET /v2/regions",
    "GET /v2/reserved_ips",
    "POST /v2/reserved_ips",
    "GET /v2/reserved_ips/{reserved_ip}",
    "DELETE /v2/reserved_ips/{reserved_ip}",
    "GET /v2/reserved_ips/{reserved_ip}/actions",
    "POST /v2/reserved_ips/{reserved_ip}/actions",
    "GET /v2/reserved_ips/{reserved_ip}/actions/{action_id}",
    "GET /v2/sizes",
    "GET /v2/snapshots",
    "GET /v2/snapshots/{snapshot_id}",
    "DELETE /v2/snapshots/{snapshot_id}",
    "GET /v2/tags",
    "POST /v2/tags",
    "GET /v2/tags/{tag_id}",
    "DELETE /v2/tags/{tag_id}",
    "POST /v2/tags/{tag_id}/resources",
    "DELETE /v2/tags/{tag_id}/resources",
    "GET /accounts",
    "GET /accounts/{account_id}",
    "GET /certificates",
    "POST /certificates",
    "DELETE /certificates/{certificate_id}",
    "GET /certificates/{certificate_id}",
    "GET /user",
    "GET /user/tokens/verify",
    "GET /zones",
    "GET /zones/{zone_id}",
    "GET /zones/{zone_id}/dns_records",
    "POST /zones/{zone_id}/dns_records",
    "DELETE /zones/{zone_id}/dns_records/{dns_record_id}",
    "GET /zones/{zone_id}/dns_records/{dns_record_id}",
    "PATCH /zones/{zone_id}/dns_records/{dns_record_id}",
    "PUT /zones/{zone_id}/dns_records/{dns_record_id}",
    "POST /zones/{zone_id}/purge_cache",
    "GET /zones/{zone_id}/settings",
    "PATCH /zones/{zone_id}/settings",
    "GET /zones/{zone_id}/settings/{setting_id}",
    "PATCH /zones/{zone_id}/settings/{setting_id}",
];

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl walk";

#[tokio::test]
async fn every_operation_keeps_the_public_contract() {
    let Some(contract) = &*CONTRACT else {
        eprintln!("SKIPPED: no specifications; name their folder in PLIMSOLL_SPECS");
        return;
    };
    let lab = Lab::new().await;
    walk_account(&lab).await;
    walk_droplets(&lab).await;
    walk_firewalls(&lab).await;
    walk_reserved_ips(&lab).await;
    walk_cloudflare(&lab).await;
    let covered = contract.covered();
    let missed: BTreeSet<&str> = OPERATIONS
        .iter()
        .copied()
        .filter(|operation| !covered.contains(*operation))
        .collect();
    assert!(missed.is_empty(), "never exchanged: {missed:?}");
}

async fn walk_account(lab: &Lab) {
    lab.ocean("GET", "/account", None).await.expect(200);
    lab.ocean("GET", "/regions?per_page=200", None)
        .await
        .expect(200);
    lab.ocean("GET", "/sizes?page=1&per_page=200", None)
        .await
        .expect(200);
    let body = json!({"name": "walk", "public_key": KEY});
    let key = lab
        .ocean("POST", "/account/keys", Some(body))
        .await
        .expect(201);
    let id = key["ssh_key"]["id"].as_u64().unwrap();
    let fingerprint = key["ssh_key"]["fingerprint"].as_str().unwrap();
    lab.ocean("GET", "/account/keys", None).await.expect(200);
    lab.ocean("GET", &format!("/account/keys/{fingerprint}"), None)
        .await
        .expect(200);
    let path = format!("/account/keys/{id}");
    lab.ocean("PUT", &path, Some(json!({"name": "renamed"})))
        .await
        .expect(200);
    lab.ocean("DELETE", &path, None).await.expect(204);
    lab.ocean("GET", &path, None).await.expect(404);
    let unknown = lab
        .ocean("POST", "/account/keys", Some(json!({"name": "x"})))
        .await;
    unknown.expect(422);
}

async fn walk_droplets(lab: &Lab) {
    let body = json!({
        "names": ["one", "two"], "region": "fra1", "size": "s-2vcpu-4gb", "image": "debian-12-x64",
        "ssh_keys": [], "tags": ["walk"], "user_data": "#cloud-config\n", "monitoring": true,
    });
    let made = lab.ocean("POST", "/droplets", Some(body)).await.expect(202);
    for action in made["links"]["actions"].as_array().unwrap() {
        lab.finished(&action["id"]).await;
    }
    let id = made["droplets"][0]["id"].as_u64().unwrap();
    let path = format!("/droplets/{id}");
    lab.ocean("GET", "/droplets?tag_name=walk&per_page=1", None)
        .await
        .expect(200);
    lab.ocean("GET", &path, None).await.expect(200);
    for kind in ["power_off", "power_on", "reboot", "power_cycle", "shutdown"] {
        act(lab, id, json!({"type": kind})).await;
    }
    act(lab, id, json!({"type": "rename", "name": "renamed"})).await;
    act(lab, id, json!({"type": "snapshot", "name": "base"})).await;
    let images = lab
        .ocean("GET", "/images?private=true", None)
        .await
        .expect(200);
    let image = images["images"][0]["id"].as_u64().unwrap();
    lab.ocean("GET", "/images?type=distribution", None)
        .await
        .expect(200);
    lab.ocean("GET", &format!("/images/{image}"), None)
        .await
        .expect(200);
    lab.ocean("GET", "/images/debian-12-x64", None)
        .await
        .expect(200);
    let renamed = json!({"name": "base 2"});
    lab.ocean("PUT", &format!("/images/{image}"), Some(renamed))
        .await
        .expect(200);
    act(lab, id, json!({"type": "restore", "image": image})).await;
    act(
        lab,
        id,
        json!({"type": "rebuild", "image": "debian-12-x64"}),
    )
    .await;
    lab.ocean("GET", "/snapshots?resource_type=droplet", None)
        .await
        .expect(200);
    lab.ocean("GET", &format!("/snapshots/{image}"), None)
        .await
        .expect(200);
    lab.ocean("GET", &format!("{path}/snapshots"), None)
        .await
        .expect(200);
    lab.ocean("GET", "/droplets", None).await.expect(200);
    lab.ocean("DELETE", &format!("/snapshots/{image}"), None)
        .await
        .expect(204);
    act(lab, id, json!({"type": "snapshot"})).await;
    let images = lab
        .ocean("GET", "/images?private=true", None)
        .await
        .expect(200);
    let image = images["images"][0]["id"].as_u64().unwrap();
    lab.ocean("DELETE", &format!("/images/{image}"), None)
        .await
        .expect(204);
    let actions = lab
        .ocean("GET", &format!("{path}/actions"), None)
        .await
        .expect(200);
    let action = actions["actions"][0]["id"].as_u64().unwrap();
    lab.ocean("GET", &format!("{path}/actions/{action}"), None)
        .await
        .expect(200);
    lab.ocean("GET", "/actions?page=2&per_page=3", None)
        .await
        .expect(200);
    walk_tags(lab, id).await;
    let by_tag = json!({"type": "power_on"});
    let started = lab
        .ocean("POST", "/droplets/actions?tag_name=walk", Some(by_tag))
        .await;
    for action in started.expect(201)["actions"].as_array().unwrap() {
        lab.finished(&action["id"]).await;
    }
    lab.ocean("DELETE", &path, None).await.expect(204);
    lab.ocean("DELETE", "/droplets?tag_name=walk", None)
        .await
        .expect(204);
}

/// Does an action and waits for its end.
async fn act(lab: &Lab, droplet: u64, body: Value) {
    let path = format!("/droplets/{droplet}/actions");
    let started = lab.ocean("POST", &path, Some(body)).await.expect(201);
    assert_eq!(
        lab.finished(&started["action"]["id"]).await,
        "completed",
        "{started}"
    );
}

async fn walk_tags(lab: &Lab, droplet: u64) {
    lab.ocean("POST", "/tags", Some(json!({"name": "blue"})))
        .await
        .expect(201);
    let resources =
        json!({"resources": [{"resource_id": droplet.to_string(), "resource_type": "droplet"}]});
    lab.ocean("POST", "/tags/blue/resources", Some(resources.clone()))
        .await
        .expect(204);
    lab.ocean("GET", "/tags/blue", None).await.expect(200);
    lab.ocean("GET", "/tags", None).await.expect(200);
    lab.ocean("DELETE", "/tags/blue/resources", Some(resources))
        .await
        .expect(204);
    lab.ocean("DELETE", "/tags/blue", None).await.expect(204);
}

async fn walk_firewalls(lab: &Lab) {
    let id = lab.droplet("walled", &["walled"]).await;
    let body = json!({
        "name": "web",
        "droplet_ids": [id],
        "inbound_rules": [{"protocol": "tcp", "ports": "22",
            "sources": {"addresses": ["0.0.0.0/0", "::/0"]}}],
        "outbound_rules": [{"protocol": "tcp", "ports": "all",
            "destinations": {"addresses": ["0.0.0.0/0"]}}],
    });
    let made = lab
        .ocean("POST", "/firewalls", Some(body.clone()))
        .await
        .expect(202);
    let path = format!("/firewalls/{}", made["firewall"]["id"].as_str().unwrap());
    lab.ocean("GET", "/firewalls", None).await.expect(200);
    lab.ocean("GET", &path, None).await.expect(200);
    lab.ocean("GET", &format!("/droplets/{id}/firewalls"), None)
        .await
        .expect(200);
    lab.ocean("PUT", &path, Some(body)).await.expect(200);
    let rules = json!({"inbound_rules": [{"protocol": "tcp", "ports": "443",
        "sources": {"tags": ["walled"]}}]});
    let droplets = json!({"droplet_ids": [id]});
    let tags = json!({"tags": ["walled"]});
    for (noun, body) in [("rules", rules), ("droplets", droplets), ("tags", tags)] {
        let path = format!("{path}/{noun}");
        lab.ocean("POST", &path, Some(body.clone()))
            .await
            .expect(204);
        lab.ocean("DELETE", &path, Some(body)).await.expect(204);
    }
    lab.ocean("DELETE", &path, None).await.expect(204);
}

async fn walk_reserved_ips(lab: &Lab) {
    let id = lab.droplet("floating", &[]).await;
    let body = json!({"region": "fra1"});
    let made = lab
        .ocean("POST", "/reserved_ips", Some(body))
        .await
        .expect(202);
    let path = format!(
        "/reserved_ips/{}",
        made["reserved_ip"]["ip"].as_str().unwrap()
    );
    let actions = format!("{path}/actions");
    let assign = json!({"type": "assign", "droplet_id": id});
    let started = lab.ocean("POST", &actions, Some(assign)).await.expect(201);
    lab.finished(&started["action"]["id"]).await;
    lab.ocean("GET", &path, None).await.expect(200);
    lab.ocean("GET", "/reserved_ips", None).await.expect(200);
    let unassign = json!({"type": "unassign"});
    let started = lab
        .ocean("POST", &actions, Some(unassign))
        .await
        .expect(201);
    lab.finished(&started["action"]["id"]).await;
    lab.ocean("GET", &actions, None).await.expect(200);
    let action = started["action"]["id"].as_u64().unwrap();
    lab.ocean("GET", &format!("{actions}/{action}"), None)
        .await
        .expect(200);
    lab.ocean("DELETE", &path, None).await.expect(204);
    let body = json!({"droplet_id": id});
    let made = lab
        .ocean("POST", "/reserved_ips", Some(body))
        .await
        .expect(202);
    lab.finished(&made["links"]["actions"][0]["id"]).await;
}

async fn walk_cloudflare(lab: &Lab) {
    lab.flare("GET", "/user", None).await.expect(200);
    lab.flare("GET", "/user/tokens/verify", None)
        .await
        .expect(200);
    let accounts = lab
        .flare("GET", "/accounts?page=1&per_page=5", None)
        .await
        .expect(200);
    let account = accounts["result"][0]["id"].as_str().unwrap();
    lab.flare("GET", &format!("/accounts/{account}"), None)
        .await
        .expect(200);
    let zone = format!("/zones/{}", lab.zone().await);
    lab.flare("GET", &zone, None).await.expect(200);
    let records = format!("{zone}/dns_records");
    let kinds = [
        json!({"type": "A", "name": "www", "content": "203.0.113.1", "proxied": true, "ttl": 1,
            "comment": "walk", "tags": ["team:web"]}),
        json!({"type": "AAAA", "name": "@", "content": "2001:db8::1"}),
        json!({"type": "CNAME", "name": "blog", "content": "www.plimsoll.test"}),
        json!({"type": "TXT", "name": "@", "content": "v=spf1 -all", "ttl": 300}),
        json!({"type": "MX", "name": "@", "content": "mail.plimsoll.test", "priority": 10}),
        json!({"type": "NS", "name": "sub", "content": "ns1.example.com"}),
        // The specification wants the content beside the data; the cloud composes it anew.
        json!({"type": "SRV", "name": "_sip._tcp", "content": "2 5060 sip.plimsoll.test",
            "data": {"priority": 1, "weight": 2, "port": 5060, "target": "sip.plimsoll.test"}}),
        json!({"type": "CAA", "name": "@", "content": "0 issue \"letsencrypt.org\"",
            "data": {"flags": 0, "tag": "issue", "value": "letsencrypt.org"}}),
        json!({"type": "HTTPS", "name": "h", "content": "1 . alpn=\"h2\"",
            "data": {"priority": 1, "target": ".", "value": "alpn=\"h2\""}}),
    ];
    for body in kinds {
        lab.flare("POST", &records, Some(body)).await.expect(200);
    }
    let query = "?type=A&comment.contains=walk&match=all&order=name&direction=desc&per_page=50";
    let found = lab
        .flare("GET", &format!("{records}{query}"), None)
        .await
        .expect(200);
    let record = format!("{records}/{}", found["result"][0]["id"].as_str().unwrap());
    lab.flare("GET", &record, None).await.expect(200);
    let body = json!({"type": "A", "name": "www", "content": "203.0.113.2"});
    lab.flare("PUT", &record, Some(body.clone()))
        .await
        .expect(200);
    lab.flare("PATCH", &record, Some(body)).await.expect(200);
    lab.flare("DELETE", &record, None).await.expect(200);
    lab.flare("GET", &record, None).await.expect(404);
    walk_settings(lab, &zone).await;
    let purge = json!({"purge_everything": true});
    lab.flare("POST", &format!("{zone}/purge_cache"), Some(purge))
        .await
        .expect(200);
    let body = json!({"csr": crate::cloudflare::ecc_request(), "hostnames": ["*.plimsoll.test"],
        "request_type": "origin-ecc", "requested_validity": 90});
    let made = lab
        .flare("POST", "/certificates", Some(body))
        .await
        .expect(200);
    let id = zone.trim_start_matches("/zones/");
    lab.flare("GET", &format!("/certificates?zone_id={id}"), None)
        .await
        .expect(200);
    let path = format!("/certificates/{}", made["result"]["id"].as_str().unwrap());
    lab.flare("GET", &path, None).await.expect(200);
    lab.flare("DELETE", &path, None).await.expect(200);
}

async fn walk_settings(lab: &Lab, zone: &str) {
    let path = format!("{zone}/settings");
    lab.flare("GET", &path, None).await.expect(200);
    let changes = [
        ("ssl", "strict"),
        ("always_use_https", "on"),
        ("min_tls_version", "1.2"),
        ("websockets", "on"),
        ("http2", "off"),
    ];
    for (id, value) in changes {
        let one = format!("{path}/{id}");
        lab.flare("PATCH", &one, Some(json!({"id": id, "value": value})))
            .await
            .expect(200);
        let view = lab.flare("GET", &one, None).await.expect(200);
        assert_eq!(view["result"]["value"], value);
    }
    let items = json!([{"id": "http3", "value": "off"}]);
    lab.flare("PATCH", &path, Some(items)).await.expect(200);
    lab.flare(
        "PATCH",
        &format!("{path}/ssl"),
        Some(json!({"value": "perhaps"})),
    )
    .await
    .expect(400);
}
