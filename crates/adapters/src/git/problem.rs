//! What can go wrong with a repository, each with a next step.

use super::http::Trouble;
use plimsoll_engine::ports::PortError;
use std::{fmt::Display, io, path::Path};

/// The host of a repository and we did not come together.
pub(super) fn of_host(url: &str, trouble: Trouble, has_token: bool) -> PortError {
    match trouble {
        Trouble::Login(_) if has_token => {
            PortError::new("git_authentication", format!("{url} refuses the token")).next_step(
                "Make a new token that may read this repository, and set it for the service.",
            )
        }
        Trouble::Login(_) => PortError::new(
            "git_authentication",
            format!("{url} asks for a login: it is private, or it does not exist"),
        )
        .next_step("Set a token that may read this repository, or check its address."),
        Trouble::Absent => PortError::new("git_not_found", format!("there is no repository {url}"))
            .next_step("Check its address; a host may also hide what a token may not read."),
        Trouble::Status(status) => PortError::new(
            "git_unreachable",
            format!("{url} answered with the status {status}"),
        )
        .next_step("Try again later; look at the host's status page.")
        .retryable(),
        Trouble::Unreachable(why) => {
            PortError::new("git_unreachable", format!("{url} could not be reached"))
                .evidence(why)
                .next_step("Check its address and this machine's network connection.")
                .retryable()
        }
        Trouble::Untrusted(why) => PortError::new(
            "git_untrusted",
            format!("the certificate of {url} is not trusted"),
        )
        .evidence(why)
        .next_step("If it is a host of your own, trust its authority on this machine."),
        Trouble::TooLarge => too_large(format!("{url} sends more than 2 GiB")),
        Trouble::Redirect(to) => PortError::new(
            "git_redirect",
            format!("{url} leads on to where no repository can be fetched from"),
        )
        .evidence(to)
        .next_step("Give the repository's present address."),
    }
}

/// The protocol failed for a reason that is not the host's connection.
pub(super) fn protocol(url: &str, error: &impl Display) -> PortError {
    PortError::new("git_protocol", format!("fetching from {url} failed"))
        .evidence(error.to_string())
        .next_step("Check that this is the address of a git repository.")
}

/// An address that we do not fetch from.
pub(super) fn address(url: &str, why: &str, next: &str) -> PortError {
    let shown: String = url.chars().take(200).collect();
    PortError::new(
        "git_url_invalid",
        format!("“{shown}” cannot be fetched from: {why}"),
    )
    .next_step(next)
}

/// A branch that is not there.
pub(super) fn no_branch(url: &str, branch: &str) -> PortError {
    PortError::new(
        "git_no_such_branch",
        format!("{url} has no branch “{branch}”"),
    )
    .next_step("Check the branch's name; it may have been merged and deleted.")
}

/// A commit that is not there.
pub(super) fn no_commit(url: &str, commit: &str) -> PortError {
    PortError::new(
        "git_no_such_commit",
        format!("{url} has no commit “{commit}”"),
    )
    .next_step("Check its hash, and that it was pushed.")
}

/// A repository without a commit.
pub(super) fn no_default(url: &str) -> PortError {
    PortError::new(
        "git_no_such_branch",
        format!("{url} has no default branch: it may be empty"),
    )
    .next_step("Push a first commit, or name a branch.")
}

/// A path that must not be written.
pub(super) fn path(path: &str, why: &str) -> PortError {
    PortError::new(
        "git_path_refused",
        format!("“{path}” in the repository was refused: {why}"),
    )
    .next_step("Rename or remove it in the repository.")
}

/// More than we take.
pub(super) fn too_large(what: String) -> PortError {
    PortError::new(
        "git_too_large",
        format!("the repository is too large: {what}"),
    )
    .next_step("Keep large files outside the repository, or deploy from a folder.")
}

/// Objects that cannot be read.
pub(super) fn damaged(error: &impl Display) -> PortError {
    PortError::new("git_damaged", "an object of the repository cannot be read")
        .evidence(error.to_string())
        .next_step("Run `git fsck` in the repository, push again, and deploy again.")
}

/// Nobody waits any more.
pub(super) fn stopped() -> PortError {
    PortError::new(
        "cancelled",
        "the checkout was stopped because nobody waits for it any more",
    )
    .next_step("Deploy again.")
}

/// This machine's files failed us.
pub(super) fn local(path: &Path, error: &io::Error) -> PortError {
    PortError::new(
        "file_local",
        format!("writing {} failed: {error}", path.display()),
    )
    .next_step("Check this machine's free disk and the rights on that folder.")
}
