//! Which engine is this machine's, and how requests reach it.

use bollard::{BollardRequest, ClientVersion, Docker, errors::Error};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    client::conn::http1,
    header::{HOST, HeaderValue},
    http::uri::PathAndQuery,
};
use hyper_util::rt::TokioIo;
use plimsoll_engine::ports::{PortError, PortResult};
use std::{env, io, process::Stdio, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    process::Command,
    sync::OnceCell,
    time::timeout,
};

/// The newest API that we were written against; older engines are spoken to in theirs.
const NEWEST_API: (u32, u32) = (1, 53);
const CONNECT: Duration = Duration::from_secs(10);
/// How long the engine may think before an answer begins, s: `docker save` of a large image
/// prepares everything first.
const ANSWER_S: u64 = 900;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// A unix socket.
    Socket(String),
    /// A named pipe of Windows.
    Pipe(String),
    /// Plain TCP, as `DOCKER_HOST=tcp://…` names it.
    Tcp(String),
}

impl Host {
    /// Reads what `DOCKER_HOST` or a context of the Docker command says.
    fn parse(text: &str) -> PortResult<Self> {
        match text.split_once("://") {
            Some(("unix", path)) => Ok(Self::Socket(path.to_owned())),
            Some(("npipe", path)) => Ok(Self::Pipe(path.replace('/', "\\"))),
            Some(("tcp" | "http", address)) => {
                Ok(Self::Tcp(address.trim_end_matches('/').to_owned()))
            }
            _ => Err(PortError::new(
                "docker_elsewhere",
                format!("Docker is set to “{text}”, which is not an engine on this machine"),
            )
            .next_step(
                "Choose a local context (`docker context use default`), or build on the server.",
            )),
        }
    }

