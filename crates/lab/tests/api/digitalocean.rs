//! How DigitalOcean behaves beyond the shapes of its answers.

use plimsoll_lab::api::Delays;
use plimsoll_lab::ground::{Boot, PowerState};
use serde_json::{Value, json};

use crate::contract::CONTRACT;
use crate::driver::Lab;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl laptop";

fn droplet(name: &str) -> Value {
    json!({"name": name, "region": "fra1", "size": "s-1vcpu-1gb", "image": "debian-12-x64"})
}

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
async fn one_event_at_a_time() {
    let lab = Lab::new().await;
    let id = lab.droplet("busy", &["busy"]).await;
    let hang = json!({"type": "reboot", "setback": "hang"});
    lab.control("POST", "/setbacks", Some(hang))
        .await
        .expect(204);
    let path = format!("/droplets/{id}/actions");
    let reboot = || Some(json!({"type": "reboot"}));
    let started = lab.ocean("POST", &path, reboot()).await.expect(201);
    let message = lab.ocean("POST", &path, reboot()).await.message(422);
    assert_eq!(message, "Droplet already has a pending event.");
    lab.ocean("DELETE", &format!("/droplets/{id}"), None)
        .await
        .expect(422);
    lab.ocean("DELETE", "/droplets?tag_name=busy", None)
        .await
        .expect(422);
    lab.control("DELETE", "/setbacks", None).await.expect(200);
    assert_eq!(lab.finished(&started["action"]["id"]).await, "completed");
    lab.ocean("DELETE", &format!("/droplets/{id}"), None)
        .await
        .expect(204);
    lab.ocean("DELETE", &format!("/droplets/{id}"), None)
        .await
        .expect(404);
    lab.until("no droplet", |land| land.droplets.is_empty())
        .await;
}

