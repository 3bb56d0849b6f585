//! What DigitalOcean offers: regions, sizes with their prices, stock images.

use axum::Extension;
use axum::extract::Query;
use serde_json::{Value, json};

use super::answer::{Answer, Page};
use super::guard::Caller;

/// A data centre.
pub(super) struct Region {
    pub(super) slug: &'static str,
    name: &'static str,
    pub(super) available: bool,
}

/// A droplet size. Prices follow from the monthly one: a month is billed as 672 hours.
pub(super) struct Size {
    pub(super) slug: &'static str,
    /// MiB.
    pub(super) memory: u64,
    pub(super) vcpus: u32,
    /// GiB.
    pub(super) disk: u64,
    /// TiB a month.
    transfer: f64,
    /// Whole US dollars.
    price_monthly: u32,
    description: &'static str,
    /// Whether only the newer regions have it.
    newer: bool,
}

/// An image that DigitalOcean provides.
pub(super) struct Stock {
    id: u64,
    pub(super) slug: &'static str,
    name: &'static str,
    distribution: &'static str,
    /// GiB.
    pub(super) min_disk: u64,
    size_gigabytes: f64,
}

const fn region(slug: &'static str, name: &'static str, available: bool) -> Region {
    Region {
        slug,
        name,
        available,
    }
}

pub(super) const REGIONS: &[Region] = &[
    region("nyc1", "New York 1", true),
    region("sfo1", "San Francisco 1", false),
    region("nyc2", "New York 2", true),
    region("ams2", "Amsterdam 2", false),
    region("sgp1", "Singapore 1", true),
    region("lon1", "London 1", true),
    region("nyc3", "New York 3", true),
    region("ams3", "Amsterdam 3", true),
    region("fra1", "Frankfurt 1", true),
    region("tor1", "Toronto 1", true),
    region("sfo2", "San Francisco 2", true),
    region("blr1", "Bangalore 1", true),
    region("sfo3", "San Francisco 3", true),
    region("syd1", "Sydney 1", true),
];

const fn size(
    slug: &'static str,
    shape: (u64, u32, u64),
    transfer: f64,
    price_monthly: u32,
    description: &'static str,
    newer: bool,
) -> Size {
    let (memory, vcpus, disk) = shape;
    Size {
        slug,
        memory,
        vcpus,
        disk,
        transfer,
        price_monthly,
        description,
        newer,
    }
}

pub(super) const SIZES: &[Size] = &[
    size("s-1vcpu-512mb-10gb", (512, 1, 10), 0.5, 4, "Basic", true),
    size("s-1vcpu-1gb", (1_024, 1, 25), 1.0, 6, "Basic", false),
    size("s-1vcpu-1gb-amd", (1_024, 1, 25), 1.0, 7, "Basic AMD", true),
    size(
        "s-1vcpu-1gb-intel",
        (1_024, 1, 25),
        1.0,
        7,
        "Basic Intel",
        true,
    ),
    size("s-1vcpu-2gb", (2_048, 1, 50), 2.0, 12, "Basic", false),
    size(
        "s-1vcpu-2gb-amd",
        (2_048, 1, 50),
        2.0,
        14,
        "Basic AMD",
        true,
    ),
    size(
        "s-1vcpu-2gb-intel",
        (2_048, 1, 50),
        2.0,
        14,
        "Basic Intel",
        true,
    ),
    size("s-2vcpu-2gb", (2_048, 2, 60), 3.0, 18, "Basic", false),
    size(
        "s-2vcpu-2gb-amd",
        (2_048, 2, 60),
        3.0,
        21,
        "Basic AMD",
        true,
    ),
    size("s-2vcpu-4gb", (4_096, 2, 80), 4.0, 24, "Basic", false),
    size(
        "s-2vcpu-4gb-amd",
        (4_096, 2, 80),
        4.0,
        28,
        "Basic AMD",
        true,
    ),
    size("c-2", (4_096, 2, 25), 4.0, 42, "CPU-Optimized", true),
    size("s-4vcpu-8gb", (8_192, 4, 160), 5.0, 48, "Basic", false),
    size(
        "g-2vcpu-8gb",
        (8_192, 2, 25),
        4.0,
        63,
        "General Purpose",
        true,
    ),
    size("c-4", (8_192, 4, 50), 5.0, 84, "CPU-Optimized", true),
    size(
        "m-2vcpu-16gb",
        (16_384, 2, 50),
        4.0,
        84,
        "Memory-Optimized",
        true,
    ),
    size("s-8vcpu-16gb", (16_384, 8, 320), 6.0, 96, "Basic", false),
];

