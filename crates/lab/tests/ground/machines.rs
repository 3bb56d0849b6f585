//! Droplets are machines: they boot, build, reboot, are copied, filtered and broken.

use std::time::Duration;

use serde_json::json;

use crate::cloud::{Cloud, Wanted, eventually, running};

fn stock<'a>(name: &'a str, config: &'a str) -> Wanted<'a> {
    Wanted {
        name,
        image: json!("debian-12-x64"),
        config,
    }
}

#[tokio::test]
async fn a_droplet_runs_its_user_data_and_is_told_who_it_is() {
    let Some(running) = running().await else {
        return;
    };
    let cloud = Cloud::open(running).await;
    let config = "runcmd:\n  - [touch, /root/user-data-ran]\n";
    let machine = cloud.boot(&stock("boots", config)).await;
    let status = machine.run("cloud-init status --wait --long").await;
    assert!(status.contains("DataSourceDigitalOcean"), "{status}");
    assert!(status.contains("status: done"), "{status}");
    machine.run("test -e /root/user-data-ran").await;
    assert_eq!(
        machine
            .run("systemctl is-system-running --wait")
            .await
            .trim(),
        "running"
    );
    assert_eq!(machine.run("hostname").await.trim(), "boots");
    let id = machine
        .run("curl -sf http://169.254.169.254/metadata/v1/id")
        .await;
    assert_eq!(id, machine.id.to_string());
    let path = "/metadata/v1/interfaces/public/0/ipv4/address";
    let address = machine
        .run(&format!("curl -sf http://169.254.169.254{path}"))
        .await;
    assert_eq!(address, machine.address);
    // The address of another cloud's credentials service: the host's, if anybody's.
    let other = machine
        .ssh("curl -s --max-time 3 http://169.254.170.2/")
        .await;
    assert!(
        !other.status.success(),
        "a droplet reached the host's link-local network"
    );
    cloud.destroy(machine).await;
}

#[tokio::test]
async fn an_unmodified_dockerfile_builds_and_survives_a_reboot_from_inside() {
    let Some(running) = running().await else {
        return;
    };
    let cloud = Cloud::open(running).await;
    let machine = cloud.boot(&stock("builds", "")).await;
    machine
        .run(
            "printf 'FROM python:3.11-slim\\nRUN python -m venv /venv\\n\
             CMD [\"python\", \"-m\", \"http.server\", \"8000\"]\\n' | docker build -q -t app -",
        )
        .await;
    machine
        .run("docker run -d --restart always --name app -p 8000:8000 app")
        .await;
    machine
        .run("curl -sf --retry 20 --retry-connrefused --retry-delay 1 localhost:8000")
        .await;
    let before = machine
        .run("docker inspect -f '{{.State.StartedAt}}' app")
        .await;
    machine.ssh("systemctl reboot").await;
    eventually(async || {
        let output = machine
            .ssh("docker inspect -f '{{.State.StartedAt}}' app")
            .await;
        let now = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() && now != before {
            Ok(())
        } else {
            Err(now)
        }
    })
    .await;
    machine
        .run("curl -sf --retry 20 --retry-connrefused --retry-delay 1 localhost:8000")
        .await;
    cloud.destroy(machine).await;
}

#[tokio::test]
async fn a_droplet_that_powers_itself_off_is_off_until_it_is_switched_on() {
    let Some(running) = running().await else {
        return;
    };
    let cloud = Cloud::open(running).await;
    let machine = cloud.boot(&stock("sleeps", "")).await;
    machine.ssh("systemctl poweroff").await;
    let path = format!("/droplets/{}", machine.id);
    eventually(async || {
        let now = cloud.get(&path).await;
        if now["droplet"]["status"] == "off" {
            Ok(())
        } else {
            Err(now.to_string())
        }
    })
    .await;
    cloud.act(machine.id, json!({"type": "power_on"})).await;
    machine.reachable().await;
    cloud.destroy(machine).await;
}

#[tokio::test]
async fn a_snapshot_carries_files_and_docker_images_to_a_new_droplet() {
    let Some(running) = running().await else {
        return;
    };
    let cloud = Cloud::open(running).await;
    let machine = cloud.boot(&stock("original", "")).await;
    machine
        .run("echo kept >/root/mark && docker pull -q busybox && cloud-init status --wait")
        .await;
    cloud
        .act(
            machine.id,
            json!({"type": "snapshot", "name": "ground-test"}),
        )
        .await;
    machine.run("true").await;
    let snapshots = cloud
        .get(&format!("/droplets/{}/snapshots", machine.id))
        .await;
    let snapshot = snapshots["snapshots"][0]["id"]
        .as_u64()
        .expect("a snapshot");
    let copy = Wanted {
        name: "copy",
        image: json!(snapshot),
        config: "",
    };
    let copy = cloud.boot(&copy).await;
    assert_eq!(copy.run("cat /root/mark").await.trim(), "kept");
    copy.run("cloud-init status --wait").await;
    assert_eq!(copy.run("hostname").await.trim(), "copy");
    copy.run("docker image inspect busybox >/dev/null").await;
    cloud.destroy(machine).await;
    cloud.delete(&format!("/snapshots/{snapshot}")).await;
    // Its layers outlive its name for as long as something stands on them.
    copy.run("docker run --rm busybox true").await;
    cloud.destroy(copy).await;
    eventually(async || {
        let left = cloud.nameless_images().await;
        if left.is_empty() {
            Ok(())
        } else {
            Err(left.join(", "))
        }
    })
    .await;
}

