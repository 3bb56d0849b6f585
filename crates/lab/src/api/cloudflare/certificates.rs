//! Origin CA certificates.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, CloudflareError, Parameters, ok, page, parse};
use super::books::{OriginCertificate, Zone};
use super::guard::Caller;
use crate::api::books::Books;
use crate::api::origin_ca::{Order, Refusal};
use crate::api::state::ApiState;
use crate::api::time::seconds;

/// Days that a certificate may be asked to last.
const VALIDITIES: &[u64] = &[7, 30, 90, 365, 730, 1_095, 5_475];
/// Names in one certificate.
const HOSTNAMES_LIMIT: usize = 200;

impl Caller {
    /// Certificates answer a missing permission with a code of their own.
    fn may_certify(&self, permission: &str) -> Result<(), CloudflareError> {
        self.may(permission).map_err(|_| {
            let message = "User is not authorized to perform this action";
            CloudflareError::new(StatusCode::FORBIDDEN, 1_016, message)
        })
    }
}

#[derive(Deserialize)]
struct NewCertificate {
    csr: Option<String>,
    hostnames: Option<Vec<String>>,
    request_type: Option<String>,
    requested_validity: Option<u64>,
}

/// The zone that a name is in, if the caller reaches it. A star stands for one level, in front.
fn zone_of<'a>(books: &'a Books, caller: &Caller, hostname: &str) -> Option<&'a Zone> {
    let bare = hostname.strip_prefix("*.").unwrap_or(hostname);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if !bare.split('.').all(label) {
        return None;
    }
    books.zones.values().find(|zone| {
        let inside = bare == zone.name
            || bare
                .strip_suffix(&zone.name)
                .is_some_and(|rest| rest.ends_with('.'));
        inside && caller.reaches(zone)
    })
}

fn view(certificate: &OriginCertificate) -> Value {
    let mut view = json!({
        "id": certificate.id,
        "certificate": certificate.certificate,
        "csr": certificate.csr,
        "hostnames": certificate.hostnames,
        "request_type": certificate.request_type,
        "requested_validity": certificate.requested_validity,
        "expires_on": seconds(certificate.expires_at),
    });
    if let Some(at) = certificate.revoked_at {
        view["revoked_at"] = json!(seconds(at));
    }
    view
}

pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Answer {
    caller.may_certify("ssl:edit")?;
    let new: NewCertificate = parse(&body)?;
    let request_type = new.request_type.unwrap_or_default();
    if !matches!(request_type.as_str(), "origin-rsa" | "origin-ecc") {
        let message = "request_type must be one of origin-rsa, origin-ecc";
        return Err(CloudflareError::bad(1_011, message));
    }
    let valid_days = new.requested_validity.unwrap_or(5_475);
    if !VALIDITIES.contains(&valid_days) {
        let message = "requested_validity must be one of 7, 30, 90, 365, 730, 1095, 5475";
        return Err(CloudflareError::bad(1_014, message));
    }
    let hostnames: Vec<String> = new
        .hostnames
        .unwrap_or_default()
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    if hostnames.is_empty() || hostnames.len() > HOSTNAMES_LIMIT {
        return Err(CloudflareError::bad(
            1_009,
            "hostnames must name 1 to 200 hosts",
        ));
    }
    state.read(|books| {
        let foreign = hostnames
            .iter()
            .find(|name| zone_of(books, &caller, name).is_none());
        foreign.map_or(Ok(()), |name| {
            let message = format!(
                "Failed to validate requested hostname {name}: This zone is either not part of \
                 your account, or you do not have access to it."
            );
            Err(CloudflareError::bad(1_010, message))
        })
    })?;
    let csr = new.csr.unwrap_or_default();
    // 32 decimal digits are the most that an identifier may have.
    let serial = u128::from_str_radix(&state.mint().hex32()[..26], 16)
        .unwrap_or(1)
        .max(1);
    let order = Order {
        csr: &csr,
        hostnames: &hostnames,
        request_type: &request_type,
        valid_days,
        serial,
        now: state.now(),
    };
    let signed = state.origin_ca().sign(&order).map_err(|refusal| {
        let message = match refusal {
            Refusal::NotARequest => "Failed to parse the certificate signing request",
            Refusal::BadSignature => "The signature of the certificate signing request is invalid",
            Refusal::WrongKeyType => "The CSR's key does not match the request_type",
            Refusal::Unsupported => "The certificate signing request uses an unsupported key",
        };
        CloudflareError::bad(1_005, message)
    })?;
    let certificate = OriginCertificate {
        id: serial.to_string(),
        account: caller.account.clone(),
        hostnames,
        request_type,
        requested_validity: valid_days,
        csr,
        certificate: signed.pem,
        expires_at: signed.expires_at,
        revoked_at: None,
    };
    let view = view(&certificate);
    state.change(|books| {
        books
            .origin_certificates
            .insert(certificate.id.clone(), certificate);
        Ok::<_, CloudflareError>(())
    })?;
    Ok(ok(view))
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    caller.may_certify("ssl:read")?;
    let parameters = Parameters::of(query);
    let Some(zone_id) = parameters.get("zone_id") else {
        return Err(CloudflareError::bad(1_006, "zone_id is required"));
    };
    let certificates = state.read(|books| {
        let zone = &caller.zone(books, zone_id)?.name;
        let of_zone = |certificate: &&OriginCertificate| {
            certificate.account == caller.account
                && certificate.revoked_at.is_none()
                && certificate.hostnames.iter().any(|name| {
                    zone_of(books, &caller, name).is_some_and(|found| found.name == *zone)
                })
        };
        let found = books.origin_certificates.values().filter(of_zone);
        Ok::<_, CloudflareError>(found.map(view).collect::<Vec<_>>())
    })?;
    let (number, per_page) = parameters.paging(20, 1, 50);
    Ok(page(certificates, number, per_page))
}

fn own<'a>(
    books: &'a Books,
    caller: &Caller,
    id: &str,
) -> Result<&'a OriginCertificate, CloudflareError> {
    let found = books
        .origin_certificates
        .get(id)
        .filter(|held| held.account == caller.account);
    found.ok_or_else(|| CloudflareError::new(StatusCode::NOT_FOUND, 1_101, "Certificate not found"))
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may_certify("ssl:read")?;
    let view = state.read(|books| own(books, &caller, &id).map(view))?;
    Ok(ok(view))
}

pub(super) async fn revoke(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    caller.may_certify("ssl:edit")?;
    let now = state.now();
    state.change(|books| {
        own(books, &caller, &id)?;
        if let Some(certificate) = books.origin_certificates.get_mut(&id) {
            certificate.revoked_at.get_or_insert(now);
        }
        Ok::<_, CloudflareError>(())
    })?;
    Ok(ok(json!({"id": id, "revoked_at": seconds(now)})))
}
