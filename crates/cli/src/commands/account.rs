//! Accounts and keys.

use super::parsed;
use crate::{
    args::{AccountVerb, KeyVerb, ProviderChoice},
    commands::practice,
    desk::Desk,
    failure::Answer,
    input,
    output::{dollars, table},
};
use plimsoll_domain::{
    ProviderAccountId,
    name::Name,
    server::{Endpoint, Provider},
};
use plimsoll_engine::{ConnectAccount, ports::TokenReport};

/// `plimsoll account …`
pub async fn run(verb: AccountVerb, desk: &Desk) -> Answer {
    match verb {
        AccountVerb::Connect {
            provider,
            name,
            token_file,
            practice,
        } => {
            let (provider, usual) = match provider {
                ProviderChoice::Digitalocean => (Provider::Digitalocean, "digitalocean"),
                ProviderChoice::Cloudflare => (Provider::Cloudflare, "cloudflare"),
            };
            let name = Name::parse(name.as_deref().unwrap_or(usual))?;
            let (endpoint, token) = if practice {
                practice::account(provider).await?
            } else {
                (
                    Endpoint::default(),
                    input::secret("token", token_file.as_deref())?,
                )
            };
            let wanted = ConnectAccount {
                provider,
                name,
                endpoint,
                token,
            };
            let connected = desk.engine.connect_account(wanted).await?;
            desk.output.answer(&connected, |connected| {
                format!(
                    "Connected {}.\n{}",
                    connected.account.name,
                    report(&connected.report)
                )
            });
        }
        AccountVerb::List => {
            let accounts = desk.engine.accounts().await?;
            desk.output.answer(&accounts, |accounts| {
                let rows: Vec<_> = accounts
                    .iter()
                    .map(|account| {
                        let endpoint = account
                            .endpoint
                            .url
                            .clone()
                            .unwrap_or_else(|| "public".into());
                        vec![
                            account.name.to_string(),
                            format!("{:?}", account.provider).to_lowercase(),
                            account.owner.clone(),
                            endpoint,
                        ]
                    })
                    .collect();
                table(&["NAME", "PROVIDER", "OWNER", "ENDPOINT"], &rows)
            });
        }
        AccountVerb::Test { name } => {
            let answer = desk.engine.test_account(named(desk, &name).await?).await?;
            desk.output.answer(&answer, report);
        }
        AccountVerb::Replace { name, token_file } => {
            let id = named(desk, &name).await?;
            let token = input::secret("token", token_file.as_deref())?;
            let connected = desk.engine.replace_token(id, token).await?;
            desk.output
                .answer(&connected, |connected| report(&connected.report));
        }
        AccountVerb::Disconnect { name } => {
            let receipt = desk
                .engine
                .disconnect_account(named(desk, &name).await?)
                .await?;
            desk.output.answer(&receipt, |_| {
                format!("Disconnected {name}; its token is forgotten.")
            });
        }
        AccountVerb::Offers { name } => {
            let offers = desk.engine.offers(named(desk, &name).await?).await?;
            desk.output.answer(&offers, |offers| {
                let rows: Vec<_> = offers
                    .sizes
                    .iter()
                    .filter(|size| size.available)
                    .map(|size| {
                        vec![
                            size.slug.clone(),
                            size.vcpus.to_string(),
                            format!("{} MiB", size.memory_mib),
                            format!("{} GiB", size.disk_gib),
                            dollars(size.price_cents_month.cast_signed()),
                            size.regions.join(" "),
                        ]
                    })
                    .collect();
                table(
                    &["SIZE", "CPUS", "MEMORY", "DISK", "A MONTH", "REGIONS"],
                    &rows,
                )
            });
        }
    }
    Ok(())
}

/// `plimsoll key …`
pub async fn keys(verb: KeyVerb, desk: &Desk) -> Answer {
    match verb {
        KeyVerb::List => {
            let keys = desk.engine.ssh_keys().await?;
            desk.output.answer(&keys, |keys| {
                let rows: Vec<_> = keys
                    .iter()
                    .map(|key| vec![key.name.to_string(), key.public.clone()])
                    .collect();
                table(&["NAME", "PUBLIC KEY"], &rows)
            });
        }
    }
    Ok(())
}

/// The id of the account of that name.
pub async fn named(desk: &Desk, name: &str) -> Answer<ProviderAccountId> {
    Ok(desk
        .engine
        .account_named(&parsed::<Name>("name", name)?)
        .await?
        .id)
}

fn report(report: &TokenReport) -> String {
    let mut lines = vec![format!("  whose     {}", report.owner)];
    lines.extend(
        report
            .limits
            .iter()
            .map(|limit| format!("  limit     {limit}")),
    );
    lines.extend(
        report
            .missing_scopes
            .iter()
            .map(|scope| format!("  missing   {scope}")),
    );
    lines.extend(
        report
            .expires_at
            .iter()
            .map(|moment| format!("  expires   {moment}")),
    );
    lines.join("\n")
}
