//! Looking at a name from outside, as its users do.

use crate::{
    jobs::StepContext,
    ports::{PortError, PortResult, Seen},
    servers::pause,
    world::World,
};
use plimsoll_domain::{ProviderAccountId, dns::HostName, server::Provider};
use serde_json::{Value, json};

/// How long a name may take until it answers as it should, ms: caches of resolvers and the edge's
/// own certificate take their time.
const PATIENCE_MS: i64 = 180_000;

pub(super) async fn verify(
    world: &World,
    context: &StepContext,
    account_id: ProviderAccountId,
    host: &HostName,
) -> PortResult<Value> {
    let account = world.account(account_id, Provider::Cloudflare).await?;
    let outside = &world.ports.outside;
    let began = world.now();
    let mut pause_ms = 250;
    loop {
        let http = outside
            .get(&account.endpoint, &format!("http://{host}/"))
            .await;
        let https = outside
            .get(&account.endpoint, &format!("https://{host}/"))
            .await;
        let complaints = complaints(host, &http, &https);
        if let (true, Ok(https)) = (complaints.is_empty(), &https) {
            return Ok(json!({
                "url": format!("https://{host}/"),
                "status": https.status,
                "version": https.version,
                "addresses": https.addresses,
            }));
        }
        if world.now().since_ms(began) > PATIENCE_MS {
            let mut failure = PortError::new(
                "domain_unverified",
                format!("{host} does not answer from outside as it should."),
            )
            .next_step(
                "Look whether the service is healthy and the zone active, then add the domain \
                 again.",
            );
            for complaint in complaints {
                failure = failure.evidence(complaint);
            }
            return Err(failure);
        }
        pause(world, context, pause_ms).await?;
        pause_ms = (pause_ms * 2).min(5_000);
    }
}

/// What is not as it should be, one line each; empty when all is well.
fn complaints(host: &HostName, http: &PortResult<Seen>, https: &PortResult<Seen>) -> Vec<String> {
    let mut found = Vec::new();
    match http {
        Err(error) => found.push(format!("http://{host}/: {error}")),
        Ok(seen) => {
            let redirects = (300..400).contains(&seen.status)
                && seen
                    .location
                    .as_deref()
                    .is_some_and(|location| location.starts_with(&format!("https://{host}")));
            if !redirects {
                found.push(format!(
                    "http://{host}/ answers {} and does not lead to HTTPS",
                    seen.status
                ));
            }
        }
    }
    match https {
        Err(error) => found.push(format!("https://{host}/: {error}")),
        Ok(seen) => {
            // What the service says about its own root is its business; that it is the service
            // that says it is ours.
            if seen.status >= 500 {
                let body: String = seen.body.chars().take(200).collect();
                found.push(format!("https://{host}/ answers {}: {body}", seen.status));
            }
            if !seen.version.starts_with("HTTP/2") {
                found.push(format!(
                    "https://{host}/ speaks {} instead of HTTP/2",
                    seen.version
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(status: u16, version: &str, location: Option<&str>) -> PortResult<Seen> {
        Ok(Seen {
            status,
            version: version.to_owned(),
            body: String::new(),
            location: location.map(str::to_owned),
            addresses: vec![],
        })
    }

    #[test]
    fn a_name_is_well_when_it_leads_to_https_and_answers_in_http_2() {
        let host = HostName::parse("app.example.com").unwrap();
        let redirect = seen(301, "HTTP/1.1", Some("https://app.example.com/"));
        assert!(complaints(&host, &redirect, &seen(404, "HTTP/2.0", None)).is_empty());
        let found = complaints(
            &host,
            &seen(200, "HTTP/1.1", None),
            &seen(502, "HTTP/1.1", None),
        );
        assert_eq!(found.len(), 3);
        let elsewhere = seen(301, "HTTP/1.1", Some("https://evil.example/"));
        assert_eq!(
            complaints(&host, &elsewhere, &seen(200, "HTTP/2.0", None)).len(),
            1
        );
    }
}
