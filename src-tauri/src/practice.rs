//! The practice cloud beside the window. It is a program of its own, which stays when the window is
//! closed: the command line's, as the window's own cannot run in a container.

use crate::views::CommandError;
use plimsoll_domain::{
    Secret,
    name::Name,
    server::{Endpoint, Provider},
    tour::SampleState,
};
use plimsoll_engine::{ConnectAccount, TourGround};
use plimsoll_lab::{
    api::{AnswerFault, FaultRule},
    error::LabError,
    practice::{self, Door, Running, Wipe},
    sample::{Content, Sample},
    settings::{Itself, Settings},
};
use std::path::{Path, PathBuf};
use tauri::{AppHandle, Manager};
use tokio::sync::{Mutex, watch};

/// The command line's program, which is installed beside the window's.
const PROGRAM: &str = if cfg!(windows) {
    "plimsoll.exe"
} else {
    "plimsoll"
};
/// Every request to either cloud.
const EVERY_REQUEST: &str = "^/(v2|client)/";
/// How late answers come on a slow day, ms.
const SLOW_MS: u64 = 3_000;

/// A start of the practice cloud, as far as it has come. Managed by Tauri.
#[derive(Default)]
pub struct Practice {
    turn: Mutex<()>,
    said: watch::Sender<Vec<String>>,
}

/// A day on which the clouds are not at their best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadDay {
    /// Answers come late.
    Slow,
    /// The clouds say that there were too many requests.
    Busy,
    /// The clouds cannot be reached.
    Gone,
}

impl Practice {
    /// Starts it, or joins a start that is under way. `say` gets every line, also those that were
    /// said before.
    pub async fn start(&self, say: impl Fn(&str) + Send) -> Result<Running, CommandError> {
        let mut heard = self.said.subscribe();
        let mut told = 0;
        let starting = async {
            let _turn = self.turn.lock().await;
            let settings = settings()?;
            self.said.send_replace(Vec::new());
            let note = |line: &str| self.said.send_modify(|said| said.push(line.to_owned()));
            Ok::<_, CommandError>(practice::start(&settings, note).await?)
        };
        tokio::pin!(starting);
        heard.mark_changed();
        loop {
            tokio::select! {
                biased;
                _ = heard.changed() => {
                    let said = heard.borrow_and_update();
                    // A start that failed before this one said other things.
                    told = told.min(said.len());
                    said[told..].iter().for_each(|line| say(line));
                    told = said.len();
                }
                done = &mut starting => return done,
            }
        }
    }

    /// What is said while it starts; `None` when nobody starts it.
    pub fn starting(&self) -> Option<Vec<String>> {
        self.turn
            .try_lock()
            .is_err()
            .then(|| self.said.borrow().clone())
    }
}

/// The running practice cloud.
pub async fn running() -> Result<Option<Running>, CommandError> {
    Ok(practice::status(&settings()?.state).await?)
}

/// The running practice cloud, which has to be there.
pub async fn need() -> Result<Running, CommandError> {
    running().await?.ok_or_else(|| {
        CommandError::input(
            "practice_not_running",
            "The practice cloud does not run.",
            "Start it.",
        )
    })
}

/// Stops it, and with `wipe` removes everything in it.
pub async fn stop(wipe: bool) -> Result<(), CommandError> {
    let wipe = if wipe { Wipe::State } else { Wipe::No };
    Ok(practice::stop(&settings()?, wipe).await?)
}

/// What the engine needs to connect both accounts.
pub fn logins(running: &Running) -> Result<Vec<ConnectAccount>, CommandError> {
    let doors = running.doors()?;
    Ok(vec![
        login(
            Provider::Digitalocean,
            "practice-digitalocean",
            doors.digitalocean,
        ),
        login(
            Provider::Cloudflare,
            "practice-cloudflare",
            doors.cloudflare,
        ),
    ])
}

fn login(provider: Provider, name: &str, door: Door) -> ConnectAccount {
    ConnectAccount {
        provider,
        name: Name::suggest(name),
        endpoint: Endpoint {
            url: Some(door.url),
            ca_pem: Some(door.ca_pem),
            proxy: door.proxy,
            resolver: Some(door.resolver),
        },
        token: Secret::new(door.token),
    }
}

