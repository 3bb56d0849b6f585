//! The newcomer's tour: what exists of it, and the plans that it proposes. They are the same plans
//! as everybody's, and wait for the same approval.

use crate::{
    DeployRequest, DomainAddRequest, DomainVisit, Engine, ImageChoice, NewService, Place, Plan,
    ProvisionRequest, Receipt, Result, RollbackRequest, error::EngineError, intent::service_target,
};
use plimsoll_domain::{
    DomainId, ServiceId,
    dns::{Domain, HostName},
    job::Job,
    name::Name,
    project::{Environment, Project, Service},
    server::{Provider, ProviderAccount, Server, ServerState},
    service::{HealthCheck, Probe, ServiceSpec},
    source::Source,
    tour::{SampleState, TourDeployment, TourFacts, TourJob, TourStep, TourStepId, steps},
};
use plimsoll_store::{DeploymentFilter, JobFilter, Page};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The setting that keeps what cannot be derived.
const ENTRY: &str = "tour";
/// What the tour names its server, its project and its name.
const SERVER: &str = "ship";
const PROJECT: &str = "hello";
/// The sample listens here, and says here how it is.
const PORT: u16 = 8000;
const HEALTH_PATH: &str = "/healthz";
/// How long the sample may take until its first good answer, ms.
const HEALTH_START_MS: u64 = 10_000;
/// How far back deployments and jobs are looked at.
const HISTORY: u32 = 100;

/// What the tour stands on besides the store: the practice cloud and the sample's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TourGround {
    /// Whether the practice cloud runs.
    pub practice_runs: bool,
    /// The folder of the sample application.
    pub folder: PathBuf,
    /// What its files say.
    pub sample: SampleState,
}

/// Where somebody stands in the tour, and what exists of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tour {
    /// All steps, first to last.
    pub steps: Vec<TourStep>,
    /// Whether somebody put it away.
    pub hidden: bool,
    /// The practice account that rents servers.
    pub compute: Option<ProviderAccount>,
    /// The practice account that answers for names.
    pub zones: Option<ProviderAccount>,
    /// The server.
    pub server: Option<Server>,
    /// The sample's service in its environment.
    pub place: Option<Place>,
    /// The name that leads to it.
    pub domain: Option<Domain>,
}

/// What no row tells.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Notes {
    visited: Option<DomainId>,
    hidden: bool,
}

impl Engine {
    /// Where somebody stands in the tour.
    pub async fn tour(&self, ground: &TourGround) -> Result<Tour> {
        self.find_the_dead().await?;
        let notes = self.tour_notes().await?;
        let compute = self.practice_account(Provider::Digitalocean).await?;
        let zones = self.practice_account(Provider::Cloudflare).await?;
        let server = match &compute {
            Some(account) => self.practice_server(account).await?,
            None => None,
        };
        let place = self.sample_place(ground, server.as_ref()).await?;
        let mut facts = TourFacts {
            practice_runs: ground.practice_runs,
            accounts: compute.is_some() && zones.is_some(),
            server: server.as_ref().map(|server| server.state),
            server_job: self.server_job(server.as_ref()).await?,
            sample: ground.sample,
            service: place.is_some(),
            ..TourFacts::default()
        };
        let mut domain = None;
        if let Some(place) = &place {
            facts.deployments = self.sample_deployments(place, server.as_ref()).await?;
            facts.domain_job = self.domain_job(place).await?;
            let store = &self.world.store;
            let domains = store
                .domains_of(place.environment.id, place.service.id)
                .await?;
            domain = domains
                .into_iter()
                .find(|domain| domain.certificate_id.is_some());
            facts.domain = domain.is_some() && !facts.domain_job.is_some_and(|job| is_active(&job));
            let seen = |domain: &Domain| notes.visited == Some(domain.id);
            facts.visited = domain.as_ref().is_some_and(seen);
        }
        Ok(Tour {
            steps: steps(&facts),
            hidden: notes.hidden,
            compute,
            zones,
            server,
            place,
            domain,
        })
    }

    /// The plan that a step of the tour proposes.
    ///
    /// # Errors
    /// `tour_step_early` when an earlier step has to come first; `tour_step_without_plan` for steps
    /// that need none; otherwise as the plan's own use case.
    pub async fn plan_tour(&self, ground: &TourGround, step: TourStepId) -> Result<Plan> {
        let tour = self.tour(ground).await?;
        match step {
            TourStepId::Server => {
                let account = tour.compute.ok_or_else(|| early("connect the accounts"))?;
                self.plan_tour_server(&account).await
            }
            TourStepId::Deploy | TourStepId::Refused | TourStepId::Live => {
                let place = tour.place.ok_or_else(|| early("create the project"))?;
                let request = DeployRequest {
                    environment_id: place.environment.id,
                    service_id: place.service.id,
                    reference: None,
                    configuration_id: None,
                    version: None,
                };
                self.plan_deploy(request).await
            }
            TourStepId::Domain => {
                let account = tour.zones.ok_or_else(|| early("connect the accounts"))?;
                let place = tour.place.ok_or_else(|| early("create the project"))?;
                let request = DomainAddRequest {
                    host: self.tour_host(&account).await?,
                    environment_id: place.environment.id,
                    service_id: place.service.id,
                    account_id: account.id,
                    replace: None,
                };
                self.plan_domain_add(request).await
            }
            TourStepId::RollBack => {
                let place = tour.place.ok_or_else(|| early("create the project"))?;
                let request = RollbackRequest {
                    environment_id: place.environment.id,
                    service_id: place.service.id,
                    to: None,
                };
                self.plan_rollback(request).await
            }
            TourStepId::Practice
            | TourStepId::Accounts
            | TourStepId::Project
            | TourStepId::Visit
            | TourStepId::Break
            | TourStepId::Mistake => Err(EngineError::bad_input(
                "tour_step_without_plan",
                "This step of the tour needs no plan.",
            )),
        }
    }