#[tokio::test]
async fn a_cloud_firewall_stands_in_front_of_the_droplet_and_outlives_its_reboot() {
    let Some(running) = running().await else {
        return;
    };
    let cloud = Cloud::open(running).await;
    let machine = cloud.boot(&stock("walled", "")).await;
    assert_eq!(
        cloud.page(&machine.address).await,
        Ok(200),
        "nginx answers without a firewall"
    );
    let made = cloud
        .post(
            "/firewalls",
            json!({
                "name": format!("wall-{}", machine.id),
                "droplet_ids": [machine.id],
                "inbound_rules": [{
                    "protocol": "tcp",
                    "ports": "22",
                    "sources": {"addresses": ["0.0.0.0/0"]},
                }],
                "outbound_rules": [{
                    "protocol": "tcp",
                    "ports": "all",
                    "destinations": {"addresses": ["0.0.0.0/0"]},
                }],
            }),
        )
        .await;
    let blocked = async || match cloud.page(&machine.address).await {
        Err(_) => Ok(()),
        Ok(status) => Err(format!("port 80 answered {status}")),
    };
    eventually(blocked).await;
    machine.run("true").await;
    cloud.act(machine.id, json!({"type": "reboot"})).await;
    machine.reachable().await;
    eventually(blocked).await;
    let firewall = made["firewall"]["id"].as_str().expect("an id").to_owned();
    cloud.delete(&format!("/firewalls/{firewall}")).await;
    eventually(async || match cloud.page(&machine.address).await {
        Ok(200) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    cloud.destroy(machine).await;
}

#[tokio::test]
async fn a_reserved_address_moves_from_one_droplet_to_another() {
    let Some(running) = running().await else {
        return;
    };
    let cloud = Cloud::open(running).await;
    let one = cloud.boot(&stock("one", "")).await;
    let two = cloud.boot(&stock("two", "")).await;
    for machine in [&one, &two] {
        machine
            .run("hostname >/var/www/html/index.nginx-debian.html")
            .await;
    }
    let made = cloud
        .post("/reserved_ips", json!({"droplet_id": one.id}))
        .await;
    let address = made["reserved_ip"]["ip"]
        .as_str()
        .expect("an address")
        .to_owned();
    let answers = async |name: &str| {
        eventually(async || {
            let asked = reqwest::get(format!("http://{address}/")).await;
            let text = match asked {
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            if text.trim() == name {
                Ok(())
            } else {
                Err(text)
            }
        })
        .await;
    };
    answers("one").await;
    eventually(async || {
        let now = cloud.get(&format!("/reserved_ips/{address}")).await;
        if now["reserved_ip"]["locked"] == false {
            Ok(())
        } else {
            Err(now.to_string())
        }
    })
    .await;
    let path = format!("/reserved_ips/{address}/actions");
    let moved = cloud
        .post(&path, json!({"type": "assign", "droplet_id": two.id}))
        .await;
    answers("two").await;
    cloud
        .finish(moved["action"]["id"].as_u64().expect("an action"))
        .await;
    cloud.delete(&format!("/reserved_ips/{address}")).await;
    cloud.destroy(one).await;
    cloud.destroy(two).await;
}

#[tokio::test]
async fn faults_break_a_droplet_and_are_mended() {
    let Some(running) = running().await else {
        return;
    };
    let cloud = Cloud::open(running).await;
    let machine = cloud.boot(&stock("breaks", "")).await;
    let id = machine.id;

    cloud.fault(id, json!({"kind": "cut"})).await;
    assert!(
        !machine.ssh("true").await.status.success(),
        "a cut cable carries nothing"
    );
    cloud.fault(id, json!({"kind": "mend"})).await;
    machine.run("true").await;

    let quick = machine.round_trip().await;
    cloud
        .fault(id, json!({"kind": "slow", "delay_ms": 300}))
        .await;
    let slow = machine.round_trip().await;
    assert!(
        slow >= Duration::from_millis(290),
        "{slow:?} with a delay of 300 ms"
    );
    let inner =
        "docker run --rm busybox wget -q -O /dev/null http://169.254.169.254/metadata/v1/id";
    machine.run(inner).await;
    cloud.fault(id, json!({"kind": "mend"})).await;
    let mended = machine.round_trip().await;
    assert!(
        mended < slow,
        "{quick:?} before, {slow:?} slowed, {mended:?} mended"
    );

    cloud.fault(id, json!({"kind": "ssh_down"})).await;
    assert!(
        !machine.ssh("true").await.status.success(),
        "sshd is stopped"
    );
    assert_eq!(
        cloud.page(&machine.address).await,
        Ok(200),
        "the rest of the droplet runs"
    );
    cloud.fault(id, json!({"kind": "mend"})).await;
    machine.reachable().await;

    cloud.fault(id, json!({"kind": "new_host_key"})).await;
    let refused = machine.ssh("true").await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("Host key verification failed"), "{said}");
    cloud.destroy(machine).await;
}
