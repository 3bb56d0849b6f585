//! Planning a domain: records before and after, strict TLS, a certificate, a site.

use super::{DomainAction, Site, records::comparable};
use crate::{
    Engine, Plan, Result,
    deploy::{Here, here},
    error::EngineError,
    intent::Intent,
    ports::SslMode,
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    CertificateId, DomainId, EnvironmentId, ProviderAccountId, ServerId, ServiceId, Timestamp,
    dns::{Certificate, DnsRecord, Domain, HostName, point_at, zone_of},
    name::Name,
    server::Provider,
};
use serde::{Deserialize, Serialize};

/// A certificate that ends sooner than this is replaced, ms.
const RENEW_BEFORE_MS: i64 = 30 * 24 * 3_600_000;

/// A name that shall lead to a service. Asked for again, it brings records, certificate and sites
/// up to date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainAddRequest {
    /// The name.
    pub host: HostName,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The Cloudflare account that keeps the name's zone.
    pub account_id: ProviderAccountId,
    /// Content of a record of somebody else that may be replaced, such as `203.0.113.7`.
    pub replace: Option<String>,
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    path: String,
    deployed: bool,
    servers: Vec<(ServerId, Name, Option<String>)>,
    zone: ZoneSeen,
    records: Vec<DnsRecord>,
    domain: Option<DomainId>,
    siblings: Vec<(DomainId, HostName)>,
    certificate: Option<CertificateSeen>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ZoneSeen {
    id: String,
    name: String,
    status: String,
    ssl: SslMode,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct CertificateSeen {
    id: CertificateId,
    account_id: ProviderAccountId,
    hosts: Vec<String>,
    expires_at: Timestamp,
}

impl Engine {
    /// Plans to have a name lead to a service over HTTPS.
    pub async fn plan_domain_add(&self, request: DomainAddRequest) -> Result<Plan> {
        let world = &self.world;
        let here = here(world, request.environment_id, request.service_id).await?;
        here.check_servers()?;
        let observed = look(world, &here, &request).await?;
        if !observed.deployed {
            return Err(EngineError::conflict(
                "never_deployed",
                format!(
                    "{} has not been deployed yet, so nothing would answer.",
                    observed.path
                ),
            )
            .next_step("Deploy the service first."));
        }
        let now = world.now();
        let fresh = Fresh {
            domain: DomainId::mint(now, world.entropy()),
            certificate: CertificateId::mint(now, world.entropy()),
            now,
        };
        let prepared = plan(&observed, &here, &request, &fresh)?;
        self.save_plan(&Intent::DomainAdd(request), &observed, prepared)
            .await
    }
}

/// What a plan needs that is new each time.
struct Fresh {
    domain: DomainId,
    certificate: CertificateId,
    now: Timestamp,
}

pub(crate) async fn observe(world: &World, request: &DomainAddRequest) -> Result<Observed> {
    let here = here(world, request.environment_id, request.service_id).await?;
    look(world, &here, request).await
}

async fn look(world: &World, here: &Here, request: &DomainAddRequest) -> Result<Observed> {
    let account = world
        .account(request.account_id, Provider::Cloudflare)
        .await?;
    let taken = world.store.domain_by_host(&request.host).await?;
    if let Some(other) = &taken
        && (other.environment_id != here.environment.id || other.service_id != here.service.id)
    {
        return Err(EngineError::conflict(
            "domain_taken",
            format!("{} leads to another service already.", request.host),
        )
        .next_step("Remove the domain there first."));
    }
    let zones = world.ports.zones.zones(&account).await?;
    let Some(zone) = zone_of(&request.host, &zones, |zone| &zone.name) else {
        return Err(EngineError::not_found(
            "zone_unknown",
            format!(
                "{} lies in no zone of the account “{}”.",
                request.host, account.name
            ),
        )
        .evidence(zones.iter().map(|zone| zone.name.clone()))
        .next_step("Choose a name in one of these zones, or add the zone at Cloudflare."));
    };
    let records = world
        .ports
        .zones
        .records(&account, &zone.id, Some(request.host.as_str()))
        .await?;
    let ssl = world.ports.zones.ssl_mode(&account, &zone.id).await?;
    let siblings = world
        .store
        .domains_of(here.environment.id, here.service.id)
        .await?;
    let certificate = match siblings.iter().find_map(|domain| domain.certificate_id) {
        Some(id) => world.store.get::<Certificate>(&id).await?,
        None => None,
    };
    let serving = world
        .store
        .serving(here.environment.id, here.service.id)
        .await?;
    Ok(Observed {
        path: here.path(),
        deployed: serving.is_some(),
        servers: here
            .servers
            .iter()
            .map(|server| {
                // The reserved one stays when the machine behind it goes.
                let own = server.ssh.as_ref().map(|ssh| ssh.host.clone());
                let address = server.reserved_ip.clone().or(own);
                (server.id, server.name.clone(), address)
            })
            .collect(),
        zone: ZoneSeen {
            id: zone.id.clone(),
            name: zone.name.clone(),
            status: zone.status.clone(),
            ssl,
        },
        records: comparable(records),
        domain: taken.map(|domain| domain.id),
        siblings: siblings
            .into_iter()
            .filter(|domain| domain.host != request.host)
            .map(|domain| (domain.id, domain.host))
            .collect(),
        certificate: certificate.map(|certificate| CertificateSeen {
            id: certificate.id,
            account_id: certificate.account_id,
            hosts: certificate.hosts,
            expires_at: certificate.expires_at,
        }),
    })
}

fn plan(
    observed: &Observed,
    here: &Here,
    request: &DomainAddRequest,
    fresh: &Fresh,
) -> Result<Prepared> {
    let host = &request.host;
    let domain_id = observed.domain.unwrap_or(fresh.domain);
    let addresses = addresses(observed)?;
    let changes = point_at(
        domain_id,
        host,
        &addresses,
        &observed.records,
        request.replace.as_deref(),
    )
    .map_err(|foreign| {
        EngineError::refused("foreign_record", format!("{foreign}."))
            .evidence(
                observed
                    .records
                    .iter()
                    .map(|record| format!("{} {} {}", record.kind, record.name, record.content)),
            )
            .next_step(format!(
                "To replace it, say so by naming its content: {}",
                foreign.content
            ))
    })?;
    let mut hosts: Vec<String> = observed
        .siblings
        .iter()
        .map(|(_, host)| host.to_string())
        .collect();
    let before_hosts: Vec<String> = {
        let mut before = hosts.clone();
        before.extend(observed.domain.map(|_| host.to_string()));
        before.sort();
        before
    };
    hosts.push(host.to_string());
    hosts.sort();

    let mut steps = Steps::default();
    if observed.domain.is_none() {
        steps
            .then(
                format!("Write {host} down"),
                DomainAction::Record {
                    domain: Box::new(Domain {
                        id: domain_id,
                        environment_id: request.environment_id,
                        service_id: request.service_id,
                        host: host.clone(),
                        account_id: request.account_id,
                        zone_ref: observed.zone.id.clone(),
                        certificate_id: None,
                        created_at: fresh.now,
                    }),
                },
            )
            .undo("strike it out");
    }
    let certificate = certificate(observed, request, &hosts, fresh, domain_id, &mut steps);
    let before = Site {
        certificate_id: observed
            .certificate
            .as_ref()
            .filter(|_| !before_hosts.is_empty())
            .map(|certificate| certificate.id),
        hosts: before_hosts,
    };
    let after = Site {
        hosts,
        certificate_id: Some(certificate),
    };
    super::site::steps(&mut steps, here, &before, &after);
    if observed.zone.ssl != SslMode::Strict {
        steps
            .then(
                format!(
                    "Have Cloudflare verify our servers in {}",
                    observed.zone.name
                ),
                DomainAction::SetStrict {
                    account_id: request.account_id,
                    zone_id: observed.zone.id.clone(),
                    before: observed.zone.ssl,
                },
            )
            .change(
                format!("SSL mode of {}", observed.zone.name),
                Some(mode(observed.zone.ssl).to_owned()),
                Some(mode(SslMode::Strict).to_owned()),
            )
            .undo("set the mode back");
    }
    super::records::steps(&mut steps, request.account_id, &observed.zone.id, &changes);
    steps.then(
        format!("Look at https://{host} from outside"),
        DomainAction::Verify {
            account_id: request.account_id,
            host: host.clone(),
        },
    );
    if let Some(old) = &observed.certificate
        && old.id != certificate
    {
        steps.then(
            "Revoke the certificate before",
            DomainAction::Revoke {
                certificate_id: old.id,
            },
        );
    }
    let mut notices = Vec::new();
    if observed.zone.status != "active" {
        notices.push(format!(
            "The zone {} is “{}” at Cloudflare: its names do not resolve yet.",
            observed.zone.name, observed.zone.status
        ));
    }
    if observed.zone.ssl != SslMode::Strict {
        notices.push(format!(
            "Strict TLS is for the whole zone {}: its other names need valid certificates too.",
            observed.zone.name
        ));
    }
    Ok(Prepared {
        title: format!("Have {host} lead to {}", observed.path),
        steps: steps.finish(),
        notices,
    })
}

fn addresses(observed: &Observed) -> Result<Vec<String>> {
    observed
        .servers
        .iter()
        .map(|(_, name, address)| {
            let address = address.clone().unwrap_or_default();
            if address.parse::<std::net::Ipv4Addr>().is_ok() {
                Ok(address)
            } else {
                Err(EngineError::bad_input(
                    "server_without_ipv4",
                    format!("The server “{name}” is known by “{address}”, not by an IPv4 address."),
                )
                .next_step("Add the server by its IPv4 address."))
            }
        })
        .collect()
}

/// The certificate to be used: the one that is there while it fits, else a new one.
fn certificate(
    observed: &Observed,
    request: &DomainAddRequest,
    hosts: &[String],
    fresh: &Fresh,
    domain_id: DomainId,
    steps: &mut Steps,
) -> CertificateId {
    let fits = observed.certificate.as_ref().filter(|certificate| {
        certificate.account_id == request.account_id
            && certificate.expires_at.since_ms(fresh.now) > RENEW_BEFORE_MS
            && hosts.iter().all(|host| certificate.hosts.contains(host))
    });
    if let Some(certificate) = fits {
        return certificate.id;
    }
    steps
        .then(
            format!("Get an Origin CA certificate for {}", hosts.join(", ")),
            DomainAction::Issue {
                account_id: request.account_id,
                certificate_id: fresh.certificate,
                hosts: hosts.to_vec(),
            },
        )
        .change(
            "certificate",
            observed
                .certificate
                .as_ref()
                .map(|certificate| certificate.hosts.join(", ")),
            Some(hosts.join(", ")),
        )
        .undo("revoke it");
    let mut domain_ids: Vec<DomainId> = observed.siblings.iter().map(|(id, _)| *id).collect();
    domain_ids.push(domain_id);
    steps
        .then(
            "Note which certificate is in use",
            DomainAction::Attach {
                domain_ids,
                certificate_id: fresh.certificate,
                before: observed.certificate.as_ref().map(|before| before.id),
            },
        )
        .undo("note the one before");
    fresh.certificate
}

fn mode(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Off => "off",
        SslMode::Flexible => "flexible",
        SslMode::Full => "full",
        SslMode::Strict => "strict",
    }
}
