//! Cloudflare, API v4: <https://developers.cloudflare.com/api/>.

mod certificates;
mod errors;
mod list;
mod records;
mod verify;
mod wire;

pub(crate) use verify::verify;

use crate::http::{Answer, Call, Class, Limit, Pool, Service, Session};
use async_trait::async_trait;
use plimsoll_domain::{dns::DnsRecord, server::ProviderAccount};
use plimsoll_engine::ports::{IssuedCertificate, Keychain, PortResult, SslMode, Zone, Zones};
use serde_json::json;
use std::sync::Arc;

pub(crate) static SERVICE: Service = Service {
    prefix: "cf",
    name: "Cloudflare",
    url: "https://api.cloudflare.com",
    path: "/client/v4",
    tokens_at: "https://dash.cloudflare.com/profile/api-tokens",
    limits: &[Limit {
        class: Class::Any,
        span_ms: 300_000,
        most: 1_200,
    }],
    // Who asks too often is refused for five minutes.
    refusal_ms: 300_000,
    request_id: "cf-ray",
    words: errors::words,
    refusal: errors::refusal,
};

/// The Cloudflare adapter: [`Zones`] over the public API.
pub struct Cloudflare {
    pool: Arc<Pool>,
    keychain: Arc<dyn Keychain>,
}

impl Cloudflare {
    /// An adapter that shares the pool's connections and budgets, with tokens from the keychain.
    pub fn new(pool: Arc<Pool>, keychain: Arc<dyn Keychain>) -> Self {
        Self { pool, keychain }
    }

    async fn session(&self, account: &ProviderAccount) -> PortResult<Session> {
        crate::http::session_of(&self.pool, &SERVICE, self.keychain.as_ref(), account).await
    }
}

#[async_trait]
impl Zones for Cloudflare {
    async fn zones(&self, account: &ProviderAccount) -> PortResult<Vec<Zone>> {
        list::zones(&self.session(account).await?).await
    }

    async fn records(
        &self,
        account: &ProviderAccount,
        zone_id: &str,
        name: Option<&str>,
    ) -> PortResult<Vec<DnsRecord>> {
        records::all(&self.session(account).await?, zone_id, name).await
    }

    async fn put_record(
        &self,
        account: &ProviderAccount,
        zone_id: &str,
        record: &DnsRecord,
    ) -> PortResult<DnsRecord> {
        records::put(&self.session(account).await?, zone_id, record).await
    }

    async fn delete_record(
        &self,
        account: &ProviderAccount,
        zone_id: &str,
        record_id: &str,
    ) -> PortResult<()> {
        let call = Call::delete(
            format!("delete the DNS record {record_id}"),
            &["zones", zone_id, "dns_records", record_id],
        )
        .needs(records::EDIT);
        errors::gone(&self.session(account).await?, &call).await
    }

    async fn ssl_mode(&self, account: &ProviderAccount, zone_id: &str) -> PortResult<SslMode> {
        let session = self.session(account).await?;
        let call = Call::get(
            "read the zone's SSL mode",
            &["zones", zone_id, "settings", "ssl"],
        )
        .needs(&["Zone: Zone Settings: Read"]);
        let answer = session.must(&call).await?;
        mode_in(&session, &call, &answer)
    }

    async fn set_ssl_mode(
        &self,
        account: &ProviderAccount,
        zone_id: &str,
        mode: SslMode,
    ) -> PortResult<()> {
        let session = self.session(account).await?;
        let call = Call::patch(
            "set the zone's SSL mode",
            &["zones", zone_id, "settings", "ssl"],
            json!({"value": mode}),
        )
        .repeatable()
        .needs(&["Zone: Zone Settings: Edit"]);
        let answer = session.must(&call).await?;
        let now = mode_in(&session, &call, &answer)?;
        if now == mode {
            return Ok(());
        }
        Err(session
            .told(
                "setting_not_taken",
                format!("Could not set the zone's SSL mode: it is {now:?} still."),
                &call,
                &answer,
            )
            .next_step("Look at the zone's SSL/TLS page at Cloudflare."))
    }

    async fn issue_origin_certificate(
        &self,
        account: &ProviderAccount,
        hosts: &[String],
        csr_pem: &str,
        validity_days: u32,
    ) -> PortResult<IssuedCertificate> {
        certificates::issue(&self.session(account).await?, hosts, csr_pem, validity_days).await
    }

    async fn origin_certificate(
        &self,
        account: &ProviderAccount,
        hosts: &[String],
        csr_pem: &str,
    ) -> PortResult<Option<IssuedCertificate>> {
        certificates::find(&self.session(account).await?, hosts, csr_pem).await
    }

    async fn revoke_origin_certificate(
        &self,
        account: &ProviderAccount,
        id: &str,
    ) -> PortResult<()> {
        certificates::revoke(&self.session(account).await?, id).await
    }
}

fn mode_in(session: &Session, call: &Call, answer: &Answer) -> PortResult<SslMode> {
    session.part(
        call,
        answer,
        "value",
        answer.json["result"]["value"].clone(),
    )
}
