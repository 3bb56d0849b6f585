//! The files of nginx: written whole, tested before they are used.

use crate::{
    agent::Agent,
    disk,
    error::{AgentError, Result},
    nginx::{self, Common, Ports},
    program,
    record::{ServiceRecord, file_stem},
    site,
};
use plimsoll_protocol::ServiceKey;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The folder of the sites' files.
fn sites(agent: &Agent) -> PathBuf {
    agent.settings.nginx.join("plimsoll").join("sites")
}

/// The file through which nginx finds the others.
fn entry(agent: &Agent) -> PathBuf {
    agent.settings.nginx.join("conf.d").join("00-plimsoll.conf")
}

/// Whether a service's site is in place.
pub fn installed(agent: &Agent, key: &ServiceKey) -> bool {
    sites(agent)
        .join(format!("{}.conf", file_stem(key)))
        .exists()
}

/// Whether this server has IPv6.
pub fn has_v6() -> bool {
    Path::new("/proc/net/if_inet6").exists()
}

/// Writes the sites' files as the records (or `wanted` for its service) say.
pub fn write(agent: &Agent, wanted: Option<&ServiceRecord>) -> Result<()> {
    write_sites(agent, wanted, &sites(agent), Ports::public(has_v6()))
}

/// Writes the sites' files for these ports into a folder, and removes others there.
pub fn write_sites(
    agent: &Agent,
    wanted: Option<&ServiceRecord>,
    folder: &Path,
    ports: Ports,
) -> Result<()> {
    disk::folder(folder, 0o755)?;
    let files: BTreeMap<PathBuf, String> = site::vhosts(agent, wanted)
        .iter()
        .map(|vhost| {
            let path = folder.join(format!("{}.conf", vhost.name));
            (path, nginx::site(vhost, ports))
        })
        .collect();
    for present in list(folder) {
        if !files.contains_key(&present) {
            disk::remove_file(&present)?;
        }
    }
    for (path, text) in files {
        write_if_other(&path, &text)?;
    }
    Ok(())
}

/// Names of a folder's entries.
pub fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.path()).collect(),
    )
}

fn write_if_other(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    disk::write_whole(path, 0o644, text.as_bytes())
}

/// Writes what all sites share, as far as this nginx takes it.
pub async fn write_common(agent: &Agent) -> Result<()> {
    remove_welcome_page(agent)?;
    let path = entry(agent);
    disk::folder(path.parent().unwrap_or(&path), 0o755)?;
    disk::folder(&sites(agent), 0o755)?;
    let include = format!("include {}/*.conf;\n", sites(agent).display());
    if fs::read_to_string(&path).is_ok_and(|text| text.ends_with(&include)) {
        return Ok(());
    }
    let mut parts = Common {
        default_server: true,
        hash_size: true,
    };
    loop {
        let text = nginx::common(Ports::public(has_v6()), parts) + &include;
        write_if_other(&path, &text)?;
        let Err(error) = test(agent).await else {
            return Ok(());
        };
        // Somebody else's configuration may have either already; theirs stays.
        let shown = error.failure().evidence.join("\n");
        if parts.default_server && shown.contains("duplicate default server") {
            parts.default_server = false;
        } else if parts.hash_size && shown.contains("server_names_hash_bucket_size") {
            parts.hash_size = false;
        } else {
            disk::remove_file(&path)?;
            return Err(error);
        }
    }
}

/// Debian's page for a fresh nginx claims to be the default server; an untouched one goes.
fn remove_welcome_page(agent: &Agent) -> Result<()> {
    let link = agent.settings.nginx.join("sites-enabled").join("default");
    let target = fs::read_link(&link).unwrap_or_default();
    if target.ends_with("sites-available/default") {
        disk::remove_file(&link)?;
    }
    Ok(())
}

/// Whether this nginx has sites that are not ours.
pub fn foreign_sites(agent: &Agent) -> bool {
    let folder = &agent.settings.nginx;
    let own = entry(agent);
    list(&folder.join("sites-enabled"))
        .into_iter()
        .chain(
            list(&folder.join("conf.d"))
                .into_iter()
                .filter(|path| *path != own),
        )
        .any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("server")))
}

/// What an nginx beside takes over from the server's own.
pub fn own_settings(agent: &Agent) -> nginx::Beside {
    let folder = &agent.settings.nginx;
    let text = fs::read_to_string(folder.join("nginx.conf")).unwrap_or_default();
    let user = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("user ")?.strip_suffix(';'))
        .filter(|user| {
            user.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_ ".contains(&b))
        });
    let mime_types = folder.join("mime.types");
    let logs = PathBuf::from("/var/log/nginx");
    nginx::Beside {
        user: user.unwrap_or("www-data").to_owned(),
        mime_types: mime_types.exists().then_some(mime_types),
        logs: (agent.settings.nginx_conf.is_none() && logs.exists()).then_some(logs),
    }
}

/// Runs the server's nginx with arguments.
pub async fn nginx(agent: &Agent, doing: &str, more: &[&str]) -> Result<String> {
    let conf = agent
        .settings
        .nginx_conf
        .as_ref()
        .map(|conf| conf.display().to_string());
    let mut argv = vec!["nginx"];
    if let Some(conf) = &conf {
        argv.extend(["-c", conf]);
    }
    argv.extend(more);
    program::run(doing, &argv, None).await
}

/// Lets nginx test its files.
pub async fn test(agent: &Agent) -> Result<()> {
    refused_is_said(nginx(agent, "accept the configuration", &["-t", "-q"]).await)
}

/// nginx's refusal in people's words.
pub fn refused_is_said(tested: Result<String>) -> Result<()> {
    tested.map(drop).map_err(|error| match error {
        AgentError::Program { output, .. } => AgentError::refused(
            "nginx_refused",
            "nginx does not accept the new configuration; the former one stays",
            "Its own words above name the file and the line.",
        )
        .with_evidence(output),
        other => other,
    })
}
