//! Our own side: the engine with all its adapters, as a shell opens it, kept open.

use crate::{
    Done,
    app::{App, PORT},
    cloud::{IMAGE, REGION, SIZE},
    line::Line,
    site::Site,
};
use plimsoll_adapters::{Settings, desktop};
use plimsoll_domain::{
    EnvironmentId, ProviderAccountId, Secret, ServerId, ServiceId,
    dns::HostName,
    job::{Job, JobStatus},
    name::Name,
    server::{Endpoint, Provider},
    service::{HealthCheck, Probe, ServiceSpec},
    source::Source,
};
use plimsoll_engine::{
    BaseSnapshotRequest, ConnectAccount, DeployRequest, DestroyRequest, DestroyTarget,
    DomainAddRequest, DomainRemoveRequest, Engine, ImageChoice, NewService, Plan, ProvisionRequest,
    RemoveEnvironmentRequest, RollbackRequest,
};
use plimsoll_lab::{api::Credentials, practice::Running};
use plimsoll_protocol::Deployed;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// An engine at work on a practice cloud.
pub struct Ours {
    /// Our site, at the server's door.
    pub site: Site,
    engine: Engine,
    home: PathBuf,
    app: App,
    account: ProviderAccountId,
    server: ServerId,
    environment: EnvironmentId,
    service: ServiceId,
}

impl Ours {
    /// Connects the accounts, provisions a server, deploys the sample application and gives it a
    /// name with HTTPS; nothing of this is timed.
    pub async fn prepare(running: &Running, line: &Arc<Line>, folder: &Path) -> Done<Self> {
        let home = folder.join("home");
        let engine = open(&home).await?;
        let credentials = Credentials::read(&running.api)?;
        let endpoint = Endpoint {
            url: Some(running.digitalocean_url.clone()),
            ca_pem: Some(fs::read_to_string(&running.ca)?),
            proxy: Some(format!("socks5h://{}", line.socks().await?)),
            resolver: None,
        };
        let token = Secret::new(credentials.digitalocean_token);
        let account = connect(&engine, Provider::Digitalocean, endpoint, token).await?;
        let endpoint = Endpoint {
            url: Some(running.cloudflare_url.clone()),
            ca_pem: Some(fs::read_to_string(&running.ca)?),
            proxy: None,
            resolver: Some(format!("{}:53", running.resolver)),
        };
        let token = Secret::new(credentials.cloudflare_token);
        let zones = connect(&engine, Provider::Cloudflare, endpoint, token).await?;

        let server = provision(&engine, account, "bench", stock()).await?;
        let project = engine.create_project(Name::parse("bench")?).await?.id;
        let name = Name::parse("production")?;
        let environment = engine
            .create_environment(project, name, vec![server])
            .await?
            .id;
        let app = App::copy_to(&folder.join("app"))?;
        let service = NewService {
            project_id: project,
            name: Name::parse("web")?,
            source: Source::Folder {
                path: app.folder.display().to_string(),
            },
            spec: spec(),
        };
        let service = engine.create_service(service).await?.id;
        // Another run on the same practice cloud may have been cut off.
        let host = format!("bench-{}.{}", std::process::id(), credentials.zone);
        let (address, authority) = (
            address(&engine, server).await?,
            origin_authority(running).await?,
        );
        let ours = Self {
            site: Site::over_tls(SocketAddr::new(address, 443), &host, &authority)?,
            engine,
            home,
            app,
            account,
            server,
            environment,
            service,
        };
        ours.deploy().await?;
        let domain = DomainAddRequest {
            host: HostName::parse(&host)?,
            environment_id: environment,
            service_id: service,
            account_id: zones,
            replace: None,
        };
        carry_out(&ours.engine, ours.engine.plan_domain_add(domain).await?).await?;
        Ok(ours)
    }

    /// Opens the engine anew, so that its next request needs a connection of its own.
    pub async fn reconnect(&mut self) -> Done {
        self.engine.close().await?;
        self.engine = open(&self.home).await?;
        // The account's token opens the vault, so that what is timed is the connection.
        self.engine.test_account(self.account).await?;
        Ok(())
    }

    /// Makes the change that [`Ours::deploy`] brings to the server; not timed.
    pub fn make_ready(&self, version: u32) -> Done {
        self.app.set_version(version)
    }

    /// From the click to the end of the job.
    pub async fn deploy(&self) -> Done {
        let request = DeployRequest {
            environment_id: self.environment,
            service_id: self.service,
            reference: None,
            configuration_id: None,
            version: None,
        };
        carry_out(&self.engine, self.engine.plan_deploy(request).await?).await?;
        Ok(())
    }

    /// Goes to an earlier release, or a later one again; answers how the server did it.
    pub async fn roll_back(&self, release: u32) -> Done<Deployed> {
        let request = RollbackRequest {
            environment_id: self.environment,
            service_id: self.service,
            to: Some(release),
        };
        let plan = self.engine.plan_rollback(request).await?;
        let job = carry_out(&self.engine, plan).await?;
        let steps = self.engine.steps(job.id).await?;
        // A held deployment answers twice, and switches the second time.
        let answers = steps.into_iter().rev().map(|step| step.output);
        let mut deployed = answers.filter_map(|output| serde_json::from_value(output).ok());
        deployed
            .next()
            .ok_or_else(|| "no step of a rollback says how it switched".into())
    }

