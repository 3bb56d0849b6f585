//! Names as their users see them: a real resolver, real TLS, on the loopback interface.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod support;

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, CNAME},
    },
};
use plimsoll_adapters::outside::Visitor;
use plimsoll_domain::{dns::HostName, server::Endpoint};
use plimsoll_engine::ports::Outside;
use support::tls;
use tokio::net::{TcpListener, UdpSocket};

/// Answers for a few names; `big.shop.test` only over TCP.
async fn resolver() -> String {
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 512];
        while let Ok((count, from)) = udp.recv_from(&mut buffer).await {
            let mut answer = answer(&buffer[..count]);
            if answer.queries[0].name().to_ascii() == "big.shop.test." {
                answer.answers.clear();
                answer.metadata.truncation = true;
            }
            // Somebody else's answer comes first, and must be passed over.
            let mut forged = answer.clone();
            forged.metadata.id ^= 1;
            udp.send_to(&forged.to_vec().unwrap(), from).await.unwrap();
            udp.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = tcp.accept().await {
            let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut question).await.unwrap();
            let answer = answer(&question).to_vec().unwrap();
            stream
                .write_u16(u16::try_from(answer.len()).unwrap())
                .await
                .unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    address.to_string()
}

fn answer(question: &[u8]) -> Message {
    let question = Message::from_vec(question).unwrap();
    let query = question.queries[0].clone();
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.add_query(query.clone());
    let name = query.name().clone();
    let a = |name: &Name| Record::from_rdata(name.clone(), 1, RData::A(A::new(127, 0, 0, 1)));
    let other = |text: &str| Name::from_ascii(text).unwrap();
    let alias = |from: &Name, to: &Name| {
        Record::from_rdata(from.clone(), 1, RData::CNAME(CNAME(to.clone())))
    };
    if query.query_type() == RecordType::A {
        match name.to_ascii().as_str() {
            "shop.test." | "big.shop.test." => answer.answers.push(a(&name)),
            "alias.shop.test." => {
                // What it leads to stands before it.
                answer.answers.push(a(&other("shop.test.")));
                answer.answers.push(alias(&name, &other("shop.test.")));
            }
            "lone.shop.test." => answer.answers.push(alias(&name, &other("shop.test."))),
            "loop.shop.test." => answer.answers.push(alias(&name, &other("pool.shop.test."))),
            "pool.shop.test." => answer.answers.push(alias(&name, &other("loop.shop.test."))),
            "ill.shop.test." => answer.metadata.response_code = ResponseCode::ServFail,
            _ => answer.metadata.response_code = ResponseCode::NXDomain,
        }
    }
    answer
}

/// A small site; answers its port and its authority's certificate.
async fn site() -> (u16, String) {
    let moved = async || {
        let location = [(header::LOCATION, "https://shop.test/")];
        (StatusCode::FOUND, location).into_response()
    };
    let router = Router::new()
        .route("/", get(async || "x".repeat(10_000)))
        .route("/moved", get(moved));
    tls::serve(router, "shop.test").await
}

async fn endpoint() -> (u16, Endpoint) {
    let (port, ca_pem) = site().await;
    let resolver = Some(resolver().await);
    (
        port,
        Endpoint {
            ca_pem: Some(ca_pem),
            resolver,
            ..Endpoint::default()
        },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn names_resolve_as_the_given_resolver_says() {
    let endpoint = Endpoint {
        resolver: Some(resolver().await),
        ..Endpoint::default()
    };
    let resolve = async |name: &str| {
        Visitor
            .resolve(&endpoint, &HostName::parse(name).unwrap())
            .await
    };
    for name in [
        "shop.test",
        "alias.shop.test",
        "lone.shop.test",
        "big.shop.test",
    ] {
        assert_eq!(resolve(name).await.unwrap(), ["127.0.0.1"], "{name}");
    }
    assert!(resolve("gone.shop.test").await.unwrap().is_empty());
    for name in ["ill.shop.test", "loop.shop.test"] {
        assert_eq!(
            resolve(name).await.unwrap_err().code(),
            "outside_dns",
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_seen_over_http2_with_its_certificate_verified() {
    let (port, endpoint) = endpoint().await;
    let seen = Visitor
        .get(&endpoint, &format!("https://shop.test:{port}/"))
        .await
        .unwrap();
    assert_eq!((seen.status, seen.version.as_str()), (200, "HTTP/2"));
    assert_eq!(seen.body, "x".repeat(4096));
    assert_eq!(seen.addresses, ["127.0.0.1"]);
    let moved = Visitor
        .get(&endpoint, &format!("https://shop.test:{port}/moved"))
        .await
        .unwrap();
    assert_eq!(
        (moved.status, moved.location.as_deref()),
        (302, Some("https://shop.test/"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_from_outside_is_told_apart() {
    let (port, endpoint) = endpoint().await;
    let look = async |endpoint: &Endpoint, url: String| {
        Visitor
            .get(endpoint, &url)
            .await
            .unwrap_err()
            .code()
            .to_owned()
    };
    let own = Endpoint {
        ca_pem: None,
        ..endpoint.clone()
    };
    assert_eq!(
        look(&own, format!("https://shop.test:{port}/")).await,
        "outside_certificate"
    );
    let other = format!("https://alias.shop.test:{port}/");
    assert_eq!(look(&endpoint, other).await, "outside_certificate");
    assert_eq!(
        look(&endpoint, "https://gone.shop.test/".into()).await,
        "outside_dns"
    );
    let closed = support::free_port();
    let url = format!("http://shop.test:{closed}/");
    assert_eq!(look(&endpoint, url).await, "outside_unreachable");
    for url in ["ftp://shop.test/", "not a url", ""] {
        assert_eq!(look(&endpoint, url.into()).await, "outside_url");
    }
}
