//! Nouns go in and come out as they were; what must not be is refused.

use super::world::*;
use crate::{StepRef, StoreError};
use plimsoll_domain::{
    AuditId, CertificateId, ConfigurationId, DomainId, ProviderAccountId, ReleaseId, ServerId,
    SnapshotId, SshKeyId, VariableId,
    change::ChangeAct,
    dns::{Certificate, Domain, HostName},
    image::ImageRef,
    job::{Job, JobStatus, JobStep, StepStatus},
    name::{Name, VariableName},
    project::{Configuration, Environment, Project, Service, Variable},
    release::{Release, VariableValue},
    server::{
        BaseSnapshot, Endpoint, Provider, ProviderAccount, Server, ServerState, SshKey, SshTarget,
    },
    service::ServiceSpec,
    source::{GitReference, Provenance, Source},
};
use serde_json::json;

fn account() -> ProviderAccount {
    ProviderAccount {
        id: nth!(ProviderAccountId, 1u32),
        provider: Provider::Digitalocean,
        name: Name::parse("ocean").unwrap(),
        endpoint: Endpoint {
            url: Some("https://127.0.0.1:8443".into()),
            ..Endpoint::default()
        },
        owner: "ada@example.com".into(),
        created_at: at(1),
    }
}

#[tokio::test]
async fn every_noun_comes_out_as_it_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (_, environment, service) = furnish(&store).await;
    let account = account();
    let key = SshKey {
        id: nth!(SshKeyId, 1u32),
        name: Name::parse("laptop").unwrap(),
        public: "ssh-ed25519 AAAA".into(),
        created_at: at(1),
    };
    let server = Server {
        id: nth!(ServerId, 1u32),
        name: Name::parse("web-1").unwrap(),
        account_id: Some(account.id),
        provider_ref: Some("4711".into()),
        region: Some("fra1".into()),
        size: None,
        price_cents_month: Some(600),
        ssh: Some(SshTarget {
            host: "10.0.0.1".into(),
            port: 22,
            user: "root".into(),
            host_key: "ssh-ed25519 BBBB".into(),
            key_id: key.id,
            proxy: None,
        }),
        reserved_ip: Some("203.0.113.7".into()),
        state: ServerState::Ready,
        recipe_hash: None,
        created_at: at(1),
    };
    let configuration = Configuration {
        id: nth!(ConfigurationId, 1u32),
        name: Name::parse("small").unwrap(),
        spec: ServiceSpec::default(),
        variables: vec![(VariableName::parse("MODE").unwrap(), "a \"b\" 'c'\n".into())],
        created_at: at(1),
    };
    let certificate = Certificate {
        id: nth!(CertificateId, 1u32),
        account_id: account.id,
        provider_ref: "c1".into(),
        hosts: vec!["app.example.com".into()],
        chain_pem: "-----BEGIN".into(),
        expires_at: at(1),
    };
    let domain = Domain {
        id: nth!(DomainId, 1u32),
        environment_id: environment.id,
        service_id: service.id,
        host: HostName::parse("app.example.com").unwrap(),
        account_id: account.id,
        zone_ref: "z1".into(),
        certificate_id: Some(certificate.id),
        created_at: at(1),
    };
    let snapshot = BaseSnapshot {
        id: nth!(SnapshotId, 1u32),
        account_id: account.id,
        provider_ref: "9".into(),
        recipe_hash: "abc".into(),
        regions: vec!["fra1".into()],
        size_bytes: 1 << 40,
        min_disk_gib: 25,
        created_at: at(1),
    };
    let deployment = deployment(1, &environment, &service);
    let release = Release {
        id: nth!(ReleaseId, 1u32),
        environment_id: environment.id,
        service_id: service.id,
        deployment_id: deployment.id,
        number: 1,
        image: ImageRef::parse(&format!("web:deploy_1@sha256:{}", "a".repeat(64))).unwrap(),
        image_bytes: 1 << 33,
        source: Source::Git {
            url: "https://git.example.com/a.git".into(),
            reference: GitReference::Branch("main; rm -rf /".into()),
            folder: String::new(),
        },
        provenance: Provenance::default(),
        spec: ServiceSpec::default(),
        variables: Vec::new(),
        created_at: at(1),
    };
    let job = job(1, "t");
    let mut step = step(&job);
    step.output = json!("a text, not an object");
    step.status = StepStatus::Done;

    let mut write = store.write().await.unwrap();
    write.put(&account).await.unwrap();
    write.put(&key).await.unwrap();
    write.put(&server).await.unwrap();
    write.put(&configuration).await.unwrap();
    write.put_certificate(&certificate, "sealed").await.unwrap();
    write.put(&domain).await.unwrap();
    write.put(&snapshot).await.unwrap();
    write.put(&deployment).await.unwrap();
    write.put(&release).await.unwrap();
    write.put_plan(&plan(0)).await.unwrap();
    write
        .enqueue(&job, std::slice::from_ref(&step))
        .await
        .unwrap();
    let entry = write
        .audit(
            nth!(AuditId, 1u32),
            "server.create",
            "server:1",
            json!(null),
        )
        .await
        .unwrap();
    write.commit().await.unwrap();

    assert_eq!(store.get(&account.id).await.unwrap(), Some(account));
    assert_eq!(store.get(&key.id).await.unwrap(), Some(key));
    assert_eq!(
        store.server_by_name(&server.name).await.unwrap(),
        Some(server)
    );
    assert_eq!(
        store.get(&configuration.id).await.unwrap(),
        Some(configuration)
    );
    assert_eq!(
        store
            .certificate_key(certificate.id)
            .await
            .unwrap()
            .unwrap(),
        "sealed"
    );
    assert_eq!(
        store.get::<Certificate>(&certificate.id).await.unwrap(),
        Some(certificate)
    );
    assert_eq!(
        store.domain_by_host(&domain.host).await.unwrap(),
        Some(domain)
    );
    assert_eq!(
        store.snapshots_of(snapshot.account_id).await.unwrap(),
        [snapshot]
    );
    assert_eq!(store.get(&deployment.id).await.unwrap(), Some(deployment));
    let releases = store.releases_of(environment.id, service.id, None, 9).await;
    assert_eq!(releases.unwrap(), [release]);
    assert_eq!(store.steps(job.id).await.unwrap(), [step.clone()]);
    let of_step = StepRef {
        job_id: job.id,
        number: 0,
    };
    assert_eq!(store.get::<JobStep>(&of_step).await.unwrap(), Some(step));
    assert_eq!(store.get::<Job>(&job.id).await.unwrap(), Some(job));
    assert_eq!(
        store.plan::<String>(plan(0).id).await.unwrap(),
        Some(plan(0))
    );
    assert_eq!(store.get(&entry.id).await.unwrap(), Some(entry));
    assert_eq!(store.all::<Environment>().await.unwrap(), [environment]);
    assert_eq!(store.all::<Service>().await.unwrap(), [service]);
}