pub(super) const STOCK: &[Stock] = &[Stock {
    id: 133_637_131,
    slug: "debian-12-x64",
    name: "12 x64",
    distribution: "Debian",
    min_disk: 7,
    size_gigabytes: 0.69,
}];

/// Where a droplet goes when its creation names no region.
pub(super) const DEFAULT_REGION: &str = "nyc3";

impl Region {
    pub(super) fn find(slug: &str) -> Option<&'static Self> {
        REGIONS.iter().find(|region| region.slug == slug)
    }

    pub(super) fn view(&self) -> Value {
        let sizes: Vec<&str> = SIZES
            .iter()
            .filter(|size| size.offered_in(self))
            .map(|size| size.slug)
            .collect();
        json!({
            "name": self.name,
            "slug": self.slug,
            "features": ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"],
            "available": self.available,
            "sizes": sizes,
        })
    }
}

impl Size {
    pub(super) fn find(slug: &str) -> Option<&'static Self> {
        SIZES.iter().find(|size| size.slug == slug)
    }

    pub(super) fn offered_in(&self, region: &Region) -> bool {
        // nyc2 is the one old data centre that still takes droplets, of the old sizes only.
        region.available && !(self.newer && region.slug == "nyc2")
    }

    fn price_hourly(&self) -> f64 {
        (f64::from(self.price_monthly) / 672.0 * 100_000.0).round() / 100_000.0
    }

    pub(super) fn view(&self) -> Value {
        let regions: Vec<&str> = REGIONS
            .iter()
            .filter(|region| self.offered_in(region))
            .map(|region| region.slug)
            .collect();
        json!({
            "slug": self.slug,
            "memory": self.memory,
            "vcpus": self.vcpus,
            "disk": self.disk,
            "transfer": self.transfer,
            "price_monthly": f64::from(self.price_monthly),
            "price_hourly": self.price_hourly(),
            "regions": regions,
            "available": true,
            "description": self.description,
            "disk_info": [
                {"type": "local", "size": {"amount": self.disk, "unit": "gib"}},
            ],
        })
    }
}

impl Stock {
    pub(super) fn find(slug: &str) -> Option<&'static Self> {
        STOCK.iter().find(|stock| stock.slug == slug)
    }

    pub(super) fn by_id(id: u64) -> Option<&'static Self> {
        STOCK.iter().find(|stock| stock.id == id)
    }

    pub(super) fn view(&self) -> Value {
        let regions: Vec<&str> = REGIONS
            .iter()
            .filter(|region| region.available)
            .map(|region| region.slug)
            .collect();
        json!({
            "id": self.id,
            "name": self.name,
            "distribution": self.distribution,
            "slug": self.slug,
            "public": true,
            "regions": regions,
            "created_at": "2026-08-11T15:02:44Z",
            "type": "base",
            "min_disk_size": self.min_disk,
            "size_gigabytes": self.size_gigabytes,
            "description": "Debian 12 x64",
            "tags": [],
            "status": "available",
        })
    }
}

pub(super) async fn list_regions(
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["regions:read"])?;
    let regions = REGIONS.iter().map(Region::view).collect();
    Ok(page.answer(&caller, "/v2/regions", &[], "regions", regions))
}

pub(super) async fn list_sizes(
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
) -> Answer {
    caller.may(&["sizes:read", "regions:read"])?;
    let sizes = SIZES.iter().map(Size::view).collect();
    Ok(page.answer(&caller, "/v2/sizes", &[], "sizes", sizes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hourly_prices_are_the_public_ones() {
        let hourly = |slug| Size::find(slug).unwrap().price_hourly();
        assert_eq!(hourly("s-1vcpu-512mb-10gb"), 0.00595);
        assert_eq!(hourly("s-1vcpu-1gb"), 0.00893);
        assert_eq!(hourly("s-2vcpu-4gb"), 0.03571);
        assert_eq!(hourly("s-4vcpu-8gb"), 0.07143);
        assert_eq!(hourly("g-2vcpu-8gb"), 0.09375);
    }

    #[test]
    fn the_default_region_takes_every_size() {
        let region = Region::find(DEFAULT_REGION).unwrap();
        assert!(SIZES.iter().all(|size| size.offered_in(region)));
    }
}
