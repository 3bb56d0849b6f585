//! Everything that Plimsoll keeps on this machine: taken along, brought back, told to a helper.

use crate::{
    clock::SystemClock,
    files::{private, replace_with},
    keychain::check_passphrase,
    parcel,
};
use plimsoll_domain::Secret;
use plimsoll_engine::{
    Diagnostics, Engine, EngineError, Recalled,
    ports::{Clock, PortError},
};
use plimsoll_store::Store;
use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
};

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// An export of everything that was there before, sealed with the same passphrase.
    pub before: PathBuf,
    /// What was done about versions of projects' files that the database which was brought back does
    /// not know.
    pub recalled: Recalled,
}

/// Writes everything into one file: the store, and our entries of the keychain; answers its size in
/// bytes.
///
/// # Errors
/// `passphrase_short`; what the keychain says when it is locked; `export_unwritable`.
pub async fn export_everything(
    engine: &Engine,
    to: &Path,
    passphrase: &Secret,
) -> Result<u64, EngineError> {
    check_passphrase(passphrase)?;
    // Found out before the work is done, and before an act is recorded that did not happen.
    try_writing(to)?;
    let everything = engine.everything().await?;
    let (to, passphrase) = (to.to_owned(), passphrase.clone());
    Ok(blocking(move || {
        parcel::write(
            &to,
            &passphrase,
            &everything.entries,
            &everything.database,
            &SystemClock,
        )?;
        Ok(std::fs::metadata(&to).map_or(0, |file| file.len()))
    })
    .await?)
}

/// Puts everything from a file in place of what is there, which is kept aside as an export of its
/// own. The engine ends with it; when this fails, too: open it again.
///
/// # Errors
/// `jobs_running`; `export_wrong_passphrase`, `export_damaged`, `export_newer`; `store_in_use` when
/// another process has the store open; what the keychain says. Then everything is as it was.
pub async fn restore_everything(
    engine: &Engine,
    from: &Path,
    passphrase: &Secret,
) -> Result<Restored, EngineError> {
    engine.refuse_while_running().await?;
    let folder = engine.whereabouts().await?.folder;
    let database = folder.join("restore.partial");
    let entries = {
        let (from, database, passphrase) = (from.to_owned(), database.clone(), passphrase.clone());
        blocking(move || parcel::read(&from, &passphrase, &database)).await?
    };
    let now = SystemClock.now();
    let stamp = now.to_string().replace(':', "-");
    let before = folder.join(format!("before-restore-{stamp}.plimsoll"));
    let present = engine.everything().await?;
    // What is in the present database only is found afterwards by its record.
    if let Err(error) = engine.record_versions().await {
        tracing::warn!("not every version has a record: {error}");
    }
    {
        let (to, passphrase) = (before.clone(), passphrase.clone());
        let (entries, copy) = (present.entries.clone(), present.database);
        blocking(move || parcel::write(&to, &passphrase, &entries, &copy, &SystemClock)).await?;
    }
    engine.shut().await?;
    let aside = Store::replace(&folder, &database, now).await?;
    if let Err(error) = engine.put_entries(&entries).await {
        // A store without its keys is worth nothing: both go back.
        if let Some(aside) = aside {
            Store::replace(&folder, &aside, SystemClock.now()).await?;
        }
        engine.put_entries(&present.entries).await?;
        return Err(error);
    }
    if let Some(aside) = aside {
        remove(&aside);
    }
    // It is brought back, whatever comes of this: the next opening goes on with it.
    let recalled = recall(engine).await.unwrap_or_else(|error| {
        tracing::warn!("versions that the database does not know are not listed yet: {error}");
        Recalled::default()
    });
    Ok(Restored { before, recalled })
}

/// Lists again what was saved after the database that was brought back.
async fn recall(engine: &Engine) -> Result<Recalled, EngineError> {
    let engine = engine.reopened().await?;
    let recalled = engine.recall_after_restore().await;
    engine.shut().await?;
    recalled
}

/// Writes diagnostics as `tar.zst`, readable by its owner only; answers its size in bytes.
///
/// # Errors
/// `export_unwritable`.
pub async fn save_diagnostics(diagnostics: Diagnostics, to: &Path) -> Result<u64, EngineError> {
    let to = to.to_owned();
    let seconds = u64::try_from(SystemClock.now().as_millis() / 1_000).unwrap_or(0);
    Ok(blocking(move || {
        replace_with(&to, |file| {
            let mut archive = tar::Builder::new(zstd::Encoder::new(file, 9)?);
            for (name, text) in &diagnostics.files {
                let mut header = tar::Header::new_gnu();
                header.set_size(text.len() as u64);
                header.set_mode(0o600);
                header.set_mtime(seconds);
                let path = Path::new("plimsoll-diagnostics").join(name);
                archive.append_data(&mut header, path, text.as_bytes())?;
            }
            archive.into_inner()?.finish()?;
            Ok(())
        })
        .map_err(|error| parcel::unwritable(&to, &error))?;
        Ok(std::fs::metadata(&to).map_or(0, |file| file.len()))
    })
    .await?)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
) -> Result<T, PortError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        PortError::new("export_unwritable", "The work ended unexpectedly.").next_step("Try again.")
    })?
}

fn try_writing(to: &Path) -> Result<(), PortError> {
    let probe = crate::files::beside(to, "new");
    private(OpenOptions::new().create(true).truncate(true).write(true))
        .open(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(|error| parcel::unwritable(to, &error))
}

/// The export has everything that this file had.
fn remove(file: &Path) {
    if let Err(error) = std::fs::remove_file(file) {
        tracing::warn!(path = %file.display(), %error, "a replaced database stays behind");
    }
}
