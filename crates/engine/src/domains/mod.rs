//! Domains: a name leads to a service, over HTTPS, and is seen to do so from outside.

mod add;
mod certificate;
mod list;
mod records;
mod remove;
mod site;
mod verify;

pub use add::DomainAddRequest;
pub use list::{CertificateState, DomainCheck, DomainVisit};
pub use remove::DomainRemoveRequest;
pub use site::Site;

pub(crate) use add::observe as observe_add;
pub(crate) use remove::observe as observe_remove;
pub(crate) use site::sites_for_new_servers;

use crate::{
    deploy::Spot,
    jobs::StepContext,
    ports::{PortResult, SslMode},
    world::World,
};
use plimsoll_domain::{
    CertificateId, DomainId, ProviderAccountId, ServerId,
    dns::{Domain, HostName, RecordChange},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a step does to a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DomainAction {
    /// Writes the domain down.
    Record {
        /// All of it.
        domain: Box<Domain>,
    },
    /// Has the Origin CA sign a new key for names.
    Issue {
        /// The account that issues it.
        account_id: ProviderAccountId,
        /// Its id with us.
        certificate_id: CertificateId,
        /// The names.
        hosts: Vec<String>,
    },
    /// Notes which certificate domains use.
    Attach {
        /// The domains.
        domain_ids: Vec<DomainId>,
        /// The certificate.
        certificate_id: CertificateId,
        /// The one before.
        before: Option<CertificateId>,
    },
    /// Has a server answer for names.
    Site {
        /// The server.
        server_id: ServerId,
        /// The service that answers.
        place: Spot,
        /// Names and certificate until now.
        before: Site,
        /// Names and certificate from now on.
        after: Site,
    },
    /// Has Cloudflare speak verified TLS to our servers.
    SetStrict {
        /// The account.
        account_id: ProviderAccountId,
        /// The zone.
        zone_id: String,
        /// The mode until now.
        before: SslMode,
    },
    /// Creates, updates or deletes a record.
    ChangeRecord {
        /// The account.
        account_id: ProviderAccountId,
        /// The zone.
        zone_id: String,
        /// Before and after.
        change: Box<RecordChange>,
    },
    /// Looks from outside until the name answers as it should.
    Verify {
        /// The account whose endpoint says how outside is reached.
        account_id: ProviderAccountId,
        /// The name.
        host: HostName,
    },
    /// Revokes a certificate that nothing uses any more.
    Revoke {
        /// Which one.
        certificate_id: CertificateId,
    },
    /// Deletes the domain.
    Delete {
        /// Which one.
        domain_id: DomainId,
    },
}

impl DomainAction {
    pub(crate) async fn observe(
        &self,
        world: &World,
        context: &StepContext,
    ) -> PortResult<Option<Value>> {
        match self {
            DomainAction::Issue { certificate_id, .. } if context.attempt > 0 => {
                certificate::issued(world, *certificate_id).await
            }
            DomainAction::SetStrict {
                account_id,
                zone_id,
                ..
            } => records::is_strict(world, *account_id, zone_id).await,
            _ => Ok(None),
        }
    }

    pub(crate) async fn act(&self, world: &World, context: &StepContext) -> PortResult<Value> {
        match self {
            DomainAction::Record { domain } => list::record(world, domain).await,
            DomainAction::Issue {
                account_id,
                certificate_id,
                hosts,
            } => certificate::issue(world, *account_id, *certificate_id, hosts).await,
            DomainAction::Attach {
                domain_ids,
                certificate_id,
                ..
            } => certificate::attach(world, domain_ids, Some(*certificate_id)).await,
            DomainAction::Site {
                server_id,
                place,
                after,
                ..
            } => site::set(world, context, *server_id, place, after).await,
            DomainAction::SetStrict {
                account_id,
                zone_id,
                ..
            } => records::set_mode(world, *account_id, zone_id, SslMode::Strict).await,
            DomainAction::ChangeRecord {
                account_id,
                zone_id,
                change,
            } => records::change(world, *account_id, zone_id, change).await,
            DomainAction::Verify { account_id, host } => {
                verify::verify(world, context, *account_id, host).await
            }
            DomainAction::Revoke { certificate_id } => {
                certificate::revoke(world, *certificate_id).await
            }
            DomainAction::Delete { domain_id } => list::delete(world, *domain_id).await,
        }
    }

    pub(crate) async fn undo(&self, world: &World, context: &StepContext) -> PortResult<()> {
        match self {
            DomainAction::Record { domain } => list::delete(world, domain.id).await.map(drop),
            DomainAction::Issue {
                account_id,
                certificate_id,
                hosts,
            } => certificate::take_back(world, *account_id, *certificate_id, hosts).await,
            DomainAction::Attach {
                domain_ids, before, ..
            } => certificate::attach(world, domain_ids, *before)
                .await
                .map(drop),
            DomainAction::Site {
                server_id,
                place,
                before,
                ..
            } => site::set(world, context, *server_id, place, before)
                .await
                .map(drop),
            DomainAction::SetStrict {
                account_id,
                zone_id,
                before,
            } => records::set_mode(world, *account_id, zone_id, *before)
                .await
                .map(drop),
            DomainAction::ChangeRecord {
                account_id,
                zone_id,
                change,
            } => records::change_back(world, *account_id, zone_id, change).await,
            DomainAction::Delete { domain_id } => list::restore(world, *domain_id).await,
            // Looking changes nothing; a revoked certificate stays revoked, and its plan says so.
            DomainAction::Verify { .. } | DomainAction::Revoke { .. } => Ok(()),
        }
    }
}
