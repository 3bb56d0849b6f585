//! Build contexts: contents by their BLAKE3, manifests by service, deltas between them.

use crate::{
    clock, disk,
    error::{AgentError, Result},
    settings::Settings,
};
use plimsoll_protocol::{
    ContextFile, ContextFileKind, ContextSynced, ServiceKey, SyncContext, manifest_hash,
};
use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How many manifests of a service are kept: a desktop may be a few versions behind.
const KEPT_MANIFESTS: usize = 4;
/// Contents that no manifest names are removed when they are older than this: a sync in two parts
/// may still need them.
const GRACE: Duration = Duration::from_secs(3600);
/// Most bytes of one content, so that a broken length is noticed.
const MAX_CONTENT: u64 = 8 << 30;

/// A manifest: entries by path.
pub type Manifest = BTreeMap<String, ContextFile>;

/// Contents and manifests on disk.
#[derive(Debug, Clone)]
pub struct ContextStore {
    contents: PathBuf,
    contexts: PathBuf,
}

impl ContextStore {
    /// The store of these settings.
    pub fn new(settings: &Settings) -> Self {
        Self {
            contents: settings.state.join("contents"),
            contexts: settings.state.join("contexts"),
        }
    }

    /// The folder of a service's context.
    pub fn folder(&self, key: &ServiceKey) -> PathBuf {
        self.contexts.join(crate::record::file_stem(key))
    }

    /// Where a content lies.
    pub fn content(&self, hash: &str) -> PathBuf {
        let (shard, rest) = hash.split_at(hash.len().min(2));
        self.contents.join(shard).join(rest)
    }

    fn manifest_path(&self, key: &ServiceKey, hash: &str) -> PathBuf {
        self.folder(key).join("manifests").join(hash)
    }

    /// Takes contents from a zstd stream of frames: 32 bytes of BLAKE3, 8 bytes little-endian
    /// length, the bytes. Each is verified before it is kept.
    pub fn receive(&self, compressed: impl Read) -> Result<u64> {
        let unreadable = |source| AgentError::Connection {
            doing: "reading the context's contents",
            source,
        };
        let mut decoder = zstd::Decoder::new(compressed).map_err(unreadable)?;
        decoder.window_log_max(23).map_err(unreadable)?;
        let mut received = 0;
        loop {
            let mut head = [0u8; 40];
            match read_head(&mut decoder, &mut head).map_err(unreadable)? {
                false => return Ok(received),
                true => received += 1,
            }
            let hash = hex::encode(&head[..32]);
            let mut length = [0u8; 8];
            length.copy_from_slice(&head[32..]);
            self.receive_one(&mut decoder, &hash, u64::from_le_bytes(length))?;
        }
    }

    fn receive_one(&self, from: &mut impl Read, hash: &str, length: u64) -> Result<()> {
        let path = self.content(hash);
        let wrong = |why: &str| {
            AgentError::refused(
                "context_corrupt",
                format!("content {hash} arrived damaged: {why}"),
                "Send it again.",
            )
        };
        if length > MAX_CONTENT {
            return Err(wrong("its length is beyond 8 GiB"));
        }
        let parent = path.parent().unwrap_or(&self.contents).to_owned();
        disk::folder(&parent, 0o700)?;
        let temporary = path.with_extension(format!("{:?}", std::thread::current().id()));
        let written = (|| -> io::Result<(u64, blake3::Hash)> {
            let mut file = BufWriter::new(File::create(&temporary)?);
            let mut hasher = blake3::Hasher::new();
            let mut buffer = [0u8; 32 << 10];
            let mut limited = from.take(length);
            let mut total = 0;
            loop {
                let n = limited.read(&mut buffer)?;
                if n == 0 {
                    break;
                }
                hasher.update(&buffer[..n]);
                file.write_all(&buffer[..n])?;
                total += n as u64;
            }
            file.flush()?;
            Ok((total, hasher.finalize()))
        })();
        let finished = match written {
            Ok((total, _)) if total != length => Err(wrong("it ends too early")),
            Ok((_, found)) if found.to_hex().as_str() != hash => Err(wrong("its hash differs")),
            Ok(_) => fs::rename(&temporary, &path).map_err(AgentError::file("keep", &path)),
            Err(source) => Err(AgentError::file("write", &path)(source)),
        };
        if finished.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        finished
    }

