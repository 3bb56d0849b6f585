//! Looking at servers: figures, what would be lost, terminals, their own logs.

use crate::world::{World, name};
use async_trait::async_trait;
use futures::StreamExt;
use plimsoll_domain::{
    form::{FieldKind, FormKind, server},
    server::Provider,
    service::{ServiceSpec, Volume},
};
use plimsoll_engine::{
    AuditFilter, BaseSnapshotRequest, DeleteSnapshotRequest, Ending, Journal, Page,
    ProvisionRequest, Sighting, SnapshotRequest, Viewer,
    ports::{Progress, ScreenSize},
};
use plimsoll_protocol::LogStream;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

const SIZE: ScreenSize = ScreenSize {
    columns: 80,
    rows: 24,
};

#[tokio::test]
async fn a_server_that_does_not_answer_is_away_and_delays_no_other() {
    let world = World::new().await;
    let ids = world.servers(&["web-1", "web-2"]).await;
    let gone = world.engine.server_named(&name("web-2")).await.unwrap();
    let address = gone.ssh.unwrap().host;
    world
        .hosts
        .with(&address, |host| host.host_key = "other".to_owned());
    let mut figures = world.engine.watch_servers(ids.clone(), 1_000);
    let (mut well, mut away) = (0, 0);
    while well < 3 || away < 3 {
        let one = figures.next().await.unwrap();
        match one.seen {
            Sighting::Well { agent_current, .. } => {
                assert_eq!(one.server_id, ids[0]);
                assert!(agent_current);
                well += 1;
            }
            Sighting::Away { failure } => {
                assert_eq!(one.server_id, ids[1]);
                assert_eq!(failure.code, "ssh_host_key_changed");
                away += 1;
            }
        }
    }
}

#[tokio::test]
async fn what_goes_with_a_server_is_known_before_it_is_destroyed() {
    let world = World::new().await;
    let ids = world.servers(&["web-1", "web-2"]).await;
    let spec = ServiceSpec {
        volumes: vec![Volume {
            name: name("data"),
            path: "/data".to_owned(),
        }],
        ..ServiceSpec::default()
    };
    let spot = world.service(vec![ids[0]], spec).await;
    let before = world.engine.losses(ids[0]).await.unwrap();
    assert!(before.takes_force && before.is_machine && before.can_snapshot);
    assert!(
        before.services.is_empty(),
        "nothing was deployed: {before:?}"
    );
    world.deploy(spot).await;
    let losses = world.engine.losses(ids[0]).await.unwrap();
    assert_eq!(losses.name, "web-1");
    assert_eq!(losses.services, ["shop/production/web"]);
    assert_eq!(losses.volumes, ["shop/production/web: /data"]);
    assert_eq!(losses.price_cents_month, Some(600));
    world
        .engine
        .set_environment_servers(spot.environment, ids.clone())
        .await
        .unwrap();
    let losses = world.engine.losses(ids[0]).await.unwrap();
    assert!(losses.services.is_empty());
    assert_eq!(losses.services_elsewhere, ["shop/production/web"]);
    let other = world.engine.losses(ids[1]).await.unwrap();
    assert!(!other.can_snapshot || other.takes_force);
}

#[tokio::test]
async fn a_base_snapshot_is_known_among_the_images_of_its_account() {
    let world = World::new().await;
    world.servers(&["web-1"]).await;
    let account_id = world.engine.account_named(&name("do")).await.unwrap().id;
    let request = BaseSnapshotRequest {
        account_id,
        region: "fra1".to_owned(),
        size: "small".to_owned(),
    };
    let plan = world.engine.plan_base_snapshot(request).await.unwrap();
    world.succeed(plan).await;
    let images = world.engine.snapshots(account_id).await.unwrap();
    assert_eq!(images.len(), 1);
    assert!(images[0].base_id.is_some() && !images[0].outdated);
}

