//! One request as a CGI call of `git http-backend`, streamed both ways.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName,
    HeaderValue, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio_util::io::ReaderStream;

use super::repository::{Access, GitHost, missing};
use crate::error::LabError;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Longest head that the program may answer, bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// How much of a failing program's standard error is kept, bytes.
const KEPT_STDERR: u64 = 8 * 1024;

/// What may be asked of a repository. Only the smart protocol is served: the other files that the
/// program knows serve clients of before 2010.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Upload,
    Receive,
}

struct Call {
    repository: String,
    /// Path below the repository.
    path: String,
    service: Service,
}

/// Answers one request of a git client.
pub(super) async fn answer(host: &GitHost, request: Request<Incoming>) -> Response<Body> {
    let Some(call) = call(&request) else {
        return short(StatusCode::NOT_FOUND, "not a git repository\n");
    };
    let password = password(&request);
    let access = host.access(&call.repository, password.as_deref());
    match (access, call.service) {
        (Access::Write, _) | (Access::Read, Service::Upload) => {}
        (Access::None, _) => return short(StatusCode::NOT_FOUND, "Repository not found.\n"),
        (Access::Read, Service::Receive) if password.is_some() => {
            return short(
                StatusCode::FORBIDDEN,
                "This repository has no token to push with.\n",
            );
        }
        (Access::Unauthorized | Access::Read, _) => return unauthorized(),
    }
    match run(host, call, access, request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(%error, "a git request failed");
            short(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The git host failed; see its log.\n",
            )
        }
    }
}

/// Reads repository and service from the address.
fn call(request: &Request<Incoming>) -> Option<Call> {
    let path = request.uri().path().strip_prefix('/')?;
    let (repository, below, service) = if let Some(repository) = path.strip_suffix("/info/refs") {
        let query = request.uri().query().unwrap_or("");
        let service = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "service")
            .map(|(_, value)| value.into_owned())?;
        (repository, "info/refs", service)
    } else {
        let (repository, service) = path.rsplit_once('/')?;
        (repository, service, service.to_owned())
    };
    let service = match service.as_str() {
        "git-upload-pack" => Service::Upload,
        "git-receive-pack" => Service::Receive,
        _ => return None,
    };
    let expected = if below == "info/refs" {
        Method::GET
    } else {
        Method::POST
    };
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    (request.method() == expected).then(|| Call {
        repository: repository.to_owned(),
        path: below.to_owned(),
        service,
    })
}

/// The password of HTTP's basic authentication; any user name goes with it.
fn password(request: &Request<Incoming>) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

async fn run(
    host: &GitHost,
    call: Call,
    access: Access,
    request: Request<Incoming>,
) -> Result<Response<Body>, LabError> {
    let doing = format!(
        "serve {:?} of the git repository {}",
        call.service, call.repository
    );
    let header = |name: HeaderName| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    };
    let mut command = host.git();
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", host.root())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env(
            "PATH_INFO",
            format!("/{}.git/{}", call.repository, call.path),
        )
        .env("REQUEST_METHOD", request.method().as_str())
        .env("QUERY_STRING", request.uri().query().unwrap_or(""))
        .env("CONTENT_TYPE", header(CONTENT_TYPE))
        .env("HTTP_CONTENT_ENCODING", header(CONTENT_ENCODING))
        .env(
            "GIT_PROTOCOL",
            header(HeaderName::from_static("git-protocol")),
        )
        .env("SERVER_PROTOCOL", "HTTP/1.1")
        .stdin(Stdio::piped());
    // Without a length the program reads to the end, which is what a chunked body needs.
    if request.headers().contains_key(CONTENT_LENGTH) {
        command.env("CONTENT_LENGTH", header(CONTENT_LENGTH));
    }
    // The program lets only a known user push.
    if access == Access::Write {
        command.env("REMOTE_USER", "token");
    }
    // As GitHub does: a deployment names a commit, not only a branch, and needs no history.
    let settings = [
        ("uploadpack.allowAnySHA1InWant", "true"),
        ("uploadpack.allowFilter", "true"),
        ("safe.directory", "*"),
    ];
    command.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (index, (name, value)) in settings.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{index}"), name);
        command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
    }
    let mut child = command
        .spawn()
        .map_err(|error| missing(doing.clone(), &error))?;
    let failed = |how: &str| LabError::Program {
        doing: doing.clone(),
        program: "git http-backend".to_owned(),
        how: how.to_owned(),
        stderr: String::new(),
    };
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("came without its pipes"));
    };
    tokio::spawn(feed(request.into_body(), stdin));
    let complaints = tokio::spawn(complaints(stderr));
    let mut stdout = BufReader::new(stdout);
    let (status, headers) = head(&mut stdout)
        .await
        .map_err(|error| failed(&error.to_string()))?;
    let mut response = Response::new(rest(stdout, child, complaints, doing));
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    Ok(response)
}

