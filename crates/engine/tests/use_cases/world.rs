//! An engine in a world of its own.

use crate::{cloud::FakeCloud, fakes::*, hosts::Hosts};
use plimsoll_domain::{
    EnvironmentId, JobId, ProviderAccountId, Secret, ServerId, ServiceId,
    job::{Job, JobStatus},
    name::Name,
    server::{Endpoint, Provider},
    service::ServiceSpec,
    source::Source,
};
use plimsoll_engine::{
    ConnectAccount, DeployRequest, Engine, ImageChoice, NewService, Patience, Plan, Ports,
    ProvisionRequest, Result, Settings,
    ports::{Clock, Keychain},
};
use plimsoll_store::{Opening, Store};
use std::sync::Arc;

pub struct World {
    pub engine: Engine,
    pub faults: Arc<Faults>,
    pub hosts: Arc<Hosts>,
    pub cloud: Arc<FakeCloud>,
    pub keychain: Arc<FakeKeychain>,
    pub sources: Arc<FakeSources>,
    pub outside: Arc<FakeOutside>,
    pub folder: tempfile::TempDir,
    clock: Arc<FakeClock>,
}

/// A service in an environment.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    pub environment: EnvironmentId,
    pub service: ServiceId,
}

pub const APP: &str = "/src/app";

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

impl World {
    pub async fn new() -> Self {
        let faults = Arc::new(Faults::default());
        let hosts = Arc::new(Hosts::new(faults.clone()));
        let cloud = Arc::new(FakeCloud {
            state: Default::default(),
            faults: faults.clone(),
            hosts: hosts.clone(),
        });
        let keychain = Arc::new(FakeKeychain::default());
        let sources = Arc::new(FakeSources::default());
        let outside = Arc::new(FakeOutside::default());
        let clock = Arc::new(FakeClock::default());
        // In memory where there is such a place: hundreds of stores are made.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let parts = (&faults, &hosts, &cloud, &keychain, &sources, &outside);
        let engine = open(parts, &clock, folder.path(), "a").await;
        Self {
            engine,
            faults,
            hosts,
            cloud,
            keychain,
            sources,
            outside,
            folder,
            clock,
        }
    }

    /// The next process: the same store, keychain and outside world.
    pub async fn reopen(&mut self) {
        let parts = (
            &self.faults,
            &self.hosts,
            &self.cloud,
            &self.keychain,
            &self.sources,
            &self.outside,
        );
        self.engine = open(parts, &self.clock, self.folder.path(), "a").await;
    }

    pub async fn account(&self, provider: Provider, text: &str) -> ProviderAccountId {
        let wanted = ConnectAccount {
            provider,
            name: name(text),
            endpoint: Endpoint::default(),
            token: Secret::new(format!("token-of-{text}-canary")),
        };
        self.engine
            .connect_account(wanted)
            .await
            .unwrap()
            .account
            .id
    }

    pub fn provision(&self, account_id: ProviderAccountId, text: &str) -> ProvisionRequest {
        ProvisionRequest {
            name: name(text),
            account_id,
            region: "fra1".to_owned(),
            size: "small".to_owned(),
            image: ImageChoice::Base,
            tags: vec![],
            open_ports: vec![],
        }
    }

    /// Servers that were provisioned.
    pub async fn servers(&self, names: &[&str]) -> Vec<ServerId> {
        let account = match self.engine.account_named(&name("do")).await {
            Ok(account) => account.id,
            Err(_) => self.account(Provider::Digitalocean, "do").await,
        };
        let mut ids = Vec::new();
        for text in names {
            let plan = self
                .engine
                .plan_provision(self.provision(account, text))
                .await;
            self.succeed(plan.unwrap()).await;
            ids.push(self.engine.server_named(&name(text)).await.unwrap().id);
        }
        ids
    }

    /// `shop/production/web` from a folder, on these servers.
    pub async fn service(&self, servers: Vec<ServerId>, spec: ServiceSpec) -> Spot {
        self.sources
            .put(APP, &[("Dockerfile", "FROM scratch"), ("main", "one")]);
        let project = self.engine.create_project(name("shop")).await.unwrap().id;
        let environment = self
            .engine
            .create_environment(project, name("production"), servers)
            .await
            .unwrap()
            .id;
        let new = NewService {
            project_id: project,
            name: name("web"),
            source: Source::Folder {
                path: APP.to_owned(),
            },
            spec,
        };
        let service = self.engine.create_service(new).await.unwrap().id;
        Spot {
            environment,
            service,
        }
    }

    /// Changes the one line that there is.
    pub fn edit(&self, text: &str) {
        self.sources
            .put(APP, &[("Dockerfile", "FROM scratch"), ("main", text)]);
    }

    pub async fn plan_deploy(&self, spot: Spot) -> Result<Plan> {
        self.engine
            .plan_deploy(DeployRequest {
                environment_id: spot.environment,
                service_id: spot.service,
                reference: None,
                configuration_id: None,
                version: None,
            })
            .await
    }

    pub async fn deploy(&self, spot: Spot) -> Job {
        let plan = self.plan_deploy(spot).await.unwrap();
        self.run(plan).await
    }

    pub async fn run(&self, plan: Plan) -> Job {
        let receipt = self.engine.approve(plan.id).await.unwrap();
        self.engine.run(receipt.id).await.unwrap()
    }

    pub async fn succeed(&self, plan: Plan) -> JobId {
        let job = self.run(plan).await;
        assert_eq!(job.status, JobStatus::Succeeded, "{:?}", job.error);
        job.id
    }

    /// What serves on the machine with this address: the text of the one line is in its image.
    pub fn serves(&self, address: &str) -> Option<String> {
        self.hosts.with(address, |host| {
            host.serves("shop-production-web")
                .map(|ran| ran.deploy.image.digest().to_owned())
        })
    }
}

type Parts<'a> = (
    &'a Arc<Faults>,
    &'a Arc<Hosts>,
    &'a Arc<FakeCloud>,
    &'a Arc<FakeKeychain>,
    &'a Arc<FakeSources>,
    &'a Arc<FakeOutside>,
);

async fn open(
    (_, hosts, cloud, keychain, sources, outside): Parts<'_>,
    clock: &Arc<FakeClock>,
    folder: &std::path::Path,
    device: &str,
) -> Engine {
    let time = clock.clone();
    let store = Store::open(Opening {
        folder: folder.join("store"),
        new_device: device.to_owned(),
        author: "me@here".to_owned(),
        now: Arc::new(move || time.now()),
    })
    .await
    .unwrap();
    let ports = Ports {
        clock: clock.clone(),
        keychain: keychain.clone() as Arc<dyn Keychain>,
        keys: Arc::new(FakeKeys::default()),
        tokens: Arc::new(FakeTokens),
        compute: cloud.clone(),
        zones: cloud.clone(),
        servers: hosts.clone(),
        agents: hosts.clone(),
        sources: sources.clone(),
        local_docker: Arc::new(FakeDocker),
        local_runs: Arc::new(NoRuns),
        outside: outside.clone(),
        folders: Arc::new(FakeFolders),
        canvases: Arc::new(NoCanvases),
    };
    let settings = Settings {
        folder: folder.join("cache"),
        owner: "me@here".to_owned(),
        agent_hash: "agent".to_owned(),
        keep_releases: 3,
        patience: Patience::default(),
    };
    Engine::open(ports, store, settings).await.unwrap()
}
