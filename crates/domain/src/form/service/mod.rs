//! A service: where its code comes from, and how it is built and run. Fields are named as
//! [`ServiceSpec::check`] names its settings, so that a refusal finds its field.

mod fields;
#[cfg(test)]
mod tests;

use super::{FieldError, Form, Reader, Values, write_amount, write_lines, write_pairs};
use crate::{
    name::Name,
    service::{
        BuildPlace, BuildSpec, HealthCheck, InvalidSpec, Limits, Probe, RestartPolicy, ServiceSpec,
        Volume, is_inside,
    },
    source::{GitReference, Source},
};

/// Milliseconds in the seconds that people type, thousandths in their cores.
const PER_THOUSAND: u64 = 1_000;
/// Bytes in a MiB.
const PER_MIB: u64 = 1 << 20;

/// What is asked for a new service.
pub fn form() -> Form {
    let mut all = vec![fields::name()];
    all.extend(fields::settings());
    Form::new("service", all)
}

/// What is asked of a service that is there.
pub fn settings_form() -> Form {
    Form::new("service_settings", fields::settings())
}

/// What a new service begins with.
pub fn blank() -> Values {
    let folder = Source::Folder {
        path: String::new(),
    };
    write(&folder, &ServiceSpec::default())
}

/// Reads a new service.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values) -> Result<(Name, Source, ServiceSpec), Vec<FieldError>> {
    let form = form();
    let mut reader = Reader::open(&form, values);
    let name = reader.parsed("name", Name::parse(reader.text("name")));
    let settings = settings(&mut reader, values);
    reader.finish(
        name.zip(settings)
            .map(|(name, (source, spec))| (name, source, spec)),
    )
}

/// Reads the settings of a service that is there.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read_settings(values: &Values) -> Result<(Source, ServiceSpec), Vec<FieldError>> {
    let form = settings_form();
    let mut reader = Reader::open(&form, values);
    let settings = settings(&mut reader, values);
    reader.finish(settings)
}

fn settings(reader: &mut Reader, values: &Values) -> Option<(Source, ServiceSpec)> {
    let source = source(reader);
    let spec = ServiceSpec {
        port: if reader.is_on("serves") {
            reader.number("port")
        } else {
            None
        },
        health: health(reader),
        limits: Limits {
            memory_bytes: reader.amount("limits.memory", PER_MIB),
            cpu_millis: millis(reader, "limits.cpu"),
            pids: reader.number("limits.pids"),
        },
        volumes: volumes(reader),
        command: reader.lines("command"),
        release_command: reader.lines("release_command"),
        restart: match reader.raw("restart") {
            "on_failure" => RestartPolicy::OnFailure,
            "never" => RestartPolicy::Never,
            _ => RestartPolicy::Always,
        },
        build: build(reader, values),
        drain_ms: ms(reader, "drain_ms"),
        stop_grace_ms: ms(reader, "stop_grace_ms"),
        keep_warm_ms: ms(reader, "keep_warm_ms"),
    };
    // A value that could not be read stands as 0 here: what the rules say of it is not news.
    if reader.is_well()
        && let Err(invalid) = spec.check()
    {
        reader.wrong(field_of(&invalid, &spec), &invalid.why);
    }
    Some((source?, spec))
}

fn source(reader: &mut Reader) -> Option<Source> {
    let source = match reader.raw("source") {
        "folder" => Source::Folder {
            path: reader.raw("source.path").to_owned(),
        },
        "git" => Source::Git {
            url: reader.text("source.url").to_owned(),
            reference: match reader.raw("source.reference") {
                // A branch's name may hold blanks, but none of ASCII.
                "branch" => {
                    GitReference::Branch(reader.raw("source.branch").trim_ascii().to_owned())
                }
                "commit" => GitReference::Commit(reader.text("source.commit").to_owned()),
                _ => GitReference::Default,
            },
            folder: reader.raw("source.folder").to_owned(),
        },
        "image" => Source::Image {
            reference: reader.text("source.image").to_owned(),
        },
        "version" => Source::Version {
            number: reader.number("source.version")?,
            folder: reader.raw("source.folder").to_owned(),
        },
        _ => return None,
    };
    let field = match &source {
        Source::Folder { .. } => "source.path",
        Source::Image { .. } => "source.image",
        Source::Git { reference, .. } if reference.check().is_err() => match reference {
            GitReference::Commit(_) => "source.commit",
            GitReference::Branch(_) | GitReference::Default => "source.branch",
        },
        Source::Git { folder, .. } | Source::Version { folder, .. } if !is_inside(folder) => {
            "source.folder"
        }
        Source::Version { .. } => "source.version",
        Source::Git { .. } => "source.url",
    };
    let checked = source.check();
    reader.parsed(field, checked)?;
    Some(source)
}

