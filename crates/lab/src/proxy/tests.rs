use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::serve;
use crate::dns::{Directory, Settings};
use crate::ground::{PublishedRecord, PublishedZone, SslMode};

/// A proxy that reaches 127.0.0.1 only, and a web server there and at 127.0.0.2.
async fn start() -> (SocketAddr, u16, DropGuard) {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = first.local_addr().unwrap().port();
    let second = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    for listener in [first, second] {
        let router = Router::new().route("/", get(async || "hello"));
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    let record = |name: &str, content: &str| PublishedRecord {
        name: name.to_owned(),
        kind: "A".to_owned(),
        content: content.to_owned(),
        ttl: 60,
        proxied: false,
    };
    let zone = PublishedZone {
        name: "example.com".to_owned(),
        ssl: SslMode::Full,
        always_use_https: false,
        records: vec![
            record("in.example.com", "127.0.0.1"),
            record("out.example.com", "127.0.0.2"),
        ],
    };
    let (_, directory) = watch::channel(Arc::new(Directory::new(Settings::default(), &[zone])));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let guard = shutdown.clone().drop_guard();
    tokio::spawn(serve(
        listener,
        vec!["127.0.0.1/32".parse().unwrap()],
        directory,
        shutdown,
    ));
    (address, port, guard)
}

async fn fetch(proxy: &str, url: String) -> reqwest::Result<String> {
    let proxy = reqwest::Proxy::all(proxy)?;
    reqwest::Client::builder()
        .proxy(proxy)
        .build()?
        .get(url)
        .send()
        .await?
        .text()
        .await
}

// On Docker Desktop this is the only way from the app to a droplet.
#[tokio::test]
async fn a_client_reaches_the_labs_network_by_address_and_by_name() {
    let (proxy, port, _guard) = start().await;
    let (plain, with_names) = (format!("socks5://{proxy}"), format!("socks5h://{proxy}"));
    let by_address = fetch(&plain, format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(by_address.unwrap(), "hello");
    let by_name = fetch(&with_names, format!("http://in.example.com:{port}/")).await;
    assert_eq!(by_name.unwrap(), "hello");
}

// The proxy listens on the user's own machine: it must not be a way to anything but the lab.
#[tokio::test]
async fn addresses_outside_the_labs_network_are_refused_in_every_spelling() {
    let (proxy, port, _guard) = start().await;
    let [high, low] = port.to_be_bytes();
    let name = b"out.example.com";
    let length = u8::try_from(name.len()).unwrap();
    let mapped = [vec![4], vec![0; 10], vec![0xff, 0xff, 127, 0, 0, 2]].concat();
    let spellings = [
        vec![1, 127, 0, 0, 2],
        mapped,
        [vec![3, length], name.to_vec()].concat(),
        [vec![3, 9], b"127.0.0.2".to_vec()].concat(),
        vec![1, 169, 254, 169, 254],
    ];
    for spelling in spellings {
        let answer = ask(
            proxy,
            &[vec![5, 1, 0], spelling.clone(), vec![high, low]].concat(),
        )
        .await;
        assert_eq!(answer[..2], [5, 2], "{spelling:?}");
    }
}

#[tokio::test]
async fn what_the_proxy_cannot_do_it_says() {
    let (proxy, _, _guard) = start().await;
    let unused = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let [high, low] = unused.to_be_bytes();
    assert_eq!(
        ask(proxy, &[5, 1, 0, 1, 127, 0, 0, 1, high, low]).await[1],
        5,
        "a closed port"
    );
    let bind = ask(proxy, &[5, 2, 0, 1, 127, 0, 0, 1, 0, 80]).await;
    assert_eq!(bind[1], 7, "listening for others");
    assert_eq!(
        ask(proxy, &[5, 1, 0, 9]).await[1],
        8,
        "an unknown kind of address"
    );
    let unknown = [vec![5, 1, 0, 3, 7], b"nowhere".to_vec(), vec![0, 80]].concat();
    assert_eq!(
        ask(proxy, &unknown).await[1],
        4,
        "a name that does not resolve"
    );
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    stream.write_all(&[5, 1, 2]).await.unwrap();
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [5, 0xff], "a client that offers only a password");
}

async fn ask(proxy: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    stream.write_all(&[5, 1, 0]).await.unwrap();
    let mut method = [0; 2];
    stream.read_exact(&mut method).await.unwrap();
    assert_eq!(method, [5, 0]);
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}
