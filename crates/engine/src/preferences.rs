//! What the people of this device prefer: kept here, never synced.

use crate::{Engine, Result, error::EngineError};
use serde::{Deserialize, Serialize};

/// The setting that keeps them.
const ENTRY: &str = "preferences";

/// Dark or light.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system is set.
    #[default]
    System,
    /// Always dark.
    Dark,
    /// Always light.
    Light,
}

/// How much may move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motion {
    /// As the system is set.
    #[default]
    System,
    /// Nothing moves.
    Reduced,
}

/// What somebody prefers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Dark or light.
    pub theme: Theme,
    /// How much may move.
    pub motion: Motion,
}

impl Engine {
    /// The preferences of this device. What cannot be read counts as never chosen: nobody shall be
    /// kept out by the colour of a window.
    pub async fn preferences(&self) -> Result<Preferences> {
        let kept = self.world.store.setting(ENTRY).await?;
        Ok(kept
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    /// Keeps preferences.
    pub async fn set_preferences(&self, preferences: Preferences) -> Result<()> {
        let text = serde_json::to_string(&preferences)
            .map_err(|error| EngineError::internal("internal", error.to_string()))?;
        let mut write = self.world.store.write().await?;
        write.set_setting(ENTRY, &text).await?;
        write.commit().await?;
        Ok(())
    }
}
