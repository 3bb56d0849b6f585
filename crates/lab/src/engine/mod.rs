//! The Docker engine that a practice cloud stands on.
//!
//! There are two ways to stand: on the engine that a user has ([`given`]), which needs no
//! privileges on the host, or on one of the lab's own ([`own`]), in a network namespace of its own
//! on a bare Linux machine. Everything after opening it is the same: droplets and the gateway are
//! containers on one network, and what a droplet needs around it lives in the gateway container.

mod disk;
mod given;
mod namespace;
mod own;
mod routes;

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    InspectNetworkOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder,
    ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use serde::{Deserialize, Serialize};

use crate::error::{Doing, LabError};
use crate::folder::{self, StateFolder};
use crate::host::Host;
use crate::instance::Instance;
use crate::network::{BLOCKS, Block};
use crate::settings::EngineChoice;

/// Seconds that one call to the engine may take: committing or importing an image is the longest.
const CALL_SECONDS: u64 = 900;

/// Which kind of engine a lab stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// The lab's own.
    Own,
    /// The user's.
    Given,
}

/// What was chosen at the first start and holds until a wipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choices {
    /// The addresses of this lab.
    pub(crate) block: Block,
    /// The kind of engine; droplets live in one engine and do not move.
    pub(crate) kind: EngineKind,
    /// The given engine's address.
    pub(crate) endpoint: Option<String>,
}

/// An engine with the lab's network on it.
#[derive(Debug)]
pub(crate) struct Engine {
    /// The engine's API.
    pub(crate) docker: Docker,
    /// What was chosen for this lab.
    pub(crate) choices: Choices,
    /// Where to reach the engine, as `DOCKER_HOST` is written.
    pub(crate) endpoint: String,
    own: Option<own::OwnEngine>,
}

