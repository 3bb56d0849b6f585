//! How tests name what they use: as a person or a screen reader would.

/// A role of WAI-ARIA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Button,
    Link,
    Tab,
    Textbox,
    MenuItem,
    TreeItem,
}

impl Role {
    /// As the attribute is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Link => "link",
            Self::Tab => "tab",
            Self::Textbox => "textbox",
            Self::MenuItem => "menuitem",
            Self::TreeItem => "treeitem",
        }
    }
}
