//! How the edge speaks to the origin, and what it tells it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;

use super::*;

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|&name| name.to_owned()).collect()
}

// The logs of an application, its rate limits and its redirects all stand on these headers; a
// visitor who could forge them would pass for anybody.
#[tokio::test]
async fn the_origin_learns_who_asks_and_a_visitor_cannot_forge_it() {
    let port = plain_origin(mirror()).await;
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    let client = stage.browser().build().unwrap();
    let request = client
        .get(stage.url(SHOP, "/cart?a=1&b=%20"))
        .header("cf-connecting-ip", "198.51.100.1")
        .header("x-forwarded-for", "198.51.100.2")
        .header("x-forwarded-proto", "gopher")
        .header("connection", "x-secret-hop")
        .header("x-secret-hop", "1");
    let response = request.send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.headers()["server"], "cloudflare");
    let ray = response.headers()["cf-ray"].to_str().unwrap().to_owned();
    let seen = response.text().await.unwrap();
    assert!(seen.starts_with("GET /cart?a=1&b=%20 HTTP/1.1\n"), "{seen}");
    for line in [
        format!("host: {SHOP}\n"),
        "cf-connecting-ip: 127.0.0.1\n".to_owned(),
        "x-forwarded-for: 198.51.100.2, 127.0.0.1\n".to_owned(),
        "x-forwarded-proto: https\n".to_owned(),
        format!("cf-ray: {ray}\n"),
    ] {
        assert!(seen.contains(&line), "{line} is missing in {seen}");
    }
    assert_eq!(seen.matches("cf-connecting-ip").count(), 1);

    let one = stage.browser().http1_only().build().unwrap();
    let request = one
        .get(stage.url(SHOP, "/"))
        .header("connection", "x-secret-hop");
    let response = request.header("x-secret-hop", "1").send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_11);
    assert!(!response.text().await.unwrap().contains("x-secret-hop"));
}

// "It works without TLS" must stay true, and say so to the application.
#[tokio::test]
async fn a_visitor_without_tls_reaches_the_plain_port_in_every_mode() {
    let port = plain_origin(mirror()).await;
    for mode in [
        SslMode::Off,
        SslMode::Flexible,
        SslMode::Full,
        SslMode::Strict,
    ] {
        let settings = EdgeSettings {
            https_port: 9,
            ..towards(port)
        };
        let stage = Stage::start(zone(mode), settings, &[]).await;
        let client = stage.browser().build().unwrap();
        let seen = client.get(stage.plain_url(SHOP, "/")).send().await.unwrap();
        let seen = seen.text().await.unwrap();
        assert!(
            seen.contains("x-forwarded-proto: http\n"),
            "{mode:?}: {seen}"
        );
    }
}

// Strict is what we set for our users: it has to accept the certificates that we install and
// refuse all others, or a site breaks, or an eavesdropper between edge and origin stays unseen.
#[tokio::test]
async fn strict_accepts_the_origin_ca_and_the_public_one_and_refuses_all_others() {
    let (origin_ca, stranger) = (authority("Origin test authority"), authority("Stranger"));
    let folder = tempfile::tempdir().unwrap();
    let public = Arc::new(Authority::load_or_create(folder.path(), "Public").unwrap());
    let good = names(&["*.example.com", "example.com"]);
    let tried = [
        (
            origin_ca.server_config(&good).unwrap(),
            200,
            "of the Origin CA",
        ),
        (
            public.server_config(&good).unwrap(),
            200,
            "of the public authority",
        ),
        (
            stranger.server_config(&good).unwrap(),
            526,
            "of an unknown authority",
        ),
        (
            origin_ca
                .server_config(&names(&["shop.example.org"]))
                .unwrap(),
            526,
            "for another name",
        ),
    ];
    for (config, expected, what) in tried {
        let port = tls_origin(config, mirror()).await;
        for (mode, expected) in [(SslMode::Strict, expected), (SslMode::Full, 200)] {
            let stage = Stage::with_public(
                public.clone(),
                zone(mode),
                towards(port),
                &roots_of(&[&origin_ca]),
            )
            .await;
            let status = stage.get(SHOP).await.unwrap().status();
            assert_eq!(status, expected, "{mode:?} with a certificate {what}");
        }
    }
}

#[tokio::test]
async fn strict_refuses_an_expired_certificate_and_full_does_not_look() {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let mut leaf = CertificateParams::new(names(&[SHOP])).unwrap();
    (leaf.not_before, leaf.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&key, &root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let port = tls_origin(config, mirror()).await;
    for (mode, expected) in [(SslMode::Strict, 526), (SslMode::Full, 200)] {
        let public = Arc::new(authority("Public"));
        let roots = [root.der().clone()];
        let stage = Stage::with_public(public, zone(mode), towards(port), &roots).await;
        assert_eq!(
            stage.get(SHOP).await.unwrap().status(),
            expected,
            "{mode:?}"
        );
    }
}

// An ACME authority's root is only known once it runs.
#[tokio::test]
async fn a_root_that_is_trusted_later_counts_from_then_on() {
    let acme = authority("ACME test authority");
    let port = tls_origin(acme.server_config(&names(&[SHOP])).unwrap(), mirror()).await;
    let public = Arc::new(authority("Public"));
    let (_publish, zones) = watch::channel(directory(zone(SslMode::Strict)));
    let edge = Edge::new(towards(port), public.clone(), &[], zones).unwrap();
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let https = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = https.local_addr().unwrap();
    let serving = edge.clone();
    let shutdown = CancellationToken::new();
    let _end = shutdown.clone().drop_guard();
    tokio::spawn(async move { serving.serve(http, https, shutdown).await });
    let root = reqwest::Certificate::from_pem(public.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .resolve(SHOP, address)
        .no_proxy();
    let client = client.build().unwrap();
    let url = format!("https://{SHOP}:{}/", address.port());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 526);
    edge.trust_origins(&roots_of(&[&acme])).unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
}

// A mode without TLS that answers under https, or a redirect in the wrong direction, is a loop in
// the visitor's browser.
#[tokio::test]
async fn schemes_are_redirected_as_the_zone_says() {
    let port = plain_origin(mirror()).await;
    let always = PublishedZone {
        always_use_https: true,
        ..zone(SslMode::Flexible)
    };
    let stage = Stage::start(always, towards(port), &[]).await;
    let client = stage.browser().build().unwrap();
    let moved = client
        .get(stage.plain_url(SHOP, "/a?b=c"))
        .send()
        .await
        .unwrap();
    assert_eq!(moved.status(), 301);
    assert_eq!(
        moved.headers()["location"],
        "https://shop.example.com/a?b=c"
    );
    assert_eq!(stage.get(SHOP).await.unwrap().status(), 200);

    let stage = Stage::start(zone(SslMode::Off), towards(port), &[]).await;
    let moved = stage.get(SHOP).await.unwrap();
    assert_eq!(moved.status(), 301);
    assert_eq!(moved.headers()["location"], "http://shop.example.com/");
}

// Cloudflare's free certificate ends one level below the apex: a name that is deeper must fail
// here too, not on the day of the launch.
#[tokio::test]
async fn visitors_get_a_certificate_for_the_apex_and_one_level_only() {
    let port = plain_origin(mirror()).await;
    let stage = Stage::start(zone(SslMode::Flexible), towards(port), &[]).await;
    assert_eq!(stage.get("example.com").await.unwrap().status(), 200);
    assert_eq!(stage.get(SHOP).await.unwrap().status(), 200);
    assert!(
        stage
            .get("deep.shop.example.com")
            .await
            .unwrap_err()
            .is_connect()
    );
}
