use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Directory, Listeners, Settings, serve};
use crate::ground::{PublishedRecord, PublishedZone, SslMode};

fn record(name: &str, kind: &str, content: &str) -> PublishedRecord {
    PublishedRecord {
        name: name.to_owned(),
        kind: kind.to_owned(),
        content: content.to_owned(),
        ttl: 120,
        proxied: false,
    }
}

fn proxied(name: &str, kind: &str, content: &str) -> PublishedRecord {
    PublishedRecord {
        proxied: true,
        ..record(name, kind, content)
    }
}

fn zone(name: &str, records: Vec<PublishedRecord>) -> PublishedZone {
    PublishedZone {
        name: name.to_owned(),
        ssl: SslMode::Strict,
        always_use_https: false,
        records,
    }
}

fn settings(upstreams: Vec<SocketAddr>) -> Settings {
    Settings {
        edge_ipv4: Some([203, 0, 113, 7].into()),
        edge_ipv6: None,
        name_servers: vec![
            "ada.ns.example.net".to_owned(),
            "bob.ns.example.net".to_owned(),
        ],
        upstreams,
    }
}

struct Resolver {
    address: SocketAddr,
    publish: watch::Sender<Arc<Directory>>,
    shutdown: CancellationToken,
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Resolver {
    async fn start(settings: Settings, zones: &[PublishedZone]) -> Self {
        let (publish, directory) = watch::channel(Arc::new(Directory::new(settings, zones)));
        let listeners = Listeners::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listeners.local_addr();
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(listeners, directory, shutdown.clone()));
        Self {
            address,
            publish,
            shutdown,
        }
    }