#[tokio::test]
async fn a_snapshot_of_a_server_goes_when_its_name_is_repeated_and_a_base_does_not() {
    let world = World::new().await;
    let server_id = world.servers(&["web-1"]).await[0];
    let account_id = world.engine.account_named(&name("do")).await.unwrap().id;
    let base = BaseSnapshotRequest {
        account_id,
        region: "fra1".to_owned(),
        size: "small".to_owned(),
    };
    let plan = world.engine.plan_base_snapshot(base).await.unwrap();
    world.succeed(plan).await;
    let taken = SnapshotRequest {
        server_id,
        label: Some(name("before")),
    };
    let plan = world.engine.plan_snapshot(taken).await.unwrap();
    world.succeed(plan).await;
    let all = world.engine.snapshots(account_id).await.unwrap();
    let (bases, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.base_id.is_some());
    let request = |disk: &plimsoll_engine::ports::DiskSnapshot, name: &str| DeleteSnapshotRequest {
        account_id,
        snapshot_ref: disk.id.clone(),
        name: name.to_owned(),
    };
    let refused = async |request| {
        let planned = world.engine.plan_delete_snapshot(request).await;
        planned.unwrap_err().code().to_owned()
    };
    let (base, disk) = (&bases[0].disk, &others[0].disk);
    assert_eq!(refused(request(base, &base.name)).await, "snapshot_is_base");
    assert_eq!(refused(request(disk, "web-1")).await, "name_differs");
    let unknown = DeleteSnapshotRequest {
        snapshot_ref: "0".to_owned(),
        ..request(disk, &disk.name)
    };
    assert_eq!(refused(unknown).await, "snapshot_unknown");

    let plan = world.engine.plan_delete_snapshot(request(disk, &disk.name));
    world.succeed(plan.await.unwrap()).await;
    let left = world.engine.snapshots(account_id).await.unwrap();
    assert_eq!(left, bases);
    let filter = AuditFilter {
        act: Some("snapshot.delete".to_owned()),
        ..AuditFilter::default()
    };
    let noted = world.engine.audit(&filter, &Page::default()).await.unwrap();
    assert_eq!(noted.items[0].details["name"], disk.name.as_str());
}

/// Keeps what a terminal shows.
struct Seen(mpsc::UnboundedSender<Result<Vec<u8>, Ending>>);

#[async_trait]
impl Viewer for Seen {
    async fn show(&self, bytes: Vec<u8>) {
        let _ = self.0.send(Ok(bytes));
    }
    fn ended(&self, ending: Ending) {
        let _ = self.0.send(Err(ending));
    }
}

#[tokio::test]
async fn a_terminal_is_audited_when_it_opens_and_when_it_ends() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let open = || {
        world
            .engine
            .open_terminal(ids[0], SIZE, Arc::new(Seen(sender.clone())))
    };
    let terminal = open().await.unwrap();
    terminal.write(b"ls").await;
    assert_eq!(seen.recv().await.unwrap(), Ok(b"ls".to_vec()));
    terminal.write(b"exit").await;
    assert_eq!(seen.recv().await.unwrap(), Err(Ending::Left(Some(3))));
    let terminal = open().await.unwrap();
    terminal.close();
    assert_eq!(seen.recv().await.unwrap(), Err(Ending::Closed));
    let acts = || async {
        let filter = AuditFilter::default();
        let page = world.engine.audit(&filter, &Page::default()).await.unwrap();
        page.items
            .into_iter()
            .filter(|entry| entry.act.starts_with("terminal."))
            .map(|entry| (entry.act, entry.details["how"].clone()))
            .collect::<Vec<_>>()
    };
    // The entry follows the end that was told.
    while acts().await.len() < 4 {
        tokio::task::yield_now().await;
    }
    let acts = acts().await;
    assert_eq!(acts[0], ("terminal.close".to_owned(), "closed".into()));
    assert_eq!(acts[2], ("terminal.close".to_owned(), "left".into()));
    assert_eq!(acts[3].0, "terminal.open");
}

struct Lines(Mutex<Vec<String>>);

impl Progress for Lines {
    fn line(&self, _: LogStream, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

#[tokio::test]
async fn a_servers_own_log_comes_without_our_secrets() {
    let world = World::new().await;
    let ids = world.servers(&["web-1"]).await;
    let lines = Arc::new(Lines(Mutex::default()));
    world
        .engine
        .follow_journal(ids[0], Journal::Agent, 10, false, lines.clone())
        .await
        .unwrap();
    assert_eq!(*lines.0.lock().unwrap(), ["a line of ***"]);
}

#[tokio::test]
async fn a_server_is_rented_by_the_form_that_its_account_offers() {
    let world = World::new().await;
    let account = world.account(Provider::Digitalocean, "do").await;
    let about = account.to_string();
    let opened = world
        .engine
        .open_form(FormKind::Server, &about)
        .await
        .unwrap();
    let mut values = opened.values;
    assert_eq!(values.get("image"), "base");
    let region = values.get("region").to_owned();
    let size = format!("size_{region}");
    let field = opened.form.field(&size).unwrap();
    let FieldKind::Choice { options } = &field.kind else {
        panic!("{field:?}")
    };
    assert!(options[0].label.contains("$6.00 a month"), "{options:?}");
    values.set("name", "web-9");
    world
        .engine
        .keep_draft(FormKind::Server, &about, &values)
        .await
        .unwrap();
    let again = world
        .engine
        .open_form(FormKind::Server, &about)
        .await
        .unwrap();
    assert_eq!(again.draft.unwrap().get("name"), "web-9");
    let wish = server::read(&values).unwrap();
    let plan = world
        .engine
        .plan_provision(ProvisionRequest::of(wish, account))
        .await;
    assert_eq!(plan.unwrap().price_cents_month(), 600);
}
