//! Git repositories.
use plimsoll_domain::{Secret, server::Endpoint, source::GitReference};
use plimsoll_engine::ports::{PortError, PortResult};
use std::path::Path;
pub(crate) async fn checkout(
    _url: &str,
    _reference: &GitReference,
    _token: Option<&Secret>,
    _endpoint: &Endpoint,
    _folder: &Path,
) -> PortResult<String> {
    Err(PortError::new("git_unsupported", "git"))
}