/// Gives both clouds a bad day, or with `None` a good one again.
pub async fn set_day(day: Option<BadDay>) -> Result<(), CommandError> {
    let running = need().await?;
    running.mend_answers().await?;
    let Some(day) = day else { return Ok(()) };
    let rule = FaultRule {
        method: None,
        path: EVERY_REQUEST.to_owned(),
        skip: 0,
        times: None,
        for_ms: None,
        fault: match day {
            BadDay::Slow => AnswerFault::Delay { ms: SLOW_MS },
            BadDay::Busy => AnswerFault::RateLimit {
                retry_after: Some(10),
            },
            BadDay::Gone => AnswerFault::Refuse,
        },
    };
    running.break_answers(&rule).await?;
    Ok(())
}

/// The copy of the sample application that people see and change.
pub fn sample(app: &AppHandle) -> Result<Sample, CommandError> {
    let own = std::env::var_os("PLIMSOLL_HOME").map(|home| PathBuf::from(home).join("hello"));
    let folder = match own {
        Some(folder) => folder,
        None => {
            let paths = app.path();
            let documents = paths.document_dir().or_else(|_| paths.home_dir());
            let documents = documents.map_err(|error| {
                CommandError::input(
                    "home_unknown",
                    format!("There is no folder for the sample application: {error}."),
                    "Set HOME, or name a folder as PLIMSOLL_HOME.",
                )
            })?;
            documents.join("Plimsoll").join("hello")
        }
    };
    Ok(Sample::at(folder))
}

/// Writes the sample as it came, so that a tour begins with a version that is well. What somebody
/// wrote in it stays.
pub fn renew_sample(app: &AppHandle) -> Result<(), CommandError> {
    match sample(app)?.write(Content::Good) {
        Ok(()) | Err(LabError::SampleEdited { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What the tour stands on.
pub async fn ground(app: &AppHandle) -> Result<TourGround, CommandError> {
    let sample = sample(app)?;
    Ok(TourGround {
        // Where it cannot even be asked, it does not run.
        practice_runs: matches!(running().await, Ok(Some(_))),
        folder: sample.folder().to_owned(),
        sample: match sample.content() {
            Ok(None) => SampleState::Missing,
            Ok(Some(Content::Good)) => SampleState::Good,
            Ok(Some(Content::Broken)) => SampleState::Broken,
            Ok(Some(Content::Mistaken)) => SampleState::Mistaken,
            Err(LabError::SampleEdited { .. }) => SampleState::Edited,
            Err(error) => return Err(error.into()),
        },
    })
}

fn settings() -> Result<Settings, CommandError> {
    let unusable = |error: std::io::Error| {
        CommandError::input(
            "practice_no_home",
            format!("There is no folder for the practice cloud: {error}."),
            "Set HOME, or name a folder as PLIMSOLL_PRACTICE.",
        )
    };
    let state = std::env::var_os("PLIMSOLL_PRACTICE").map(PathBuf::from);
    let mut settings = Settings::usual(state, &["practice"]).map_err(unusable)?;
    if let Some(cache) = std::env::var_os("PLIMSOLL_PRACTICE_CACHE") {
        settings.cache = cache.into();
    }
    settings.itself = Itself {
        program: beside(&settings.itself.program)?,
        ..settings.itself
    };
    Ok(settings)
}

fn beside(window: &Path) -> Result<PathBuf, CommandError> {
    let program = window.with_file_name(PROGRAM);
    if program.is_file() {
        return Ok(program);
    }
    Err(CommandError::input(
        "practice_program_missing",
        format!(
            "The practice cloud runs by the program `plimsoll`, and {} is not there.",
            program.display()
        ),
        "Install Plimsoll again, with its command line.",
    ))
}

impl From<LabError> for CommandError {
    fn from(error: LabError) -> Self {
        Self::input(
            error.code(),
            sentence(&error.to_string()),
            error.next_step(),
        )
    }
}

fn sentence(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_without_the_command_line_beside_it_says_so() {
        let error = beside(Path::new("/nowhere/plimsoll-desktop")).unwrap_err();
        assert_eq!(error.code, "practice_program_missing");
        assert!(error.message.contains("/nowhere/plimsoll"));
    }

    #[test]
    fn errors_of_the_practice_cloud_are_sentences_with_a_next_step() {
        let error = CommandError::from(LabError::NoEngine {
            tried: "unix:///var/run/docker.sock: not there".into(),
        });
        assert_eq!(error.code, "practice_no_engine");
        assert!(error.message.starts_with("No Docker engine") && error.message.ends_with('.'));
        assert!(error.next_step.contains("Docker"));
    }
}
