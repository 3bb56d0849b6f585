//! New versions of Plimsoll itself: looked for when somebody asks, and installed only when they are
//! signed with the key that this build knows.

use crate::{
    activity::Activity,
    ending,
    views::{CommandError, FoundUpdateView, UpdateView},
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tauri::{AppHandle, Context, Manager, State, Wry};
use tauri_plugin_updater::{Error, Update, UpdaterExt};

/// The part of the configuration that names the key and where news is read. Only releases have one:
/// a build of one's own trusts no key.
const PLUGIN: &str = "updater";

/// What was found, until it is installed. Managed by Tauri.
#[derive(Default)]
pub struct Updates(Mutex<Found>);

#[derive(Default)]
struct Found {
    looked: bool,
    update: Option<Update>,
}

/// Whether this build can be updated from inside.
pub fn are_on<R: tauri::Runtime>(app: &impl Manager<R>) -> bool {
    app.config().plugins.0.contains_key(PLUGIN)
}

/// The configuration of this build. A build for tests takes the updater's from its environment, as
/// a release has it from its workflow.
pub fn configured(mut context: Context<Wry>) -> Context<Wry> {
    if cfg!(debug_assertions)
        && let Ok(text) = std::env::var("PLIMSOLL_TEST_UPDATES")
        && let Ok(value) = serde_json::from_str(&text)
    {
        let plugins = &mut context.config_mut().plugins.0;
        plugins.insert(PLUGIN.to_owned(), value);
    }
    context
}

impl Updates {
    /// What is known without asking anybody.
    pub fn known(&self, app: &AppHandle) -> UpdateView {
        let found = self.lock();
        UpdateView {
            current: app.package_info().version.to_string(),
            enabled: are_on(app),
            looked: found.looked,
            found: found.update.as_ref().map(FoundUpdateView::from),
        }
    }

    /// Asks whether there is a newer version.
    pub async fn look(&self, app: &AppHandle) -> Result<UpdateView, CommandError> {
        if are_on(app) {
            let updater = app.updater().map_err(told)?;
            let update = updater.check().await.map_err(told)?;
            *self.lock() = Found {
                looked: true,
                update,
            };
        }
        Ok(self.known(app))
    }

    /// Downloads what was found, checks its signature, installs it and starts it in this one's
    /// place. Nothing is installed while a job runs.
    pub async fn install(&self, app: &AppHandle) -> Result<(), CommandError> {
        let running = app.state::<Activity>().running();
        if let Some(job) = running.first() {
            let mut error = CommandError::input(
                "jobs_run",
                "Plimsoll cannot be replaced while a job runs.",
                "Wait until it has ended, or cancel it, and install again.",
            );
            error.evidence.push(job.title.clone());
            return Err(error);
        }
        let update = self.lock().update.clone().ok_or_else(|| {
            CommandError::input(
                "no_update",
                "No newer version was found.",
                "Look for one first.",
            )
        })?;
        let package = update.download(|_, _| {}, || {}).await.map_err(told)?;
        // On Windows the installer ends this process.
        ending::keep_what_was_typed(app).await;
        update.install(package).map_err(told)?;
        // Elsewhere somebody may have gone on typing.
        ending::keep_what_was_typed(app).await;
        app.request_restart();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one that Tauri manages.
pub fn of(app: &AppHandle) -> State<'_, Updates> {
    app.state()
}

impl From<&Update> for FoundUpdateView {
    fn from(update: &Update) -> Self {
        Self {
            version: update.version.clone(),
            notes: update.body.clone().unwrap_or_default(),
            published_at: update.raw_json["pub_date"].as_str().map(str::to_owned),
        }
    }
}

/// The updater's error as people read it.
fn told(error: Error) -> CommandError {
    let (code, message, next_step, retryable) = match &error {
        Error::Reqwest(_)
        | Error::Network(_)
        | Error::ReleaseNotFound
        | Error::Serialization(_) => (
            "update_unreachable",
            "Where new versions are published did not answer as it should.",
            "Try again when the network is back.",
            true,
        ),
        Error::TargetNotFound(_) | Error::TargetsNotFound(_) => (
            "update_not_for_this_system",
            "The newest version was not published for this system.",
            "Look at the release's page for another package.",
            false,
        ),
        Error::Minisign(_)
        | Error::Base64(_)
        | Error::SignatureUtf8(_)
        | Error::SignedVersionMismatch { .. }
        | Error::MissingSignedVersion => (
            "update_untrusted",
            "What was downloaded is not signed with the key that this Plimsoll trusts. Nothing was \
             installed.",
            "Do not install it by hand either; tell those who publish it.",
            false,
        ),
        Error::AuthenticationFailed => (
            "update_not_allowed",
            "The system did not let Plimsoll install the new version.",
            "Confirm with the password of somebody who may install programs.",
            true,
        ),
        _ => (
            "update_failed",
            "The new version could not be installed. This one goes on.",
            "Install the package from the release's page.",
            true,
        ),
    };
    let mut told = CommandError::input(code, message, next_step);
    told.retryable = retryable;
    told.evidence.push(error.to_string());
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_of_another_key_is_no_fault_of_the_network() {
        let error = told(Error::SignatureUtf8("x".into()));
        assert_eq!(
            (error.code.as_str(), error.retryable),
            ("update_untrusted", false)
        );
        let error = told(Error::Network("503".into()));
        assert_eq!(
            (error.code.as_str(), error.retryable),
            ("update_unreachable", true)
        );
        assert_eq!(error.evidence, ["`503`"]);
    }
}
