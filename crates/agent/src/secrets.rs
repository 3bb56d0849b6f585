//! Secret variables: in memory while their container may run, sealed on disk in between.
//!
//! Docker's records and `docker inspect` show plain variables only. Secrets lie in files under
//! `/run` (memory, never written out), readable for the container's user alone, and are mounted
//! read-only. After a reboot that memory is empty, so each deployment's secrets are also kept
//! sealed (AES-256-GCM) under a key that only root can read. The boundary of trust is root on the
//! server: whoever is root there, or may command Docker, can read the secrets of what runs there.
//! The sealing keeps them out of copies of single files and of backups that leave the key out.

use crate::{
    clock, disk,
    error::{AgentError, Result},
    settings::Settings,
};
use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use plimsoll_domain::{DeploymentId, name::VariableName};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The name of the file with all secrets, within a deployment's folder.
pub const ENVIRONMENT_FILE: &str = "environment";
/// The name of the folder with one file a secret.
pub const FILES_FOLDER: &str = "files";

/// The name of the file that tells whose the others are.
const OWNER_FILE: &str = "owner";

/// Secrets by name.
pub type Values = BTreeMap<VariableName, Zeroizing<String>>;

/// Where secrets are kept.
#[derive(Debug, Clone)]
pub struct Secrets {
    memory: PathBuf,
    sealed: PathBuf,
    key: PathBuf,
}

