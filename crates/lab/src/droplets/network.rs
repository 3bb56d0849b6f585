//! What happens to a droplet's packets before its own rules see them: the cloud firewall, its
//! reserved addresses, and the faults of its network.
//!
//! The rules stand in tables of their own in the droplet's network namespace, in front of
//! everything that the droplet itself sets up. That works alike on every engine and touches
//! nothing on the host; a droplet whose owner empties all tables (`nft flush ruleset`) loses its
//! cloud firewall until the next change or reboot, which a real one would not.

use std::fmt::Write;
use std::net::Ipv4Addr;

use bollard::Docker;

use super::book::Droplet;
use super::exec;
use crate::error::LabError;
use crate::ground::InboundRule;

const FIREWALL: &str = "practice_firewall";
const CUT: &str = "practice_cut";
const SLOWED: &str = "practice_slow";
/// Delays packets where the kernel cannot.
const SLOW: &str = include_str!("../../assets/droplet/slow.py");
/// The mark of packets that waited, as the program sets it.
const SLOW_MARK: u32 = 77;
const DELAY: &str = "slow the droplet's network";
const UNDELAY: &str = "end the delay of the droplet's network";

/// Brings a running droplet's network in line with what the book says of it.
pub(super) async fn apply(
    docker: &Docker,
    container: &str,
    droplet: &Droplet,
    reserved: &[Ipv4Addr],
) -> Result<(), LabError> {
    let rules = ruleset(droplet)?;
    exec::must(
        docker,
        container,
        &["nft", &rules],
        "set the droplet's cloud firewall",
    )
    .await?;
    delay(docker, container, droplet).await?;
    for address in reserved {
        add_address(docker, container, *address).await?;
    }
    Ok(())
}

/// All tables, whole, as nft takes them in one transaction. Declaring a table before deleting it
/// makes deleting safe when it is not there.
fn ruleset(droplet: &Droplet) -> Result<String, LabError> {
    let mut text = String::new();
    for table in [FIREWALL, CUT, SLOWED] {
        let _ = writeln!(text, "table inet {table} {{}}\ndelete table inet {table}");
    }
    if let Some(inbound) = &droplet.inbound {
        let _ = writeln!(text, "table inet {FIREWALL} {{\nchain inbound {{");
        // In front of the droplet's own rules and behind connection tracking, which knows the
        // answers to what the droplet asked.
        text.push_str("type filter hook prerouting priority -155; policy accept;\n");
        text.push_str("iifname != \"eth0\" accept\nct state established,related accept\n");
        for rule in inbound {
            text.push_str(&line(rule)?);
        }
        text.push_str("drop\n}\n}\n");
    }
    if droplet.cut {
        let _ = writeln!(text, "table inet {CUT} {{");
        for (chain, hook, direction) in [
            ("inbound", "prerouting", "iifname"),
            ("outbound", "postrouting", "oifname"),
        ] {
            let _ = writeln!(
                text,
                "chain {chain} {{\ntype filter hook {hook} priority -400; policy accept;\n\
                 {direction} \"eth0\" drop\n}}"
            );
        }
        text.push_str("}\n");
    }
    if droplet.delay_ms > 0 {
        // A delayed packet passes twice; the second time its connection is known by other addresses
        // when it was masqueraded, and must not be followed again.
        let _ = writeln!(
            text,
            "table inet {SLOWED} {{\nchain outbound {{\n\
             type filter hook output priority -300; policy accept;\n\
             meta mark {SLOW_MARK} notrack\n}}\n}}"
        );
    }
    Ok(text)
}

/// One rule of a cloud firewall in nft's language. Every part is parsed first: the text goes to a
/// program that understands much more than addresses and ports.
fn line(rule: &InboundRule) -> Result<String, LabError> {
    let invalid = |cause: String| LabError::Network {
        doing: "set the droplet's cloud firewall".into(),
        cause,
    };
    let what = match (rule.protocol.as_str(), rule.first_port, rule.last_port) {
        ("icmp", _, _) => "meta l4proto icmp".to_owned(),
        // DigitalOcean writes "all ports" as 0.
        (protocol @ ("tcp" | "udp"), 0, _) => format!("meta l4proto {protocol}"),
        (protocol @ ("tcp" | "udp"), first, last) if first <= last => {
            format!("{protocol} dport {first}-{last}")
        }
        (protocol, first, last) => {
            return Err(invalid(format!("no such rule: {protocol} {first}-{last}")));
        }
    };
    let mut lines = String::new();
    for source in &rule.sources {
        let network: ipnet::IpNet = match source.parse::<std::net::IpAddr>() {
            Ok(address) => address.into(),
            Err(_) => source
                .parse()
                .map_err(|_| invalid(format!("no such network: {source}")))?,
        };
        let family = match network {
            ipnet::IpNet::V4(_) => "ip",
            ipnet::IpNet::V6(_) => "ip6",
        };
        let from = match network.prefix_len() {
            0 => format!(
                "meta nfproto {}",
                if family == "ip" { "ipv4" } else { "ipv6" }
            ),
            _ => format!("{family} saddr {}", network.trunc()),
        };
        let _ = writeln!(lines, "{from} {what} accept");
    }
    Ok(lines)
}

