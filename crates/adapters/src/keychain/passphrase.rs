//! Where the vault's passphrase comes from when nobody can be asked.

use plimsoll_domain::Secret;
use plimsoll_engine::ports::{PortError, PortResult};
use std::{ffi::OsString, io::Read, path::Path};
use zeroize::Zeroizing;

/// Longest passphrase that is read from a file, bytes.
const LONGEST: u64 = 4_096;
/// Fewest characters of a passphrase for something new.
const SHORTEST: usize = 8;

/// The passphrase that the environment gives: `PLIMSOLL_PASSPHRASE` itself, or the first line of
/// the file that `PLIMSOLL_PASSPHRASE_FILE` names (`/dev/fd/3` is a file, too). `None` when
/// neither is set; then the system's keychain is used, or the caller asks.
///
/// A variable is inherited by every program that we start, and shown to whoever may read this
/// process's environment: prefer the file.
///
/// # Errors
/// `passphrase_unreadable` when the file cannot be read, `passphrase_empty` when there is nothing.
pub fn passphrase_from(
    environment: impl Fn(&str) -> Option<OsString>,
) -> PortResult<Option<Secret>> {
    if let Some(given) = environment("PLIMSOLL_PASSPHRASE") {
        let text = given.into_string().map_err(|_| {
            PortError::new("passphrase_unreadable", "PLIMSOLL_PASSPHRASE is not UTF-8.")
                .next_step("Use PLIMSOLL_PASSPHRASE_FILE, or another passphrase.")
        })?;
        return checked(Zeroizing::new(text), "PLIMSOLL_PASSPHRASE").map(Some);
    }
    let Some(file) = environment("PLIMSOLL_PASSPHRASE_FILE") else {
        return Ok(None);
    };
    let path = Path::new(&file);
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
        .map_err(|error| {
            PortError::new(
                "passphrase_unreadable",
                format!(
                    "Could not read the passphrase from {}: {error}.",
                    path.display()
                ),
            )
            .next_step("Check PLIMSOLL_PASSPHRASE_FILE and who may read that file.")
        })?;
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    checked(Zeroizing::new(line.to_owned()), "PLIMSOLL_PASSPHRASE_FILE").map(Some)
}

/// Whether a passphrase may seal something new.
///
/// # Errors
/// `passphrase_short` with fewer than eight characters: whoever has the file can try as many as
/// they like.
pub fn check_passphrase(passphrase: &Secret) -> PortResult<()> {
    if passphrase.expose().chars().count() < SHORTEST {
        return Err(PortError::new(
            "passphrase_short",
            format!("A passphrase needs at least {SHORTEST} characters."),
        )
        .next_step("Choose a longer one: a few words that nobody guesses."));
    }
    Ok(())
}

fn checked(text: Zeroizing<String>, from: &str) -> PortResult<Secret> {
    if text.is_empty() {
        return Err(PortError::new(
            "passphrase_empty",
            format!("{from} gives an empty passphrase."),
        )
        .next_step("Choose a passphrase that nobody guesses."));
    }
    Ok(Secret::new(text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: OsString) -> PortResult<Option<Secret>> {
        passphrase_from(move |asked| (asked == name).then(|| value.clone()))
    }

    #[test]
    fn a_passphrase_comes_from_the_environment_or_a_files_first_line() {
        let given = with("PLIMSOLL_PASSPHRASE", " two words ".into())
            .unwrap()
            .unwrap();
        assert_eq!(given.expose(), " two words ");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pass");
        std::fs::write(&file, "correct horse\r\nignored\n").unwrap();
        let given = with("PLIMSOLL_PASSPHRASE_FILE", file.into())
            .unwrap()
            .unwrap();
        assert_eq!(given.expose(), "correct horse");
        assert!(passphrase_from(|_| None).unwrap().is_none());
    }

    #[test]
    fn a_passphrase_for_something_new_has_eight_characters() {
        let error = check_passphrase(&Secret::new("sevench")).unwrap_err();
        assert_eq!(error.code(), "passphrase_short");
        check_passphrase(&Secret::new("äußerst!")).unwrap();
    }

    #[test]
    fn an_empty_or_missing_passphrase_is_told() {
        let error = with("PLIMSOLL_PASSPHRASE", "".into()).unwrap_err();
        assert_eq!(error.code(), "passphrase_empty");
        let error = with("PLIMSOLL_PASSPHRASE_FILE", "/no/such/file".into()).unwrap_err();
        assert_eq!(error.code(), "passphrase_unreadable");
    }
}
