//! Images: pinned by digest, tagged by deployment.

use crate::{DeploymentId, name::Name};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text that does not pin an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” does not pin an image: expected NAME@sha256: followed by 64 hexadecimal digits")]
pub struct UnpinnedImage(pub String);

/// A pinned image: whoever holds one starts the same bytes every time.
///
/// `digest` is the image id, `sha256:` of its configuration: it survives moving without a registry,
/// which a manifest digest does not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    name: String,
    digest: String,
}

impl ImageRef {
    /// Reads `name@sha256:…`.
    pub fn parse(text: &str) -> Result<Self, UnpinnedImage> {
        let refused = || UnpinnedImage(text.chars().take(200).collect());
        let (name, digest) = text.split_once('@').ok_or_else(refused)?;
        let hex = digest.strip_prefix("sha256:").ok_or_else(refused)?;
        let well_formed = hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if name.is_empty() || name.starts_with('-') || !well_formed {
            return Err(refused());
        }
        Ok(Self {
            name: name.to_owned(),
            digest: digest.to_owned(),
        })
    }
    /// The repository and tag, such as `shop-web:deploy_0192a1b2`.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.digest)
    }
}
impl TryFrom<String> for ImageRef {
    type Error = UnpinnedImage;
    fn try_from(text: String) -> Result<Self, UnpinnedImage> {
        Self::parse(&text)
    }
}
impl From<ImageRef> for String {
    fn from(image: ImageRef) -> String {
        image.to_string()
    }
}

/// The repository under which a service's images are kept: `{project}-{environment}-{service}`.
pub fn image_base(project: &Name, environment: &Name, service: &Name) -> String {
    format!("{project}-{environment}-{service}")
}

/// The tag of a deployed image: `{base}:deploy_{first 8 of the deployment id}`.
pub fn deploy_tag(base: &str, deployment: DeploymentId) -> String {
    format!("{base}:deploy_{}", deployment.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_pins_an_image() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let pinned = ImageRef::parse(&format!("shop-web:deploy_0192a1b2@{digest}")).unwrap();
        assert_eq!(pinned.digest(), digest);
        for loose in [
            "python:3.12",
            "python@sha256:abc",
            "@sha256:",
            "",
            "-x@sha256:aa",
        ] {
            assert!(ImageRef::parse(loose).is_err(), "{loose:?} passed");
        }
    }
}
