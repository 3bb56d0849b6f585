//! Making a container and starting it, with its secrets in nobody's record.
//!
//! A server mounts secrets from its memory. Here they travel over the standard input of the
//! container's first process, which is our shim: it takes them, puts them into memory, and becomes
//! the application. Neither the engine's records nor any disk ever has them.

use super::super::LocalEngine;
use crate::docker::{engine::failure, is_absence};
use bollard::{
    Docker, body_full,
    errors::Error,
    models::{
        ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType,
        NetworkingConfig, PortBinding,
    },
    query_parameters as query,
};
use plimsoll_domain::Secret;
use plimsoll_engine::ports::{LocalRuns, PortError, PortResult, RunContainer, RunOrder};
use std::{collections::HashMap, io};
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

/// Where the shim lies in a container.
const SHIM: &str = "/.plimsoll/init";
/// Where it puts one file a secret.
const SECRETS: &str = "/run/secrets";

pub(super) async fn start(engine: &LocalEngine, order: &RunOrder) -> PortResult<RunContainer> {
    match attempt(engine, order, order.wish).await {
        // Somebody else has the port by now.
        Err(error) if order.wish.is_some() && error.code() == "run_port_taken" => {
            attempt(engine, order, None).await
        }
        done => done,
    }
}

async fn attempt(
    engine: &LocalEngine,
    order: &RunOrder,
    wish: Option<u16>,
) -> PortResult<RunContainer> {
    let (_, client) = engine.found().await?;
    let body = body(client, order, wish).await?;
    let options = query::CreateContainerOptionsBuilder::default()
        .name(&order.name)
        .build();
    let made = client.create_container(Some(options), body).await;
    let id = made.map_err(|error| not_made(order, error))?.id;
    let started = run(engine, client, order, &id).await;
    let Err(error) = started else {
        let seen = engine.see(&order.mark.home, &id).await?;
        return seen.ok_or_else(|| {
            PortError::new("run_ended", "The container was removed by somebody else.")
                .next_step("Run the service here again.")
        });
    };
    let options = query::RemoveContainerOptionsBuilder::default()
        .v(true)
        .force(true)
        .build();
    if let Err(left) = client.remove_container(&id, Some(options)).await {
        tracing::warn!("a container that did not start is left: {left}");
    }
    Err(error)
}

async fn run(engine: &LocalEngine, client: &Docker, order: &RunOrder, id: &str) -> PortResult<()> {
    let Some(secrets) = &order.secrets else {
        let started = client.start_container(id, None).await;
        return started.map_err(not_started);
    };
    let message = message(secrets)?;
    place_shim(engine, client, id).await?;
    let options = query::AttachContainerOptionsBuilder::default()
        .stdin(true)
        .stream(true)
        .build();
    // Before it starts, so that the shim finds somebody at the other end.
    let attached = client.attach_container(id, Some(options)).await;
    let mut attached = attached.map_err(|error| failure("attach to a container", error))?;
    client
        .start_container(id, None)
        .await
        .map_err(not_started)?;
    let given = async {
        attached.input.write_all(&message).await?;
        attached.input.flush().await
    };
    given.await.map_err(|error: io::Error| {
        PortError::new("docker_failed", "the container did not take its secrets")
            .evidence(error.to_string())
            .next_step("Look at the engine: `docker info`.")
    })
}

/// The agent's program is the shim: it is made for any Linux.
async fn place_shim(engine: &LocalEngine, client: &Docker, id: &str) -> PortResult<()> {
    let architecture = engine.engine().await?.architecture;
    let program = crate::agent::program_for(&architecture).await?;
    let mut archive = tar::Builder::new(Vec::with_capacity(program.len() + 4_096));
    let mut header = |path: &str, kind: tar::EntryType, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, path, content)
    };
    let packed = header(".plimsoll/", tar::EntryType::Directory, &[])
        .and_then(|()| {
            header(
                SHIM.trim_start_matches('/'),
                tar::EntryType::Regular,
                &program,
            )
        })
        .and_then(|()| archive.into_inner());
    let packed = packed.map_err(|error| {
        PortError::new("file_local", format!("packing the shim failed: {error}"))
    })?;
    let options = query::UploadToContainerOptionsBuilder::default()
        .path("/")
        .build();
    client
        .upload_to_container(id, Some(options), body_full(packed.into()))
        .await
        .map_err(|error| failure("put the shim into a container", error))
}

/// The secrets as the shim takes them: their length in bytes as a decimal line, then each as
/// `NAME=value` ended by NUL, which no value can hold.
fn message(secrets: &Secret) -> PortResult<Zeroizing<Vec<u8>>> {
    let values: HashMap<String, Zeroizing<String>> =
        serde_json::from_str::<HashMap<String, String>>(secrets.expose())
            .map_err(|_| PortError::new("internal", "Secrets are no JSON object of texts."))?
            .into_iter()
            .map(|(name, value)| (name, Zeroizing::new(value)))
            .collect();
    let mut body = Zeroizing::new(Vec::new());
    for (name, value) in &values {
        if value.contains('\0') {
            return Err(PortError::new(
                "bad_variable",
                format!("the secret “{name}” holds a NUL, which no process can have"),
            )
            .next_step("Set it again without."));
        }
        for part in [name.as_bytes(), b"=", value.as_bytes(), b"\0"] {
            body.extend_from_slice(part);
        }
    }
    let mut message = Zeroizing::new(format!("{}\n", body.len()).into_bytes());
    message.extend_from_slice(&body);
    Ok(message)
}

