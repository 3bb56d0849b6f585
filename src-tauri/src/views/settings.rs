//! What the people of this device prefer.

use super::mirror::mirror;
use plimsoll_domain::preferences::{AtQuit, EditorPreferences, Indent, Motion, Preferences, Theme};
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

mirror! {
    /// What a text is indented with that is not indented yet.
    IndentView of Indent {
        /// A tab.
        Tabs,
        /// Spaces.
        Spaces,
    }
}

mirror! {
    /// What becomes of the services that the window has started on this machine when it is quit.
    AtQuitView of AtQuit {
        /// Somebody is asked each time.
        Ask,
        /// They are stopped; their data stays.
        Stop,
        /// They go on.
        Leave,
    }
}

/// How texts are shown and written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type)]
pub struct EditorView {
    /// Size of the letters, px.
    pub font_size: u32,
    /// How many columns a tab takes.
    pub tab_width: u32,
    /// What a new text is indented with.
    pub indent: IndentView,
    /// Whether long lines go on below.
    pub wrap: bool,
    /// Whether the lines are numbered.
    pub line_numbers: bool,
    /// Whether a bracket or quote that is opened is closed at once.
    pub close_brackets: bool,
}

/// What somebody prefers.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type)]
pub struct SettingsView {
    /// Dark or light.
    pub theme: ThemeView,
    /// How much may move.
    pub motion: MotionView,
    /// How texts are shown and written.
    pub editor: EditorView,
}

/// How the window looks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type)]
pub struct LookView {
    /// Dark or light.
    pub theme: ThemeView,
    /// How much may move.
    pub motion: MotionView,
}

impl LookView {
    /// The preferences with this look.
    pub fn of(self, before: Preferences) -> Preferences {
        Preferences {
            theme: self.theme.into(),
            motion: self.motion.into(),
            ..before
        }
    }
}

impl From<Preferences> for SettingsView {
    fn from(preferences: Preferences) -> Self {
        Self {
            theme: preferences.theme.into(),
            motion: preferences.motion.into(),
            editor: preferences.editor.into(),
        }
    }
}

impl From<EditorPreferences> for EditorView {
    fn from(editor: EditorPreferences) -> Self {
        Self {
            font_size: editor.font_size,
            tab_width: editor.tab_width,
            indent: editor.indent.into(),
            wrap: editor.wrap,
            line_numbers: editor.line_numbers,
            close_brackets: editor.close_brackets,
        }
    }
}
