//! Image archives without the layers that the receiver has.
//!
//! An engine's classic store takes an archive whose `manifest.json` names layers that are not in
//! it, as long as it has them; the containerd store takes an OCI layout with missing blobs. What is
//! written here is both at once: `manifest.json`, `oci-layout` and `index.json` over the blobs that
//! are new. Layers keep the form in which they were saved, packed or not.

use plimsoll_engine::ports::{PortError, PortResult};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Component, Path},
};

/// Largest description (manifest, configuration) that is read into memory, bytes.
const LARGEST_TEXT: u64 = 16 * 1024 * 1024;
const LEVEL: i32 = 3;

/// One image of a `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Configuration {
    rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// A layer as it goes into the archive.
struct Layer {
    digest: String,
    media_type: &'static str,
    at: u64,
    size: u64,
}

/// Where every file of a saved image lies.
struct Saved {
    file: File,
    files: HashMap<String, (u64, u64)>,
    links: HashMap<String, String>,
}

/// Writes a saved image (`docker save`) as a zstd archive, leaving out so many leading layers.
/// Answers the bytes written.
pub(super) fn rewrite(saved: &Path, skip_layers: usize, to: &Path) -> PortResult<u64> {
    let written = write(saved, skip_layers, to);
    if written.is_err() {
        // Half an archive must not be sent by anybody.
        let _ = std::fs::remove_file(to);
    }
    written
}

fn odd(why: impl Into<String>) -> PortError {
    PortError::new(
        "docker_archive",
        format!("Docker saved an image that makes no sense: {}", why.into()),
    )
    .next_step("Build on the server instead, and report this with your Docker's version.")
}

fn failed(error: io::Error) -> PortError {
    PortError::new("file_local", format!("rewriting an image failed: {error}"))
        .next_step("Check this machine's free disk.")
}

fn write(saved: &Path, skip_layers: usize, to: &Path) -> PortResult<u64> {
    let mut saved = Saved::open(saved)?;
    let manifests: Vec<Manifest> = read_json(&saved.text("manifest.json")?, "manifest.json")?;
    let [manifest] = manifests.as_slice() else {
        return Err(odd(format!("it holds {} images", manifests.len())));
    };
    let config = saved.text(&manifest.config)?;
    let diff_ids = read_json::<Configuration>(&config, "the configuration")?
        .rootfs
        .diff_ids;
    if diff_ids.len() != manifest.layers.len() {
        return Err(odd(
            "its configuration counts other layers than its manifest",
        ));
    }
    if skip_layers > diff_ids.len() {
        return Err(odd(format!(
            "{skip_layers} layers to leave out of {}",
            diff_ids.len()
        )));
    }
    let layers = manifest
        .layers
        .iter()
        .zip(&diff_ids)
        .map(|(path, diff_id)| saved.layer(path, diff_id))
        .collect::<PortResult<Vec<_>>>()?;

    let file = File::create(to).map_err(failed)?;
    let encoder = zstd::Encoder::new(BufWriter::new(file), LEVEL).map_err(failed)?;
    let mut archive = tar::Builder::new(encoder);
    let config_digest = digest(&config);
    add(&mut archive, &blob(&config_digest), &config)?;
    let mut added = HashSet::new();
    for layer in layers.iter().skip(skip_layers) {
        if added.insert(layer.digest.as_str()) {
            saved.file.seek(SeekFrom::Start(layer.at)).map_err(failed)?;
            let content = (&mut saved.file).take(layer.size);
            append(&mut archive, &blob(&layer.digest), layer.size, content)?;
        }
    }
    let image = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": config_digest,
            "size": config.len(),
        },
        "layers": layers.iter().map(|layer| json!({
            "mediaType": layer.media_type,
            "digest": layer.digest,
            "size": layer.size,
        })).collect::<Vec<Value>>(),
    });
    let image = image.to_string().into_bytes();
    let image_digest = digest(&image);
    add(&mut archive, &blob(&image_digest), &image)?;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": image_digest,
            "size": image.len(),
        }],
    });
    add(&mut archive, "index.json", index.to_string().as_bytes())?;
    add(
        &mut archive,
        "oci-layout",
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    let manifest = [Manifest {
        config: blob(&config_digest),
        repo_tags: None,
        layers: layers.iter().map(|layer| blob(&layer.digest)).collect(),
    }];
    let manifest = serde_json::to_vec(&manifest).map_err(|error| odd(error.to_string()))?;
    add(&mut archive, "manifest.json", &manifest)?;
    let encoder = archive.into_inner().map_err(failed)?;
    let writer = encoder.finish().map_err(failed)?;
    let file = writer
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    Ok(file.metadata().map_err(failed)?.len())
}

