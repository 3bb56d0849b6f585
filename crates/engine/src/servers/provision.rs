//! Provisioning: from a wish to a plan with its price.

use super::{ServerAction, create};
use crate::{
    Engine, Plan, Result,
    error::EngineError,
    intent::Intent,
    keys::login_key,
    ports::{DiskSnapshot, Size},
    steps::{Prepared, Steps},
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId, ServerId, SshKeyId,
    name::Name,
    recipe::Recipe,
    server::{BaseSnapshot, Provider, Server, is_tag},
};
use serde::{Deserialize, Serialize};

/// The image that a stock server boots from.
pub(crate) const STOCK_IMAGE: &str = "debian-12-x64";

/// What is wanted of a new server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionRequest {
    /// Its name, unique among servers.
    pub name: Name,
    /// The account that pays for it.
    pub account_id: ProviderAccountId,
    /// Region slug.
    pub region: String,
    /// Size slug.
    pub size: String,
    /// What it boots from.
    pub image: ImageChoice,
    /// Tags besides the ones that mark it as ours.
    pub tags: Vec<String>,
    /// TCP ports that are open besides 22, 80 and 443.
    pub open_ports: Vec<u16>,
}

/// What a new server boots from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum ImageChoice {
    /// The current base snapshot where there is one that fits, else the stock image.
    #[default]
    Base,
    /// An image of the provider, by its slug.
    Stock(String),
    /// A snapshot, by the provider's id or its name.
    Snapshot(String),
}

/// What was seen before planning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    size: Option<SizeSeen>,
    sizes_there: Vec<String>,
    region_available: Option<bool>,
    regions_there: Vec<String>,
    name_taken: bool,
    image: String,
    image_words: String,
    min_disk_gib: u64,
    in_region: bool,
    outdated_base: bool,
    recipe_hash: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SizeSeen {
    price_cents_month: u64,
    disk_gib: u64,
    here: bool,
    available: bool,
}

impl Engine {
    /// Plans a new server. The plan says what it costs a month.
    pub async fn plan_provision(&self, request: ProvisionRequest) -> Result<Plan> {
        let observed = observe(&self.world, &request).await?;
        let key = login_key(&self.world).await?;
        let id = ServerId::mint(self.world.now(), self.world.entropy());
        let recipe = Recipe::today(&self.world.settings.agent_hash);
        let server = create::unborn(
            id,
            request.name.clone(),
            Some(request.account_id),
            self.world.now(),
        );
        let prepared = plan(&observed, &request, server, key.id, recipe)?;
        self.save_plan(&Intent::Provision(request), &observed, prepared)
            .await
    }
}

pub(crate) async fn observe(world: &World, request: &ProvisionRequest) -> Result<Observed> {
    let account = world
        .account(request.account_id, Provider::Digitalocean)
        .await?;
    let compute = &world.ports.compute;
    let sizes = compute.sizes(&account).await?;
    let regions = compute.regions(&account).await?;
    let recipe_hash = Recipe::today(&world.settings.agent_hash).hash();
    let snapshots = match &request.image {
        ImageChoice::Stock(_) => Vec::new(),
        ImageChoice::Base | ImageChoice::Snapshot(_) => compute.snapshots(&account).await?,
    };
    let bases = world.store.snapshots_of(request.account_id).await?;
    let image = choose_image(&request.image, &bases, &snapshots, &recipe_hash, request)?;
    let size = sizes.iter().find(|size| size.slug == request.size);
    Ok(Observed {
        size: size.map(|size| SizeSeen {
            price_cents_month: size.price_cents_month,
            disk_gib: size.disk_gib,
            here: size.regions.contains(&request.region),
            available: size.available,
        }),
        sizes_there: sizes_in(&sizes, &request.region),
        region_available: regions
            .iter()
            .find(|region| region.slug == request.region)
            .map(|region| region.available),
        regions_there: regions
            .iter()
            .filter(|region| region.available)
            .map(|region| region.slug.clone())
            .collect(),
        name_taken: world.store.server_by_name(&request.name).await?.is_some(),
        image: image.reference,
        image_words: image.words,
        min_disk_gib: image.min_disk_gib,
        in_region: image.in_region,
        outdated_base: image.outdated_base,
        recipe_hash,
    })
}

fn sizes_in(sizes: &[Size], region: &str) -> Vec<String> {
    sizes
        .iter()
        .filter(|size| size.available && size.regions.iter().any(|slug| slug == region))
        .map(|size| size.slug.clone())
        .collect()
}

