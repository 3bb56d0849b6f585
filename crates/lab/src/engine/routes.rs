//! Which addresses the host already routes somewhere.

use std::net::Ipv4Addr;

use crate::network::{BLOCKS, Block};

/// The first block that no route of the host but its default route overlaps; on a system without
/// Linux's table of routes, the first block.
pub(super) fn free_block() -> Option<Block> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let routes = routes(&table);
    BLOCKS.map(Block::new).find(|block| {
        routes
            .iter()
            .all(|&(network, prefix)| !block.overlaps(network, prefix))
    })
}

/// Networks and prefix lengths of `/proc/net/route`, without default routes.
fn routes(table: &str) -> Vec<(Ipv4Addr, u8)> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let network = u32::from_str_radix(columns.get(1)?, 16).ok()?;
            let mask = u32::from_str_radix(columns.get(7)?, 16).ok()?;
            let prefix = u8::try_from(mask.count_ones()).ok()?;
            // The kernel prints the four bytes in the machine's order.
            Some((Ipv4Addr::from(network.to_ne_bytes()), prefix))
        })
        .filter(|&(_, prefix)| prefix > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn networks_are_read_and_default_routes_are_not() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
                     eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\n\
                     eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n\
                     tun0\t0000C90A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n";
        assert_eq!(
            routes(table),
            [
                (Ipv4Addr::new(192, 0, 2, 0), 24),
                (Ipv4Addr::new(10, 201, 0, 0), 16)
            ]
        );
    }
}
