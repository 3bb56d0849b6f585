//! A project.

use super::{Field, FieldError, FieldKind, Form, Reader, Values, write_lines};
use crate::{name::Name, settings::ProjectSettings, version::Retention};

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
        ],
    )
}

/// The values of settings.
pub fn settings_written(settings: &ProjectSettings) -> Values {
    Values::from_iter([
        ("retention.last", settings.retention.last.to_string()),
        ("retention.days", settings.retention.days.to_string()),
        ("ignore", write_lines(&settings.ignore)),
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
