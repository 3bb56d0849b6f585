//! A root file system from Debian's packages: what is in it, its identity, and how it is built.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::builder::{Builder, Order};
use super::overlay::{self, Entry};
use crate::error::{AtPath, LabError};
use crate::host::Host;

/// Raised when the way of building changes, so that no file of an older version is taken.
const FORMAT: u32 = 1;

/// A root file system from Debian's packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// A word for file names and messages.
    pub(crate) name: &'static str,
    /// Debian's name of the release.
    pub(crate) suite: &'static str,
    /// `minbase`, or `extract` for packages that are unpacked and not installed.
    pub(crate) variant: &'static str,
    /// Packages besides the variant's own.
    pub(crate) packages: &'static [&'static str],
    /// What is laid over the packages, besides what the host hands down.
    pub(crate) overlay: Vec<Entry>,
    /// Shell commands that mmdebstrap runs at the end with the new root as `$1`: constants only.
    pub(crate) finish: &'static [&'static str],
}

impl Recipe {
    /// Sixteen hexadecimal digits that change when the result would.
    pub(crate) fn hash(&self, host: &Host) -> String {
        let mut hash = Sha256::new();
        hash.update(FORMAT.to_be_bytes());
        let lines = host.sources(self.suite).join("\n");
        for part in [self.name, self.suite, self.variant, &lines] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        for part in self.packages.iter().chain(self.finish) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        for entry in self.entries(host) {
            entry.hash_into(&mut hash);
        }
        hex::encode(&hash.finalize()[..8])
    }

    /// The recipe's own entries and what the host hands down.
    fn entries(&self, host: &Host) -> Vec<Entry> {
        let mut entries = self.overlay.clone();
        for (name, pem) in &host.authorities {
            entries.push(Entry::file(
                &format!("/usr/local/share/ca-certificates/{name}"),
                0o644,
                pem,
            ));
        }
        entries.push(Entry::file("/etc/npmrc", 0o644, &host.npm));
        if let Some(pip) = &host.pip {
            entries.push(Entry::file("/etc/pip.conf", 0o644, pip));
        }
        if self.variant == "extract" {
            // Nothing runs in such an image that would read a configuration file.
            entries.retain(|entry| self.overlay.contains(entry));
        }
        entries
    }

    /// Builds it into `target`, a tar archive.
    pub(crate) async fn build(
        &self,
        builder: &Builder,
        host: &Host,
        target: &Path,
    ) -> Result<(), LabError> {
        let order = Order {
            name: self.name,
            options: self.options(),
            suite: self.suite,
            sources: host.sources(self.suite),
            overlay: overlay::archive(&self.entries(host))?,
        };
        builder.build(&order, target).await
    }

    /// mmdebstrap's options.
    fn options(&self) -> Vec<String> {
        // Packages that are only unpacked never get to the hooks behind installing them.
        let hook = match self.variant {
            "extract" => "--extract-hook",
            _ => "--customize-hook",
        };
        let mut options = [
            "--quiet",
            "--format=tar",
            // A throw-away root needs no journal; documentation and translations are dead weight.
            "--dpkgopt=force-unsafe-io",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--aptopt=APT::Install-Recommends \"false\"",
            // A mirror that is a frozen copy has an old date and is no less genuine for it.
            "--aptopt=Acquire::Check-Valid-Until \"false\"",
        ]
        .map(str::to_owned)
        .to_vec();
        options.push(format!("--variant={}", self.variant));
        options.push(format!("--include={}", self.packages.join(",")));
        // The path reaches the shell as a variable and never as text.
        options.push(format!("{hook}=tar -C \"$1\" -xf \"$PLIMSOLL_OVERLAY\""));
        if self.packages.contains(&"ca-certificates") {
            let update = "chroot \"$1\" update-ca-certificates >/dev/null 2>&1";
            options.push(format!("{hook}={update}"));
        }
        options.extend(
            self.finish
                .iter()
                .map(|command| format!("{hook}={command}")),
        );
        let clean = "rm -rf \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/apt/*.bin";
        options.push(format!("--customize-hook={clean}"));
        options
    }

