//! The files that releases were built from, by the hash of their manifest. Local to this device.

use crate::{Result, Store, error::doing};
use serde_json::Value;

/// Most lists of files that are kept; the oldest goes first.
const KEPT: i64 = 200;

impl Store {
    /// Keeps the list of files behind a hash.
    pub async fn keep_content(&self, hash: &str, files: &Value) -> Result<()> {
        let now = self.now().to_string();
        let doing_it = "keep a list of files";
        sqlx::query("INSERT OR REPLACE INTO contents (hash, files, kept_at) VALUES (?1, ?2, ?3)")
            .bind(hash)
            .bind(files.to_string())
            .bind(now)
            .execute(&self.inner.writer)
            .await
            .map_err(doing(doing_it))?;
        sqlx::query(
            "DELETE FROM contents WHERE hash NOT IN \
             (SELECT hash FROM contents ORDER BY kept_at DESC LIMIT ?1)",
        )
        .bind(KEPT)
        .execute(&self.inner.writer)
        .await
        .map_err(doing(doing_it))?;
        Ok(())
    }

    /// The list of files behind a hash, where it is kept.
    pub async fn content(&self, hash: &str) -> Result<Option<Value>> {
        let files: Option<String> =
            sqlx::query_scalar("SELECT files FROM contents WHERE hash = ?1")
                .bind(hash)
                .fetch_optional(&mut *self.reader().await?)
                .await
                .map_err(doing("read a list of files"))?;
        Ok(files.and_then(|files| serde_json::from_str(&files).ok()))
    }
}
