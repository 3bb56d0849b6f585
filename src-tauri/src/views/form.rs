//! Forms: what is asked, what stands there, what is wrong.

use super::mirror::mirror;
use plimsoll_domain::form::{Choice, Field, FieldError, FieldKind, Form, FormKind, Values};
use plimsoll_engine::OpenForm;
use serde::{Deserialize, Serialize};
use specta::Type;
use std::{collections::BTreeMap, fmt};

mirror! {
    /// Every form there is.
    FormKindView of FormKind {
        /// A new project.
        Project,
        /// How a project's files and versions are treated.
        ProjectSettings,
        /// A new environment.
        Environment,
        /// The servers of an environment.
        EnvironmentServers,
        /// A new service.
        Service,
        /// The settings of a service.
        ServiceSettings,
        /// A variable.
        Variable,
        /// A login at a provider.
        Account,
        /// Another token for a login.
        AccountToken,
        /// A name that shall lead to a service.
        Domain,
        /// A server to be rented.
        Server,
        /// A server that somebody set up.
        AddServer,
        /// A base snapshot.
        BaseSnapshot,
        /// What the people of this device prefer.
        Preferences,
    }
}

/// What stands in a form's fields, by their names. Some of it may be secret, so it is not printed.
#[derive(Clone, Serialize, Deserialize, Type)]
#[serde(transparent)]
pub struct ValuesView(BTreeMap<String, String>);

impl fmt::Debug for ValuesView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl From<ValuesView> for Values {
    fn from(values: ValuesView) -> Self {
        Self(values.0)
    }
}

impl From<Values> for ValuesView {
    fn from(values: Values) -> Self {
        Self(values.0)
    }
}

/// A form that is opened.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct OpenFormView {
    /// What is asked.
    pub form: FormView,
    /// What stands there.
    pub values: ValuesView,
    /// What somebody had typed when they left, without secrets.
    pub draft: Option<ValuesView>,
}

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FormView {
    /// Which form it is.
    pub id: String,
    /// The fields, in their order.
    pub fields: Vec<FieldView>,
}

/// One thing that is asked.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FieldView {
    /// Name among the values.
    pub name: String,
    /// What people read beside it.
    pub label: String,
    /// A sentence that explains it.
    pub help: String,
    /// An example.
    pub placeholder: String,
    /// Unit of a number.
    pub unit: String,
    /// Heading that it stands under.
    pub group: String,
    /// Whether it may not be left empty.
    pub required: bool,
    /// What may be typed.
    pub kind: FieldKindView,
    /// When it is asked at all.
    pub shown_when: Option<ShownWhenView>,
}

/// A condition on another field.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ShownWhenView {
    /// The other field.
    pub field: String,
    /// Its values with which this one is asked.
    pub values: Vec<String>,
}

/// What may be typed into a field.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FieldKindView {
    /// A line of text.
    Text,
    /// Text of several lines.
    Multiline,
    /// Masked text.
    Secret,
    /// A number.
    Number {
        /// Smallest.
        min: u64,
        /// Largest.
        max: Option<u64>,
        /// Digits after the point.
        decimals: u8,
    },
    /// `true` or `false`.
    Toggle,
    /// One of these.
    Choice {
        /// In their order.
        options: Vec<ChoiceView>,
    },
    /// Any of these, one a line.
    Several {
        /// In their order.
        options: Vec<ChoiceView>,
    },
    /// Items, one a line.
    List,
    /// `NAME=value`, one a line.
    Pairs,
    /// A folder on this machine.
    Folder,
}

/// Something to choose.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ChoiceView {
    /// What stands in the values.
    pub value: String,
    /// What people read.
    pub label: String,
    /// A sentence that explains it.
    pub help: String,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct FieldErrorView {
    /// The field's name.
    pub field: String,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl From<OpenForm> for OpenFormView {
    fn from(opened: OpenForm) -> Self {
        Self {
            form: opened.form.into(),
            values: opened.values.into(),
            draft: opened.draft.map(Into::into),
        }
    }
}

impl From<Form> for FormView {
    fn from(form: Form) -> Self {
        Self {
            id: form.id,
            fields: form.fields.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Field> for FieldView {
    fn from(field: Field) -> Self {
        Self {
            name: field.name,
            label: field.label,
            help: field.help,
            placeholder: field.placeholder,
            unit: field.unit,
            group: field.group,
            required: field.required,
            kind: field.kind.into(),
            shown_when: field.shown_when.map(|when| ShownWhenView {
                field: when.field,
                values: when.values,
            }),
        }
    }
}

impl From<FieldKind> for FieldKindView {
    fn from(kind: FieldKind) -> Self {
        let all = |options: Vec<Choice>| options.into_iter().map(Into::into).collect();
        match kind {
            FieldKind::Text => Self::Text,
            FieldKind::Multiline => Self::Multiline,
            FieldKind::Secret => Self::Secret,
            FieldKind::Number { min, max, decimals } => Self::Number { min, max, decimals },
            FieldKind::Toggle => Self::Toggle,
            FieldKind::Choice { options } => Self::Choice {
                options: all(options),
            },
            FieldKind::Several { options } => Self::Several {
                options: all(options),
            },
            FieldKind::List => Self::List,
            FieldKind::Pairs => Self::Pairs,
            FieldKind::Folder => Self::Folder,
        }
    }
}

impl From<Choice> for ChoiceView {
    fn from(choice: Choice) -> Self {
        Self {
            value: choice.value,
            label: choice.label,
            help: choice.help,
        }
    }
}

impl From<FieldError> for FieldErrorView {
    fn from(error: FieldError) -> Self {
        Self {
            field: error.field,
            message: error.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_domain::form;
    use std::{fs, path::Path};

    /// The pages' fixtures show the forms that the engine opens, not what they once were.
    #[test]
    fn the_forms_of_the_fixtures_are_the_forms_of_today() {
        let opened = |form: Form, values: Values| OpenFormView {
            form: form.into(),
            values: values.into(),
            draft: None,
        };
        let source = plimsoll_domain::source::Source::Folder {
            path: "/home/ada/shop".to_owned(),
        };
        let spec = plimsoll_domain::service::ServiceSpec::default();
        let forms = BTreeMap::from([
            ("project", opened(form::project::form(), Values::default())),
            (
                "project_settings",
                opened(
                    form::project::settings_form(),
                    form::project::settings_written(&Default::default()),
                ),
            ),
            (
                "service",
                opened(form::service::form(), form::service::blank()),
            ),
            (
                "service_settings",
                opened(
                    form::service::settings_form(),
                    form::service::write(&source, &spec),
                ),
            ),
            (
                "variable",
                opened(form::variable::form(), Values::default()),
            ),
            (
                "preferences",
                opened(
                    form::preferences::form(),
                    form::preferences::written(&Default::default()),
                ),
            ),
        ]);
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/mock/forms.json");
        let before = fs::read_to_string(&fixture).unwrap_or_default();
        let today = serde_json::to_string_pretty(&forms).unwrap() + "\n";
        fs::write(&fixture, &today).unwrap();
        assert!(
            before == today,
            "ui/src/mock/forms.json was out of date and has been written anew: commit it"
        );
    }
}
