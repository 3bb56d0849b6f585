//! Logins at providers: verified before they are kept.

use crate::{
    Engine, Receipt, Result,
    error::EngineError,
    ports::{Region, Size, TokenReport, token_entry},
    world::words,
};
use plimsoll_domain::{
    ProviderAccountId, Secret,
    dns::Domain,
    name::Name,
    server::{Endpoint, Provider, ProviderAccount, Server},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A login to be connected.
#[derive(Debug, Clone)]
pub struct ConnectAccount {
    /// The provider.
    pub provider: Provider,
    /// A name for it, unique among accounts.
    pub name: Name,
    /// Where its API answers.
    pub endpoint: Endpoint,
    /// The token.
    pub token: Secret,
}

/// An account that was connected, and what its token turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// The change.
    pub receipt: Receipt<ProviderAccountId>,
    /// The account.
    pub account: ProviderAccount,
    /// What the token is and what it lacks.
    pub report: TokenReport,
}

/// What an account can rent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offers {
    /// Regions.
    pub regions: Vec<Region>,
    /// Sizes with their prices.
    pub sizes: Vec<Size>,
}

impl Engine {
    /// All accounts.
    pub async fn accounts(&self) -> Result<Vec<ProviderAccount>> {
        Ok(self.world.store.all::<ProviderAccount>().await?)
    }

    /// The account of that name.
    pub async fn account_named(&self, name: &Name) -> Result<ProviderAccount> {
        match self.world.store.account_by_name(name).await? {
            Some(account) => Ok(account),
            None => Err(EngineError::not_found(
                "account_unknown",
                format!("There is no account “{name}”."),
            )
            .evidence(self.accounts().await?.iter().map(|a| a.name.to_string()))
            .next_step("Name one of the accounts that are there, or connect one.")),
        }
    }

    /// Connects an account. The token is tried first; one that does not work is not kept.
    pub async fn connect_account(&self, wanted: ConnectAccount) -> Result<Connected> {
        let world = &self.world;
        world.redactor.learn(&wanted.token);
        check_token(&wanted.token)?;
        if world.store.account_by_name(&wanted.name).await?.is_some() {
            return Err(EngineError::conflict(
                "name_taken",
                format!("There is an account “{}” already.", wanted.name),
            )
            .next_step("Choose another name, or replace that account's token."));
        }
        let report = world
            .ports
            .tokens
            .verify(wanted.provider, &wanted.endpoint, &wanted.token)
            .await?;
        let id = ProviderAccountId::mint(world.now(), world.entropy());
        let account = ProviderAccount {
            id,
            provider: wanted.provider,
            name: wanted.name,
            endpoint: wanted.endpoint,
            owner: report.owner.clone(),
            created_at: world.now(),
        };
        // The token first: an account without its token would be worse than a token without its
        // account.
        world
            .ports
            .keychain
            .set(&token_entry(id), &wanted.token)
            .await?;
        match self.write_account(&account, "account.connect").await {
            Ok(seq) => Ok(Connected {
                receipt: Receipt { id, seq },
                account,
                report,
            }),
            Err(error) => {
                world.ports.keychain.delete(&token_entry(id)).await?;
                Err(error)
            }
        }
    }

