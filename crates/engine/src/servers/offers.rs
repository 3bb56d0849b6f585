//! What an account can rent, ready to be chosen from, and the wish that comes back.

use super::provision::STOCK_IMAGE;
use crate::{BaseSnapshotRequest, Engine, ImageChoice, ProvisionRequest, Result, ports::Size};
use plimsoll_domain::{
    ProviderAccountId,
    form::{
        Choice,
        server::{Offered, Wish, WishedImage, image_value},
    },
};

/// Images of the provider besides the stock one that our recipe is made for.
const OTHER_STOCK: [(&str, &str); 1] = [("ubuntu-24-04-x64", "Ubuntu 24.04")];

impl Engine {
    /// What an account can rent now.
    pub(crate) async fn offered(&self, account: ProviderAccountId) -> Result<Offered> {
        let (offers, images) = futures::try_join!(self.offers(account), self.snapshots(account))?;
        let mut sizes: Vec<&Size> = offers.sizes.iter().filter(|size| size.available).collect();
        sizes.sort_by(|a, b| {
            let key = |size: &Size| (size.price_cents_month, size.memory_mib);
            key(a).cmp(&key(b)).then_with(|| a.slug.cmp(&b.slug))
        });
        let regions = offers.regions.iter().filter(|region| region.available);
        let regions = regions.map(|region| {
            let here = sizes
                .iter()
                .filter(|size| size.regions.contains(&region.slug));
            (
                Choice::new(
                    &region.slug,
                    &format!("{} ({})", region.name, region.slug),
                    "",
                ),
                here.map(|size| size_choice(size)).collect(),
            )
        });
        let current = images
            .iter()
            .find(|one| one.base_id.is_some() && !one.outdated);
        let is_outdated = images.iter().any(|one| one.outdated);
        let base = match current {
            Some(one) => format!(
                "Starts in a fraction of the time. In {}.",
                one.disk.regions.join(", ")
            ),
            None if is_outdated => {
                "The base snapshot is outdated, so Debian 12 is used and prepared.".to_owned()
            }
            None => "There is none yet, so Debian 12 is used and prepared.".to_owned(),
        };
        let stock = std::iter::once((STOCK_IMAGE, "Debian 12")).chain(OTHER_STOCK);
        let mut choices = vec![Choice::new(
            &image_value(&WishedImage::Base),
            "Base snapshot, where there is a current one",
            &base,
        )];
        choices.extend(stock.map(|(slug, name)| {
            let value = image_value(&WishedImage::Stock(slug.to_owned()));
            Choice::new(
                &value,
                name,
                "As the provider has it; prepared in some minutes.",
            )
        }));
        choices.extend(
            images
                .iter()
                .filter(|one| one.base_id.is_none())
                .map(|one| {
                    let value = image_value(&WishedImage::Snapshot(one.disk.id.clone()));
                    let help = format!(
                        "A snapshot. Needs {} GiB of disk; in {}.",
                        one.disk.min_disk_gib,
                        one.disk.regions.join(", ")
                    );
                    Choice::new(&value, &one.disk.name, &help)
                }),
        );
        Ok(Offered {
            regions: regions.collect(),
            images: choices,
        })
    }
}

fn size_choice(size: &Size) -> Choice {
    let memory = if size.memory_mib.is_multiple_of(1_024) {
        format!("{} GiB", size.memory_mib / 1_024)
    } else {
        format!("{} MiB", size.memory_mib)
    };
    let cents = size.price_cents_month;
    let label = format!(
        "{} vCPU, {memory}, {} GiB disk: ${}.{:02} a month",
        size.vcpus,
        size.disk_gib,
        cents / 100,
        cents % 100
    );
    Choice::new(&size.slug, &label, &size.slug)
}

impl ProvisionRequest {
    /// The request that fulfils a wish.
    pub fn of(wish: Wish, account_id: ProviderAccountId) -> Self {
        Self {
            name: wish.name,
            account_id,
            region: wish.region,
            size: wish.size,
            image: match wish.image {
                WishedImage::Base => ImageChoice::Base,
                WishedImage::Stock(slug) => ImageChoice::Stock(slug),
                WishedImage::Snapshot(id) => ImageChoice::Snapshot(id),
            },
            tags: wish.tags,
            open_ports: wish.open_ports,
        }
    }
}

impl BaseSnapshotRequest {
    /// The request for a base snapshot at this place: region and size.
    pub fn of((region, size): (String, String), account_id: ProviderAccountId) -> Self {
        Self {
            account_id,
            region,
            size,
        }
    }
}
