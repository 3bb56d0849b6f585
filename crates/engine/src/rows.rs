//! Rows as they are now: what a view shows at first, and what it hears when something changes.

use crate::{Engine, Result};
use plimsoll_domain::{
    deployment::Deployment,
    dns::{Certificate, Domain},
    job::Job,
    project::{Configuration, Environment, Project, Service, Variable},
    release::Release,
    server::{BaseSnapshot, ProviderAccount, Server, SshKey},
    version::Version,
};
use plimsoll_store::Store;
use std::collections::BTreeSet;

/// Everything that changed after a number of the change log, each row once.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// The number of the last change that is in here.
    pub seq: i64,
    /// The rows.
    pub rows: Vec<ChangedRow>,
}

/// A row that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedRow {
    /// Its table.
    pub noun: String,
    /// Its id.
    pub id: String,
    /// How it is now; `None` when it was deleted.
    pub now: Option<AnyRow>,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $variant:ident in $table:literal;)*) => {
        /// A row of any noun that views follow.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(
            clippy::large_enum_variant,
            reason = "a few live at a time, on their way to a view"
        )]
        pub enum AnyRow {
            $($(#[$doc])* $variant($variant),)*
        }

        async fn read(store: &Store, noun: &str, id: &str) -> Result<Option<AnyRow>> {
            Ok(match noun {
                $($table => match id.parse() {
                    Ok(id) => store.get::<$variant>(&id).await?.map(AnyRow::$variant),
                    Err(_) => None,
                },)*
                _ => None,
            })
        }

        fn is_followed(noun: &str) -> bool {
            [$($table),*].contains(&noun)
        }
    };
}

rows! {
    /// A login at a provider.
    ProviderAccount in "provider_accounts";
    /// An SSH key pair.
    SshKey in "ssh_keys";
    /// A server.
    Server in "servers";
    /// A project.
    Project in "projects";
    /// An environment.
    Environment in "environments";
    /// A service.
    Service in "services";
    /// A variable.
    Variable in "variables";
    /// A saved configuration.
    Configuration in "configurations";
    /// A certificate.
    Certificate in "certificates";
    /// A domain.
    Domain in "domains";
    /// A base snapshot.
    BaseSnapshot in "base_snapshots";
    /// A job.
    Job in "jobs";
    /// A deployment.
    Deployment in "deployments";
    /// A release.
    Release in "releases";
    /// A version of a project's files.
    Version in "versions";
}

impl Engine {
    /// The number of the last change.
    pub async fn last_seq(&self) -> Result<i64> {
        Ok(self.world.store.last_seq().await?)
    }

    /// What changed after a number of the change log: every row once, as it is now. Reads at most
    /// `limit` entries of the log; whoever gets a `seq` beyond theirs asks again.
    pub async fn changed_since(&self, seq: i64, limit: u32) -> Result<Changed> {
        let changes = self.world.store.changes_since(seq, limit).await?;
        let seq = changes.last().map_or(seq, |change| change.seq);
        let touched: BTreeSet<(String, String)> = changes
            .into_iter()
            .filter(|change| is_followed(&change.noun))
            .map(|change| (change.noun, change.row_id))
            .collect();
        let mut rows = Vec::with_capacity(touched.len());
        for (noun, id) in touched {
            let now = read(&self.world.store, &noun, &id).await?;
            rows.push(ChangedRow { noun, id, now });
        }
        Ok(Changed { seq, rows })
    }
}
