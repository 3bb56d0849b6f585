//! Ten thousand deployments, and the audit log.

use super::world::*;
use crate::{AuditFilter, DeploymentFilter, JobFilter, Page, StoreError, deployment::statement};
use plimsoll_domain::{
    AuditId,
    deployment::{Deployment, DeploymentKind},
    job::JobStatus,
};
use serde_json::json;
use sqlx::Row;

const MANY: u32 = 10_000;

#[tokio::test]
async fn ten_thousand_deployments_are_paged_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (project, environment, service) = furnish(&store).await;
    let mut write = store.write().await.unwrap();
    for number in 0..MANY {
        let mut deployment = deployment(number, &environment, &service);
        if number % 10 == 0 {
            deployment.status = JobStatus::Failed;
            deployment.kind = DeploymentKind::Rollback;
        }
        write.put(&deployment).await.unwrap();
    }
    write.commit().await.unwrap();

    let everything = DeploymentFilter::default();
    let filters = [
        (everything.clone(), "PRIMARY KEY", MANY),
        (
            DeploymentFilter {
                project: Some(project.id),
                ..everything.clone()
            },
            "deployments_by_project",
            MANY,
        ),
        (
            DeploymentFilter {
                environment: Some(environment.id),
                ..everything.clone()
            },
            "deployments_by_environment",
            MANY,
        ),
        (
            DeploymentFilter {
                service: Some(service.id),
                kind: Some(DeploymentKind::Rollback),
                ..everything.clone()
            },
            "deployments_by_service",
            MANY / 10,
        ),
        (
            DeploymentFilter {
                status: Some(JobStatus::Failed),
                since: Some(at(500)),
                until: Some(at(1_000)),
                ..everything
            },
            "deployments_by_status",
            50,
        ),
    ];
    for (filter, index, expected) in filters {
        let plan = sqlx::query(statement(&filter).explain)
            .fetch_all(&mut *store.reader().await.unwrap())
            .await
            .unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        let plan = plan.join("; ");
        assert!(plan.contains(index), "{filter:?}: {plan}");
        assert!(plan.starts_with("SEARCH"), "{filter:?}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");

        let mut page = Page::first(1_500);
        let mut seen: Vec<Deployment> = Vec::new();
        loop {
            let slice = store.deployments(&filter, &page).await.unwrap();
            seen.extend(slice.items);
            page.before = slice.next;
            if page.before.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), expected as usize, "{filter:?}");
        assert!(seen.is_sorted_by(|newer, older| newer.id > older.id));
        let ids = store.deployment_ids(&filter).await.unwrap();
        assert!(
            ids.iter().eq(seen.iter().map(|deployment| &deployment.id)),
            "{filter:?}: any part of the list is what paging to it would have shown"
        );
    }
    for (text, expected) in [
        ("SERVICE-0", MANY),
        ("project-0", MANY),
        ("nowhere", 0),
        ("100%", 0),
    ] {
        let filter = DeploymentFilter {
            text: Some(text.into()),
            ..DeploymentFilter::default()
        };
        let ids = store.deployment_ids(&filter).await.unwrap();
        assert_eq!(ids.len(), expected as usize, "{text}");
        let page = store
            .deployments(&filter, &Page::first(MANY))
            .await
            .unwrap();
        assert_eq!(page.items.len(), ids.len());
    }
}

#[tokio::test]
async fn jobs_are_found_by_status_and_target() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for number in 0..5 {
        enqueue(&store, &job(number, &format!("t{}", number % 2)))
            .await
            .unwrap();
    }
    let filter = JobFilter {
        target: Some("t1".into()),
        ..JobFilter::default()
    };
    let slice = store.jobs(&filter, &Page::first(1)).await.unwrap();
    assert_eq!(
        (slice.items[0].id, slice.next.is_some()),
        (job(3, "t1").id, true)
    );
    let rest = Page {
        before: slice.next,
        limit: 9,
    };
    let rest = store.jobs(&filter, &rest).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let running = JobFilter {
        status: Some(JobStatus::Running),
        ..JobFilter::default()
    };
    assert_eq!(
        store.jobs(&running, &Page::default()).await.unwrap().items,
        []
    );
}

#[tokio::test]
async fn the_audit_log_is_a_chain_that_shows_every_forgery() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for number in 1..=5u32 {
        let mut write = store.write().await.unwrap();
        write
            .audit(
                nth!(AuditId, number),
                "server.destroy",
                &format!("server:{}", number % 2),
                json!({"number": number, "empty": null}),
            )
            .await
            .unwrap();
        write.commit().await.unwrap();
    }
    let report = store.verify_audit().await.unwrap();
    assert_eq!((report.entries, report.broken), (5, vec![]));
    let filter = AuditFilter {
        subject: Some("server:1".into()),
        ..AuditFilter::default()
    };
    let found = store.audit(&filter, &Page::default()).await.unwrap();
    let numbers: Vec<i64> = found.items.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [5, 3, 1]);

    let forge = |sql: &'static str| {
        let pool = store.inner.writer.clone();
        async move { sqlx::raw_sql(sql).execute(&pool).await }
    };
    assert!(
        forge("UPDATE audit_entries SET author = 'bob' WHERE number = 3")
            .await
            .is_err(),
        "the database itself refuses"
    );
    forge("DROP TRIGGER audit_never_changes; DROP TRIGGER audit_stays")
        .await
        .unwrap();
    forge("UPDATE audit_entries SET author = 'bob' WHERE number = 3")
        .await
        .unwrap();
    let report = store.verify_audit().await.unwrap();
    assert_eq!(report.broken, [nth!(AuditId, 3u32)]);
    forge("DELETE FROM audit_entries WHERE number = 3")
        .await
        .unwrap();
    let report = store.verify_audit().await.unwrap();
    assert_eq!(
        report.broken,
        [nth!(AuditId, 4u32)],
        "its predecessor is missing"
    );
}

#[tokio::test]
async fn an_act_whose_audit_entry_cannot_be_written_does_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    sqlx::raw_sql(
        "CREATE TRIGGER full BEFORE INSERT ON audit_entries \
         BEGIN SELECT raise(ABORT, 'disk full'); END",
    )
    .execute(&store.inner.writer)
    .await
    .unwrap();
    let act = async {
        let mut write = store.write().await?;
        write.put(&project(1)).await?;
        write
            .audit(nth!(AuditId, 1u32), "project.create", "p", json!({}))
            .await?;
        write.commit().await
    };
    let refused: Result<i64, StoreError> = act.await;
    assert!(refused.is_err());
    assert_eq!(store.last_seq().await.unwrap(), 0);
}