    /// Applies a change to a service's manifest and tells which contents are missing.
    pub fn apply(&self, request: &SyncContext) -> Result<ContextSynced> {
        let mut manifest = match &request.base {
            None => Manifest::new(),
            Some(base) => match self.manifest(&request.key, base)? {
                Some(manifest) => manifest,
                None => {
                    return Ok(ContextSynced {
                        need_full: true,
                        missing: Vec::new(),
                    });
                }
            },
        };
        for path in &request.removals {
            manifest.remove(path);
        }
        for file in &request.upserts {
            manifest.insert(file.path.clone(), file.clone());
        }
        check_manifest(&manifest)?;
        let entries: Vec<ContextFile> = manifest.values().cloned().collect();
        let found = manifest_hash(&entries);
        if found != request.manifest {
            // The desktop's idea of the base differs from ours: only the whole helps.
            if request.base.is_some() {
                return Ok(ContextSynced {
                    need_full: true,
                    missing: Vec::new(),
                });
            }
            return Err(AgentError::refused(
                "manifest_mismatch",
                format!(
                    "the manifest's hash is {found}, announced was {}",
                    request.manifest
                ),
                "Upgrade the desktop or the agent so that both agree.",
            ));
        }
        self.save(&request.key, &found, &manifest)?;
        Ok(ContextSynced {
            need_full: false,
            missing: self.missing(&manifest),
        })
    }

    /// Hashes of contents that a manifest names and the store lacks, each once. One of another
    /// length was cut off by a crash of the server: contents are not synced one by one.
    pub fn missing(&self, manifest: &Manifest) -> Vec<String> {
        let mut seen = HashSet::new();
        let whole = |hash: &str, size: u64| {
            fs::metadata(self.content(hash)).is_ok_and(|facts| facts.len() == size)
        };
        manifest
            .values()
            .filter_map(|file| match &file.kind {
                ContextFileKind::File { hash, size } => Some((hash, *size)),
                ContextFileKind::Link { .. } | ContextFileKind::Folder => None,
            })
            .filter(|(hash, size)| seen.insert(hash.as_str()) && !whole(hash, *size))
            .map(|(hash, _)| hash.clone())
            .collect()
    }

