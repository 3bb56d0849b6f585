//! What droplets and base images take over from the host.
//!
//! A machine behind a company's proxy reaches packages only through that company's sources,
//! certificate authorities and resolver; so do the machines that the lab makes on it. Values that
//! carry a login are left out: an image is no place for one.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::error::{AtPath, LabError};

const AUTHORITIES: &str = "/usr/local/share/ca-certificates";
const SOURCES: &[&str] = &[
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/debian.sources",
];
/// Debian's keys, at the same path on hosts that have them and in every image.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Releases that get updates and security fixes beside their main archive.
const STABLE_SUITES: &[&str] = &["bookworm", "trixie"];
/// pip's keys that say where packages are; see pip's documentation of its configuration files.
const PIP_KEYS: &[&str] = &["index-url", "extra-index-url", "trusted-host"];
/// npm's keys that say where packages are; see npm's documentation of npmrc.
const NPM_KEYS: &[&str] = &["registry", "strict-ssl"];
/// The bundle that holds the system's and the host's own authorities in every image of the lab.
pub(crate) const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Facts of the host that images and droplets are made with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Host {
    /// Where the host gets Debian's packages from, when it is a Debian.
    pub(crate) mirrors: Mirrors,
    /// The host's own certificate authorities: file name and PEM.
    pub(crate) authorities: Vec<(String, Vec<u8>)>,
    /// IPv4 addresses of the host's resolvers that are reachable from elsewhere.
    pub(crate) resolvers: Vec<Ipv4Addr>,
    /// Content of `/etc/pip.conf` in images, when the host chose a package index.
    pub(crate) pip: Option<String>,
    /// Content of `/etc/npmrc` in images.
    pub(crate) npm: String,
    /// Hosts that packages come from, as named in all of the above.
    pub(crate) package_hosts: Vec<String>,
}

/// Addresses of Debian's archives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mirrors {
    main: Option<String>,
    security: Option<String>,
}

impl Host {
    /// Lines of package sources for a release; none when the tools' own defaults shall hold.
    pub(crate) fn sources(&self, suite: &str) -> Vec<String> {
        let Some(main) = &self.mirrors.main else {
            return Vec::new();
        };
        let line =
            |mirror: &str, suite: &str| format!("deb [signed-by={KEYRING}] {mirror} {suite} main");
        let mut lines = vec![line(main, suite)];
        if STABLE_SUITES.contains(&suite) {
            lines.push(line(main, &format!("{suite}-updates")));
            if let Some(security) = &self.mirrors.security {
                lines.push(line(security, &format!("{suite}-security")));
            }
        }
        lines
    }

    /// Reads the present machine.
    pub(crate) fn read() -> Result<Self, LabError> {
        let mirrors = if is_debian() {
            Mirrors::read()
        } else {
            Mirrors::default()
        };
        let home = std::env::home_dir().unwrap_or_default();
        let pip_files = [
            PathBuf::from("/etc/pip.conf"),
            home.join(".pip/pip.conf"),
            home.join(".config/pip/pip.conf"),
        ];
        let pip_lines = pip_lines(&pip_files, |name| std::env::var(name).ok());
        let npm_files = [
            PathBuf::from("/usr/etc/npmrc"),
            "/etc/npmrc".into(),
            home.join(".npmrc"),
        ];
        let npm_lines = npm_lines(&npm_files, |name| std::env::var(name).ok());
        let mut package_hosts: Vec<String> = [&mirrors.main, &mirrors.security]
            .into_iter()
            .flatten()
            .chain(&pip_lines)
            .chain(&npm_lines)
            .flat_map(|text| hosts_of(text))
            .collect();
        package_hosts.sort();
        package_hosts.dedup();
        Ok(Self {
            mirrors,
            authorities: authorities(Path::new(AUTHORITIES))?,
            resolvers: resolvers(),
            pip: (!pip_lines.is_empty()).then(|| format!("[global]\n{}\n", pip_lines.join("\n"))),
            npm: format!("cafile={BUNDLE}\n{}", join_lines(&npm_lines)),
            package_hosts,
        })
    }

    /// Environment variables that make package tools use the image's bundle of authorities.
    pub(crate) fn environment() -> Vec<String> {
        [
            "SSL_CERT_FILE",
            "PIP_CERT",
            "REQUESTS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "CARGO_HTTP_CAINFO",
        ]
        .iter()
        .map(|name| format!("{name}={BUNDLE}"))
        .collect()
    }
}

fn join_lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn is_debian() -> bool {
    std::fs::read_to_string("/etc/os-release")
        .is_ok_and(|text| text.lines().any(|line| line == "ID=debian"))
}

impl Mirrors {
    fn read() -> Self {
        let mut mirrors = Self::default();
        for text in SOURCES
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
        {
            mirrors.add(&text);
        }
        mirrors
    }

    /// Takes the first archive of each kind from a file in either of apt's two formats.
    fn add(&mut self, text: &str) {
        let mut uri = None;
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (address, suite) = match words.as_slice() {
                ["deb", rest @ ..] => {
                    let options = match rest.first() {
                        Some(word) if word.starts_with('[') => rest
                            .iter()
                            .position(|word| word.ends_with(']'))
                            .map_or(0, |at| at + 1),
                        _ => 0,
                    };
                    match rest.get(options..) {
                        Some([address, suite, ..]) => (*address, *suite),
                        _ => continue,
                    }
                }
                ["URIs:", address, ..] => {
                    uri = Some(*address);
                    continue;
                }
                ["Suites:", suite, ..] => match uri {
                    Some(address) => (address, *suite),
                    None => continue,
                },
                _ => continue,
            };
            if !address.starts_with("http") {
                continue;
            }
            let slot = if suite.contains("-security") {
                &mut self.security
            } else {
                &mut self.main
            };
            slot.get_or_insert_with(|| address.to_owned());
        }
    }
}

