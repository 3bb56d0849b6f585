//! Snapshots, and what boots from them.

use plimsoll_lab::ground::Boot;
use serde_json::json;

use super::droplet;
use crate::driver::Lab;

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
