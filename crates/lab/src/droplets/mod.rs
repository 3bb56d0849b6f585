//! Droplets: containers that boot systemd and an unmodified cloud-init, and behave as machines.
//!
//! They are no wall against a hostile program: a root inside has most of the host's capabilities.
//! What runs on them is what its user would run on a server of theirs.

mod book;
mod container;
mod exec;
mod faults;
mod network;
mod power;
mod reserved;
mod snapshot;
mod watch;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bollard::Docker;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, RemoveContainerOptionsBuilder,
    RemoveVolumeOptionsBuilder, StopContainerOptionsBuilder,
};
use tokio_util::sync::CancellationToken;

pub(crate) use book::{Book, Droplet, Pages};

use crate::engine::{Engine, gone, is_missing, remove_nameless_images};
use crate::error::{Doing, LabError};
use crate::gateway::{self, Link};
use crate::ground::{
    Addresses, Boot, DropletFault, DropletSpec, Ground, GroundError, InboundRule, PowerAction,
    PowerState, PublishedZone,
};
use crate::instance::Instance;
use crate::network::Block;

/// The ground on a Docker engine.
#[derive(Debug, Clone)]
pub(crate) struct DockerGround {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    docker: Docker,
    instance: Instance,
    block: Block,
    /// The stock droplet image.
    image: String,
    book: Book,
    gateway: Link,
    limits: container::Limits,
    /// Whether the engine's disk may be filled without harming the host.
    may_fill_disk: bool,
    /// One event at a time for each droplet.
    turns: Mutex<HashMap<u64, Arc<tokio::sync::Mutex<()>>>>,
}

impl DockerGround {
    /// Stands on `engine` with what `book` remembers.
    pub(crate) async fn new(
        engine: &Engine,
        instance: Instance,
        image: String,
        book: Book,
        gateway: Link,
    ) -> Result<Self, LabError> {
        let (docker, block) = (engine.docker.clone(), engine.block());
        let info = docker.info().await.doing("ask the engine about its host")?;
        let limits = container::Limits {
            processors: info
                .ncpu
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(1),
            memory_bytes: info
                .mem_total
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or(1 << 30),
        };
        let inner = Inner {
            docker,
            instance,
            block,
            image,
            book,
            gateway,
            limits,
            may_fill_disk: engine.has_disk(),
            turns: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Boots what shall run and does not, as after a power cut of the whole data centre; then
    /// watches for droplets that reboot themselves until `stop`.
    pub(crate) async fn resume(&self, stop: CancellationToken) -> Result<(), LabError> {
        self.inner.publish().await?;
        self.inner.start_wanted().await;
        tokio::spawn(watch::run(self.inner.clone(), stop));
        Ok(())
    }

    /// Tells the edge which certificates origins may carry, PEM.
    pub(crate) async fn trust_origins(&self, roots: Vec<String>) -> Result<(), LabError> {
        self.inner.gateway.trust_origins(roots);
        self.inner.publish().await
    }

    /// How many droplets there are.
    pub(crate) fn count(&self) -> usize {
        self.inner.book.read(|pages| pages.droplets.len())
    }

    /// Stops the droplets in an orderly way; they stay wanted, so the next start boots them.
    pub(crate) async fn rest(&self) {
        let ids: Vec<u64> = self
            .inner
            .book
            .read(|pages| pages.droplets.keys().copied().collect());
        let stops = ids.into_iter().map(|id| {
            let inner = self.inner.clone();
            async move {
                let _turn = inner.turn(id).await;
                let options = StopContainerOptionsBuilder::new().t(10).build();
                let _ = inner
                    .docker
                    .stop_container(&inner.name(id), Some(options))
                    .await;
            }
        });
        futures::future::join_all(stops).await;
    }
}

impl Inner {
    fn name(&self, droplet_id: u64) -> String {
        container::name(&self.instance, droplet_id)
    }

    async fn turn(&self, droplet_id: u64) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(droplet_id).or_default().clone()
        };
        turn.lock_owned().await
    }