    /// The file in `cache` that holds this recipe's result; built when it is not there.
    ///
    /// `say` is told when there is something to wait for.
    pub(crate) async fn cached(
        &self,
        builder: &Builder,
        host: &Host,
        cache: &Path,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<PathBuf, LabError> {
        let target = cache.join(format!("{}-{}.tar.zst", self.name, self.hash(host)));
        if target.exists() {
            return Ok(target);
        }
        std::fs::create_dir_all(cache).at("make", cache)?;
        say(&format!(
            "Building the image {} from Debian's packages, once",
            self.name
        ));
        let plain = tempfile::NamedTempFile::new_in(cache).at("write", cache)?;
        self.build(builder, host, plain.path()).await?;
        let packed = target.clone();
        let folder = cache.to_owned();
        tokio::task::spawn_blocking(move || compress(plain, &folder, &packed))
            .await
            .map_err(|error| LabError::State {
                path: target.clone(),
                cause: error.to_string(),
            })??;
        self.remove_outdated(cache, &target);
        Ok(target)
    }
}

impl Recipe {
    /// Removes results of earlier forms of this recipe: each takes as much as the present one.
    fn remove_outdated(&self, cache: &Path, kept: &Path) {
        let Ok(entries) = std::fs::read_dir(cache) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let of_recipe = name
                .strip_prefix(self.name)
                .is_some_and(|rest| rest.starts_with('-') && rest.ends_with(".tar.zst"));
            if of_recipe && path != kept {
                let _ = std::fs::remove_file(&path);
            }
        }
    }
}

fn compress(plain: tempfile::NamedTempFile, cache: &Path, target: &Path) -> Result<(), LabError> {
    let source = std::fs::File::open(plain.path()).at("read", plain.path())?;
    let packed = tempfile::NamedTempFile::new_in(cache).at("write", cache)?;
    zstd::stream::copy_encode(source, packed.as_file(), 3).at("write", target)?;
    packed.as_file().sync_all().at("write", target)?;
    packed
        .persist(target)
        .map_err(|error| error.error)
        .at("write", target)?;
    Ok(())
}

/// The environment of an image made from a recipe with certificate authorities.
pub(crate) fn environment(path: &str) -> Vec<String> {
    let mut variables = vec![format!("PATH={path}")];
    variables.extend(Host::environment());
    variables
}

/// The path of Debian's and of most public images.
pub(crate) const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            name: "tiny",
            suite: "bookworm",
            variant: "minbase",
            packages: &["ca-certificates"],
            overlay: vec![Entry::file("/etc/a", 0o644, "a")],
            finish: &[],
        }
    }

    #[test]
    fn the_same_recipe_on_the_same_host_has_the_same_hash() {
        assert_eq!(
            recipe().hash(&Host::default()),
            recipe().hash(&Host::default())
        );
    }

    #[test]
    fn every_part_of_a_recipe_changes_its_hash() {
        let host = Host::default();
        let other_host = Host {
            authorities: vec![("a.crt".into(), b"pem".to_vec())],
            ..Host::default()
        };
        let base = recipe().hash(&host);
        let variants = [
            Recipe {
                suite: "trixie",
                ..recipe()
            },
            Recipe {
                packages: &["ca-certificates", "curl"],
                ..recipe()
            },
            Recipe {
                overlay: vec![Entry::file("/etc/a", 0o600, "a")],
                ..recipe()
            },
            Recipe {
                finish: &["true"],
                ..recipe()
            },
        ];
        for variant in variants {
            assert_ne!(variant.hash(&host), base, "{variant:?}");
        }
        assert_ne!(recipe().hash(&other_host), base);
    }
}
