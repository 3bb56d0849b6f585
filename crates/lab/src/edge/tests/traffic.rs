//! Bodies, upgrades and connections: what a visitor sends arrives, once.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body as AxumBody, Bytes};
use axum::routing::{get, post};
use futures::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::*;

/// A body whose pieces a test sends one by one.
fn channel_body() -> (
    mpsc::UnboundedSender<Bytes>,
    impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let stream = futures::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|piece| (Ok(piece), receiver))
    });
    (sender, stream)
}

// Server-sent events and progress bars die when a proxy collects the answer first.
#[tokio::test]
async fn an_answer_is_passed_on_piece_by_piece() {
    let (pieces, body) = channel_body();
    let body = Arc::new(std::sync::Mutex::new(Some(body)));
    let events = get(async move || AxumBody::from_stream(body.lock().unwrap().take().unwrap()));
    let port = plain_origin(Router::new().route("/events", events)).await;
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    pieces.send(Bytes::from_static(b"one")).unwrap();
    let client = stage.browser().build().unwrap();
    let mut response = client.get(stage.url(SHOP, "/events")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one");
    pieces.send(Bytes::from_static(b"two")).unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "two");
    drop(pieces);
    assert!(response.bytes().await.unwrap().is_empty());
}

// An upload that the proxy collects first needs its size in memory, and one that it cuts is lost.
#[tokio::test]
async fn an_upload_is_passed_on_while_it_comes_and_arrives_whole() {
    let (seen, mut sizes) = mpsc::unbounded_channel();
    let upload = post(async move |body: AxumBody| {
        let mut pieces = body.into_data_stream();
        let mut total = 0;
        while let Some(piece) = pieces.next().await {
            total += piece.unwrap().len();
            seen.send(total).unwrap();
        }
        total.to_string()
    });
    let port = plain_origin(Router::new().route("/upload", upload)).await;
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    let client = stage.browser().build().unwrap();
    for only_one in [false, true] {
        let client = if only_one {
            stage.browser().http1_only().build().unwrap()
        } else {
            client.clone()
        };
        let (pieces, body) = channel_body();
        pieces.send(Bytes::from(vec![1; 1000])).unwrap();
        let request = client.post(stage.url(SHOP, "/upload"));
        let sending = tokio::spawn(request.body(reqwest::Body::wrap_stream(body)).send());
        assert_eq!(sizes.recv().await, Some(1000));
        for _ in 0..256 {
            pieces.send(Bytes::from(vec![2; 64 * 1024])).unwrap();
        }
        drop(pieces);
        let answer = sending.await.unwrap().unwrap().text().await.unwrap();
        assert_eq!(answer, (1000 + 256 * 64 * 1024).to_string());
        while sizes.try_recv().is_ok() {}
    }
}

// A long upload over a slow line is not an origin that does not answer.
#[tokio::test]
async fn an_upload_may_take_longer_than_an_answer_may() {
    let upload = post(async |body: Bytes| body.len().to_string());
    let port = plain_origin(Router::new().route("/", upload)).await;
    let settings = EdgeSettings {
        answer: Duration::from_millis(300),
        ..towards(port)
    };
    let stage = Stage::start(zone(SslMode::Flexible), settings, &[]).await;
    let (pieces, body) = channel_body();
    let client = stage.browser().build().unwrap();
    let request = client
        .post(stage.url(SHOP, "/"))
        .body(reqwest::Body::wrap_stream(body));
    let sending = tokio::spawn(request.send());
    for _ in 0..8 {
        pieces.send(Bytes::from_static(b"piece")).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(pieces);
    let response = sending.await.unwrap().unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.text().await.unwrap().as_str()
        ),
        (200, "40")
    );
}

#[tokio::test]
async fn answers_without_a_body_keep_their_heads() {
    let page = get(async || "twelve bytes");
    let nothing = get(async || axum::http::StatusCode::NO_CONTENT);
    let routes = Router::new()
        .route("/page", page)
        .route("/nothing", nothing);
    let port = plain_origin(routes).await;
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    for client in [stage.browser(), stage.browser().http1_only()] {
        let client = client.build().unwrap();
        for _ in 0..2 {
            let head = client.head(stage.url(SHOP, "/page")).send().await.unwrap();
            assert_eq!(head.headers()["content-length"], "12");
            let nothing = client
                .get(stage.url(SHOP, "/nothing"))
                .send()
                .await
                .unwrap();
            assert_eq!(nothing.status(), 204);
            let page = client.get(stage.url(SHOP, "/page")).send().await.unwrap();
            assert_eq!(page.text().await.unwrap(), "twelve bytes");
        }
    }
}

