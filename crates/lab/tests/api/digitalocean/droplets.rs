//! Droplets, from their order to their end.

use plimsoll_lab::api::Delays;
use plimsoll_lab::ground::{Boot, PowerState};
use serde_json::{Value, json};

use super::{KEY, droplet};
use crate::driver::Lab;

#[tokio::test]
async fn a_droplet_is_hidden_then_new_then_active_then_gets_its_addresses() {
    const HOUR_MS: u64 = 3_600_000;
    let lab = Lab::with(Delays {
        hidden_ms: HOUR_MS,
        private_address_ms: HOUR_MS,
        public_address_ms: 2 * HOUR_MS,
        ..Delays::NONE
    })
    .await;
    let hang = json!({"type": "create", "setback": "hang"});
    lab.control("POST", "/setbacks", Some(hang))
        .await
        .expect(204);
    let made = lab
        .ocean("POST", "/droplets", Some(droplet("slow")))
        .await
        .expect(202);
    assert_eq!(made["droplet"]["status"], "new");
    assert_eq!(made["droplet"]["locked"], true);
    assert_eq!(made["droplet"]["networks"]["v4"], json!([]));
    let path = format!("/droplets/{}", made["droplet"]["id"]);
    let stage = async || {
        let view = lab.ocean("GET", &path, None).await.expect(200);
        let networks = view["droplet"]["networks"]["v4"].as_array().unwrap();
        let kinds: Vec<&str> = networks
            .iter()
            .map(|network| network["type"].as_str().unwrap())
            .collect();
        format!(
            "{} {}",
            view["droplet"]["status"].as_str().unwrap(),
            kinds.join("+")
        )
    };
    lab.ocean("GET", &path, None).await.expect(404);
    lab.clock.push(3_601);
    assert_eq!(stage().await, "new ");
    lab.control("DELETE", "/setbacks", None).await.expect(200);
    lab.finished(&made["links"]["actions"][0]["id"]).await;
    assert_eq!(stage().await, "active ");
    lab.clock.push(3_601);
    assert_eq!(stage().await, "active private");
    lab.clock.push(3_601);
    assert_eq!(stage().await, "active private+public");
}