    fn droplet(&self, droplet_id: u64) -> Result<Droplet, LabError> {
        self.book
            .droplet(droplet_id)
            .ok_or_else(|| LabError::Network {
                doing: format!("find the droplet {droplet_id}"),
                cause: "there is no such droplet".into(),
            })
    }

    /// Starts what shall run; one that does not come up is seen as off, and does not keep the
    /// others down.
    async fn start_wanted(&self) {
        let wanted: Vec<u64> = self.book.read(|pages| {
            let on = pages
                .droplets
                .iter()
                .filter(|(_, droplet)| droplet.wanted_on);
            on.map(|(id, _)| *id).collect()
        });
        for id in wanted {
            let _turn = self.turn(id).await;
            if let Err(error) = self.start(id).await {
                tracing::warn!(droplet = id, %error, "could not start the droplet again");
            }
        }
    }

    /// Brings everything back after the engine was away.
    async fn recover(&self) -> Result<(), LabError> {
        let gateway = gateway::name(&self.instance);
        let doing = "start the practice cloud's gateway again";
        self.docker
            .start_container(&gateway, None)
            .await
            .doing(doing)?;
        self.inform_gateway().await?;
        self.start_wanted().await;
        Ok(())
    }

    async fn inform_gateway(&self) -> Result<(), LabError> {
        self.gateway.ready().await?;
        self.publish().await
    }

    /// Tells the gateway what the book says.
    async fn publish(&self) -> Result<(), LabError> {
        self.gateway.publish(|| self.book.read(Pages::clone)).await
    }

    async fn create(&self, spec: &DropletSpec) -> Result<Addresses, LabError> {
        if let Some(there) = self.book.droplet(spec.id) {
            return Ok(self.addresses(&there));
        }
        let droplet = self.book.write(|pages| {
            let public = pages.addresses.take_droplet(self.block)?;
            let private = self.block.private_of(public);
            let droplet = Droplet {
                spec: spec.clone(),
                public,
                private,
                wanted_on: true,
                inbound: None,
                cut: false,
                delay_ms: 0,
            };
            pages.droplets.insert(spec.id, droplet.clone());
            Some(droplet)
        })?;
        let droplet = droplet.ok_or_else(|| LabError::Network {
            doing: format!("give the droplet {} an address", spec.id),
            cause: "all addresses of the practice cloud are taken; destroy a droplet".into(),
        })?;
        if let Err(error) = self.boot(&droplet).await {
            // Nothing of a droplet that never was stays behind.
            if let Err(error) = self.destroy(spec.id).await {
                tracing::warn!(droplet = spec.id, %error, "could not clean up");
            }
            return Err(error);
        }
        Ok(self.addresses(&droplet))
    }

    async fn boot(&self, droplet: &Droplet) -> Result<(), LabError> {
        let id = droplet.spec.id;
        // cloud-init asks for its metadata in its first second.
        self.publish().await?;
        let volume = container::volume(&self.instance, id);
        let request = container::volume_request(&self.instance, volume, "droplet", id);
        let doing = format!("make the volume of the droplet {id}");
        self.docker.create_volume(request).await.doing(doing)?;
        let image = match droplet.spec.boot {
            Boot::Stock { .. } => self.image.clone(),
            Boot::Snapshot { snapshot_id } => {
                let (docker, instance) = (&self.docker, &self.instance);
                snapshot::restore(docker, instance, &self.image, snapshot_id, id).await?;
                snapshot::image(instance, snapshot_id)
            }
        };
        let body = container::request(&self.instance, self.block, &image, droplet, self.limits);
        let options = CreateContainerOptionsBuilder::new()
            .name(&self.name(id))
            .build();
        let doing = format!("make the container of the droplet {id}");
        self.docker
            .create_container(Some(options), body)
            .await
            .doing(doing)?;
        self.start(id).await
    }

