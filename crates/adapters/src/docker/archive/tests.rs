use super::*;
use std::collections::BTreeMap;

/// A saved image: files by name; a value that starts with `->` is a link.
fn saved(files: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut archive = tar::Builder::new(file.reopen().unwrap());
    for (name, content) in files {
        match content.strip_prefix(b"->") {
            Some(target) => {
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                let target = std::str::from_utf8(target).unwrap();
                archive.append_link(&mut header, name, target).unwrap();
            }
            None => add(&mut archive, name, content).unwrap(),
        }
    }
    archive.finish().unwrap();
    file
}

fn rewritten(saved: &Path, skip: usize) -> PortResult<BTreeMap<String, Vec<u8>>> {
    let to = tempfile::NamedTempFile::new().unwrap();
    let written = rewrite(saved, skip, to.path())?;
    let bytes = std::fs::read(to.path()).unwrap();
    assert_eq!(written, bytes.len() as u64);
    let mut archive = tar::Archive::new(zstd::Decoder::new(&bytes[..]).unwrap());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert!(
            files.insert(name, content).is_none(),
            "a file is there twice"
        );
    }
    Ok(files)
}

fn classic(layers: &[&[u8]]) -> (tempfile::NamedTempFile, Vec<u8>, Vec<String>) {
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let config =
        json!({"architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
            .to_string()
            .into_bytes();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        // Docker saves a repeated layer as a link to the first one.
        let first = layers.iter().position(|other| other == layer).unwrap();
        let content = match first == number {
            true => layer.to_vec(),
            false => format!("->../layer{first}/layer.tar").into_bytes(),
        };
        files.push((format!("layer{number}/layer.tar"), content));
    }
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let manifest = json!([{"Config": "c.json", "RepoTags": ["a:b"], "Layers": names}]);
    files.push(("c.json".into(), config.clone()));
    files.push(("manifest.json".into(), manifest.to_string().into_bytes()));
    let borrowed: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, content)| (name.as_str(), content.as_slice()))
        .collect();
    (saved(&borrowed), config, diff_ids)
}

#[test]
fn leading_layers_stay_behind_and_are_still_named() {
    let (saved, config, diff_ids) = classic(&[b"base", b"deps", b"code"]);
    for skip in 0..=3 {
        let files = rewritten(saved.path(), skip).unwrap();
        for (number, diff_id) in diff_ids.iter().enumerate() {
            assert_eq!(files.contains_key(&blob(diff_id)), number >= skip);
        }
        let manifest: Vec<Manifest> = serde_json::from_slice(&files["manifest.json"]).unwrap();
        let named: Vec<String> = diff_ids.iter().map(|id| blob(id)).collect();
        assert_eq!(manifest[0].layers, named);
        assert_eq!(
            files[&manifest[0].config], config,
            "the image's id would change"
        );
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        let image = &files[&blob(index["manifests"][0]["digest"].as_str().unwrap())];
        let image: Value = serde_json::from_slice(image).unwrap();
        assert_eq!(image["layers"][0]["digest"], diff_ids[0]);
        assert_eq!(image["layers"][0]["size"], 4);
        assert_eq!(image["config"]["digest"], digest(&config));
        assert!(files.contains_key("oci-layout"));
    }
    assert_eq!(
        rewritten(saved.path(), 4).unwrap_err().code(),
        "docker_archive"
    );
}

#[test]
fn a_layer_that_repeats_a_leading_one_is_still_sent() {
    let (saved, _, diff_ids) = classic(&[b"same", b"other", b"same"]);
    let files = rewritten(saved.path(), 2).unwrap();
    assert_eq!(files[&blob(&diff_ids[2])], b"same");
    assert!(!files.contains_key(&blob(&diff_ids[1])));
}

#[test]
fn packed_layers_keep_their_form_and_their_digest() {
    let packed = [&[0x1f, 0x8b, 8, 0], &b"gzip"[..]].concat();
    let name = blob(&digest(&packed));
    let config = json!({"rootfs": {"diff_ids": [digest(b"unpacked")]}})
        .to_string()
        .into_bytes();
    let manifest = json!([{"Config": "blobs/sha256/c", "Layers": [name]}]).to_string();
    let files = [
        ("blobs/sha256/c", config.as_slice()),
        (name.as_str(), packed.as_slice()),
        ("manifest.json", manifest.as_bytes()),
    ];
    let files = rewritten(saved(&files).path(), 0).unwrap();
    assert_eq!(files[&name], packed);
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let image = &files[&blob(index["manifests"][0]["digest"].as_str().unwrap())];
    assert!(String::from_utf8_lossy(image).contains("layer.v1.tar+gzip"));
}

#[test]
fn what_makes_no_sense_is_refused_and_leaves_no_file() {
    let config = json!({"rootfs": {"diff_ids": ["sha256:x"]}}).to_string();
    let manifest = |layers: Value| json!([{"Config": "c", "Layers": layers}]).to_string();
    for (config, manifest) in [
        (config.as_str(), manifest(json!(["../../etc/passwd"]))),
        (config.as_str(), manifest(json!([]))),
        (config.as_str(), manifest(json!(["c"]))),
        ("{}", manifest(json!(["c"]))),
        (config.as_str(), "[]".to_owned()),
        (config.as_str(), "nonsense".to_owned()),
    ] {
        let files = [
            ("c", config.as_bytes()),
            ("manifest.json", manifest.as_bytes()),
        ];
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("out");
        let error = rewrite(saved(&files).path(), 0, &to).unwrap_err();
        assert_eq!(error.code(), "docker_archive", "{manifest}");
        assert!(!to.exists());
    }
}
