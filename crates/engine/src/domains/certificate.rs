//! Origin CA certificates: the key is made here, sealed in the store, and sent to our servers only.

use crate::{
    ports::{PortError, PortResult},
    seal::Place,
    world::World,
};
use plimsoll_domain::{
    CertificateId, DomainId, ProviderAccountId, Secret,
    dns::{Certificate, Domain},
    server::Provider,
};
use serde_json::{Value, json};

/// The longest that the Origin CA signs for, days.
const VALIDITY_DAYS: u32 = 5_475;

pub(super) async fn issued(world: &World, id: CertificateId) -> PortResult<Option<Value>> {
    let found = world.store.get::<Certificate>(&id).await?;
    Ok(found.map(|certificate| json!({"expires_at": certificate.expires_at})))
}

pub(super) async fn issue(
    world: &World,
    account_id: ProviderAccountId,
    id: CertificateId,
    hosts: &[String],
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Cloudflare).await?;
    let (key, request) = world.ports.keys.signing_request(hosts)?;
    // Sealed before it is signed: a certificate whose key was lost would be good for nothing.
    let sealed = world.seal(&Place::certificate_key(id), &key).await?;
    let issued = world
        .ports
        .zones
        .issue_origin_certificate(&account, hosts, &request, VALIDITY_DAYS)
        .await?;
    let certificate = Certificate {
        id,
        account_id,
        provider_ref: issued.id,
        hosts: hosts.to_vec(),
        chain_pem: issued.chain_pem,
        expires_at: issued.expires_at,
    };
    let mut write = world.store.write().await?;
    write.put_certificate(&certificate, &sealed).await?;
    world
        .auditor
        .record(
            &mut write,
            "certificate.issue",
            &format!("certificate:{id}"),
            json!({"hosts": hosts, "provider_ref": certificate.provider_ref}),
        )
        .await?;
    write.commit().await?;
    Ok(json!({"expires_at": certificate.expires_at}))
}

pub(super) async fn revoke(world: &World, id: CertificateId) -> PortResult<Value> {
    let Some(certificate) = world.store.get::<Certificate>(&id).await? else {
        return Ok(json!({"revoked": false}));
    };
    let account = world
        .account(certificate.account_id, Provider::Cloudflare)
        .await?;
    world
        .ports
        .zones
        .revoke_origin_certificate(&account, &certificate.provider_ref)
        .await?;
    let mut write = world.store.write().await?;
    write.delete::<Certificate>(&id).await?;
    world
        .auditor
        .record(
            &mut write,
            "certificate.revoke",
            &format!("certificate:{id}"),
            json!({"hosts": certificate.hosts}),
        )
        .await?;
    write.commit().await?;
    Ok(json!({"revoked": true}))
}

pub(super) async fn attach(
    world: &World,
    domains: &[DomainId],
    certificate: Option<CertificateId>,
) -> PortResult<Value> {
    let mut write = world.store.write().await?;
    for id in domains {
        if let Some(mut domain) = write.get::<Domain>(id).await? {
            domain.certificate_id = certificate;
            write.put(&domain).await?;
        }
    }
    write.commit().await?;
    Ok(json!({"certificate_id": certificate}))
}

/// Chain and private key of a certificate.
pub(super) async fn open(world: &World, id: CertificateId) -> PortResult<(String, Secret)> {
    let certificate = world.store.need::<Certificate>(&id).await?;
    let sealed = world.store.certificate_key(id).await?.ok_or_else(|| {
        PortError::new(
            "certificate_without_key",
            "The certificate's key is not there.",
        )
        .next_step("Remove the domain and add it again.")
    })?;
    let key = world
        .open_sealed(&Place::certificate_key(id), &sealed)
        .await?;
    Ok((certificate.chain_pem, key))
}