/// The container's user, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Secrets {
    /// The secrets of these settings.
    pub fn new(settings: &Settings) -> Self {
        Self {
            memory: settings.secrets(),
            sealed: settings.state.join("sealed"),
            key: settings.state.join("key"),
        }
    }

    /// The folder of a deployment's secrets in memory.
    pub fn folder(&self, id: DeploymentId) -> PathBuf {
        self.memory.join(id.to_string())
    }

    /// Makes the folders, and the key when there is none. The memory must be memory.
    pub fn prepare(&self) -> Result<()> {
        disk::folder(&self.sealed, 0o700)?;
        disk::folder(&self.memory, 0o700)?;
        let facts = nix::sys::statfs::statfs(&self.memory)
            .map_err(|error| AgentError::file("look at", &self.memory)(error.into()))?;
        if facts.filesystem_type() != nix::sys::statfs::TMPFS_MAGIC {
            nix::mount::mount(
                Some("plimsoll"),
                &self.memory,
                Some("tmpfs"),
                nix::mount::MsFlags::MS_NOSUID | nix::mount::MsFlags::MS_NODEV,
                Some("mode=0700,size=64m"),
            )
            .map_err(|error| AgentError::file("mount memory at", &self.memory)(error.into()))?;
        }
        if !self.key.exists() {
            let key = clock::random::<32>().map_err(AgentError::file("make", &self.key))?;
            disk::write_whole(&self.key, 0o600, &Zeroizing::new(key)[..])?;
        }
        Ok(())
    }

    fn key(&self) -> Result<Zeroizing<[u8; 32]>> {
        let bytes =
            Zeroizing::new(fs::read(&self.key).map_err(AgentError::file("read", &self.key))?);
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            let damaged = std::io::Error::other("its length is not 32 bytes");
            return Err(AgentError::file("use", &self.key)(damaged));
        }
        key.copy_from_slice(&bytes);
        Ok(key)
    }

    /// Fingerprint of bytes that nobody without the key can guess from.
    pub fn fingerprint(&self, bytes: &[u8]) -> Result<String> {
        Ok(blake3::keyed_hash(&*self.key()?, bytes)
            .to_hex()
            .to_string())
    }

    /// Seals a deployment's secrets on disk.
    pub fn seal(&self, id: DeploymentId, values: &Values) -> Result<()> {
        let path = self.sealed.join(id.to_string());
        let failed = |why: &str| {
            AgentError::file("seal", path.clone())(std::io::Error::other(why.to_owned()))
        };
        let nonce = clock::random::<12>().map_err(AgentError::file("seal", &path))?;
        let cipher = self.cipher()?;
        let plain = encode(values);
        let payload = Payload {
            msg: &plain,
            aad: id.as_uuid().as_bytes(),
        };
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| failed("the cipher refused"))?;
        disk::write_whole(&path, 0o600, &[&nonce[..], &sealed].concat())
    }

    /// Opens a deployment's sealed secrets; `None` when there are none.
    pub fn open(&self, id: DeploymentId) -> Result<Option<Values>> {
        let path = self.sealed.join(id.to_string());
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(AgentError::file("read", path)(source)),
        };
        let failed = || {
            AgentError::refused(
                "secrets_unreadable",
                format!("the sealed secrets of deployment {id} do not open with this server's key"),
                "Deploy again: the desktop sends the secrets afresh.",
            )
        };
        let Some((nonce, sealed)) = bytes.split_first_chunk::<12>() else {
            return Err(failed());
        };
        let payload = Payload {
            msg: sealed,
            aad: id.as_uuid().as_bytes(),
        };
        let plain = self.cipher()?.decrypt(&Nonce::from(*nonce), payload);
        let plain = Zeroizing::new(plain.map_err(|_| failed())?);
        decode(&plain).map(Some).ok_or_else(failed)
    }

    fn cipher(&self) -> Result<Aes256Gcm> {
        let key = self.key()?;
        Ok(Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key)))
    }

    /// Makes the files that a container's mounts name, still empty: Docker wants them to be there
    /// when the container is made, and whose they are is only known afterwards.
    pub fn reserve(&self, id: DeploymentId) -> Result<()> {
        let folder = self.folder(id);
        disk::folder(&folder, 0o700)?;
        disk::folder(&folder.join(FILES_FOLDER), 0o500)?;
        let environment = folder.join(ENVIRONMENT_FILE);
        if environment.exists() {
            return Ok(());
        }
        disk::write_whole(&environment, 0o400, b"")
    }

    /// Puts a deployment's secrets into memory for the container's user: all in one file for the
    /// start, and each in a file of its own, as applications expect under `/run/secrets`.
    pub fn materialise(&self, id: DeploymentId, values: &Values, owner: Owner) -> Result<()> {
        let folder = self.folder(id);
        let files = folder.join(FILES_FOLDER);
        disk::folder(&folder, 0o700)?;
        disk::folder(&files, 0o500)?;
        let give = |path: &Path, mode: u32| -> Result<()> {
            chown(path, Some(owner.uid), Some(owner.gid))
                .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
                .map_err(AgentError::file("give away", path))
        };
        let environment = folder.join(ENVIRONMENT_FILE);
        disk::write_whole(&environment, 0o400, &encode(values))?;
        give(&environment, 0o400)?;
        for (name, value) in values {
            let path = files.join(name.as_str());
            disk::write_whole(&path, 0o400, value.as_bytes())?;
            give(&path, 0o400)?;
        }
        give(&files, 0o500)?;
        let note = format!("{}:{}", owner.uid, owner.gid);
        // The sealed copy needs the owner too: a reboot empties the memory. Not written twice: after
        // a reboot with a full disk the secrets have to come back all the same.
        let kept = self.sealed.join(format!("{id}.owner"));
        if !fs::read(&kept).is_ok_and(|present| present == note.as_bytes()) {
            disk::write_whole(&kept, 0o600, note.as_bytes())?;
        }
        // Written last: it tells that everything above is in place.
        disk::write_whole(&folder.join(OWNER_FILE), 0o600, note.as_bytes())
    }

    /// Puts every sealed deployment's secrets into memory that are not there: after a reboot,
    /// before Docker starts its containers.
    pub fn restore_all(&self) -> Result<()> {
        let entries = fs::read_dir(&self.sealed).map_err(AgentError::file("read", &self.sealed))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if self.folder(id).join(OWNER_FILE).exists() {
                continue;
            }
            let owner = fs::read_to_string(self.sealed.join(format!("{id}.owner")));
            let owner = owner.ok().and_then(|text| read_owner(&text));
            let restored = match (self.open(id), owner) {
                (Ok(Some(values)), Some(owner)) => self.materialise(id, &values, owner),
                (Err(error), _) => Err(error),
                _ => Ok(()),
            };
            // One damaged file must not keep the others from their secrets.
            if let Err(error) = restored {
                tracing::error!(%id, %error, "secrets not restored");
            }
        }
        Ok(())
    }

    /// Lines of a container without the secrets of the deployment that it was started for.
    pub fn redact_for(&self, id: DeploymentId, lines: Vec<String>) -> Vec<String> {
        match self.open(id) {
            Ok(Some(values)) => lines.iter().map(|line| redact(line, &values)).collect(),
            Ok(None) => lines,
            Err(error) => vec![format!("(not shown: {error})")],
        }
    }

    /// Forgets a deployment's secrets everywhere.
    pub fn forget(&self, id: DeploymentId) -> Result<()> {
        disk::remove_folder(&self.folder(id))?;
        disk::remove_file(&self.sealed.join(format!("{id}.owner")))?;
        disk::remove_file(&self.sealed.join(id.to_string()))
    }

    /// The deployments whose secrets are kept.
    pub fn kept(&self) -> Vec<DeploymentId> {
        fs::read_dir(&self.sealed).map_or_else(
            |_| Vec::new(),
            |entries| {
                entries
                    .flatten()
                    .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                    .collect()
            },
        )
    }
}

