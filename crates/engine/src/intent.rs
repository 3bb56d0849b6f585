//! What was asked for, kept with its plan: the same question is asked again before it runs.

use crate::{
    Engine, Plan, Result,
    action::Action,
    deploy::{
        DeployRequest, ReconfigureRequest, RemoveEnvironmentRequest, RemoveServiceRequest,
        RestartRequest, RollbackRequest,
    },
    domains::{DomainAddRequest, DomainRemoveRequest},
    error::EngineError,
    runs::{self, RunRequest},
    servers::{
        AdoptRequest, BaseSnapshotRequest, DeleteSnapshotRequest, DestroyRequest, DestroyTarget,
        PowerRequest, ProvisionRequest, SnapshotRequest,
    },
    steps::Prepared,
    world::World,
};
use plimsoll_domain::{
    EnvironmentId, PlanId, ServerId, ServiceId, SnapshotId,
    dns::Domain,
    job::{OnFailure, Queue},
    plan::hash_of,
    project::Service,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that can be planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Intent {
    Provision(ProvisionRequest),
    Adopt(AdoptRequest),
    Prepare { server_id: ServerId },
    Reboot { server_id: ServerId },
    Power(PowerRequest),
    Snapshot(SnapshotRequest),
    ReserveIp { server_id: ServerId },
    ReleaseIp { server_id: ServerId },
    Destroy(DestroyRequest),
    BaseSnapshot(BaseSnapshotRequest),
    DeleteBaseSnapshot { snapshot_id: SnapshotId },
    DeleteSnapshot(DeleteSnapshotRequest),
    Deploy(DeployRequest),
    Reconfigure(ReconfigureRequest),
    Rollback(RollbackRequest),
    Restart(RestartRequest),
    RemoveService(RemoveServiceRequest),
    RemoveEnvironment(RemoveEnvironmentRequest),
    DomainAdd(DomainAddRequest),
    DomainRemove(DomainRemoveRequest),
    Run(RunRequest),
}

impl Intent {
    /// Looks at the world as the planner did.
    pub async fn observe(&self, world: &World) -> Result<Value> {
        use crate::{deploy, domains, servers};
        match self {
            Intent::Provision(request) => seen(servers::observe_provision(world, request).await?),
            Intent::Adopt(request) => seen(servers::observe_adopt(world, request).await?),
            Intent::Prepare { server_id }
            | Intent::Reboot { server_id }
            | Intent::Power(PowerRequest { server_id, .. })
            | Intent::Snapshot(SnapshotRequest { server_id, .. }) => {
                seen(servers::observe_server(world, *server_id).await?)
            }
            Intent::ReserveIp { server_id } | Intent::ReleaseIp { server_id } => {
                seen(servers::observe_reserved(world, *server_id).await?)
            }
            Intent::Destroy(request) => seen(servers::observe_destroy(world, request).await?),
            Intent::BaseSnapshot(request) => seen(servers::observe_base(world, request).await?),
            Intent::DeleteBaseSnapshot { snapshot_id } => {
                seen(servers::observe_delete_base(world, *snapshot_id).await?)
            }
            Intent::DeleteSnapshot(request) => {
                seen(servers::observe_delete_snapshot(world, request).await?)
            }
            Intent::Deploy(request) => seen(deploy::observe_deploy(world, request).await?),
            Intent::Reconfigure(request) => {
                seen(deploy::observe_reconfigure(world, request).await?)
            }
            Intent::Rollback(request) => seen(deploy::observe_rollback(world, request).await?),
            Intent::Restart(request) => seen(deploy::observe_restart(world, request).await?),
            Intent::RemoveService(request) => seen(deploy::observe_remove(world, request).await?),
            Intent::RemoveEnvironment(request) => {
                seen(deploy::observe_remove_environment(world, request).await?)
            }
            Intent::DomainAdd(request) => seen(domains::observe_add(world, request).await?),
            Intent::DomainRemove(request) => seen(domains::observe_remove(world, request).await?),
            Intent::Run(request) => seen(runs::observe(world, request).await?),
        }
    }

    /// The line its job stands in.
    pub fn queue(&self) -> Queue {
        match self {
            Intent::Deploy(_)
            | Intent::Reconfigure(_)
            | Intent::Rollback(_)
            | Intent::Restart(_)
            | Intent::RemoveService(_)
            | Intent::RemoveEnvironment(_)
            | Intent::DomainAdd(_)
            | Intent::DomainRemove(_) => Queue::Deploy,
            Intent::Provision(_)
            | Intent::Adopt(_)
            | Intent::Prepare { .. }
            | Intent::Reboot { .. }
            | Intent::Power(_)
            | Intent::Snapshot(_)
            | Intent::ReserveIp { .. }
            | Intent::ReleaseIp { .. }
            | Intent::Destroy(_)
            | Intent::DeleteBaseSnapshot { .. }
            | Intent::DeleteSnapshot(_) => Queue::Default,
            Intent::BaseSnapshot(_) | Intent::Run(_) => Queue::Build,
        }
    }

    /// Whether its plan tells the whole of what shall be, so that it takes back what a job before
    /// it in line has done: the names of a site, the release that serves.
    pub fn follows_others(&self) -> bool {
        match self {
            Intent::Reconfigure(_)
            | Intent::Rollback(_)
            | Intent::Restart(_)
            | Intent::DomainAdd(_)
            | Intent::DomainRemove(_) => true,
            Intent::Provision(_)
            | Intent::Adopt(_)
            | Intent::Prepare { .. }
            | Intent::Reboot { .. }
            | Intent::Power(_)
            | Intent::Snapshot(_)
            | Intent::ReserveIp { .. }
            | Intent::ReleaseIp { .. }
            | Intent::Destroy(_)
            | Intent::BaseSnapshot(_)
            | Intent::DeleteBaseSnapshot { .. }
            | Intent::DeleteSnapshot(_)
            | Intent::Deploy(_)
            | Intent::RemoveService(_)
            | Intent::RemoveEnvironment(_)
            | Intent::Run(_) => false,
        }
    }

    /// What must not be worked on twice at once.
    ///
    /// # Errors
    /// `not_found` when the domain that is to be removed is gone.
    pub async fn target(&self, world: &World) -> Result<String> {
        let service = |environment: &EnvironmentId, service: &ServiceId| {
            service_target(*environment, *service)
        };
        Ok(match self {
            Intent::Provision(request) => format!("server:{}", request.name),
            Intent::Adopt(request) => format!("server:{}", request.name),
            Intent::Prepare { server_id }
            | Intent::Reboot { server_id }
            | Intent::Power(PowerRequest { server_id, .. })
            | Intent::Snapshot(SnapshotRequest { server_id, .. })
            | Intent::ReserveIp { server_id }
            | Intent::ReleaseIp { server_id }
            | Intent::Destroy(DestroyRequest {
                target: DestroyTarget::Server { server_id },
                ..
            }) => format!("server:{server_id}"),
            Intent::Destroy(DestroyRequest {
                target: DestroyTarget::Machine { account_id, name },
                ..
            }) => format!("machine:{name}@{account_id}"),
            Intent::BaseSnapshot(request) => {
                format!("base:{}@{}", request.region, request.account_id)
            }
            Intent::DeleteBaseSnapshot { snapshot_id } => format!("base:{snapshot_id}"),
            Intent::DeleteSnapshot(request) => {
                format!("snapshot:{}@{}", request.snapshot_ref, request.account_id)
            }
            Intent::Deploy(request) => service(&request.environment_id, &request.service_id),
            Intent::Reconfigure(request) => service(&request.environment_id, &request.service_id),
            Intent::Rollback(request) => service(&request.environment_id, &request.service_id),
            Intent::Restart(request) => service(&request.environment_id, &request.service_id),
            Intent::RemoveService(request) => service(&request.environment_id, &request.service_id),
            Intent::RemoveEnvironment(request) => environment_target(request.environment_id),
            Intent::DomainAdd(request) => service(&request.environment_id, &request.service_id),
            // Every change of a service's names writes the whole list of its site.
            Intent::DomainRemove(request) => {
                let domain = world.store.need::<Domain>(&request.domain_id).await?;
                service(&domain.environment_id, &domain.service_id)
            }
            Intent::Run(request) => {
                let service = world.store.need::<Service>(&request.service_id).await?;
                runs::target(service.project_id)
            }
        })
    }

    /// What becomes of what is done when a later step fails.
    pub fn on_failure(&self) -> OnFailure {
        match self {
            // Their steps cannot be taken back: trying the rest again is all that is left.
            Intent::Destroy(_)
            | Intent::ReleaseIp { .. }
            | Intent::DeleteBaseSnapshot { .. }
            | Intent::DeleteSnapshot(_)
            | Intent::RemoveService(_)
            | Intent::RemoveEnvironment(_)
            | Intent::Prepare { .. }
            | Intent::Reboot { .. } => OnFailure::Keep,
            Intent::Provision(_)
            | Intent::Adopt(_)
            | Intent::Power(_)
            | Intent::Snapshot(_)
            | Intent::ReserveIp { .. }
            | Intent::BaseSnapshot(_)
            | Intent::Deploy(_)
            | Intent::Reconfigure(_)
            | Intent::Rollback(_)
            | Intent::Restart(_)
            | Intent::DomainAdd(_)
            | Intent::DomainRemove(_)
            | Intent::Run(_) => OnFailure::Undo,
        }
    }
}

/// The target of work on a service in an environment.
pub(crate) fn service_target(environment: EnvironmentId, service: ServiceId) -> String {
    format!("service:{service}@{environment}")
}

/// The target of work on an environment as a whole.
pub(crate) fn environment_target(environment: EnvironmentId) -> String {
    format!("environment:{environment}")
}

fn seen(observed: impl Serialize) -> Result<Value> {
    serde_json::to_value(observed)
        .map_err(|error| EngineError::internal("internal", error.to_string()))
}

impl Engine {
    /// Gives a plan its id and saves it.
    pub(crate) async fn save_plan(
        &self,
        intent: &Intent,
        observed: &impl Serialize,
        prepared: Prepared,
    ) -> Result<Plan> {
        let now = self.world.now();
        let observed = seen(observed)?;
        let plan: Plan = plimsoll_domain::plan::Plan::<Action> {
            id: PlanId::mint(now, self.world.entropy()),
            title: prepared.title,
            steps: prepared.steps,
            notices: prepared.notices,
            intent: seen(intent)?,
            observed_hash: hash_of(&observed),
            observed,
            created_at: now,
        };
        let mut write = self.world.store.write().await?;
        write.put_plan(&plan).await?;
        write.commit().await?;
        Ok(plan)
    }
}
