//! A new version of Plimsoll itself: whom the window believes.

use crate::support::{Desk, Keyring, Role};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

/// The key that the window is built to trust.
const TRUSTED: &str = "dW50cnVzdGVkIGNvbW1lbnQ6IG1pbmlzaWduIHB1YmxpYyBrZXk6IDk4MzIwRjUxQzBGREM4QTAKUldTZ3lQM0FVUTh5bUxzNFNxTEpOODhXNGJNcDdTbWlnVEUxOTQ0SWNnMTkvbVJiTHRQTlgwaTIK";
/// The signature of [`PACKAGE`] as version 9.9.9, by a key that nobody trusts.
const FOREIGN: &str = "dW50cnVzdGVkIGNvbW1lbnQ6IHNpZ25hdHVyZSBmcm9tIHRhdXJpIHNlY3JldCBrZXkKUlVRU3lvbjEyb3ZsSU9OVnhwNG9IMnl2Ykh4QVB1MUtnZVBBekhjL2VnWmJTSzlWVytvL3R5V1Bra0FrR3JUcUNBUTdFeFZqYXVaMDhoWXBZUVR2SDl0a3BmRDdYVjBZaWdvPQp0cnVzdGVkIGNvbW1lbnQ6IHRpbWVzdGFtcDoxNzk1Mjc4OTkxCWZpbGU6cGtnLmRlYgl2ZXJzaW9uOjkuOS45CnA1dUVtM0VqKzRCcXduRlgrdlFDanVkUmNiQTF4RENOZk9Wa2FBRTF1TjNwVElWRTlVNUtMTStZN1g5ZTFBcE9FU3RsYW1VUTB3dXlpVHdqTjJZcERnPT0K";
const PACKAGE: &str = "a package";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_looked_for_when_asked_and_refused_under_a_foreign_signature() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let page = Page::open().await;
    let configuration = json!({
        "pubkey": TRUSTED,
        "endpoints": [format!("{}/latest.json", page.address)],
        "dangerousInsecureTransportProtocol": true,
        "requireSignedVersion": true,
    });
    let updates = (
        "PLIMSOLL_TEST_UPDATES".to_owned(),
        configuration.to_string().into(),
    );
    let window = desk.open_with(&[updates]).await;
    window.click(Role::Link, "Settings").await;
    window.click(Role::Tab, "Updates").await;
    window.find(Role::Button, "Look for a new version").await;
    assert_eq!(page.asked(), 0, "nobody had asked");

    window.press("Look for a new version").await;
    window.sees("This is the newest version.").await;

    page.publish("9.9.9");
    window.press("Look for a new version").await;
    window.sees("Plimsoll 9.9.9").await;
    window.sees("Everything is better.").await;
    window.press("Install and restart").await;
    window
        .sees("not signed with the key that this Plimsoll trusts")
        .await;

    drop(page);
    window.press("Look for a new version").await;
    window
        .sees("Where new versions are published did not answer")
        .await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

/// Where new versions are published.
struct Page {
    address: String,
    shared: Arc<Mutex<Shared>>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    asked: usize,
    version: Option<String>,
}

impl Page {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared::default()));
        let serving = tokio::spawn(serve(listener, address.clone(), shared.clone()));
        Self {
            address,
            shared,
            serving,
        }
    }

    fn publish(&self, version: &str) {
        self.shared.lock().unwrap().version = Some(version.to_owned());
    }

    fn asked(&self) -> usize {
        self.shared.lock().unwrap().asked
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, address: String, shared: Arc<Mutex<Shared>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut lines = BufReader::new(&mut stream).lines();
        let asked = lines.next_line().await.unwrap().unwrap_or_default();
        while lines
            .next_line()
            .await
            .unwrap()
            .is_some_and(|line| !line.is_empty())
        {}
        let version = {
            let mut shared = shared.lock().unwrap();
            shared.asked += 1;
            shared.version.clone()
        };
        let (status, body) = match version {
            _ if asked.starts_with("GET /package ") => ("200 OK", PACKAGE.to_owned()),
            None => ("204 No Content", String::new()),
            Some(version) => ("200 OK", news(&address, &version)),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// `latest.json` as `cargo xtask latest` writes it.
fn news(address: &str, version: &str) -> String {
    let platform = json!({ "url": format!("{address}/package"), "signature": FOREIGN });
    let system = format!("linux-{}", std::env::consts::ARCH);
    json!({
        "version": version,
        "notes": "Everything is better.",
        "pub_date": "2026-11-20T09:00:00Z",
        "platforms": { system: platform },
    })
    .to_string()
}
