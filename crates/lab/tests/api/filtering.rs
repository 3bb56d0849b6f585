//! What a cloud firewall means for the machines.

use plimsoll_lab::ground::InboundRule;
use serde_json::{Value, json};

use crate::driver::Lab;

fn rule(protocol: &str, ports: (u16, u16), sources: &[&str]) -> InboundRule {
    InboundRule {
        protocol: protocol.to_owned(),
        first_port: ports.0,
        last_port: ports.1,
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
    }
}

async fn firewall(lab: &Lab, body: Value) -> String {
    let made = lab
        .ocean("POST", "/firewalls", Some(body))
        .await
        .expect(202);
    assert_eq!(made["firewall"]["status"], "waiting");
    format!("/firewalls/{}", made["firewall"]["id"].as_str().unwrap())
}

#[tokio::test]
async fn rules_reach_droplets_by_number_and_by_tag_also_those_that_come_later() {
    let lab = Lab::new().await;
    let first = lab.droplet("first", &["web"]).await;
    let bystander = lab.droplet("bystander", &[]).await;
    let path = firewall(
        &lab,
        json!({"name": "web", "tags": ["web"], "inbound_rules": [
            {"protocol": "tcp", "ports": "443", "sources": {"addresses": ["0.0.0.0/0"]}},
            {"protocol": "icmp", "ports": "", "sources": {"addresses": ["192.0.2.1"],
                "tags": null}},
        ]}),
    )
    .await;
    let wanted = vec![
        rule("tcp", (443, 443), &["0.0.0.0/0"]),
        rule("icmp", (0, 0), &["192.0.2.1/32"]),
    ];
    let told =
        |id: u64| move |land: &mut crate::memory_ground::Land| land.firewalls.get(&id).cloned();
    lab.until("the rules", |land| {
        told(first)(land) == Some(Some(wanted.clone()))
    })
    .await;
    assert_eq!(lab.ground.land(told(bystander)), None);
    for _ in 0..200 {
        let view = lab.ocean("GET", &path, None).await.expect(200);
        if view["firewall"]["status"] == "succeeded" {
            assert_eq!(view["firewall"]["pending_changes"], json!([]));
            assert_eq!(view["firewall"]["inbound_rules"][1]["ports"], "0");
            break;
        }
    }
    let later = lab.droplet("later", &["web"]).await;
    lab.until("the rules on the new one", |land| {
        told(later)(land) == Some(Some(wanted.clone()))
    })
    .await;
    let resources = json!({"resources": [
        {"resource_id": bystander.to_string(), "resource_type": "droplet"}]});
    lab.ocean("POST", "/tags/web/resources", Some(resources))
        .await
        .expect(204);
    lab.until("the rules on the tagged one", |land| {
        told(bystander)(land).is_some()
    })
    .await;
    lab.ocean("DELETE", &path, None).await.expect(204);
    lab.until("no rules", |land| told(first)(land) == Some(None))
        .await;
}

#[tokio::test]
async fn a_source_named_by_tag_is_its_droplets_addresses() {
    let lab = Lab::new().await;
    let proxy = lab.droplet("proxy", &["proxy"]).await;
    let database = lab.droplet("database", &[]).await;
    firewall(
        &lab,
        json!({"name": "database", "droplet_ids": [database], "inbound_rules": [
            {"protocol": "tcp", "ports": "5432-5433", "sources": {"tags": ["proxy"]}},
        ]}),
    )
    .await;
    let sources = &["10.10.0.1/32", "203.0.113.1/32"];
    let wanted = vec![rule("tcp", (5_432, 5_433), sources)];
    lab.until("the proxy's addresses", |land| {
        land.firewalls.get(&database) == Some(&Some(wanted.clone()))
    })
    .await;
    // Without a proxy nobody may connect, which is not the same as no firewall.
    lab.ocean("DELETE", &format!("/droplets/{proxy}"), None)
        .await
        .expect(204);
    lab.until("nobody", |land| {
        let rules = land.firewalls.get(&database).cloned().flatten();
        rules.is_some_and(|rules| rules[0].sources.is_empty())
    })
    .await;
}

#[tokio::test]
async fn wrong_rules_are_refused() {
    let lab = Lab::new().await;
    let check = async |rule: Value| {
        let body = json!({"name": "bad", "inbound_rules": [rule]});
        lab.ocean("POST", "/firewalls", Some(body))
            .await
            .expect(422);
    };
    let sources = json!({"addresses": ["0.0.0.0/0"]});
    check(json!({"protocol": "gre", "ports": "1", "sources": sources})).await;
    check(json!({"protocol": "tcp", "ports": "70000", "sources": sources})).await;
    check(json!({"protocol": "tcp", "ports": "90-80", "sources": sources})).await;
    check(json!({"protocol": "tcp", "ports": "22", "sources": {"addresses": ["everyone"]}})).await;
    check(json!({"protocol": "tcp", "ports": "22", "sources": {"tags": ["nowhere"]}})).await;
    check(json!({"protocol": "tcp", "ports": "22", "sources": {"droplet_ids": [4]}})).await;
    check(json!({"protocol": "tcp", "ports": "22"})).await;
    lab.ocean("POST", "/firewalls", Some(json!({"name": "empty"})))
        .await
        .expect(422);
    let firewalls = lab.ocean("GET", "/firewalls", None).await.expect(200);
    assert_eq!(firewalls["meta"]["total"], 0);
}
