use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use instant_acme::{
    Account, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{AcmeAuthority, AcmeSettings};
use crate::dns::{Directory, Listeners, Settings};
use crate::ground::{PublishedRecord, PublishedZone, SslMode};
use crate::tls::Authority;

/// Settings on a loopback address that no other test uses: the program cannot be handed a socket,
/// and a port that was free a moment ago may be taken now.
fn settings(folder: &Path) -> AcmeSettings {
    let mut own = [0; 3];
    getrandom::fill(&mut own).unwrap();
    let address = Ipv4Addr::new(127, own[0], own[1], own[2].clamp(1, 254));

    AcmeSettings {
        folder: folder.to_owned(),
        listen: (address, 14000).into(),
        management: (address, 15000).into(),
        resolver: (address, 53).into(),
        http_port: 9,
        tls_port: 9,
        nonce_reject_percent: 0,
        names: Vec::new(),
    }
}

/// Serves whatever text was put into it, as a server that answers a challenge does.
async fn challenge_server() -> (u16, Arc<Mutex<String>>) {
    let answer = Arc::new(Mutex::new(String::new()));
    let router = Router::new()
        .fallback(async |State(answer): State<Arc<Mutex<String>>>| answer.lock().unwrap().clone())
        .with_state(answer.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (port, answer)
}

async fn resolver() -> (SocketAddr, CancellationToken) {
    let record = PublishedRecord {
        name: "shop.example.com".to_owned(),
        kind: "A".to_owned(),
        content: Ipv4Addr::LOCALHOST.to_string(),
        ttl: 60,
        proxied: false,
    };
    let zone = PublishedZone {
        name: "example.com".to_owned(),
        ssl: SslMode::Full,
        always_use_https: false,
        records: vec![record],
    };
    let (_, directory) = watch::channel(Arc::new(Directory::new(Settings::default(), &[zone])));
    let listeners = Listeners::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listeners.local_addr();
    let shutdown = CancellationToken::new();
    tokio::spawn(crate::dns::serve(listeners, directory, shutdown.clone()));
    (address, shutdown)
}

/// Orders a certificate as a server does; the chain when it was issued.
async fn order(
    acme: &AcmeAuthority,
    trust: &Path,
    name: &str,
    answer: &Mutex<String>,
) -> Result<String, instant_acme::Error> {
    // The client takes the process's provider; another test may have chosen it already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let contact = NewAccount {
        contact: &[],
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, _) = Account::builder_with_root(trust)?
        .create(&contact, acme.directory_url().to_owned(), None)
        .await?;
    let identifiers = [Identifier::Dns(name.to_owned())];
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let mut challenge = authorization.challenge(ChallengeType::Http01).unwrap();
        *answer.lock().unwrap() = challenge.key_authorization().as_str().to_owned();
        challenge.set_ready().await?;
    }
    let status = order.poll_ready(&RetryPolicy::default()).await?;
    if status != OrderStatus::Ready {
        return Err(instant_acme::Error::Str("the order did not become ready"));
    }
    order.finalize().await?;
    order.poll_certificate(&RetryPolicy::default()).await
}

// Domains whose DNS is not proxied get their certificates by ACME; this is where that is tried. Some
// nonces are refused, because real authorities refuse some.
#[tokio::test]
async fn a_name_of_a_practice_zone_gets_a_certificate_and_an_unknown_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Authority::load_or_create(&folder.path().join("lab"), "Practice").unwrap();
    let (resolver, _shutdown) = resolver().await;
    let (http_port, answer) = challenge_server().await;
    let settings = AcmeSettings {
        resolver,
        http_port,
        nonce_reject_percent: 5,
        ..settings(&folder.path().join("acme"))
    };
    let acme = AcmeAuthority::start(&settings, &lab).await.unwrap();
    let chain = order(&acme, lab.path(), "shop.example.com", &answer)
        .await
        .unwrap();
    let (_, leaf) = x509_parser::pem::parse_x509_pem(chain.as_bytes()).unwrap();
    let names = format!(
        "{:?}",
        leaf.parse_x509().unwrap().subject_alternative_name()
    );
    assert!(names.contains("shop.example.com"), "{names}");
    let (_, root) = x509_parser::pem::parse_x509_pem(acme.root_pem().as_bytes()).unwrap();
    assert!(root.parse_x509().unwrap().is_ca());
    assert!(
        order(&acme, lab.path(), "none.example.com", &answer)
            .await
            .is_err()
    );
    acme.stop().await.unwrap();
    assert!(
        TcpListener::bind(settings.listen).await.is_ok(),
        "it still listens"
    );
}

// A client that gives up at the first refused nonce is found here, not in production.
#[tokio::test]
async fn an_authority_refuses_as_many_nonces_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Authority::load_or_create(&folder.path().join("lab"), "Practice").unwrap();
    let settings = AcmeSettings {
        nonce_reject_percent: 100,
        ..settings(&folder.path().join("acme"))
    };
    let acme = AcmeAuthority::start(&settings, &lab).await.unwrap();
    let refused = order(&acme, lab.path(), "shop.example.com", &Mutex::default()).await;
    let error = format!("{:?}", refused.unwrap_err());
    assert!(error.contains("badNonce"), "{error}");
}

// A port that is taken must be told with the program's own words, not after a silent minute.
#[tokio::test]
async fn an_authority_that_cannot_listen_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Authority::load_or_create(&folder.path().join("lab"), "Practice").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = AcmeSettings {
        listen: taken.local_addr().unwrap(),
        management: taken.local_addr().unwrap(),
        ..settings(&folder.path().join("acme"))
    };
    let error = AcmeAuthority::start(&settings, &lab)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("address already in use"), "{error}");
}
