//! Sockets of a container, read from its network namespace through `/proc`.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// A TCP socket as the kernel lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket {
    /// Its own end.
    pub local: SocketAddr,
    /// Whether it waits for connections.
    pub listening: bool,
    /// Whether a connection is established on it, or being closed by the other side.
    pub connected: bool,
}

/// All TCP sockets in the network namespace of a process.
pub fn of_process(pid: i64) -> Vec<Socket> {
    ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok())
        .flat_map(|text| parse(&text))
        .collect()
}

/// Reads the kernel's table (`Documentation/networking/proc_net_tcp.rst`).
pub fn parse(text: &str) -> Vec<Socket> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = address(fields.next()?)?;
            let state = fields.nth(1)?;
            Some(Socket {
                local,
                listening: state == "0A",
                // 01 ESTABLISHED; 08 CLOSE_WAIT: the client closed its side and may still read.
                connected: matches!(state, "01" | "08"),
            })
        })
        .collect()
}

/// `0100007F:1F90`: each 32-bit word in the machine's byte order, the port as written.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |part: &str| u32::from_str_radix(part, 16).ok().map(u32::to_ne_bytes);
    let ip = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(host)?)),
        32 => {
            let mut bytes = [0u8; 16];
            for (index, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(host.get(index * 8..index * 8 + 8)?)?);
            }
            let ip = Ipv6Addr::from(bytes);
            ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// How many connections to its listening ports a container has.
pub fn served_connections(sockets: &[Socket]) -> usize {
    let ports: BTreeSet<u16> = sockets
        .iter()
        .filter(|socket| socket.listening)
        .map(|socket| socket.local.port())
        .collect();
    sockets
        .iter()
        .filter(|socket| socket.connected && ports.contains(&socket.local.port()))
        .count()
}

/// Says in a sentence where a container listens instead of where it should; `None` when it does
/// listen there for everybody.
pub fn listens_elsewhere(sockets: &[Socket], port: u16) -> Option<String> {
    // Docker's own resolver listens on 127.0.0.11 in every container.
    let own_resolver = |ip: IpAddr| ip == IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
    let listening: BTreeSet<SocketAddr> = sockets
        .iter()
        .filter(|socket| socket.listening && !own_resolver(socket.local.ip()))
        .map(|socket| socket.local)
        .collect();
    let here: Vec<&SocketAddr> = listening
        .iter()
        .filter(|local| local.port() == port)
        .collect();
    if here.iter().any(|local| !local.ip().is_loopback()) {
        return None;
    }
    if let Some(local) = here.first() {
        return Some(format!(
            "it listens on {local} only, which nothing outside the container can reach: it must \
             listen on 0.0.0.0:{port}"
        ));
    }
    if listening.is_empty() {
        return Some(format!("it listens on no port; expected is {port}"));
    }
    let list: Vec<String> = listening.iter().map(SocketAddr::to_string).collect();
    Some(format!(
        "it listens on {}, not on port {port}",
        list.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0B00007F:8D2B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   2: 0340E90A:0BB8 0140E90A:B1F4 01 00000000:00000000 00:00000000 00000000     0        0 1
   3: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   4: 0340E90A:C001 0140E90A:1538 01 00000000:00000000 00:00000000 00000000     0        0 1
";

    #[test]
    #[cfg(target_endian = "little")]
    fn only_connections_to_its_own_ports_are_served_ones() {
        let sockets = parse(TABLE);
        assert_eq!(sockets.len(), 5);
        assert_eq!(served_connections(&sockets), 1);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn who_listens_elsewhere_is_told_where() {
        let sockets = parse(TABLE);
        assert_eq!(listens_elsewhere(&sockets, 3000), None);
        assert!(
            listens_elsewhere(&sockets, 8080)
                .unwrap()
                .contains("0.0.0.0:8080")
        );
        let elsewhere = listens_elsewhere(&sockets, 80).unwrap();
        assert!(elsewhere.contains("0.0.0.0:3000") && !elsewhere.contains("127.0.0.11"));
        assert!(listens_elsewhere(&[], 80).unwrap().contains("no port"));
    }

    #[test]
    fn mapped_addresses_read_as_what_they_map() {
        let text = "head\n 0: 0000000000000000FFFF00000340E90A:1F90 0:0 0A\n";
        if cfg!(target_endian = "little") {
            assert_eq!(parse(text)[0].local, "10.233.64.3:8080".parse().unwrap());
        }
    }
}