    /// Creates the project, its environment and the service of the sample, as far as they are not
    /// there.
    pub async fn create_sample(&self, ground: &TourGround) -> Result<Receipt<ServiceId>> {
        let tour = self.tour(ground).await?;
        let server = tour.server.ok_or_else(|| early("provision a server"))?;
        if let Some(place) = tour.place {
            let receipt = self
                .set_environment_servers(place.environment.id, vec![server.id])
                .await?;
            return Ok(Receipt {
                id: place.service.id,
                seq: receipt.seq,
            });
        }
        let source = Source::Folder {
            path: ground.folder.to_string_lossy().into_owned(),
        };
        let project = self.sample_project(&source).await?;
        let environment = Name::suggest("production");
        let found = self.environments(project).await?;
        match found.iter().find(|known| known.name == environment) {
            Some(known) => {
                self.set_environment_servers(known.id, vec![server.id])
                    .await?;
            }
            None => {
                self.create_environment(project, environment, vec![server.id])
                    .await?;
            }
        }
        let there = self.services(project).await?;
        if let Some(service) = there.into_iter().find(|service| service.source == source) {
            let seq = self.last_seq().await?;
            return Ok(Receipt {
                id: service.id,
                seq,
            });
        }
        self.create_service(NewService {
            project_id: project,
            name: Name::suggest("web"),
            source,
            spec: sample_spec(),
        })
        .await
    }

    /// Looks at the tour's site from outside; an answer counts as having seen it.
    pub async fn visit_tour(&self, domain: DomainId) -> Result<DomainVisit> {
        let visit = self.visit_domain(domain, "/").await?;
        if visit.https.is_ok() {
            let mut notes = self.tour_notes().await?;
            notes.visited = Some(domain);
            self.keep_tour_notes(&notes).await?;
        }
        Ok(visit)
    }

    /// Puts the tour away, or takes it out again.
    pub async fn hide_tour(&self, hidden: bool) -> Result<()> {
        let mut notes = self.tour_notes().await?;
        notes.hidden = hidden;
        self.keep_tour_notes(&notes).await
    }

