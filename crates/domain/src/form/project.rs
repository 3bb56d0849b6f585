//! A project.

use super::{Field, FieldError, FieldKind, Form, Reader, Values, write_amount, write_lines};
use crate::{
    name::Name,
    run::{POSTGRES, RunSettings},
    service::Limits,
    settings::ProjectSettings,
    version::Retention,
};

const PER_MIB: u64 = 1 << 20;
const PER_THOUSAND: u64 = 1_000;

/// What is asked for a new project.
pub fn form() -> Form {
    Form::new(
        "project",
        vec![
            Field::new("name", "Name", FieldKind::Text)
                .help("Lower-case letters, digits and dashes. It names what runs on your servers.")
                .example("shop")
                .required(),
        ],
    )
}

/// Reads it.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values) -> Result<Name, Vec<FieldError>> {
    let form = form();
    let mut reader = Reader::open(&form, values);
    let name = reader.parsed("name", Name::parse(reader.text("name")));
    reader.finish(name)
}

/// What is asked about a project's files and versions.
pub fn settings_form() -> Form {
    Form::new(
        "project_settings",
        vec![
            Field::new(
                "retention.last",
                "Newest versions to keep",
                FieldKind::whole(1, Some(100_000)),
            )
            .help("Pruning never touches these, nor what is pinned, named, active or in use.")
            .required(),
            Field::new(
                "retention.days",
                "And all younger than",
                FieldKind::whole(0, Some(36_500)),
            )
            .unit("days")
            .required(),
            Field::new("ignore", "Left out of versions", FieldKind::List)
                .help(
                    "One pattern a line, as in .gitignore. They count besides those of the \
                     project's own .gitignore and .plimsollignore.",
                )
                .example("*.log"),
            Field::new("run.database", "Postgres for local runs", FieldKind::Toggle)
                .help(
                    "Services that run on this machine share a database with a volume of its own, \
                     and find it as DATABASE_URL.",
                )
                .group("Running here"),
            Field::new("run.postgres", "Its image", FieldKind::Text)
                .example(POSTGRES)
                .required()
                .when("run.database", &["true"])
                .group("Running here"),
            Field::new("run.memory", "Memory of a container", amount(6, 20))
                .unit("MiB")
                .help("Where its service has no limit of its own; empty for none.")
                .group("Running here"),
            Field::new("run.cpu", "Processors of a container", amount(0, 3))
                .unit("cores")
                .help("Where its service has no limit of its own; empty for none.")
                .group("Running here"),
        ],
    )
}

fn optional(value: Option<u64>, per: u64) -> String {
    value.map_or_else(String::new, |value| write_amount(value, per))
}

fn amount(min: u64, decimals: u8) -> FieldKind {
    FieldKind::Number {
        min,
        max: None,
        decimals,
    }
}

/// The values of settings.
pub fn settings_written(settings: &ProjectSettings) -> Values {
    Values::from_iter([
        ("retention.last", settings.retention.last.to_string()),
        ("retention.days", settings.retention.days.to_string()),
        ("ignore", write_lines(&settings.ignore)),
        ("run.database", settings.run.postgres.is_some().to_string()),
        (
            "run.postgres",
            settings
                .run
                .postgres
                .clone()
                .unwrap_or_else(|| POSTGRES.to_owned()),
        ),
        (
            "run.memory",
            optional(settings.run.limits.memory_bytes, PER_MIB),
        ),
        (
            "run.cpu",
            optional(settings.run.limits.cpu_millis.map(u64::from), PER_THOUSAND),
        ),
    ])
}

/// Reads the settings of a project.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read_settings(values: &Values) -> Result<ProjectSettings, Vec<FieldError>> {
    let form = settings_form();
    let mut reader = Reader::open(&form, values);
    let settings = ProjectSettings {
        retention: Retention {
            last: reader.number("retention.last").unwrap_or_default(),
            days: reader.number("retention.days").unwrap_or_default(),
        },
        ignore: reader.lines("ignore"),
        run: RunSettings {
            postgres: reader
                .is_on("run.database")
                .then(|| reader.text("run.postgres").to_owned()),
            limits: Limits {
                memory_bytes: reader.amount("run.memory", PER_MIB),
                cpu_millis: reader
                    .amount("run.cpu", PER_THOUSAND)
                    .and_then(|millis| u32::try_from(millis).ok()),
                pids: RunSettings::default().limits.pids,
            },
        },
    };
    if reader.is_well()
        && let Err(invalid) = settings.check()
    {
        reader.wrong(invalid.setting, &invalid.why);
    }
    reader.finish(Some(settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_as_they_were_written() {
        let settings = ProjectSettings {
            retention: Retention { last: 7, days: 0 },
            ignore: vec!["*.log".into(), "/dist".into()],
            run: RunSettings {
                postgres: Some("postgres:16".into()),
                limits: Limits {
                    cpu_millis: Some(500),
                    ..RunSettings::default().limits
                },
            },
        };
        assert_eq!(read_settings(&settings_written(&settings)), Ok(settings));
        let errors = read_settings(&Values::from_iter([("retention.last", "0")])).unwrap_err();
        let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["retention.last", "retention.days"]);
    }

    #[test]
    fn a_refused_name_comes_with_one_that_would_do() {
        let errors = read(&Values::from_iter([("name", "My Shop")])).unwrap_err();
        assert_eq!(errors[0].field, "name");
        assert!(errors[0].message.contains("“my-shop” would do"));
    }
}