fn authorities(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, LabError> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(found);
    };
    for entry in entries {
        let path = entry.at("read", folder)?.path();
        if path.extension().is_some_and(|extension| extension == "crt") && path.is_file() {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            found.push((name, std::fs::read(&path).at("read", &path)?));
        }
    }
    found.sort();
    Ok(found)
}

fn resolvers() -> Vec<Ipv4Addr> {
    // systemd-resolved listens on the loopback address only; its own file names the real ones.
    for path in ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] {
        let found = nameservers(&std::fs::read_to_string(path).unwrap_or_default());
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

fn nameservers(text: &str) -> Vec<Ipv4Addr> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("nameserver")?
                .trim()
                .parse::<Ipv4Addr>()
                .ok()
        })
        .filter(|address| !address.is_loopback())
        .collect()
}

fn pip_lines(files: &[PathBuf], variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut values: Vec<(&str, String)> = Vec::new();
    for text in files
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
    {
        for (key, value) in settings_of(&text, PIP_KEYS) {
            put(&mut values, key, value);
        }
    }
    for &key in PIP_KEYS {
        let name = format!("PIP_{}", key.replace('-', "_").to_uppercase());
        if let Some(value) = variable(&name) {
            put(&mut values, key, value);
        }
    }
    without_logins(values)
        .map(|(key, value)| format!("{key} = {value}"))
        .collect()
}

fn npm_lines(files: &[PathBuf], variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut values: Vec<(&str, String)> = Vec::new();
    for text in files
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
    {
        for (key, value) in settings_of(&text, NPM_KEYS) {
            put(&mut values, key, value);
        }
    }
    for &key in NPM_KEYS {
        if let Some(value) = variable(&format!("npm_config_{}", key.replace('-', "_"))) {
            put(&mut values, key, value);
        }
    }
    without_logins(values)
        .map(|(key, value)| format!("{key}={value}"))
        .collect()
}

/// The known keys of an ini file without its sections: pip's sections name commands, and what the
/// lab takes over means the same in all of them.
fn settings_of<'a>(text: &'a str, keys: &'a [&'static str]) -> Vec<(&'static str, String)> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter_map(|(key, value)| {
            let key = keys.iter().find(|known| **known == key.trim())?;
            Some((*key, value.trim().to_owned()))
        })
        .collect()
}

fn put<'a>(values: &mut Vec<(&'a str, String)>, key: &'a str, value: String) {
    values.retain(|(known, _)| *known != key);
    values.push((key, value));
}

fn without_logins(values: Vec<(&str, String)>) -> impl Iterator<Item = (&str, String)> {
    values
        .into_iter()
        .filter(|(_, value)| !value.is_empty() && !value.contains('@'))
}

fn hosts_of(text: &str) -> Vec<String> {
    text.split_whitespace()
        .flat_map(|word| word.split('='))
        .filter_map(|word| url::Url::parse(word).ok())
        .filter_map(|url| url.host_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_resolver_is_no_use_to_a_droplet() {
        let text = "# a comment\nnameserver 127.0.0.53\nnameserver 192.0.2.53\noptions edns0\n";
        assert_eq!(nameservers(text), [Ipv4Addr::new(192, 0, 2, 53)]);
    }

    #[test]
    fn an_index_with_a_login_is_left_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("pip.conf");
        std::fs::write(
            &file,
            "[global]\nindex-url = https://me:pw@pip.example/simple\n\
            trusted-host = pip.example\ntimeout = 9\n",
        )
        .expect("written");
        assert_eq!(pip_lines(&[file], |_| None), ["trusted-host = pip.example"]);
    }

    #[test]
    fn the_environment_wins_over_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("npmrc");
        std::fs::write(
            &file,
            "registry=https://one.example/\n//one.example/:_authToken=x\n",
        )
        .expect("written");
        let variable =
            |name: &str| (name == "npm_config_registry").then(|| "https://two.example/".to_owned());
        assert_eq!(
            npm_lines(std::slice::from_ref(&file), |_| None),
            ["registry=https://one.example/"]
        );
        assert_eq!(
            npm_lines(&[file], variable),
            ["registry=https://two.example/"]
        );
    }

    #[test]
    fn mirrors_are_found_in_both_forms_of_package_sources() {
        let wanted = Mirrors {
            main: Some("http://one.example/debian".into()),
            security: Some("http://two.example/security".into()),
        };
        for text in [
            "# deb http://zero.example x main\n\
             deb [signed-by=/a.gpg] http://one.example/debian trixie main\n\
             deb http://two.example/security trixie-security main\n",
            "Types: deb\nURIs: http://one.example/debian\nSuites: trixie trixie-updates\n\n\
             Types: deb\nURIs: http://two.example/security\nSuites: trixie-security\n",
        ] {
            let mut mirrors = Mirrors::default();
            mirrors.add(text);
            assert_eq!(mirrors, wanted, "{text}");
        }
    }

    #[test]
    fn a_release_under_development_has_no_security_archive() {
        let mirrors = Mirrors {
            main: Some("http://one.example/debian".into()),
            security: Some("http://two.example/security".into()),
        };
        let host = Host {
            mirrors,
            ..Host::default()
        };
        assert_eq!(host.sources("bookworm").len(), 3);
        assert_eq!(host.sources("sid").len(), 1);
        assert!(Host::default().sources("bookworm").is_empty());
    }

    #[test]
    fn hosts_are_found_in_settings() {
        assert_eq!(
            hosts_of("registry=https://three.example/"),
            ["three.example"]
        );
    }
}
