//! Which practice cloud a container, network, volume or rule belongs to.

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The label that carries the instance on everything the lab makes in an engine.
pub const INSTANCE_LABEL: &str = "dev.plimsoll.practice";
/// The label that says what a thing is: `droplet`, `gateway`, `snapshot`, `network`.
pub const KIND_LABEL: &str = "dev.plimsoll.practice.kind";
/// The label that carries a droplet's or snapshot's identifier.
pub const ID_LABEL: &str = "dev.plimsoll.practice.id";

/// One practice cloud, known by its state folder: two labs on one engine never mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    id: String,
}

impl Instance {
    /// The instance whose state lives in `state`, an absolute path.
    pub fn of_folder(state: &Path) -> Self {
        let digest = Sha256::digest(state.as_os_str().as_encoded_bytes());
        // Eight digits keep network interface names below their limit of fifteen characters.
        Self {
            id: hex::encode(&digest[..4]),
        }
    }

    /// Eight hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of a thing of this instance in an engine.
    pub fn name(&self, kind: &str, id: impl std::fmt::Display) -> String {
        format!("plimsoll-{}-{kind}-{id}", self.id)
    }

    /// The name of the instance's one network.
    pub fn network(&self) -> String {
        format!("plimsoll-{}", self.id)
    }

    /// What stands before the names of this instance's images: images that are imported carry no
    /// labels, so their name says whose they are.
    pub fn image_prefix(&self) -> String {
        format!("plimsoll-{}", self.id)
    }

    /// Labels of a thing of this instance.
    pub fn labels(&self, kind: &str, id: impl std::fmt::Display) -> HashMap<String, String> {
        HashMap::from([
            (INSTANCE_LABEL.to_owned(), self.id.clone()),
            (KIND_LABEL.to_owned(), kind.to_owned()),
            (ID_LABEL.to_owned(), id.to_string()),
        ])
    }

    /// An engine's filter that matches everything of this instance and nothing else.
    pub fn filter(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([(
            "label".to_owned(),
            vec![format!("{INSTANCE_LABEL}={}", self.id)],
        )])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_folders_are_two_instances() {
        let one = Instance::of_folder(Path::new("/a"));
        let other = Instance::of_folder(Path::new("/b"));
        assert_ne!(one, other);
        assert_eq!(one, Instance::of_folder(Path::new("/a")));
        assert_ne!(one.filter(), other.filter());
    }

    #[test]
    fn names_and_labels_carry_the_instance() {
        let instance = Instance::of_folder(Path::new("/a"));
        assert!(instance.name("droplet", 7).contains(instance.id()));
        assert_eq!(instance.labels("droplet", 7)[INSTANCE_LABEL], instance.id());
        assert_eq!(instance.labels("droplet", 7)[ID_LABEL], "7");
    }
}
