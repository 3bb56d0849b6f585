//! Pages and filters.

use serde_json::json;

use crate::driver::Lab;

#[tokio::test]
async fn pages_carry_only_the_links_that_make_sense() {
    let lab = Lab::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        lab.ocean("POST", "/tags", Some(json!({"name": name})))
            .await
            .expect(201);
    }
    let links = async |query: &str| {
        let page = lab
            .ocean("GET", &format!("/tags{query}"), None)
            .await
            .expect(200);
        assert_eq!(page["meta"]["total"], 5);
        let pages = page["links"]["pages"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let names: Vec<String> = pages.keys().cloned().collect();
        (names.join(" "), page)
    };
    let (names, page) = links("").await;
    assert_eq!(names, "");
    assert_eq!(page["tags"].as_array().unwrap().len(), 5);
    let (names, page) = links("?per_page=2").await;
    assert_eq!(names, "next last");
    let next = page["links"]["pages"]["next"].as_str().unwrap();
    assert!(next.ends_with("/v2/tags?page=2&per_page=2"), "{next}");
    let (names, page) = links("?per_page=2&page=2").await;
    assert_eq!(names, "first prev next last");
    assert_eq!(page["tags"][0]["name"], "c");
    let (names, page) = links("?per_page=2&page=3").await;
    assert_eq!(names, "first prev");
    assert_eq!(page["tags"].as_array().unwrap().len(), 1);
    let (_, page) = links("?page=9").await;
    assert_eq!(page["tags"], json!([]));
}

#[tokio::test]
async fn droplets_are_found_by_name_and_by_tag() {
    let lab = Lab::new().await;
    let web = lab.droplet("web", &["prod"]).await;
    lab.droplet("db", &["prod"]).await;
    lab.droplet("web", &[]).await;
    let found = async |query: &str| {
        let page = lab
            .ocean("GET", &format!("/droplets?{query}"), None)
            .await
            .expect(200);
        page["droplets"].as_array().unwrap().clone()
    };
    assert_eq!(found("name=web").await.len(), 2);
    assert_eq!(found("tag_name=prod").await.len(), 2);
    let both = found("name=web&tag_name=prod").await;
    assert_eq!(both.len(), 1);
    assert_eq!(both[0]["id"], web);
    assert!(found("tag_name=staging").await.is_empty());
}
