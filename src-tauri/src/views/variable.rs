//! Variables and saved configurations. Values of secrets are not here.

use super::{ConfigurationId, EnvironmentId, ReceiptView, ServiceId, VariableId, mirror::mirror};
use plimsoll_domain::project::{Configuration, Variable};
use plimsoll_engine::{ImportChange, Imported, ImportedVariable};
use serde::{Deserialize, Serialize};
use specta::Type;

/// A variable of a service in an environment.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct VariableView {
    /// Id.
    pub id: VariableId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The service.
    pub service_id: ServiceId,
    /// Name in the process's environment.
    pub name: String,
    /// The plain value; none for a secret.
    pub value: Option<String>,
    /// Whether it is sealed.
    pub secret: bool,
    /// When it was last set, RFC 3339.
    pub updated_at: String,
}

impl From<Variable> for VariableView {
    fn from(variable: Variable) -> Self {
        Self {
            id: variable.id.into(),
            environment_id: variable.environment_id.into(),
            service_id: variable.service_id.into(),
            name: variable.name.to_string(),
            value: variable.value,
            secret: variable.secret,
            updated_at: variable.updated_at.to_string(),
        }
    }
}

mirror! {
    /// What an import would change.
    ImportChangeView of ImportChange {
        /// There was none of the name.
        New,
        /// The value that is there is replaced.
        Replaced,
        /// The same value is there already.
        Same,
    }
}

/// What an import would do with a variable.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ImportedVariableView {
    /// The name.
    pub name: String,
    /// Whether it is proposed as a secret.
    pub secret: bool,
    /// Whether it is a secret already, and stays one.
    pub sealed_already: bool,
    /// What becomes of the one that is there.
    pub change: ImportChangeView,
}

impl From<ImportedVariable> for ImportedVariableView {
    fn from(variable: ImportedVariable) -> Self {
        Self {
            name: variable.name.to_string(),
            secret: variable.secret,
            sealed_already: variable.sealed_already,
            change: variable.change.into(),
        }
    }
}

/// What an import brought.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ImportedView {
    /// The change.
    pub receipt: ReceiptView,
    /// How many are stored plain.
    pub plain: u32,
    /// How many are sealed.
    pub sealed: u32,
}

impl From<Imported> for ImportedView {
    fn from(imported: Imported) -> Self {
        let count = |names: &[_]| u32::try_from(names.len()).unwrap_or(u32::MAX);
        Self {
            plain: count(&imported.plain),
            sealed: count(&imported.secret),
            receipt: imported.receipt.into(),
        }
    }
}

/// A deployment configuration that was saved under a name.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ConfigurationView {
    /// Id.
    pub id: ConfigurationId,
    /// Unique among configurations.
    pub name: String,
    /// Names of the plain variables that go with it.
    pub variables: Vec<String>,
    /// When it was saved, RFC 3339.
    pub created_at: String,
}

impl From<Configuration> for ConfigurationView {
    fn from(configuration: Configuration) -> Self {
        Self {
            id: configuration.id.into(),
            name: configuration.name.to_string(),
            variables: configuration
                .variables
                .into_iter()
                .map(|(name, _)| name.to_string())
                .collect(),
            created_at: configuration.created_at.to_string(),
        }
    }
}
