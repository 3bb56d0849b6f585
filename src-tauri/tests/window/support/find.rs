//! How tests name what they use: as a person or a screen reader would.

/// A role of WAI-ARIA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Button,
    Checkbox,
    Image,
    Link,
    MenuItem,
    Option,
    Region,
    Row,
    Tab,
    Textbox,
    TreeItem,
}

impl Role {
    /// As the attribute is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Button => "button",
            Self::Checkbox => "checkbox",
            Self::Image => "img",
            Self::Link => "link",
            Self::MenuItem => "menuitem",
            Self::Option => "option",
            Self::Region => "region",
            Self::Row => "row",
            Self::Tab => "tab",
            Self::Textbox => "textbox",
            Self::TreeItem => "treeitem",
        }
    }
}
