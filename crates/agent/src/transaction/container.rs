//! The container of a deployment: what it is made of.

use crate::{
    agent::Agent,
    docker::{self, Image},
    error::{AgentError, Result},
    record::file_stem,
    secrets::{self, Owner, Values},
    shim,
};
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, Mount, MountType,
    MountVolumeOptions, NetworkingConfig, RestartPolicy, RestartPolicyNameEnum,
};
use plimsoll_domain::{job::Failure, name::Name};
use plimsoll_protocol::{Deploy, ServiceKey};
use std::collections::HashMap;

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve.
    Serve,
    /// To run the release command once.
    Release,
}

/// The network of an environment: no other environment shares it.
pub fn network_name(key: &ServiceKey) -> String {
    format!("plimsoll.{}.{}", key.project, key.environment)
}

/// The name of a service's volume. Names have no dots, so no other service's volume has it: with
/// dashes, `cache-data` of `web` would be `data` of `web-cache`.
fn volume_name(key: &ServiceKey, volume: &Name) -> String {
    format!("{}.{volume}", file_stem(key))
}

/// The name of a deployment's container.
pub fn container_name(deploy: &Deploy, purpose: Purpose) -> String {
    let name = format!("{}-{}", deploy.key.base(), deploy.deployment_id.short());
    match purpose {
        Purpose::Serve => name,
        Purpose::Release => name + "-release",
    }
}

/// Makes a container for a deployment, with its secrets in memory, and does not start it. It does
/// not restart by itself: that begins when it serves. Answers its id.
pub async fn make(
    agent: &Agent,
    deploy: &Deploy,
    values: &Values,
    purpose: Purpose,
) -> Result<String> {
    let Some(image) = agent.engine.image(deploy.image.digest()).await? else {
        return Err(AgentError::refused(
            "image_missing",
            format!("the image {} is not on this server", deploy.image),
            "Build, load or pull the image on this server first.",
        ));
    };
    agent
        .engine
        .ensure_network(&network_name(&deploy.key))
        .await?;
    let name = container_name(deploy, purpose);
    remove_left_over(agent, deploy, &name).await?;
    if !deploy.secret_names.is_empty() {
        agent.secrets.reserve(deploy.deployment_id)?;
    }
    let id = agent
        .engine
        .create(&name, body(agent, deploy, &image, purpose)?)
        .await?;
    if !deploy.secret_names.is_empty() {
        let owner = find_owner(agent, &id, &image).await;
        let placed = match owner {
            Ok(owner) => agent
                .secrets
                .materialise(deploy.deployment_id, values, owner),
            Err(error) => Err(error),
        };
        if let Err(error) = placed {
            agent.engine.remove(&id).await?;
            return Err(error);
        }
    }
    Ok(id)
}

/// A container of an earlier attempt has our name in its way. Somebody else's is not touched.
async fn remove_left_over(agent: &Agent, deploy: &Deploy, name: &str) -> Result<()> {
    let label = format!("{}={}", docker::LABEL_DEPLOYMENT, deploy.deployment_id);
    if agent.engine.see(name).await?.is_none() {
        return Ok(());
    }
    let used = in_use(agent, deploy);
    for (id, _) in agent.engine.labelled(&label).await? {
        if used.contains(&id) {
            // Taken back a moment ago: its clients may finish what they began.
            return Err(AgentError::Refused(Box::new(Failure {
                code: "still_draining".to_owned(),
                message: format!(
                    "an earlier container of “{}” still finishes its requests",
                    deploy.key.service
                ),
                evidence: Vec::new(),
                next_step: "Try again in a moment. What serves goes on serving.".to_owned(),
                retryable: true,
            })));
        }
        agent.engine.remove(&id).await?;
    }
    Ok(())
}

/// The containers of a service that its record names: they serve, or finish their requests.
pub fn in_use(agent: &Agent, deploy: &Deploy) -> Vec<String> {
    let record = agent.records.get(&deploy.key);
    record
        .into_iter()
        .flat_map(|record| {
            let retiring = record.retiring.into_iter().map(|one| one.running);
            record.serving.into_iter().chain(retiring)
        })
        .map(|running| running.container_id)
        .collect()
}

async fn find_owner(agent: &Agent, container: &str, image: &Image) -> Result<Owner> {
    let read = async |path| -> Result<String> {
        let bytes = agent.engine.read_file(container, path).await?;
        Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
    };
    let passwd = read("/etc/passwd").await?;
    let group = read("/etc/group").await?;
    secrets::owner(&image.user, &passwd, &group).ok_or_else(|| {
        AgentError::refused(
            "unknown_user",
            format!(
                "the image runs as “{}”, which its /etc/passwd does not know",
                image.user
            ),
            "Create that user in the Dockerfile, or use a number.",
        )
    })
}

