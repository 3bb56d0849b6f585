//! The addresses of one practice cloud: pure arithmetic on one /16.
//!
//! | Part | Addresses (of `10.B.0.0/16`) |
//! |---|---|
//! | link between host and an own engine | `10.B.0.0/30` |
//! | an own engine's default bridge | `10.B.16.0/20` |
//! | public network: engine's bridge `.32.1`, gateway `.32.2`, droplets from `.32.10` | `10.B.32.0/20` |
//! | reserved addresses, inside the public network | `10.B.47.0/24` |
//! | private addresses of droplets | `10.B.48.0/20` |
//! | further networks of an own engine | `10.B.64.0/18` |

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// Second octets that a lab may take, in the order in which they are tried. High ones, because
/// companies number their networks from below.
pub const BLOCKS: std::ops::RangeInclusive<u8> = 201..=250;

const FIRST_DROPLET: u16 = 10;
/// 32.0 to 46.255, less the first ten.
const DROPLETS: u16 = 15 * 256 - FIRST_DROPLET;

/// The /16 that one lab numbers its things from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    second_octet: u8,
}

impl Block {
    /// `10.<second_octet>.0.0/16`.
    pub const fn new(second_octet: u8) -> Self {
        Self { second_octet }
    }

    const fn address(self, third: u8, fourth: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.second_octet, third, fourth)
    }

    /// The whole block in CIDR notation.
    pub fn cidr(self) -> String {
        format!("{}/16", self.address(0, 0))
    }

    /// Whether `network/prefix` shares an address with this block.
    pub fn overlaps(self, network: Ipv4Addr, prefix: u8) -> bool {
        let shorter = u32::from(prefix.min(16));
        let mask = u32::MAX.checked_shl(32 - shorter).unwrap_or(0);
        u32::from(network) & mask == u32::from(self.address(0, 0)) & mask
    }

    /// The host's end of the link to an own engine, with its prefix length.
    pub fn link_host(self) -> (Ipv4Addr, u8) {
        (self.address(0, 1), 30)
    }

    /// The own engine's end of the link.
    pub fn link_engine(self) -> (Ipv4Addr, u8) {
        (self.address(0, 2), 30)
    }

    /// Address and prefix of an own engine's default bridge.
    pub fn default_bridge(self) -> String {
        format!("{}/20", self.address(16, 1))
    }

    /// Pool of an own engine for further networks: a block and the prefix length of each network.
    pub fn pool(self) -> (String, u8) {
        (format!("{}/18", self.address(64, 0)), 24)
    }

    /// The droplets' public network in CIDR notation.
    pub fn public(self) -> String {
        format!("{}/20", self.address(32, 0))
    }

    /// Netmask of the public and of the private network.
    pub const fn netmask(self) -> Ipv4Addr {
        Ipv4Addr::new(255, 255, 240, 0)
    }

    /// The engine's address on the public network: the droplets' default route.
    pub const fn bridge(self) -> Ipv4Addr {
        self.address(32, 1)
    }

    /// The lab's gateway on the public network: metadata, resolver, edge, registry mirror.
    pub const fn gateway(self) -> Ipv4Addr {
        self.address(32, 2)
    }

    /// The private address that goes with a public one.
    pub fn private_of(self, public: Ipv4Addr) -> Ipv4Addr {
        let [_, _, third, fourth] = public.octets();
        self.address(48 + (third & 0x0f), fourth)
    }

    fn droplet(self, index: u16) -> Ipv4Addr {
        let [third, fourth] = (index % DROPLETS + FIRST_DROPLET).to_be_bytes();
        self.address(32 + third, fourth)
    }
}

/// Hands out addresses of a block; a freed address rests until all others were used once, so that
/// a client's memory of the old droplet does not meet the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    next_droplet: u16,
    next_reserved: u8,
    used: BTreeSet<Ipv4Addr>,
}

impl Default for Allocation {
    fn default() -> Self {
        Self {
            next_droplet: 0,
            next_reserved: 1,
            used: BTreeSet::new(),
        }
    }
}

