//! `cargo xtask latest`: what installed windows read to learn of a new version (the static JSON file
//! of Tauri's updater).

use crate::run::{Done, Trouble, println};
use serde_json::{Map, Value, json};
use std::{fs, path::Path};

/// Which systems a signed update is for, by the end of its name.
const KINDS: [(&str, &[&str]); 5] = [
    // One program for both processors.
    (".app.tar.gz", &["darwin-aarch64", "darwin-x86_64"]),
    ("_arm64.deb", &["linux-aarch64-deb"]),
    (".deb", &["linux-x86_64-deb"]),
    (".msi", &["windows-x86_64-msi"]),
    ("-setup.exe", &["windows-x86_64-nsis", "windows-x86_64"]),
];

/// Writes `latest.json` into a folder with signed packages that can be loaded below `base`.
pub fn latest(folder: &Path, version: &str, base: &str) -> Done {
    let mut signed = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(package) = name.strip_suffix(".sig") {
            signed.push((package.to_owned(), fs::read_to_string(&path)?));
        }
    }
    signed.sort();
    let index = index(&signed, version, base).map_err(Trouble)?;
    let text = serde_json::to_string_pretty(&index).map_err(|error| Trouble(error.to_string()))?;
    println(&text);
    fs::write(folder.join("latest.json"), text)?;
    Ok(())
}

fn index(signed: &[(String, String)], version: &str, base: &str) -> Result<Value, String> {
    let mut platforms = Map::new();
    for (package, signature) in signed {
        let kind = KINDS.iter().find(|(end, _)| package.ends_with(end));
        let (_, systems) = kind.ok_or_else(|| format!("no system is known for {package}"))?;
        let url = format!("{}/{package}", base.trim_end_matches('/'));
        for system in *systems {
            let update = json!({ "url": url, "signature": signature.trim() });
            if platforms.insert((*system).to_owned(), update).is_some() {
                return Err(format!("two packages for {system}"));
            }
        }
    }
    if platforms.is_empty() {
        return Err("no package is signed: nobody could update to this version".into());
    }
    Ok(json!({ "version": version, "platforms": platforms }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(names: &[&str]) -> Vec<(String, String)> {
        let signed = names
            .iter()
            .map(|name| ((*name).to_owned(), format!("of {name}\n")));
        signed.collect()
    }

    #[test]
    fn every_system_is_sent_to_its_own_signed_package() {
        let packages = [
            "Plimsoll.app.tar.gz",
            "Plimsoll_1.2.0_amd64.deb",
            "Plimsoll_1.2.0_arm64.deb",
            "Plimsoll_1.2.0_x64-setup.exe",
            "Plimsoll_1.2.0_x64_en-US.msi",
        ];
        let base = "https://updates.example/v1.2.0/";
        let index = index(&signed(&packages), "1.2.0", base).unwrap();
        assert_eq!(index["version"], "1.2.0");
        let arm = &index["platforms"]["linux-aarch64-deb"];
        assert_eq!(
            arm["url"],
            "https://updates.example/v1.2.0/Plimsoll_1.2.0_arm64.deb"
        );
        assert_eq!(arm["signature"], "of Plimsoll_1.2.0_arm64.deb");
        assert_eq!(
            index["platforms"]["darwin-aarch64"],
            index["platforms"]["darwin-x86_64"]
        );
        assert_eq!(index["platforms"].as_object().unwrap().len(), 7);
    }

    #[test]
    fn a_release_that_nobody_could_update_to_is_refused() {
        assert!(index(&[], "1.2.0", "https://updates.example").is_err());
        assert!(index(&signed(&["notes.txt"]), "1.2.0", "x").is_err());
        assert!(index(&signed(&["a.deb", "b.deb"]), "1.2.0", "x").is_err());
    }
}
