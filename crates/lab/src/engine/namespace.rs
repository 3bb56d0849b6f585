//! The network namespace of an own engine: what is inside cannot collide with another engine or
//! with the host's firewall, and one link with two rules of ours joins it to the host.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use super::bridge_name;
use crate::command::Program;
use crate::error::{AtPath, LabError};
use crate::host::Host;
use crate::instance::Instance;
use crate::network::Block;

/// The link's name inside the namespace.
const UPLINK: &str = "uplink";
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
/// Networks that a host may reach and its droplets may not: private ones (RFC 1918), a carrier's
/// (RFC 6598) and the link-local one with the host's own metadata service (RFC 3927).
const KEPT_FROM_DROPLETS: &str =
    "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,169.254.0.0/16";

/// A network namespace, joined to the host.
#[derive(Debug, Clone)]
pub(super) struct Namespace {
    handle: PathBuf,
    /// Remembers that the host did not forward packets before.
    was_closed: PathBuf,
    link: String,
    bridge: String,
    comment: String,
    block: Block,
}

impl Namespace {
    /// `runtime` is a folder for the namespace's handle.
    pub(super) fn new(runtime: &Path, instance: &Instance, block: Block) -> Self {
        Self {
            handle: runtime.join("net"),
            was_closed: runtime.join("host-did-not-forward"),
            link: format!("plh-{}", instance.id()),
            bridge: bridge_name(instance),
            comment: format!("plimsoll-{}", instance.id()),
            block,
        }
    }

    /// A program to be run inside. `ip netns exec` would do more than is good: it mounts another
    /// /sys, and the engine then finds no control groups.
    pub(super) fn program(&self, name: &str) -> Program {
        let mut net = std::ffi::OsString::from("--net=");
        net.push(&self.handle);
        Program::new("nsenter", "util-linux")
            .arg(net)
            .arg("--")
            .arg(name)
    }

    async fn exists(&self) -> bool {
        self.handle.exists() && self.program("true").succeeds().await
    }

    /// Makes what is missing; safe to call twice.
    pub(super) async fn up(&self) -> Result<(), LabError> {
        if !self.exists().await {
            std::fs::write(&self.handle, b"").at("write", &self.handle)?;
            let mut net = std::ffi::OsString::from("--net=");
            net.push(&self.handle);
            Program::new("unshare", "util-linux")
                .arg(net)
                .arg("true")
                .run("make the practice cloud's network namespace")
                .await?;
        }
        if !Path::new("/sys/class/net").join(&self.link).exists() {
            ip(&[
                "link", "add", &self.link, "type", "veth", "peer", "name", UPLINK, "netns",
            ])
            .arg(&self.handle)
            .run("join the practice cloud's network to the host")
            .await?;
        }
        let doing = "give the practice cloud's network its addresses";
        let (host, prefix) = self.block.link_host();
        let (engine, _) = self.block.link_engine();
        let at = format!("{host}/{prefix}");
        ip(&["address", "replace", &at, "dev", &self.link])
            .run(doing)
            .await?;
        ip(&["link", "set", &self.link, "up"]).run(doing).await?;
        let at = format!("{engine}/{prefix}");
        for words in [
            &["address", "replace", &at, "dev", UPLINK][..],
            &["link", "set", "lo", "up"],
            &["link", "set", UPLINK, "up"],
            &["route", "replace", "default", "via", &host.to_string()],
        ] {
            self.program("ip").args(words).run(doing).await?;
        }
        let via = engine.to_string();
        ip(&["route", "replace", &self.block.public(), "via", &via])
            .run(doing)
            .await?;
        self.program("sysctl")
            .args(["-qw", "net.ipv4.ip_forward=1"])
            .run(doing)
            .await?;
        self.open_forwarding()?;
        for rule in self.host_rules() {
            if !rule.program("-C").succeeds().await {
                rule.program("-I")
                    .run("let the practice cloud out to the network")
                    .await?;
            }
        }
        Ok(())
    }

    fn open_forwarding(&self) -> Result<(), LabError> {
        let now = std::fs::read_to_string(FORWARDING).at("read", FORWARDING)?;
        if now.trim() == "0" {
            std::fs::write(&self.was_closed, b"").at("write", &self.was_closed)?;
            std::fs::write(FORWARDING, b"1").at("write", FORWARDING)?;
        }
        Ok(())
    }

