//! The gateway's container, made anew at every start of the lab.
//!
//! Its image is the droplets'; the lab's program is put into it together with the shared libraries
//! that it was linked with on this host, so that it runs whatever libraries the image has.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, Mount, MountType,
    NetworkingConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use futures::StreamExt;

use super::link::{Link, Way};
use super::{
    AUTHORITY_FOLDER, CONFIG_FILE, CONTROL_PORT, Config, HOME, METADATA, PROXY_PORT,
    REGISTRY_FOLDER,
};
use crate::command::Program;
use crate::engine::gone;
use crate::error::{AtPath, Doing, LabError};
use crate::instance::Instance;
use crate::network::{Block, mac_of};
use crate::settings::{Itself, Reach};

/// The engine's own resolver on every network that has a name; it forwards to the host's.
const ENGINE_RESOLVER: &str = "127.0.0.11:53";

/// What a gateway is made of.
pub(crate) struct Parts<'a> {
    /// The droplets' image.
    pub(crate) image: &'a str,
    /// The lab's program.
    pub(crate) itself: &'a Itself,
    /// Folder of the lab's authority.
    pub(crate) authority: &'a Path,
    /// Folder of the registry mirror.
    pub(crate) registry: &'a Path,
    /// How the host reaches the gateway.
    pub(crate) reach: Reach,
}

/// The container's name.
pub(crate) fn name(instance: &Instance) -> String {
    instance.name("gateway", 0)
}

/// Removes the gateway; safe to call twice.
pub(crate) async fn remove(docker: &Docker, instance: &Instance) -> Result<(), LabError> {
    let forced = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    gone(docker.remove_container(&name(instance), Some(forced)).await)
        .doing("remove the practice cloud's gateway")
}

/// Makes and starts the gateway, and waits until it answers.
pub(crate) async fn start(
    docker: &Docker,
    instance: &Instance,
    block: Block,
    parts: &Parts<'_>,
) -> Result<Link, LabError> {
    remove(docker, instance).await?;
    let name = name(instance);
    let program = parts
        .itself
        .gateway_program
        .as_ref()
        .unwrap_or(&parts.itself.program);
    let libraries = libraries_of(program).await?;
    let token = token()?;
    let upstreams: Vec<SocketAddr> = ENGINE_RESOLVER.parse().into_iter().collect();
    let config = Config {
        block,
        token: token.clone(),
        upstreams,
    };

    let body = request(instance, block, parts, command(&libraries, parts.itself));
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let doing = "make the practice cloud's gateway";
    docker
        .create_container(Some(options), body)
        .await
        .doing(doing)?;

    let (program, authority) = (program.clone(), parts.authority.to_owned());
    let packed =
        tokio::task::spawn_blocking(move || pack(&program, &libraries, &config, &authority))
            .await
            .map_err(|error| LabError::Network {
                doing: doing.to_owned(),
                cause: error.to_string(),
            })??;
    let options = UploadToContainerOptionsBuilder::new().path("/").build();
    docker
        .upload_to_container(&name, Some(options), bollard::body_full(packed.into()))
        .await
        .doing("put the practice cloud's program into its gateway")?;
    docker
        .start_container(&name, None)
        .await
        .doing("start the practice cloud's gateway")?;

    let way = if parts.reach.is_by_proxy() {
        Way::Published {
            control: published_port(docker, &name, CONTROL_PORT).await?,
            proxy: published_port(docker, &name, PROXY_PORT).await?,
        }
    } else {
        Way::Direct(block.gateway())
    };
    let link = Link::new(way, token)?;
    match link.ready().await {
        Ok(()) => Ok(link),
        Err(LabError::Network { doing, cause }) => {
            let said = last_words(docker, &name).await;
            Err(LabError::Network {
                doing,
                cause: format!("{cause}; it said: {said}"),
            })
        }
        Err(error) => Err(error),
    }
}

/// The loopback port that the engine gave to one of the container's ports.
async fn published_port(docker: &Docker, name: &str, port: u16) -> Result<u16, LabError> {
    let doing = "find the gateway's published ports";
    let container = docker
        .inspect_container(name, None::<InspectContainerOptions>)
        .await
        .doing(doing)?;
    let found = container
        .network_settings
        .and_then(|settings| settings.ports)
        .and_then(|mut ports| ports.remove(&format!("{port}/tcp")).flatten())
        .and_then(|bindings| bindings.into_iter().find_map(|binding| binding.host_port))
        .and_then(|port| port.parse().ok());
    found.ok_or_else(|| LabError::Network {
        doing: doing.into(),
        cause: format!("the engine published no port for {port}"),
    })
}