fn body(
    agent: &Agent,
    deploy: &Deploy,
    image: &Image,
    purpose: Purpose,
) -> Result<ContainerCreateBody> {
    let spec = &deploy.spec;
    let network = network_name(&deploy.key);
    let command = match purpose {
        Purpose::Serve if spec.command.is_empty() => &image.command,
        Purpose::Serve => &spec.command,
        Purpose::Release => &spec.release_command,
    };
    let secret = !deploy.secret_names.is_empty();
    let (entrypoint, command) = if secret {
        let original = image.entrypoint.iter().chain(command).cloned();
        let entrypoint = vec![
            shim::SHIM_PATH.to_owned(),
            "init".to_owned(),
            "--".to_owned(),
        ];
        (Some(entrypoint), Some(original.collect()))
    } else {
        (None, Some(command.clone()))
    };
    let labels = HashMap::from([
        (docker::LABEL_MANAGED.to_owned(), "1".to_owned()),
        (docker::LABEL_SERVICE.to_owned(), file_stem(&deploy.key)),
        (
            docker::LABEL_DEPLOYMENT.to_owned(),
            deploy.deployment_id.to_string(),
        ),
    ]);
    Ok(ContainerCreateBody {
        image: Some(deploy.image.digest().to_owned()),
        // A service finds itself under its own name, too: the hosts file has the container's.
        hostname: Some(deploy.key.service.to_string()),
        env: Some(environment(deploy)?),
        entrypoint,
        cmd: command,
        labels: Some(labels),
        stop_timeout: i64::try_from(spec.stop_grace_ms.div_ceil(1000)).ok(),
        host_config: Some(host_config(agent, deploy)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network, EndpointSettings::default())])),
        }),
        ..Default::default()
    })
}

/// The plain variables, and `PORT` for applications that ask for it.
fn environment(deploy: &Deploy) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    let names_port = deploy.variables.iter().any(|(name, _)| name == "PORT")
        || deploy.secret_names.iter().any(|name| name == "PORT");
    if let (Some(port), false) = (deploy.spec.port, names_port) {
        variables.push(format!("PORT={port}"));
    }
    for (name, value) in &deploy.variables {
        let checked = plimsoll_domain::name::VariableName::parse(name);
        match checked {
            Ok(name) if !value.contains('\0') => variables.push(format!("{name}={value}")),
            _ => {
                return Err(AgentError::refused(
                    "bad_variable",
                    format!("the variable “{name}” has a name or value that no process can have"),
                    "Names are letters, digits and underscores; values are texts without NUL.",
                ));
            }
        }
    }
    Ok(variables)
}

fn host_config(agent: &Agent, deploy: &Deploy) -> HostConfig {
    let spec = &deploy.spec;
    let neighbours = agent
        .records
        .all()
        .into_iter()
        .filter(|record| {
            record.key != deploy.key && network_name(&record.key) == network_name(&deploy.key)
        })
        .map(|record| format!("{}:{}", record.key.service, record.address))
        .collect();
    let mut mounts: Vec<Mount> = spec
        .volumes
        .iter()
        .map(|volume| Mount {
            target: Some(volume.path.clone()),
            source: Some(volume_name(&deploy.key, &volume.name)),
            typ: Some(MountType::VOLUME),
            volume_options: Some(MountVolumeOptions {
                labels: Some(HashMap::from([(
                    docker::LABEL_SERVICE.to_owned(),
                    file_stem(&deploy.key),
                )])),
                ..Default::default()
            }),
            ..Default::default()
        })
        .collect();
    if !deploy.secret_names.is_empty() {
        let folder = agent.secrets.folder(deploy.deployment_id);
        for (source, target) in [
            (agent.shim.clone(), shim::SHIM_PATH),
            (
                folder.join(secrets::ENVIRONMENT_FILE),
                shim::ENVIRONMENT_PATH,
            ),
            (folder.join(secrets::FILES_FOLDER), "/run/secrets"),
        ] {
            mounts.push(Mount {
                target: Some(target.to_owned()),
                source: Some(source.to_string_lossy().into_owned()),
                typ: Some(MountType::BIND),
                read_only: Some(true),
                ..Default::default()
            });
        }
    }
    let limits = &spec.limits;
    let bytes = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    HostConfig {
        memory: limits.memory_bytes.map(bytes),
        // The same again as memory and swap: no swap beyond the limit.
        memory_swap: limits.memory_bytes.map(bytes),
        nano_cpus: limits
            .cpu_millis
            .map(|millis| i64::from(millis) * 1_000_000),
        pids_limit: limits.pids.map(i64::from),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), "20m".to_owned()),
                ("max-file".to_owned(), "3".to_owned()),
            ])),
        }),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        network_mode: Some(network_name(&deploy.key)),
        extra_hosts: Some(neighbours),
        mounts: Some(mounts),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_of_two_services_never_share_a_name() {
        let key = |service: &str| ServiceKey {
            project: Name::parse("shop").unwrap(),
            environment: Name::parse("production").unwrap(),
            service: Name::parse(service).unwrap(),
        };
        let name = |service, volume| volume_name(&key(service), &Name::parse(volume).unwrap());
        assert_ne!(name("web", "cache-data"), name("web-cache", "data"));
    }
}
