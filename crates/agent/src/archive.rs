//! Images as archives that leave out what the receiver has.
//!
//! `docker load` of the classic store takes an archive whose lower layers are missing when it has
//! them; the containerd store wants the layout of OCI. An archive with the files of both is taken
//! by both.

use crate::{
    agent::Agent,
    clock, disk,
    error::{AgentError, Result},
    wire::Replies,
};
use futures::StreamExt;
use plimsoll_protocol::{Export, Reply};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};
use tokio::{io::AsyncWriteExt, sync::mpsc};

/// Compression: fast, because the line is often faster than the processor.
const LEVEL: i32 = 3;

/// Writes an image to the way back, after the `Done` line.
pub async fn export(agent: &Agent, request: &Export, replies: &Replies) -> Result<()> {
    if agent.engine.image(&request.image_id).await?.is_none() {
        return Err(AgentError::refused(
            "image_missing",
            format!("the image {} is not on this server", request.image_id),
            "Build, load or pull it again.",
        ));
    }
    let spool = Spool::fill(agent, &request.image_id).await?;
    let saved = {
        let path = spool.0.clone();
        crate::blocking(move || Saved::read(&path)).await?
    };
    replies
        .send(&Reply::Done {
            answer: serde_json::Value::Null,
        })
        .await;
    let (parts, mut queue) = mpsc::channel::<Vec<u8>>(8);
    let (path, skip) = (spool.0.clone(), request.skip_layers);
    let writing = tokio::task::spawn_blocking(move || {
        let pipe = Pipe(parts);
        let mut encoder = zstd::Encoder::new(pipe, LEVEL)?;
        saved.write(&path, skip, &mut encoder)?;
        encoder.finish().map(drop)
    });
    while let Some(part) = queue.recv().await {
        if !replies.bytes(part).await {
            break;
        }
    }
    drop(queue);
    if let Ok(Err(error)) = writing.await {
        // The receiver notices: what it has is no complete zstd stream.
        tracing::warn!(%error, "an image was not written to its end");
    }
    Ok(())
}

/// `docker save` of an image in a file; gone when it ends.
struct Spool(PathBuf);

impl Spool {
    async fn fill(agent: &Agent, image: &str) -> Result<Self> {
        let name =
            clock::random::<8>().map_err(AgentError::file("name", agent.settings.scratch()))?;
        let path = agent
            .settings
            .scratch()
            .join(format!("{}.tar", hex::encode(name)));
        let spool = Self(path.clone());
        let mut file = tokio::fs::File::create(&path)
            .await
            .map_err(AgentError::file("make", &path))?;
        let mut stream = std::pin::pin!(agent.engine.client()?.export_image(image));
        while let Some(part) = stream.next().await {
            let part = part.map_err(AgentError::docker("save the image"))?;
            file.write_all(&part)
                .await
                .map_err(AgentError::file("write", &path))?;
        }
        file.flush()
            .await
            .map_err(AgentError::file("write", &path))?;
        Ok(spool)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = disk::remove_file(&self.0);
    }
}

