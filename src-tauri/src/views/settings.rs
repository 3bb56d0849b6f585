//! What the people of this device prefer.

use super::mirror::mirror;
use plimsoll_engine::{Motion, Preferences, Theme};
use serde::{Deserialize, Serialize};
use specta::Type;

mirror! {
    /// Dark or light.
    ThemeView of Theme {
        /// As the system is set.
        System,
        /// Always dark.
        Dark,
        /// Always light.
        Light,
    }
}

mirror! {
    /// How much may move.
    MotionView of Motion {
        /// As the system is set.
        System,
        /// Nothing moves.
        Reduced,
    }
}

/// What somebody prefers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type)]
pub struct SettingsView {
    /// Dark or light.
    pub theme: ThemeView,
    /// How much may move.
    pub motion: MotionView,
}

impl From<Preferences> for SettingsView {
    fn from(preferences: Preferences) -> Self {
        Self {
            theme: preferences.theme.into(),
            motion: preferences.motion.into(),
        }
    }
}

impl From<SettingsView> for Preferences {
    fn from(view: SettingsView) -> Self {
        Self {
            theme: view.theme.into(),
            motion: view.motion.into(),
        }
    }
}
