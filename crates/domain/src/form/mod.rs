//! What people are asked, as data: fields with their types, rules and help. A form is rendered from
//! this description, and what was typed is read by the same rules that the engine goes by.
//!
//! Each noun has a file here with `form(…) -> Form` and `read(&Values) -> Result<_, Vec<FieldError>>`.

pub mod account;
pub mod domain;
pub mod environment;
pub mod preferences;
pub mod project;
mod read;
pub mod server;
pub mod service;
mod text;
pub mod variable;

pub use read::Reader;
pub use text::{read_amount, read_lines, read_pairs, write_amount, write_lines, write_pairs};

use crate::preferences::Preferences;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Every form there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormKind {
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
    /// A new login at DigitalOcean or Cloudflare.
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

impl FormKind {
    /// Its name, as settings and drafts know it.
    pub fn as_str(self) -> &'static str {
        match self {
            FormKind::Project => "project",
            FormKind::ProjectSettings => "project_settings",
            FormKind::Environment => "environment",
            FormKind::EnvironmentServers => "environment_servers",
            FormKind::Service => "service",
            FormKind::ServiceSettings => "service_settings",
            FormKind::Variable => "variable",
            FormKind::Account => "account",
            FormKind::AccountToken => "account_token",
            FormKind::Domain => "domain",
            FormKind::Server => "server",
            FormKind::AddServer => "add_server",
            FormKind::BaseSnapshot => "base_snapshot",
            FormKind::Preferences => "preferences",
        }
    }

    /// Whether it can be opened only with an answer of a provider. Such a form asks no secret.
    pub fn asks_provider(self) -> bool {
        matches!(self, FormKind::Server | FormKind::BaseSnapshot)
    }

    /// Whether what was typed is kept until the form is opened again. A variable's plain value may
    /// turn out to be a secret by the next click.
    pub fn keeps_drafts(self) -> bool {
        self != FormKind::Variable
    }

    /// Everything that is wrong with what was typed.
    pub fn check(self, values: &Values) -> Vec<FieldError> {
        let wrong = match self {
            FormKind::Project => project::read(values).err(),
            FormKind::ProjectSettings => project::read_settings(values).err(),
            FormKind::Environment => environment::read(values).err(),
            FormKind::EnvironmentServers => environment::read_servers(values).err(),
            FormKind::Service => service::read(values).err(),
            FormKind::ServiceSettings => service::read_settings(values).err(),
            FormKind::Variable => variable::read(values).err(),
            FormKind::Account => account::read(values).err(),
            FormKind::AccountToken => account::read_token(values).err(),
            FormKind::Domain => domain::read(values).err(),
            FormKind::Server => server::read(values).err(),
            FormKind::AddServer => server::read_add(values).err(),
            FormKind::BaseSnapshot => server::read_base(values).err(),
            FormKind::Preferences => preferences::read(values, &Preferences::default()).err(),
        };
        wrong.unwrap_or_default()
    }
}

/// A description of everything that is asked at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Which form it is.
    pub id: String,
    /// The fields, in their order.
    pub fields: Vec<Field>,
}

/// One thing that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name among the values.
    pub name: String,
    /// What people read beside it.
    pub label: String,
    /// A sentence that explains it; empty where the label says all.
    pub help: String,
    /// An example.
    pub placeholder: String,
    /// Unit of a number: `s`, `MiB`; empty for none.
    pub unit: String,
    /// Heading that it stands under; empty for the first, unnamed group.
    pub group: String,
    /// Whether it may not be left empty while it is shown.
    pub required: bool,
    /// What may be typed.
    pub kind: FieldKind,
    /// When it is asked at all; `None` means always.
    pub shown_when: Option<ShownWhen>,
}

/// A condition on another field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownWhen {
    /// The other field.
    pub field: String,
    /// Its values with which this one is asked.
    pub values: Vec<String>,
}

/// What may be typed into a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FieldKind {
    /// A line of text.
    Text,
    /// Text of several lines.
    Multiline,
    /// Text that is masked, never kept in a draft and never sent back.
    Secret,
    /// A number, in the field's unit.
    Number {
        /// Smallest.
        min: u64,
        /// Largest; `None` for no limit.
        max: Option<u64>,
        /// How many digits after the point; 0 for whole numbers.
        decimals: u8,
    },
    /// `true` or `false`.
    Toggle,
    /// One of these.
    Choice {
        /// In their order.
        options: Vec<Choice>,
    },
    /// Any of these, one value a line, in the order in which they were chosen.
    Several {
        /// In their order.
        options: Vec<Choice>,
    },
    /// Items, one a line.
    List,
    /// `NAME=value`, one a line.
    Pairs,
    /// The absolute path of a folder on this machine.
    Folder,
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What stands in the values.
    pub value: String,
    /// What people read.
    pub label: String,
    /// A sentence that explains it; empty where the label says all.
    pub help: String,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// What is wrong, in a sentence. Never quotes a secret.
    pub message: String,
}

