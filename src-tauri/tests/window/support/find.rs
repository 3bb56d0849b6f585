//! How tests name what they use: as a person or a screen reader would.

/// A role of WAI-ARIA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Button,
    Link,
    Textbox,
    Spinbutton,
    Combobox,
    Checkbox,
    Radio,
    Option,
    Tab,
    Heading,
    Dialog,
    Row,
    Alert,
    MenuItem,
}

impl Role {
    /// As the attribute is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Link => "link",
            Self::Textbox => "textbox",
            Self::Spinbutton => "spinbutton",
            Self::Combobox => "combobox",
            Self::Checkbox => "checkbox",
            Self::Radio => "radio",
            Self::Option => "option",
            Self::Tab => "tab",
            Self::Heading => "heading",
            Self::Dialog => "dialog",
            Self::Row => "row",
            Self::Alert => "alert",
            Self::MenuItem => "menuitem",
        }
    }
}