fn request(
    instance: &Instance,
    block: Block,
    parts: &Parts<'_>,
    command: Vec<String>,
) -> ContainerCreateBody {
    let published: Vec<u16> = if parts.reach.is_by_proxy() {
        vec![CONTROL_PORT, PROXY_PORT]
    } else {
        Vec::new()
    };
    let names: Vec<String> = published.iter().map(|port| format!("{port}/tcp")).collect();
    let loopback = PortBinding {
        host_ip: Some("127.0.0.1".into()),
        host_port: Some(String::new()),
    };
    let bindings = names
        .iter()
        .map(|name| (name.clone(), Some(vec![loopback.clone()])));
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(block.gateway().to_string()),
            link_local_ips: Some(vec![METADATA.to_string()]),
            ..Default::default()
        }),
        mac_address: Some(mac_of(block.gateway())),
        ..Default::default()
    };
    ContainerCreateBody {
        image: Some(parts.image.to_owned()),
        cmd: Some(command),
        env: Some(vec!["RUST_LOG=info".to_owned()]),
        labels: Some(instance.labels("gateway", 0)),
        exposed_ports: (!names.is_empty()).then(|| names.clone()),
        host_config: Some(HostConfig {
            network_mode: Some(instance.network()),
            port_bindings: Some(bindings.collect()),
            mounts: Some(vec![Mount {
                target: Some(format!("{HOME}/{REGISTRY_FOLDER}")),
                source: Some(parts.registry.display().to_string()),
                typ: Some(MountType::BIND),
                read_only: Some(true),
                ..Default::default()
            }]),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::ON_FAILURE),
                maximum_retry_count: None,
            }),
            ..Default::default()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(instance.network(), endpoint)])),
        }),
        ..Default::default()
    }
}

/// The command line inside the container: through the host's own loader when there is one.
fn command(libraries: &[PathBuf], itself: &Itself) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(loader) = libraries.iter().find_map(|path| loader_name(path)) {
        let folder = format!("{HOME}/lib");
        words.extend([
            format!("{folder}/{loader}"),
            "--library-path".to_owned(),
            folder,
        ]);
    }
    words.push(format!("{HOME}/plimsoll"));
    words.extend(itself.arguments.iter().cloned());
    words.push("gateway".to_owned());
    words
}

fn loader_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    name.starts_with("ld-").then(|| name.to_owned())
}

/// The shared libraries of a program, its loader among them; none for a static one.
async fn libraries_of(program: &Path) -> Result<Vec<PathBuf>, LabError> {
    let listed = Program::new("ldd", "libc-bin")
        .arg(program)
        .run("find the libraries of the practice cloud's program")
        .await;
    match listed {
        Ok(text) => Ok(parse_libraries(&text)),
        // ldd fails on a static program, and says so.
        Err(LabError::Program { stderr, .. }) if stderr.contains("not a dynamic executable") => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Paths in ldd's lines `name => /path (address)` and `/path (address)`; the kernel's own library
/// has none.
fn parse_libraries(text: &str) -> Vec<PathBuf> {
    text.lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect()
}

/// Everything that goes into the container, as a tar archive.
fn pack(
    program: &Path,
    libraries: &[PathBuf],
    config: &Config,
    authority: &Path,
) -> Result<Vec<u8>, LabError> {
    let mut tar = tar::Builder::new(Vec::new());
    let inside = HOME.trim_start_matches('/');
    let mut add = |source: &Path, target: String, mode: u32| -> Result<(), LabError> {
        let content = std::fs::read(source).at("read", source)?;
        append(&mut tar, &target, mode, &content).at("pack", source)
    };
    add(program, format!("{inside}/plimsoll"), 0o755)?;
    for library in libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy();
        add(library, format!("{inside}/lib/{name}"), 0o755)?;
    }
    for name in ["ca.pem", "ca.key"] {
        add(
            &authority.join(name),
            format!("{inside}/{AUTHORITY_FOLDER}/{name}"),
            0o600,
        )?;
    }
    let text = serde_json::to_vec(config).map_err(|error| LabError::State {
        path: CONFIG_FILE.into(),
        cause: error.to_string(),
    })?;
    append(&mut tar, &format!("{inside}/{CONFIG_FILE}"), 0o600, &text).at("pack", CONFIG_FILE)?;
    tar.into_inner().at("pack", program)
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    mode: u32,
    content: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content)
}

/// Random text that opens the control interface.
pub(crate) fn token() -> Result<String, LabError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| LabError::Network {
        doing: "make a token for the gateway".into(),
        cause: error.to_string(),
    })?;
    Ok(hex::encode(bytes))
}

async fn last_words(docker: &Docker, name: &str) -> String {
    let options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .tail("5")
        .build();
    let mut logs = docker.logs(name, Some(options));
    let mut said = String::new();
    while let Some(Ok(line)) = logs.next().await {
        said.push_str(&line.to_string());
    }
    said.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_found() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let libraries = parse_libraries(text);
        assert_eq!(libraries.len(), 2);
        let itself = Itself {
            program: "/usr/bin/plimsoll".into(),
            gateway_program: None,
            arguments: vec!["practice".into()],
        };
        assert_eq!(
            command(&libraries, &itself),
            [
                "/opt/plimsoll/lib/ld-linux-x86-64.so.2",
                "--library-path",
                "/opt/plimsoll/lib",
                "/opt/plimsoll/plimsoll",
                "practice",
                "gateway"
            ]
        );
    }

    #[test]
    fn a_static_program_runs_without_a_loader() {
        let itself = Itself {
            program: "/p".into(),
            gateway_program: None,
            arguments: Vec::new(),
        };
        assert_eq!(command(&[], &itself), ["/opt/plimsoll/plimsoll", "gateway"]);
    }
}
