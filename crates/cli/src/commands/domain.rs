//! Domains.

use super::account;
use crate::{
    args::DomainVerb,
    desk::Desk,
    failure::{Answer, Failed},
    output::table,
};
use plimsoll_domain::dns::HostName;
use plimsoll_engine::{DomainAddRequest, DomainRemoveRequest};

/// `plimsoll domain …`
pub async fn run(verb: DomainVerb, desk: &Desk) -> Answer {
    match verb {
        DomainVerb::Add {
            host,
            to,
            account,
            replace,
            approval,
        } => {
            let (environment_id, service_id) = desk.run_path(&to).await?;
            let account_id = account::named(desk, &account).await?;
            let host = host_name(&host)?;
            let request = DomainAddRequest {
                host,
                environment_id,
                service_id,
                account_id,
                replace,
            };
            let plan = desk.engine.plan_domain_add(request).await?;
            desk.carry_out(plan, &approval).await?;
        }
        DomainVerb::List => {
            let certificates = desk.engine.certificates().await?;
            let domains = desk.engine.domains().await?;
            desk.output.answer(
                &serde_json::json!({"domains": domains, "certificates": certificates}),
                |_| {
                    let rows: Vec<_> = domains
                        .iter()
                        .map(|domain| {
                            let certificate = certificates
                                .iter()
                                .find(|state| Some(state.certificate.id) == domain.certificate_id);
                            let days = certificate.map_or("none".into(), |state| {
                                format!("{} days left", state.days_left)
                            });
                            vec![domain.host.to_string(), days]
                        })
                        .collect();
                    table(&["NAME", "CERTIFICATE"], &rows)
                },
            );
        }
        DomainVerb::Remove { host, approval } => {
            let domain = desk.engine.domain_named(&host_name(&host)?).await?;
            let plan = desk
                .engine
                .plan_domain_remove(DomainRemoveRequest {
                    domain_id: domain.id,
                })
                .await?;
            desk.carry_out(plan, &approval).await?;
        }
        DomainVerb::Check { host, path } => {
            let domain = desk.engine.domain_named(&host_name(&host)?).await?;
            let check = desk.engine.check_domain(domain.id, &path).await?;
            desk.output.answer(&check, |check| {
                let location = check.http.location.clone().unwrap_or_default();
                format!(
                    "{host} is {}\nhttp   {} {location}\nhttps  {} {}\n{}",
                    check.https.addresses.join(", "),
                    check.http.status,
                    check.https.status,
                    check.https.version,
                    check.https.body,
                )
            });
        }
        DomainVerb::Zones { account } => {
            let zones = desk
                .engine
                .zones(account::named(desk, &account).await?)
                .await?;
            desk.output.answer(&zones, |zones| {
                let rows: Vec<_> = zones
                    .iter()
                    .map(|zone| vec![zone.name.clone(), zone.status.clone()])
                    .collect();
                table(&["ZONE", "STATUS"], &rows)
            });
        }
    }
    Ok(())
}

fn host_name(text: &str) -> Answer<HostName> {
    HostName::parse(text).map_err(|error| Failed::input("invalid_host_name", error.to_string(), ""))
}
