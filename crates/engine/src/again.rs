//! Asking the same question again: a plan whose world has moved on is made anew.

use crate::{Engine, Plan, Result, engine::intent_of, intent::Intent};
use plimsoll_domain::PlanId;

impl Engine {
    /// Makes a plan again from what was asked for then, for the world as it is now.
    ///
    /// # Errors
    /// `plan_unknown`, and whatever making such a plan refuses.
    pub async fn plan_again(&self, id: PlanId) -> Result<Plan> {
        match intent_of(&self.plan(id).await?)? {
            Intent::Provision(request) => self.plan_provision(request).await,
            Intent::Adopt(request) => self.plan_adopt(request).await,
            Intent::Prepare { server_id } => self.plan_prepare(server_id).await,
            Intent::Reboot { server_id } => self.plan_reboot(server_id).await,
            Intent::Power(request) => self.plan_power(request).await,
            Intent::Snapshot(request) => self.plan_snapshot(request).await,
            Intent::ReserveIp { server_id } => self.plan_reserve_ip(server_id).await,
            Intent::ReleaseIp { server_id } => self.plan_release_ip(server_id).await,
            Intent::Destroy(request) => self.plan_destroy(request).await,
            Intent::BaseSnapshot(request) => self.plan_base_snapshot(request).await,
            Intent::DeleteBaseSnapshot { snapshot_id } => {
                self.plan_delete_base_snapshot(snapshot_id).await
            }
            Intent::DeleteSnapshot(request) => self.plan_delete_snapshot(request).await,
            Intent::Deploy(request) => self.plan_deploy(request).await,
            Intent::Reconfigure(request) => self.plan_reconfigure(request).await,
            Intent::Rollback(request) => self.plan_rollback(request).await,
            Intent::Restart(request) => self.plan_restart(request).await,
            Intent::RemoveService(request) => self.plan_remove_service(request).await,
            Intent::RemoveEnvironment(request) => self.plan_remove_environment(request).await,
            Intent::DomainAdd(request) => self.plan_domain_add(request).await,
            Intent::DomainRemove(request) => self.plan_domain_remove(request).await,
            Intent::Run(request) => self.plan_run(request).await,
        }
    }
}