#[tokio::test]
async fn the_ground_boots_what_was_ordered() {
    let lab = Lab::new().await;
    let key = json!({"name": "laptop", "public_key": KEY});
    let key = lab
        .ocean("POST", "/account/keys", Some(key))
        .await
        .expect(201);
    let mut order = droplet("web-1");
    order["ssh_keys"] = json!([key["ssh_key"]["fingerprint"]]);
    order["tags"] = json!(["deployed-via-api", "job:1"]);
    order["user_data"] = json!("#cloud-config\npackages: [nginx]\n");
    let made = lab
        .ocean("POST", "/droplets", Some(order))
        .await
        .expect(202);
    lab.finished(&made["links"]["actions"][0]["id"]).await;
    let id = made["droplet"]["id"].as_u64().unwrap();
    let (spec, power) = lab.ground.land(|land| land.droplets[&id].clone());
    assert_eq!(power, PowerState::On);
    assert_eq!(
        (spec.name.as_str(), spec.region.as_str()),
        ("web-1", "fra1")
    );
    assert_eq!((spec.vcpus, spec.memory_mib), (1, 1_024));
    assert_eq!(
        spec.boot,
        Boot::Stock {
            slug: "debian-12-x64".to_owned()
        }
    );
    assert_eq!(spec.public_keys, [KEY]);
    assert_eq!(spec.user_data, "#cloud-config\npackages: [nginx]\n");
    assert_eq!(spec.tags, ["deployed-via-api", "job:1"]);
    let tags = lab.ocean("GET", "/tags/job:1", None).await.expect(200);
    assert_eq!(tags["tag"]["resources"]["droplets"]["count"], 1);
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_in_the_clouds_words() {
    let lab = Lab::new().await;
    let check = async |change: Value, words: &str| {
        let mut order = droplet("fine");
        for (field, value) in change.as_object().unwrap() {
            order[field] = value.clone();
        }
        let message = lab
            .ocean("POST", "/droplets", Some(order))
            .await
            .message(422);
        assert!(message.contains(words), "{change}: {message}");
    };
    check(json!({"name": "two words"}), "valid hostname characters").await;
    check(json!({"name": "$(reboot)"}), "valid hostname characters").await;
    check(json!({"name": ""}), "valid hostname characters").await;
    check(json!({"size": "s-9vcpu"}), "invalid size").await;
    check(json!({"image": "windows-95"}), "invalid image").await;
    check(json!({"image": 1}), "invalid image").await;
    check(json!({"region": "moon1"}), "invalid region").await;
    check(json!({"region": "sfo1"}), "not available in this region").await;
    check(json!({"ssh_keys": [77]}), "77 are invalid key identifiers").await;
    check(json!({"tags": ["no spaces"]}), "not a valid tag").await;
    check(json!({"user_data": "x".repeat(65_537)}), "too long").await;
    check(json!({"volumes": ["a"]}), "no block storage").await;
    assert!(lab.ground.land(|land| land.droplets.is_empty()));
    let mut order = droplet("fine");
    order["user_data"] = json!("x".repeat(65_536));
    lab.ocean("POST", "/droplets", Some(order))
        .await
        .expect(202);
}

#[tokio::test]
async fn a_droplet_can_hang_in_creation_and_go_on_or_fail() {
    let lab = Lab::new().await;
    let hang = json!({"type": "create", "times": 1, "setback": "hang"});
    lab.control("POST", "/setbacks", Some(hang))
        .await
        .expect(204);
    let made = lab
        .ocean("POST", "/droplets", Some(droplet("stuck")))
        .await
        .expect(202);
    let free = lab.droplet("free", &[]).await;
    let action = &made["links"]["actions"][0]["id"];
    let view = lab
        .ocean("GET", &format!("/actions/{action}"), None)
        .await
        .expect(200);
    assert_eq!(view["action"]["status"], "in-progress");
    let path = format!("/droplets/{}", made["droplet"]["id"]);
    let view = lab.ocean("GET", &path, None).await.expect(200);
    assert_eq!(
        (&view["droplet"]["status"], &view["droplet"]["locked"]),
        (&json!("new"), &json!(true))
    );
    let cleared = lab.control("DELETE", "/setbacks", None).await.expect(200);
    assert_eq!(cleared["cleared"], 1);
    assert_eq!(lab.finished(action).await, "completed");

    let fail = json!({"type": "reboot", "setback": "fail"});
    lab.control("POST", "/setbacks", Some(fail))
        .await
        .expect(204);
    let path = format!("/droplets/{free}/actions");
    let started = lab
        .ocean("POST", &path, Some(json!({"type": "reboot"})))
        .await
        .expect(201);
    assert_eq!(lab.finished(&started["action"]["id"]).await, "errored");
    assert!(!lab.ground.land(|land| land.calls.contains(&"power")));
}

#[tokio::test]
async fn many_at_once_get_numbers_of_their_own() {
    let lab = Lab::new().await;
    let orders = (0..8).map(|n| {
        let mut order = droplet("x");
        order["names"] = json!([format!("a{n}"), format!("b{n}")]);
        order.as_object_mut().unwrap().remove("name");
        lab.ocean("POST", "/droplets", Some(order))
    });
    let made = futures::future::join_all(orders).await;
    let mut numbers = Vec::new();
    for reply in made {
        let body = reply.expect(202);
        for action in body["links"]["actions"].as_array().unwrap() {
            assert_eq!(lab.finished(&action["id"]).await, "completed");
            numbers.push(action["id"].as_u64().unwrap());
        }
        for droplet in body["droplets"].as_array().unwrap() {
            numbers.push(droplet["id"].as_u64().unwrap());
        }
    }
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!((count, numbers.len()), (32, 32));
    let list = lab.ocean("GET", "/droplets", None).await.expect(200);
    assert_eq!(list["meta"]["total"], 16);
    assert_eq!(lab.ground.land(|land| land.droplets.len()), 16);
    // The account's limit is 25.
    let mut order = droplet("x");
    order["names"] = (0..10).map(|n| format!("c{n}")).collect();
    order.as_object_mut().unwrap().remove("name");
    let message = lab
        .ocean("POST", "/droplets", Some(order))
        .await
        .message(422);
    assert!(message.contains("droplet limit"), "{message}");
}