fn health(reader: &mut Reader) -> HealthCheck {
    HealthCheck {
        probe: match reader.raw("health") {
            "tcp" => Probe::Tcp,
            "command" => Probe::Command {
                argv: reader.lines("health.command"),
            },
            "running" => Probe::Running,
            _ => Probe::Http {
                path: reader.text("health.path").to_owned(),
                statuses: statuses(reader),
            },
        },
        interval_ms: ms(reader, "health.interval_ms"),
        timeout_ms: ms(reader, "health.timeout_ms"),
        start_ms: ms(reader, "health.start_ms"),
        successes: reader.number("health.successes").unwrap_or_default(),
        failures: reader.number("health.failures").unwrap_or_default(),
    }
}

fn statuses(reader: &mut Reader) -> Vec<u16> {
    let words = reader
        .raw("health.statuses")
        .split([',', ';', ' ', '\t', '\n'])
        .filter(|word| !word.is_empty());
    let read: Result<Vec<u16>, _> = words
        .map(|word| {
            word.parse()
                .map_err(|_| format!("“{word}” is no status: write 200, 204"))
        })
        .collect();
    reader.parsed("health.statuses", read).unwrap_or_default()
}

fn volumes(reader: &mut Reader) -> Vec<Volume> {
    let read: Result<Vec<Volume>, String> = reader
        .lines("volumes")
        .into_iter()
        .map(|line| match line.split_once(':') {
            Some((name, path)) => Ok(Volume {
                name: Name::parse(name.trim()).map_err(|error| error.to_string())?,
                path: path.to_owned(),
            }),
            None => Err(format!("“{line}” should read name:/path")),
        })
        .collect();
    reader.parsed("volumes", read).unwrap_or_default()
}

/// What the build of a service from an image would be is not asked, and kept as it stands.
fn build(reader: &mut Reader, values: &Values) -> BuildSpec {
    if reader.raw("source") == "image" {
        let form = Form::new("build", fields::build());
        let mut unasked = Reader::open(&form, values);
        let build = build_asked(&mut unasked);
        let checked = build.check().is_ok() && unasked.is_well();
        return if checked { build } else { BuildSpec::default() };
    }
    build_asked(reader)
}

fn build_asked(reader: &mut Reader) -> BuildSpec {
    BuildSpec {
        dockerfile: reader.raw("build.dockerfile").to_owned(),
        target: reader.text("build.target").to_owned(),
        args: reader.pairs("build.args"),
        place: match reader.raw("build.place") {
            "local" => BuildPlace::Local,
            _ => BuildPlace::Server,
        },
        timeout_ms: ms(reader, "build.timeout_ms"),
    }
}

fn ms(reader: &mut Reader, field: &str) -> u64 {
    reader.amount(field, PER_THOUSAND).unwrap_or_default()
}

fn millis(reader: &mut Reader, field: &str) -> Option<u32> {
    let amount = reader.amount(field, PER_THOUSAND)?;
    let narrow = u32::try_from(amount).map_err(|_| "this number is too large");
    reader.parsed(field, narrow)
}

/// The field that a refused setting is typed into.
fn field_of(invalid: &InvalidSpec, spec: &ServiceSpec) -> &'static str {
    match invalid.setting {
        "health" if spec.health.timeout_ms == 0 => "health.timeout_ms",
        "health" if spec.health.start_ms == 0 => "health.start_ms",
        "health" if spec.health.successes == 0 => "health.successes",
        "health" if spec.health.failures == 0 => "health.failures",
        "limits" if spec.limits.pids == Some(0) => "limits.pids",
        "limits" => "limits.cpu",
        setting => setting,
    }
}

