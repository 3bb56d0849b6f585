//! What the engine keeps of a practice cloud, and forgets with it.

use crate::{Engine, Result, error::EngineError, ports::token_entry};
use plimsoll_domain::{
    ProviderAccountId,
    dns::{Certificate, Domain},
    job::JobStatus,
    project::Environment,
    server::{BaseSnapshot, ProviderAccount, Server, ServerState},
};

impl Engine {
    /// Forgets what was in a practice cloud that was wiped: its servers count as destroyed, its
    /// names and accounts are gone. What ran there stays in history.
    ///
    /// # Errors
    /// `jobs_underway` while something runs.
    pub async fn forget_practice(&self) -> Result<()> {
        let world = &self.world;
        let underway = self.jobs_underway().await?;
        if let Some(job) = underway.iter().find(|job| job.status == JobStatus::Running) {
            return Err(EngineError::conflict(
                "jobs_underway",
                "Something still runs, so nothing was forgotten.",
            )
            .evidence([job.title.clone()])
            .next_step("Wait until it has ended, or cancel it."));
        }
        let accounts: Vec<ProviderAccount> = self.accounts().await?;
        let practice: Vec<ProviderAccountId> = accounts
            .iter()
            .filter(|account| account.endpoint.is_practice())
            .map(|account| account.id)
            .collect();
        let mut gone = Vec::new();
        let mut write = world.store.write().await?;
        for mut server in world.store.all::<Server>().await? {
            if server.account_id.is_some_and(|id| practice.contains(&id)) {
                server.state = ServerState::Destroyed;
                write.put(&server).await?;
                gone.push(server.id);
            }
        }
        for mut environment in world.store.all::<Environment>().await? {
            if environment.server_ids.iter().any(|id| gone.contains(id)) {
                environment.server_ids.retain(|id| !gone.contains(id));
                write.put(&environment).await?;
            }
        }
        for domain in world.store.all::<Domain>().await? {
            if practice.contains(&domain.account_id) {
                write.delete::<Domain>(&domain.id).await?;
            }
        }
        for certificate in world.store.all::<Certificate>().await? {
            if practice.contains(&certificate.account_id) {
                write.delete::<Certificate>(&certificate.id).await?;
            }
        }
        for snapshot in world.store.all::<BaseSnapshot>().await? {
            if practice.contains(&snapshot.account_id) {
                write.delete::<BaseSnapshot>(&snapshot.id).await?;
            }
        }
        for id in &practice {
            write.delete::<ProviderAccount>(id).await?;
        }
        self.audited(
            &mut write,
            "practice.forget",
            "practice".to_owned(),
            serde_json::json!({"accounts": practice.len(), "servers": gone.len()}),
        )
        .await?;
        write.commit().await?;
        for id in practice {
            world.ports.keychain.delete(&token_entry(id)).await?;
        }
        Ok(())
    }
}
