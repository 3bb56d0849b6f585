//! Work that must not go on at the same time although it has different targets: an environment is
//! not removed beside a job on one of its services.

use crate::{
    Engine, Result,
    deploy::{
        DeployRequest, ReconfigureRequest, RemoveEnvironmentRequest, RemoveServiceRequest,
        RestartRequest, RollbackRequest,
    },
    domains::{DomainAddRequest, DomainRemoveRequest},
    error::EngineError,
    intent::{Intent, environment_target, service_target},
    world::World,
};
use plimsoll_domain::{
    dns::Domain,
    job::{Job, JobStatus},
    project::Environment,
};
use plimsoll_store::{JobFilter, Page};

/// How many unfinished jobs of one target and status an error names.
const NAMED: u32 = 10;

impl Intent {
    /// Targets of the jobs that have to be over before this is put in line. What is gone already
    /// has none.
    async fn apart_from(&self, world: &World) -> Result<Vec<String>> {
        match self {
            Intent::RemoveEnvironment(RemoveEnvironmentRequest { environment_id, .. }) => {
                let Some(environment) = world.store.get::<Environment>(environment_id).await?
                else {
                    return Ok(Vec::new());
                };
                let services = world.store.services_of(environment.project_id).await?;
                Ok(services
                    .iter()
                    .map(|service| service_target(environment.id, service.id))
                    .collect())
            }
            Intent::Deploy(DeployRequest { environment_id, .. })
            | Intent::Reconfigure(ReconfigureRequest { environment_id, .. })
            | Intent::Rollback(RollbackRequest { environment_id, .. })
            | Intent::Restart(RestartRequest { environment_id, .. })
            | Intent::RemoveService(RemoveServiceRequest { environment_id, .. })
            | Intent::DomainAdd(DomainAddRequest { environment_id, .. }) => {
                Ok(vec![environment_target(*environment_id)])
            }
            Intent::DomainRemove(DomainRemoveRequest { domain_id }) => {
                let domain = world.store.get::<Domain>(domain_id).await?;
                Ok(domain
                    .map(|domain| environment_target(domain.environment_id))
                    .into_iter()
                    .collect())
            }
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
            | Intent::Run(_) => Ok(Vec::new()),
        }
    }
}

impl Engine {
    /// Refuses what would run beside an unfinished job that it must be kept apart from. Whoever
    /// holds the store's write transaction meanwhile can rely on the answer until it ends.
    ///
    /// # Errors
    /// `environment_busy` with the jobs in the way.
    pub(crate) async fn refuse_beside(&self, intent: &Intent) -> Result<()> {
        let mut in_the_way = Vec::new();
        for target in intent.apart_from(&self.world).await? {
            for status in [
                JobStatus::Running,
                JobStatus::Interrupted,
                JobStatus::Queued,
            ] {
                let filter = JobFilter {
                    status: Some(status),
                    target: Some(target.clone()),
                    ..JobFilter::default()
                };
                let found = self.world.store.jobs(&filter, &Page::first(NAMED)).await?;
                in_the_way.extend(found.items);
            }
        }
        if in_the_way.is_empty() {
            return Ok(());
        }
        let message = match intent {
            Intent::RemoveEnvironment(_) => {
                "The environment is not removed while jobs on its services are not over."
            }
            _ => "The environment of this service is being removed.",
        };
        Err(EngineError::conflict("environment_busy", message)
            .evidence(in_the_way.iter().map(named))
            .next_step(
                "Wait for these jobs or cancel them; resume or undo those that were interrupted. \
                 Then plan again.",
            ))
    }
}

fn named(job: &Job) -> String {
    let status = match job.status {
        JobStatus::Queued => "queued",
        JobStatus::Running => "running",
        JobStatus::Interrupted => "interrupted",
        JobStatus::Succeeded => "succeeded",
        JobStatus::Failed => "failed",
        JobStatus::Cancelled => "cancelled",
    };
    format!("job {} ({status}): {}", job.id, job.title)
}