#[tokio::test]
async fn an_action_that_fails_on_the_ground_is_errored() {
    let lab = Lab::new().await;
    lab.ground.land(|land| land.failing.insert("create"));
    let made = lab
        .ocean("POST", "/droplets", Some(droplet("doomed")))
        .await
        .expect(202);
    assert_eq!(
        lab.finished(&made["links"]["actions"][0]["id"]).await,
        "errored"
    );
    let path = format!("/droplets/{}", made["droplet"]["id"]);
    let view = lab.ocean("GET", &path, None).await.expect(200);
    assert_eq!(view["droplet"]["status"], "new");
    assert_eq!(view["droplet"]["locked"], false);
    lab.ocean("DELETE", &path, None).await.expect(204);

    let id = lab.restored_droplet().await;
    lab.ground.land(|land| land.failing.insert("snapshot"));
    let body = json!({"type": "snapshot", "name": "never"});
    let path = format!("/droplets/{id}/actions");
    let started = lab.ocean("POST", &path, Some(body)).await.expect(201);
    assert_eq!(lab.finished(&started["action"]["id"]).await, "errored");
    let snapshots = lab.ocean("GET", "/snapshots", None).await.expect(200);
    assert_eq!(snapshots["meta"]["total"], 0);
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
async fn power_is_what_the_machine_says_not_what_the_books_say() {
    let lab = Lab::new().await;
    let id = lab.droplet("real", &[]).await;
    let status = async || {
        let view = lab
            .ocean("GET", &format!("/droplets/{id}"), None)
            .await
            .expect(200);
        view["droplet"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status().await, "active");
    lab.ground
        .land(|land| land.droplets.get_mut(&id).unwrap().1 = PowerState::Off);
    assert_eq!(status().await, "off");
    let on = json!({"type": "power_on"});
    let started = lab
        .ocean("POST", &format!("/droplets/{id}/actions"), Some(on))
        .await;
    lab.finished(&started.expect(201)["action"]["id"]).await;
    assert_eq!(status().await, "active");
}

#[tokio::test]
async fn a_snapshot_boots_other_droplets_and_only_where_it_fits() {
    let lab = Lab::new().await;
    let id = lab.droplet("golden", &[]).await;
    let path = format!("/droplets/{id}/actions");
    let body = json!({"type": "snapshot", "name": "golden image"});
    let started = lab.ocean("POST", &path, Some(body)).await.expect(201);
    lab.finished(&started["action"]["id"]).await;
    let snapshots = lab.ocean("GET", "/snapshots", None).await.expect(200);
    let snapshot = &snapshots["snapshots"][0];
    assert_eq!(snapshot["name"], "golden image");
    assert_eq!(snapshot["resource_id"], id.to_string());
    assert_eq!(snapshot["regions"], json!(["fra1"]));
    assert_eq!(snapshot["min_disk_size"], 25);
    assert_eq!(snapshot["size_gigabytes"], 1.23);
    let image: u64 = snapshot["id"].as_str().unwrap().parse().unwrap();
    assert!(lab.ground.land(|land| land.snapshots.contains(&image)));

    let mut order = droplet("copy");
    order["image"] = json!(image);
    let made = lab
        .ocean("POST", "/droplets", Some(order.clone()))
        .await
        .expect(202);
    lab.finished(&made["links"]["actions"][0]["id"]).await;
    let copy = made["droplet"]["id"].as_u64().unwrap();
    let boot = lab.ground.land(|land| land.droplets[&copy].0.boot.clone());
    assert_eq!(boot, Boot::Snapshot { snapshot_id: image });

    order["size"] = json!("s-1vcpu-512mb-10gb");
    let message = lab
        .ocean("POST", "/droplets", Some(order.clone()))
        .await
        .message(422);
    assert!(message.contains("disk is smaller"), "{message}");
    order["size"] = json!("s-1vcpu-1gb");
    order["region"] = json!("nyc3");
    let message = lab
        .ocean("POST", "/droplets", Some(order))
        .await
        .message(422);
    assert!(
        message.contains("not available in the selected region"),
        "{message}"
    );

    lab.ocean("DELETE", &format!("/snapshots/{image}"), None)
        .await
        .expect(204);
    lab.ocean("DELETE", &format!("/snapshots/{image}"), None)
        .await
        .expect(404);
    lab.until("no snapshot", |land| land.snapshots.is_empty())
        .await;
    let view = lab
        .ocean("GET", &format!("/droplets/{copy}"), None)
        .await
        .expect(200);
    assert_eq!(view["droplet"]["image"]["status"], "deleted");
}

#[tokio::test]
async fn pages_carry_only_the_links_that_make_sense() {
    let lab = Lab::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        lab.ocean("POST", "/tags", Some(json!({"name": name})))
            .await
            .expect(201);
    }
    let links = async |query: &str| {
        let page = lab
            .ocean("GET", &format!("/tags{query}"), None)
            .await
            .expect(200);
        assert_eq!(page["meta"]["total"], 5);
        let pages = page["links"]["pages"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let names: Vec<String> = pages.keys().cloned().collect();
        (names.join(" "), page)
    };
    let (names, page) = links("").await;
    assert_eq!(names, "");
    assert_eq!(page["tags"].as_array().unwrap().len(), 5);
    let (names, page) = links("?per_page=2").await;
    assert_eq!(names, "next last");
    let next = page["links"]["pages"]["next"].as_str().unwrap();
    assert!(next.ends_with("/v2/tags?page=2&per_page=2"), "{next}");
    let (names, page) = links("?per_page=2&page=2").await;
    assert_eq!(names, "first prev next last");
    assert_eq!(page["tags"][0]["name"], "c");
    let (names, page) = links("?per_page=2&page=3").await;
    assert_eq!(names, "first prev");
    assert_eq!(page["tags"].as_array().unwrap().len(), 1);
    let (_, page) = links("?page=9").await;
    assert_eq!(page["tags"], json!([]));
}

#[tokio::test]
async fn droplets_are_found_by_name_and_by_tag() {
    let lab = Lab::new().await;
    let web = lab.droplet("web", &["prod"]).await;
    lab.droplet("db", &["prod"]).await;
    lab.droplet("web", &[]).await;
    let found = async |query: &str| {
        let page = lab
            .ocean("GET", &format!("/droplets?{query}"), None)
            .await
            .expect(200);
        page["droplets"].as_array().unwrap().clone()
    };
    assert_eq!(found("name=web").await.len(), 2);
    assert_eq!(found("tag_name=prod").await.len(), 2);
    let both = found("name=web&tag_name=prod").await;
    assert_eq!(both.len(), 1);
    assert_eq!(both[0]["id"], web);
    assert!(found("tag_name=staging").await.is_empty());
}

#[tokio::test]
async fn a_token_does_only_what_its_scopes_say() {
    let lab = Lab::new().await;
    let scopes = json!(["droplet:read", "image:read"]);
    let token = lab
        .token(json!({"cloud": "digitalocean", "scopes": scopes}))
        .await;
    lab.call(&token, "GET", "/v2/droplets", None)
        .await
        .expect(200);
    let refused = lab
        .call(&token, "GET", "/v2/account", None)
        .await
        .expect(403);
    assert_eq!(refused["id"], "forbidden");
    assert_eq!(
        refused["message"],
        "You are not authorized to perform this operation"
    );
    let body = droplet("no");
    lab.call(&token, "POST", "/v2/droplets", Some(&body))
        .await
        .expect(403);
    assert!(lab.ground.land(|land| land.droplets.is_empty()));
}

#[tokio::test]
async fn every_operation_asks_for_the_scopes_that_the_specification_names() {
    let Some(contract) = &*CONTRACT else {
        eprintln!("SKIPPED: no specifications; name their folder in PLIMSOLL_SPECS");
        return;
    };
    let lab = Lab::new().await;
    let none = lab
        .token(json!({"cloud": "digitalocean", "scopes": []}))
        .await;
    let operations = [
        ("GET", "/v2/account"),
        ("GET", "/v2/account/keys"),
        ("POST", "/v2/account/keys"),
        ("PUT", "/v2/account/keys/1"),
        ("DELETE", "/v2/account/keys/1"),
        ("GET", "/v2/actions"),
        ("GET", "/v2/droplets"),
        ("POST", "/v2/droplets"),
        ("DELETE", "/v2/droplets?tag_name=x"),
        ("DELETE", "/v2/droplets/1"),
        ("GET", "/v2/droplets/1/actions"),
        ("GET", "/v2/droplets/1/firewalls"),
        ("POST", "/v2/droplets/1/actions"),
        ("POST", "/v2/droplets/actions?tag_name=x"),
        ("GET", "/v2/firewalls"),
        ("POST", "/v2/firewalls"),
        ("PUT", "/v2/firewalls/x"),
        ("DELETE", "/v2/firewalls/x"),
        ("POST", "/v2/firewalls/x/rules"),
        ("GET", "/v2/images"),
        ("PUT", "/v2/images/1"),
        ("DELETE", "/v2/images/1"),
        ("GET", "/v2/regions"),
        ("GET", "/v2/sizes"),
        ("GET", "/v2/snapshots"),
        ("DELETE", "/v2/snapshots/1"),
        ("GET", "/v2/tags"),
        ("POST", "/v2/tags"),
        ("DELETE", "/v2/tags/x"),
        ("POST", "/v2/tags/x/resources"),
        ("DELETE", "/v2/tags/x/resources"),
        ("GET", "/v2/reserved_ips"),
        ("POST", "/v2/reserved_ips"),
        ("DELETE", "/v2/reserved_ips/203.0.113.9"),
        ("POST", "/v2/reserved_ips/203.0.113.9/actions"),
    ];
    for (method, path) in operations {
        let body = (method != "GET").then(|| json!({}));
        let refused = lab
            .try_call(&none, method, path, body.as_ref())
            .await
            .unwrap();
        assert_eq!(
            refused.status, 403,
            "{method} {path} without scopes: {}",
            refused.body
        );
        let scopes = contract.digitalocean_scopes(method, path);
        let wish = json!({"cloud": "digitalocean", "scopes": scopes});
        let token = lab.token(wish).await;
        let reply = lab
            .try_call(&token, method, path, body.as_ref())
            .await
            .unwrap();
        assert_ne!(
            reply.status, 403,
            "{method} {path} with {scopes:?}: {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn a_wrong_an_expired_and_a_missing_token_are_unauthorized() {
    let lab = Lab::new().await;
    let expired = lab
        .token(json!({"cloud": "digitalocean", "expires_in_ms": 0}))
        .await;
    let foreign = lab.state.credentials().cloudflare_token.clone();
    for token in ["", "dop_v1_0000", expired.as_str(), foreign.as_str()] {
        let refused = lab
            .call(token, "GET", "/v2/account", None)
            .await
            .expect(401);
        assert_eq!(refused["id"], "unauthorized");
        assert!(
            refused["request_id"]
                .as_str()
                .is_some_and(|id| id.len() == 36)
        );
    }
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let lab = Lab::new().await;
    let id = lab.droplet("mine", &["shared-name"]).await;
    let other = json!({"cloud": "digitalocean", "name": "Other"});
    let other = lab
        .control("POST", "/accounts", Some(other))
        .await
        .expect(201);
    let wish = json!({"cloud": "digitalocean", "account": other["account"]});
    let token = lab.token(wish).await;
    let list = lab
        .call(&token, "GET", "/v2/droplets", None)
        .await
        .expect(200);
    assert_eq!(list["meta"]["total"], 0);
    for (method, path) in [("GET", ""), ("DELETE", ""), ("GET", "/actions")] {
        let path = format!("/v2/droplets/{id}{path}");
        lab.call(&token, method, &path, None).await.expect(404);
    }
    let path = "/v2/droplets?tag_name=shared-name";
    lab.call(&token, "DELETE", path, None).await.expect(204);
    assert!(lab.ground.land(|land| land.droplets.contains_key(&id)));
}

#[tokio::test]
async fn too_many_requests_are_refused_and_forgiven() {
    let lab = Lab::new().await;
    for remaining in (4_990..5_000).rev() {
        let reply = lab.ocean("GET", "/account/keys", None).await;
        assert_eq!(reply.headers["ratelimit-remaining"], remaining.to_string());
        reply.expect(200);
    }
    let refused = lab.ocean("GET", "/account/keys", None).await;
    let wait: i64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.expect(429)["id"], "too_many_requests");
    lab.ocean("GET", "/account", None).await.expect(200);
    lab.clock.push(wait);
    lab.ocean("GET", "/account/keys", None).await.expect(200);

    let limits = json!({"digitalocean_minute": 2});
    lab.control("PUT", "/limits", Some(limits))
        .await
        .expect(200);
    lab.ocean("GET", "/account", None).await.expect(200);
    lab.ocean("GET", "/account", None).await.expect(200);
    let refused = lab.ocean("GET", "/account", None).await;
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.message(429), "API rate limit exceeded.");

    let limits = json!({"digitalocean_hour": 3});
    lab.control("PUT", "/limits", Some(limits))
        .await
        .expect(200);
    for _ in 0..3 {
        lab.ocean("GET", "/account", None).await.expect(200);
    }
    let refused = lab.ocean("GET", "/account", None).await;
    assert!(!refused.headers.contains_key("retry-after"));
    assert_eq!(refused.headers["ratelimit-remaining"], "0");
    refused.expect(429);
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

#[tokio::test]
async fn a_reserved_address_moves_between_droplets() {
    let lab = Lab::new().await;
    let (first, second) = (lab.droplet("one", &[]).await, lab.droplet("two", &[]).await);
    let body = json!({"droplet_id": first});
    let made = lab
        .ocean("POST", "/reserved_ips", Some(body.clone()))
        .await
        .expect(202);
    lab.finished(&made["links"]["actions"][0]["id"]).await;
    let ip = made["reserved_ip"]["ip"].as_str().unwrap().to_owned();
    assert_eq!(lab.ground.land(|land| land.reserved[&ip]), Some(first));
    let view = lab
        .ocean("GET", &format!("/droplets/{first}"), None)
        .await
        .expect(200);
    let networks = view["droplet"]["networks"]["v4"].as_array().unwrap();
    assert!(
        networks
            .iter()
            .any(|network| network["ip_address"] == ip.as_str())
    );
    lab.ocean("POST", "/reserved_ips", Some(body))
        .await
        .expect(422);
    let path = format!("/reserved_ips/{ip}/actions");
    let assign = json!({"type": "assign", "droplet_id": second});
    let started = lab.ocean("POST", &path, Some(assign)).await.expect(201);
    lab.finished(&started["action"]["id"]).await;
    assert_eq!(lab.ground.land(|land| land.reserved[&ip]), Some(second));
    lab.ocean("DELETE", &format!("/droplets/{second}"), None)
        .await
        .expect(204);
    let view = lab
        .ocean("GET", &format!("/reserved_ips/{ip}"), None)
        .await
        .expect(200);
    assert_eq!(view["reserved_ip"]["droplet"], Value::Null);
    lab.ocean("DELETE", &format!("/reserved_ips/{ip}"), None)
        .await
        .expect(204);
    assert!(lab.ground.land(|land| land.reserved.is_empty()));
}

impl Lab {
    /// A droplet on a ground that works again.
    async fn restored_droplet(&self) -> u64 {
        self.ground.land(|land| land.failing.clear());
        self.droplet("after", &[]).await
    }
}
