//! What can go wrong while the practice cloud is set up, run or taken down.

use std::path::PathBuf;

/// An error of the practice cloud itself, as opposed to an answer of its APIs.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A program of the host failed.
    #[error("{doing}: `{program}` {how}: {stderr}")]
    Program {
        /// What was being done, to what.
        doing: String,
        /// Name of the program, without its arguments: those may be long.
        program: String,
        /// How it ended.
        how: String,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// A program that the lab needs is not installed.
    #[error("{doing}: the program `{program}` is missing; install the package `{package}`")]
    Missing {
        /// What was being done.
        doing: String,
        /// Name of the program.
        program: String,
        /// Debian's name of the package that holds it.
        package: String,
    },
    /// The Docker engine refused or failed.
    #[error("{doing}: {source}")]
    Engine {
        /// What was being done, to what.
        doing: String,
        /// The engine's answer.
        #[source]
        source: bollard::errors::Error,
    },
    /// No engine to run on.
    #[error(
        "no Docker engine answers ({tried}); install Docker and start it, or on Debian and Ubuntu \
         run this as root with the packages docker.io, iptables and iproute2 installed"
    )]
    NoEngine {
        /// The endpoints that were tried and what each said.
        tried: String,
    },
    /// A file or folder could not be read or written.
    #[error("{doing} {path}: {source}")]
    File {
        /// The verb: "read", "write", …
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file of the state folder does not hold what this version writes there.
    #[error("{path} is not what this version of the practice cloud writes: {cause}")]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A certificate could not be made.
    #[error("{doing}: {cause}")]
    Certificate {
        /// What was being done, for which name.
        doing: String,
        /// What the library said.
        cause: String,
    },
    /// Something on the network did not answer as expected.
    #[error("{doing}: {cause}")]
    Network {
        /// What was being done, to what.
        doing: String,
        /// What was seen.
        cause: String,
    },
    /// The lab is not running.
    #[error("no practice cloud runs on {state}; start it with `plimsoll practice start`")]
    NotRunning {
        /// The state folder that was asked.
        state: PathBuf,
    },
    /// Somebody wrote in the sample application.
    #[error("{path} says something that the practice cloud did not write")]
    SampleEdited {
        /// The file.
        path: PathBuf,
    },
    /// The lab's process ended before it was ready.
    #[error("the practice cloud did not start: {cause}; its log is {log}")]
    Start {
        /// The last error in its log.
        cause: String,
        /// The log file.
        log: PathBuf,
    },
}

impl LabError {
    /// A stable word for scripts that branch on the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Program { .. } => "practice_program_failed",
            Self::Missing { .. } => "practice_program_missing",
            Self::Engine { .. } => "practice_engine_failed",
            Self::NoEngine { .. } => "practice_no_engine",
            Self::File { .. } => "practice_file_failed",
            Self::State { .. } => "practice_state_invalid",
            Self::Certificate { .. } => "practice_certificate_failed",
            Self::Network { .. } => "practice_network_failed",
            Self::NotRunning { .. } => "practice_not_running",
            Self::Start { .. } => "practice_start_failed",
            Self::SampleEdited { .. } => "practice_sample_edited",
        }
    }

    /// What to do about it; empty where nothing helps but reading the error.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "Install the package and try again.",
            Self::NoEngine { .. } => {
                "Install Docker and start it, then try again. On Debian and Ubuntu it also works as \
                 root with the packages docker.io, iptables and iproute2."
            }
            Self::Engine { .. } => "Look whether Docker runs and has space, then try again.",
            Self::File { .. } => "Make it readable and writable, or free some space.",
            Self::State { .. } => "Wipe the practice cloud and start it again.",
            Self::NotRunning { .. } => "Start it.",
            Self::Start { .. } | Self::Program { .. } => {
                "Read the end of its log, mend the cause and start it again."
            }
            Self::Certificate { .. } | Self::Network { .. } => "Stop it and start it again.",
            Self::SampleEdited { .. } => {
                "Move your own version of the sample to another folder, or delete it."
            }
        }
    }
}

/// Attaches what was being done to an engine's or the system's error.
pub(crate) trait Doing<T> {
    /// Says what was being done, to what.
    fn doing(self, what: impl Into<String>) -> Result<T, LabError>;
}

impl<T> Doing<T> for Result<T, bollard::errors::Error> {
    fn doing(self, what: impl Into<String>) -> Result<T, LabError> {
        self.map_err(|source| LabError::Engine {
            doing: what.into(),
            source,
        })
    }
}

/// Attaches the path to a file system error.
pub(crate) trait AtPath<T> {
    /// Says which file, and what was being done to it.
    fn at(self, doing: &'static str, path: impl Into<PathBuf>) -> Result<T, LabError>;
}

impl<T> AtPath<T> for std::io::Result<T> {
    fn at(self, doing: &'static str, path: impl Into<PathBuf>) -> Result<T, LabError> {
        self.map_err(|source| LabError::File {
            doing,
            path: path.into(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_enough_to_be_returned_everywhere() {
        // Clippy's limit for the size of an error in a `Result`, bytes.
        assert!(size_of::<LabError>() < 128, "{}", size_of::<LabError>());
    }
}
