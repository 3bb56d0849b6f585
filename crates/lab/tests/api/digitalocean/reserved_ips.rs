//! Reserved addresses.

use serde_json::{Value, json};

use crate::driver::Lab;

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
