//! The hash that names a build context's manifest: computed here, so that both sides agree.

use crate::ContextFile;

/// BLAKE3 (hex) over the entries sorted by path, each as one line of JSON ended by a newline.
pub fn manifest_hash(files: &[ContextFile]) -> String {
    let mut sorted: Vec<&ContextFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let mut hasher = blake3::Hasher::new();
    for file in sorted {
        // An entry is made of strings, numbers and booleans, which always serialise.
        hasher.update(&serde_json::to_vec(file).unwrap_or_default());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContextFileKind;

    fn file(path: &str, hash: &str) -> ContextFile {
        ContextFile {
            path: path.to_owned(),
            kind: ContextFileKind::File {
                hash: hash.to_owned(),
                size: 3,
            },
            executable: false,
        }
    }

    #[test]
    fn order_does_not_matter_and_content_does() {
        let (a, b) = (file("a", "1"), file("b", "2"));
        assert_eq!(
            manifest_hash(&[a.clone(), b.clone()]),
            manifest_hash(&[b, a.clone()])
        );
        assert_ne!(manifest_hash(&[a]), manifest_hash(&[file("a", "2")]));
    }
}
