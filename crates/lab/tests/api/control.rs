//! The lab's own interface: faults, the log, restarts, and who may read the state folder.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use plimsoll_lab::api::{Credentials, Delays};
use serde_json::{Value, json};

use crate::driver::Lab;

async fn arm(lab: &Lab, rule: Value) {
    lab.control("POST", "/faults", Some(rule)).await.expect(201);
}

/// `GET /v2/account`, not judged: faults keep no contract.
async fn account(lab: &Lab) -> reqwest::Result<crate::driver::Reply> {
    let token = &lab.state.credentials().digitalocean_token;
    lab.try_call(token, "GET", "/v2/account", None).await
}

#[tokio::test]
async fn the_control_interface_opens_only_to_its_own_token() {
    let lab = Lab::new().await;
    let stranger = lab.state.credentials().digitalocean_token.clone();
    for token in ["", "guess", stranger.as_str()] {
        lab.call(token, "GET", "/lab/v1/status", None)
            .await
            .expect(401);
    }
    let status = lab.control("GET", "/status", None).await.expect(200);
    assert_eq!(status["zones"], json!(["plimsoll.test"]));
    lab.control("GET", "/nothing", None).await.expect(404);
}

#[tokio::test]
async fn a_fault_hits_what_it_names_as_often_as_it_says() {
    let lab = Lab::new().await;
    arm(
        &lab,
        json!({"method": "GET", "path": "^/v2/account$", "skip": 1, "times": 2,
            "fault": {"kind": "status", "status": 503}}),
    )
    .await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(account(&lab).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    lab.ocean("GET", "/tags", None).await.expect(200);
    let broken = json!({"path": "(", "fault": {"kind": "refuse"}});
    lab.control("POST", "/faults", Some(broken))
        .await
        .expect(422);
}

#[tokio::test]
async fn faults_end_with_time_or_when_cleared() {
    let lab = Lab::new().await;
    let rule =
        json!({"path": "^/v2/", "for_ms": 5_000, "fault": {"kind": "status", "status": 500}});
    arm(&lab, rule.clone()).await;
    assert_eq!(account(&lab).await.unwrap().status, 500);
    lab.clock.push(6);
    assert_eq!(account(&lab).await.unwrap().status, 200);
    arm(&lab, rule).await;
    let faults = lab.control("GET", "/faults", None).await.expect(200);
    assert_eq!(faults["faults"][0]["rule"]["fault"]["kind"], "status");
    let path = format!("/faults/{}", faults["faults"][0]["id"]);
    lab.control("DELETE", &path, None).await.expect(204);
    lab.control("DELETE", &path, None).await.expect(404);
    assert_eq!(account(&lab).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_cut_answer_leaves_the_deed_done() {
    let lab = Lab::new().await;
    arm(
        &lab,
        json!({"method": "POST", "path": "^/v2/tags$", "times": 1, "fault": {"kind": "cut"}}),
    )
    .await;
    let token = lab.state.credentials().digitalocean_token.clone();
    let body = json!({"name": "half-answered"});
    let reply = lab.try_call(&token, "POST", "/v2/tags", Some(&body)).await;
    assert!(reply.is_err(), "{reply:?}");
    lab.ocean("GET", "/tags/half-answered", None)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_refused_connection_leaves_the_deed_undone() {
    let lab = Lab::new().await;
    let rule = json!({"method": "POST", "path": "^/v2/tags$", "times": 1,
        "fault": {"kind": "refuse"}});
    arm(&lab, rule).await;
    let token = lab.state.credentials().digitalocean_token.clone();
    let body = json!({"name": "never"});
    let reply = lab.try_call(&token, "POST", "/v2/tags", Some(&body)).await;
    assert!(reply.is_err(), "{reply:?}");
    lab.ocean("GET", "/tags/never", None).await.expect(404);
    let log = lab.control("GET", "/requests", None).await.expect(200);
    let refused = &log["requests"][0];
    assert_eq!(
        (&refused["status"], &refused["fault"]),
        (&json!(0), &json!("refuse"))
    );
}

#[tokio::test]
async fn answers_can_be_late_garbled_or_a_storm() {
    let lab = Lab::new().await;
    let path = "^/v2/account$";
    arm(
        &lab,
        json!({"path": path, "times": 1, "fault": {"kind": "delay", "ms": 120}}),
    )
    .await;
    let began = Instant::now();
    assert_eq!(account(&lab).await.unwrap().status, 200);
    assert!(began.elapsed() >= Duration::from_millis(120));
    arm(
        &lab,
        json!({"path": path, "times": 1, "fault": {"kind": "wrong_json"}}),
    )
    .await;
    let garbled = account(&lab).await.unwrap();
    assert_eq!((garbled.status, garbled.body.is_string()), (200, true));
    let storm = json!({"kind": "rate_limit", "retry_after": 7});
    arm(&lab, json!({"path": path, "times": 1, "fault": storm})).await;
    let stormy = account(&lab).await.unwrap();
    assert_eq!(
        (stormy.status, &stormy.headers["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(stormy.body["id"], "too_many_requests");
    arm(
        &lab,
        json!({"path": "/zones$", "times": 1, "fault": {"kind": "status", "status": 502}}),
    )
    .await;
    let token = lab.state.credentials().cloudflare_token.clone();
    let reply = lab
        .try_call(&token, "GET", "/client/v4/zones", None)
        .await
        .unwrap();
    assert_eq!(reply.expect(502)["success"], false);
}

#[tokio::test]
async fn the_log_names_requests_and_no_secret() {
    let lab = Lab::new().await;
    lab.ocean("GET", "/droplets?tag_name=planted-secret", None)
        .await
        .expect(200);
    lab.flare("GET", "/zones", None).await.expect(200);
    let log = lab.control("GET", "/requests", None).await.expect(200);
    let requests = log["requests"].as_array().unwrap();
    let lines: Vec<String> = requests
        .iter()
        .map(|request| {
            format!(
                "{} {} {}",
                request["method"], request["path"], request["status"]
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "\"GET\" \"/v2/droplets\" 200",
            "\"GET\" \"/client/v4/zones\" 200"
        ]
    );
    let text = log.to_string();
    let credentials = lab.state.credentials();
    for secret in [
        "planted-secret",
        &credentials.digitalocean_token,
        &credentials.cloudflare_token,
    ] {
        assert!(!text.contains(secret));
    }
    let later = lab
        .control("GET", "/requests?since=1", None)
        .await
        .expect(200);
    assert_eq!(later["requests"].as_array().unwrap().len(), 1);
    lab.control("DELETE", "/requests", None).await.expect(204);
    let log = lab.control("GET", "/requests", None).await.expect(200);
    assert_eq!(log["requests"], json!([]));
}

#[tokio::test]
async fn a_droplets_fault_reaches_the_ground() {
    let lab = Lab::new().await;
    let id = lab.droplet("victim", &[]).await;
    let path = format!("/droplets/{id}/fault");
    let slow = json!({"kind": "slow", "delay_ms": 40});
    lab.control("POST", &path, Some(slow)).await.expect(204);
    let faults = lab.ground.land(|land| land.faults.clone());
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].0, id);
    lab.control("POST", "/droplets/1/fault", Some(json!({"kind": "cut"})))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_zone_that_is_pending_is_listed_and_does_not_resolve() {
    let lab = Lab::new().await;
    let wish = json!({"name": "Pending.test", "status": "pending"});
    lab.control("POST", "/zones", Some(wish.clone()))
        .await
        .expect(201);
    lab.control("POST", "/zones", Some(wish)).await.expect(409);
    for bad in ["nodots", "two words.test", "a..test", "$(x).test"] {
        let wish = json!({"name": bad});
        lab.control("POST", "/zones", Some(wish)).await.expect(422);
    }
    let found = lab
        .flare("GET", "/zones?name=pending.test&status=pending", None)
        .await;
    let zone = found.expect(200)["result"][0].take();
    assert_eq!(zone["status"], "pending");
    assert_eq!(zone["activated_on"], Value::Null);
    let published = lab.ground.land(|land| land.zones.clone());
    let names: Vec<&str> = published.iter().map(|zone| zone.name.as_str()).collect();
    assert_eq!(names, ["plimsoll.test"]);
}

#[tokio::test]
async fn a_token_that_was_withdrawn_opens_nothing() {
    let lab = Lab::new().await;
    let wish = json!({"cloud": "digitalocean"});
    let made = lab.control("POST", "/tokens", Some(wish)).await.expect(201);
    let token = made["token"].as_str().unwrap();
    lab.call(token, "GET", "/v2/account", None)
        .await
        .expect(200);
    let path = format!("/tokens/{}", made["id"].as_str().unwrap());
    lab.control("DELETE", &path, None).await.expect(204);
    lab.control("DELETE", &path, None).await.expect(404);
    lab.call(token, "GET", "/v2/account", None)
        .await
        .expect(401);
    let nowhere = json!({"cloud": "cloudflare", "account": "none"});
    lab.control("POST", "/tokens", Some(nowhere))
        .await
        .expect(404);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let lab = Lab::new().await;
    let id = lab.droplet("kept", &["kept"]).await;
    let zone = lab.zone().await;
    let records = format!("/zones/{zone}/dns_records");
    let body = json!({"type": "A", "name": "www", "content": "203.0.113.1"});
    lab.flare("POST", &records, Some(body)).await.expect(200);
    let body = json!({"name": "wall", "tags": ["kept"], "inbound_rules": [
        {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0"]}}]});
    lab.ocean("POST", "/firewalls", Some(body))
        .await
        .expect(202);
    lab.until("the wall", |land| land.firewalls.contains_key(&id))
        .await;
    let token = lab
        .token(json!({"cloud": "digitalocean", "scopes": ["droplet:read"]}))
        .await;
    let root = lab.state.origin_ca_pem().to_owned();
    lab.ground.land(|land| {
        land.zones.clear();
        land.firewalls.clear();
    });

    let lab = lab.restarted().await;
    lab.call(&token, "GET", &format!("/v2/droplets/{id}"), None)
        .await
        .expect(200);
    let found = lab.flare("GET", &records, None).await.expect(200);
    assert_eq!(found["result"][0]["name"], "www.plimsoll.test");
    assert_eq!(lab.state.origin_ca_pem(), root);
    assert_eq!(lab.ground.land(|land| land.zones[0].records.len()), 1);
    lab.until("the wall again", |land| land.firewalls.contains_key(&id))
        .await;
    assert!(lab.droplet("next", &[]).await > id);
}

#[tokio::test]
async fn lost_credentials_are_issued_anew_for_what_is_there() {
    let lab = Lab::new().await;
    let id = lab.droplet("kept", &[]).await;
    let old = lab.state.credentials().digitalocean_token.clone();
    std::fs::remove_file(lab.folder().join(Credentials::FILE)).unwrap();
    let lab = lab.restarted().await;
    assert_ne!(lab.state.credentials().digitalocean_token, old);
    lab.ocean("GET", &format!("/droplets/{id}"), None)
        .await
        .expect(200);
    let zones = lab.flare("GET", "/zones", None).await.expect(200);
    assert_eq!(zones["result_info"]["total_count"], 1);
}

#[tokio::test]
async fn what_a_stop_cut_off_is_carried_on() {
    let lab = Lab::with(Delays {
        action_ms: 60_000,
        ..Delays::NONE
    })
    .await;
    let order = json!({"name": "late", "region": "fra1", "size": "s-1vcpu-1gb",
        "image": "debian-12-x64"});
    let made = lab
        .ocean("POST", "/droplets", Some(order))
        .await
        .expect(202);
    let lab = lab.restarted().await;
    assert_eq!(
        lab.finished(&made["links"]["actions"][0]["id"]).await,
        "completed"
    );
    let calls = lab.ground.land(|land| land.calls.clone());
    let machines: Vec<&str> = calls
        .into_iter()
        .filter(|call| matches!(*call, "create" | "destroy"))
        .collect();
    assert_eq!(
        machines,
        ["create", "destroy", "create"],
        "half a machine is cleared first"
    );
}

#[tokio::test]
async fn a_machine_that_could_not_be_removed_is_removed_after_a_restart() {
    let lab = Lab::new().await;
    let id = lab.droplet("stubborn", &[]).await;
    lab.ground.land(|land| land.failing.insert("destroy"));
    lab.ocean("DELETE", &format!("/droplets/{id}"), None)
        .await
        .expect(204);
    let status = lab.control("GET", "/status", None).await.expect(200);
    assert_eq!(status["pending_removals"], 1);
    lab.ground.land(|land| land.failing.clear());
    let lab = lab.restarted().await;
    lab.until("no droplet", |land| land.droplets.is_empty())
        .await;
}

#[tokio::test]
async fn books_that_cannot_be_written_fail_requests_and_lose_nothing() {
    let lab = Lab::new().await;
    let hang = json!({"type": "create", "times": 1, "setback": "hang"});
    lab.control("POST", "/setbacks", Some(hang))
        .await
        .expect(204);
    let order = json!({"name": "patient", "region": "fra1", "size": "s-1vcpu-1gb",
        "image": "debian-12-x64"});
    let made = lab
        .ocean("POST", "/droplets", Some(order))
        .await
        .expect(202);
    // A folder where the draft of the books should go stands for a disk that is full.
    let obstacle = lab.folder().join("books.tmp");
    std::fs::create_dir(&obstacle).unwrap();
    lab.control("DELETE", "/setbacks", None).await.expect(200);
    let tag = || Some(json!({"name": "blue"}));
    let refused = lab.ocean("POST", "/tags", tag()).await.expect(500);
    assert_eq!(refused["id"], "server_error");
    lab.ocean("GET", "/tags/blue", None).await.expect(404);
    lab.until("the machine", |land| !land.droplets.is_empty())
        .await;
    std::fs::remove_dir(&obstacle).unwrap();
    lab.ocean("POST", "/tags", tag()).await.expect(201);
    assert_eq!(
        lab.finished(&made["links"]["actions"][0]["id"]).await,
        "completed"
    );
}

#[tokio::test]
async fn only_the_owner_of_the_state_folder_reads_it() {
    let lab = Lab::new().await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(lab.folder()), 0o700);
    for file in ["books.json", "credentials.json", "origin-ca.key.pem"] {
        assert_eq!(mode(&lab.folder().join(file)), 0o600, "{file}");
    }
    let books = std::fs::read_to_string(lab.folder().join("books.json")).unwrap();
    let credentials = Credentials::read(lab.folder()).unwrap();
    for secret in [
        &credentials.digitalocean_token,
        &credentials.cloudflare_token,
        &credentials.control_token,
    ] {
        assert!(!books.contains(secret.as_str()));
        assert!(!format!("{credentials:?}").contains(secret.as_str()));
    }
    assert_eq!(credentials.zone, "plimsoll.test");
}