async fn body(
    client: &Docker,
    order: &RunOrder,
    wish: Option<u16>,
) -> PortResult<ContainerCreateBody> {
    let given = (!order.command.is_empty()).then(|| order.command.clone());
    let has_secrets = order.secrets.is_some();
    let (entrypoint, command) = if has_secrets {
        let image = match client.inspect_image(&order.image).await {
            Ok(image) => image.config.unwrap_or_default(),
            Err(error) if is_absence(&error) => return Err(image_gone(order)),
            Err(error) => return Err(failure("describe an image", error)),
        };
        let own = image.entrypoint.unwrap_or_default();
        let rest = given.or(image.cmd).unwrap_or_default();
        let shim = [SHIM, "receive", "--"].map(str::to_owned).to_vec();
        (Some(shim), Some(own.into_iter().chain(rest).collect()))
    } else {
        (None, given)
    };
    let port = order.port.map(|port| format!("{port}/tcp"));
    let endpoint = EndpointSettings {
        aliases: Some(order.aliases.clone()),
        ..EndpointSettings::default()
    };
    Ok(ContainerCreateBody {
        image: Some(order.image.clone()),
        hostname: order.aliases.first().cloned(),
        env: Some(order.env.clone()),
        entrypoint,
        cmd: command,
        labels: Some(order.mark.labels().into_iter().collect()),
        stop_timeout: i64::try_from(order.stop_grace_ms.div_ceil(1000)).ok(),
        exposed_ports: port.clone().map(|port| vec![port]),
        attach_stdin: Some(has_secrets),
        open_stdin: Some(has_secrets),
        stdin_once: Some(has_secrets),
        host_config: Some(host_config(order, port, wish)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(order.network.clone(), endpoint)])),
        }),
        ..ContainerCreateBody::default()
    })
}

fn host_config(order: &RunOrder, port: Option<String>, wish: Option<u16>) -> HostConfig {
    let limits = &order.limits;
    let bytes = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mounts = order.volumes.iter().map(|(name, path)| Mount {
        target: Some(path.clone()),
        source: Some(name.clone()),
        typ: Some(MountType::VOLUME),
        ..Mount::default()
    });
    let binding = PortBinding {
        host_ip: Some("127.0.0.1".to_owned()),
        host_port: Some(wish.map(|port| port.to_string()).unwrap_or_default()),
    };
    HostConfig {
        memory: limits.memory_bytes.map(bytes),
        // The same again as memory and swap: no swap beyond the limit.
        memory_swap: limits.memory_bytes.map(bytes),
        nano_cpus: limits
            .cpu_millis
            .map(|millis| i64::from(millis) * 1_000_000),
        pids_limit: limits.pids.map(i64::from),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), "20m".to_owned()),
                ("max-file".to_owned(), "3".to_owned()),
            ])),
        }),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        network_mode: Some(order.network.clone()),
        port_bindings: port.map(|port| HashMap::from([(port, Some(vec![binding]))])),
        mounts: Some(mounts.collect()),
        tmpfs: order.secrets.is_some().then(|| {
            let options = "rw,noexec,nosuid,nodev,size=64m,mode=1777".to_owned();
            HashMap::from([(SECRETS.to_owned(), options)])
        }),
        ..HostConfig::default()
    }
}

fn image_gone(order: &RunOrder) -> PortError {
    PortError::new(
        "image_missing",
        "The image is not on this machine any more.",
    )
    .evidence(order.image.clone())
    .next_step("Run the service here again: its image is built anew.")
}

fn not_made(order: &RunOrder, error: Error) -> PortError {
    match &error {
        Error::DockerResponseServerError {
            status_code: 409, ..
        } => PortError::new(
            "run_name_taken",
            format!("There is a container “{}” already.", order.name),
        )
        .evidence(error.to_string())
        .next_step("Remove it, or rename it, if it is not needed: `docker rm`."),
        Error::DockerResponseServerError {
            status_code: 404, ..
        } => image_gone(order),
        _ => failure("make a container", error),
    }
}

/// The engine's words for a port that somebody has: its own and its proxy's.
fn not_started(error: Error) -> PortError {
    let said = error.to_string();
    let taken = ["port is already allocated", "address already in use"];
    if taken.iter().any(|words| said.contains(words)) {
        return PortError::new("run_port_taken", "A port on this machine is taken.")
            .evidence(said)
            .next_step("Run it again: another port is taken then.")
            .retryable();
    }
    let Error::DockerResponseServerError {
        status_code: 400, ..
    } = error
    else {
        return failure("start a container", error);
    };
    PortError::new(
        "run_not_startable",
        "The container's program cannot be run.",
    )
    .evidence(said)
    .next_step("Correct the command of the service, or the Dockerfile's ENTRYPOINT and CMD.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_travel_with_their_length() {
        let sent = message(&Secret::new(r#"{"TOKEN":"a=b\nc"}"#)).unwrap();
        assert_eq!(&sent[..], b"12\nTOKEN=a=b\nc\0");
        let refused = message(&Secret::new(r#"{"TOKEN":"a\u0000b"}"#)).unwrap_err();
        assert_eq!(refused.code(), "bad_variable");
        assert!(!format!("{refused:?}").contains("a\\0b"));
    }
}
