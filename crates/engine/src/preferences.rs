//! What the people of this device prefer: kept here, never synced.

use crate::{Engine, Result, error::EngineError};
use plimsoll_domain::preferences::Preferences;
use serde_json::json;

/// The setting that keeps them.
const ENTRY: &str = "preferences";

impl Engine {
    /// The preferences of this device. What cannot be read or be counts as never chosen: nobody
    /// shall be kept out by the colour of a window.
    pub async fn preferences(&self) -> Result<Preferences> {
        let kept = self.world.store.setting(ENTRY).await?;
        Ok(kept
            .and_then(|text| serde_json::from_str::<Preferences>(&text).ok())
            .filter(|preferences| preferences.check().is_ok())
            .unwrap_or_default())
    }

    /// Keeps preferences.
    ///
    /// # Errors
    /// `invalid_setting` with the one that cannot be; nothing is changed then.
    pub async fn set_preferences(&self, preferences: Preferences) -> Result<()> {
        preferences.check()?;
        let text = serde_json::to_string(&preferences)
            .map_err(|error| EngineError::internal("internal", error.to_string()))?;
        let mut write = self.world.store.write().await?;
        write.set_setting(ENTRY, &text).await?;
        let details = json!({"preferences": preferences});
        self.audited(&mut write, "preferences.set", ENTRY.to_owned(), details)
            .await?;
        write.commit().await?;
        Ok(())
    }
}
