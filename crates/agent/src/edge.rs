//! nginx at the edge of the server: its files, its test, its change without loss.

use crate::{
    agent::Agent,
    disk,
    error::{AgentError, Result},
    nginx::{self, Common, PUBLIC},
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

/// The state of the edge.
#[derive(Debug, Default)]
pub struct Edge {}

/// Whether a service's site is in place.
pub fn installed(agent: &Agent, key: &ServiceKey) -> bool {
    sites(agent)
        .join(format!("{}.conf", file_stem(key)))
        .exists()
}

fn sites(agent: &Agent) -> PathBuf {
    agent.settings.nginx.join("plimsoll").join("sites")
}

fn entry(agent: &Agent) -> PathBuf {
    agent.settings.nginx.join("conf.d").join("00-plimsoll.conf")
}

/// Writes all files as the records (or `wanted` for its service) say; whether one changed.
pub fn write_files(agent: &Agent, wanted: Option<&ServiceRecord>) -> Result<bool> {
    let folder = sites(agent);
    disk::folder(&folder, 0o755)?;
    let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
    for vhost in site::vhosts(agent, wanted) {
        let path = folder.join(format!("{}.conf", vhost.name));
        files.insert(path, nginx::site(&vhost, PUBLIC));
    }
    let mut changed = false;
    for present in list(&folder) {
        if !files.contains_key(&present) {
            disk::remove_file(&present)?;
            changed = true;
        }
    }
    for (path, text) in files {
        changed |= write_if_other(&path, &text)?;
    }
    Ok(changed)
}

fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.path()).collect(),
    )
}

fn write_if_other(path: &Path, text: &str) -> Result<bool> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(false);
    }
    disk::write_whole(path, 0o644, text.as_bytes())?;
    Ok(true)
}

impl Edge {
    /// Brings nginx to what the records (or `wanted` for its service) say.
    pub async fn apply(&mut self, agent: &Agent, wanted: Option<&ServiceRecord>) -> Result<()> {
        if !program::exists("nginx") {
            return Err(AgentError::refused(
                "nginx_missing",
                "nginx is not installed on the server",
                "Prepare the server again: it installs nginx.",
            ));
        }
        let common = write_common(agent).await?;
        write_files(agent, wanted)?;
        tracing::debug!(common, "nginx files written");
        test(agent).await?;
        reload(agent).await
    }
}

/// Writes what all sites share, as far as this nginx takes it.
async fn write_common(agent: &Agent) -> Result<bool> {
    remove_welcome_page(agent)?;
    let path = entry(agent);
    disk::folder(path.parent().unwrap_or(&path), 0o755)?;
    let include = format!("include {}/*.conf;\n", sites(agent).display());
    disk::folder(&sites(agent), 0o755)?;
    if fs::read_to_string(&path).is_ok_and(|text| text.ends_with(&include)) {
        return Ok(false);
    }
    let mut parts = Common {
        default_server: true,
        hash_size: true,
    };
    loop {
        write_if_other(&path, &(nginx::common(PUBLIC, parts) + &include))?;
        let Err(error) = test(agent).await else {
            return Ok(true);
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

fn argv<'a>(agent: &'a Agent, more: &[&'a str]) -> Vec<String> {
    let mut argv = vec!["nginx".to_owned()];
    if let Some(conf) = &agent.settings.nginx_conf {
        argv.extend(["-c".to_owned(), conf.display().to_string()]);
    }
    argv.extend(more.iter().map(|one| (*one).to_owned()));
    argv
}

async fn nginx(agent: &Agent, doing: &str, more: &[&str]) -> Result<String> {
    let argv = argv(agent, more);
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    program::run(doing, &argv, None).await
}

async fn test(agent: &Agent) -> Result<()> {
    let tested = nginx(agent, "accept the configuration", &["-t", "-q"]).await;
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

async fn reload(agent: &Agent) -> Result<()> {
    match nginx(agent, "reload", &["-s", "reload"]).await {
        Ok(_) => Ok(()),
        // It does not run (yet): then it starts with the new files.
        Err(_) if program::exists("systemctl") && agent.settings.nginx_conf.is_none() => {
            program::run("start nginx", &["systemctl", "start", "nginx"], None)
                .await
                .map(drop)
        }
        Err(_) => nginx(agent, "start", &[]).await.map(drop),
    }
}
