//! What only this device knows: settings, and which build contexts it has sent where.

use crate::{Result, Store, Write, error::doing};
use plimsoll_domain::{ServerId, ServiceId, Timestamp};
use serde_json::Value;

/// A build context that is known to be on a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// BLAKE3 of the manifest, as the protocol defines it.
    pub hash: String,
    /// Its entries, as the protocol defines them.
    pub entries: Value,
    /// When it was sent.
    pub synced_at: Timestamp,
}

impl Store {
    /// A setting of this device.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        sqlx::query_scalar("SELECT value FROM settings WHERE name = ?1")
            .bind(name)
            .fetch_optional(&mut *self.reader().await?)
            .await
            .map_err(doing("read a setting"))
    }

    /// The settings of this device whose names begin so, by name.
    pub async fn settings_under(&self, prefix: &str) -> Result<Vec<(String, String)>> {
        sqlx::query_as(
            "SELECT name, value FROM settings WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name",
        )
        .bind(prefix)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(doing("read settings"))
    }

    /// The build context of a service that is known to be on a server.
    pub async fn manifest(&self, server: ServerId, service: ServiceId) -> Result<Option<Manifest>> {
        let row: Option<(String, String, String)> = sqlx::query_as(
            "SELECT hash, entries, synced_at FROM manifests \
             WHERE server_id = ?1 AND service_id = ?2",
        )
        .bind(server.to_string())
        .bind(service.to_string())
        .fetch_optional(&mut *self.reader().await?)
        .await
        .map_err(doing("read a manifest"))?;
        // What cannot be read is as good as not known: the context is sent again.
        Ok(row.and_then(|(hash, entries, synced_at)| {
            Some(Manifest {
                hash,
                entries: serde_json::from_str(&entries).ok()?,
                synced_at: synced_at.parse().ok()?,
            })
        }))
    }
}

impl Write {
    /// Sets a setting of this device.
    pub async fn set_setting(&mut self, name: &str, value: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&mut *self.transaction)
        .await
        .map_err(doing("write a setting"))?;
        Ok(())
    }

    /// Forgets a setting of this device; `Ok` when there is none.
    pub async fn forget_setting(&mut self, name: &str) -> Result<()> {
        sqlx::query("DELETE FROM settings WHERE name = ?1")
            .bind(name)
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("forget a setting"))?;
        Ok(())
    }

    /// A setting of this device as this transaction sees it.
    pub async fn setting(&mut self, name: &str) -> Result<Option<String>> {
        sqlx::query_scalar("SELECT value FROM settings WHERE name = ?1")
            .bind(name)
            .fetch_optional(&mut *self.transaction)
            .await
            .map_err(doing("read a setting"))
    }

    /// Notes that a build context is on a server now.
    pub async fn put_manifest(
        &mut self,
        server: ServerId,
        service: ServiceId,
        manifest: &Manifest,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO manifests (server_id, service_id, hash, entries, synced_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (server_id, service_id) DO UPDATE SET \
             hash = excluded.hash, entries = excluded.entries, synced_at = excluded.synced_at",
        )
        .bind(server.to_string())
        .bind(service.to_string())
        .bind(&manifest.hash)
        .bind(manifest.entries.to_string())
        .bind(manifest.synced_at.to_string())
        .execute(&mut *self.transaction)
        .await
        .map_err(doing("write a manifest"))?;
        Ok(())
    }

    /// Forgets what is known to be on a server of a service.
    pub async fn forget_manifest(&mut self, server: ServerId, service: ServiceId) -> Result<()> {
        sqlx::query("DELETE FROM manifests WHERE server_id = ?1 AND service_id = ?2")
            .bind(server.to_string())
            .bind(service.to_string())
            .execute(&mut *self.transaction)
            .await
            .map_err(doing("forget a manifest"))?;
        Ok(())
    }
}
