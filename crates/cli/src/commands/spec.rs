//! Flags become a source and a specification.

use crate::{
    args::{BuildOn, Restart, SourceArguments, SpecArguments},
    desk::Desk,
    failure::{Answer, Failed},
};
use plimsoll_domain::{
    name::Name,
    service::{BuildPlace, Probe, RestartPolicy, ServiceSpec, Volume},
    source::{GitReference, Source},
};

/// The source that was named, when one was.
pub fn source(arguments: &SourceArguments) -> Answer<Option<Source>> {
    if let Some(folder) = &arguments.folder {
        let absolute = std::path::absolute(folder).ok();
        let Some(path) = absolute.as_deref().and_then(|path| path.to_str()) else {
            return Err(Failed::input(
                "invalid_folder",
                format!(
                    "The path {} cannot be written down as text.",
                    folder.display()
                ),
                "Rename the folder.",
            ));
        };
        return Ok(Some(Source::Folder {
            path: path.to_owned(),
        }));
    }
    if let Some(url) = &arguments.git {
        let reference = reference(arguments.branch.as_deref(), arguments.commit.as_deref());
        return Ok(Some(Source::Git {
            url: url.clone(),
            reference: reference.unwrap_or(GitReference::Default),
            folder: arguments.subfolder.clone().unwrap_or_default(),
        }));
    }
    if let Some(number) = arguments.at_version {
        return Ok(Some(Source::Version {
            number,
            folder: arguments.subfolder.clone().unwrap_or_default(),
        }));
    }
    Ok(arguments
        .image
        .clone()
        .map(|reference| Source::Image { reference }))
}

/// The branch or commit that was named, when one was.
pub fn reference(branch: Option<&str>, commit: Option<&str>) -> Option<GitReference> {
    match (branch, commit) {
        (_, Some(commit)) => Some(GitReference::Commit(commit.to_owned())),
        (Some(branch), None) => Some(GitReference::Branch(branch.to_owned())),
        (None, None) => None,
    }
}

/// A specification: what was given over what stood there.
pub async fn spec(
    desk: &Desk,
    given: &SpecArguments,
    mut spec: ServiceSpec,
) -> Answer<ServiceSpec> {
    if let Some(name) = &given.configuration {
        spec = desk
            .engine
            .configuration_named(&Name::parse(name)?)
            .await?
            .spec;
    }
    if let Some(port) = given.port {
        spec.port = (port != 0).then_some(port);
    }
    if let Some(path) = &given.health_path {
        spec.health.probe = Probe::Http {
            path: path.clone(),
            statuses: given.health_status.clone(),
        };
    } else if given.health_tcp {
        spec.health.probe = Probe::Tcp;
    } else if !given.health_command.is_empty() {
        spec.health.probe = Probe::Command {
            argv: given.health_command.clone(),
        };
    } else if given.health_running || given.port == Some(0) {
        spec.health.probe = Probe::Running;
    }
    set(
        &mut spec.health.start_ms,
        given.health_start.map(|seconds| seconds * 1_000),
    );
    set(
        &mut spec.drain_ms,
        given.drain.map(|seconds| seconds * 1_000),
    );
    set(
        &mut spec.keep_warm_ms,
        given.keep_warm.map(|seconds| seconds * 1_000),
    );
    if let Some(mib) = given.memory {
        spec.limits.memory_bytes = (mib > 0).then(|| mib.saturating_mul(1024 * 1024));
    }
    if let Some(cpus) = given.cpus {
        if !(cpus.is_finite() && (0.0..=1024.0).contains(&cpus)) {
            return Err(Failed::input(
                "invalid_cpus",
                format!("{cpus} processors cannot be had."),
                "",
            ));
        }
        spec.limits.cpu_millis = (cpus > 0.0).then_some((cpus * 1_000.0).round() as u32);
    }
    if !given.volumes.is_empty() {
        spec.volumes = given
            .volumes
            .iter()
            .map(|text| volume(text))
            .collect::<Answer<_>>()?;
    }
    set(&mut spec.command, given.command.clone());
    set(&mut spec.release_command, given.release_command.clone());
    set(
        &mut spec.restart,
        given.restart.map(|restart| match restart {
            Restart::Always => RestartPolicy::Always,
            Restart::OnFailure => RestartPolicy::OnFailure,
            Restart::Never => RestartPolicy::Never,
        }),
    );
    set(&mut spec.build.dockerfile, given.dockerfile.clone());
    set(
        &mut spec.build.timeout_ms,
        given.build_timeout.map(|seconds| seconds * 1_000),
    );
    set(&mut spec.build.target, given.build_target.clone());
    set(
        &mut spec.build.place,
        given.build_on.map(|place| match place {
            BuildOn::Server => BuildPlace::Server,
            BuildOn::Local => BuildPlace::Local,
        }),
    );
    if !given.build_args.is_empty() {
        spec.build.args = given
            .build_args
            .iter()
            .map(|text| pair(text))
            .collect::<Answer<_>>()?;
    }
    Ok(spec)
}

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *place = value;
    }
}

fn volume(text: &str) -> Answer<Volume> {
    match text.split_once(':') {
        Some((name, path)) if path.starts_with('/') => Ok(Volume {
            name: Name::parse(name)?,
            path: path.to_owned(),
        }),
        _ => Err(Failed::input(
            "invalid_volume",
            format!("“{text}” should read name:/path."),
            "",
        )),
    }
}

fn pair(text: &str) -> Answer<(String, String)> {
    let wrong = || {
        Failed::input(
            "invalid_build_arg",
            format!("“{text}” should read NAME=VALUE."),
            "",
        )
    };
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(wrong)?;
    Ok((name.to_owned(), value.to_owned()))
}
