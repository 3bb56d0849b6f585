//! Errors as people read them: cause, evidence, next step, under a stable code.

use plimsoll_domain::{dns::InvalidHostName, form::FieldError, job::Failure};
use plimsoll_engine::{EngineError, Kind};
use serde::{Deserialize, Serialize};
use specta::Type;

/// Why a command was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct CommandError {
    /// Stable code.
    pub code: String,
    /// The cause, in a sentence.
    pub message: String,
    /// What was seen: lines of an answer or a log.
    pub evidence: Vec<String>,
    /// What to do about it; empty where nothing helps.
    pub next_step: String,
    /// Whether the same may work later.
    pub retryable: bool,
    /// The field of a form that it is about; empty when it is about no field.
    pub field: String,
}

impl CommandError {
    /// An error of bad input, which never reached the engine.
    pub fn input(code: &str, message: impl Into<String>, next_step: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            evidence: Vec::new(),
            next_step: next_step.to_owned(),
            retryable: false,
            field: String::new(),
        }
    }

    /// The same, about a field of a form.
    pub fn about(mut self, field: &str) -> Self {
        field.clone_into(&mut self.field);
        self
    }

    /// An error of a login, beside the field that it is about.
    pub fn of_login(error: EngineError) -> Self {
        let field = match error.code() {
            "name_taken" => "name",
            _ => "token",
        };
        Self::from(error).about(field)
    }

    /// An error of a host name.
    pub fn of_host(error: InvalidHostName) -> Self {
        Self::input(
            "invalid_host_name",
            format!("{error}."),
            "Type a name such as app.example.com.",
        )
        .about("host")
    }

    /// An error of a domain, beside the field that it is about.
    pub fn of_domain(error: EngineError) -> Self {
        let field = match error.code() {
            "zone_unknown" | "domain_taken" => "host",
            "foreign_record" => "replace",
            "never_deployed" | "environment_without_servers" => "place",
            "unauthorized" | "token_missing" | "wrong_provider" => "account",
            _ => "",
        };
        Self::from(error).about(field)
    }

    /// An error of something that is named, beside the name when that is what it is about.
    pub fn of_name(error: EngineError) -> Self {
        let field = match error.code() {
            "name_taken" | "store_name_taken" | "invalid_name" => "name",
            _ => "",
        };
        Self::from(error).about(field)
    }

    /// An error of a project's settings, beside the patterns when that is what it is about.
    pub fn of_pattern(error: EngineError) -> Self {
        let field = match error.code() {
            "invalid_pattern" => "ignore",
            _ => "",
        };
        Self::from(error).about(field)
    }

    /// An error of a server, beside the field that it is about.
    pub fn of_server(error: EngineError) -> Self {
        let region = error
            .failure()
            .evidence
            .first()
            .and_then(|line| line.strip_prefix("in ")?.split_once(':'))
            .map(|(region, _)| format!("size_{region}"));
        let field = match error.code() {
            "name_taken" | "invalid_name" => "name",
            "region_unavailable" => "region",
            "size_unavailable" | "disk_too_small" => region.as_deref().unwrap_or("region"),
            "snapshot_elsewhere" | "snapshot_unknown" => "image",
            "invalid_tag" => "tags",
            "invalid_port" => "open_ports",
            "address_taken" | "invalid_address" | "ssh_dns" | "ssh_tcp" | "ssh_banner" => "host",
            "invalid_login" => "user",
            _ => "",
        }
        .to_owned();
        Self::from(error).about(&field)
    }

    /// Plimsoll is being closed.
    pub fn closing() -> Self {
        Self::input("closing", "Plimsoll is being closed.", "Open it again.")
    }
}

impl From<plimsoll_engine::ports::PortError> for CommandError {
    fn from(error: plimsoll_engine::ports::PortError) -> Self {
        (*error.0).into()
    }
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            evidence: failure.evidence,
            next_step: failure.next_step,
            retryable: failure.retryable,
            field: String::new(),
        }
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        if error.kind() == Kind::Internal {
            tracing::error!("{}: {error}", error.code());
        }
        error.into_failure().into()
    }
}

/// A form that was sent although something in it is wrong.
impl From<Vec<FieldError>> for CommandError {
    fn from(errors: Vec<FieldError>) -> Self {
        let mut errors = errors.into_iter();
        let Some(first) = errors.next() else {
            return Self::input("invalid_form", "Something in the form is wrong.", "");
        };
        let mut told = Self::input("invalid_form", first.message, "Correct it and try again.");
        told.evidence = errors.map(|error| error.message).collect();
        told.about(&first.field)
    }
}

impl From<plimsoll_domain::name::InvalidVariableName> for CommandError {
    fn from(error: plimsoll_domain::name::InvalidVariableName) -> Self {
        Self::input(
            "invalid_variable_name",
            format!("{error}."),
            "Correct the name.",
        )
        .about("name")
    }
}

impl From<plimsoll_domain::name::InvalidName> for CommandError {
    fn from(error: plimsoll_domain::name::InvalidName) -> Self {
        EngineError::from(error).into()
    }
}