/// Copies what the client sends; the end of the body closes the pipe. A program that ends early
/// has its reason, which its answer says.
async fn feed(mut body: Incoming, mut stdin: ChildStdin) {
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                tracing::debug!(%error, "a git client broke off");
                return;
            }
        };
        if let Ok(data) = frame.into_data()
            && stdin.write_all(&data).await.is_err()
        {
            return;
        }
    }
}

async fn complaints(stderr: ChildStderr) -> String {
    let mut text = Vec::new();
    let mut kept = stderr.take(KEPT_STDERR);
    if kept.read_to_end(&mut text).await.is_ok() {
        // The pipe is read to its end all the same: a full one would stop the program.
        let drained = tokio::io::copy(&mut kept.into_inner(), &mut tokio::io::sink()).await;
        if let Err(error) = drained {
            tracing::debug!(%error, "git's errors were not read to their end");
        }
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Reads the CGI head: header lines up to an empty one, the status among them.
async fn head(
    stdout: &mut BufReader<ChildStdout>,
) -> std::io::Result<(StatusCode, Vec<(HeaderName, HeaderValue)>)> {
    let (mut status, mut headers, mut size) = (StatusCode::OK, Vec::new(), 0);
    loop {
        let mut line = String::new();
        size += stdout.read_line(&mut line).await?;
        let line = line.trim_end();
        if line.is_empty() && size > 0 {
            return Ok((status, headers));
        }
        let Some((name, value)) = line.split_once(':').filter(|_| size <= LONGEST_HEAD) else {
            return Err(std::io::Error::other("answered without a head"));
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split_ascii_whitespace().next().unwrap_or("");
            status = code.parse().map_err(std::io::Error::other)?;
        } else {
            let name: HeaderName = name.parse().map_err(std::io::Error::other)?;
            headers.push((name, value.parse().map_err(std::io::Error::other)?));
        }
    }
}

/// The rest of the program's answer; when the client goes away, so does the program.
fn rest(
    stdout: BufReader<ChildStdout>,
    child: Child,
    complaints: tokio::task::JoinHandle<String>,
    doing: String,
) -> Body {
    let pieces = ReaderStream::with_capacity(stdout, 64 * 1024);
    let last = futures::stream::once(async move {
        let mut child = child;
        let status = child.wait().await?;
        if !status.success() {
            let stderr = complaints.await.unwrap_or_default();
            tracing::info!(doing, %status, stderr, "git http-backend failed");
        }
        Ok::<_, std::io::Error>(Bytes::new())
    });
    let pieces = pieces
        .chain(last)
        .try_filter(|piece| std::future::ready(!piece.is_empty()));
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}

fn unauthorized() -> Response<Body> {
    let mut response = short(
        StatusCode::UNAUTHORIZED,
        "A token is needed, or this one is wrong.\n",
    );
    let challenge = HeaderValue::from_static("Basic realm=\"Practice git\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

fn short(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(
        Full::from(text)
            .map_err(|never| match never {})
            .boxed_unsync(),
    );
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
