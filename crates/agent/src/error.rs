//! What can go wrong, and how people see it.

use plimsoll_domain::job::Failure;
use std::{io, path::PathBuf};

/// An error of the agent: what it was doing, to what.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A file or folder.
    #[error("could not {doing} {}: {source}", path.display())]
    File {
        /// The verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Docker's engine.
    #[error("Docker could not {doing}: {source}")]
    Docker {
        /// The verb and its object.
        doing: String,
        /// Why.
        source: bollard::errors::Error,
    },
    /// A program that we ran.
    #[error("`{program}` could not {doing}: {why}")]
    Program {
        /// Its name.
        program: String,
        /// The verb and its object.
        doing: String,
        /// Its exit status or why it did not start.
        why: String,
        /// Its last lines.
        output: Vec<String>,
    },
    /// The connection to whoever asks.
    #[error("the connection ended while {doing}: {source}")]
    Connection {
        /// What was going on.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Something people can act upon, with its own code.
    #[error("{}", .0.message)]
    Refused(Box<Failure>),
}

/// What most of the agent's functions answer.
pub type Result<T> = std::result::Result<T, AgentError>;

impl AgentError {
    /// A failure with a code of its own.
    pub fn refused(
        code: &str,
        message: impl Into<String>,
        next_step: impl Into<String>,
    ) -> AgentError {
        AgentError::Refused(Box::new(Failure {
            code: code.to_owned(),
            message: message.into(),
            evidence: Vec::new(),
            next_step: next_step.into(),
            retryable: false,
        }))
    }

    /// For `map_err` on file operations.
    pub fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| AgentError::File {
            doing,
            path,
            source,
        }
    }

    /// For `map_err` on Docker operations.
    pub fn docker(doing: impl Into<String>) -> impl FnOnce(bollard::errors::Error) -> Self {
        let doing = doing.into();
        move |source| AgentError::Docker { doing, source }
    }

    /// Adds what shows the failure.
    pub fn with_evidence(self, lines: impl IntoIterator<Item = String>) -> AgentError {
        let mut failure = self.failure();
        failure.evidence.extend(lines);
        AgentError::Refused(Box::new(failure))
    }

    /// The same failure, which may pass without anything being changed.
    pub fn that_may_pass(self) -> AgentError {
        let mut failure = self.failure();
        failure.retryable = true;
        AgentError::Refused(Box::new(failure))
    }

    /// The failure as people see it.
    pub fn failure(&self) -> Failure {
        let message = self.to_string();
        if let AgentError::Refused(failure) = self {
            return (**failure).clone();
        }
        let full = message.contains("no space left on device")
            || message.contains("No space left on device");
        if full {
            return Failure {
                code: "disk_full".to_owned(),
                message,
                evidence: Vec::new(),
                next_step: "Free space on the server: remove images that nothing rolls back to \
                            (`prune`), logs or data, or take a larger disk. What served before \
                            still serves."
                    .to_owned(),
                retryable: false,
            };
        }
        let (code, evidence, next_step, retryable) = match self {
            AgentError::File { .. } => (
                "server_file",
                Vec::new(),
                "Look at the disk of the server and at the rights of the file named above.",
                false,
            ),
            AgentError::Docker { source, .. } => match source {
                bollard::errors::Error::DockerResponseServerError { .. }
                | bollard::errors::Error::DockerStreamError { .. } => (
                    "docker_refused",
                    Vec::new(),
                    "Docker's own words above say what it did not accept.",
                    false,
                ),
                _ => (
                    "docker_unreachable",
                    Vec::new(),
                    "Look whether Docker runs on the server (`systemctl status docker`), then try \
                     again.",
                    true,
                ),
            },
            AgentError::Program { output, .. } => (
                "server_program",
                output.clone(),
                "The program's last lines above say what it did not accept.",
                false,
            ),
            AgentError::Connection { .. } => (
                "connection_cut",
                Vec::new(),
                "Connect again and ask again.",
                true,
            ),
            AgentError::Refused(_) => ("refused", Vec::new(), "", false),
        };
        Failure {
            code: code.to_owned(),
            message,
            evidence,
            next_step: next_step.to_owned(),
            retryable,
        }
    }

    /// Whether Docker says that it has no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            AgentError::Docker {
                source: bollard::errors::Error::DockerResponseServerError {
                    status_code: 404,
                    ..
                },
                ..
            }
        )
    }
}