fn read_owner(text: &str) -> Option<Owner> {
    let (uid, gid) = text.trim().split_once(':')?;
    Some(Owner {
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
    })
}

/// Reads the values from a request's body: a JSON object, name to value.
pub fn from_body(body: &[u8]) -> Result<Values> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Values::new());
    }
    // The reason is left out: it could repeat a value.
    let refused = || {
        AgentError::refused(
            "bad_secrets",
            "the secrets in the body are not a JSON object of texts without NUL characters",
            "Variables can hold any text but NUL.",
        )
    };
    let read: BTreeMap<VariableName, String> =
        serde_json::from_slice(body).map_err(|_| refused())?;
    if read.values().any(|value| value.contains('\0')) {
        return Err(refused());
    }
    Ok(read
        .into_iter()
        .map(|(name, value)| (name, Zeroizing::new(value)))
        .collect())
}

/// Secrets as the shim reads them: `NAME=value`, each ended by NUL, which no value can hold.
pub fn encode(values: &Values) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::new());
    for (name, value) in values {
        bytes.extend(name.as_str().as_bytes());
        bytes.push(b'=');
        bytes.extend(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Reads what [`encode`] wrote; `None` when it is something else.
pub fn decode(bytes: &[u8]) -> Option<Values> {
    let mut values = Values::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let (name, value) = line.split_once('=')?;
        let name = VariableName::parse(name).ok()?;
        values.insert(name, Zeroizing::new(value.to_owned()));
        rest = &rest[end + 1..];
    }
    Some(values)
}

/// Finds a user of an image by number, from its `USER` and its `/etc/passwd` and `/etc/group`.
pub fn owner(user: &str, passwd: &str, group: &str) -> Option<Owner> {
    let (name, wanted_group) = match user.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (user, None),
    };
    let name = if name.is_empty() { "0" } else { name };
    let number: Option<u32> = name.parse().ok();
    let entry = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let (uid, gid): (u32, u32) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        let matches = number.map_or(fields[0] == name, |number| number == uid);
        matches.then_some(Owner { uid, gid })
    });
    let found = match (entry, number) {
        (Some(entry), _) => entry,
        (None, Some(uid)) => Owner { uid, gid: 0 },
        (None, None) => return None,
    };
    let Some(wanted) = wanted_group else {
        return Some(found);
    };
    let gid = wanted.parse().ok().or_else(|| {
        group.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields[0] == wanted).then(|| fields.get(2)?.parse().ok())?
        })
    })?;
    Some(Owner { gid, ..found })
}