/// The values of a service, which read back to the same.
pub fn write(source: &Source, spec: &ServiceSpec) -> Values {
    let mut values = Values::default();
    write_source(&mut values, source);
    values.set_toggle("serves", spec.port.is_some());
    // A worker that gets a port begins with the usual one.
    let port = spec.port.or(ServiceSpec::default().port);
    values.set(
        "port",
        port.map(|port| port.to_string()).unwrap_or_default(),
    );
    write_health(&mut values, &spec.health);
    let limits = &spec.limits;
    let optional = |amount: Option<u64>, per| {
        amount
            .map(|amount| write_amount(amount, per))
            .unwrap_or_default()
    };
    values.set("limits.memory", optional(limits.memory_bytes, PER_MIB));
    values.set(
        "limits.cpu",
        optional(limits.cpu_millis.map(u64::from), PER_THOUSAND),
    );
    values.set("limits.pids", optional(limits.pids.map(u64::from), 1));
    let volumes: Vec<String> = spec
        .volumes
        .iter()
        .map(|volume| format!("{}:{}", volume.name, volume.path))
        .collect();
    values.set("volumes", write_lines(&volumes));
    values.set("command", write_lines(&spec.command));
    values.set("release_command", write_lines(&spec.release_command));
    values.set(
        "restart",
        match spec.restart {
            RestartPolicy::Always => "always",
            RestartPolicy::OnFailure => "on_failure",
            RestartPolicy::Never => "never",
        },
    );
    values.set("build.dockerfile", spec.build.dockerfile.clone());
    values.set("build.target", spec.build.target.clone());
    values.set("build.args", write_pairs(&spec.build.args));
    values.set(
        "build.place",
        match spec.build.place {
            BuildPlace::Server => "server",
            BuildPlace::Local => "local",
        },
    );
    for (field, amount) in [
        ("build.timeout_ms", spec.build.timeout_ms),
        ("drain_ms", spec.drain_ms),
        ("stop_grace_ms", spec.stop_grace_ms),
        ("keep_warm_ms", spec.keep_warm_ms),
    ] {
        values.set(field, write_amount(amount, PER_THOUSAND));
    }
    values
}

fn write_source(values: &mut Values, source: &Source) {
    values.set("source.reference", "default");
    match source {
        Source::Folder { path } => {
            values.set("source", "folder");
            values.set("source.path", path.clone());
        }
        Source::Git {
            url,
            reference,
            folder,
        } => {
            values.set("source", "git");
            values.set("source.url", url.clone());
            values.set("source.folder", folder.clone());
            match reference {
                GitReference::Default => {}
                GitReference::Branch(name) => {
                    values.set("source.reference", "branch");
                    values.set("source.branch", name.clone());
                }
                GitReference::Commit(hash) => {
                    values.set("source.reference", "commit");
                    values.set("source.commit", hash.clone());
                }
            }
        }
        Source::Image { reference } => {
            values.set("source", "image");
            values.set("source.image", reference.clone());
        }
        Source::Version { number, folder } => {
            values.set("source", "version");
            values.set("source.version", number.to_string());
            values.set("source.folder", folder.clone());
        }
    }
}

fn write_health(values: &mut Values, health: &HealthCheck) {
    // A service that comes to be asked over HTTP begins with the usual path.
    values.set("health.path", "/");
    match &health.probe {
        Probe::Http { path, statuses } => {
            let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
            values.set("health", "http");
            values.set("health.path", path.clone());
            values.set("health.statuses", statuses.join(", "));
        }
        Probe::Tcp => values.set("health", "tcp"),
        Probe::Command { argv } => {
            values.set("health", "command");
            values.set("health.command", write_lines(argv));
        }
        Probe::Running => values.set("health", "running"),
    }
    for (field, amount) in [
        ("health.interval_ms", health.interval_ms),
        ("health.timeout_ms", health.timeout_ms),
        ("health.start_ms", health.start_ms),
    ] {
        values.set(field, write_amount(amount, PER_THOUSAND));
    }
    values.set("health.successes", health.successes.to_string());
    values.set("health.failures", health.failures.to_string());
}
