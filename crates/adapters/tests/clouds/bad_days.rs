//! Storms of 429 and 5xx, cut lines, wrong networks: bounded, explained, in no real time.

use crate::{
    digitalocean::{KEY, new_droplet},
    scripted::{Scripted, says},
    stage::{Stage, at},
    zones::record,
};
use axum::response::Response;
use plimsoll_domain::server::Endpoint;
use plimsoll_engine::ports::{Compute, Zones};
use plimsoll_lab::api::{LimitSettings, Options};
use serde_json::json;
use std::sync::{Arc, Mutex};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_storm_is_weathered() {
    let stage = Stage::open().await;
    for fault in [
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503}),
        json!({"kind": "wrong_json"}),
        json!({"kind": "cut"}),
        json!({"kind": "refuse"}),
    ] {
        stage.fault("GET", "^/v2/sizes$", 4, fault.clone()).await;
        let sizes = stage.compute.sizes(&stage.digitalocean).await;
        assert!(sizes.is_ok(), "{fault}: {sizes:?}");
    }
}

#[tokio::test]
async fn a_long_storm_ends_with_a_clear_error_after_five_attempts() {
    let stage = Scripted::new("token", |_| {
        says(
            503,
            r#"{"id": "service_unavailable", "message": "We are on it."}"#,
        )
    })
    .await;
    let error = stage.compute.sizes(&stage.digitalocean).await.unwrap_err();
    assert_eq!((error.code(), stage.asked()), ("do_unavailable", 5));
    assert_eq!(
        error.0.evidence,
        [
            "HTTP 503: service_unavailable: We are on it.",
            "DigitalOcean request req-7"
        ]
    );
    assert!(error.0.retryable && !error.0.next_step.is_empty());
    let slept = stage.clock.slept_ms();
    assert!((3_000..20_000).contains(&slept), "{slept} ms of pauses");
}