/// Replaces secret values in a line by their names.
pub fn redact(line: &str, values: &Values) -> String {
    let mut line = line.to_owned();
    for (name, value) in values {
        // Very short values would turn every line into holes and tell more than they hide.
        if value.len() >= 4 && line.contains(value.as_str()) {
            line = line.replace(value.as_str(), &format!("[{name}]"));
        }
        // A key of several lines is printed line by line; its frame tells nothing.
        for part in value.lines().map(str::trim) {
            if part.len() >= 12 && !part.starts_with("-----") && line.contains(part) {
                line = line.replace(part, &format!("[{name}]"));
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secrets(root: &Path) -> Secrets {
        let secrets = Secrets {
            memory: root.join("memory"),
            sealed: root.join("sealed"),
            key: root.join("key"),
        };
        disk::folder(&secrets.sealed, 0o700).unwrap();
        disk::write_whole(&secrets.key, 0o600, &[7; 32]).unwrap();
        secrets
    }

    #[test]
    fn a_key_of_several_lines_is_not_shown_line_by_line() {
        let key = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n-----END KEY-----\n";
        let name = VariableName::parse("TLS_KEY").unwrap();
        let values = Values::from([(name, Zeroizing::new(key.to_owned()))]);
        assert_eq!(redact("  MC4CAQAwBQYDK2VwBCIEIJ", &values), "  [TLS_KEY]");
        assert_eq!(redact("-----END KEY-----", &values), "-----END KEY-----");
    }

    #[test]
    fn secrets_come_back_after_a_reboot_on_a_disk_that_takes_nothing_more() {
        let root = tempfile::tempdir().unwrap();
        let secrets = secrets(root.path());
        let id = DeploymentId::mint(clock::now(), [1; 10]);
        let name = VariableName::parse("TOKEN").unwrap();
        let values = Values::from([(name, Zeroizing::new("hunter2".to_owned()))]);
        secrets.seal(id, &values).unwrap();
        secrets
            .materialise(id, &values, Owner { uid: 0, gid: 0 })
            .unwrap();
        // The reboot; and what would be written beside the sealed secrets cannot be.
        fs::remove_dir_all(secrets.folder(id)).unwrap();
        fs::create_dir_all(secrets.sealed.join(format!("{id}.writing"))).unwrap();
        secrets.restore_all().unwrap();
        let environment = fs::read(secrets.folder(id).join(ENVIRONMENT_FILE)).unwrap();
        assert_eq!(environment, b"TOKEN=hunter2\0");
    }

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1234:1235::/:/bin/sh\n";
        let group = "root:x:0:\nstaff:x:50:app\n";
        let found = |user| owner(user, passwd, group).map(|owner| (owner.uid, owner.gid));
        assert_eq!(found(""), Some((0, 0)));
        assert_eq!(found("app"), Some((1234, 1235)));
        assert_eq!(found("1234"), Some((1234, 1235)));
        assert_eq!(found("99"), Some((99, 0)));
        assert_eq!(found("app:staff"), Some((1234, 50)));
        assert_eq!(found("99:77"), Some((99, 77)));
        assert_eq!(found("nobody"), None);
    }

    #[test]
    fn a_refused_body_is_not_repeated() {
        let failure = from_body(br#"{"TOKEN": 12345678, "x": "hunter2"}"#)
            .unwrap_err()
            .failure();
        let text = serde_json::to_string(&failure).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("12345678"));
    }

    #[test]
    fn the_secrets_of_one_deployment_do_not_open_as_those_of_another() {
        let root = tempfile::tempdir().unwrap();
        let secrets = secrets(root.path());
        let (a, b): (DeploymentId, DeploymentId) = (
            "0192a1b2-0000-7000-8000-000000000001".parse().unwrap(),
            "0192a1b2-0000-7000-8000-000000000002".parse().unwrap(),
        );
        let values = from_body(br#"{"TOKEN": "hunter2"}"#).unwrap();
        secrets.seal(a, &values).unwrap();
        assert_eq!(secrets.open(a).unwrap(), Some(values));
        fs::rename(
            root.path().join(format!("sealed/{a}")),
            root.path().join(format!("sealed/{b}")),
        )
        .unwrap();
        assert_eq!(
            secrets.open(b).unwrap_err().failure().code,
            "secrets_unreadable"
        );
        let sealed = fs::read(root.path().join(format!("sealed/{b}"))).unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
    }

    proptest! {
        #[test]
        fn every_value_reads_back_as_it_was(
            values in prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,12}", "[^\0]{0,60}", 0..6)
        ) {
            let values: Values = values.into_iter()
                .map(|(name, value)| (VariableName::parse(&name).unwrap(), Zeroizing::new(value)))
                .collect();
            prop_assert_eq!(decode(&encode(&values)), Some(values));
        }
        #[test]
        fn strange_bytes_never_crash(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&bytes);
            let _ = from_body(&bytes);
        }
        #[test]
        fn no_value_survives_redaction(value in "[ -~]{4,20}", before in "[a-z ]{0,9}") {
            let name = VariableName::parse("S").unwrap();
            let values = Values::from([(name, Zeroizing::new(value.clone()))]);
            let line = redact(&format!("{before}{value}!"), &values);
            prop_assert!(!line.contains(&value) || "[S]".contains(&value));
        }
    }
}
