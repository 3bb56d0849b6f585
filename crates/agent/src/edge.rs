//! nginx at the edge of the server, changed without losing a request.
//!
//! A reload closes connections that wait for their next request; a client that sends one at that
//! moment loses it. So while clients are connected, a change starts a second nginx with the new
//! files on other ports, and one rule of the kernel sends new connections there. The first keeps
//! its connections until they end. When none is left it reads the new files and takes over again,
//! and the second ends in the same way.

use crate::{
    agent::Agent,
    disk,
    error::{AgentError, Result},
    nat::EdgePort,
    nginx::{self, Common, Ports},
    program,
    record::ServiceRecord,
    site_files::{self, has_v6, nginx},
    sockets,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

/// Ports of the nginx beside number 1 are these plus 2; each further one has the next two. They lie
/// below the range of ports that outgoing connections take.
const FIRST_PORT: u16 = 10_080;
/// Most of them at once; beyond, the oldest closes its waiting connections.
const MOST: usize = 6;
/// How long one may take until it accepts connections.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which nginx takes new connections, and which still finish theirs. 0 is the server's own.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    serving: u16,
    finishing: Vec<u16>,
}

/// How a change came into effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Nobody could notice.
    Unnoticed,
    /// By a reload while clients were connected.
    Reloaded,
}

fn state_path(agent: &Agent) -> PathBuf {
    agent.settings.run.join("edge.json")
}

fn folder(agent: &Agent, number: u16) -> PathBuf {
    agent.settings.run.join("edge").join(number.to_string())
}

fn ports(number: u16) -> Ports {
    match number {
        0 => Ports::public(has_v6()),
        n => Ports {
            http: FIRST_PORT + 2 * n,
            https: FIRST_PORT + 2 * n + 1,
            v6: has_v6(),
        },
    }
}

/// The rules for a serving nginx.
fn rules(number: u16) -> Vec<EdgePort> {
    if number == 0 {
        return Vec::new();
    }
    let (from, to) = (ports(0), ports(number));
    vec![
        EdgePort {
            from: from.http,
            to: to.http,
        },
        EdgePort {
            from: from.https,
            to: to.https,
        },
    ]
}

/// Clients connected to one of them.
fn clients(number: u16) -> usize {
    let ports = ports(number);
    let own = i64::from(std::process::id());
    sockets::of_process(own)
        .iter()
        .filter(|socket| {
            socket.connected && [ports.http, ports.https].contains(&socket.local.port())
        })
        .count()
}

fn accepts(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

fn runs(number: u16) -> bool {
    accepts(ports(number).http)
}

impl Edge {
    fn save(&self, agent: &Agent) -> Result<()> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        disk::write_whole(&state_path(agent), 0o600, &text)
    }

    /// Brings nginx to what the records (or `wanted` for its service) say.
    pub async fn apply(
        &mut self,
        agent: &Agent,
        wanted: Option<&ServiceRecord>,
    ) -> Result<Changed> {
        if !program::exists("nginx") {
            return Err(AgentError::refused(
                "nginx_missing",
                "nginx is not installed on the server",
                "Prepare the server again: it installs nginx.",
            ));
        }
        site_files::write_common(agent).await?;
        site_files::write(agent, wanted)?;
        site_files::test(agent).await?;
        if self.serving == 0 {
            if !listens() {
                start_own(agent).await?;
                return Ok(Changed::Unnoticed);
            }
            if clients(0) == 0 {
                reload_own(agent).await?;
                return Ok(Changed::Unnoticed);
            }
            if site_files::foreign_sites(agent) {
                reload_own(agent).await?;
                return Ok(Changed::Reloaded);
            }
        }
        let next = self.free_number();
        start_beside(agent, next, wanted).await?;
        if let Err(error) = agent.nat.edge(rules(next)).await {
            stop_beside(agent, next).await;
            return Err(error);
        }
        self.finishing.push(self.serving);
        self.serving = next;
        self.save(agent)?;
        Ok(Changed::Unnoticed)
    }

    fn free_number(&self) -> u16 {
        (1..)
            .find(|n| {
                let used = *n == self.serving || self.finishing.contains(n);
                !used && is_free(ports(*n).http) && is_free(ports(*n).https)
            })
            .unwrap_or(1)
    }

    /// Lets those end that have no connections left, and the server's own take over again.
    async fn tend(&mut self, agent: &Agent) -> Result<()> {
        let before = self.clone();
        let beside: Vec<u16> = self.finishing.iter().copied().filter(|n| *n != 0).collect();
        let excess = beside.len().saturating_sub(MOST);
        for (index, number) in beside.into_iter().enumerate() {
            if index < excess || clients(number) == 0 {
                stop_beside(agent, number).await;
                self.finishing.retain(|one| *one != number);
            }
        }
        // One that died is replaced at once, even if connections that wait are lost by it.
        if self.serving != 0 && (clients(0) == 0 || !runs(self.serving)) {
            reload_own(agent).await?;
            agent.nat.edge(Vec::new()).await?;
            self.finishing.retain(|one| *one != 0);
            self.finishing.push(self.serving);
            self.serving = 0;
        }
        if *self != before {
            self.save(agent)?;
        }
        Ok(())
    }
}

