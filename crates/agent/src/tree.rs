//! The folder that a build reads: kept on disk between builds, brought from one manifest to the
//! next by touching only what differs, so that the builder's own cache stays valid.

use crate::{
    context::{ContextStore, Manifest},
    disk,
    error::{AgentError, Result},
};
use plimsoll_protocol::{ContextFile, ContextFileKind, ServiceKey};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// Brings a service's folder to a manifest whose contents are all here; answers the folder.
pub fn assemble(store: &ContextStore, key: &ServiceKey, hash: &str) -> Result<PathBuf> {
    let Some(wanted) = store.manifest(key, hash)? else {
        return Err(AgentError::refused(
            "context_unknown",
            "the server does not hold this build context",
            "Send the context again.",
        ));
    };
    let missing = store.missing(&wanted);
    if !missing.is_empty() {
        return Err(AgentError::refused(
            "context_incomplete",
            format!(
                "{} contents of the build context are missing",
                missing.len()
            ),
            "Send the missing contents, then build.",
        ));
    }
    let folder = store.folder(key);
    let tree = folder.join("tree");
    let mark = folder.join("tree.manifest");
    let present = fs::read_to_string(&mark).unwrap_or_default();
    let present = match present.as_str() {
        "" => None,
        hash => store.manifest(key, hash)?,
    };
    let present = match present {
        Some(present) if tree.is_dir() => present,
        _ => {
            disk::remove_folder(&tree)?;
            Manifest::new()
        }
    };
    // While it is being changed it is nobody's tree: a crash in the middle starts it afresh.
    disk::remove_file(&mark)?;
    disk::folder(&tree, 0o755)?;
    change(store, &tree, &present, &wanted)?;
    disk::write_whole(&mark, 0o600, hash.as_bytes())?;
    Ok(tree)
}

fn change(store: &ContextStore, tree: &Path, present: &Manifest, wanted: &Manifest) -> Result<()> {
    let differs = |path: &String, file: &ContextFile| wanted.get(path) != Some(file);
    for (path, file) in present
        .iter()
        .rev()
        .filter(|(path, file)| differs(path, file))
    {
        let at = tree.join(path);
        match file.kind {
            // A folder that became non-empty stays; its entry is about an empty one.
            ContextFileKind::Folder => drop(fs::remove_dir(&at)),
            ContextFileKind::File { .. } | ContextFileKind::Link { .. } => disk::remove_file(&at)?,
        }
        remove_empty_above(tree, &at);
    }
    let mut made: BTreeSet<PathBuf> = BTreeSet::new();
    for (path, file) in wanted {
        if present.get(path) == Some(file) {
            continue;
        }
        let at = tree.join(path);
        if let Some(parent) = at.parent()
            && made.insert(parent.to_owned())
        {
            fs::create_dir_all(parent).map_err(AgentError::file("make the folder", parent))?;
        }
        match &file.kind {
            ContextFileKind::Folder => {
                fs::create_dir_all(&at).map_err(AgentError::file("make the folder", &at))?;
            }
            ContextFileKind::Link { target } => {
                symlink(target, &at).map_err(AgentError::file("make the link", &at))?;
            }
            ContextFileKind::File { hash, .. } => {
                // A copy, not a hard link: builders report two names of one inode as links of
                // each other, and the rights of both would be the same.
                fs::copy(store.content(hash), &at)
                    .and_then(|_| {
                        let mode = if file.executable { 0o755 } else { 0o644 };
                        fs::set_permissions(&at, fs::Permissions::from_mode(mode))
                    })
                    .map_err(AgentError::file("write", &at))?;
            }
        }
    }
    // Folders that lost their last file and are wanted empty.
    for (path, file) in wanted {
        if file.kind == ContextFileKind::Folder {
            let at = tree.join(path);
            fs::create_dir_all(&at).map_err(AgentError::file("make the folder", &at))?;
        }
    }
    Ok(())
}

fn remove_empty_above(tree: &Path, at: &Path) {
    let mut above = at.parent();
    while let Some(folder) = above {
        if folder == tree || fs::remove_dir(folder).is_err() {
            return;
        }
        above = folder.parent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use plimsoll_domain::name::Name;
    use plimsoll_protocol::{SyncContext, manifest_hash};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn put(
        store: &ContextStore,
        key: &ServiceKey,
        files: &BTreeMap<String, (String, bool)>,
    ) -> String {
        let mut frames = Vec::new();
        let entries: Vec<ContextFile> = files
            .iter()
            .map(|(path, (text, executable))| {
                let hash = blake3::hash(text.as_bytes());
                frames.extend(hash.as_bytes());
                frames.extend((text.len() as u64).to_le_bytes());
                frames.extend(text.as_bytes());
                ContextFile {
                    path: path.clone(),
                    kind: ContextFileKind::File {
                        hash: hash.to_hex().to_string(),
                        size: text.len() as u64,
                    },
                    executable: *executable,
                }
            })
            .collect();
        store
            .receive(&zstd::encode_all(&frames[..], 1).unwrap()[..])
            .unwrap();
        let manifest = manifest_hash(&entries);
        let request = SyncContext {
            key: key.clone(),
            base: None,
            upserts: entries,
            removals: vec![],
            manifest: manifest.clone(),
        };
        assert_eq!(store.apply(&request).unwrap().missing, Vec::<String>::new());
        manifest
    }

    fn read(tree: &Path, into: &mut BTreeMap<String, (String, bool)>, prefix: &str) {
        for entry in fs::read_dir(tree).unwrap().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                read(&entry.path(), into, &format!("{name}/"));
            } else {
                let mode = entry.metadata().unwrap().permissions().mode();
                let text = fs::read_to_string(entry.path()).unwrap();
                into.insert(name, (text, mode & 0o100 != 0));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_folder_is_always_what_the_manifest_says(
            versions in prop::collection::vec(
                prop::collection::btree_map("[ab]", ("[xy]{0,2}", any::<bool>()), 0..3).prop_flat_map(|top| {
                    (Just(top), prop::collection::btree_map("(d|e)/[ab](/f)?", ("[xy]{0,2}", any::<bool>()), 0..4))
                }), 1..5)
        ) {
            let root = tempfile::tempdir().unwrap();
            let store = ContextStore::new(&Settings::under(Some(root.path())));
            let name = |text| Name::parse(text).unwrap();
            let key = ServiceKey { project: name("p"), environment: name("e"), service: name("s") };
            for (top, deep) in versions {
                let mut files = top.clone();
                for (path, file) in deep {
                    let clash = path.strip_suffix("/f").is_some_and(|above| files.contains_key(above));
                    if !clash && !files.contains_key(&format!("{path}/f")) {
                        files.insert(path, file);
                    }
                }
                let manifest = put(&store, &key, &files);
                let tree = assemble(&store, &key, &manifest).unwrap();
                let mut found = BTreeMap::new();
                read(&tree, &mut found, "");
                prop_assert_eq!(found, files);
            }
        }
    }
}