/// Delays what leaves the droplet: by the kernel where it has netem, else by a program.
async fn delay(docker: &Docker, container: &str, droplet: &Droplet) -> Result<(), LabError> {
    // There may be none to remove.
    exec::run(
        docker,
        container,
        &["tc", "qdisc", "del", "dev", "eth0", "root"],
    )
    .await?;
    let address = droplet.public.to_string();
    exec::must(
        docker,
        container,
        &["python3", "-c", SLOW, "0", &address],
        UNDELAY,
    )
    .await?;
    if droplet.delay_ms == 0 {
        return Ok(());
    }
    let delay = format!("{}ms", droplet.delay_ms);
    let netem = [
        "tc", "qdisc", "replace", "dev", "eth0", "root", "netem", "delay", &delay,
    ];
    if exec::run(docker, container, &netem).await?.code == 0 {
        return Ok(());
    }
    let delay = droplet.delay_ms.to_string();
    exec::must(
        docker,
        container,
        &["python3", "-c", SLOW, &delay, &address],
        DELAY,
    )
    .await?;
    Ok(())
}

/// Gives a running droplet one more address, and tells its neighbours where that address is now.
pub(super) async fn add_address(
    docker: &Docker,
    container: &str,
    address: Ipv4Addr,
) -> Result<(), LabError> {
    let doing = "give the droplet a reserved address";
    let (single, address) = (format!("{address}/32"), address.to_string());
    let command = ["ip", "address", "replace", &single, "dev", "eth0"];
    exec::must(docker, container, &command, doing).await?;
    // Neighbours that talked to the address's former owner would go on talking to it.
    let announce = ["arping", "-U", "-c", "1", "-w", "1", "-I", "eth0", &address];
    exec::run(docker, container, &announce).await?;
    Ok(())
}

/// Takes an address from a running droplet; one that it does not have is no error.
pub(super) async fn remove_address(
    docker: &Docker,
    container: &str,
    address: Ipv4Addr,
) -> Result<(), LabError> {
    let single = format!("{address}/32");
    exec::run(
        docker,
        container,
        &["ip", "address", "delete", &single, "dev", "eth0"],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: &str, first: u16, last: u16, source: &str) -> InboundRule {
        InboundRule {
            protocol: protocol.into(),
            first_port: first,
            last_port: last,
            sources: vec![source.into()],
        }
    }

    #[test]
    fn rules_are_written_in_nfts_language() {
        for (rule, wanted) in [
            (
                rule("tcp", 22, 22, "0.0.0.0/0"),
                "meta nfproto ipv4 tcp dport 22-22 accept\n",
            ),
            (
                rule("tcp", 22, 22, "::/0"),
                "meta nfproto ipv6 tcp dport 22-22 accept\n",
            ),
            (
                rule("udp", 0, 0, "10.1.2.3/8"),
                "ip saddr 10.0.0.0/8 meta l4proto udp accept\n",
            ),
            (
                rule("icmp", 0, 0, "192.0.2.7"),
                "ip saddr 192.0.2.7/32 meta l4proto icmp accept\n",
            ),
        ] {
            assert_eq!(line(&rule).expect("a good rule"), wanted);
        }
    }

    #[test]
    fn a_rule_cannot_smuggle_commands_to_nft() {
        for rule in [
            rule("tcp; flush ruleset", 1, 2, "0.0.0.0/0"),
            rule("tcp", 1, 2, "0.0.0.0/0 accept; flush ruleset"),
            rule("tcp", 9, 2, "0.0.0.0/0"),
        ] {
            line(&rule).expect_err("not a rule");
        }
    }
}