#[tokio::test]
async fn a_change_logs_only_the_cells_that_changed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (mut project, ..) = furnish(&store).await;
    let before = store.last_seq().await.unwrap();

    let mut write = store.write().await.unwrap();
    write.put(&project).await.unwrap();
    assert_eq!(
        write.commit().await.unwrap(),
        before,
        "nothing changed, nothing logged"
    );

    project.name = Name::parse("renamed").unwrap();
    let mut write = store.write().await.unwrap();
    write.put(&project).await.unwrap();
    let seq = write.commit().await.unwrap();
    let changes = store.changes_since(before, 10).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].seq, seq);
    assert_eq!(changes[0].act, ChangeAct::Updated);
    assert_eq!(changes[0].cells, json!({"name": "renamed"}));
    assert_eq!(changes[0].author, "ada@laptop");
    let history = store.history::<Project>(&project.id).await.unwrap();
    assert_eq!(history.len(), 2);
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut write = store.write().await.unwrap();
    write.put(&project(1)).await.unwrap();
    drop(write);
    assert_eq!(store.all::<Project>().await.unwrap(), []);
    assert_eq!(store.last_seq().await.unwrap(), 0);
}

#[tokio::test]
async fn a_name_is_taken_until_its_owner_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first = project(1);
    let mut second = project(2);
    second.name = first.name.clone();
    let mut write = store.write().await.unwrap();
    write.put(&first).await.unwrap();
    match write.put(&second).await {
        Err(StoreError::Taken { noun, what }) => assert_eq!((&*noun, &*what), ("projects", "name")),
        other => panic!("{other:?}"),
    }
    write.delete::<Project>(&first.id).await.unwrap();
    write.put(&second).await.unwrap();
    assert!(matches!(
        write.put(&first).await,
        Err(StoreError::Deleted { .. })
    ));
    assert!(
        write.restore::<Project>(&first.id).await.is_err(),
        "the name is taken now"
    );
    write.commit().await.unwrap();
    assert_eq!(
        store.project_by_name(&first.name).await.unwrap(),
        Some(second)
    );
    assert_eq!(store.get::<Project>(&first.id).await.unwrap(), None);
    assert_eq!(
        store.get_any::<Project>(&first.id).await.unwrap(),
        Some(first)
    );
}