    async fn tour_notes(&self) -> Result<Notes> {
        let kept = self.world.store.setting(ENTRY).await?;
        Ok(kept
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    async fn keep_tour_notes(&self, notes: &Notes) -> Result<()> {
        let text = serde_json::to_string(notes)
            .map_err(|error| EngineError::internal("internal", error.to_string()))?;
        let mut write = self.world.store.write().await?;
        write.set_setting(ENTRY, &text).await?;
        write.commit().await?;
        Ok(())
    }

    async fn practice_account(&self, provider: Provider) -> Result<Option<ProviderAccount>> {
        let accounts = self.accounts().await?;
        Ok(accounts
            .into_iter()
            .find(|account| account.provider == provider && account.endpoint.is_practice()))
    }

    /// The server that is furthest.
    async fn practice_server(&self, account: &ProviderAccount) -> Result<Option<Server>> {
        let servers = self.servers().await?;
        Ok(servers
            .into_iter()
            .filter(|server| server.account_id == Some(account.id))
            .filter(|server| server.state != ServerState::Destroyed)
            .min_by_key(|server| match server.state {
                ServerState::Ready => 0,
                ServerState::Provisioning => 1,
                ServerState::Off | ServerState::Destroyed => 2,
            }))
    }

    /// The service whose source is the sample's folder, where it runs on that server.
    async fn sample_place(
        &self,
        ground: &TourGround,
        server: Option<&Server>,
    ) -> Result<Option<Place>> {
        for project in self.projects().await? {
            let services = self.services(project.id).await?;
            let Some(service) = services.into_iter().find(|service| {
                matches!(&service.source, Source::Folder { path }
                    if std::path::Path::new(path) == ground.folder)
            }) else {
                continue;
            };
            let environments: Vec<Environment> = self.environments(project.id).await?;
            let runs_there = |environment: &Environment| {
                server.is_some_and(|server| environment.server_ids.contains(&server.id))
            };
            if let Some(environment) = environments.into_iter().find(runs_there) {
                return Ok(Some(Place {
                    project,
                    environment,
                    service,
                }));
            }
        }
        Ok(None)
    }

    /// The project for the sample: one that was begun for it, else a new one under a free name.
    async fn sample_project(&self, source: &Source) -> Result<plimsoll_domain::ProjectId> {
        let projects: Vec<Project> = self.projects().await?;
        for project in &projects {
            let services: Vec<Service> = self.services(project.id).await?;
            let begun = services.is_empty() && project.name.as_str() == PROJECT;
            if begun || services.iter().any(|service| service.source == *source) {
                return Ok(project.id);
            }
        }
        let name = free_name(PROJECT, |name| {
            projects.iter().any(|project| project.name == *name)
        });
        Ok(self.create_project(name).await?.id)
    }

    async fn plan_tour_server(&self, account: &ProviderAccount) -> Result<Plan> {
        let offers = self.offers(account.id).await?;
        let size = offers
            .sizes
            .iter()
            .filter(|size| size.available && !size.regions.is_empty())
            .min_by_key(|size| size.price_cents_month)
            .ok_or_else(|| {
                EngineError::not_found("no_size", "The practice cloud offers no server.")
                    .next_step("Start it again.")
            })?;
        self.plan_provision(ProvisionRequest {
            name: self.tour_server_name().await?,
            account_id: account.id,
            region: size.regions.first().cloned().unwrap_or_default(),
            size: size.slug.clone(),
            image: ImageChoice::Base,
            tags: Vec::new(),
            open_ports: Vec::new(),
        })
        .await
    }

    async fn tour_server_name(&self) -> Result<Name> {
        let servers = self.servers().await?;
        Ok(free_name(SERVER, |name| {
            servers
                .iter()
                .any(|server| server.name == *name && server.state != ServerState::Destroyed)
        }))
    }

    async fn tour_host(&self, account: &ProviderAccount) -> Result<HostName> {
        let zones = self.zones(account.id).await?;
        let zone = zones.first().ok_or_else(|| {
            EngineError::not_found("zone_unknown", "The practice cloud keeps no zone.")
                .next_step("Start it again.")
        })?;
        HostName::parse(&format!("{PROJECT}.{}", zone.name))
            .map_err(|error| EngineError::bad_input("invalid_host_name", error.to_string()))
    }

    async fn server_job(&self, server: Option<&Server>) -> Result<Option<TourJob>> {
        let name = match server {
            Some(server) => server.name.clone(),
            None => self.tour_server_name().await?,
        };
        let jobs = self.jobs_on(format!("server:{name}"), 1).await?;
        Ok(jobs.first().map(tour_job))
    }

    /// The last job of the service that was no deployment.
    async fn domain_job(&self, place: &Place) -> Result<Option<TourJob>> {
        let target = service_target(place.environment.id, place.service.id);
        for job in self.jobs_on(target, HISTORY).await? {
            if self.deployment_of_job(job.id).await?.is_none() {
                return Ok(Some(tour_job(&job)));
            }
        }
        Ok(None)
    }

    async fn jobs_on(&self, target: String, limit: u32) -> Result<Vec<Job>> {
        let filter = JobFilter {
            target: Some(target),
            ..JobFilter::default()
        };
        Ok(self
            .world
            .store
            .jobs(&filter, &Page::first(limit))
            .await?
            .items)
    }

    /// Those to this server, oldest first: an earlier practice cloud may have had others.
    async fn sample_deployments(
        &self,
        place: &Place,
        server: Option<&Server>,
    ) -> Result<Vec<TourDeployment>> {
        let filter = DeploymentFilter {
            environment: Some(place.environment.id),
            service: Some(place.service.id),
            ..DeploymentFilter::default()
        };
        let page = Page::first(HISTORY);
        let newest_first = self.world.store.deployments(&filter, &page).await?.items;
        Ok(newest_first
            .into_iter()
            .rev()
            .filter(|deployment| {
                server.is_some_and(|server| deployment.server_ids.contains(&server.id))
            })
            .map(|deployment| TourDeployment {
                job: TourJob {
                    id: deployment.job_id,
                    status: deployment.status,
                },
                kind: deployment.kind,
            })
            .collect())
    }
}

fn tour_job(job: &Job) -> TourJob {
    TourJob {
        id: job.id,
        status: job.status,
    }
}

fn is_active(job: &TourJob) -> bool {
    !job.status.is_final()
}

fn sample_spec() -> ServiceSpec {
    ServiceSpec {
        port: Some(PORT),
        health: HealthCheck {
            probe: Probe::Http {
                path: HEALTH_PATH.to_owned(),
                statuses: Vec::new(),
            },
            start_ms: HEALTH_START_MS,
            ..HealthCheck::default()
        },
        ..ServiceSpec::default()
    }
}

/// The name itself, else the first with a number that nobody has.
fn free_name(wanted: &str, is_taken: impl Fn(&Name) -> bool) -> Name {
    std::iter::once(Name::suggest(wanted))
        .chain((2..).map(|number: u32| Name::suggest(&format!("{wanted}-{number}"))))
        .find(|name| !is_taken(name))
        .unwrap_or_else(|| Name::suggest(wanted))
}

fn early(first: &str) -> EngineError {
    EngineError::conflict(
        "tour_step_early",
        format!("This step of the tour comes later: first {first}."),
    )
    .next_step("Do the steps in their order.")
}