/// Looks after those that finish their connections.
pub async fn tend(agent: &Agent) -> Result<()> {
    // A change is under way: next time.
    let Ok(mut edge) = agent.edge.try_lock() else {
        return Ok(());
    };
    if edge.serving == 0 && edge.finishing.is_empty() {
        return Ok(());
    }
    edge.tend(agent).await
}

/// Takes over what a former agent left: it may have ended while a second nginx served.
pub async fn adopt(agent: &Agent) {
    let Ok(text) = fs::read(state_path(agent)) else {
        return;
    };
    let mut found: Edge = serde_json::from_slice(&text).unwrap_or_default();
    found
        .finishing
        .retain(|number| *number == 0 || runs(*number));
    if found.serving != 0 && !runs(found.serving) {
        found.serving = 0;
    }
    agent.nat.adopt_edge(rules(found.serving)).await;
    *agent.edge.lock().await = found;
}

/// Whether anything listens on the public port. Asked of the kernel's table: a connection would
/// follow our own rules.
fn listens() -> bool {
    let own = i64::from(std::process::id());
    sockets::of_process(own)
        .iter()
        .any(|socket| socket.listening && socket.local.port() == ports(0).http)
}

fn under_systemd(agent: &Agent) -> bool {
    agent.settings.nginx_conf.is_none() && program::exists("systemctl")
}

async fn start_own(agent: &Agent) -> Result<()> {
    // It may run without any site so far, and then listens nowhere.
    if nginx(agent, "reload", &["-s", "reload"]).await.is_ok() && wait_until(listens).await {
        return Ok(());
    }
    if under_systemd(agent) {
        let argv = ["systemctl", "restart", "nginx"];
        program::run("start nginx", &argv, None).await?;
    } else {
        nginx(agent, "start", &[]).await?;
    }
    if wait_until(listens).await {
        return Ok(());
    }
    Err(silent("nginx"))
}

fn silent(who: &str) -> AgentError {
    AgentError::refused(
        "nginx_silent",
        format!("{who} was started and accepts no connections"),
        "Read nginx's error log on the server (/var/log/nginx/error.log).",
    )
}

async fn wait_until(good: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if good() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Reloads the server's own nginx and waits until its new workers are the ones that answer.
async fn reload_own(agent: &Agent) -> Result<()> {
    nginx(agent, "reload", &["-s", "reload"]).await?;
    // The signal returns at once. The former workers stop accepting within milliseconds; nothing
    // outside tells when.
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(())
}

async fn start_beside(agent: &Agent, number: u16, wanted: Option<&ServiceRecord>) -> Result<()> {
    let folder = folder(agent, number);
    disk::remove_folder(&folder)?;
    let sites = folder.join("sites");
    disk::folder(&folder, 0o755)?;
    site_files::write_sites(agent, wanted, &sites, ports(number))?;
    let parts = Common {
        default_server: true,
        hash_size: true,
    };
    let common = sites.join("00-common.conf");
    disk::write_whole(
        &common,
        0o644,
        nginx::common(ports(number), parts).as_bytes(),
    )?;
    let conf = folder.join("nginx.conf");
    let text = nginx::beside(&folder, &site_files::own_settings(agent));
    disk::write_whole(&conf, 0o644, text.as_bytes())?;
    let conf = conf.display().to_string();
    let argv = ["nginx", "-t", "-q", "-c", &conf];
    let tested = program::run("accept the configuration", &argv, None).await;
    site_files::refused_is_said(tested)?;
    let unit = format!("--unit=plimsoll-edge-{number}");
    // In a unit of its own it outlives the agent's restart.
    let argv: Vec<&str> = if under_systemd(agent) {
        vec![
            "systemd-run",
            "--quiet",
            "--collect",
            &unit,
            "--",
            "nginx",
            "-c",
            &conf,
            "-g",
            "daemon off;",
        ]
    } else {
        vec!["nginx", "-c", &conf]
    };
    program::run("start a second nginx", &argv, None).await?;
    let (http, https) = (ports(number).http, ports(number).https);
    if wait_until(|| accepts(http) && accepts(https)).await {
        return Ok(());
    }
    stop_beside(agent, number).await;
    Err(silent("a second nginx"))
}

async fn stop_beside(agent: &Agent, number: u16) {
    let conf = folder(agent, number).join("nginx.conf");
    let conf = conf.display().to_string();
    let argv = ["nginx", "-c", &conf, "-s", "quit"];
    if let Err(error) = program::run("end a second nginx", &argv, None).await {
        tracing::warn!(%error, number, "a second nginx may still run");
    }
}