    /// Numbers of the last two releases, the older one first.
    pub async fn last_two(&self) -> Done<[u32; 2]> {
        let releases = self.engine.releases(self.environment, self.service).await?;
        match releases.as_slice() {
            [newest, older, ..] => Ok([older.number, newest.number]),
            _ => Err("there are fewer than two releases".into()),
        }
    }

    /// Lets the next releases keep their predecessor warm, or stop it after a second.
    pub async fn keep_warm(&self, warm: bool) -> Done {
        let mut spec = spec();
        if !warm {
            (spec.keep_warm_ms, spec.drain_ms) = (0, 1_000);
        }
        self.engine
            .update_service(self.service, None, Some(spec))
            .await?;
        Ok(())
    }

    /// Provisions a server from the stock image or from the base snapshot; the caller takes the
    /// time from the click until it can be deployed to.
    pub async fn boot(&self, name: &str, from_base: bool) -> Done<ServerId> {
        let image = if from_base {
            ImageChoice::Base
        } else {
            stock()
        };
        provision(&self.engine, self.account, name, image).await
    }

    /// Makes the base snapshot.
    pub async fn make_base_snapshot(&self) -> Done {
        let request = BaseSnapshotRequest {
            account_id: self.account,
            region: REGION.to_owned(),
            size: SIZE.to_owned(),
        };
        let plan = self.engine.plan_base_snapshot(request).await?;
        carry_out(&self.engine, plan).await?;
        Ok(())
    }

    /// Destroys a server.
    pub async fn destroy(&self, server_id: ServerId) -> Done {
        let request = DestroyRequest {
            target: DestroyTarget::Server { server_id },
            force: None,
        };
        carry_out(&self.engine, self.engine.plan_destroy(request).await?).await?;
        Ok(())
    }

    /// Resident memory of the agent on our server, bytes.
    pub async fn agent_memory_bytes(&self) -> Done<u64> {
        let status = self.engine.server_status(self.server).await?;
        Ok(status.machine.agent_memory_bytes)
    }

    /// Leaves nothing behind on the cloud.
    pub async fn end(self) -> Done {
        for domain in self.engine.domains().await? {
            let request = DomainRemoveRequest {
                domain_id: domain.id,
            };
            let plan = self.engine.plan_domain_remove(request).await?;
            carry_out(&self.engine, plan).await?;
        }
        let request = RemoveEnvironmentRequest {
            environment_id: self.environment,
            volumes: true,
        };
        let plan = self.engine.plan_remove_environment(request).await?;
        carry_out(&self.engine, plan).await?;
        self.destroy(self.server).await?;
        Ok(self.engine.close().await?)
    }
}

async fn open(home: &Path) -> Done<Engine> {
    let settings = Settings {
        home: Some(home.to_owned()),
        ..Settings::default()
    };
    Ok(desktop(settings).await?)
}

async fn connect(
    engine: &Engine,
    provider: Provider,
    endpoint: Endpoint,
    token: Secret,
) -> Done<ProviderAccountId> {
    let name = match provider {
        Provider::Digitalocean => "servers",
        Provider::Cloudflare => "names",
    };
    let wanted = ConnectAccount {
        provider,
        name: Name::parse(name)?,
        endpoint,
        token,
    };
    Ok(engine.connect_account(wanted).await?.account.id)
}

fn stock() -> ImageChoice {
    ImageChoice::Stock(IMAGE.to_owned())
}

fn spec() -> ServiceSpec {
    ServiceSpec {
        port: Some(PORT),
        health: HealthCheck {
            probe: Probe::Http {
                path: "/healthz".to_owned(),
                statuses: Vec::new(),
            },
            ..HealthCheck::default()
        },
        ..ServiceSpec::default()
    }
}

async fn provision(
    engine: &Engine,
    account: ProviderAccountId,
    name: &str,
    image: ImageChoice,
) -> Done<ServerId> {
    let name = Name::parse(name)?;
    let request = ProvisionRequest {
        name: name.clone(),
        account_id: account,
        region: REGION.to_owned(),
        size: SIZE.to_owned(),
        image,
        tags: Vec::new(),
        open_ports: Vec::new(),
    };
    carry_out(engine, engine.plan_provision(request).await?).await?;
    Ok(engine.server_named(&name).await?.id)
}

async fn address(engine: &Engine, id: ServerId) -> Done<std::net::IpAddr> {
    let servers = engine.servers().await?;
    let server = servers.into_iter().find(|server| server.id == id);
    let target = server
        .and_then(|server| server.ssh)
        .ok_or("the server has no address")?;
    Ok(target.host.parse()?)
}

/// The authority that signs the certificates between Cloudflare and a server.
async fn origin_authority(running: &Running) -> Done<String> {
    let answer = running.control("GET", "/origin-ca", None).await?;
    let pem = answer["certificate"]
        .as_str()
        .ok_or("the practice cloud has no Origin CA")?;
    Ok(pem.to_owned())
}

/// Runs exactly that plan to its end.
async fn carry_out(engine: &Engine, plan: Plan) -> Done<Job> {
    let job = engine.run(engine.approve(plan.id).await?.id).await?;
    if job.status != JobStatus::Succeeded {
        let failure = job
            .error
            .map_or_else(String::new, |failure| format!("{failure:?}"));
        return Err(format!("{} is {:?}: {failure}", job.title, job.status).into());
    }
    Ok(job)
}
