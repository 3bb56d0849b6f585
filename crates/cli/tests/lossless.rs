//! Not one request fails across a deployment, a rollback and a configuration change, for a client
//! that keeps its connection and never retries.

#![allow(clippy::unwrap_used)]

mod support;

use plimsoll_lab::practice;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName, pki_types::pem::PemObject};
use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use support::{Desk, Live};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A client of one server, past Cloudflare: nothing in between may hide a lost request.
#[derive(Clone)]
struct Strict {
    address: String,
    host: String,
    tls: TlsConnector,
}

impl Strict {
    async fn new(practice: &Path, address: String, host: String) -> Self {
        let running = practice::status(practice)
            .await
            .unwrap()
            .expect("the practice cloud runs");
        let answer = running.control("GET", "/origin-ca", None).await.unwrap();
        let pem = answer["certificate"]
            .as_str()
            .expect("the Origin CA's certificate");
        let mut roots = RootCertStore::empty();
        roots
            .add(rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            address,
            host,
            tls: TlsConnector::from(Arc::new(config)),
        }
    }

    async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((self.address.as_str(), 443)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(self.host.clone()).unwrap();
        self.tls.connect(name, stream).await
    }

    /// One request on a kept connection. Answers whether the server said that it will close.
    async fn ask(&self, stream: &mut TlsStream<TcpStream>, post: bool) -> Result<bool, String> {
        let body = if post { "ping" } else { "" };
        let method = if post { "POST" } else { "GET" };
        let request = format!(
            "{method} /load HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        stream
            .write_all(request.as_bytes())
            .await
            .map_err(|error| format!("write: {error}"))?;
        let mut answer = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            let count = stream
                .read(&mut chunk)
                .await
                .map_err(|error| format!("read: {error}"))?;
            if count == 0 {
                return Err(format!("closed after {} bytes", answer.len()));
            }
            answer.extend_from_slice(&chunk[..count]);
            let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
            if !head.starts_with("http/1.1 200") {
                return Err(head.lines().next().unwrap_or_default().to_owned());
            }
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|length| length.trim().parse().ok())
                .ok_or("no length")?;
            if answer.len() >= end + 4 + length {
                return Ok(head.contains("connection: close"));
            }
        }
    }
}

#[derive(Default)]
struct Load {
    stop: AtomicBool,
    answered: AtomicU64,
    lost: Mutex<Vec<String>>,
}

async fn keep_asking(strict: Strict, load: Arc<Load>, think: Duration, post: bool) {
    let mut stream = strict.connect().await.unwrap();
    while !load.stop.load(Ordering::Relaxed) {
        match strict.ask(&mut stream, post).await {
            Ok(closes) => {
                load.answered.fetch_add(1, Ordering::Relaxed);
                if closes {
                    stream = strict.connect().await.unwrap();
                }
            }
            Err(why) => {
                load.lost.lock().unwrap().push(why);
                stream = strict.connect().await.unwrap();
            }
        }
        sleep(think).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_across_deploy_rollback_and_reconfigure() {
    let desk = Desk::new("load");
    let app = desk.folder().join("app");
    fs::create_dir_all(&app).unwrap();
    let source = include_str!("support/probe.py");
    fs::write(app.join("app.py"), source).unwrap();
    let Live { server, web, host } = desk.live("load", &app, &[]);

    let strict = Strict::new(desk.practice(), desk.address(&server), host.clone()).await;
    let load = Arc::new(Load::default());
    let mut clients = Vec::new();
    for number in 0..6u64 {
        let think = Duration::from_millis(number * 5);
        clients.push(tokio::spawn(keep_asking(
            strict.clone(),
            load.clone(),
            think,
            number % 2 == 1,
        )));
    }
    // A WebSocket that was open before goes on through every switch.
    let mut socket = strict.connect().await.unwrap();
    let upgrade = format!(
        "GET /echo HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    socket.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = [0; 1024];
    let count = socket.read(&mut head).await.unwrap();
    assert!(String::from_utf8_lossy(&head[..count]).starts_with("HTTP/1.1 101"));

    let desk = tokio::task::spawn_blocking(move || {
        for round in 0..2 {
            fs::write(app.join("app.py"), format!("{source}\n# release {round}\n")).unwrap();
            desk.ok(&["deploy", &web, "--yes"]);
            desk.ok(&["rollback", &web, "--yes"]);
            desk.ok(&["variable", "set", &web, "ROUND", &round.to_string()]);
            desk.ok(&["reconfigure", &web, "--yes"]);
        }
        desk
    })
    .await
    .unwrap();
    socket.write_all(b"still here").await.unwrap();
    let mut echo = [0; 10];
    tokio::time::timeout(Duration::from_secs(5), socket.read_exact(&mut echo))
        .await
        .expect("the WebSocket is silent")
        .expect("the WebSocket was cut");
    assert_eq!(&echo, b"still here");

    load.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let lost = load.lost.lock().unwrap().clone();
    let answered = load.answered.load(Ordering::Relaxed);
    assert!(
        lost.is_empty(),
        "{} of {answered} requests were lost: {:?}",
        lost.len(),
        &lost[..lost.len().min(10)]
    );
    assert!(
        answered > 500,
        "only {answered} requests were answered: that proves nothing"
    );
    tokio::task::spawn_blocking(move || desk.destroy(&server))
        .await
        .unwrap();
}