#[tokio::test]
async fn a_websocket_passes_through_tls_in_both_directions() {
    let listener = TcpListener::bind((ORIGIN, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.send(Message::text("welcome")).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
            socket.send(message).await.unwrap();
        }
    });
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(roots_of(&[&stage.public]).remove(0)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(stage.https).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from(SHOP).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    let stream = connector.connect(name, stream).await.unwrap();
    let url = format!("wss://{SHOP}/live");
    let (mut socket, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(answer.status(), 101);
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("welcome")
    );
    for size in [1, 1_000, 300_000] {
        let message = Message::binary(vec![7; size]);
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

/// Answers the first request of each connection, and closes it without a word when the next one
/// arrives: what a server does whose idle time ends at that moment.
async fn hasty_origin(served: Arc<AtomicUsize>, dropped: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind((ORIGIN, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (served, dropped) = (served.clone(), dropped.clone());
            tokio::spawn(async move {
                if !read_request(&mut stream).await {
                    return;
                }
                served.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(answer).await.unwrap();
                if stream.read(&mut [0; 1]).await.is_ok_and(|count| count > 0) {
                    dropped.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    port
}

/// Reads a head and, as the only bodies here are "x", one byte after it where it announces one.
async fn read_request(stream: &mut tokio::net::TcpStream) -> bool {
    let mut seen = Vec::new();
    loop {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => seen.extend_from_slice(&piece[..count]),
            _ => return false,
        }
        let text = String::from_utf8_lossy(&seen).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && (!head.contains("content-length: 1") || body == "x")
        {
            return true;
        }
    }
}

// Behind the edge a release is switched; a request that falls into the moment in which the old
// server hangs up must be answered all the same.
#[tokio::test]
async fn a_connection_that_the_origin_drops_costs_no_request() {
    let (served, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let port = hasty_origin(served.clone(), dropped.clone()).await;
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    let client = stage.browser().build().unwrap();
    for _ in 0..200 {
        let response = client.get(stage.url(SHOP, "/")).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.text().await.unwrap()),
            (200, "ok".into())
        );
    }
    assert!(
        dropped.load(Ordering::SeqCst) > 100,
        "kept connections were not used"
    );
    let before = dropped.load(Ordering::SeqCst);
    served.store(0, Ordering::SeqCst);
    for _ in 0..200 {
        let response = client
            .post(stage.url(SHOP, "/"))
            .body("x")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
    }
    // An order that is sent twice is paid twice: each arrived once, on a connection of its own.
    assert_eq!(served.load(Ordering::SeqCst), 200);
    assert_eq!(dropped.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_post_that_may_have_arrived_is_never_sent_again() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind((ORIGIN, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = arrived.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if read_request(&mut stream).await {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    let client = stage.browser().build().unwrap();
    let response = client
        .post(stage.url(SHOP, "/order"))
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 520);
    assert_eq!(arrived.load(Ordering::SeqCst), 1);
}

// Moving a name to another server is the switch as Cloudflare's customers do it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_a_name_to_another_server_under_load_loses_nothing() {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = first.local_addr().unwrap().port();
    let second = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    for (listener, name) in [(first, "first"), (second, "second")] {
        let router = Router::new().route("/", get(async move || name).post(async move || name));
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    let stage = Arc::new(Stage::start(zone(SslMode::Flexible), towards(port), &[]).await);
    let ended = CancellationToken::new();
    let visitors: Vec<_> = (0..8)
        .map(|number| {
            let (stage, ended) = (stage.clone(), ended.clone());
            tokio::spawn(async move {
                let client = stage.browser().retry(reqwest::retry::never());
                let client = if number % 2 == 0 {
                    client
                } else {
                    client.http1_only()
                };
                let client = client.build().unwrap();
                let (mut count, mut last) = (0, String::new());
                while !ended.is_cancelled() {
                    let url = stage.url(SHOP, "/");
                    let request = if count % 3 == 0 {
                        client.post(url).body("x")
                    } else {
                        client.get(url)
                    };
                    let response = request.send().await.unwrap();
                    assert_eq!(response.status(), 200);
                    last = response.text().await.unwrap();
                    count += 1;
                }
                (count, last)
            })
        })
        .collect();
    for turn in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut moved = zone(SslMode::Flexible);
        moved.records[1].content = if turn % 2 == 0 {
            "127.0.0.2"
        } else {
            "127.0.0.1"
        }
        .to_owned();
        stage.publish.send_replace(directory(moved));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    ended.cancel();
    let mut total = 0;
    for visitor in visitors {
        let (count, last) = visitor.await.unwrap();
        assert_eq!(last, "first");
        total += count;
    }
    assert!(total > 200, "only {total} requests were made");
}

#[tokio::test]
async fn stopping_the_edge_lets_a_running_request_end() {
    let slow = get(async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "late but whole"
    });
    let port = plain_origin(Router::new().route("/", slow)).await;
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    let client = stage.browser().build().unwrap();
    let running = tokio::spawn(client.get(stage.url(SHOP, "/")).send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    stage.shutdown.cancel();
    let response = running.await.unwrap().unwrap();
    assert_eq!(response.text().await.unwrap(), "late but whole");
    tokio::time::timeout(Duration::from_secs(5), stage.served)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn cookies_split_by_http2_reach_the_origin_as_one() {
    let port = plain_origin(mirror()).await;
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    let client = stage.browser().build().unwrap();
    let mut request = client.get(stage.url(SHOP, "/")).build().unwrap();
    for cookie in ["a=1", "b=2"] {
        request
            .headers_mut()
            .append("cookie", cookie.parse().unwrap());
    }
    let response = client.execute(request).await.unwrap();
    let seen = AxumBody::from(response.bytes().await.unwrap())
        .collect()
        .await
        .unwrap()
        .to_bytes();
    assert!(String::from_utf8_lossy(&seen).contains("cookie: a=1; b=2\n"));
}
