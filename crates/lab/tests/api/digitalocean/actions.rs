//! One action at a time, and what becomes of it.

use plimsoll_lab::ground::PowerState;
use serde_json::json;

use super::droplet;
use crate::driver::Lab;

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

impl Lab {
    /// A droplet on a ground that works again.
    async fn restored_droplet(&self) -> u64 {
        self.ground.land(|land| land.failing.clear());
        self.droplet("after", &[]).await
    }
}