struct Image {
    reference: String,
    words: String,
    min_disk_gib: u64,
    in_region: bool,
    outdated_base: bool,
}

fn choose_image(
    choice: &ImageChoice,
    bases: &[BaseSnapshot],
    snapshots: &[DiskSnapshot],
    recipe_hash: &str,
    request: &ProvisionRequest,
) -> Result<Image> {
    let stock = |slug: &str, outdated_base| Image {
        reference: slug.to_owned(),
        words: format!("the stock image {slug}"),
        min_disk_gib: 0,
        in_region: true,
        outdated_base,
    };
    match choice {
        ImageChoice::Stock(slug) => Ok(stock(slug, false)),
        ImageChoice::Base => {
            // A snapshot that somebody deleted at the provider is no choice.
            let usable: Vec<&BaseSnapshot> = bases
                .iter()
                .filter(|base| {
                    snapshots.iter().any(|disk| disk.id == base.provider_ref)
                        && base.regions.contains(&request.region)
                })
                .collect();
            let current = usable
                .iter()
                .rev()
                .find(|base| base.recipe_hash == recipe_hash);
            Ok(match current {
                Some(base) => Image {
                    reference: base.provider_ref.clone(),
                    words: "the base snapshot".to_owned(),
                    min_disk_gib: base.min_disk_gib,
                    in_region: true,
                    outdated_base: false,
                },
                None => stock(STOCK_IMAGE, !usable.is_empty()),
            })
        }
        ImageChoice::Snapshot(wanted) => {
            let found = snapshots
                .iter()
                .find(|disk| disk.id == *wanted || disk.name == *wanted);
            let Some(disk) = found else {
                return Err(EngineError::not_found(
                    "snapshot_unknown",
                    format!("The account has no snapshot “{}”.", wanted.escape_debug()),
                )
                .evidence(
                    snapshots
                        .iter()
                        .map(|disk| format!("{} {}", disk.id, disk.name)),
                )
                .next_step("Name one of the snapshots that are there."));
            };
            Ok(Image {
                reference: disk.id.clone(),
                words: format!("the snapshot “{}”", disk.name),
                min_disk_gib: disk.min_disk_gib,
                in_region: disk.regions.contains(&request.region),
                outdated_base: false,
            })
        }
    }
}

/// What has to be right before anything is rented.
fn check(observed: &Observed, request: &ProvisionRequest) -> Result<u64> {
    if observed.name_taken {
        return Err(EngineError::conflict(
            "name_taken",
            format!("There is a server “{}” already.", request.name),
        )
        .next_step("Choose another name."));
    }
    if observed.region_available != Some(true) {
        let why = match observed.region_available {
            Some(_) => "takes no new servers now",
            None => "is not known",
        };
        return Err(EngineError::bad_input(
            "region_unavailable",
            format!("The region “{}” {why}.", request.region.escape_debug()),
        )
        .evidence([format!("available: {}", observed.regions_there.join(", "))])
        .next_step("Choose one of the available regions."));
    }
    let there = [format!(
        "in {}: {}",
        request.region,
        observed.sizes_there.join(", ")
    )];
    let Some(size) = observed
        .size
        .as_ref()
        .filter(|size| size.here && size.available)
    else {
        return Err(EngineError::bad_input(
            "size_unavailable",
            format!(
                "The size “{}” cannot be had in {}.",
                request.size.escape_debug(),
                request.region
            ),
        )
        .evidence(there)
        .next_step("Choose one of these sizes."));
    };
    if size.disk_gib < observed.min_disk_gib {
        return Err(EngineError::bad_input(
            "disk_too_small",
            format!(
                "{} needs a disk of {} GiB, and the size “{}” has {} GiB.",
                observed.image_words, observed.min_disk_gib, request.size, size.disk_gib
            ),
        )
        .evidence(there)
        .next_step("Choose a larger size."));
    }
    if !observed.in_region {
        return Err(EngineError::bad_input(
            "snapshot_elsewhere",
            format!("{} is not in {}.", observed.image_words, request.region),
        )
        .next_step("Choose its region, or copy it there at the provider."));
    }
    if let Some(tag) = request.tags.iter().find(|tag| !is_tag(tag)) {
        return Err(EngineError::bad_input(
            "invalid_tag",
            format!("“{}” cannot be a tag.", tag.escape_debug()),
        )
        .next_step("Use letters, digits, colons, dashes and underscores."));
    }
    if request.open_ports.contains(&0) {
        return Err(EngineError::bad_input(
            "invalid_port",
            "0 is no port to open.",
        ));
    }
    Ok(size.price_cents_month)
}

