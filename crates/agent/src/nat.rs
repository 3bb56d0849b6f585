//! Who answers at a service's virtual address.
//!
//! nginx and neighbouring containers always speak to the same address of 198.18.0.0/15; one rule
//! sends new connections to the container that serves. Connections that exist stay with the
//! container they began with, because the kernel translates a connection by its first packet. So
//! a switch is one atomic change of rules, and no request notices it.

use crate::{
    error::{AgentError, Result},
    program,
};
use std::{collections::BTreeMap, fmt::Write, net::Ipv4Addr};
use tokio::sync::Mutex;

/// The bridge that owns the virtual addresses' route. It has no ports; packets are translated
/// before they would leave through it.
const BRIDGE: &str = "plimsoll0";
/// The virtual network.
const NETWORK: &str = "198.18.0.0/15";
/// The server's own address in it.
const OWN: &str = "198.18.0.1/15";

/// Where a service's connections go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The container's address.
    pub container: Ipv4Addr,
    /// The port on which it serves.
    pub port: u16,
}

/// Routes by virtual address.
pub type Routes = BTreeMap<Ipv4Addr, Route>;

/// The rules of these routes, as `iptables-restore --noflush` takes them: each chain is replaced
/// whole, in one transaction of the kernel.
pub fn rules(routes: &Routes, edge: &[EdgePort]) -> String {
    let mut text = String::from("*nat\n:PLIMSOLL - [0:0]\n:PLIMSOLL-POST - [0:0]\n");
    text.push_str(":PLIMSOLL-EDGE - [0:0]\n");
    for (address, Route { container, port }) in routes {
        // Port 80 is what nginx asks for. Neighbours use the service's own port, any of them.
        let _ = writeln!(
            text,
            "-A PLIMSOLL -d {address}/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination {container}:{port}"
        );
        let _ = writeln!(
            text,
            "-A PLIMSOLL -d {address}/32 -j DNAT --to-destination {container}"
        );
    }
    // A container answers its neighbour directly, past the translation, unless the connection
    // seems to come from the server.
    let _ = writeln!(
        text,
        "-A PLIMSOLL-POST -m conntrack --ctorigdst {NETWORK} -j MASQUERADE"
    );
    for EdgePort { from, to } in edge {
        let _ = writeln!(
            text,
            "-A PLIMSOLL-EDGE -p tcp -m tcp --dport {from} -j REDIRECT --to-ports {to}"
        );
    }
    text.push_str("COMMIT\n*filter\n:PLIMSOLL - [0:0]\n:PLIMSOLL-IN - [0:0]\n");
    // What no rule translated has nobody to answer it: say so at once.
    text.push_str("-A PLIMSOLL -d 198.18.0.1/32 -j RETURN\n");
    text.push_str("-A PLIMSOLL -p tcp -j REJECT --reject-with tcp-reset\n");
    text.push_str("-A PLIMSOLL -j REJECT\n");
    // A packet that the kernel cannot place, such as a late repetition, is not translated either:
    // it seems to be for the server itself, which would end the connection that it belongs to
    // (libnetwork's issue 1090; Kubernetes' 74839).
    text.push_str("-A PLIMSOLL-IN -p tcp -m conntrack --ctstate INVALID -j DROP\n");
    for EdgePort { to, .. } in edge {
        let _ = writeln!(
            text,
            "-A PLIMSOLL-IN -p tcp -m tcp --dport {to} -m conntrack --ctstate DNAT -j ACCEPT"
        );
    }
    text.push_str("COMMIT\n");
    text
}

/// A public port whose new connections go to another local port: a newer nginx beside the one
/// that still finishes its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgePort {
    /// The public port.
    pub from: u16,
    /// The local one.
    pub to: u16,
}

/// The rules that lead into our chains: table, chain, match and jump.
const JUMPS: [(&str, &str, &[&str]); 8] = [
    ("nat", "OUTPUT", &["-d", NETWORK, "-j", "PLIMSOLL"]),
    ("nat", "PREROUTING", &["-d", NETWORK, "-j", "PLIMSOLL"]),
    ("nat", "POSTROUTING", &["-j", "PLIMSOLL-POST"]),
    (
        "nat",
        "PREROUTING",
        &[
            "-m",
            "addrtype",
            "--dst-type",
            "LOCAL",
            "-j",
            "PLIMSOLL-EDGE",
        ],
    ),
    (
        "nat",
        "OUTPUT",
        &[
            "-m",
            "addrtype",
            "--dst-type",
            "LOCAL",
            "-j",
            "PLIMSOLL-EDGE",
        ],
    ),
    ("filter", "OUTPUT", &["-d", NETWORK, "-j", "PLIMSOLL"]),
    ("filter", "FORWARD", &["-d", NETWORK, "-j", "PLIMSOLL"]),
    ("filter", "INPUT", &["-j", "PLIMSOLL-IN"]),
];

