//! Closed sets of the domain as the pages name them.

/// Declares an enum of words for the pages, made from one of the domain's.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident of $of:path { $($(#[$case_doc:meta])* $case:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, specta::Type,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$case_doc])* $case,)*
        }

        impl From<$of> for $name {
            fn from(value: $of) -> Self {
                match value {
                    $(<$of>::$case => Self::$case,)*
                }
            }
        }

        impl From<$name> for $of {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$case => Self::$case,)*
                }
            }
        }
    };
}

pub(crate) use mirror;