impl Allocation {
    /// A free droplet address, or `None` when all are taken.
    pub fn take_droplet(&mut self, block: Block) -> Option<Ipv4Addr> {
        for _ in 0..DROPLETS {
            let address = block.droplet(self.next_droplet);
            self.next_droplet = (self.next_droplet + 1) % DROPLETS;
            if self.used.insert(address) {
                return Some(address);
            }
        }
        None
    }

    /// A free address to reserve, or `None` when all are taken.
    pub fn take_reserved(&mut self, block: Block) -> Option<Ipv4Addr> {
        for _ in 1..u8::MAX {
            let address = block.address(47, self.next_reserved);
            self.next_reserved = if self.next_reserved == 254 {
                1
            } else {
                self.next_reserved + 1
            };
            if self.used.insert(address) {
                return Some(address);
            }
        }
        None
    }

    /// Gives an address back; giving back a free one changes nothing.
    pub fn free(&mut self, address: Ipv4Addr) {
        self.used.remove(&address);
    }
}

/// The hardware address that the engine and the metadata agree on for an IPv4 address: a locally
/// administered prefix and the address's bytes, as Docker itself made them for many years.
pub fn mac_of(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: Block = Block::new(231);

    #[test]
    fn parts_of_a_block_lie_in_it() {
        assert_eq!(BLOCK.cidr(), "10.231.0.0/16");
        assert_eq!(BLOCK.public(), "10.231.32.0/20");
        assert_eq!(BLOCK.bridge(), Ipv4Addr::new(10, 231, 32, 1));
        assert_eq!(BLOCK.default_bridge(), "10.231.16.1/20");
        assert_eq!(
            BLOCK.private_of(Ipv4Addr::new(10, 231, 33, 4)),
            Ipv4Addr::new(10, 231, 49, 4)
        );
    }

    #[test]
    fn a_wider_or_narrower_route_overlaps() {
        assert!(BLOCK.overlaps(Ipv4Addr::new(10, 0, 0, 0), 8));
        assert!(BLOCK.overlaps(Ipv4Addr::new(10, 231, 7, 0), 24));
        assert!(BLOCK.overlaps(Ipv4Addr::UNSPECIFIED, 0));
        assert!(!BLOCK.overlaps(Ipv4Addr::new(10, 230, 0, 0), 16));
        assert!(!BLOCK.overlaps(Ipv4Addr::new(192, 168, 0, 0), 16));
    }

    #[test]
    fn a_freed_address_rests_before_it_is_used_again() {
        let mut allocation = Allocation::default();
        let first = allocation
            .take_droplet(BLOCK)
            .expect("a fresh block has room");
        allocation.free(first);
        assert_ne!(allocation.take_droplet(BLOCK), Some(first));
    }

    #[test]
    fn a_full_block_says_so() {
        let mut allocation = Allocation::default();
        let mut taken = 0;
        while allocation.take_droplet(BLOCK).is_some() {
            taken += 1;
        }
        assert_eq!(taken, DROPLETS);
        while allocation.take_reserved(BLOCK).is_some() {
            taken += 1;
        }
        assert_eq!(taken, DROPLETS + 254);
    }

    #[test]
    fn a_hardware_address_follows_its_address() {
        assert_eq!(mac_of(Ipv4Addr::new(10, 231, 32, 20)), "02:42:0a:e7:20:14");
    }

    proptest! {
        #[test]
        fn no_address_is_handed_out_twice(frees in proptest::collection::vec(any::<bool>(), 1..400)) {
            let mut allocation = Allocation::default();
            let mut held = BTreeSet::new();
            for free_it in frees {
                let address = allocation.take_droplet(BLOCK).expect("never full here");
                prop_assert!(held.insert(address), "{address} was handed out twice");
                prop_assert!(!address.octets().ends_with(&[32, 1]));
                if free_it {
                    held.remove(&address);
                    allocation.free(address);
                }
            }
        }
    }
}
