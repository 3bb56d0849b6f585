//! The keychain of the operating system.

use async_trait::async_trait;
use plimsoll_domain::Secret;
use plimsoll_engine::ports::{Keychain, PortError, PortResult};
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// Under which all entries stand.
const SERVICE: &str = "plimsoll";
/// How long somebody has to unlock the keychain.
const PATIENCE: Duration = Duration::from_secs(120);

const USE_VAULT: &str = "Or use a file sealed with a passphrase instead; on the command line, set \
                         PLIMSOLL_PASSPHRASE_FILE.";

/// macOS Keychain, Windows Credential Manager, or the Secret Service of a Linux desktop.
///
/// On Windows entries persist as *Enterprise* credentials, which roam with a domain account's
/// profile, and hold at most 2,560 bytes.
#[derive(Debug, Clone, Default)]
pub struct SystemKeychain {
    service: Option<Arc<str>>,
}

impl SystemKeychain {
    /// The keychain's entries of Plimsoll.
    pub fn new() -> Self {
        Self::default()
    }

    /// The entries of another service, so that a test does not meet a user's.
    pub fn of_service(name: &str) -> Self {
        Self {
            service: Some(name.into()),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        act: impl Fn(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
        entry: &str,
    ) -> PortResult<T> {
        let service = Arc::clone(self.service.as_ref().unwrap_or(&SERVICE.into()));
        let entry = entry.to_owned();
        // The calls block, as long as somebody is asked for the keychain's password.
        let work = tokio::task::spawn_blocking(move || attempt(&service, &entry, act));
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(done)) => done.map_err(|error| explain(doing, &error)),
            Ok(Err(_)) => Err(missing(doing, "its library ended unexpectedly")),
            Err(_) => Err(locked(doing, "nobody unlocked it within two minutes")),
        }
    }
}

#[async_trait]
impl Keychain for SystemKeychain {
    async fn get(&self, entry: &str) -> PortResult<Option<Secret>> {
        let read = |entry: &keyring::Entry| match entry.get_password() {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        };
        self.run("read from the keychain", read, entry).await
    }

    async fn set(&self, entry: &str, value: &Secret) -> PortResult<()> {
        let value = Zeroizing::new(value.expose().to_owned());
        self.run(
            "write to the keychain",
            move |entry| entry.set_password(&value),
            entry,
        )
        .await
    }

    async fn delete(&self, entry: &str) -> PortResult<()> {
        let delete = |entry: &keyring::Entry| match entry.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        };
        self.run("delete from the keychain", delete, entry).await
    }
}

/// The connection to the keychain is made once, and the keychain may have been started since, or
/// started anew: what fails over an old connection is tried over a new one.
fn attempt<T>(
    service: &str,
    name: &str,
    act: impl Fn(&keyring::Entry) -> keyring::Result<T>,
) -> keyring::Result<T> {
    use keyring::Error;
    match keyring::Entry::new(service, name).and_then(|entry| act(&entry)) {
        Err(Error::NoDefaultStore | Error::PlatformFailure(_)) if connection::renew() => {
            let inner = keyring_core::Entry::new(service, name)?;
            act(&keyring::Entry { inner })
        }
        done => done,
    }
}

#[cfg(target_os = "linux")]
mod connection {
    /// Connects to the Secret Service anew; answers whether that went well.
    pub fn renew() -> bool {
        let made = zbus_secret_service_keyring_store::Store::new();
        made.map(|store| keyring_core::set_default_store(store))
            .is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod connection {
    /// The other systems' keychains are not reached over a connection.
    pub fn renew() -> bool {
        false
    }
}

fn missing(doing: &str, why: impl std::fmt::Display) -> PortError {
    PortError::new(
        "keychain_missing",
        format!("Could not {doing}: this system offers none to this program."),
    )
    .evidence(why.to_string())
    .next_step(format!(
        "Start a desktop session with a keychain. {USE_VAULT}"
    ))
}

fn locked(doing: &str, why: impl std::fmt::Display) -> PortError {
    PortError::new(
        "keychain_locked",
        format!("Could not {doing}: it is locked."),
    )
    .evidence(why.to_string())
    .next_step(format!(
        "Unlock the keychain of your session, then try again. {USE_VAULT}"
    ))
    .retryable()
}

/// No variant's text may show what is stored: `BadEncoding` and `BadDataFormat` carry it.
fn explain(doing: &str, error: &keyring::Error) -> PortError {
    use keyring::Error;
    match error {
        Error::NoDefaultStore => {
            let why = match keyring::Entry::store_status() {
                Err(cause) => cause.to_string(),
                Ok(()) => "no store was set up".to_owned(),
            };
            missing(doing, why)
        }
        Error::NoStorageAccess(cause) => locked(doing, cause),
        Error::PlatformFailure(cause) if cause.to_string().to_lowercase().contains("lock") => {
            locked(doing, cause)
        }
        Error::PlatformFailure(cause) => missing(doing, cause),
        Error::TooLong(_, most) => PortError::new(
            "keychain_value_too_long",
            format!("Could not {doing}: it takes at most {most} bytes an entry."),
        )
        .next_step(USE_VAULT),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => PortError::new(
            "keychain_entry_damaged",
            format!("Could not {doing}: the entry is not what Plimsoll wrote."),
        )
        .next_step("Connect the account again; that writes the entry anew."),
        Error::Ambiguous(items) => PortError::new(
            "keychain_entry_ambiguous",
            format!("Could not {doing}: it holds {} such entries.", items.len()),
        )
        .next_step(
            "Delete the entries of “plimsoll” that are not needed in the keychain's own program.",
        ),
        other => missing(doing, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_entry_is_explained_without_what_it_holds() {
        let error = explain("read", &keyring::Error::BadEncoding(b"hunter2".to_vec()));
        assert_eq!(error.code(), "keychain_entry_damaged");
        let shown = format!("{error:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("104, 117"),
            "{shown}"
        );
    }

    #[test]
    fn a_locked_keychain_is_told_from_a_missing_one() {
        let cause =
            || -> Box<dyn std::error::Error + Send + Sync> { "the collection is Locked".into() };
        assert_eq!(
            explain("read", &keyring::Error::NoStorageAccess(cause())).code(),
            "keychain_locked"
        );
        assert_eq!(
            explain("read", &keyring::Error::PlatformFailure(cause())).code(),
            "keychain_locked"
        );
        let none = explain("read", &keyring::Error::PlatformFailure("no bus".into()));
        assert_eq!(none.code(), "keychain_missing");
        assert!(none.0.next_step.contains("PLIMSOLL_PASSPHRASE"));
    }
}
