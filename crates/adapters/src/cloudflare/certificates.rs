//! Origin CA certificates: trusted by Cloudflare alone, for names behind its proxy.

use super::{errors, list, wire};
use crate::http::{Answer, Call, Refused, Session};
use plimsoll_engine::ports::{IssuedCertificate, PortResult, Zone};
use serde_json::json;

/// What issuing and revoking need.
const EDIT: &[&str] = &["Zone: SSL and Certificates: Edit"];
/// The validities that the Origin CA knows, days.
const VALIDITIES: [u32; 7] = [7, 30, 90, 365, 730, 1_095, 5_475];

/// Has a request signed. The request's key is on the P-256 curve, as [`crate::keys`] makes it. A
/// signing that was cut off is found again by its request, which holds a key that nothing else
/// uses.
pub(super) async fn issue(
    session: &Session,
    hosts: &[String],
    csr_pem: &str,
    validity_days: u32,
) -> PortResult<IssuedCertificate> {
    let doing = format!("have a certificate issued for {}", hosts.join(", "));
    let Some(days) = VALIDITIES.into_iter().find(|days| *days >= validity_days) else {
        return Err(session
            .service
            .error(
                "invalid",
                format!("Could not {doing}: it would be valid for too long."),
            )
            .next_step("Ask for at most 5,475 days (15 years)."));
    };
    let zones = list::zones(session).await?;
    let zone = zone_of(&zones, hosts).ok_or_else(|| {
        session
            .service
            .error(
                "zone_not_found",
                format!("Could not {doing}: no zone of the account holds it."),
            )
            .evidence(format!(
                "zones: {}",
                zones
                    .iter()
                    .map(|zone| zone.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ))
            .next_step("Add the zone to the Cloudflare account, or to those that the token covers.")
    })?;
    let find = || issued(session, &zone.id, hosts, csr_pem);
    if let Some(found) = find().await? {
        return Ok(found);
    }
    let call = Call::post(
        doing,
        &["certificates"],
        json!({
            "csr": csr_pem,
            "hostnames": hosts,
            "request_type": "origin-ecc",
            "requested_validity": days,
        }),
    )
    .needs(EDIT);
    let read = |answer: &Answer| {
        session
            .read::<wire::Certificate>(&call, answer, "result")
            .map(IssuedCertificate::from)
    };
    session
        .create(&call, read, find)
        .await?
        .map_err(|answer| errors::refusal(session, &call, &answer))
}

/// The good certificate that a request got earlier; `None` also when the account no longer has a
/// zone that holds its names.
pub(super) async fn find(
    session: &Session,
    hosts: &[String],
    csr_pem: &str,
) -> PortResult<Option<IssuedCertificate>> {
    let zones = list::zones(session).await?;
    match zone_of(&zones, hosts) {
        Some(zone) => issued(session, &zone.id, hosts, csr_pem).await,
        None => Ok(None),
    }
}

/// Revokes a certificate; one that is gone or revoked already is fine.
pub(super) async fn revoke(session: &Session, id: &str) -> PortResult<()> {
    let call = Call::delete(
        format!("revoke the origin certificate {id}"),
        &["certificates", id],
    )
    .needs(EDIT);
    match session.ask(&call).await {
        Ok(_) => Ok(()),
        Err(Refused::Answer(answer)) if answer.status == 404 => Ok(()),
        Err(Refused::Answer(answer))
            if errors::words(&answer)
                .to_ascii_lowercase()
                .contains("revoked") =>
        {
            Ok(())
        }
        Err(refused) => Err(session.failure(&call, &refused)),
    }
}

impl From<wire::Certificate> for IssuedCertificate {
    fn from(certificate: wire::Certificate) -> Self {
        Self {
            id: certificate.id,
            chain_pem: certificate.certificate,
            expires_at: certificate.expires_on,
        }
    }
}

/// The zone that holds the first of the names, the longest where zones nest.
fn zone_of<'a>(zones: &'a [Zone], hosts: &[String]) -> Option<&'a Zone> {
    let host = hosts.first()?;
    let holds = |zone: &&Zone| {
        host == &zone.name
            || host
                .strip_suffix(zone.name.as_str())
                .is_some_and(|head| head.ends_with('.'))
    };
    zones
        .iter()
        .filter(holds)
        .max_by_key(|zone| zone.name.len())
}

/// The certificate that this request got earlier.
async fn issued(
    session: &Session,
    zone_id: &str,
    hosts: &[String],
    csr_pem: &str,
) -> PortResult<Option<IssuedCertificate>> {
    let call = Call::get("list the origin certificates", &["certificates"])
        .query("zone_id", zone_id)
        .needs(&["Zone: SSL and Certificates: Read"]);
    let found: Vec<wire::Certificate> = list::all(session, call, 50).await?;
    let wanted = packed(csr_pem);
    let mut names = hosts.to_vec();
    names.sort();
    let now = session.clock().now();
    Ok(found
        .into_iter()
        .find(|certificate| {
            let mut theirs = certificate.hostnames.clone();
            theirs.sort();
            packed(&certificate.csr) == wanted
                && theirs == names
                && certificate.revoked_at.is_none()
                && certificate.expires_on > now
        })
        .map(IssuedCertificate::from))
}

/// A PEM without its line breaks, which come back differently.
fn packed(pem: &str) -> String {
    pem.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_zone_that_holds_the_name_is_taken() {
        let zone = |name: &str| Zone {
            id: name.to_owned(),
            name: name.to_owned(),
            status: "active".to_owned(),
        };
        let zones = [
            zone("example.com"),
            zone("dev.example.com"),
            zone("ample.com"),
        ];
        let of = |host: &str| zone_of(&zones, &[host.to_owned()]).map(|zone| zone.name.as_str());
        assert_eq!(of("app.dev.example.com"), Some("dev.example.com"));
        assert_eq!(of("*.example.com"), Some("example.com"));
        assert_eq!(of("example.com"), Some("example.com"));
        assert_eq!(of("example.org"), None);
    }
}