#[tokio::test]
async fn a_row_cannot_refer_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut write = store.write().await.unwrap();
    let answer = write.put(&service(1, &project(1))).await;
    assert!(matches!(
        answer,
        Err(StoreError::MissingReference {
            noun: "services",
            ..
        })
    ));
}

#[tokio::test]
async fn a_secret_variable_shows_no_value_and_keeps_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (_, environment, service) = furnish(&store).await;
    let mut variable = Variable {
        id: nth!(VariableId, 1u32),
        environment_id: environment.id,
        service_id: service.id,
        name: VariableName::parse("TOKEN").unwrap(),
        value: Some("plain".into()),
        secret: false,
        updated_at: at(1),
    };
    let first = variable.id;
    let mut write = store.write().await.unwrap();
    write.set_variable(&variable, None).await.unwrap();
    variable.id = nth!(VariableId, 2u32);
    variable.value = None;
    variable.secret = true;
    assert_eq!(
        write.set_variable(&variable, Some("SEALED")).await.unwrap(),
        first
    );
    write.commit().await.unwrap();

    let all = store
        .variables_of(environment.id, service.id)
        .await
        .unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].id, &all[0].value, all[0].secret),
        (first, &None, true)
    );
    let values = store
        .variable_values(environment.id, service.id)
        .await
        .unwrap();
    assert_eq!(values[0].value, VariableValue::Sealed("SEALED".into()));
    assert_eq!(
        store.sealed_variable(first).await.unwrap().unwrap(),
        "SEALED"
    );

    let mut write = store.write().await.unwrap();
    assert!(
        write.set_variable(&variable, None).await.is_err(),
        "a secret without its seal"
    );
}

#[tokio::test]
async fn a_release_never_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (_, environment, service) = furnish(&store).await;
    let deployment = deployment(1, &environment, &service);
    let mut write = store.write().await.unwrap();
    write.put(&deployment).await.unwrap();
    assert_eq!(
        write.latest_deployment_id().await.unwrap(),
        Some(deployment.id)
    );
    assert_eq!(
        write
            .next_release_number(environment.id, service.id)
            .await
            .unwrap(),
        1
    );
    let mut release = Release {
        id: nth!(ReleaseId, 1u32),
        environment_id: environment.id,
        service_id: service.id,
        deployment_id: deployment.id,
        number: 1,
        image: ImageRef::parse(&format!("web@sha256:{}", "a".repeat(64))).unwrap(),
        image_bytes: 1,
        source: service.source.clone(),
        provenance: Provenance::default(),
        spec: ServiceSpec::default(),
        variables: Vec::new(),
        created_at: at(1),
    };
    write.put(&release).await.unwrap();
    assert_eq!(
        write
            .next_release_number(environment.id, service.id)
            .await
            .unwrap(),
        2
    );
    release.image_bytes = 2;
    assert!(matches!(
        write.put(&release).await,
        Err(StoreError::Immutable { .. })
    ));
    write.delete::<Release>(&release.id).await.unwrap();
    write.restore::<Release>(&release.id).await.unwrap();
}

#[tokio::test]
async fn a_deployment_follows_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (_, environment, service) = furnish(&store).await;
    let mut job = job(1, "t");
    let deployment = deployment(1, &environment, &service);
    let mut write = store.write().await.unwrap();
    write.put(&deployment).await.unwrap();
    write.commit().await.unwrap();
    enqueue(&store, &job).await.unwrap();
    assert_eq!(
        store.serving(environment.id, service.id).await.unwrap(),
        None
    );

    job.status = JobStatus::Succeeded;
    job.finished_at = Some(at(9));
    let mut write = store.write().await.unwrap();
    write.put_job(&job).await.unwrap();
    write.commit().await.unwrap();
    let serving = store
        .serving(environment.id, service.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (serving.id, serving.finished_at),
        (deployment.id, Some(at(9)))
    );
    assert_eq!(
        store.deployment_of_job(job.id).await.unwrap(),
        Some(serving)
    );
}
