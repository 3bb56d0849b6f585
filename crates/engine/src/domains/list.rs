//! Domains and certificates as they are, and their rows.

use crate::{
    Engine, Result,
    error::EngineError,
    ports::{PortResult, Seen, Zone},
    world::World,
};
use plimsoll_domain::{
    DomainId, ProviderAccountId,
    dns::{Certificate, Domain, HostName},
    server::Provider,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const DAY_MS: i64 = 24 * 3_600_000;

/// How a name looks from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainCheck {
    /// Over plain HTTP.
    pub http: Seen,
    /// Over HTTPS.
    pub https: Seen,
}

/// How a name looks from outside, where one answer may be there without the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainVisit {
    /// Over plain HTTP.
    pub http: PortResult<Seen>,
    /// Over HTTPS.
    pub https: PortResult<Seen>,
}

/// A certificate and how long it still lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateState {
    /// The certificate.
    pub certificate: Certificate,
    /// Whole days until it ends; negative when it has.
    pub days_left: i64,
}

impl Engine {
    /// All domains.
    pub async fn domains(&self) -> Result<Vec<Domain>> {
        Ok(self.world.store.all::<Domain>().await?)
    }

    /// The domain of that name.
    pub async fn domain_named(&self, host: &HostName) -> Result<Domain> {
        match self.world.store.domain_by_host(host).await? {
            Some(domain) => Ok(domain),
            None => Err(EngineError::not_found(
                "domain_unknown",
                format!("There is no domain {host}."),
            )
            .evidence(self.domains().await?.iter().map(|d| d.host.to_string()))
            .next_step("Name one of the domains that are there, or add it.")),
        }
    }

    /// The address that a browser opens for a domain.
    ///
    /// # Errors
    /// `domain_on_practice` where the system's browser would not find it.
    pub async fn domain_address(&self, id: DomainId) -> Result<String> {
        let domain = self.world.store.need::<Domain>(&id).await?;
        let account = self
            .world
            .account(domain.account_id, Provider::Cloudflare)
            .await?;
        if account.endpoint.is_practice() {
            return Err(EngineError::refused(
                "domain_on_practice",
                format!("{} is a name of the practice cloud.", domain.host),
            )
            .evidence(["The system's browser asks the internet's name servers.".to_owned()])
            .next_step("Check it from outside: Plimsoll asks the practice cloud's name server."));
        }
        Ok(format!("https://{}/", domain.host))
    }

    /// All zones of an account.
    pub async fn zones(&self, account: ProviderAccountId) -> Result<Vec<Zone>> {
        let account = self.world.account(account, Provider::Cloudflare).await?;
        Ok(self.world.ports.zones.zones(&account).await?)
    }

    /// Looks at a domain from outside, over HTTP and HTTPS. `path` starts with a slash.
    pub async fn check_domain(&self, id: DomainId, path: &str) -> Result<DomainCheck> {
        let visit = self.visit_domain(id, path).await?;
        Ok(DomainCheck {
            http: visit.http?,
            https: visit.https?,
        })
    }

    /// The same, with what each of the two answered.
    pub async fn visit_domain(&self, id: DomainId, path: &str) -> Result<DomainVisit> {
        if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EngineError::bad_input(
                "invalid_path",
                format!("“{}” is no path.", path.escape_debug()),
            )
            .next_step("Start it with a slash, and write special characters percent-encoded."));
        }
        let domain = self.world.store.need::<Domain>(&id).await?;
        let account = self
            .world
            .account(domain.account_id, Provider::Cloudflare)
            .await?;
        let outside = &self.world.ports.outside;
        let (host, endpoint) = (&domain.host, &account.endpoint);
        let (http, https) = (
            format!("http://{host}{path}"),
            format!("https://{host}{path}"),
        );
        let (http, https) =
            futures::join!(outside.get(endpoint, &http), outside.get(endpoint, &https));
        Ok(DomainVisit { http, https })
    }

    /// All certificates, the ones that end first at the front.
    pub async fn certificates(&self) -> Result<Vec<CertificateState>> {
        let now = self.world.now();
        let mut all: Vec<CertificateState> = self
            .world
            .store
            .all::<Certificate>()
            .await?
            .into_iter()
            .map(|certificate| CertificateState {
                days_left: certificate.expires_at.since_ms(now).div_euclid(DAY_MS),
                certificate,
            })
            .collect();
        all.sort_by_key(|state| state.certificate.expires_at);
        Ok(all)
    }
}

pub(super) async fn record(world: &World, domain: &Domain) -> PortResult<Value> {
    let mut write = world.store.write().await?;
    if write.get::<Domain>(&domain.id).await?.is_none() {
        write.put(domain).await?;
    }
    note(world, &mut write, "domain.add", domain).await?;
    write.commit().await?;
    Ok(json!({"domain_id": domain.id}))
}

pub(super) async fn delete(world: &World, id: DomainId) -> PortResult<Value> {
    let mut write = world.store.write().await?;
    if let Some(domain) = write.get::<Domain>(&id).await? {
        write.delete::<Domain>(&id).await?;
        note(world, &mut write, "domain.remove", &domain).await?;
    }
    write.commit().await?;
    Ok(json!({"deleted": true}))
}

pub(super) async fn restore(world: &World, id: DomainId) -> PortResult<()> {
    let mut write = world.store.write().await?;
    if write.get::<Domain>(&id).await?.is_none() {
        write.restore::<Domain>(&id).await?;
    }
    write.commit().await?;
    Ok(())
}

async fn note(
    world: &World,
    write: &mut plimsoll_store::Write,
    act: &str,
    domain: &Domain,
) -> PortResult<()> {
    world
        .auditor
        .record(
            write,
            act,
            &format!("domain:{}", domain.id),
            json!({"host": domain.host}),
        )
        .await
        .map(drop)
}
