//! What is too secret for a command line: read from a file, from standard input, or asked for.

use crate::failure::{Answer, Failed};
use plimsoll_domain::Secret;
use std::{
    io::{IsTerminal, Read},
    path::Path,
};

/// No token and no secret is longer.
const LIMIT: u64 = 64 * 1024;

/// Reads a secret; one line break at its end is dropped.
pub fn secret(what: &str, file: Option<&Path>) -> Answer<Secret> {
    let unreadable = |place: String, error: std::io::Error| {
        Failed::input(
            "unreadable_input",
            format!("The {what} could not be read from {place}: {error}."),
            "Give a readable file, or send it to standard input.",
        )
    };
    let mut text = String::new();
    match file {
        Some(path) => {
            let place = path.display().to_string();
            let file =
                std::fs::File::open(path).map_err(|error| unreadable(place.clone(), error))?;
            file.take(LIMIT + 1)
                .read_to_string(&mut text)
                .map_err(|error| unreadable(place, error))?;
        }
        None if std::io::stdin().is_terminal() => {
            text = rpassword::prompt_password(format!("{what}: "))
                .map_err(|error| unreadable("the terminal".into(), error))?;
        }
        None => {
            let stdin = std::io::stdin().lock();
            stdin
                .take(LIMIT + 1)
                .read_to_string(&mut text)
                .map_err(|error| unreadable("standard input".into(), error))?;
        }
    }
    if text.len() as u64 > LIMIT {
        return Err(Failed::input(
            "input_too_long",
            format!("The {what} is longer than {} KiB.", LIMIT / 1024),
            "Keep large data in a volume or a file.",
        ));
    }
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |line| {
        line.strip_suffix('\r').unwrap_or(line)
    });
    if secret.is_empty() {
        return Err(Failed::input(
            "empty_input",
            format!("The {what} is empty."),
            "Send it to standard input, or name a file that holds it.",
        ));
    }
    Ok(Secret::new(secret))
}

/// Asks whether to go on. Without a terminal the answer is no, and says how to say yes.
pub fn confirm(question: &str) -> Answer<bool> {
    use std::io::Write as _;
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failed::input(
            "approval_needed",
            "This needs approval, and there is no terminal to ask on.",
            "Look at it with --plan, then run it with --yes.",
        ));
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| {
        Failed::input(
            "unreadable_input",
            format!("No answer could be read: {error}."),
            "",
        )
    })?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused_and_never_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let limit = usize::try_from(LIMIT).unwrap();
        std::fs::write(&file, "a".repeat(limit - 1) + "\n").unwrap();
        let read = secret("token", Some(&file)).unwrap();
        assert_eq!(read.expose().len(), limit - 1);
        std::fs::write(&file, "a".repeat(limit + 1)).unwrap();
        let refused = secret("token", Some(&file)).unwrap_err();
        assert_eq!(refused.failure.code, "input_too_long");
    }
}