    /// Connects the accounts of a practice cloud, or brings those that are connected up to date: a
    /// practice cloud that was wiped has other tokens and another authority. The names are taken
    /// for accounts that are new.
    pub async fn connect_practice(&self, wanted: Vec<ConnectAccount>) -> Result<Vec<Connected>> {
        let mut connected = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let there = self.accounts().await?.into_iter().find(|account| {
                account.provider == wanted.provider && account.endpoint.is_practice()
            });
            connected.push(match there {
                Some(account) => {
                    let token = &wanted.token;
                    self.bring_up_to_date(account, wanted.endpoint, token)
                        .await?
                }
                None => self.connect_account(wanted).await?,
            });
        }
        Ok(connected)
    }

    /// Asks the provider again what an account's token is.
    pub async fn test_account(&self, id: ProviderAccountId) -> Result<TokenReport> {
        let world = &self.world;
        let account = world.store.need::<ProviderAccount>(&id).await?;
        let Some(token) = world.ports.keychain.get(&token_entry(id)).await? else {
            return Err(EngineError::not_found(
                "token_missing",
                format!(
                    "The keychain has no token for the account “{}”.",
                    account.name
                ),
            )
            .next_step("Replace the account's token."));
        };
        world.redactor.learn(&token);
        Ok(world
            .ports
            .tokens
            .verify(account.provider, &account.endpoint, &token)
            .await?)
    }

    /// Replaces an account's token, when the new one works.
    pub async fn replace_token(&self, id: ProviderAccountId, token: Secret) -> Result<Connected> {
        let account = self.world.store.need::<ProviderAccount>(&id).await?;
        let endpoint = account.endpoint.clone();
        self.bring_up_to_date(account, endpoint, &token).await
    }

    async fn bring_up_to_date(
        &self,
        mut account: ProviderAccount,
        endpoint: Endpoint,
        token: &Secret,
    ) -> Result<Connected> {
        let world = &self.world;
        world.redactor.learn(token);
        check_token(token)?;
        let report = world
            .ports
            .tokens
            .verify(account.provider, &endpoint, token)
            .await?;
        account.owner = report.owner.clone();
        account.endpoint = endpoint;
        let id = account.id;
        world.ports.keychain.set(&token_entry(id), token).await?;
        let seq = self
            .write_account(&account, "account.replace_token")
            .await?;
        Ok(Connected {
            receipt: Receipt { id, seq },
            account,
            report,
        })
    }

    /// Disconnects an account and forgets its token: refused while servers or domains need it.
    pub async fn disconnect_account(
        &self,
        id: ProviderAccountId,
    ) -> Result<Receipt<ProviderAccountId>> {
        let world = &self.world;
        let account = world.store.need::<ProviderAccount>(&id).await?;
        let servers = world.store.all::<Server>().await?;
        let domains = world.store.all::<Domain>().await?;
        let users: Vec<String> = servers
            .iter()
            .filter(|server| server.account_id == Some(id))
            .map(|server| format!("server {}", server.name))
            .chain(
                domains
                    .iter()
                    .filter(|domain| domain.account_id == id)
                    .map(|domain| format!("domain {}", domain.host)),
            )
            .collect();
        if !users.is_empty() {
            return Err(EngineError::conflict(
                "account_in_use",
                format!("The account “{}” is still needed.", account.name),
            )
            .evidence(users)
            .next_step("Destroy or remove these first."));
        }
        let mut write = world.store.write().await?;
        write.delete::<ProviderAccount>(&id).await?;
        world
            .auditor
            .record(
                &mut write,
                "account.disconnect",
                &format!("account:{id}"),
                json!({"name": account.name, "provider": words(account.provider)}),
            )
            .await?;
        let seq = write.commit().await?;
        world.ports.keychain.delete(&token_entry(id)).await?;
        Ok(Receipt { id, seq })
    }

    /// What an account can rent, with prices.
    pub async fn offers(&self, id: ProviderAccountId) -> Result<Offers> {
        let account = self.world.account(id, Provider::Digitalocean).await?;
        let compute = &self.world.ports.compute;
        let (regions, sizes) =
            futures::try_join!(compute.regions(&account), compute.sizes(&account))?;
        Ok(Offers { regions, sizes })
    }

    async fn write_account(&self, account: &ProviderAccount, act: &str) -> Result<i64> {
        let mut write = self.world.store.write().await?;
        write.put(account).await?;
        self.world
            .auditor
            .record(
                &mut write,
                act,
                &format!("account:{}", account.id),
                json!({
                    "name": account.name,
                    "provider": words(account.provider),
                    "owner": account.owner,
                    "endpoint": account.endpoint.url,
                }),
            )
            .await?;
        Ok(write.commit().await?)
    }
}

/// A token travels in a header: anything else than visible ASCII was pasted wrongly.
fn check_token(token: &Secret) -> Result<()> {
    let text = token.expose();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(EngineError::bad_input(
            "invalid_token",
            "This cannot be a token: it is empty, or holds blanks or special characters.",
        )
        .next_step("Copy the token again, without anything around it."));
    }
    Ok(())
}