    /// Starts a droplet's container if it does not run, and brings its network in line.
    async fn start(&self, droplet_id: u64) -> Result<(), LabError> {
        let doing = format!("start the droplet {droplet_id}");
        self.docker
            .start_container(&self.name(droplet_id), None)
            .await
            .doing(doing)?;
        self.apply_network(droplet_id).await
    }

    async fn apply_network(&self, droplet_id: u64) -> Result<(), LabError> {
        let droplet = self.droplet(droplet_id)?;
        let reserved: Vec<Ipv4Addr> = self.book.read(|pages| {
            let ours = pages
                .reserved
                .iter()
                .filter(|(_, target)| **target == Some(droplet_id));
            ours.map(|(address, _)| *address).collect()
        });
        let plain = droplet.inbound.is_none() && !droplet.cut && droplet.delay_ms == 0;
        if plain && reserved.is_empty() {
            return Ok(());
        }
        network::apply(&self.docker, &self.name(droplet_id), &droplet, &reserved).await
    }

    fn addresses(&self, droplet: &Droplet) -> Addresses {
        Addresses {
            public_ipv4: droplet.public.to_string(),
            private_ipv4: droplet.private.to_string(),
            gateway: self.block.bridge().to_string(),
            netmask: self.block.netmask().to_string(),
        }
    }

    async fn observe(&self, droplet_id: u64) -> Result<PowerState, LabError> {
        let name = self.name(droplet_id);
        match self
            .docker
            .inspect_container(&name, None::<InspectContainerOptions>)
            .await
        {
            Ok(container) => {
                let running = container
                    .state
                    .and_then(|state| state.running)
                    .unwrap_or(false);
                Ok(if running {
                    PowerState::On
                } else {
                    PowerState::Off
                })
            }
            Err(error) if is_missing(&error) => Ok(PowerState::Gone),
            Err(error) => Err(error).doing(format!("look at the droplet {droplet_id}")),
        }
    }

    /// Boots a droplet anew from another image; its addresses and rules stay.
    async fn rebuild(&self, spec: &DropletSpec) -> Result<Addresses, LabError> {
        let droplet = Droplet {
            spec: spec.clone(),
            wanted_on: true,
            ..self.droplet(spec.id)?
        };
        self.book
            .write(|pages| pages.droplets.insert(spec.id, droplet.clone()))?;
        self.clear(spec.id).await?;
        self.boot(&droplet).await?;
        Ok(self.addresses(&droplet))
    }

    /// Removes a droplet's container and volume.
    async fn clear(&self, droplet_id: u64) -> Result<(), LabError> {
        let doing = format!("remove what the droplet {droplet_id} ran on");
        let forced = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(true)
            .build();
        let name = self.name(droplet_id);
        gone(self.docker.remove_container(&name, Some(forced)).await).doing(doing.clone())?;
        let forced = RemoveVolumeOptionsBuilder::new().force(true).build();
        let volume = container::volume(&self.instance, droplet_id);
        gone(self.docker.remove_volume(&volume, Some(forced)).await).doing(doing)
    }

    async fn destroy(&self, droplet_id: u64) -> Result<(), LabError> {
        self.clear(droplet_id).await?;
        if matches!(
            self.book
                .droplet(droplet_id)
                .map(|droplet| droplet.spec.boot),
            Some(Boot::Snapshot { .. })
        ) {
            remove_nameless_images(&self.docker, &self.instance).await?;
        }
        self.book.write(|pages| {
            if let Some(droplet) = pages.droplets.remove(&droplet_id) {
                pages.addresses.free(droplet.public);
            }
            for target in pages.reserved.values_mut() {
                target.take_if(|target| *target == droplet_id);
            }
        })?;
        self.publish().await
    }

