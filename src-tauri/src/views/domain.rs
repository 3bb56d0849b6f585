//! Names that lead to services, their zones and certificates.

use super::{CertificateId, CommandError, DomainId, EnvironmentId, ProviderAccountId, ServiceId};
use plimsoll_domain::dns::{Certificate, Domain};
use plimsoll_engine::{
    DomainVisit,
    ports::{PortResult, Seen, Zone},
};
use serde::{Deserialize, Serialize};
use specta::Type;

/// A name that leads to a service.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DomainView {
    /// Id.
    pub id: DomainId,
    /// The name.
    pub host: String,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// The account that keeps its zone.
    pub account_id: ProviderAccountId,
    /// The zone's id at its provider.
    pub zone_ref: String,
    /// The certificate in use.
    pub certificate_id: Option<CertificateId>,
    /// When it was added, RFC 3339.
    pub created_at: String,
}

impl From<Domain> for DomainView {
    fn from(domain: Domain) -> Self {
        Self {
            id: domain.id.into(),
            host: domain.host.to_string(),
            environment_id: domain.environment_id.into(),
            service_id: domain.service_id.into(),
            account_id: domain.account_id.into(),
            zone_ref: domain.zone_ref,
            certificate_id: domain.certificate_id.map(Into::into),
            created_at: domain.created_at.to_string(),
        }
    }
}

/// A certificate.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct CertificateView {
    /// Id.
    pub id: CertificateId,
    /// The account that issued it.
    pub account_id: ProviderAccountId,
    /// Names it is valid for.
    pub hosts: Vec<String>,
    /// When it stops being valid, RFC 3339.
    pub expires_at: String,
}

impl From<Certificate> for CertificateView {
    fn from(certificate: Certificate) -> Self {
        Self {
            id: certificate.id.into(),
            account_id: certificate.account_id.into(),
            hosts: certificate.hosts,
            expires_at: certificate.expires_at.to_string(),
        }
    }
}

/// A zone of an account.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ZoneView {
    /// The provider's id.
    pub id: String,
    /// Its apex.
    pub name: String,
    /// `active`, `pending`, …, in the provider's words.
    pub status: String,
}

impl From<Zone> for ZoneView {
    fn from(zone: Zone) -> Self {
        Self {
            id: zone.id,
            name: zone.name,
            status: zone.status,
        }
    }
}

/// What a name answered to somebody outside.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct SeenView {
    /// HTTP status.
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub version: String,
    /// Target of a redirect.
    pub location: Option<String>,
    /// Addresses that the name resolved to.
    pub addresses: Vec<String>,
    /// The beginning of the body, as text.
    pub body: String,
}

/// An answer, or why there was none.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct AnswerView {
    /// What was answered.
    pub seen: Option<SeenView>,
    /// Why there was no answer.
    pub failure: Option<CommandError>,
}

impl From<PortResult<Seen>> for AnswerView {
    fn from(answer: PortResult<Seen>) -> Self {
        match answer {
            Ok(seen) => Self {
                seen: Some(SeenView {
                    status: seen.status,
                    version: seen.version,
                    location: seen.location,
                    addresses: seen.addresses,
                    body: seen.body,
                }),
                failure: None,
            },
            Err(error) => Self {
                seen: None,
                failure: Some((*error.0).into()),
            },
        }
    }
}

/// How a name looks from outside.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct DomainVisitView {
    /// Over plain HTTP.
    pub http: AnswerView,
    /// Over HTTPS.
    pub https: AnswerView,
}

impl From<DomainVisit> for DomainVisitView {
    fn from(visit: DomainVisit) -> Self {
        Self {
            http: visit.http.into(),
            https: visit.https.into(),
        }
    }
}