    /// The rules on the host that are ours, each with our comment.
    fn host_rules(&self) -> Vec<Rule> {
        let block = self.block.cidr();
        let rule = |table, chain, words: &[&str]| Rule {
            table,
            chain,
            words: words.iter().map(|&word| word.to_owned()).collect(),
            comment: self.comment.clone(),
        };
        vec![
            rule(
                "nat",
                "POSTROUTING",
                &["-s", &block, "!", "-d", &block, "-j", "MASQUERADE"],
            ),
            rule("filter", "FORWARD", &["-i", &self.link, "-j", "ACCEPT"]),
            rule("filter", "FORWARD", &["-o", &self.link, "-j", "ACCEPT"]),
        ]
    }

    /// Lets the host reach droplets, and droplets reach the world but not the host's neighbours.
    pub(super) async fn guard(&self, host: &Host) -> Result<(), LabError> {
        let doing = "set the practice cloud's edge rules";
        let mut rules: Vec<Vec<String>> = vec![vec!["-F".into(), "DOCKER-USER".into()]];
        let mut add = |words: &[&str]| {
            let mut rule = vec!["-A".to_owned(), "DOCKER-USER".to_owned()];
            rule.extend(words.iter().map(|&word| word.to_owned()));
            rules.push(rule);
        };
        add(&[
            "-m",
            "conntrack",
            "--ctstate",
            "RELATED,ESTABLISHED",
            "-j",
            "ACCEPT",
        ]);
        add(&["-i", UPLINK, "-o", &self.bridge, "-j", "ACCEPT"]);
        for address in needed_neighbours(host).await {
            let address = address.to_string();
            add(&[
                "-i",
                &self.bridge,
                "-o",
                UPLINK,
                "-d",
                &address,
                "-j",
                "ACCEPT",
            ]);
        }
        let kept = KEPT_FROM_DROPLETS;
        add(&["-i", &self.bridge, "-o", UPLINK, "-d", kept, "-j", "REJECT"]);
        add(&["-j", "RETURN"]);
        for rule in rules {
            self.program("iptables")
                .arg("-w")
                .args(rule)
                .run(doing)
                .await?;
        }
        Ok(())
    }

    /// Removes the link, the host's rules and the namespace; safe to call twice.
    pub(super) async fn down(&self) -> Result<(), LabError> {
        for rule in self.host_rules() {
            while rule.program("-C").succeeds().await {
                rule.program("-D")
                    .run("remove the practice cloud's rules")
                    .await?;
            }
        }
        if Path::new("/sys/class/net").join(&self.link).exists() {
            ip(&["link", "delete", &self.link])
                .run("remove the practice cloud's link")
                .await?;
        }
        if self.handle.exists() {
            Program::new("umount", "mount")
                .arg(&self.handle)
                .succeeds()
                .await;
            std::fs::remove_file(&self.handle).at("remove", &self.handle)?;
        }
        if self.was_closed.exists() {
            std::fs::write(FORWARDING, b"0").at("write", FORWARDING)?;
            std::fs::remove_file(&self.was_closed).at("remove", &self.was_closed)?;
        }
        Ok(())
    }
}

/// The host's resolvers and the hosts of its package sources, where they are private.
async fn needed_neighbours(host: &Host) -> Vec<Ipv4Addr> {
    let mut needed = host.resolvers.clone();
    for name in &host.package_hosts {
        let Ok(found) = tokio::net::lookup_host((name.as_str(), 443)).await else {
            continue;
        };
        needed.extend(found.filter_map(|address| match address.ip() {
            IpAddr::V4(address) if address.is_private() => Some(address),
            _ => None,
        }));
    }
    needed.sort_unstable();
    needed.dedup();
    needed
}

/// One rule of the host's firewall that belongs to this lab.
struct Rule {
    table: &'static str,
    chain: &'static str,
    words: Vec<String>,
    comment: String,
}

impl Rule {
    fn program(&self, action: &str) -> Program {
        Program::new("iptables", "iptables")
            .args(["-w", "-t", self.table, action, self.chain])
            .args(["-m", "comment", "--comment", &self.comment])
            .args(&self.words)
    }
}

fn ip(words: &[&str]) -> Program {
    Program::new("ip", "iproute2").args(words)
}
