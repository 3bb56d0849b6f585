//! What a server itself writes down, apart from its services.

use crate::{
    Engine, Result,
    error::EngineError,
    ports::{PortError, Progress},
};
use plimsoll_domain::ServerId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which of a server's own logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Journal {
    /// Everything that the system writes down.
    System,
    /// The agent.
    Agent,
    /// Docker.
    Docker,
    /// nginx: requests.
    Requests,
    /// nginx: errors.
    Errors,
}

impl Journal {
    /// The argument vector that shows its last lines and, to follow, goes on with new ones.
    fn argv(self, tail: u32, follow: bool) -> Vec<String> {
        let of_unit = |unit: Option<&str>| {
            let mut argv = vec![
                "journalctl".to_owned(),
                "--no-pager".to_owned(),
                "--quiet".to_owned(),
                "--output=short-iso".to_owned(),
                format!("--lines={tail}"),
            ];
            argv.extend(unit.map(|unit| format!("--unit={unit}")));
            argv.extend(follow.then(|| "--follow".to_owned()));
            argv
        };
        let of_file = |path: &str| {
            let mut argv = vec!["tail".to_owned(), format!("--lines={tail}")];
            // By name: the file is another one after it was rotated.
            argv.extend(follow.then(|| "--follow=name".to_owned()));
            argv.extend(follow.then(|| "--retry".to_owned()));
            argv.extend(["--".to_owned(), path.to_owned()]);
            argv
        };
        match self {
            Journal::System => of_unit(None),
            Journal::Agent => of_unit(Some("plimsoll-agent")),
            Journal::Docker => of_unit(Some("docker")),
            Journal::Requests => of_file("/var/log/nginx/access.log"),
            Journal::Errors => of_file("/var/log/nginx/error.log"),
        }
    }
}

impl Engine {
    /// Hands lines of one of a server's own logs to `progress`, cleaned of the secrets that we
    /// know; to follow, until the future is dropped.
    pub async fn follow_journal(
        &self,
        server: ServerId,
        journal: Journal,
        tail: u32,
        follow: bool,
        progress: Arc<dyn Progress>,
    ) -> Result<()> {
        let (server, target) = self.world.target(server).await?;
        let progress = self.masked(progress);
        let argv = journal.argv(tail, follow);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let servers = &self.world.ports.servers;
        match servers.follow(&target, &argv, true, progress).await? {
            Some(0) => Ok(()),
            status => Err(EngineError::from(
                PortError::new(
                    "journal_unreadable",
                    format!("The log could not be read on “{}”.", server.name),
                )
                .evidence(format!(
                    "{} ended with {}",
                    argv.first().copied().unwrap_or_default(),
                    status.map_or("a signal".to_owned(), |status| format!("status {status}"))
                ))
                .next_step(
                    "Look at the last lines; prepare the server again if something is missing.",
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn following_a_file_survives_its_rotation() {
        let argv = Journal::Requests.argv(100, true).join(" ");
        assert_eq!(
            argv,
            "tail --lines=100 --follow=name --retry -- /var/log/nginx/access.log"
        );
        assert!(
            !Journal::Agent
                .argv(5, false)
                .contains(&"--follow".to_owned())
        );
    }
}