fn plan(
    observed: &Observed,
    request: &ProvisionRequest,
    mut server: Server,
    key_id: SshKeyId,
    recipe: Recipe,
) -> Result<Prepared> {
    let price = check(observed, request)?;
    server.region = Some(request.region.clone());
    server.size = Some(request.size.clone());
    server.price_cents_month = Some(price);
    let mut ports = vec![22, 80, 443];
    ports.extend(&request.open_ports);
    ports.sort_unstable();
    ports.dedup();
    let mut steps = Steps::default();
    born(
        &mut steps,
        &server,
        key_id,
        &observed.image,
        &observed.image_words,
        &request.tags,
        price,
    );
    prepared(&mut steps, server.id, &recipe);
    let shown: Vec<String> = ports.iter().map(u16::to_string).collect();
    steps
        .then(
            "Put a firewall before it",
            ServerAction::Protect {
                server_id: server.id,
                ports,
            },
        )
        .on(server.id)
        .change("open TCP ports", None, Some(shown.join(", ")))
        .undo("delete the firewall");
    steps
        .then(
            "Note that it can be deployed to",
            ServerAction::MarkReady {
                server_id: server.id,
                recipe_hash: observed.recipe_hash.clone(),
            },
        )
        .on(server.id)
        .undo("note that it cannot");
    let mut notices = Vec::new();
    if observed.outdated_base {
        notices.push(
            "There is a base snapshot, but it is outdated: the stock image is used. Rebuild the \
             snapshot to start faster."
                .to_owned(),
        );
    }
    Ok(Prepared {
        title: format!("Provision the server “{}”", request.name),
        steps: steps.finish(),
        notices,
    })
}

/// The steps from nothing to a machine with a pinned host key on which cloud-init has finished.
pub(super) fn born(
    steps: &mut Steps,
    server: &Server,
    key_id: SshKeyId,
    image: &str,
    image_words: &str,
    tags: &[String],
    price: u64,
) {
    let id = server.id;
    let region = server.region.clone().unwrap_or_default();
    let size = server.size.clone().unwrap_or_default();
    steps
        .then(
            format!("Write the server “{}” down", server.name),
            ServerAction::Record {
                server: Box::new(server.clone()),
            },
        )
        .on(id)
        .undo("strike it out");
    let key_step = steps.next();
    if let Some(account_id) = server.account_id {
        steps
            .then(
                "Register the SSH key at the provider",
                ServerAction::RegisterKey { account_id, key_id },
            )
            .on(id);
    }
    steps
        .then(
            format!("Create the machine from {image_words}"),
            ServerAction::Create {
                server_id: id,
                key_id,
                key_step,
                image: image.to_owned(),
                tags: tags.to_vec(),
            },
        )
        .on(id)
        .price(i64::try_from(price).unwrap_or(i64::MAX))
        .change("machine", None, Some(format!("{size} in {region}")))
        .undo("destroy the machine");
    steps
        .then(
            "Wait until it runs and has an address",
            ServerAction::AwaitAddress {
                server_id: id,
                key_id,
            },
        )
        .on(id);
    let key_step = steps.next();
    steps
        .then(
            "Connect by the one-time host key and make a new one",
            ServerAction::MakeHostKey { server_id: id },
        )
        .on(id);
    steps
        .then(
            "Replace the host key and pin it",
            ServerAction::PinHostKey {
                server_id: id,
                key_step,
            },
        )
        .on(id);
    steps
        .then(
            "Wait until cloud-init has finished",
            ServerAction::AwaitCloudInit { server_id: id },
        )
        .on(id);
}

/// The steps that make a machine one of ours.
pub(super) fn prepared(steps: &mut Steps, id: ServerId, recipe: &Recipe) {
    steps
        .then(
            "Prepare it: Docker, nginx, upgrades, swap",
            ServerAction::Prepare {
                server_id: id,
                recipe: Box::new(recipe.clone()),
            },
        )
        .on(id);
    steps
        .then(
            "Install the agent",
            ServerAction::InstallAgent { server_id: id },
        )
        .on(id);
}
