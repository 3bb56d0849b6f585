//! The engine that a user has: Docker on Linux, Docker Desktop on macOS and Windows.

use bollard::{API_DEFAULT_VERSION, Docker};

use super::CALL_SECONDS;
use crate::error::LabError;

/// Connects to `endpoint`, or to the first usual one that answers, and returns its address.
pub(super) async fn connect(endpoint: Option<&str>) -> Result<(Docker, String), LabError> {
    let candidates = match endpoint {
        Some(endpoint) => vec![endpoint.to_owned()],
        None => usual_endpoints(|name| std::env::var(name).ok()),
    };
    let mut tried = Vec::new();
    for endpoint in candidates {
        match answer(&endpoint).await {
            Ok(docker) => return Ok((docker, endpoint)),
            Err(error) => tried.push(format!("{endpoint}: {error}")),
        }
    }
    Err(LabError::NoEngine {
        tried: tried.join("; "),
    })
}

/// `DOCKER_HOST` alone when it is set, else the sockets of Docker, of Docker Desktop and of a
/// rootless engine.
fn usual_endpoints(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    if let Some(host) = variable("DOCKER_HOST").filter(|host| !host.is_empty()) {
        return vec![host];
    }
    if cfg!(windows) {
        return vec!["npipe:////./pipe/docker_engine".to_owned()];
    }
    let mut endpoints = vec!["unix:///var/run/docker.sock".to_owned()];
    if let Some(home) = variable("HOME") {
        endpoints.push(format!("unix://{home}/.docker/run/docker.sock"));
        endpoints.push(format!("unix://{home}/.docker/desktop/docker.sock"));
    }
    if let Some(runtime) = variable("XDG_RUNTIME_DIR") {
        endpoints.push(format!("unix://{runtime}/docker.sock"));
    }
    endpoints
}

/// An engine at a socket or pipe, when it answers.
pub(super) async fn answer(endpoint: &str) -> Result<Docker, bollard::errors::Error> {
    #[cfg(unix)]
    let docker = Docker::connect_with_unix(endpoint, CALL_SECONDS, API_DEFAULT_VERSION)?;
    #[cfg(windows)]
    let docker = Docker::connect_with_named_pipe(endpoint, CALL_SECONDS, API_DEFAULT_VERSION)?;
    let docker = docker.negotiate_version().await?;
    docker.ping().await?;
    Ok(docker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_engine_is_the_only_one_tried() {
        let variable = |name: &str| (name == "DOCKER_HOST").then(|| "unix:///x.sock".to_owned());
        assert_eq!(usual_endpoints(variable), ["unix:///x.sock"]);
    }

    #[tokio::test]
    async fn no_engine_says_what_was_tried_and_what_to_install() {
        let error = connect(Some("unix:///plimsoll/no.sock"))
            .await
            .expect_err("nothing there");
        let text = error.to_string();
        assert!(
            text.contains("/plimsoll/no.sock") && text.contains("docker.io"),
            "{text}"
        );
    }
}