/// Capacity for many short connections: nginx opens one for each request, so that none is sent
/// on a connection that is just being closed.
const CAPACITY: [(&str, &str); 3] = [
    ("/proc/sys/net/ipv4/ip_local_port_range", "10240 60999"),
    ("/proc/sys/net/ipv4/tcp_tw_reuse", "1"),
    (
        "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait",
        "15",
    ),
];

/// The server's routes. One change at a time.
#[derive(Debug, Default)]
pub struct Nat {
    applied: Mutex<(Routes, Vec<EdgePort>)>,
}

impl Nat {
    /// Makes the bridge, the chains and the jumps that are missing, and applies all routes.
    pub async fn establish(&self, routes: Routes) -> Result<()> {
        let mut applied = self.applied.lock().await;
        let bridge = program::run("look at its bridge", &["ip", "addr", "show", BRIDGE], None);
        if !bridge
            .await
            .is_ok_and(|facts| facts.contains("198.18.0.1/15"))
        {
            let doing = "make the bridge of the virtual addresses";
            // It may be there without its address after a half-done start.
            let _ = program::run(
                doing,
                &["ip", "link", "add", BRIDGE, "type", "bridge"],
                None,
            )
            .await;
            program::run(doing, &["ip", "addr", "replace", OWN, "dev", BRIDGE], None).await?;
        }
        program::run(
            "raise the bridge of the virtual addresses",
            &["ip", "link", "set", BRIDGE, "up"],
            None,
        )
        .await?;
        let edge = applied.1.clone();
        restore(&rules(&routes, &edge)).await?;
        applied.0 = routes;
        for (table, chain, rule) in JUMPS {
            lead("iptables", table, chain, rule).await?;
        }
        for (path, value) in CAPACITY {
            // Not every kernel has each of them, and none is needed for being right.
            if let Err(error) = std::fs::write(path, value) {
                tracing::debug!(path, %error, "kernel setting left as it is");
            }
        }
        Ok(())
    }

    /// Changes one route (`None` removes it) and applies all in one transaction.
    pub async fn change(&self, address: Ipv4Addr, route: Option<Route>) -> Result<()> {
        self.change_while(address, route, || true).await
    }

    /// The same, unless what the route was chosen by holds no more when its turn comes: changes
    /// wait for each other, and a newer one may have been made meanwhile.
    pub async fn change_while(
        &self,
        address: Ipv4Addr,
        route: Option<Route>,
        holds: impl Fn() -> bool,
    ) -> Result<()> {
        let mut applied = self.applied.lock().await;
        if !holds() {
            return Ok(());
        }
        let mut routes = applied.0.clone();
        match route {
            Some(route) => routes.insert(address, route),
            None => routes.remove(&address),
        };
        if routes == applied.0 {
            return Ok(());
        }
        restore(&rules(&routes, &applied.1)).await?;
        applied.0 = routes;
        Ok(())
    }

    /// Sends new connections of public ports elsewhere.
    pub async fn edge(&self, edge: Vec<EdgePort>) -> Result<()> {
        let mut applied = self.applied.lock().await;
        restore(&rules(&applied.0, &edge)).await?;
        if let Err(error) = edge_v6(&edge).await {
            // Most servers have none. Where one has, its new connections keep the former sites
            // until the server's own nginx takes over again.
            tracing::debug!(%error, "no rules for IPv6");
        }
        applied.1 = edge;
        Ok(())
    }

    /// Where new connections of public ports go since before this agent started; takes effect
    /// with the next change.
    pub async fn adopt_edge(&self, edge: Vec<EdgePort>) {
        self.applied.lock().await.1 = edge;
    }

    /// Whether the kernel's rules are still the ones we set: a firewall's reload may drop them.
    pub async fn intact(&self) -> bool {
        let applied = self.applied.lock().await;
        let argv = ["iptables", "-w", "10", "-t", "nat", "-S"];
        let Ok(found) = program::run("read its rules", &argv, None).await else {
            return true;
        };
        let wanted = rules(&applied.0, &applied.1);
        let nat = wanted.split("*filter").next().unwrap_or_default();
        nat.lines()
            .filter(|line| line.starts_with("-A "))
            .all(|line| found.lines().any(|have| have == line))
            && ["PREROUTING", "OUTPUT"]
                .iter()
                .all(|chain| found.contains(&format!("-A {chain} -d {NETWORK} -j PLIMSOLL")))
    }
}

