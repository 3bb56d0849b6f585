//! The change log is enough to make the rows again, and edits of two copies merge.

use super::world::*;
use crate::{Store, nouns::SYNCED, table::cells_in};
use plimsoll_domain::{
    AuditId, ServerId, VariableId,
    change::Change,
    job::JobStatus,
    name::{Name, VariableName},
    project::{Environment, Project, Service, Variable},
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// All synced rows, tombstones too.
async fn dump(store: &Store) -> Value {
    let mut tables = serde_json::Map::new();
    for table in SYNCED {
        let rows = sqlx::query(table.dump)
            .fetch_all(&mut *store.reader().await.unwrap())
            .await
            .unwrap();
        let rows = rows
            .iter()
            .map(|row| Value::Object(cells_in(table, row).unwrap()));
        tables.insert(table.name.into(), rows.collect());
    }
    Value::Object(tables)
}

#[derive(Debug, Clone)]
enum Act {
    PutProject(u32, u8),
    DeleteProject(u32),
    RestoreProject(u32),
    PutEnvironment(u32, u32, Vec<u8>),
    PutService(u32, u32, u16, String),
    DeleteService(u32),
    SetVariable(u32, u32, u8, Option<String>),
    Enqueue(u32, u8),
    EndJob(u32, bool),
    Audit(String),
    /// The transaction so far is taken back.
    Abandon,
    Commit,
}

fn act() -> impl Strategy<Value = Act> {
    let id = 0..4u32;
    prop_oneof![
        (id.clone(), 0..6u8).prop_map(|(p, name)| Act::PutProject(p, name)),
        id.clone().prop_map(Act::DeleteProject),
        id.clone().prop_map(Act::RestoreProject),
        (
            id.clone(),
            id.clone(),
            prop::collection::vec(any::<u8>(), 0..3)
        )
            .prop_map(|(e, p, servers)| Act::PutEnvironment(e, p, servers)),
        (id.clone(), id.clone(), any::<u16>(), ".{0,12}")
            .prop_map(|(s, p, port, path)| Act::PutService(s, p, port, path)),
        id.clone().prop_map(Act::DeleteService),
        (id.clone(), id.clone(), 0..3u8, prop::option::of(".{0,12}"))
            .prop_map(|(e, s, name, value)| Act::SetVariable(e, s, name, value)),
        (0..6u32, 0..3u8).prop_map(|(j, target)| Act::Enqueue(j, target)),
        (0..6u32, any::<bool>()).prop_map(|(j, well)| Act::EndJob(j, well)),
        ".{0,12}".prop_map(Act::Audit),
        Just(Act::Abandon),
        Just(Act::Commit),
    ]
}

/// Does all acts; those that the store refuses are refused, as they would be for anybody.
async fn perform(store: &Store, acts: &[Act]) {
    let mut write = store.write().await.unwrap();
    for (number, act) in (0u32..).zip(acts) {
        let refused = match act {
            Act::PutProject(p, name) => {
                let mut project = project(*p);
                project.name = Name::parse(&format!("name-{name}")).unwrap();
                write.put(&project).await.is_err()
            }
            Act::DeleteProject(p) => write.delete::<Project>(&project(*p).id).await.is_err(),
            Act::RestoreProject(p) => write.restore::<Project>(&project(*p).id).await.is_err(),
            Act::PutEnvironment(e, p, servers) => {
                let mut environment = environment(*e, &project(*p));
                environment.server_ids = servers
                    .iter()
                    .map(|server| nth!(ServerId, u32::from(*server)))
                    .collect();
                write.put(&environment).await.is_err()
            }
            Act::PutService(s, p, port, path) => {
                let mut service = service(*s, &project(*p));
                service.spec.port = Some(*port);
                service.spec.command = vec![path.clone()];
                write.put(&service).await.is_err()
            }
            Act::DeleteService(s) => write
                .delete::<Service>(&service(*s, &project(0)).id)
                .await
                .is_err(),
            Act::SetVariable(e, s, name, value) => {
                let variable = Variable {
                    id: nth!(VariableId, number),
                    environment_id: environment(*e, &project(0)).id,
                    service_id: service(*s, &project(0)).id,
                    name: VariableName::parse(&format!("V{name}")).unwrap(),
                    value: value.clone(),
                    secret: value.is_none(),
                    updated_at: at(number),
                };
                let sealed = value.is_none().then_some("SEALED");
                write.set_variable(&variable, sealed).await.is_err()
            }
            Act::Enqueue(j, target) => {
                write.put_plan(&plan(0)).await.unwrap();
                let job = job(*j, &format!("t{target}"));
                write.enqueue(&job, &[step(&job)]).await.is_err()
            }
            Act::EndJob(j, well) => {
                match write
                    .get::<plimsoll_domain::job::Job>(&job(*j, "").id)
                    .await
                    .unwrap()
                {
                    Some(mut job) => {
                        job.status = if *well {
                            JobStatus::Succeeded
                        } else {
                            JobStatus::Interrupted
                        };
                        job.finished_at = Some(at(number));
                        write.put_job(&job).await.is_err()
                    }
                    None => true,
                }
            }
            Act::Audit(text) => {
                let details = json!({"text": text, "null": null});
                write
                    .audit(nth!(AuditId, number), "a", text, details)
                    .await
                    .is_err()
            }
            Act::Abandon => {
                drop(write);
                write = store.write().await.unwrap();
                false
            }
            Act::Commit => {
                write.commit().await.unwrap();
                write = store.write().await.unwrap();
                false
            }
        };
        // Whether it was refused does not matter here; that nothing of it stays does.
        let _ = refused;
    }
    write.commit().await.unwrap();
}

async fn everything(store: &Store) -> Vec<Change> {
    store.changes_since(0, u32::MAX).await.unwrap()
}

async fn receive(store: &Store, changes: &[Change]) {
    let mut write = store.write().await.unwrap();
    write.receive(changes).await.unwrap();
    write.commit().await.unwrap();
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_change_log_makes_the_same_rows_again(acts in prop::collection::vec(act(), 1..60)) {
        block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = open(&folder.path().join("a")).await;
            perform(&store, &acts).await;
            let changes = everything(&store).await;
            let copy = try_open(&folder.path().join("b"), "device-b").await.unwrap();
            receive(&copy, &changes).await;
            assert_eq!(dump(&copy).await, dump(&store).await);
            // A change that comes twice changes nothing.
            receive(&copy, &changes).await;
            assert_eq!(dump(&copy).await, dump(&store).await);
            assert_eq!(everything(&copy).await, changes);
        });
    }
}

