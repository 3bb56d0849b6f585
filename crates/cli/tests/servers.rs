//! Servers that were there before, and addresses that stay.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::{net::TcpStream, time::Duration};
use support::{Desk, begins, eventually, heard};

/// A machine that somebody has made without us. Answers its id and its address.
fn made_elsewhere(desk: &Desk, name: &str) -> (String, String) {
    let order = json!({
        "name": name, "region": "ams3", "size": "s-1vcpu-1gb", "image": "debian-12-x64",
    });
    let made = desk.ocean("POST", "/droplets", Some(order));
    let id = made["droplet"]["id"].to_string();
    let mut address = None;
    eventually(
        "the machine has an address",
        Duration::from_secs(60),
        || {
            // A new one is hidden for a moment: asked for by its id, it would be "not found".
            let seen = desk.ocean("GET", &format!("/droplets?name={name}"), None);
            let droplet = &seen["droplets"][0];
            let Some(networks) = droplet["networks"]["v4"].as_array() else {
                return false;
            };
            let public = networks.iter().find(|network| network["type"] == "public");
            address = public.and_then(|network| Some(network["ip_address"].as_str()?.to_owned()));
            address.is_some() && droplet["status"] == "active"
        },
    );
    let address = address.unwrap();
    eventually("the machine answers", Duration::from_secs(60), || {
        TcpStream::connect((address.as_str(), 22)).is_ok()
    });
    (id, address)
}

/// The fingerprint that the machine's owner sees.
fn fingerprint(desk: &Desk, droplet: &str) -> String {
    let key = "/etc/ssh/ssh_host_ed25519_key.pub";
    let seen = desk.inside(droplet, &["ssh-keygen", "-l", "-f", key]);
    seen.split_whitespace().nth(1).unwrap().to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn a_machine_made_elsewhere_is_added_over_ssh_and_deployed_to() {
    let desk = Desk::new("adopted");
    let name = desk.unique("old");
    let (droplet, address) = made_elsewhere(&desk, &desk.unique("made-elsewhere"));
    let fingerprint = fingerprint(&desk, &droplet);
    let login = format!("root@{address}");
    let add = ["server", "add", &name, &login, "--fingerprint"];

    // A host key that its owner does not know is not trusted, and nothing is written down.
    let (status, error) = desk.fails(&[&add[..], &["SHA256:0000", "--yes"]].concat());
    assert_eq!(
        (status, text(&error["code"])),
        (2, "ssh_host_key_unexpected")
    );
    assert!(text(&error["message"]).contains(&fingerprint), "{error}");
    let add = [&add[..], &[&fingerprint]].concat();

    // The plan says which key has to be there; without it nobody lets us in.
    let plan = desk.ok(&[&add[..], &["--plan"]].concat());
    let notice = text(&plan["notices"][0]);
    let key = &notice[notice.find("ssh-ed25519").unwrap()..];
    let (_, error) = desk.fails(&[&add[..], &["--yes"]].concat());
    assert_eq!(text(&error["code"]), "ssh_authentication", "{error}");
    assert_eq!(desk.ok(&["server", "list"]), json!([]));

    let authorize = "mkdir -p /root/.ssh && printf '%s\\n' \"$1\" >> /root/.ssh/authorized_keys";
    desk.inside(&droplet, &["sh", "-c", authorize, "sh", key]);
    desk.ok(&[&add[..], &["--yes"]].concat());
    let servers = desk.ok(&["server", "list"]);
    assert_eq!(servers[0]["state"], "ready", "{servers}");
    assert_eq!(servers[0]["ssh"]["host"], address.as_str());
    // It is at one of our accounts, so its price is known, and it can be looked after there.
    assert_eq!(servers[0]["provider_ref"], droplet.as_str());

    let app = desk.app("app", |text| text);
    let web = desk.service("adopted", &app, &[&name], &[]);
    desk.ok(&["deploy", &web, "--yes"]);
    let status = desk.ok(&["status", "adopted/production"]);
    let service = &status[0]["status"]["services"][0];
    assert_eq!(service["health"], "healthy", "{status}");
    let inner = text(&service["address"]);
    let page = desk.inside(&droplet, &["curl", "-s", "-f", &format!("http://{inner}/")]);
    assert!(page.contains("This is version 1."), "{page}");

    // We did not make it, so we do not destroy it by the way.
    desk.ok(&["environment", "delete", "adopted/production", "--yes"]);
    let (status, error) = desk.fails(&["server", "destroy", &name, "--yes"]);
    assert_eq!((status, text(&error["code"])), (4, "protected"), "{error}");
    let seen = desk.ocean("GET", &format!("/droplets/{droplet}"), None);
    assert_eq!(seen["droplet"]["status"], "active");
    let there = seen["droplet"]["name"].as_str().unwrap();
    desk.ok(&["server", "destroy", &name, "--force", there, "--yes"]);
}

#[test]
fn an_address_is_reserved_once_although_the_process_died_and_is_given_back() {
    let desk = Desk::new("address");
    let server = desk.server("ship");
    let number: u64 = desk.droplet(&server).parse().unwrap();
    let ours = || {
        let all = desk.ocean("GET", "/reserved_ips?per_page=200", None);
        let all = all["reserved_ips"].as_array().unwrap().clone();
        let here = |ip: &Value| ip["droplet"]["id"] == number;
        all.into_iter().filter(here).collect::<Vec<_>>()
    };
    let count = || {
        desk.control("GET", "/status", None)["reserved_ips"]
            .as_u64()
            .unwrap()
    };
    let before = count();

    // The answer is lost, and the process dies while it looks what has become of the request.
    let reserve = ["server", "ip", "reserve", &server, "--yes"];
    let fault = |rule: Value| desk.control("POST", "/faults", Some(rule));
    fault(json!({
        "method": "POST", "path": "^/v2/reserved_ips$", "times": 1, "fault": {"kind": "cut"},
    }));
    let mut child = desk.begin(&reserve);
    assert!(heard(&mut child, begins("Reserve an address")));
    let slow = fault(json!({
        "method": "GET", "path": "^/v2/reserved_ips", "fault": {"kind": "delay", "ms": 5_000},
    }));
    eventually("the address is reserved", Duration::from_secs(60), || {
        count() > before
    });
    child.kill().unwrap();
    child.wait().unwrap();
    desk.control("DELETE", &format!("/faults/{}", slow["id"]), None);
    let job = desk.newest_job();
    assert_eq!(job["status"], "interrupted", "{job}");

    desk.ok(&["job", "resume", text(&job["id"])]);
    assert_eq!(count(), before + 1, "a second one was reserved");
    let [ip] = &ours()[..] else {
        panic!("not one address points at the server: {:?}", ours());
    };
    let address = text(&ip["ip"]);
    let shown = desk.ok(&["server", "show", &server]);
    assert_eq!(shown["server"]["reserved_ip"], address);
    assert_eq!(desk.ok(&["server", "list"])[0]["reserved_ip"], address);
    let (status, error) = desk.fails(&reserve);
    assert_eq!(
        (status, text(&error["code"])),
        (5, "address_there"),
        "{error}"
    );

    desk.ok(&["server", "ip", "release", &server, "--yes"]);
    assert_eq!(count(), before);
    assert_eq!(desk.ok(&["server", "list"])[0]["reserved_ip"], Value::Null);
    let (status, error) = desk.fails(&["server", "ip", "release", &server, "--yes"]);
    assert_eq!((status, text(&error["code"])), (3, "no_address"), "{error}");

    // Whoever destroys the server does not go on paying for its address.
    desk.ok(&reserve);
    desk.destroy(&server);
    assert_eq!(count(), before);
}