#[tokio::test]
async fn a_page_of_somebody_else_is_shown_as_such() {
    let stage = Scripted::new("token", |_| says(200, "<html>Welcome to the hotel</html>")).await;
    let error = stage.zones.zones(&stage.cloudflare).await.unwrap_err();
    assert_eq!(error.code(), "cf_unreadable");
    assert_eq!(
        error.0.evidence[0],
        "HTTP 200: <html>Welcome to the hotel</html>"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_in_a_storm_makes_nothing_twice_and_ends() {
    let stage = Stage::open().await;
    let key = stage
        .compute
        .ensure_ssh_key(&stage.digitalocean, "k", KEY)
        .await
        .unwrap();
    stage
        .fault(
            "POST",
            "^/v2/droplets$",
            100,
            json!({"kind": "status", "status": 500}),
        )
        .await;
    let new = new_droplet("web-1", key);
    let error = stage
        .compute
        .create_droplet(&stage.digitalocean, &new)
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.0.retryable), ("do_unavailable", true));
    assert_eq!(stage.count("POST", "/v2/droplets"), 3);
    assert_eq!(
        stage
            .compute
            .droplets(&stage.digitalocean, None)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_with_a_time_is_waited_out_even_by_a_creation() {
    let stage = Stage::open().await;
    let refusal = json!({"kind": "rate_limit", "retry_after": 30});
    stage.fault("POST", "^/v2/account/keys$", 2, refusal).await;
    let id = stage
        .compute
        .ensure_ssh_key(&stage.digitalocean, "k", KEY)
        .await
        .unwrap();
    assert!(id > 0);
    assert_eq!(stage.count("POST", "/v2/account/keys"), 3);
    assert!(
        stage.clock.slept_ms() >= 60_000,
        "{}",
        stage.clock.slept_ms()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_too_long_is_told_with_its_end_and_nobody_asks_meanwhile() {
    let stage = Stage::open().await;
    stage
        .fault(
            "GET",
            "/zones",
            1,
            json!({"kind": "rate_limit", "retry_after": null}),
        )
        .await;
    let error = stage.zones.zones(&stage.cloudflare).await.unwrap_err();
    assert_eq!((error.code(), error.0.retryable), ("cf_rate_limited", true));
    assert!(
        error.to_string().contains("takes requests again at 20"),
        "{error}"
    );
    let again = stage
        .zones
        .ssl_mode(&stage.cloudflare, "x")
        .await
        .unwrap_err();
    assert_eq!(again.code(), "cf_rate_limited");
    assert_eq!(stage.count("GET", "/client/v4/zones"), 1);
    assert_eq!(
        stage.record.lock().unwrap().len(),
        1,
        "a refused account was asked again"
    );
}

#[tokio::test]
async fn endless_refusals_end() {
    let stage = Scripted::new("token", |_| {
        let mut answer = says(
            429,
            r#"{"id": "too_many_requests", "message": "API rate limit exceeded."}"#,
        );
        answer
            .headers_mut()
            .insert("retry-after", "1".parse().unwrap());
        answer
    })
    .await;
    let error = stage.compute.sizes(&stage.digitalocean).await.unwrap_err();
    assert_eq!((error.code(), stage.asked()), ("do_rate_limited", 5));
    assert!(error.0.evidence[0].contains("API rate limit exceeded."));
}

#[tokio::test]
async fn all_callers_of_an_account_share_one_budget() {
    // DigitalOcean allows ten listings of keys a minute. Of thirty callers at once ten are served
    // now, ten in a minute, and ten are told that it would take too long.
    let moments = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&moments);
    let stage = Scripted::new("token", move |asked| {
        noted.lock().unwrap().push(asked.at_ms);
        let key = json!({"id": 7, "name": "k", "public_key": KEY, "fingerprint": "f"});
        let body = json!({"ssh_keys": [key], "links": {}, "meta": {"total": 1}});
        says(200, body.to_string())
    })
    .await;
    let calls = (0..30).map(|_| stage.compute.ensure_ssh_key(&stage.digitalocean, "k", KEY));
    let outcomes = futures::future::join_all(calls).await;
    let served = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(7)))
        .count();
    let codes: Vec<&str> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .map(|e| e.code())
        .collect();
    assert_eq!((served, codes), (20, vec!["do_rate_limited"; 10]));
    let mut moments = moments.lock().unwrap().clone();
    moments.sort_unstable();
    assert_eq!(moments.len(), 20);
    for window in moments.windows(11) {
        assert!(
            window[10] - window[0] >= 60_000,
            "eleven listings within a minute: {window:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_minute_is_waited_for_here_and_not_refused_there() {
    let limits = LimitSettings {
        digitalocean_minute: 100_000,
        ..LimitSettings::default()
    };
    let stage = Stage::with(Options {
        limits,
        ..Options::default()
    })
    .await;
    for _ in 0..260 {
        stage.compute.droplet(&stage.digitalocean, 7).await.unwrap();
    }
    assert_eq!(stage.count("GET", "/v2/droplets/7"), 260);
    let slept = stage.clock.slept_ms();
    assert!((60_000..120_000).contains(&slept), "{slept} ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_hour_is_told_at_once_and_nobody_asks_meanwhile() {
    let limits = LimitSettings {
        digitalocean_hour: 5,
        ..LimitSettings::default()
    };
    let stage = Stage::with(Options {
        limits,
        ..Options::default()
    })
    .await;
    for _ in 0..5 {
        stage.compute.droplet(&stage.digitalocean, 7).await.unwrap();
    }
    let error = stage
        .compute
        .droplet(&stage.digitalocean, 7)
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.0.retryable), ("do_rate_limited", true));
    assert_eq!(stage.count("GET", "/v2/droplets/7"), 5);
    assert_eq!(stage.clock.slept_ms(), 0);
}

#[tokio::test]
async fn a_failure_in_a_200_is_a_failure() {
    let stage = Scripted::new("token", |_| {
        let error = json!({"code": 1003, "message": "Invalid or missing zone id."});
        let body = json!({"success": false, "errors": [error], "messages": [], "result": null});
        says(200, body.to_string())
    })
    .await;
    let error = stage
        .zones
        .delete_record(&stage.cloudflare, "z", "r")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "cf_invalid");
    assert!(
        error.0.evidence[0].contains("Invalid or missing zone id."),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_providers_own_count_is_believed() {
    // Another program uses the same token, so that less is left than we counted.
    let stage = Scripted::new("token", |asked| {
        let mut answer: Response = says(404, r#"{"id": "not_found", "message": "no"}"#);
        if asked.number == 0 {
            let headers = answer.headers_mut();
            headers.insert("ratelimit-remaining", "0".parse().unwrap());
            headers.insert("ratelimit-reset", "784111807".parse().unwrap());
            headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        }
        answer
    })
    .await;
    stage.compute.droplet(&stage.digitalocean, 7).await.unwrap();
    assert_eq!(stage.clock.slept_ms(), 0);
    stage.compute.droplet(&stage.digitalocean, 7).await.unwrap();
    assert_eq!(stage.clock.slept_ms(), 30_000);
}

#[tokio::test]
async fn networks_that_do_not_work_are_told_by_their_stage() {
    // A port where nobody listens, found by binding and letting go.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    let before = |endpoint| Scripted::before(endpoint, "token");
    let refused = before(at(&format!("http://127.0.0.1:{closed}"))).await;
    let error = refused
        .compute
        .sizes(&refused.digitalocean)
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.0.retryable), ("do_unreachable", true));
    assert!(
        error
            .to_string()
            .contains("could not connect to DigitalOcean"),
        "{error}"
    );
    let unknown = before(at("https://no-such-host.invalid")).await;
    let error = unknown.zones.zones(&unknown.cloudflare).await.unwrap_err();
    assert_eq!(error.code(), "cf_unreachable");
    assert!(
        error.to_string().contains("find the address of Cloudflare"),
        "{error} {error:?}"
    );
    let proxied = before(Endpoint {
        proxy: Some(format!("socks5h://me:proxy-canary@127.0.0.1:{closed}")),
        ..at("http://127.0.0.1:9")
    })
    .await;
    let error = proxied
        .compute
        .sizes(&proxied.digitalocean)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "do_unreachable");
    assert!(!format!("{error:?}").contains("proxy-canary"), "{error:?}");
    let plain = before(at("http://api.example.com")).await;
    let error = plain.compute.sizes(&plain.digitalocean).await.unwrap_err();
    assert_eq!(error.code(), "do_endpoint_invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_trusted_by_the_endpoints_authority_only() {
    let folder = tempfile::tempdir().unwrap();
    let authority = plimsoll_lab::tls::Authority::load_or_create(folder.path(), "Test CA").unwrap();
    let config = authority.server_config(&["127.0.0.1".to_owned()]).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let router = axum::Router::new()
        .fallback(|| async { says(200, r#"{"sizes": [], "links": {}, "meta": {"total": 0}}"#) });
    let stop = tokio_util::sync::CancellationToken::new();
    let served = plimsoll_lab::api::serve(listener, Some(Arc::new(config)), router, stop.clone());
    tokio::spawn(served);
    let before = |endpoint| Scripted::before(endpoint, "token");
    let stranger = before(at(&url)).await;
    let error = stranger
        .compute
        .sizes(&stranger.digitalocean)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.0.retryable),
        ("do_untrusted", false),
        "{error:?}"
    );
    assert_eq!(
        stranger.clock.slept_ms(),
        0,
        "an untrusted certificate was tried again"
    );
    let ca_pem = Some(authority.pem().to_owned());
    let friend = before(Endpoint { ca_pem, ..at(&url) }).await;
    assert_eq!(
        friend.compute.sizes(&friend.digitalocean).await.unwrap(),
        []
    );
    stop.cancel();
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let stage = Scripted::new("token", |_| {
        let mut answer = says(302, "");
        answer
            .headers_mut()
            .insert("location", "https://evil.example/".parse().unwrap());
        answer
    })
    .await;
    let wanted = record("a.example.com", "203.0.113.7");
    let error = stage
        .zones
        .put_record(&stage.cloudflare, "z", &wanted)
        .await
        .unwrap_err();
    assert_eq!((error.code(), stage.asked()), ("cf_invalid", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_behind_a_proxy_is_reached_by_a_name_that_only_the_proxy_knows() {
    use plimsoll_lab::{
        dns::{Directory, Settings},
        ground::{PublishedRecord, PublishedZone, SslMode},
    };
    let folder = tempfile::tempdir().unwrap();
    let authority = plimsoll_lab::tls::Authority::load_or_create(folder.path(), "Test CA").unwrap();
    let config = authority
        .server_config(&["api.example.com".to_owned()])
        .unwrap();
    let api = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = api.local_addr().unwrap().port();
    let router = axum::Router::new()
        .fallback(|| async { says(200, r#"{"sizes": [], "links": {}, "meta": {"total": 0}}"#) });
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(plimsoll_lab::api::serve(
        api,
        Some(Arc::new(config)),
        router,
        stop.clone(),
    ));
    let zone = PublishedZone {
        name: "example.com".to_owned(),
        ssl: SslMode::Full,
        always_use_https: false,
        records: vec![PublishedRecord {
            name: "api.example.com".to_owned(),
            kind: "A".to_owned(),
            content: "127.0.0.1".to_owned(),
            ttl: 60,
            proxied: false,
        }],
    };
    let directory = Arc::new(Directory::new(Settings::default(), &[zone]));
    let (_sender, directory) = tokio::sync::watch::channel(directory);
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let networks = vec!["127.0.0.1/32".parse().unwrap()];
    tokio::spawn(plimsoll_lab::proxy::serve(
        proxy,
        networks,
        directory,
        stop.clone(),
    ));
    let endpoint = Endpoint {
        ca_pem: Some(authority.pem().to_owned()),
        proxy: Some(format!("socks5h://{address}")),
        ..at(&format!("https://api.example.com:{port}"))
    };
    let stage = Scripted::before(endpoint, "token").await;
    assert_eq!(stage.compute.sizes(&stage.digitalocean).await.unwrap(), []);
    stop.cancel();
}