#[tokio::test]
async fn edits_of_different_cells_merge_and_of_the_same_cell_the_later_wins() {
    let folder = tempfile::tempdir().unwrap();
    let a = open(&folder.path().join("a")).await;
    let b = try_open(&folder.path().join("b"), "device-b")
        .await
        .unwrap();
    let (_, environment, service) = furnish(&a).await;
    receive(&b, &everything(&a).await).await;

    let edit = |store: Store, change: fn(&mut Service)| {
        let id = service.id;
        async move {
            let mut write = store.write().await.unwrap();
            let mut service: Service = write.need(&id).await.unwrap();
            change(&mut service);
            write.put(&service).await.unwrap();
            write.commit().await.unwrap();
        }
    };
    edit(a.clone(), |service| {
        service.name = Name::parse("from-a").unwrap()
    })
    .await;
    edit(b.clone(), |service| service.spec.port = Some(1)).await;
    edit(b.clone(), |service| {
        service.name = Name::parse("from-b").unwrap()
    })
    .await;
    // The clock of b has witnessed that of a, and ticked once more: its name is the later one.
    let (of_a, of_b) = (everything(&a).await, everything(&b).await);
    receive(&a, &of_b).await;
    receive(&b, &of_a).await;
    let merged: Service = a.need(&service.id).await.unwrap();
    assert_eq!(merged.name.as_str(), "from-b");
    assert_eq!(merged.spec.port, Some(1));
    assert_eq!(dump(&a).await, dump(&b).await);
    let history = a.history::<Service>(&service.id).await.unwrap();
    let names: Vec<&Value> = history.iter().filter_map(|c| c.cells.get("name")).collect();
    assert_eq!(
        names,
        ["service-0", "from-a", "from-b"],
        "the loser is kept"
    );
    assert!(
        a.get::<Environment>(&environment.id)
            .await
            .unwrap()
            .is_some()
    );
}
