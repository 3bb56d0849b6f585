//! The seam between the API and the resolver: what one accepts the other understands.

use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use plimsoll_lab::dns::{Directory, Listeners, Settings, serve};
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::driver::Lab;

/// The answers of the lab's resolver, as text, to a question about the zones as last published.
async fn resolve(lab: &Lab, name: &str, kind: &str) -> Vec<String> {
    let settings = Settings {
        edge_ipv4: Some([203, 0, 113, 77].into()),
        ..Settings::default()
    };
    let zones = lab.ground.land(|land| land.zones.clone());
    let (_keep, directory) = watch::channel(Arc::new(Directory::new(settings, &zones)));
    let listeners = Listeners::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let resolver = listeners.local_addr();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listeners, directory, stop.clone()));

    let mut question = Message::new(7, MessageType::Query, OpCode::Query);
    let kind: RecordType = kind.parse().unwrap();
    question.add_query(Query::query(
        Name::from_ascii(format!("{name}.")).unwrap(),
        kind,
    ));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket
        .send_to(&question.to_vec().unwrap(), resolver)
        .await
        .unwrap();
    let mut buffer = vec![0; 65_535];
    let (length, _) = socket.recv_from(&mut buffer).await.unwrap();
    let answer = Message::from_vec(&buffer[..length]).unwrap();
    stop.cancel();
    serving.await.unwrap();
    answer
        .answers
        .iter()
        .map(|record| record.data.to_string())
        .collect()
}

#[tokio::test]
async fn every_kind_of_record_that_the_api_accepts_resolves() {
    let lab = Lab::new().await;
    let check = async |body: Value, name: &str, expected: &str| {
        let kind = body["type"].as_str().unwrap().to_owned();
        let path = format!("/zones/{}/dns_records", lab.zone().await);
        let token = lab.state.credentials().cloudflare_token.clone();
        let path = format!("/client/v4{path}");
        let made = lab
            .try_call(&token, "POST", &path, Some(&body))
            .await
            .unwrap();
        made.expect(200);
        let answers = resolve(&lab, name, &kind).await;
        assert_eq!(answers, [expected], "{body}");
    };
    check(
        json!({"type": "A", "name": "www", "content": "198.51.100.7"}),
        "www.plimsoll.test",
        "198.51.100.7",
    )
    .await;
    check(
        json!({"type": "A", "name": "shop", "content": "198.51.100.7", "proxied": true}),
        "shop.plimsoll.test",
        "203.0.113.77",
    )
    .await;
    check(
        json!({"type": "AAAA", "name": "*.apps", "content": "2001:DB8:0::1"}),
        "any.apps.plimsoll.test",
        "2001:db8::1",
    )
    .await;
    check(
        json!({"type": "CNAME", "name": "blog", "content": "Elsewhere.example.com."}),
        "blog.plimsoll.test",
        "elsewhere.example.com.",
    )
    .await;
    check(
        json!({"type": "MX", "name": "@", "content": "mail.plimsoll.test", "priority": 10}),
        "plimsoll.test",
        "10 mail.plimsoll.test.",
    )
    .await;
    check(
        json!({"type": "TXT", "name": "@", "content": "\"v=spf1 -all\""}),
        "plimsoll.test",
        "v=spf1 -all",
    )
    .await;
    check(
        json!({"type": "NS", "name": "sub", "content": "ns1.example.com"}),
        "sub.plimsoll.test",
        "ns1.example.com.",
    )
    .await;
    check(
        json!({"type": "PTR", "name": "7", "content": "www.plimsoll.test"}),
        "7.plimsoll.test",
        "www.plimsoll.test.",
    )
    .await;
    check(
        json!({"type": "SRV", "name": "_sip._tcp", "data": {"priority": 1, "weight": 2,
            "port": 5060, "target": "sip.plimsoll.test"}}),
        "_sip._tcp.plimsoll.test",
        "1 2 5060 sip.plimsoll.test.",
    )
    .await;
    check(
        json!({"type": "CAA", "name": "@", "data": {"flags": 0, "tag": "issue",
            "value": "letsencrypt.org"}}),
        "plimsoll.test",
        "0 issue \"letsencrypt.org\"",
    )
    .await;
    check(
        json!({"type": "HTTPS", "name": "h", "data": {"priority": 1, "target": ".",
            "value": "alpn=\"h2\""}}),
        "h.plimsoll.test",
        // The comma is how the decoder prints a list.
        "1 . alpn=h2,",
    )
    .await;
}
