//! What a visitor sees when the origin does not answer: the code tells the owner where to look.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::*;

async fn status(mode: SslMode, port: u16, host: &str) -> u16 {
    let stage = Stage::start(zone(mode), towards(port), &[]).await;
    let response = stage.get(host).await.unwrap();
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("cf-ray"));
    let page = response.text().await.unwrap();
    assert!(page.contains("Ray ID") && page.contains(host), "{page}");
    status
}

/// An origin that does one thing with every connection.
async fn raw_origin<F>(act: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((ORIGIN, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(act(stream));
        }
    });
    port
}

#[tokio::test]
async fn a_closed_port_is_521() {
    let unused = TcpListener::bind((ORIGIN, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    assert_eq!(status(SslMode::Flexible, unused, SHOP).await, 521);
    assert_eq!(status(SslMode::Strict, unused, SHOP).await, 521);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_takes_no_connection_is_522() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((ORIGIN, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // A full queue of connections that nobody accepts drops the next ones, as a firewall does.
    let mut queued = Vec::new();
    for _ in 0..8 {
        let connecting = tokio::net::TcpStream::connect(address);
        queued.push(tokio::time::timeout(Duration::from_millis(50), connecting).await);
    }
    assert_eq!(status(SslMode::Flexible, address.port(), SHOP).await, 522);
}

#[tokio::test]
async fn a_server_that_hangs_up_or_speaks_no_http_is_520() {
    let silent = raw_origin(async |mut stream| {
        let read = stream.read(&mut [0; 4096]).await;
        assert!(read.is_ok());
    });
    assert_eq!(status(SslMode::Flexible, silent.await, SHOP).await, 520);
    let odd = raw_origin(async |mut stream| {
        let read = stream.read(&mut [0; 4096]).await;
        assert!(read.is_ok());
        stream
            .write_all(b"220 mail.example.com ESMTP\r\n")
            .await
            .unwrap();
    });
    assert_eq!(status(SslMode::Flexible, odd.await, SHOP).await, 520);
}

#[tokio::test]
async fn a_server_that_takes_the_request_and_never_answers_is_524() {
    let port = raw_origin(async |mut stream| {
        while stream
            .read(&mut [0; 4096])
            .await
            .is_ok_and(|count| count > 0)
        {}
    });
    assert_eq!(status(SslMode::Flexible, port.await, SHOP).await, 524);
}

#[tokio::test]
async fn a_plain_server_on_the_tls_port_is_525() {
    let port = plain_origin(mirror()).await;
    assert_eq!(status(SslMode::Full, port, SHOP).await, 525);
    assert_eq!(status(SslMode::Strict, port, SHOP).await, 525);
}

#[tokio::test]
async fn names_without_a_way_to_a_server_are_told_apart() {
    let port = plain_origin(mirror()).await;
    assert_eq!(
        status(SslMode::Flexible, port, "gone.example.com").await,
        530
    );
    assert_eq!(
        status(SslMode::Flexible, port, "self.example.com").await,
        403
    );
    // Not proxied, and not there at all: neither passes through the edge.
    assert_eq!(
        status(SslMode::Flexible, port, "grey.example.com").await,
        409
    );
    assert_eq!(
        status(SslMode::Flexible, port, "other.example.com").await,
        409
    );
}

#[tokio::test]
async fn a_second_address_serves_when_the_first_refuses() {
    let port = plain_origin(mirror()).await;
    let mut zone = zone(SslMode::Flexible);
    zone.records.push(proxied(SHOP, "127.0.0.3"));
    let stage = Stage::start(zone, towards(port), &[]).await;
    let client = stage.browser().build().unwrap();
    for _ in 0..6 {
        let post = client
            .post(stage.url(SHOP, "/"))
            .body("x")
            .send()
            .await
            .unwrap();
        assert_eq!(post.status(), 200);
    }
}