/// The same for IPv6, which only the edge needs: containers are reached over IPv4.
async fn edge_v6(edge: &[EdgePort]) -> Result<()> {
    let mut text = String::from("*nat\n:PLIMSOLL-EDGE - [0:0]\n");
    for EdgePort { from, to } in edge {
        let _ = writeln!(
            text,
            "-A PLIMSOLL-EDGE -p tcp -m tcp --dport {from} -j REDIRECT --to-ports {to}"
        );
    }
    text.push_str("COMMIT\n*filter\n:PLIMSOLL-IN - [0:0]\n");
    for EdgePort { to, .. } in edge {
        let _ = writeln!(
            text,
            "-A PLIMSOLL-IN -p tcp -m tcp --dport {to} -m conntrack --ctstate DNAT -j ACCEPT"
        );
    }
    text.push_str("COMMIT\n");
    let argv = ["ip6tables-restore", "-w", "10", "--noflush"];
    program::run("change the routes", &argv, Some(text.as_bytes())).await?;
    let own = |rule: &[&str]| rule.contains(&"PLIMSOLL-EDGE") || rule.contains(&"PLIMSOLL-IN");
    for (table, chain, rule) in JUMPS.iter().filter(|(_, _, rule)| own(rule)) {
        lead("ip6tables", table, chain, rule).await?;
    }
    Ok(())
}

/// Leads a chain of the kernel's into one of ours, unless it does.
async fn lead(program: &str, table: &str, chain: &str, rule: &[&str]) -> Result<()> {
    let with = |action: &'static str| {
        let mut argv = vec![program, "-w", "10", "-t", table, action, chain];
        argv.extend(rule);
        argv
    };
    if program::run("look for its rules", &with("-C"), None)
        .await
        .is_err()
    {
        program::run("lead into its rules", &with("-I"), None).await?;
    }
    Ok(())
}

async fn restore(rules: &str) -> Result<()> {
    let argv = ["iptables-restore", "-w", "10", "--noflush"];
    let done = program::run("change the routes", &argv, Some(rules.as_bytes())).await;
    done.map(drop).map_err(|error| match error {
        AgentError::Program { output, why, .. } => AgentError::refused(
            "nat_failed",
            format!("the kernel did not take the routes: {why}"),
            "Look whether `iptables` works on the server; a changed kernel may need a reboot.",
        )
        .with_evidence(output),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_route_is_two_rules_and_every_chain_is_replaced_whole() {
        let routes = Routes::from([(
            Ipv4Addr::new(198, 18, 0, 2),
            Route {
                container: Ipv4Addr::new(172, 18, 0, 3),
                port: 8080,
            },
        )]);
        let text = rules(
            &routes,
            &[EdgePort {
                from: 443,
                to: 30443,
            }],
        );
        for line in [
            ":PLIMSOLL - [0:0]",
            "-A PLIMSOLL -d 198.18.0.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:8080",
            "-A PLIMSOLL -d 198.18.0.2/32 -j DNAT --to-destination 172.18.0.3",
            "-A PLIMSOLL-EDGE -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 30443",
        ] {
            assert!(
                text.lines().any(|have| have == line),
                "{line} is missing in:\n{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn each_address_leads_to_exactly_one_container(
            routes in prop::collection::btree_map(any::<u16>(), (any::<u32>(), 1u16..), 0..20)
        ) {
            let routes: Routes = routes.into_iter().map(|(n, (container, port))| (
                Ipv4Addr::from(u32::from_be_bytes([198, 18, 0, 0]) | u32::from(n)),
                Route { container: Ipv4Addr::from(container), port },
            )).collect();
            let text = rules(&routes, &[]);
            for (address, route) in &routes {
                let lines: Vec<&str> = text.lines()
                    .filter(|line| line.contains(&format!("-d {address}/32 "))
                        && line.contains("--dport 80 "))
                    .collect();
                prop_assert_eq!(lines.len(), 1);
                let end = format!("--to-destination {}:{}", route.container, route.port);
                prop_assert!(lines[0].ends_with(&end));
            }
            prop_assert_eq!(text.matches("COMMIT").count(), 2);
        }
    }
}