    async fn dig(&self, arguments: &[&str]) -> String {
        let output = tokio::process::Command::new("dig")
            .arg(format!("@{}", self.address.ip()))
            .args([
                "-p",
                &self.address.port().to_string(),
                "+tries=1",
                "+time=5",
            ])
            .args(arguments)
            .output()
            .await
            .expect("dig, of the package bind9-dnsutils");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn short(&self, name: &str, kind: &str) -> Vec<String> {
        let text = self.dig(&["+short", name, kind]).await;
        text.lines().map(str::to_owned).collect()
    }
}

fn example() -> Vec<PublishedZone> {
    let long = "k".repeat(300);
    vec![
        zone(
            "example.com",
            vec![
                record("example.com", "CNAME", "origin.example.org"),
                record("example.com", "MX", "20 mail.example.com"),
                record("example.com", "TXT", "\"v=spf1 -all\""),
                record("example.com", "CAA", "0 issue \"letsencrypt.org\""),
                record("www.example.com", "CNAME", "app.example.com"),
                record("app.example.com", "A", "192.0.2.10"),
                record("app.example.com", "A", "192.0.2.11"),
                record("app.example.com", "AAAA", "2001:db8::10"),
                proxied("shop.example.com", "A", "192.0.2.20"),
                proxied("cdn.example.com", "CNAME", "app.example.com"),
                record("*.dev.example.com", "A", "192.0.2.30"),
                record("fixed.dev.example.com", "TXT", "only text"),
                record("deep.under.tree.example.com", "A", "192.0.2.40"),
                record("dkim._domainkey.example.com", "TXT", &long),
                record("loop-a.example.com", "CNAME", "loop-b.example.com"),
                record("loop-b.example.com", "CNAME", "loop-a.example.com"),
                record("broken.example.com", "A", "not an address"),
                record("given.example.com", "NS", "ns1.elsewhere.example"),
            ],
        ),
        zone(
            "example.org",
            vec![record("origin.example.org", "A", "192.0.2.99")],
        ),
    ]
}

// Without this a domain set up through the API would not open anywhere.
#[tokio::test]
async fn a_published_address_resolves_with_its_time_to_live() {
    let resolver = Resolver::start(settings(vec![]), &example()).await;
    let mut found = resolver.short("app.example.com", "A").await;
    found.sort();
    assert_eq!(found, ["192.0.2.10", "192.0.2.11"]);
    assert_eq!(
        resolver.short("APP.Example.COM", "AAAA").await,
        ["2001:db8::10"]
    );
    let full = resolver.dig(&["app.example.com", "A"]).await;
    assert!(full.contains("app.example.com.\t120\tIN\tA"), "{full}");
    assert!(full.contains("flags: qr aa rd;"), "{full}");
}

// Without this a proxied name would lead past the edge, straight to an origin whose Origin CA
// certificate no browser trusts.
#[tokio::test]
async fn a_proxied_name_answers_the_edge_and_hides_its_origin() {
    let resolver = Resolver::start(settings(vec![]), &example()).await;
    assert_eq!(
        resolver.short("shop.example.com", "A").await,
        ["203.0.113.7"]
    );
    assert_eq!(
        resolver.short("cdn.example.com", "A").await,
        ["203.0.113.7"]
    );
    assert!(resolver.short("cdn.example.com", "CNAME").await.is_empty());
    let six = resolver.dig(&["shop.example.com", "AAAA"]).await;
    assert!(
        six.contains("status: NOERROR") && six.contains("SOA"),
        "{six}"
    );
}

// A resolver caches "no such name" for the whole name, "no such type" only for the type: mixing
// them up makes a working site disappear.
#[tokio::test]
async fn a_missing_name_and_a_missing_type_are_told_apart() {
    let resolver = Resolver::start(settings(vec![]), &example()).await;
    let missing_name = resolver.dig(&["nothing.example.com", "A"]).await;
    assert!(missing_name.contains("status: NXDOMAIN"), "{missing_name}");
    assert!(missing_name.contains("example.com.\t\t60\tIN\tSOA\tada.ns.example.net."));
    let missing_type = resolver.dig(&["app.example.com", "TXT"]).await;
    assert!(missing_type.contains("status: NOERROR"), "{missing_type}");
    assert!(missing_type.contains("ANSWER: 0") && missing_type.contains("SOA"));
    let between = resolver.dig(&["under.tree.example.com", "A"]).await;
    assert!(
        between.contains("status: NOERROR") && between.contains("ANSWER: 0"),
        "{between}"
    );
}

// Preview environments live under one wildcard record; a name of their own must win over it.
#[tokio::test]
async fn a_wildcard_covers_what_does_not_exist_and_nothing_else() {
    let resolver = Resolver::start(settings(vec![]), &example()).await;
    assert_eq!(
        resolver.short("any.dev.example.com", "A").await,
        ["192.0.2.30"]
    );
    assert_eq!(
        resolver.short("a.b.dev.example.com", "A").await,
        ["192.0.2.30"]
    );
    assert!(
        resolver
            .short("fixed.dev.example.com", "A")
            .await
            .is_empty()
    );
    assert!(
        resolver
            .short("below.fixed.dev.example.com", "A")
            .await
            .is_empty()
    );
    assert!(resolver.short("dev.example.com", "A").await.is_empty());
}

// An alias at the apex is how most people point a bare domain at a host; answered as an alias it
// would hide the mail exchangers.
#[tokio::test]
async fn an_alias_at_the_apex_is_flattened_and_leaves_mail_alone() {
    let resolver = Resolver::start(settings(vec![]), &example()).await;
    let apex = resolver.dig(&["example.com", "A"]).await;
    assert!(
        apex.contains("example.com.\t\t120\tIN\tA\t192.0.2.99"),
        "{apex}"
    );
    assert!(!apex.contains("CNAME"), "{apex}");
    assert_eq!(
        resolver.short("example.com", "MX").await,
        ["20 mail.example.com."]
    );
    assert_eq!(
        resolver.short("example.com", "TXT").await,
        ["\"v=spf1 -all\""]
    );
    assert_eq!(
        resolver.short("example.com", "CAA").await,
        ["0 issue \"letsencrypt.org\""]
    );
    let servers = resolver.short("example.com", "NS").await;
    assert_eq!(servers, ["ada.ns.example.net.", "bob.ns.example.net."]);
}

#[tokio::test]
async fn an_alias_is_followed_and_a_loop_of_aliases_ends() {
    let resolver = Resolver::start(settings(vec![]), &example()).await;
    let alias = resolver.short("www.example.com", "A").await;
    assert_eq!(alias, ["app.example.com.", "192.0.2.10", "192.0.2.11"]);
    let circle = resolver.dig(&["loop-a.example.com", "A"]).await;
    assert!(circle.contains("status: SERVFAIL"), "{circle}");
}

// A DKIM key is longer than one character string, and some answers are longer than a datagram:
// cut in the wrong place, mail is refused.
#[tokio::test]
async fn long_texts_are_cut_into_strings_and_long_answers_come_over_tcp() {
    let mut zones = example();
    for index in 0..60 {
        let text = format!("entry {index} {}", "x".repeat(60));
        zones[0]
            .records
            .push(record("many.example.com", "TXT", &text));
    }
    let resolver = Resolver::start(settings(vec![]), &zones).await;
    let key = resolver.short("dkim._domainkey.example.com", "TXT").await;
    assert_eq!(
        key,
        [format!("\"{}\" \"{}\"", "k".repeat(255), "k".repeat(45))]
    );
    let cut = resolver.dig(&["+ignore", "many.example.com", "TXT"]).await;
    assert!(cut.contains(" tc ") && cut.contains("ANSWER: 0"), "{cut}");
    assert_eq!(resolver.short("many.example.com", "TXT").await.len(), 60);
    let plain = resolver
        .dig(&["+noedns", "+ignore", "dkim._domainkey.example.com", "TXT"])
        .await;
    assert!(
        plain.contains("status: NOERROR") && !plain.contains("OPT"),
        "{plain}"
    );
}

#[tokio::test]
async fn unknown_edns_versions_and_zone_transfers_are_refused() {
    let resolver = Resolver::start(settings(vec![]), &example()).await;
    let future = resolver
        .dig(&["+edns=7", "+noednsnegotiation", "app.example.com", "A"])
        .await;
    assert!(future.contains("status: BADVERS"), "{future}");
    let transfer = resolver.dig(&["example.com", "AXFR"]).await;
    assert!(transfer.contains("Transfer failed"), "{transfer}");
    let handed = resolver.dig(&["a.given.example.com", "A"]).await;
    assert!(handed.contains("ns1.elsewhere.example.") && handed.contains("AUTHORITY: 1"));
}

// A droplet has one name server; without forwarding it could not install a package.
#[tokio::test]
async fn names_outside_the_zones_are_asked_upstream_over_both_transports() {
    let mut outside = zone(
        "outside.example",
        vec![record("www.outside.example", "A", "192.0.2.1")],
    );
    for index in 0..60 {
        let text = format!("entry {index} {}", "x".repeat(60));
        outside
            .records
            .push(record("many.outside.example", "TXT", &text));
    }
    let upstream = Resolver::start(settings(vec![]), &[outside]).await;
    let mut zones = example();
    zones[0]
        .records
        .push(record("out.example.com", "CNAME", "www.outside.example"));
    // The first resolver of the list is gone: the second one answers.
    let gone = std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let resolver = Resolver::start(settings(vec![gone, upstream.address]), &zones).await;
    assert_eq!(
        resolver.short("www.outside.example", "A").await,
        ["192.0.2.1"]
    );
    assert_eq!(
        resolver.short("many.outside.example", "TXT").await.len(),
        60
    );
    let through = resolver.short("out.example.com", "A").await;
    assert_eq!(through, ["www.outside.example.", "192.0.2.1"]);
    let unknown = resolver.dig(&["nowhere.outside.example", "A"]).await;
    assert!(
        unknown.contains("status: NXDOMAIN") && unknown.contains(" ra"),
        "{unknown}"
    );
    let closed = Resolver::start(settings(vec![]), &zones).await;
    let refused = closed.dig(&["www.outside.example", "A"]).await;
    assert!(refused.contains("status: REFUSED"), "{refused}");
}

// sshd and others ask for the name behind an address; a timeout there looks like a slow server.
#[tokio::test]
async fn reverse_names_of_private_addresses_are_answered_at_once() {
    let gone = std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let resolver = Resolver::start(settings(vec![gone]), &[]).await;
    let before = std::time::Instant::now();
    let answer = resolver.dig(&["-x", "10.1.2.3"]).await;
    assert!(answer.contains("status: NXDOMAIN"), "{answer}");
    assert!(before.elapsed() < std::time::Duration::from_secs(1));
}

// A record that was just set must be seen by the check that waits for it.
#[tokio::test]
async fn a_published_change_is_answered_by_the_next_question() {
    let resolver = Resolver::start(settings(vec![]), &example()).await;
    assert!(resolver.short("new.example.com", "A").await.is_empty());
    let mut zones = example();
    zones[0]
        .records
        .push(record("new.example.com", "A", "192.0.2.77"));
    resolver
        .publish
        .send_replace(Arc::new(Directory::new(settings(vec![]), &zones)));
    assert_eq!(resolver.short("new.example.com", "A").await, ["192.0.2.77"]);
}

#[tokio::test]
async fn the_edge_is_told_the_origin_behind_a_proxied_name_only() {
    let directory = Directory::new(settings(vec![]), &example());
    let shop = directory.origin("Shop.example.com.").await.unwrap();
    assert_eq!(
        (shop.zone.as_str(), shop.ssl),
        ("example.com", SslMode::Strict)
    );
    assert_eq!(shop.addresses, [std::net::IpAddr::from([192, 0, 2, 20])]);
    assert_eq!(
        directory
            .origin("cdn.example.com")
            .await
            .unwrap()
            .addresses
            .len(),
        3
    );
    assert_eq!(directory.origin("app.example.com").await, None);
    assert_eq!(directory.origin("example.net").await, None);
    assert_eq!(
        directory.zone_of("a.b.example.com"),
        Some(("example.com", SslMode::Strict))
    );
    assert_eq!(directory.addresses("www.example.com").await.len(), 3);
}

// An origin at another provider is named, not numbered; without a resolver for a moment the site
// must go on.
#[tokio::test]
async fn an_origin_outside_the_zones_is_found_and_remembered() {
    let outside = zone(
        "outside.example",
        vec![record("app.outside.example", "A", "192.0.2.5")],
    );
    let upstream = Resolver::start(settings(vec![]), &[outside]).await;
    let mut zones = example();
    zones[0]
        .records
        .push(proxied("far.example.com", "CNAME", "app.outside.example"));
    let directory = Directory::new(settings(vec![upstream.address]), &zones);
    let expected = [std::net::IpAddr::from([192, 0, 2, 5])];
    let found = directory.origin("far.example.com").await.unwrap();
    assert_eq!(found.addresses, expected);
    drop(upstream);
    tokio::task::yield_now().await;
    let again = directory.origin("far.example.com").await.unwrap();
    assert_eq!(again.addresses, expected);
}