    /// Reads a manifest; `None` when it is not here or no longer what its name says.
    pub fn manifest(&self, key: &ServiceKey, hash: &str) -> Result<Option<Manifest>> {
        if !is_hash(hash) {
            return Ok(None);
        }
        let path = self.manifest_path(key, hash);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(AgentError::file("read", path)(source)),
        };
        let mut hasher = blake3::Hasher::new();
        let mut manifest = Manifest::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(AgentError::file("read", &path))?;
            hasher.update(line.as_bytes());
            hasher.update(b"\n");
            let Ok(entry) = serde_json::from_str::<ContextFile>(&line) else {
                return Ok(None);
            };
            manifest.insert(entry.path.clone(), entry);
        }
        let intact = hasher.finalize().to_hex().as_str() == hash;
        Ok(intact.then_some(manifest))
    }

    fn save(&self, key: &ServiceKey, hash: &str, manifest: &Manifest) -> Result<()> {
        let path = self.manifest_path(key, hash);
        let folder = path.parent().unwrap_or(&path).to_owned();
        disk::folder(&folder, 0o700)?;
        let mut text = Vec::new();
        for entry in manifest.values() {
            text.extend(serde_json::to_vec(entry).unwrap_or_default());
            text.push(b'\n');
        }
        disk::write_whole(&path, 0o600, &text)?;
        let mut kept: Vec<(SystemTime, PathBuf)> = list(&folder)
            .into_iter()
            .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        kept.sort();
        for (_, old) in kept.iter().rev().skip(KEPT_MANIFESTS) {
            disk::remove_file(old)?;
        }
        Ok(())
    }

    /// Forgets a service's context.
    pub fn forget(&self, key: &ServiceKey) -> Result<()> {
        disk::remove_folder(&self.folder(key))
    }

    /// Removes contents that no manifest names.
    pub fn collect_garbage(&self) -> Result<()> {
        let mut named: HashSet<String> = HashSet::new();
        for context in list(&self.contexts) {
            for path in list(&context.join("manifests")) {
                let file = File::open(&path).map_err(AgentError::file("read", &path))?;
                for line in BufReader::new(file).lines() {
                    let line = line.map_err(AgentError::file("read", &path))?;
                    if let Ok(ContextFile {
                        kind: ContextFileKind::File { hash, .. },
                        ..
                    }) = serde_json::from_str(&line)
                    {
                        named.insert(hash);
                    }
                }
            }
        }
        let now = SystemTime::UNIX_EPOCH
            + Duration::from_millis(u64::try_from(clock::now().as_millis()).unwrap_or(0));
        for shard in list(&self.contents) {
            for path in list(&shard) {
                let name = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned());
                let hash = name(&shard).unwrap_or_default() + &name(&path).unwrap_or_default();
                let age = fs::metadata(&path)
                    .and_then(|facts| facts.modified())
                    .map(|at| now.duration_since(at).unwrap_or_default());
                if !named.contains(&hash) && age.is_ok_and(|age| age > GRACE) {
                    disk::remove_file(&path)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads a frame's head; `false` at a clean end of the stream.
fn read_head(from: &mut impl Read, head: &mut [u8; 40]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < head.len() {
        match from.read(&mut head[filled..])? {
            0 if filled == 0 => return Ok(false),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    Ok(true)
}

fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.path()).collect(),
    )
}

/// Whether a text is a BLAKE3 in hexadecimal digits, and so safe in a path.
fn is_hash(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Refuses a manifest that would write or point outside its folder.
pub fn check_manifest(manifest: &Manifest) -> Result<()> {
    let refused = |path: &str, why: &str| {
        Err(AgentError::refused(
            "context_path_refused",
            format!("“{path}” cannot be part of a build context: {why}"),
            "Leave it out of the context, for instance with .dockerignore.",
        ))
    };
    for (path, file) in manifest {
        if let Err(why) = check_path(path) {
            return refused(path, why);
        }
        let mut above = path.as_str();
        while let Some((parent, _)) = above.rsplit_once('/') {
            match manifest.get(parent).map(|entry| &entry.kind) {
                None | Some(ContextFileKind::Folder) => above = parent,
                Some(_) => return refused(path, "what lies above it is not a folder"),
            }
        }
        match &file.kind {
            ContextFileKind::Link { target } => {
                if let Err(why) = check_link(path, target) {
                    return refused(path, why);
                }
            }
            ContextFileKind::File { hash, .. } if !is_hash(hash) => {
                return refused(path, "its hash is malformed");
            }
            ContextFileKind::File { .. } | ContextFileKind::Folder => {}
        }
    }
    Ok(())
}

/// Whether a path is relative, plain and inside.
pub fn check_path(path: &str) -> std::result::Result<(), &'static str> {
    if path.is_empty() || path.len() > 4096 {
        return Err("it is empty or longer than 4096 bytes");
    }
    if path.contains('\0') {
        return Err("it contains a NUL character");
    }
    for part in path.split('/') {
        match part {
            "" => return Err("it is absolute or has an empty part"),
            "." | ".." => return Err("it has a part that is “.” or “..”"),
            long if long.len() > 255 => return Err("a part is longer than 255 bytes"),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a link stays inside: first as many `..` as there are folders above it at most, then
/// plain names. A `..` after a name could leave through another link.
pub fn check_link(path: &str, target: &str) -> std::result::Result<(), &'static str> {
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return Err("it is a link to an absolute or empty path");
    }
    let depth = path.matches('/').count();
    let parts: Vec<&str> = target
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let up = parts.iter().take_while(|part| **part == "..").count();
    if up > depth {
        return Err("it is a link that leaves the context");
    }
    if parts[up..].contains(&"..") {
        return Err("it is a link that goes down and up again");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &str, kind: ContextFileKind) -> (String, ContextFile) {
        let file = ContextFile {
            path: path.to_owned(),
            kind,
            executable: false,
        };
        (path.to_owned(), file)
    }
    fn link(path: &str, target: &str) -> (String, ContextFile) {
        entry(
            path,
            ContextFileKind::Link {
                target: target.to_owned(),
            },
        )
    }

    #[test]
    fn nothing_leaves_the_context() {
        for bad in [
            "../a",
            "a/../b",
            "/etc/passwd",
            "",
            "a//b",
            "./a",
            "a/.",
            "a\0b",
        ] {
            let manifest = Manifest::from([entry(bad, ContextFileKind::Folder)]);
            assert!(check_manifest(&manifest).is_err(), "{bad:?} passed");
        }
        for (path, target) in [
            ("a", "../x"),
            ("a", "/etc/passwd"),
            ("d/a", "../../x"),
            ("d/a", "x/../../y"),
            ("a", ""),
        ] {
            assert!(
                check_manifest(&Manifest::from([link(path, target)])).is_err(),
                "{path:?} -> {target:?} passed"
            );
        }
        let inside = Manifest::from([link("d/a", "../x"), link("b", "d/x")]);
        assert!(check_manifest(&inside).is_ok());
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let manifest = Manifest::from([
            link("d", "elsewhere"),
            entry("d/x", ContextFileKind::Folder),
        ]);
        assert!(check_manifest(&manifest).is_err());
    }

    #[test]
    fn a_content_that_a_crash_cut_off_is_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = ContextStore {
            contents: folder.path().join("contents"),
            contexts: folder.path().join("contexts"),
        };
        let hash = blake3::hash(b"abc").to_hex().to_string();
        let kind = ContextFileKind::File {
            hash: hash.clone(),
            size: 3,
        };
        let manifest = Manifest::from([entry("a", kind)]);
        let path = store.content(&hash);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"").unwrap();
        assert_eq!(store.missing(&manifest), [hash]);
        fs::write(&path, b"abc").unwrap();
        assert!(store.missing(&manifest).is_empty());
    }

    #[test]
    fn a_damaged_content_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = ContextStore {
            contents: folder.path().join("contents"),
            contexts: folder.path().join("contexts"),
        };
        let mut frames = Vec::new();
        let hash = blake3::hash(b"hello");
        frames.extend(hash.as_bytes());
        frames.extend(5u64.to_le_bytes());
        frames.extend(b"hallo");
        let stream = zstd::encode_all(&frames[..], 1).unwrap();
        let failure = store.receive(&stream[..]).unwrap_err().failure();
        assert_eq!(failure.code, "context_corrupt");
        assert!(!store.content(hash.to_hex().as_str()).exists());

        let good = zstd::encode_all(&[&frames[..40], b"hello"].concat()[..], 1).unwrap();
        assert_eq!(store.receive(&good[..]).unwrap(), 1);
        assert_eq!(
            fs::read(store.content(hash.to_hex().as_str())).unwrap(),
            b"hello"
        );
    }

    #[test]
    fn a_change_from_an_unknown_base_asks_for_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = ContextStore {
            contents: folder.path().join("contents"),
            contexts: folder.path().join("contexts"),
        };
        let name = |text| plimsoll_domain::name::Name::parse(text).unwrap();
        let key = ServiceKey {
            project: name("shop"),
            environment: name("production"),
            service: name("web"),
        };
        let hash = blake3::hash(b"x").to_hex().to_string();
        let file = entry(
            "a",
            ContextFileKind::File {
                hash: hash.clone(),
                size: 1,
            },
        )
        .1;
        let mut request = SyncContext {
            key: key.clone(),
            base: Some("0".repeat(64)),
            upserts: vec![file.clone()],
            removals: vec![],
            manifest: manifest_hash(&[file]),
        };
        assert!(store.apply(&request).unwrap().need_full);
        request.base = None;
        assert_eq!(store.apply(&request).unwrap().missing, vec![hash]);
        let second = entry("b", ContextFileKind::Folder).1;
        let next = SyncContext {
            key,
            base: Some(request.manifest.clone()),
            upserts: vec![second.clone()],
            removals: vec!["a".to_owned()],
            manifest: manifest_hash(&[second]),
        };
        let answer = store.apply(&next).unwrap();
        assert!(!answer.need_full && answer.missing.is_empty());
    }

    proptest! {
        #[test]
        fn a_path_that_passes_stays_inside(path in "[a-z./\\\\ ]{0,20}") {
            if check_path(&path).is_ok() {
                let joined = Path::new("/context").join(&path);
                prop_assert!(joined.starts_with("/context"));
                prop_assert!(joined.components().all(|c| c != std::path::Component::ParentDir));
            }
        }
        #[test]
        fn damaged_streams_never_crash(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let folder = tempfile::tempdir().unwrap();
            let store = ContextStore {
                contents: folder.path().join("contents"),
                contexts: folder.path().join("contexts"),
            };
            let _ = store.receive(&bytes[..]);
            let framed = zstd::encode_all(&bytes[..], 1).unwrap();
            let _ = store.receive(&framed[..]);
        }
    }
}