struct Pipe(mpsc::Sender<Vec<u8>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(bytes.to_vec());
        sent.map(|()| bytes.len())
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
struct ManifestEntry {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// Where the files of a saved image lie within its archive.
#[derive(Debug)]
struct Saved {
    files: HashMap<String, (u64, u64)>,
    manifest: ManifestEntry,
    config: Vec<u8>,
    layout: bool,
}

impl Saved {
    fn read(path: &Path) -> Result<Self> {
        let damaged = |why: String| {
            AgentError::refused(
                "archive_unreadable",
                format!("Docker saved the image in a form that we cannot read: {why}"),
                "Send the image through a registry, or build it on the server.",
            )
        };
        Self::index(path).map_err(|error| damaged(error.to_string()))
    }

    fn index(path: &Path) -> io::Result<Self> {
        let mut files = HashMap::new();
        let mut links = Vec::new();
        let mut archive = tar::Archive::new(File::open(path)?);
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            match entry.header().entry_type() {
                tar::EntryType::Regular => {
                    files.insert(name, (entry.raw_file_position(), entry.size()));
                }
                // The classic store writes equal layers once and links to them.
                tar::EntryType::Symlink => {
                    if let Some(target) = entry.link_name()? {
                        let target = target
                            .to_string_lossy()
                            .trim_start_matches("../")
                            .to_owned();
                        links.push((name, target));
                    }
                }
                _ => {}
            }
        }
        for (name, target) in links {
            if let Some(place) = files.get(&target).copied() {
                files.insert(name, place);
            }
        }
        let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let mut file = File::open(path)?;
        let mut content = |name: &str| -> io::Result<Vec<u8>> {
            let (at, length) = *files
                .get(name)
                .ok_or_else(|| wrong(&format!("no {name}")))?;
            file.seek(SeekFrom::Start(at))?;
            let mut bytes = Vec::new();
            (&mut file)
                .take(length.min(16 << 20))
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let manifests: Vec<ManifestEntry> = serde_json::from_slice(&content("manifest.json")?)?;
        let manifest = manifests
            .into_iter()
            .next()
            .ok_or_else(|| wrong("no image in it"))?;
        let config = content(&manifest.config)?;
        Ok(Self {
            layout: files.contains_key("oci-layout"),
            files,
            manifest,
            config,
        })
    }

    fn write(&self, from: &Path, skip: usize, to: &mut impl Write) -> io::Result<()> {
        let mut out = tar::Builder::new(to);
        let mut file = File::open(from)?;
        if self.layout {
            self.write_layout(&mut file, skip, &mut out)?;
        } else {
            self.write_classic(&mut file, skip, &mut out)?;
        }
        out.finish()
    }

    /// The engine wrote the files of both forms already: all but the skipped layers are copied.
    fn write_layout<W: Write>(
        &self,
        file: &mut File,
        skip: usize,
        out: &mut tar::Builder<W>,
    ) -> io::Result<()> {
        let (skipped, sent) = self
            .manifest
            .layers
            .split_at(skip.min(self.manifest.layers.len()));
        let sent: HashSet<&String> = sent.iter().collect();
        let skipped: HashSet<&String> = skipped.iter().filter(|one| !sent.contains(one)).collect();
        let mut names: Vec<&String> = self
            .files
            .keys()
            .filter(|one| !skipped.contains(one))
            .collect();
        names.sort();
        for name in names {
            let (at, length) = self.files[name];
            file.seek(SeekFrom::Start(at))?;
            append(out, name, length, (&mut *file).take(length))?;
        }
        Ok(())
    }

    /// The classic form becomes both: blobs by digest, and the files that name them.
    fn write_classic<W: Write>(
        &self,
        file: &mut File,
        skip: usize,
        out: &mut tar::Builder<W>,
    ) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Config {
            rootfs: RootFs,
        }
        #[derive(Deserialize)]
        struct RootFs {
            diff_ids: Vec<String>,
        }
        let config: Config = serde_json::from_slice(&self.config)?;
        let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        let config_digest = digest(&self.config);
        let blob = |hex: &str| format!("blobs/sha256/{hex}");
        let layers: Vec<(&str, (u64, u64))> = config
            .rootfs
            .diff_ids
            .iter()
            .zip(&self.manifest.layers)
            .filter_map(|(diff, name)| {
                Some((diff.strip_prefix("sha256:")?, *self.files.get(name)?))
            })
            .collect();
        if layers.len() != config.rootfs.diff_ids.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a layer is missing",
            ));
        }
        let descriptors: Vec<_> = layers
            .iter()
            .map(|(hex, (_, size))| {
                json!({
                    "mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": format!("sha256:{hex}"),
                    "size": size,
                })
            })
            .collect();
        let oci = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": format!("sha256:{config_digest}"),
                "size": self.config.len(),
            },
            "layers": descriptors,
        })
        .to_string();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": format!("sha256:{}", digest(oci.as_bytes())),
                "size": oci.len(),
            }],
        })
        .to_string();
        let classic = json!([{
            "Config": blob(&config_digest),
            "RepoTags": null,
            "Layers": layers.iter().map(|(hex, _)| blob(hex)).collect::<Vec<_>>(),
        }])
        .to_string();
        for (name, bytes) in [
            (
                "oci-layout".to_owned(),
                br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice(),
            ),
            ("index.json".to_owned(), index.as_bytes()),
            ("manifest.json".to_owned(), classic.as_bytes()),
            (blob(&config_digest), &self.config),
            (blob(&digest(oci.as_bytes())), oci.as_bytes()),
        ] {
            append(out, &name, bytes.len() as u64, bytes)?;
        }
        let mut written = HashSet::new();
        for (hex, (at, length)) in layers.into_iter().skip(skip) {
            if written.insert(hex) {
                file.seek(SeekFrom::Start(at))?;
                append(out, &blob(hex), length, (&mut *file).take(length))?;
            }
        }
        Ok(())
    }
}

fn append<W: Write>(
    out: &mut tar::Builder<W>,
    name: &str,
    length: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(length);
    header.set_mode(0o644);
    header.set_entry_type(tar::EntryType::Regular);
    out.append_data(&mut header, name, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_classic_archive_becomes_both_forms_without_the_skipped_layers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("saved.tar");
        let layers: [&[u8]; 2] = [b"base layer", b"new layer"];
        let ids: Vec<String> = layers
            .iter()
            .map(|l| hex::encode(Sha256::digest(l)))
            .collect();
        let config = json!({"rootfs": {"diff_ids": ids.iter().map(|id| format!("sha256:{id}")).collect::<Vec<_>>()}}).to_string();
        let manifest = json!([{"Config": "c.json", "RepoTags": ["a:b"], "Layers": ["x/layer.tar", "y/layer.tar"]}]).to_string();
        let mut saved = tar::Builder::new(File::create(&path).unwrap());
        for (name, bytes) in [
            ("x/layer.tar", layers[0]),
            ("c.json", config.as_bytes()),
            ("y/layer.tar", layers[1]),
            ("manifest.json", manifest.as_bytes()),
        ] {
            append(&mut saved, name, bytes.len() as u64, bytes).unwrap();
        }
        saved.finish().unwrap();
        drop(saved);
        let mut out = Vec::new();
        Saved::read(&path)
            .unwrap()
            .write(&path, 1, &mut out)
            .unwrap();
        let mut found = HashMap::new();
        for entry in tar::Archive::new(&out[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            found.insert(name, bytes);
        }
        assert!(!found.contains_key(&format!("blobs/sha256/{}", ids[0])));
        assert_eq!(found[&format!("blobs/sha256/{}", ids[1])], layers[1]);
        let classic: Vec<ManifestEntry> = serde_json::from_slice(&found["manifest.json"]).unwrap();
        assert_eq!(classic[0].layers.len(), 2);
        assert_eq!(found[&classic[0].config], config.as_bytes());
        let index: serde_json::Value = serde_json::from_slice(&found["index.json"]).unwrap();
        let digest = index["manifests"][0]["digest"]
            .as_str()
            .unwrap()
            .replace("sha256:", "blobs/sha256/");
        let oci: serde_json::Value = serde_json::from_slice(&found[&digest]).unwrap();
        assert_eq!(oci["layers"][0]["size"], layers[0].len());
    }
}
