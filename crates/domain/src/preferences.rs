//! What the people of a device prefer. Kept on the device, never synced.

use crate::settings::InvalidSetting;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Sizes of the editor's letters, px.
pub const FONT_SIZES: RangeInclusive<u32> = 9..=32;
/// How many columns a tab may take.
pub const TAB_WIDTHS: RangeInclusive<u32> = 1..=16;
/// Sizes up to which texts may be opened, bytes. Above that an editor is of no use any more.
pub const TEXT_BYTES: RangeInclusive<u64> = 100_000..=32_000_000;

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

/// What a text is indented with that is not indented yet; another one goes on as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indent {
    /// A tab.
    #[default]
    Tabs,
    /// As many spaces as a tab takes columns.
    Spaces,
}

/// What becomes of the services that the window has started on this machine when it is quit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtQuit {
    /// Somebody is asked each time.
    #[default]
    Ask,
    /// They are stopped; their data stays.
    Stop,
    /// They go on.
    Leave,
}

/// What somebody prefers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Dark or light.
    pub theme: Theme,
    /// How much may move.
    pub motion: Motion,
    /// How texts are shown and written.
    pub editor: EditorPreferences,
    /// Where something becomes too much.
    pub limits: Limits,
    /// How services run on this machine.
    pub run: RunPreferences,
}

/// How services run on this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunPreferences {
    /// What becomes of them when the window is quit.
    pub at_quit: AtQuit,
}

/// How texts are shown and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EditorPreferences {
    /// Size of the letters, px.
    pub font_size: u32,
    /// How many columns a tab takes.
    pub tab_width: u32,
    /// What a new text is indented with.
    pub indent: Indent,
    /// Whether long lines go on below.
    pub wrap: bool,
    /// Whether the lines are numbered.
    pub line_numbers: bool,
    /// Whether a bracket or quote that is opened is closed at once.
    pub close_brackets: bool,
}

impl Default for EditorPreferences {
    fn default() -> Self {
        Self {
            font_size: 13,
            tab_width: 4,
            indent: Indent::Tabs,
            wrap: false,
            line_numbers: true,
            close_brackets: true,
        }
    }
}

/// Where something becomes too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Largest text that is opened and searched, bytes. What is larger belongs to every version all
    /// the same.
    pub text_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_bytes: 4_000_000,
        }
    }
}

impl Preferences {
    /// Checks what somebody wants.
    ///
    /// # Errors
    /// The first one that cannot be.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        within("editor.font_size", self.editor.font_size, FONT_SIZES)?;
        within("editor.tab_width", self.editor.tab_width, TAB_WIDTHS)?;
        within("limits.text_bytes", self.limits.text_bytes, TEXT_BYTES)
    }
}

fn within<N: PartialOrd + std::fmt::Display>(
    setting: &'static str,
    value: N,
    range: RangeInclusive<N>,
) -> Result<(), InvalidSetting> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(InvalidSetting {
        setting,
        why: format!("at least {least} and at most {most}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_before_there_was_an_editor_is_read() {
        let read: Preferences = serde_json::from_str(r#"{"theme":"light"}"#).unwrap();
        assert_eq!(read.theme, Theme::Light);
        assert_eq!(read.editor, EditorPreferences::default());
        assert_eq!(read.run.at_quit, AtQuit::Ask);
        assert_eq!(read.check(), Ok(()));
    }

    #[test]
    fn what_nobody_could_read_or_edit_is_refused() {
        let wrong = |change: &dyn Fn(&mut Preferences)| {
            let mut preferences = Preferences::default();
            change(&mut preferences);
            preferences.check().unwrap_err().setting
        };
        assert_eq!(wrong(&|p| p.editor.font_size = 0), "editor.font_size");
        assert_eq!(wrong(&|p| p.editor.tab_width = 17), "editor.tab_width");
        assert_eq!(wrong(&|p| p.limits.text_bytes = 1), "limits.text_bytes");
    }
}
