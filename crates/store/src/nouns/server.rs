//! Accounts, keys, servers, base snapshots.

use super::find;
use crate::{Result, Store};
use plimsoll_domain::{
    ProviderAccountId,
    name::Name,
    server::{BaseSnapshot, ProviderAccount, Server, SshKey},
};

impl Store {
    /// The account of this name.
    pub async fn account_by_name(&self, name: &Name) -> Result<Option<ProviderAccount>> {
        let sql = "SELECT * FROM provider_accounts WHERE name = ?1 AND deleted_at IS NULL";
        find!(self, one, sql, name.as_str())
    }

    /// The SSH key of this name.
    pub async fn ssh_key_by_name(&self, name: &Name) -> Result<Option<SshKey>> {
        let sql = "SELECT * FROM ssh_keys WHERE name = ?1 AND deleted_at IS NULL";
        find!(self, one, sql, name.as_str())
    }

    /// The server of this name; a destroyed one has lost it.
    pub async fn server_by_name(&self, name: &Name) -> Result<Option<Server>> {
        let sql = "SELECT * FROM servers \
                   WHERE name = ?1 AND deleted_at IS NULL AND state <> 'destroyed'";
        find!(self, one, sql, name.as_str())
    }

    /// The server that a provider knows by this id.
    pub async fn server_by_provider_ref(
        &self,
        account: ProviderAccountId,
        provider_ref: &str,
    ) -> Result<Option<Server>> {
        let sql = "SELECT * FROM servers WHERE account_id = ?1 AND provider_ref = ?2 \
                   AND deleted_at IS NULL ORDER BY id DESC LIMIT 1";
        find!(self, one, sql, account.to_string(), provider_ref)
    }

    /// The base snapshots of an account, newest first.
    pub async fn snapshots_of(&self, account: ProviderAccountId) -> Result<Vec<BaseSnapshot>> {
        let sql = "SELECT * FROM base_snapshots WHERE account_id = ?1 AND deleted_at IS NULL \
                   ORDER BY id DESC";
        find!(self, many, sql, account.to_string())
    }
}
