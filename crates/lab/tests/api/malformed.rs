//! Bodies that no client should send: each is refused in the cloud's own shape, or accepted where
//! the specification accepts it; none makes a cloud fail.

use serde_json::{Value, json};

use crate::driver::{Lab, Reply};

fn nasty() -> Vec<Value> {
    let texts = [
        "",
        " ",
        "-leading",
        "two words",
        "line\nbreak",
        "quote\"s'and`ticks",
        "$(reboot)",
        "; rm -rf /",
        "../../etc/passwd",
        "ünïcode ✓",
        "\u{0}",
        "%00%2e",
    ];
    let mut values: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    values.push(json!("x".repeat(70_000)));
    values.extend([
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e300),
    ]);
    values.extend([
        json!([]),
        json!({}),
        json!([null]),
        json!([[]]),
        json!({"a": {"b": []}}),
    ]);
    values
}

/// Every value that a document becomes when one of its parts is replaced.
fn spoiled(document: &Value, with: &Value) -> Vec<Value> {
    let mut all = vec![with.clone()];
    match document {
        Value::Object(fields) => {
            for (name, part) in fields {
                for part in spoiled(part, with) {
                    let mut whole = document.clone();
                    whole[name] = part;
                    all.push(whole);
                }
            }
        }
        Value::Array(items) => {
            for (index, part) in items.iter().enumerate() {
                for part in spoiled(part, with) {
                    let mut whole = document.clone();
                    whole[index] = part;
                    all.push(whole);
                }
            }
        }
        _ => {}
    }
    all
}

/// Whether a refusal has the shape of the cloud that refused.
fn check(cloudflare: bool, sent: &Value, reply: &Reply) {
    let what: String = sent.to_string().chars().take(300).collect();
    assert!(
        reply.status < 500,
        "{what}: {} {}",
        reply.status,
        reply.body
    );
    if reply.status >= 400 {
        let told = if cloudflare {
            reply.body["errors"][0]["code"].is_u64()
        } else {
            reply.body["id"].is_string() && reply.body["request_id"].is_string()
        };
        assert!(told, "{what}: {} {}", reply.status, reply.body);
    }
}

async fn patient() -> Lab {
    let lab = Lab::new().await;
    let limits = json!({"digitalocean_hour": 1_000_000, "digitalocean_minute": 1_000_000,
        "cloudflare_five_minutes": 1_000_000});
    lab.control("PUT", "/limits", Some(limits))
        .await
        .expect(200);
    lab
}

#[tokio::test]
async fn no_body_makes_digitalocean_fail() {
    let lab = patient().await;
    let id = lab.droplet("target", &["web"]).await;
    let orders = [
        (
            "/account/keys",
            json!({"name": "k", "public_key": "ssh-ed25519 AAAA"}),
        ),
        (
            "/droplets",
            json!({"name": "web", "region": "moon", "size": "s-1vcpu-1gb", "image": "debian-12-x64",
                "ssh_keys": [1], "tags": ["web"], "user_data": "#", "monitoring": true}),
        ),
        ("/tags", json!({"name": "a tag"})),
        (
            "/tags/web/resources",
            json!({"resources": [{"resource_id": "1", "resource_type": "droplet"}]}),
        ),
        (
            "/firewalls",
            json!({"name": "f w", "tags": ["web"], "droplet_ids": [1], "inbound_rules": [
                {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["::/0"]}}]}),
        ),
        ("/reserved_ips", json!({"region": "moon"})),
    ];
    let actions = format!("/droplets/{id}/actions");
    let orders = orders.iter().map(|(path, body)| (*path, body.clone()));
    let orders = orders.chain([(actions.as_str(), json!({"type": "levitate", "image": 4}))]);
    for (path, order) in orders {
        for value in nasty() {
            for body in spoiled(&order, &value) {
                let reply = lab.ocean("POST", path, Some(body.clone())).await;
                check(false, &body, &reply);
            }
        }
    }
}

#[tokio::test]
async fn no_body_makes_cloudflare_fail() {
    let lab = patient().await;
    let zone = format!("/zones/{}", lab.zone().await);
    let orders = [
        (
            format!("{zone}/dns_records"),
            json!({"type": "A", "name": "www", "content": "300.0.0.1", "ttl": 60, "proxied": true,
                "comment": "c", "tags": ["a:b"]}),
        ),
        (
            format!("{zone}/dns_records"),
            json!({"type": "SRV", "name": "s", "content": "", "data": {"priority": 1, "weight": 1,
                "port": 99_999, "target": "t"}}),
        ),
        (
            format!("{zone}/purge_cache"),
            json!({"files": ["https://a"], "tags": ["b"]}),
        ),
        (
            "/certificates".to_owned(),
            json!({"csr": "-", "hostnames": ["plimsoll.test"], "request_type": "origin-ecc",
                "requested_validity": 90}),
        ),
    ];
    let token = lab.state.credentials().cloudflare_token.clone();
    for (path, order) in orders {
        for value in nasty() {
            for body in spoiled(&order, &value) {
                // Cloudflare is more lenient than its specification, so only refusals are judged.
                let path = format!("/client/v4{path}");
                let reply = lab
                    .try_call(&token, "POST", &path, Some(&body))
                    .await
                    .unwrap();
                check(true, &body, &reply);
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_even_json_is_a_bad_request() {
    let lab = Lab::new().await;
    let client = reqwest::Client::new();
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "{",
        "nul",
        "\u{feff}{}",
        "{\"name\": \"\\ud800\"}",
        &deep,
    ] {
        for (path, token, cloudflare) in [
            (
                "/v2/tags",
                &lab.state.credentials().digitalocean_token,
                false,
            ),
            (
                "/client/v4/certificates",
                &lab.state.credentials().cloudflare_token,
                true,
            ),
        ] {
            let sent = client
                .post(format!("{}{path}", lab.base))
                .bearer_auth(token);
            let answer = sent.body(text.to_owned()).send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let body: Value = answer.json().await.unwrap();
            assert_eq!(status, 400, "{path} {body}");
            check(
                cloudflare,
                &json!(text),
                &Reply {
                    status,
                    headers,
                    body,
                },
            );
        }
    }
}

#[tokio::test]
async fn a_path_or_query_that_cannot_be_read_is_refused_in_the_clouds_shape() {
    let lab = Lab::new().await;
    for path in [
        "/droplets/%FF",
        "/droplets/abc",
        "/droplets/-1",
        "/images/%2e%2e",
        "/nowhere",
    ] {
        let reply = lab.ocean("GET", path, None).await;
        assert!((400..=404).contains(&reply.status), "{path}");
        check(false, &json!(path), &reply);
    }
    let token = lab.state.credentials().digitalocean_token.clone();
    for query in [
        "name=a&name=b",
        "page=%FF",
        "page=-1&per_page=abc",
        "per_page=0",
    ] {
        let path = format!("/v2/droplets?{query}");
        let reply = lab.try_call(&token, "GET", &path, None).await.unwrap();
        check(false, &json!(query), &reply);
    }
    for path in ["/zones/%FF", "/zones/abc", "/nowhere", "/certificates/%FF"] {
        let reply = lab.flare("GET", path, None).await;
        assert!((400..=404).contains(&reply.status), "{path}");
        check(true, &json!(path), &reply);
    }
}