impl Saved {
    fn open(path: &Path) -> PortResult<Self> {
        let mut archive = tar::Archive::new(BufReader::new(File::open(path).map_err(failed)?));
        let (mut files, mut links) = (HashMap::new(), HashMap::new());
        for entry in archive.entries_with_seek().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = plain(&entry.path().map_err(failed)?);
            let kind = entry.header().entry_type();
            if kind.is_file() {
                files.insert(name, (entry.raw_file_position(), entry.size()));
            } else if let Some(target) = entry.link_name().map_err(failed)? {
                // A layer that is in the image twice is saved as a link to the first one.
                let base = match kind.is_symlink() {
                    true => Path::new(&name)
                        .parent()
                        .unwrap_or(Path::new(""))
                        .to_owned(),
                    false => Path::new("").to_owned(),
                };
                links.insert(name, plain(&base.join(target)));
            }
        }
        let file = File::open(path).map_err(failed)?;
        Ok(Self { file, files, links })
    }

    fn find(&self, path: &str) -> PortResult<(u64, u64)> {
        let mut name = plain(Path::new(path));
        for _ in 0..8 {
            if let Some(place) = self.files.get(&name) {
                return Ok(*place);
            }
            match self.links.get(&name) {
                Some(target) => name.clone_from(target),
                None => break,
            }
        }
        Err(odd(format!("“{path}” is missing")))
    }

    fn text(&mut self, path: &str) -> PortResult<Vec<u8>> {
        let (at, size) = self.find(path)?;
        if size > LARGEST_TEXT {
            return Err(odd(format!("“{path}” is larger than 16 MiB")));
        }
        self.file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut text = Vec::new();
        (&mut self.file)
            .take(size)
            .read_to_end(&mut text)
            .map_err(failed)?;
        Ok(text)
    }

    fn layer(&mut self, path: &str, diff_id: &str) -> PortResult<Layer> {
        let (at, size) = self.find(path)?;
        self.file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut magic = Vec::new();
        (&mut self.file)
            .take(4)
            .read_to_end(&mut magic)
            .map_err(failed)?;
        let media_type = match magic.as_slice() {
            [0x1f, 0x8b, ..] => "application/vnd.oci.image.layer.v1.tar+gzip",
            [0x28, 0xb5, 0x2f, 0xfd] => "application/vnd.oci.image.layer.v1.tar+zstd",
            _ => "application/vnd.oci.image.layer.v1.tar",
        };
        let is_packed = media_type.contains('+');
        let digest = if !is_packed {
            // The diff id is the digest of the layer unpacked.
            diff_id.to_owned()
        } else if let Some(hex) = path.strip_prefix("blobs/sha256/") {
            format!("sha256:{hex}")
        } else {
            self.hash(at, size)?
        };
        if !is_digest(&digest) {
            return Err(odd(format!("“{digest}” is no digest")));
        }
        Ok(Layer {
            digest,
            media_type,
            at,
            size,
        })
    }

    fn hash(&mut self, at: u64, size: u64) -> PortResult<String> {
        self.file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut hasher = Sha256::new();
        let mut left = (&mut self.file).take(size);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match left.read(&mut buffer).map_err(failed)? {
                0 => return Ok(format!("sha256:{}", hex::encode(hasher.finalize()))),
                count => hasher.update(&buffer[..count]),
            }
        }
    }
}

fn read_json<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> PortResult<T> {
    serde_json::from_slice(bytes).map_err(|error| odd(format!("{what}: {error}")))
}

/// A name as the archive's index knows it: without `.`, with `..` resolved.
fn plain(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    parts.join("/")
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn add<W: Write>(archive: &mut tar::Builder<W>, name: &str, content: &[u8]) -> PortResult<()> {
    append(archive, name, content.len() as u64, content)
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    name: &str,
    size: u64,
    content: impl Read,
) -> PortResult<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    archive
        .append_data(&mut header, name, content)
        .map_err(failed)
}

#[cfg(test)]
mod tests;