    /// What `DOCKER_HOST` has to be for the Docker command to reach the same engine.
    pub(super) fn variable(&self) -> String {
        match self {
            Self::Socket(path) => format!("unix://{path}"),
            Self::Pipe(path) => format!("npipe://{}", path.replace('\\', "/")),
            Self::Tcp(address) => format!("tcp://{address}"),
        }
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let connected = timeout(CONNECT, async {
            Ok::<Box<dyn Stream>, io::Error>(match self {
                #[cfg(unix)]
                Self::Socket(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
                #[cfg(windows)]
                Self::Pipe(path) => {
                    Box::new(tokio::net::windows::named_pipe::ClientOptions::new().open(path)?)
                }
                Self::Tcp(address) => Box::new(tokio::net::TcpStream::connect(address).await?),
                #[cfg(unix)]
                Self::Pipe(_) => return Err(io::ErrorKind::Unsupported.into()),
                #[cfg(windows)]
                Self::Socket(_) => return Err(io::ErrorKind::Unsupported.into()),
            })
        });
        connected
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Finds the engine that the Docker command would use: `DOCKER_HOST`, its current context, or the
/// usual place.
pub(super) async fn find() -> PortResult<Host> {
    if let Ok(host) = env::var("DOCKER_HOST")
        && !host.is_empty()
    {
        return Host::parse(&host);
    }
    let asked = Command::new("docker")
        .args([
            "context",
            "inspect",
            "--format",
            "{{.Endpoints.docker.Host}}",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    if let Ok(Ok(output)) = timeout(CONNECT, asked).await
        && output.status.success()
        && let Ok(text) = String::from_utf8(output.stdout)
        && !text.trim().is_empty()
    {
        return Host::parse(text.trim());
    }
    Ok(if cfg!(windows) {
        Host::Pipe(r"\\.\pipe\docker_engine".to_owned())
    } else {
        Host::Socket("/var/run/docker.sock".to_owned())
    })
}

/// A client whose every path carries the version that the engine and we agree on. The client's own
/// connectors leave the version out, and then a newer engine answers in words of its own.
pub(super) fn client(host: &Host) -> PortResult<Docker> {
    let link = Arc::new(Link {
        host: host.clone(),
        prefix: OnceCell::new(),
    });
    let version = ClientVersion {
        major_version: 1,
        minor_version: 24,
    };
    Docker::connect_with_custom_transport(
        move |request: BollardRequest| {
            let link = Arc::clone(&link);
            async move { link.send(request).await }
        },
        Some("http://docker"),
        ANSWER_S,
        &version,
    )
    .map_err(|error| failure("be reached", error))
}

struct Link {
    host: Host,
    /// `/v1.41`, agreed upon with the first request.
    prefix: OnceCell<String>,
}

impl Link {
    async fn send(&self, request: BollardRequest) -> Result<Response<Incoming>, Error> {
        let prefix = self.prefix.get_or_try_init(|| self.agree()).await?;
        let (mut parts, body) = request.into_parts();
        parts
            .headers
            .insert(HOST, HeaderValue::from_static("docker"));
        let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        parts.uri = format!("{prefix}{path}")
            .parse::<Uri>()
            .map_err(io::Error::other)?;
        self.exchange(Request::from_parts(
            parts,
            body.map_err(io::Error::other).boxed_unsync(),
        ))
        .await
    }

    async fn agree(&self) -> Result<String, Error> {
        let nothing = Full::new(Bytes::new())
            .map_err(io::Error::other)
            .boxed_unsync();
        let ping = Request::builder()
            .uri("/_ping")
            .header(HOST, "docker")
            .body(nothing);
        let answer = self.exchange(ping.map_err(io::Error::other)?).await?;
        let theirs = answer
            .headers()
            .get("api-version")
            .and_then(|value| value.to_str().ok())
            .and_then(parsed)
            .unwrap_or(NEWEST_API);
        let (major, minor) = theirs.min(NEWEST_API);
        Ok(format!("/v{major}.{minor}"))
    }

    async fn exchange<B>(&self, request: Request<B>) -> Result<Response<Incoming>, Error>
    where
        B: hyper::body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stream = self.host.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(async move {
            // Shells and attached containers take the connection over.
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to Docker ended");
            }
        });
        Ok(sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?)
    }
}

fn parsed(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What went wrong between the engine and us, told by its cause.
pub(super) fn failure(doing: &str, error: Error) -> PortError {
    if let Error::IOError { err } = &error {
        let (code, why, next) = match err.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => (
                "docker_missing",
                "there is no Docker engine running on this machine".to_owned(),
                "Install or start Docker, or build on the server instead.",
            ),
            io::ErrorKind::PermissionDenied => (
                "docker_permission",
                "this user may not use this machine's Docker engine".to_owned(),
                "Add the user to the group “docker” and log in again, or build on the server.",
            ),
            _ => (
                "docker_failed",
                format!("this machine's Docker engine could not {doing}"),
                "Look at the engine: `docker info`.",
            ),
        };
        return PortError::new(code, why)
            .evidence(err.to_string())
            .next_step(next);
    }
    let said = match &error {
        Error::DockerResponseServerError {
            status_code,
            message,
        } => {
            format!("{status_code}: {message}")
        }
        other => other.to_string(),
    };
    PortError::new(
        "docker_failed",
        format!("this machine's Docker engine could not {doing}"),
    )
    .evidence(said)
    .next_step("Look at the engine: `docker info`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_named_as_the_docker_command_names_it() {
        for text in [
            "unix:///var/run/docker.sock",
            "npipe:////./pipe/docker_engine",
            "tcp://127.0.0.1:2375",
        ] {
            assert_eq!(Host::parse(text).unwrap().variable(), text);
        }
        for elsewhere in ["ssh://root@server", "", "/var/run/docker.sock"] {
            assert_eq!(
                Host::parse(elsewhere).unwrap_err().code(),
                "docker_elsewhere"
            );
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parsed("1.9") < parsed("1.41"));
        assert_eq!(parsed("1"), None);
    }
}
