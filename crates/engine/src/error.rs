//! What can go wrong in a use case, as people and scripts see it.

use crate::{jobs::JobError, ports::PortError};
use plimsoll_domain::job::{Failure, JobStatus};
use plimsoll_store::StoreError;
use std::fmt;

/// The answer of every use case.
pub type Result<T> = std::result::Result<T, EngineError>;

/// Classes of failures; the command line gives each an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input cannot be.
    BadInput,
    /// There is no such thing.
    NotFound,
    /// Refused for safety.
    Refused,
    /// Something else is in the way.
    Conflict,
    /// A provider, a server or a container said no.
    Remote,
    /// It was interrupted and waits for *resume* or *undo*.
    Interrupted,
    /// Something in Plimsoll itself.
    Internal,
}

/// A use case that failed: its class, and the failure with a stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    kind: Kind,
    failure: Box<Failure>,
}

impl EngineError {
    /// A failure of a class under a stable code.
    pub(crate) fn new(kind: Kind, code: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            failure: PortError::new(code, message).0,
        }
    }
    pub(crate) fn bad_input(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::BadInput, code, message)
    }
    pub(crate) fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, code, message)
    }
    pub(crate) fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, code, message)
    }
    pub(crate) fn conflict(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }
    pub(crate) fn internal(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, code, message)
    }
    pub(crate) fn next_step(mut self, text: impl Into<String>) -> Self {
        self.failure.next_step = text.into();
        self
    }
    pub(crate) fn evidence(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.failure.evidence.extend(lines);
        self
    }
    /// Cause, evidence and next step, under a stable code.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
    /// The failure itself.
    pub fn into_failure(self) -> Failure {
        *self.failure
    }
    /// Its class.
    pub fn kind(&self) -> Kind {
        self.kind
    }
    /// The stable code.
    pub fn code(&self) -> &str {
        &self.failure.code
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failure.message)
    }
}

impl std::error::Error for EngineError {}

impl Kind {
    /// The class of a failure that a job ended with.
    pub fn of_job(status: JobStatus, failure: Option<&Failure>) -> Option<Kind> {
        match status {
            JobStatus::Succeeded | JobStatus::Cancelled => None,
            JobStatus::Queued | JobStatus::Running | JobStatus::Interrupted => {
                Some(Kind::Interrupted)
            }
            JobStatus::Failed => Some(failure.map_or(Kind::Internal, Kind::of)),
        }
    }

    /// The class of a failure by its code, where nothing but the failure was kept.
    pub fn of(failure: &Failure) -> Kind {
        match failure.code.as_str() {
            "interrupted" => Kind::Interrupted,
            "store_not_found" | "store_deleted" => Kind::NotFound,
            "store_name_taken"
            | "store_in_use"
            | "store_lease_lost"
            | "target_interrupted"
            | "name_taken"
            | "plan_outdated"
            | "deployment_in_progress"
            | "address_unclear"
            | "canvas_exists"
            | "canvas_port_taken" => Kind::Conflict,
            "canvas_missing" | "workspace_gone" | "folder_gone" => Kind::NotFound,
            "canvas_refused" | "not_ours" | "run_not_ours" | "protected" | "source_changed" => {
                Kind::Refused
            }
            code if code.starts_with("store_") || code == "internal" => Kind::Internal,
            code if code.starts_with("invalid_") => Kind::BadInput,
            _ => Kind::Remote,
        }
    }
}

impl From<PortError> for EngineError {
    fn from(error: PortError) -> Self {
        Self {
            kind: Kind::of(&error.0),
            failure: error.0,
        }
    }
}

impl From<EngineError> for PortError {
    fn from(error: EngineError) -> Self {
        PortError(error.failure)
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        PortError::from(error).into()
    }
}

impl From<JobError> for EngineError {
    fn from(error: JobError) -> Self {
        PortError::from(error).into()
    }
}

/// Turns the error of a pure check into one of bad input.
macro_rules! bad_input {
    ($($error:ty => $code:literal, $next:literal;)*) => {$(
        impl From<$error> for EngineError {
            fn from(error: $error) -> Self {
                EngineError::bad_input($code, error.to_string()).next_step($next)
            }
        }
    )*};
}

bad_input! {
    plimsoll_domain::settings::InvalidSetting => "invalid_setting",
        "Change the setting and try again.";
    plimsoll_domain::service::InvalidSpec => "invalid_setting",
        "Change the setting and try again.";
    plimsoll_domain::source::InvalidSource => "invalid_source",
        "Change the service's source and try again.";
    plimsoll_domain::canvas::RefusedPath => "invalid_canvas_path",
        "Name a file of the canvas, such as assets/photo.jpg.";
    plimsoll_domain::canvas::RefusedHost => "invalid_canvas_host",
        "Name a host such as fonts.example.com, or localhost:3000.";
    plimsoll_domain::name::InvalidName => "invalid_name",
        "Choose a name of lower-case letters, digits and dashes.";
    plimsoll_domain::dotenv::InvalidLine => "invalid_env_file",
        "Correct the line and paste the text again; nothing was changed.";
}