    async fn snapshot(&self, droplet_id: u64, snapshot_id: u64) -> Result<u64, LabError> {
        let name = self.name(droplet_id);
        let running = self.observe(droplet_id).await? == PowerState::On;
        if running {
            let doing = format!("freeze the droplet {droplet_id}");
            self.docker.pause_container(&name).await.doing(doing)?;
        }
        let (docker, instance) = (&self.docker, &self.instance);
        let taken = snapshot::take(docker, instance, &self.image, droplet_id, snapshot_id).await;
        if running {
            let doing = format!("thaw the droplet {droplet_id}");
            self.docker.unpause_container(&name).await.doing(doing)?;
        }
        if taken.is_err()
            && let Err(error) = snapshot::delete(docker, instance, snapshot_id).await
        {
            tracing::warn!(snapshot = snapshot_id, %error, "could not clean up");
        }
        taken
    }

    async fn set_firewall(
        &self,
        droplet_id: u64,
        inbound: Option<&[InboundRule]>,
    ) -> Result<(), LabError> {
        let mut droplet = self.droplet(droplet_id)?;
        droplet.inbound = inbound.map(<[InboundRule]>::to_vec);
        if self.observe(droplet_id).await? == PowerState::On {
            network::apply(&self.docker, &self.name(droplet_id), &droplet, &[]).await?;
        }
        self.book.write(|pages| {
            if let Some(known) = pages.droplets.get_mut(&droplet_id) {
                known.inbound = droplet.inbound;
            }
        })
    }
}

#[async_trait]
impl Ground for DockerGround {
    async fn create(&self, droplet: &DropletSpec) -> Result<Addresses, GroundError> {
        let _turn = self.inner.turn(droplet.id).await;
        Ok(self.inner.create(droplet).await?)
    }

    async fn power(&self, droplet_id: u64, action: PowerAction) -> Result<(), GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.power(droplet_id, action).await?)
    }

    async fn rebuild(&self, droplet: &DropletSpec) -> Result<Addresses, GroundError> {
        let _turn = self.inner.turn(droplet.id).await;
        Ok(self.inner.rebuild(droplet).await?)
    }

    async fn observe(&self, droplet_id: u64) -> Result<PowerState, GroundError> {
        Ok(self.inner.observe(droplet_id).await?)
    }

    async fn destroy(&self, droplet_id: u64) -> Result<(), GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.destroy(droplet_id).await?)
    }

    async fn snapshot(&self, droplet_id: u64, snapshot_id: u64) -> Result<u64, GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.snapshot(droplet_id, snapshot_id).await?)
    }

    async fn delete_snapshot(&self, snapshot_id: u64) -> Result<(), GroundError> {
        let (docker, instance) = (&self.inner.docker, &self.inner.instance);
        Ok(snapshot::delete(docker, instance, snapshot_id).await?)
    }

    async fn firewall(
        &self,
        droplet_id: u64,
        inbound: Option<&[InboundRule]>,
    ) -> Result<(), GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.set_firewall(droplet_id, inbound).await?)
    }

    async fn reserve_address(&self) -> Result<String, GroundError> {
        Ok(self.inner.reserve()?)
    }

    async fn assign_address(
        &self,
        address: &str,
        droplet_id: Option<u64>,
    ) -> Result<(), GroundError> {
        Ok(self.inner.assign(address, droplet_id).await?)
    }

    async fn release_address(&self, address: &str) -> Result<(), GroundError> {
        Ok(self.inner.release(address).await?)
    }

    async fn publish_zones(&self, zones: &[PublishedZone]) -> Result<(), GroundError> {
        self.inner
            .book
            .write(|pages| pages.zones = zones.to_vec())?;
        Ok(self.inner.publish().await?)
    }

    async fn fault(&self, droplet_id: u64, fault: &DropletFault) -> Result<(), GroundError> {
        let _turn = self.inner.turn(droplet_id).await;
        Ok(self.inner.fault(droplet_id, fault).await?)
    }
}

impl From<LabError> for GroundError {
    fn from(error: LabError) -> Self {
        match error {
            LabError::Engine { doing, source } => Self {
                doing,
                cause: source.to_string(),
            },
            LabError::Network { doing, cause } => Self { doing, cause },
            other => Self {
                doing: other.code().to_owned(),
                cause: other.to_string(),
            },
        }
    }
}
