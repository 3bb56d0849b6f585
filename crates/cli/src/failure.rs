//! How a command fails: a cause, the evidence and a next step for people; `{"error": …}` for
//! programs; an exit status for scripts.

use crate::{
    output::{Output, legible},
    path::InvalidPath,
};
use plimsoll_domain::job::Failure;
use serde_json::json;
use std::{fmt::Write as _, io::Write as _, process::ExitCode};

/// Classes of failures, each with its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something in Plimsoll itself: 1.
    Internal,
    /// The input was no good: 2, as for a command line that cannot be read.
    BadInput,
    /// There is no such thing: 3.
    NotFound,
    /// Refused for safety: 4.
    Refused,
    /// Something else is in the way: 5.
    Conflict,
    /// A provider, a server or a container said no: 6.
    Remote,
    /// It was interrupted and waits for *resume* or *undo*: 7.
    Interrupted,
    /// Somebody cancelled it: 8.
    Cancelled,
}

impl Kind {
    /// The exit status.
    pub fn status(self) -> u8 {
        match self {
            Kind::Internal => 1,
            Kind::BadInput => 2,
            Kind::NotFound => 3,
            Kind::Refused => 4,
            Kind::Conflict => 5,
            Kind::Remote => 6,
            Kind::Interrupted => 7,
            Kind::Cancelled => 8,
        }
    }
}

impl From<plimsoll_engine::Kind> for Kind {
    fn from(kind: plimsoll_engine::Kind) -> Self {
        use plimsoll_engine::Kind as Class;
        match kind {
            Class::BadInput => Kind::BadInput,
            Class::NotFound => Kind::NotFound,
            Class::Refused => Kind::Refused,
            Class::Conflict => Kind::Conflict,
            Class::Remote => Kind::Remote,
            Class::Interrupted => Kind::Interrupted,
            Class::Internal => Kind::Internal,
        }
    }
}

/// A command that failed.
#[derive(Debug)]
pub struct Failed {
    /// Its class.
    pub kind: Kind,
    /// What people need to know.
    pub failure: Failure,
}

/// What a command answers.
pub type Answer<T = ()> = Result<T, Failed>;

impl Failed {
    /// A failure of the input.
    pub fn input(code: &str, message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            kind: Kind::BadInput,
            failure: Failure {
                code: code.to_owned(),
                message: message.into(),
                evidence: Vec::new(),
                next_step: next_step.into(),
                retryable: false,
            },
        }
    }

    /// Prints it and answers the exit status.
    pub fn report(&self, output: Output) -> ExitCode {
        let failure = &self.failure;
        if output.json {
            let error = json!({"error": {
                "code": failure.code,
                "message": failure.message,
                "details": {
                    "evidence": failure.evidence,
                    "next_step": failure.next_step,
                    "retryable": failure.retryable,
                },
            }});
            output.line(&format!("{error:#}"));
        } else {
            let mut text = format!("error: {} [{}]", failure.message, failure.code);
            for line in &failure.evidence {
                let _ = write!(text, "\n  │ {line}");
            }
            if !failure.next_step.is_empty() {
                let _ = write!(text, "\n  → {}", failure.next_step);
            }
            let _ = writeln!(std::io::stderr().lock(), "{}", legible(&text));
        }
        ExitCode::from(self.kind.status())
    }
}

impl From<InvalidPath> for Failed {
    fn from(error: InvalidPath) -> Self {
        Failed::input(
            "invalid_path",
            error.to_string(),
            "Names are separated by slashes, as in shop/production/web.",
        )
    }
}

impl From<plimsoll_domain::name::InvalidName> for Failed {
    fn from(error: plimsoll_domain::name::InvalidName) -> Self {
        Failed::input("invalid_name", error.to_string(), "")
    }
}
