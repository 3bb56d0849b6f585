//! Sites: which names nginx answers for a service, with which certificate.

use crate::{
    agent::Agent,
    disk,
    edge::{Changed, Edge},
    error::{AgentError, Result},
    nginx::{self, Vhost},
    record::{ServiceRecord, Site, file_stem},
    site_files,
    wire::Replies,
};
use plimsoll_protocol::{LogStream, ServiceKey, SetSite, SiteSet};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Where a service's certificate and key lie.
fn tls_paths(agent: &Agent, key: &ServiceKey) -> (PathBuf, PathBuf) {
    let folder = agent.settings.nginx.join("plimsoll").join("tls");
    let stem = file_stem(key);
    (
        folder.join(format!("{stem}.pem")),
        folder.join(format!("{stem}.key")),
    )
}

/// Sets or removes a service's site. Whatever fails leaves the former one as it was.
pub async fn set(
    agent: &Agent,
    request: &SetSite,
    key_pem: &[u8],
    replies: &Replies,
) -> Result<SiteSet> {
    let mut edge = agent.edge.lock().await;
    let record = agent.records.ensure(&request.key)?;
    if request.hosts.is_empty() {
        let changed = record.site.is_some();
        take_away(agent, &mut edge, &record).await?;
        return Ok(SiteSet { changed });
    }
    check_hosts(agent, request)?;
    let tls_hash = match &request.chain_pem {
        None => String::new(),
        Some(chain) => {
            let both = Zeroizing::new([chain.as_bytes(), b"\0", key_pem].concat());
            agent.secrets.fingerprint(&both)?
        }
    };
    let site = Site {
        hosts: request.hosts.clone(),
        tls: request.chain_pem.is_some(),
        tls_hash,
    };
    if record.site.as_ref() == Some(&site) && site_files::installed(agent, &record.key) {
        return Ok(SiteSet { changed: false });
    }
    let before = Before::keep(agent, &record)?;
    let done = install(agent, &mut edge, &record, &site, request, key_pem).await;
    if done.is_err() {
        before.restore(agent)?;
    }
    if done? == Changed::Reloaded {
        let line = "nginx was reloaded, because it has sites that are not ours: a client whose \
                    connection was idle may have to connect again.";
        replies.log(LogStream::Agent, line).await;
    }
    agent
        .records
        .update(&request.key, |record| record.site = Some(site))?;
    Ok(SiteSet { changed: true })
}

/// Removes a service's site.
pub async fn remove(agent: &Agent, key: &ServiceKey) -> Result<()> {
    let mut edge = agent.edge.lock().await;
    match agent.records.get(key) {
        Some(record) => take_away(agent, &mut edge, &record).await,
        None => Ok(()),
    }
}

async fn take_away(agent: &Agent, edge: &mut Edge, record: &ServiceRecord) -> Result<()> {
    if record.site.is_none() {
        return Ok(());
    }
    let before = Before::keep(agent, record)?;
    let (chain, key) = tls_paths(agent, &record.key);
    agent
        .records
        .update(&record.key, |record| record.site = None)?;
    if let Err(error) = edge.apply(agent, None).await {
        agent
            .records
            .update(&record.key, |now| now.site = record.site.clone())?;
        before.restore(agent)?;
        return Err(error);
    }
    disk::remove_file(&chain)?;
    disk::remove_file(&key)
}

async fn install(
    agent: &Agent,
    edge: &mut Edge,
    record: &ServiceRecord,
    site: &Site,
    request: &SetSite,
    key_pem: &[u8],
) -> Result<Changed> {
    let (chain_path, key_path) = tls_paths(agent, &record.key);
    if let Some(chain) = &request.chain_pem {
        let folder = chain_path.parent().map(PathBuf::from).unwrap_or_default();
        disk::folder(&folder, 0o700)?;
        disk::write_whole(&key_path, 0o600, key_pem)?;
        disk::write_whole(&chain_path, 0o600, chain.as_bytes())?;
    }
    let mut wanted = record.clone();
    wanted.site = Some(site.clone());
    edge.apply(agent, Some(&wanted)).await
}

/// The server blocks of every site; `wanted` stands for its service's present record.
pub fn vhosts(agent: &Agent, wanted: Option<&ServiceRecord>) -> Vec<Vhost> {
    let mut records = agent.records.all();
    if let Some(wanted) = wanted {
        records.retain(|record| record.key != wanted.key);
        records.push(wanted.clone());
    }
    records.sort_by_key(|record| file_stem(&record.key));
    records
        .into_iter()
        .filter_map(|record| {
            let site = record.site?;
            let tls = site.tls.then(|| tls_paths(agent, &record.key));
            Some(Vhost {
                name: file_stem(&record.key),
                hosts: site.hosts,
                upstream: record.address,
                tls,
            })
        })
        .collect()
}

fn check_hosts(agent: &Agent, request: &SetSite) -> Result<()> {
    for host in &request.hosts {
        if !nginx::is_host(host) {
            let shown: String = host.chars().take(80).collect();
            return Err(AgentError::refused(
                "bad_host",
                format!("“{shown}” cannot be the name of a site"),
                "Use a name such as app.example.com or *.example.com, in lower case; write others \
                 in Punycode.",
            ));
        }
        let other = agent.records.all().into_iter().find(|record| {
            record.key != request.key
                && record
                    .site
                    .as_ref()
                    .is_some_and(|site| site.hosts.contains(host))
        });
        if let Some(other) = other {
            return Err(AgentError::refused(
                "host_taken",
                format!(
                    "{host} belongs to “{}” of {}/{} on this server",
                    other.key.service, other.key.project, other.key.environment
                ),
                "Remove the domain there first.",
            ));
        }
    }
    Ok(())
}

/// A service's files before a change.
struct Before {
    files: Vec<(PathBuf, Option<Zeroizing<Vec<u8>>>)>,
}

impl Before {
    fn keep(agent: &Agent, record: &ServiceRecord) -> Result<Self> {
        let (chain, key) = tls_paths(agent, &record.key);
        let files = [chain, key].map(|path| {
            let content = std::fs::read(&path).ok().map(Zeroizing::new);
            (path, content)
        });
        Ok(Self {
            files: files.into(),
        })
    }

    fn restore(&self, agent: &Agent) -> Result<()> {
        for (path, content) in &self.files {
            match content {
                Some(content) => disk::write_whole(path, 0o600, content)?,
                None => disk::remove_file(path)?,
            }
        }
        site_files::write(agent, None)
    }
}