impl Engine {
    /// Finds or starts the engine and makes the lab's network.
    pub(crate) async fn open(
        choice: &EngineChoice,
        folder: &StateFolder,
        instance: &Instance,
        host: &Host,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, LabError> {
        let kept: Option<Choices> = folder::read_json(&folder.choices())?;
        let choice = match &kept {
            Some(Choices {
                kind: EngineKind::Own,
                ..
            }) => EngineChoice::Own,
            Some(Choices {
                kind: EngineKind::Given,
                endpoint,
                ..
            }) => EngineChoice::Given(endpoint.clone()),
            None => choice.clone(),
        };
        let block = kept.map(|choices| choices.block);
        let _turn = own::turn().await?;
        let given = match &choice {
            EngineChoice::Own => None,
            EngineChoice::Given(endpoint) => Some(given::connect(endpoint.as_deref()).await?),
            EngineChoice::Auto => match given::connect(None).await {
                Ok(found) => Some(found),
                Err(_) if own::possible() => None,
                Err(error) => return Err(error),
            },
        };
        let engine = match given {
            Some((docker, endpoint)) => {
                say(&format!("Using the Docker engine at {endpoint}"));
                let kind = EngineKind::Given;
                let block = block
                    .or_else(routes::free_block)
                    .unwrap_or(Block::new(*BLOCKS.end()));
                let choices = Choices {
                    block,
                    kind,
                    endpoint: Some(endpoint.clone()),
                };
                Self {
                    docker,
                    choices,
                    endpoint,
                    own: None,
                }
            }
            None => {
                let block = match block.or_else(routes::free_block) {
                    Some(block) => block,
                    None => {
                        return Err(LabError::Network {
                            doing: "choose addresses for the practice cloud".into(),
                            cause: "every network from 10.201.0.0/16 to 10.250.0.0/16 is routed \
                                    elsewhere"
                                .into(),
                        });
                    }
                };
                say("Starting a Docker engine of the practice cloud's own");
                let own = own::OwnEngine::new(folder, instance, block);
                let docker = match own.up(host).await {
                    Ok(docker) => docker,
                    Err(error) => {
                        own.take_down_after(&error).await;
                        return Err(error);
                    }
                };
                let endpoint = own.endpoint();
                let choices = Choices {
                    block,
                    kind: EngineKind::Own,
                    endpoint: None,
                };
                Self {
                    docker,
                    choices,
                    endpoint,
                    own: Some(own),
                }
            }
        };
        let own = engine.own.clone();
        match engine.joined(folder, instance, host).await {
            Ok(engine) => Ok(engine),
            Err(error) => {
                if let Some(own) = own {
                    own.take_down_after(&error).await;
                }
                Err(error)
            }
        }
    }

    /// Makes the network, remembers what was chosen, and sets the edge rules.
    async fn joined(
        self,
        folder: &StateFolder,
        instance: &Instance,
        host: &Host,
    ) -> Result<Self, LabError> {
        let engine = self.with_network(instance).await?;
        folder::write_json(&folder.choices(), &engine.choices)?;
        if let Some(own) = &engine.own {
            own.guard(host).await?;
        }
        Ok(engine)
    }

    /// The addresses of this lab.
    pub(crate) fn block(&self) -> Block {
        self.choices.block
    }

    /// Makes the lab's network when it is not there; a given engine may know networks that the
    /// host's routes do not show, so the next block is tried when it refuses one.
    async fn with_network(mut self, instance: &Instance) -> Result<Self, LabError> {
        let name = instance.network();
        if let Ok(network) = self
            .docker
            .inspect_network(&name, None::<InspectNetworkOptions>)
            .await
        {
            let subnet = network
                .ipam
                .and_then(|ipam| ipam.config)
                .and_then(|configs| configs.into_iter().next())
                .and_then(|config| config.subnet);
            if subnet.as_deref() == Some(self.block().public().as_str()) {
                return Ok(self);
            }
            self.docker
                .remove_network(&name)
                .await
                .doing(format!("remove the network {name}"))?;
        }
        let first = self.block();
        let others = BLOCKS.map(Block::new).filter(|block| *block != first);
        let may_move = self.own.is_none();
        for block in std::iter::once(first).chain(others) {
            match self.docker.create_network(network(instance, block)).await {
                Ok(_) => {
                    self.choices.block = block;
                    return Ok(self);
                }
                Err(error) if may_move && error.to_string().contains("overlap") => {}
                Err(error) => return Err(error).doing(format!("make the network {name}")),
            }
        }
        Err(LabError::Network {
            doing: format!("make the network {name}"),
            cause: "every network from 10.201.0.0/16 to 10.250.0.0/16 is taken".into(),
        })
    }

    /// Whether the engine's disk may be filled without harming the host.
    pub(crate) fn has_disk(&self) -> bool {
        self.own.as_ref().is_some_and(own::OwnEngine::has_disk)
    }

    /// Stops an engine of the lab's own; leaves a given one alone.
    pub(crate) async fn close(&self) -> Result<(), LabError> {
        match &self.own {
            Some(own) => own.down().await,
            None => Ok(()),
        }
    }

    /// Removes everything that carries the instance's label, then an engine of the lab's own.
    pub(crate) async fn wipe(&self, instance: &Instance) -> Result<(), LabError> {
        remove_all(&self.docker, instance).await?;
        match &self.own {
            Some(own) => own.wipe().await,
            None => Ok(()),
        }
    }
}

/// Removes what a lab that does not run left in its engine, without starting anything: also when
/// the engine does not start any more.
pub(crate) async fn wipe_left(
    folder: &StateFolder,
    instance: &Instance,
    choices: &Choices,
) -> Result<(), LabError> {
    match choices.kind {
        EngineKind::Own => {
            own::OwnEngine::new(folder, instance, choices.block)
                .wipe()
                .await
        }
        EngineKind::Given => {
            let (docker, _) = given::connect(choices.endpoint.as_deref()).await?;
            remove_all(&docker, instance).await
        }
    }
}

fn network(instance: &Instance, block: Block) -> NetworkCreateRequest {
    let options = [
        ("com.docker.network.bridge.name", bridge_name(instance)),
        // Droplets are machines with public addresses: newer engines would otherwise drop what
        // comes to a port that was not published.
        (
            "com.docker.network.bridge.gateway_mode_ipv4",
            "nat-unprotected".to_owned(),
        ),
    ];
    NetworkCreateRequest {
        name: instance.network(),
        driver: Some("bridge".into()),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(block.public()),
                gateway: Some(block.bridge().to_string()),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        options: Some(options.map(|(name, value)| (name.to_owned(), value)).into()),
        labels: Some(instance.labels("network", instance.id())),
        ..Default::default()
    }
}

/// The name of the bridge's interface.
fn bridge_name(instance: &Instance) -> String {
    format!("plb-{}", instance.id())
}

async fn remove_all(docker: &Docker, instance: &Instance) -> Result<(), LabError> {
    let filter: HashMap<String, Vec<String>> = instance.filter();
    let list = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filter)
        .build();
    let forced = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    for container in docker
        .list_containers(Some(list))
        .await
        .doing("list containers")?
    {
        let id = container.id.unwrap_or_default();
        gone(docker.remove_container(&id, Some(forced.clone())).await)
            .doing(format!("remove the container {id}"))?;
    }
    let list = ListVolumesOptionsBuilder::new().filters(&filter).build();
    let volumes = docker
        .list_volumes(Some(list))
        .await
        .doing("list volumes")?;
    for volume in volumes.volumes.unwrap_or_default() {
        let forced = RemoveVolumeOptionsBuilder::new().force(true).build();
        gone(docker.remove_volume(&volume.name, Some(forced)).await)
            .doing(format!("remove the volume {}", volume.name))?;
    }
    let of_instance = HashMap::from([(
        "reference".to_owned(),
        vec![format!("{}/*", instance.image_prefix())],
    )]);
    let list = ListImagesOptionsBuilder::new()
        .filters(&of_instance)
        .build();
    for image in docker.list_images(Some(list)).await.doing("list images")? {
        // By name and not by id: an image that has another name as well stays under that one.
        let prefix = format!("{}/", instance.image_prefix());
        for name in image
            .repo_tags
            .iter()
            .filter(|name| name.starts_with(&prefix))
        {
            let forced = RemoveImageOptionsBuilder::new().force(true).build();
            gone(docker.remove_image(name, Some(forced), None).await)
                .doing(format!("remove the image {name}"))?;
        }
    }
    remove_nameless_images(docker, instance).await?;
    let list = ListNetworksOptionsBuilder::new().filters(&filter).build();
    for network in docker
        .list_networks(Some(list))
        .await
        .doing("list networks")?
    {
        let id = network.id.unwrap_or_default();
        gone(docker.remove_network(&id).await).doing(format!("remove the network {id}"))?;
    }
    Ok(())
}

/// Removes images of this instance that lost their name and stand under nothing any more: a
/// snapshot that was deleted while a droplet ran on it.
pub(crate) async fn remove_nameless_images(
    docker: &Docker,
    instance: &Instance,
) -> Result<(), LabError> {
    let mut filter = instance.filter();
    filter.insert("dangling".to_owned(), vec!["true".to_owned()]);
    let list = ListImagesOptionsBuilder::new().filters(&filter).build();
    for image in docker.list_images(Some(list)).await.doing("list images")? {
        let options = RemoveImageOptionsBuilder::new().build();
        if let Err(error) = docker.remove_image(&image.id, Some(options), None).await {
            tracing::debug!(%error, image = image.id, "a nameless image is still in use");
        }
    }
    Ok(())
}

/// What is not there any more was removed.
pub(crate) fn gone<T>(
    result: Result<T, bollard::errors::Error>,
) -> Result<(), bollard::errors::Error> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the engine says that there is no such thing.
pub(crate) fn is_missing(error: &bollard::errors::Error) -> bool {
    matches!(
        error,
        bollard::errors::Error::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}
