//! Who may do what.

use serde_json::json;

use super::droplet;
use crate::contract::CONTRACT;
use crate::driver::Lab;

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
