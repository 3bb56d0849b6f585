//! How often one may ask.

use serde_json::json;

use crate::driver::Lab;

#[tokio::test]
async fn too_many_requests_are_refused_and_forgiven() {
    let lab = Lab::new().await;
    for remaining in (4_990..5_000).rev() {
        let reply = lab.ocean("GET", "/account/keys", None).await;
        assert_eq!(reply.headers["ratelimit-remaining"], remaining.to_string());
        reply.expect(200);
    }
    let refused = lab.ocean("GET", "/account/keys", None).await;
    let wait: i64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.expect(429)["id"], "too_many_requests");
    lab.ocean("GET", "/account", None).await.expect(200);
    lab.clock.push(wait);
    lab.ocean("GET", "/account/keys", None).await.expect(200);

    let limits = json!({"digitalocean_minute": 2});
    lab.control("PUT", "/limits", Some(limits))
        .await
        .expect(200);
    lab.ocean("GET", "/account", None).await.expect(200);
    lab.ocean("GET", "/account", None).await.expect(200);
    let refused = lab.ocean("GET", "/account", None).await;
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.message(429), "API rate limit exceeded.");

    let limits = json!({"digitalocean_hour": 3});
    lab.control("PUT", "/limits", Some(limits))
        .await
        .expect(200);
    for _ in 0..3 {
        lab.ocean("GET", "/account", None).await.expect(200);
    }
    let refused = lab.ocean("GET", "/account", None).await;
    assert!(!refused.headers.contains_key("retry-after"));
    assert_eq!(refused.headers["ratelimit-remaining"], "0");
    refused.expect(429);
}
