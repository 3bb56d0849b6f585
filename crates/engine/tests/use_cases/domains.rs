use crate::world::{Spot, World, name};
use plimsoll_domain::{
    dns::{DnsRecord, HostName},
    job::JobStatus,
    server::Provider,
};
use plimsoll_engine::{DomainAddRequest, DomainRemoveRequest, Kind, ports::SslMode};

pub async fn ready(world: &World) -> (Spot, DomainAddRequest) {
    let ids = world.servers(&["web-1"]).await;
    let spot = world.service(ids, Default::default()).await;
    let account_id = world.account(Provider::Cloudflare, "cf").await;
    let request = DomainAddRequest {
        host: HostName::parse("app.example.com").unwrap(),
        environment_id: spot.environment,
        service_id: spot.service,
        account_id,
        replace: None,
    };
    (spot, request)
}

fn foreign(content: &str) -> DnsRecord {
    DnsRecord {
        provider_ref: Some("f1".into()),
        kind: "A".into(),
        name: "app.example.com".into(),
        content: content.into(),
        proxied: false,
        ttl: 300,
        comment: String::new(),
    }
}

#[tokio::test]
async fn a_domain_gets_records_a_certificate_and_strict_tls_and_loses_what_is_its_own() {
    let world = World::new().await;
    let (spot, request) = ready(&world).await;
    let error = world
        .engine
        .plan_domain_add(request.clone())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "never_deployed");
    world.deploy(spot).await;
    let plan = world.engine.plan_domain_add(request.clone()).await.unwrap();
    let shown: Vec<_> = plan.steps.iter().flat_map(|step| &step.changes).collect();
    assert!(
        shown.iter().any(
            |c| c.before.as_deref() == Some("flexible") && c.after.as_deref() == Some("strict")
        )
    );
    assert!(
        shown
            .iter()
            .any(|c| c.subject == "app.example.com" && c.before.is_none())
    );
    world.succeed(plan).await;
    {
        let state = world.cloud.state.lock().unwrap();
        assert_eq!(state.ssl, Some(SslMode::Strict));
        assert_eq!(state.records[0].content, "10.0.0.1");
        assert!(state.records[0].proxied && state.records[0].comment.starts_with("plimsoll:"));
        assert_eq!(state.certificates.len(), 1);
    }
    world.hosts.with("10.0.0.1", |host| {
        let (hosts, key) = &host.sites["shop-production-web"];
        assert_eq!(hosts, &["app.example.com"]);
        assert!(key.as_ref().unwrap().contains("certificate-key"));
    });
    // A second name shares a new certificate; the first one's is revoked.
    let second = DomainAddRequest {
        host: HostName::parse("www.example.com").unwrap(),
        ..request.clone()
    };
    world
        .succeed(world.engine.plan_domain_add(second).await.unwrap())
        .await;
    assert_eq!(world.cloud.state.lock().unwrap().certificates.len(), 1);
    let certificates = world.engine.certificates().await.unwrap();
    assert_eq!(
        certificates[0].certificate.hosts,
        ["app.example.com", "www.example.com"]
    );
    assert!(certificates[0].days_left > 5_000);
    // Asked for again, nothing but the look from outside is left to do.
    let plan = world.engine.plan_domain_add(request).await.unwrap();
    assert_eq!(plan.steps.len(), 2, "{:?}", plan.steps);
    for host in ["app.example.com", "www.example.com"] {
        let host = HostName::parse(host).unwrap();
        let domain_id = world.engine.domain_named(&host).await.unwrap().id;
        let request = DomainRemoveRequest { domain_id };
        world
            .succeed(world.engine.plan_domain_remove(request).await.unwrap())
            .await;
    }
    {
        let state = world.cloud.state.lock().unwrap();
        assert!(state.records.is_empty() && state.certificates.is_empty());
    }
    world
        .hosts
        .with("10.0.0.1", |host| assert!(host.sites.is_empty()));
    assert!(world.engine.domains().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_foreign_record_is_refused_until_it_is_named() {
    let world = World::new().await;
    let (spot, mut request) = ready(&world).await;
    world.deploy(spot).await;
    world
        .cloud
        .state
        .lock()
        .unwrap()
        .records
        .push(foreign("203.0.113.7"));
    let error = world
        .engine
        .plan_domain_add(request.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("foreign_record", Kind::Refused)
    );
    assert!(error.failure().next_step.contains("203.0.113.7"));
    request.replace = Some("203.0.113.7".into());
    world
        .succeed(world.engine.plan_domain_add(request).await.unwrap())
        .await;
    assert_eq!(world.cloud.state.lock().unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_name_in_no_zone_of_the_account_lists_its_zones() {
    let world = World::new().await;
    let (_, mut request) = ready(&world).await;
    request.host = HostName::parse("app.example.org").unwrap();
    let error = world.engine.plan_domain_add(request).await.unwrap_err();
    assert_eq!(error.code(), "zone_unknown");
    assert_eq!(error.failure().evidence, ["example.com"]);
}

#[tokio::test]
async fn a_name_that_does_not_answer_from_outside_is_taken_back_whole() {
    let world = World::new().await;
    let (spot, mut request) = ready(&world).await;
    world.deploy(spot).await;
    world
        .cloud
        .state
        .lock()
        .unwrap()
        .records
        .push(foreign("203.0.113.7"));
    request.replace = Some("203.0.113.7".into());
    *world.outside.broken.lock().unwrap() = true;
    let job = world
        .run(world.engine.plan_domain_add(request).await.unwrap())
        .await;
    assert_eq!(job.status, JobStatus::Failed);
    let error = job.error.unwrap();
    assert_eq!(error.code, "domain_unverified");
    assert!(error.evidence[0].contains("502"), "{error:?}");
    {
        let state = world.cloud.state.lock().unwrap();
        assert_eq!(state.ssl, Some(SslMode::Flexible));
        assert_eq!(state.records, [foreign("203.0.113.7")]);
        assert!(state.certificates.is_empty());
    }
    world
        .hosts
        .with("10.0.0.1", |host| assert!(host.sites.is_empty()));
    assert!(world.engine.domains().await.unwrap().is_empty());
    let account = world.engine.account_named(&name("cf")).await.unwrap().id;
    assert!(world.engine.disconnect_account(account).await.is_ok());
}

#[tokio::test]
async fn a_plan_that_waited_in_line_is_not_run_over_what_was_done_meanwhile() {
    let world = World::new().await;
    let (spot, first) = ready(&world).await;
    world.deploy(spot).await;
    let second = DomainAddRequest {
        host: HostName::parse("www.example.com").unwrap(),
        ..first.clone()
    };
    let engine = &world.engine;
    let mut jobs = Vec::new();
    for request in [first, second.clone()] {
        let plan = engine.plan_domain_add(request).await.unwrap();
        jobs.push(engine.approve(plan.id).await.unwrap().id);
    }
    assert_eq!(
        engine.run(jobs[0]).await.unwrap().status,
        JobStatus::Succeeded
    );
    let late = engine.run(jobs[1]).await.unwrap();
    assert_eq!(late.status, JobStatus::Failed);
    assert_eq!(late.error.unwrap().code, "plan_outdated");
    let sites = || {
        world.hosts.with("10.0.0.1", |host| {
            host.sites["shop-production-web"].0.clone()
        })
    };
    assert_eq!(sites(), ["app.example.com"]);
    let plan = engine.plan_domain_add(second).await.unwrap();
    world.succeed(plan).await;
    assert_eq!(sites(), ["app.example.com", "www.example.com"]);
}

#[tokio::test]
async fn names_of_one_service_are_added_and_removed_one_after_the_other() {
    let world = World::new().await;
    let (spot, request) = ready(&world).await;
    world.deploy(spot).await;
    let engine = &world.engine;
    let plan = engine.plan_domain_add(request.clone()).await.unwrap();
    world.succeed(plan).await;
    let domain_id = engine.domain_named(&request.host).await.unwrap().id;
    let second = DomainAddRequest {
        host: HostName::parse("www.example.com").unwrap(),
        ..request
    };
    let remove = engine.plan_domain_remove(DomainRemoveRequest { domain_id });
    let remove = remove.await.unwrap();
    let add = engine.plan_domain_add(second.clone()).await.unwrap();
    let remove = engine.approve(remove.id).await.unwrap().id;
    let add = engine.approve(add.id).await.unwrap().id;
    let (removed, added) = tokio::join!(engine.run(remove), engine.run(add));
    let (removed, added) = (removed.unwrap(), added.unwrap());
    assert_eq!(removed.target, added.target);
    assert_eq!(removed.status, JobStatus::Succeeded, "{:?}", removed.error);
    // The later one was planned for a list of names that is no more.
    assert_eq!(added.error.unwrap().code, "plan_outdated");
    let plan = engine.plan_domain_add(second).await.unwrap();
    world.succeed(plan).await;
    world.hosts.with("10.0.0.1", |host| {
        assert_eq!(host.sites["shop-production-web"].0, ["www.example.com"]);
    });
}
