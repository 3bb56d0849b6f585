//! A row of any noun, as the change event carries it.

use super::{EnvironmentView, ProjectView, ServiceView};
use plimsoll_engine::{AnyRow, ChangedRow};
use serde::{Deserialize, Serialize};
use specta::Type;

/// A row that changed.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// The noun and how the row is now.
    pub row: RowView,
}

/// How a row is now; none when it was deleted.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
#[serde(tag = "noun", content = "now", rename_all = "snake_case")]
pub enum RowView {
    /// A project.
    Project(Option<ProjectView>),
    /// An environment.
    Environment(Option<EnvironmentView>),
    /// A service.
    Service(Option<ServiceView>),
}

impl RowView {
    /// The row as the pages are told of it; `None` for nouns that no page shows.
    pub fn told(changed: ChangedRow) -> Option<Row> {
        let row = match changed.now {
            Some(now) => Self::now(now)?,
            None => Self::gone(&changed.noun)?,
        };
        Some(Row {
            id: changed.id,
            row,
        })
    }

    fn now(row: AnyRow) -> Option<Self> {
        Some(match row {
            AnyRow::Project(project) => Self::Project(Some(project.into())),
            AnyRow::Environment(environment) => Self::Environment(Some(environment.into())),
            AnyRow::Service(service) => Self::Service(Some(service.into())),
            AnyRow::ProviderAccount(_)
            | AnyRow::SshKey(_)
            | AnyRow::Server(_)
            | AnyRow::Variable(_)
            | AnyRow::Configuration(_)
            | AnyRow::Certificate(_)
            | AnyRow::Domain(_)
            | AnyRow::BaseSnapshot(_)
            | AnyRow::Job(_)
            | AnyRow::Deployment(_)
            | AnyRow::Release(_) => return None,
        })
    }

    fn gone(noun: &str) -> Option<Self> {
        Some(match noun {
            "projects" => Self::Project(None),
            "environments" => Self::Environment(None),
            "services" => Self::Service(None),
            _ => return None,
        })
    }
}
