//! Origin CA certificates: the key is made here, sealed in the store, and sent to our servers only.

use crate::{
    ports::{PortError, PortResult},
    seal::Place,
    world::World,
};
use plimsoll_domain::{
    CertificateId, DomainId, ProviderAccountId, Secret,
    dns::{Certificate, Domain},
    server::{Provider, ProviderAccount},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest that the Origin CA signs for, days.
const VALIDITY_DAYS: u32 = 5_475;

pub(super) async fn issued(world: &World, id: CertificateId) -> PortResult<Option<Value>> {
    let found = world.store.get::<Certificate>(&id).await?;
    Ok(found.map(|certificate| json!({"expires_at": certificate.expires_at})))
}

/// A key and its signing request. They are kept from before the request is sent until its
/// certificate is kept: a signing whose answer was lost is found again by its request.
#[derive(Serialize, Deserialize)]
struct Pending {
    sealed_key: String,
    request: String,
}

/// The setting that keeps what is pending of a certificate.
fn entry(id: CertificateId) -> String {
    format!("certificate_request/{id}")
}

async fn pending(world: &World, id: CertificateId) -> PortResult<Option<Pending>> {
    let Some(kept) = world.store.setting(&entry(id)).await? else {
        return Ok(None);
    };
    serde_json::from_str(&kept)
        .map(Some)
        .map_err(|error| PortError::new("internal", error.to_string()))
}

/// What an earlier attempt sent, or may have sent; else a new key and its request, kept.
async fn prepared(
    world: &World,
    account: &ProviderAccount,
    id: CertificateId,
    hosts: &[String],
) -> PortResult<Pending> {
    if let Some(earlier) = pending(world, id).await? {
        return Ok(earlier);
    }
    let (key, request) = world.ports.keys.signing_request(hosts)?;
    // A token that may not look could not find a lost answer either: nothing is sent with it.
    let zones = &world.ports.zones;
    zones.origin_certificate(account, hosts, &request).await?;
    let new = Pending {
        sealed_key: world.seal(&Place::certificate_key(id), &key).await?,
        request,
    };
    let text = serde_json::to_string(&new)
        .map_err(|error| PortError::new("internal", error.to_string()))?;
    let mut write = world.store.write().await?;
    write.set_setting(&entry(id), &text).await?;
    write.commit().await?;
    Ok(new)
}

pub(super) async fn issue(
    world: &World,
    account_id: ProviderAccountId,
    id: CertificateId,
    hosts: &[String],
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Cloudflare).await?;
    // Kept before it is signed: a certificate whose key was lost would be good for nothing.
    let pending = prepared(world, &account, id, hosts).await?;
    let issued = world
        .ports
        .zones
        .issue_origin_certificate(&account, hosts, &pending.request, VALIDITY_DAYS)
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
    write
        .put_certificate(&certificate, &pending.sealed_key)
        .await?;
    write.forget_setting(&entry(id)).await?;
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

/// Takes an issue back, also one of which nobody knows whether it came to be.
pub(super) async fn take_back(
    world: &World,
    account_id: ProviderAccountId,
    id: CertificateId,
    hosts: &[String],
) -> PortResult<()> {
    let Some(pending) = pending(world, id).await? else {
        return revoke(world, id).await.map(drop);
    };
    let account = world.account(account_id, Provider::Cloudflare).await?;
    let zones = &world.ports.zones;
    let found = zones
        .origin_certificate(&account, hosts, &pending.request)
        .await?;
    if let Some(found) = &found {
        zones.revoke_origin_certificate(&account, &found.id).await?;
    }
    let mut write = world.store.write().await?;
    write.forget_setting(&entry(id)).await?;
    if let Some(found) = found {
        world
            .auditor
            .record(
                &mut write,
                "certificate.revoke",
                &format!("certificate:{id}"),
                json!({"hosts": hosts, "provider_ref": found.id}),
            )
            .await?;
    }
    write.commit().await?;
    Ok(())
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
