//! The folder that the registry mirror serves: blobs by digest, manifests by name and tag, in the
//! formats of the image specification of Docker (schema 2), which every engine pulls.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bases::{self, Base};
use super::builder::Builder;
use crate::error::{AtPath, LabError};
use crate::folder;
use crate::host::Host;

/// Media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer that is not compressed: it travels over a bridge of this machine, where decompressing
/// costs more than copying.
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// What an image runs and with what around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageConfig {
    pub(crate) environment: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) working_directory: Option<String>,
    /// Such as `80/tcp`.
    pub(crate) exposed_ports: Vec<String>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
}

/// The registry mirror's folder.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

impl Store {
    pub(crate) fn open(root: &Path) -> Result<Self, LabError> {
        let store = Self {
            root: root.to_owned(),
        };
        for folder in [store.blobs(), store.manifests()] {
            std::fs::create_dir_all(&folder).at("make", &folder)?;
        }
        Ok(store)
    }

    /// The same folder for someone who only reads it.
    pub(crate) fn read_only(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    fn manifests(&self) -> PathBuf {
        self.root.join("manifests")
    }

    /// Where the blob with this digest (`sha256:…`) lies; `None` when that is no digest.
    pub(crate) fn blob(&self, digest: &str) -> Option<PathBuf> {
        let hash = digest.strip_prefix("sha256:")?;
        let valid = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid.then(|| self.blobs().join(hash))
    }

    /// Where the manifest of `repository:tag` lies; `None` when either has other characters than
    /// names have.
    pub(crate) fn manifest(&self, repository: &str, tag: &str) -> Option<PathBuf> {
        let plain = |text: &str| {
            !text.is_empty()
                && !text.starts_with('.')
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        (plain(repository) && plain(tag))
            .then(|| self.manifests().join(format!("{repository}:{tag}.json")))
    }

    /// Writes down the names that are or will be served: all but those of stand-ins that could not
    /// be built, which nobody shall wait for.
    pub(crate) fn write_catalog(&self, lost: &[Base]) -> Result<(), LabError> {
        let lost: HashSet<&str> = lost
            .iter()
            .flat_map(|base| base.names.iter().copied())
            .collect();
        let bases = bases::all();
        let names: Vec<&str> = bases
            .iter()
            .flat_map(|base| base.names.iter().copied())
            .filter(|name| !lost.contains(name))
            .collect();
        folder::write(
            &self.root.join("catalog.json"),
            json!(names).to_string().as_bytes(),
        )
    }

    /// The names of the catalogue.
    pub(crate) fn catalog(&self) -> Vec<String> {
        std::fs::read(self.root.join("catalog.json"))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// Whether all names of a stand-in are there, made by today's recipe.
    fn has(&self, base: &Base, hash: &str) -> bool {
        base.names.iter().all(|name| {
            let made_by = self.read_manifest(name).and_then(|manifest| {
                Some(
                    manifest
                        .get("annotations")?
                        .get("recipe")?
                        .as_str()?
                        .to_owned(),
                )
            });
            made_by.as_deref() == Some(hash)
        })
    }

    fn read_manifest(&self, name: &str) -> Option<Value> {
        let (repository, tag) = name.split_once(':')?;
        let text = std::fs::read(self.manifest(repository, tag)?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Builds a stand-in when it is missing or made by another recipe.
    pub(crate) async fn ensure(
        &self,
        base: &Base,
        builder: &Builder,
        host: &Host,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(), LabError> {
        let hash = base.recipe.hash(host);
        if self.has(base, &hash) {
            return Ok(());
        }
        say(&format!(
            "Building {} from Debian's packages",
            base.names.join(", ")
        ));
        let layer = tempfile::NamedTempFile::new_in(&self.root).at("write", &self.root)?;
        base.recipe.build(builder, host, layer.path()).await?;
        let (store, base) = (self.clone(), base.clone());
        tokio::task::spawn_blocking(move || store.add(layer, &base, &hash))
            .await
            .map_err(|error| LabError::State {
                path: self.root.clone(),
                cause: error.to_string(),
            })?
    }

    /// Removes blobs that no manifest names any more.
    pub(crate) fn sweep(&self) -> Result<(), LabError> {
        let mut named = HashSet::new();
        for name in bases::all().iter().flat_map(|base| base.names) {
            let Some(manifest) = self.read_manifest(name) else {
                // Something is still to be built, or is being replaced: not the time to sweep.
                return Ok(());
            };
            named.insert(hex::encode(Sha256::digest(manifest.to_string().as_bytes())));
            let blobs = [
                &manifest["config"]["digest"],
                &manifest["layers"][0]["digest"],
            ];
            named.extend(
                blobs.into_iter().filter_map(|digest| {
                    digest.as_str()?.strip_prefix("sha256:").map(str::to_owned)
                }),
            );
        }
        let folder = self.blobs();
        for entry in std::fs::read_dir(&folder).at("read", &folder)? {
            let entry = entry.at("read", &folder)?;
            if !named.contains(entry.file_name().to_string_lossy().as_ref()) {
                let path = entry.path();
                std::fs::remove_file(&path).at("remove", &path)?;
            }
        }
        Ok(())
    }

    fn add(&self, layer: tempfile::NamedTempFile, base: &Base, hash: &str) -> Result<(), LabError> {
        let (digest, size) = digest_of(layer.path())?;
        let target = self.blobs().join(&digest);
        let readable = |file: &std::fs::File| -> std::io::Result<()> {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
            }
            file.sync_all()
        };
        readable(layer.as_file()).at("write", &target)?;
        layer
            .persist(&target)
            .map_err(|error| error.error)
            .at("write", &target)?;
        let config = config_document(&base.config, &digest).to_string();
        let config_digest = hex::encode(Sha256::digest(config.as_bytes()));
        folder::write(&self.blobs().join(&config_digest), config.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": CONFIG,
                "size": config.len(),
                "digest": format!("sha256:{config_digest}"),
            },
            "layers": [{"mediaType": LAYER, "size": size, "digest": format!("sha256:{digest}")}],
            "annotations": {"recipe": hash},
        })
        .to_string();
        let manifest_digest = hex::encode(Sha256::digest(manifest.as_bytes()));
        // An engine that resolved a tag asks for the manifest again by its digest.
        folder::write(&self.blobs().join(manifest_digest), manifest.as_bytes())?;
        for name in base.names {
            let path = name
                .split_once(':')
                .and_then(|(name, tag)| self.manifest(name, tag));
            if let Some(path) = path {
                folder::write(&path, manifest.as_bytes())?;
            }
        }
        Ok(())
    }
}

fn digest_of(path: &Path) -> Result<(String, u64), LabError> {
    let mut file = std::fs::File::open(path).at("read", path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer).at("read", path)?;
        if read == 0 {
            return Ok((hex::encode(hash.finalize()), size));
        }
        size += read as u64;
        hash.update(&buffer[..read]);
    }
}

fn config_document(config: &ImageConfig, layer: &str) -> Value {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    // A fixed time: the same packages make the same image.
    let created = "2024-01-01T00:00:00Z";
    let mut inner = json!({"Env": config.environment, "Cmd": config.command});
    if let Some(folder) = &config.working_directory {
        inner["WorkingDir"] = json!(folder);
    }
    if let Some(signal) = &config.stop_signal {
        inner["StopSignal"] = json!(signal);
    }
    if !config.exposed_ports.is_empty() {
        let ports = config
            .exposed_ports
            .iter()
            .map(|port| (port.clone(), json!({})));
        inner["ExposedPorts"] = Value::Object(ports.collect());
    }
    let labels = config
        .labels
        .iter()
        .map(|(key, value)| (key.clone(), json!(value)));
    inner["Labels"] = Value::Object(labels.collect());
    json!({
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": inner,
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]},
        "history": [{"created": created, "created_by": "Debian's packages"}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("opened");
        (folder, store)
    }

    #[test]
    fn names_from_a_request_cannot_leave_the_folder() {
        let (_folder, store) = store();
        for name in ["..", "a/b", "", ".x", "a\\b", "a b"] {
            assert_eq!(store.manifest(name, "latest"), None, "{name}");
            assert_eq!(store.manifest("debian", name), None, "{name}");
        }
        assert_eq!(store.blob("sha256:../../etc/passwd"), None);
        assert_eq!(store.blob(&"a".repeat(64)), None);
        assert!(store.manifest("python", "3.11-slim").is_some());
    }

    #[test]
    fn an_added_image_is_found_by_every_name_and_digest() {
        let (folder, store) = store();
        let base = bases::all().remove(0);
        let mut layer = tempfile::NamedTempFile::new_in(folder.path()).expect("a file");
        layer.write_all(b"a layer").expect("written");
        assert!(!store.has(&base, "hash"));
        store.add(layer, &base, "hash").expect("added");
        assert!(store.has(&base, "hash"));
        assert!(!store.has(&base, "another recipe"));
        let manifest = store.read_manifest(base.names[0]).expect("a manifest");
        for digest in [
            &manifest["config"]["digest"],
            &manifest["layers"][0]["digest"],
        ] {
            let digest = digest.as_str().expect("a digest");
            let path = store.blob(digest).expect("a path");
            let (found, _) = digest_of(&path).expect("read");
            assert_eq!(format!("sha256:{found}"), digest);
        }
        let config = manifest["config"]["digest"].as_str().expect("a digest");
        let text = std::fs::read(store.blob(config).expect("a path")).expect("read");
        let config: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            manifest["layers"][0]["digest"]
        );
    }
    #[test]
    fn nobody_waits_for_an_image_that_could_not_be_built() {
        let (_folder, store) = store();
        let lost = bases::all().remove(0);
        store.write_catalog(&[]).expect("written");
        assert!(store.catalog().iter().any(|name| name == lost.names[0]));
        store
            .write_catalog(std::slice::from_ref(&lost))
            .expect("written");
        assert!(!store.catalog().iter().any(|name| name == lost.names[0]));
        assert!(!store.catalog().is_empty());
    }

    #[test]
    fn sweeping_keeps_what_a_manifest_names() {
        let (folder, store) = store();
        let stray = store.blobs().join("a".repeat(64));
        std::fs::write(&stray, "old").expect("written");
        for (number, base) in bases::all().iter().enumerate() {
            store.sweep().expect("swept");
            assert!(
                stray.exists(),
                "nothing is swept while something is missing"
            );
            let mut layer = tempfile::NamedTempFile::new_in(folder.path()).expect("a file");
            write!(layer, "layer {number}").expect("written");
            store.add(layer, base, "hash").expect("added");
        }
        store.sweep().expect("swept");
        assert!(!stray.exists());
        let left = std::fs::read_dir(store.blobs()).expect("read").count();
        assert_eq!(
            left,
            3 * bases::all().len(),
            "manifest, config and layer of each"
        );
    }
}