impl Form {
    /// A form of these fields.
    pub fn new(id: &str, fields: Vec<Field>) -> Self {
        Self {
            id: id.to_owned(),
            fields,
        }
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether a field is asked, given the other values. A field below one that is not asked is not
    /// asked either.
    pub fn is_shown(&self, field: &Field, values: &Values) -> bool {
        match &field.shown_when {
            None => true,
            Some(when) => {
                when.values
                    .iter()
                    .any(|value| value == values.get(&when.field))
                    && self
                        .field(&when.field)
                        .is_none_or(|above| self.is_shown(above, values))
            }
        }
    }

    /// What may be kept until the form is opened again: values of its own fields, without secrets.
    pub fn draft(&self, values: &Values) -> Values {
        self.fields
            .iter()
            .filter(|field| field.kind != FieldKind::Secret)
            .filter_map(|field| Some((field.name.as_str(), values.0.get(&field.name)?)))
            .collect()
    }
}

impl Field {
    /// A field that is always asked and may be left empty.
    pub fn new(name: &str, label: &str, kind: FieldKind) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            help: String::new(),
            placeholder: String::new(),
            unit: String::new(),
            group: String::new(),
            required: false,
            kind,
            shown_when: None,
        }
    }
    /// Explained by a sentence.
    pub fn help(mut self, text: &str) -> Self {
        text.clone_into(&mut self.help);
        self
    }
    /// With an example.
    pub fn example(mut self, text: &str) -> Self {
        text.clone_into(&mut self.placeholder);
        self
    }
    /// In a unit.
    pub fn unit(mut self, text: &str) -> Self {
        text.clone_into(&mut self.unit);
        self
    }
    /// Under a heading.
    pub fn group(mut self, text: &str) -> Self {
        text.clone_into(&mut self.group);
        self
    }
    /// Not to be left empty.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
    /// Asked only when another field has one of these values.
    pub fn when(mut self, field: &str, values: &[&str]) -> Self {
        self.shown_when = Some(ShownWhen {
            field: field.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        });
        self
    }
}

impl FieldKind {
    /// A whole number.
    pub fn whole(min: u64, max: Option<u64>) -> Self {
        Self::Number {
            min,
            max,
            decimals: 0,
        }
    }
    /// A choice of these: value, label, help.
    pub fn choice(options: &[(&str, &str, &str)]) -> Self {
        let options = options
            .iter()
            .map(|(value, label, help)| Choice::new(value, label, help))
            .collect();
        Self::Choice { options }
    }
}

impl Choice {
    /// A value with its label and help.
    pub fn new(value: &str, label: &str, help: &str) -> Self {
        Self {
            value: value.to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
        }
    }
}

impl FieldError {
    /// An error of a field; the message becomes a sentence.
    pub fn new(field: &str, message: &str) -> Self {
        Self {
            field: field.to_owned(),
            message: sentence(message),
        }
    }
}

/// A text of a rule, which begins in lower case and ends without a full stop, as a sentence.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let mut sentence: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    sentence.push_str(chars.as_str());
    if !sentence.ends_with(['.', '?', '!', '…']) {
        sentence.push('.');
    }
    sentence
}

/// What stands in the fields of a form, by their names. What is not there is empty. Some of it may
/// be secret, so `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Values(pub BTreeMap<String, String>);

impl Values {
    /// The value of a field; empty when there is none.
    pub fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }
    /// Sets the value of a field.
    pub fn set(&mut self, field: &str, value: impl Into<String>) {
        self.0.insert(field.to_owned(), value.into());
    }
    /// Sets a toggle.
    pub fn set_toggle(&mut self, field: &str, on: bool) {
        self.set(field, if on { "true" } else { "false" });
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<'a, V: Into<String>> FromIterator<(&'a str, V)> for Values {
    fn from_iter<I: IntoIterator<Item = (&'a str, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::new(
            "sample",
            vec![
                Field::new(
                    "kind",
                    "Kind",
                    FieldKind::choice(&[("a", "A", ""), ("b", "B", "")]),
                ),
                Field::new("more", "More", FieldKind::Toggle).when("kind", &["b"]),
                Field::new("detail", "Detail", FieldKind::Text)
                    .when("more", &["true"])
                    .required(),
                Field::new("token", "Token", FieldKind::Secret),
            ],
        )
    }

    #[test]
    fn a_field_below_one_that_is_not_asked_is_not_asked() {
        let form = form();
        let detail = form.field("detail").unwrap();
        let values = |kind| Values::from_iter([("kind", kind), ("more", "true")]);
        assert!(form.is_shown(detail, &values("b")));
        assert!(!form.is_shown(detail, &values("a")));
    }

    #[test]
    fn a_draft_holds_no_secret_and_nothing_that_the_form_does_not_ask() {
        let values = Values::from_iter([("kind", "a"), ("token", "hunter2"), ("alien", "x")]);
        assert_eq!(form().draft(&values), Values::from_iter([("kind", "a")]));
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let shown = format!("{:?}", Values::from_iter([("token", "hunter2")]));
        assert!(shown.contains("token") && !shown.contains("hunter2"));
    }
}
