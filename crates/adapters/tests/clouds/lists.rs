//! Lists are read to their end, and no further.

use crate::{
    scripted::{Scripted, says},
    stage::Stage,
    zones::record,
};
use plimsoll_engine::ports::{Compute, Zones};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_of_records_is_read_to_its_end() {
    let stage = Stage::open().await;
    let zone = stage
        .zones
        .zones(&stage.cloudflare)
        .await
        .unwrap()
        .pop()
        .unwrap()
        .id;
    let before = stage
        .zones
        .records(&stage.cloudflare, &zone, None)
        .await
        .unwrap()
        .len();
    for n in 0..203 {
        let wanted = record(&format!("r{n}.{}", stage.zone), "203.0.113.7");
        stage
            .zones
            .put_record(&stage.cloudflare, &zone, &wanted)
            .await
            .unwrap();
    }
    let all = stage
        .zones
        .records(&stage.cloudflare, &zone, None)
        .await
        .unwrap();
    assert_eq!(all.len(), before + 203);
}

fn snapshot(id: usize) -> Value {
    json!({
        "id": id.to_string(), "name": format!("s{id}"), "regions": ["fra1"], "min_disk_size": 25,
        "size_gigabytes": 2.34, "created_at": "2026-11-21T09:00:00Z", "resource_id": "1",
        "resource_type": "droplet", "tags": [],
    })
}

fn page_of(target: &str) -> usize {
    let query = target.split_once('?').unwrap().1;
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .into_iter()
        .find(|(name, _)| name == "page")
        .unwrap()
        .1
        .parse()
        .unwrap()
}

#[tokio::test]
async fn items_that_move_between_pages_are_kept_once() {
    // While we read page 1 somebody deletes its first item, so that page 2 begins one later; and
    // somebody adds one, so that page 3 repeats the last of page 2.
    let stage = Scripted::new("token", |asked| {
        let (items, more) = match page_of(&asked.target) {
            1 => (vec![snapshot(1), snapshot(2)], true),
            2 => (vec![snapshot(3), snapshot(4)], true),
            _ => (vec![snapshot(4), snapshot(5)], false),
        };
        let pages = if more {
            json!({"next": "https://elsewhere.example/v2/x?page=9"})
        } else {
            json!({})
        };
        says(
            200,
            json!({"snapshots": items, "links": {"pages": pages}, "meta": {"total": 6}})
                .to_string(),
        )
    })
    .await;
    let all = stage.compute.snapshots(&stage.digitalocean).await.unwrap();
    let ids: Vec<&str> = all.iter().map(|snapshot| snapshot.id.as_str()).collect();
    assert_eq!((ids, stage.asked()), (vec!["1", "2", "3", "4", "5"], 3));
}

#[tokio::test]
async fn links_in_a_circle_end() {
    let stage = Scripted::new("token", |_| {
        let body = json!({
            "snapshots": [snapshot(1)],
            "links": {"pages": {"next": "https://api.digitalocean.com/v2/snapshots?page=1"}},
            "meta": {"total": 1},
        });
        says(200, body.to_string())
    })
    .await;
    assert_eq!(
        stage
            .compute
            .snapshots(&stage.digitalocean)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(stage.asked(), 2);
}

#[tokio::test]
async fn a_total_that_is_never_reached_ends() {
    let stage = Scripted::new("token", |_| {
        let body = json!({
            "success": true, "errors": [], "messages": [],
            "result": [{"id": "z1", "name": "example.com", "status": "active"}],
            "result_info": {"page": 1, "per_page": 1, "count": 1, "total_count": 1_000_000},
        });
        says(200, body.to_string())
    })
    .await;
    assert_eq!(stage.zones.zones(&stage.cloudflare).await.unwrap().len(), 1);
    assert_eq!(stage.asked(), 2);
}

#[tokio::test]
async fn an_answer_without_its_list_is_told() {
    let stage = Scripted::new("token", |_| says(200, "{}")).await;
    let error = stage
        .compute
        .snapshots(&stage.digitalocean)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "do_unreadable");
    let error = stage.zones.zones(&stage.cloudflare).await.unwrap_err();
    assert_eq!(error.code(), "cf_unreadable");
}
