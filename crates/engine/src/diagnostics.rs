//! What somebody needs to know who helps from afar: how Plimsoll is set up and what went wrong
//! lately. No secret, no variable, no log of an application.

use crate::{
    Engine, Result,
    projects::source_token_entry,
    seal::Place,
    world::{World, words},
};
use plimsoll_domain::{
    dns::Domain,
    project::{Environment, Project, Service, Variable},
    server::{ProviderAccount, Server},
};
use plimsoll_store::{JobFilter, Page};
use serde_json::{Value, json};

/// How many of the last jobs are told.
const JOBS: u32 = 50;
/// How many steps of how many of them: those that did not end well.
const STEPS_OF: usize = 10;

/// Texts by file name, clean of every secret that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The files.
    pub files: Vec<(String, String)>,
}

impl Engine {
    /// Gathers diagnostics; `extra` are further texts, such as the log of the program, which are
    /// cleaned as well.
    pub async fn diagnostics(&self, extra: Vec<(String, String)>) -> Result<Diagnostics> {
        let world = &self.world;
        let all_known = learn_everything(world).await;
        let about = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "system": std::env::consts::OS,
            "processor": std::env::consts::ARCH,
            "written_at": world.now(),
            // Where not, a text that was stored before may show one, so it says so.
            "all_secrets_were_known_to_the_redactor": all_known,
        });
        let mut files = vec![
            ("about.json".to_owned(), about),
            ("settings.json".to_owned(), self.settings_told().await?),
            ("jobs.json".to_owned(), self.jobs_told().await?),
        ]
        .into_iter()
        .map(|(name, value)| (name, format!("{:#}\n", world.redactor.value(value))))
        .collect::<Vec<_>>();
        for (name, text) in extra {
            files.push((name, world.redactor.text(&text).into_owned()));
        }
        Ok(Diagnostics { files })
    }

    async fn settings_told(&self) -> Result<Value> {
        let world = &self.world;
        let accounts: Vec<Value> = world
            .store
            .all::<ProviderAccount>()
            .await?
            .into_iter()
            .map(|account| {
                json!({
                    "id": account.id,
                    "provider": words(account.provider),
                    "endpoint": account.endpoint.url,
                    "through_a_proxy": account.endpoint.proxy.is_some(),
                })
            })
            .collect();
        let servers: Vec<Value> = world
            .store
            .all::<Server>()
            .await?
            .into_iter()
            .map(|server| {
                json!({
                    "id": server.id,
                    "state": server.state,
                    "region": server.region,
                    "size": server.size,
                    "ours": server.account_id.is_some(),
                    "recipe": server.recipe_hash,
                })
            })
            .collect();
        let whereabouts = self.whereabouts().await?;
        Ok(json!({
            "accounts": accounts,
            "servers": servers,
            "projects": world.store.all::<Project>().await?.len(),
            "environments": world.store.all::<Environment>().await?.len(),
            "services": world.store.all::<Service>().await?.len(),
            "domains": world.store.all::<Domain>().await?.len(),
            "releases_kept": world.settings.keep_releases,
            "agent_hash": world.settings.agent_hash,
            "bytes_on_disk": whereabouts.bytes,
            "backups": whereabouts.backups.iter().map(|backup| json!({
                "made_at": backup.made_at, "bytes": backup.bytes,
            })).collect::<Vec<_>>(),
            "notices": self.notices().await?,
        }))
    }

    async fn jobs_told(&self) -> Result<Value> {
        let jobs = self.jobs(&JobFilter::default(), &Page::first(JOBS)).await?;
        let mut told = Vec::new();
        let mut looked_into = 0;
        for job in jobs.items {
            let mut steps = Vec::new();
            if job.error.is_some() && looked_into < STEPS_OF {
                looked_into += 1;
                steps = self.world.store.steps(job.id).await?;
            }
            let steps: Vec<Value> = steps
                .into_iter()
                // What a step found or made is left out: it tells more than how it went.
                .map(|step| {
                    json!({
                        "title": step.title,
                        "status": step.status,
                        "attempt": step.attempt,
                        "error": step.error,
                        "started_at": step.started_at,
                        "finished_at": step.finished_at,
                    })
                })
                .collect();
            told.push(json!({
                "id": job.id,
                "title": job.title,
                "status": job.status,
                "direction": job.direction,
                "error": job.error,
                "created_at": job.created_at,
                "started_at": job.started_at,
                "finished_at": job.finished_at,
                "steps": steps,
            }));
        }
        Ok(Value::Array(told))
    }
}

/// Teaches the redactor every secret that can be had; answers whether that was all.
async fn learn_everything(world: &World) -> bool {
    world.learn_tokens().await;
    let Ok(variables) = world.store.all::<Variable>().await else {
        return false;
    };
    let mut all = true;
    for service in world.store.all::<Service>().await.unwrap_or_default() {
        match world
            .ports
            .keychain
            .get(&source_token_entry(service.id))
            .await
        {
            Ok(Some(token)) => world.redactor.learn(&token),
            Ok(None) => {}
            Err(_) => return false,
        }
    }
    for variable in variables.into_iter().filter(|variable| variable.secret) {
        let place = Place::variable(variable.environment_id, variable.service_id, &variable.name);
        let learned = match world.store.sealed_variable(variable.id).await {
            Ok(Some(sealed)) => world.open_sealed(&place, &sealed).await.is_ok(),
            Ok(None) => true,
            Err(_) => false,
        };
        all &= learned;
        if !learned {
            break;
        }
    }
    all
}
