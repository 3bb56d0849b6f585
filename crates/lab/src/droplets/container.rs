//! A droplet as a container: its flags, its volume, its names.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType, NetworkingConfig,
    VolumeCreateRequest,
};

use super::book::Droplet;
use crate::images;
use crate::instance::Instance;
use crate::network::{Block, mac_of};

/// Where the Docker inside a droplet keeps its images and containers.
const DOCKER_DATA: &str = "/var/lib/docker";
/// systemd's word for "stop everything and halt" (systemd(1), "Signals").
const HALT: &str = "SIGRTMIN+3";

/// What an engine's host can give to one droplet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Processors of the engine's host.
    pub(super) processors: u32,
    /// Memory of the engine's host, bytes.
    pub(super) memory_bytes: u64,
}

/// The container's name.
pub(super) fn name(instance: &Instance, droplet_id: u64) -> String {
    instance.name("droplet", droplet_id)
}

/// The name of the volume that holds the inner Docker's data.
pub(super) fn volume(instance: &Instance, droplet_id: u64) -> String {
    instance.name("docker", droplet_id)
}

pub(super) fn volume_request(
    instance: &Instance,
    name: String,
    kind: &str,
    id: u64,
) -> VolumeCreateRequest {
    VolumeCreateRequest {
        name: Some(name),
        labels: Some(instance.labels(kind, id)),
        ..Default::default()
    }
}

/// The container of a droplet.
///
/// It is not a *privileged* one: that fails where the lab itself lacks a capability. All
/// capabilities but the one to exceed resource limits, no system call filter, and control groups
/// of its own let systemd and a Docker run inside.
pub(super) fn request(
    instance: &Instance,
    block: Block,
    image: &str,
    droplet: &Droplet,
    limits: Limits,
) -> ContainerCreateBody {
    let id = droplet.spec.id;
    let tmpfs = [
        ("/run", "mode=755"),
        ("/run/lock", ""),
        ("/tmp", "exec,mode=1777"),
    ];
    let processors = droplet.spec.vcpus.clamp(1, limits.processors.max(1));
    let memory = (droplet.spec.memory_mib.max(256) << 20).min(limits.memory_bytes);
    let host_config = HostConfig {
        network_mode: Some(instance.network()),
        cap_add: Some(vec!["ALL".into()]),
        cap_drop: Some(vec!["SYS_RESOURCE".into()]),
        security_opt: Some(vec![
            "seccomp=unconfined".into(),
            "apparmor=unconfined".into(),
        ]),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        tmpfs: Some(
            tmpfs
                .map(|(path, options)| (path.to_owned(), options.to_owned()))
                .into(),
        ),
        mounts: Some(vec![Mount {
            target: Some(DOCKER_DATA.into()),
            source: Some(volume(instance, id)),
            typ: Some(MountType::VOLUME),
            ..Default::default()
        }]),
        // The tunnel device, by which a droplet's network is slowed where the kernel cannot do it.
        device_cgroup_rules: Some(vec!["c 10:200 rwm".into()]),
        nano_cpus: Some(i64::from(processors) * 1_000_000_000),
        memory: i64::try_from(memory).ok(),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".into()),
            config: Some(HashMap::from([("max-size".to_owned(), "1m".to_owned())])),
        }),
        ..Default::default()
    };
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(droplet.public.to_string()),
            ..Default::default()
        }),
        mac_address: Some(mac_of(droplet.public)),
        ..Default::default()
    };
    ContainerCreateBody {
        image: Some(image.to_owned()),
        hostname: Some(droplet.spec.name.clone()),
        cmd: Some(vec![images::droplet::INIT.to_owned()]),
        env: Some(vec![
            format!("PRACTICE_DROPLET={id}"),
            format!("PRACTICE_GATEWAY={}", block.gateway()),
            format!("PRACTICE_PRIVATE={}/20", droplet.private),
        ]),
        labels: Some(instance.labels("droplet", id)),
        stop_signal: Some(HALT.into()),
        stop_timeout: Some(20),
        host_config: Some(host_config),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(instance.network(), endpoint)])),
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::{Boot, DropletSpec};
    use std::net::Ipv4Addr;
    use std::path::Path;

    fn droplet() -> Droplet {
        Droplet {
            spec: DropletSpec {
                id: 7,
                name: "web".into(),
                region: "ams3".into(),
                vcpus: 8,
                memory_mib: 16_384,
                boot: Boot::Stock {
                    slug: "debian-12-x64".into(),
                },
                public_keys: Vec::new(),
                user_data: String::new(),
                tags: Vec::new(),
            },
            public: Ipv4Addr::new(10, 231, 32, 10),
            private: Ipv4Addr::new(10, 231, 48, 10),
            wanted_on: true,
            inbound: None,
            cut: false,
            delay_ms: 0,
        }
    }

    #[test]
    fn a_droplet_larger_than_the_host_gets_what_the_host_has() {
        let instance = Instance::of_folder(Path::new("/a"));
        let limits = Limits {
            processors: 2,
            memory_bytes: 4 << 30,
        };
        let body = request(&instance, Block::new(231), "image", &droplet(), limits);
        let config = body.host_config.expect("a host configuration");
        assert_eq!(config.nano_cpus, Some(2_000_000_000));
        assert_eq!(config.memory, Some(4 << 30));
        assert_eq!(config.privileged, None);
    }
}
