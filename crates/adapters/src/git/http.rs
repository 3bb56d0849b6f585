//! git's smart protocol over our own HTTP client: the endpoint's authorities and proxy, limits on
//! size and patience, and a failure that is remembered by what it was.

use crate::http::words;
use bytes::{Buf, Bytes};
use gix_transport::client::{
    AuthenticationRequired,
    blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse},
};
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE},
};
use std::{
    any::Any,
    io::{self, BufRead, Read, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};
use url::Url;

/// Longest that one exchange may take.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Longest pause between two pieces of an answer.
const SILENCE: Duration = Duration::from_secs(60);
/// Most bytes of all answers together.
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;
const MOST_REDIRECTS: usize = 5;

/// What went wrong between the host and us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// 401 or 403.
    Login(u16),
    /// 404.
    Absent,
    /// Any other status.
    Status(u16),
    /// No connection, or it broke.
    Unreachable(String),
    /// The host's certificate is not trusted.
    Untrusted(String),
    /// More than we take.
    TooLarge,
    /// A redirect to somewhere that we do not follow to.
    Redirect(String),
}

/// What a transport and those who ask about it share.
#[derive(Debug, Default)]
pub(super) struct Notes {
    trouble: Mutex<Option<Trouble>>,
    received: Mutex<u64>,
}

impl Notes {
    /// The last trouble.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, trouble: Trouble) -> io::Error {
        let error = io::Error::other(format!("{trouble:?}"));
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
        error
    }

    /// The host answered after all: it asks for a login once before it takes one.
    fn forget(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn count(&self, bytes: usize) -> io::Result<()> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        *received += bytes as u64;
        if *received > MOST_BYTES {
            return Err(self.note(Trouble::TooLarge));
        }
        Ok(())
    }
}

/// The client's half of the protocol. It runs on a thread that may wait.
pub(super) struct Remote {
    client: Client,
    runtime: Handle,
    notes: Arc<Notes>,
    /// Where the host sent us, in place of the address that was given.
    moved: Arc<Mutex<Option<String>>>,
}

impl Remote {
    pub(super) fn new(client: Client, runtime: Handle, notes: Arc<Notes>) -> Self {
        Self {
            client,
            runtime,
            notes,
            moved: Arc::default(),
        }
    }

    fn exchange(
        &self,
        method: Method,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Exchange {
        let mut map = HeaderMap::new();
        for line in headers {
            if let Some((name, value)) = line.as_ref().split_once(':')
                && let Ok(name) = name.trim().parse::<HeaderName>()
                && let Ok(mut value) = value.trim().parse::<HeaderValue>()
            {
                value.set_sensitive(name == reqwest::header::AUTHORIZATION);
                map.append(name, value);
            }
        }
        let tail = url.strip_prefix(base_url).unwrap_or_default().to_owned();
        let moved = self
            .moved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Exchange {
            state: Arc::new(Mutex::new(State::Prepared(Prepared {
                method,
                url: moved.map_or_else(|| url.to_owned(), |base| format!("{base}{tail}")),
                tail,
                headers: map,
                body: Vec::new(),
            }))),
            client: self.client.clone(),
            runtime: self.runtime.clone(),
            notes: Arc::clone(&self.notes),
            moved: Arc::clone(&self.moved),
        }
    }
}

impl Http for Remote {
    type Headers = Headers;
    type ResponseBody = io::BufReader<Body>;
    type PostBody = PostBody;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<GetResponse<Self::Headers, Self::ResponseBody>, gix::Error> {
        Ok(self
            .exchange(Method::GET, url, base_url, headers)
            .parts()
            .into())
    }

    fn post(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _: PostBodyDataKind,
    ) -> Result<PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>, gix::Error> {
        Ok(self.exchange(Method::POST, url, base_url, headers).parts())
    }

    fn configure(&mut self, _: &dyn Any) -> Result<(), gix::Error> {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.moved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

struct Prepared {
    method: Method,
    url: String,
    /// What the protocol appends to the repository's address.
    tail: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

enum State {
    /// What is to be sent is still being collected.
    Prepared(Prepared),
    /// The answer has begun.
    Answered {
        headers: Option<Vec<u8>>,
        response: Response,
        piece: Bytes,
    },
    /// Nothing more will come.
    Over,
}

/// One request and its answer. It is sent when the answer is first read.
#[derive(Clone)]
struct Exchange {
    state: Arc<Mutex<State>>,
    client: Client,
    runtime: Handle,
    notes: Arc<Notes>,
    moved: Arc<Mutex<Option<String>>>,
}

impl Exchange {
    fn parts(self) -> PostResponse<Headers, io::BufReader<Body>, PostBody> {
        PostResponse {
            post_body: PostBody(self.clone()),
            headers: Headers {
                exchange: self.clone(),
                text: io::Cursor::new(Vec::new()),
                read: false,
            },
            body: io::BufReader::new(Body(self)),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Prepared(_) = &*state
            && let State::Prepared(prepared) = std::mem::replace(&mut *state, State::Over)
        {
            let response = self.runtime.block_on(self.send(prepared))?;
            let mut headers = Vec::new();
            for (name, value) in response.headers() {
                headers.extend_from_slice(name.as_str().as_bytes());
                headers.push(b':');
                headers.extend_from_slice(value.as_bytes());
                headers.push(b'\n');
            }
            *state = State::Answered {
                headers: Some(headers),
                response,
                piece: Bytes::new(),
            };
        }
        act(&mut state)
    }

    async fn send(&self, prepared: Prepared) -> io::Result<Response> {
        let Prepared {
            method,
            url,
            tail,
            mut headers,
            body,
        } = prepared;
        let mut url = Url::parse(&url).map_err(io::Error::other)?;
        for _ in 0..=MOST_REDIRECTS {
            let request = self
                .client
                .request(method.clone(), url.clone())
                .headers(headers.clone())
                .timeout(LONGEST)
                .body(body.clone());
            let response = request.send().await.map_err(|error| self.broken(&error))?;
            let status = response.status();
            if status.is_success() {
                self.notes.forget();
                return Ok(response);
            }
            if status.is_redirection() && method == Method::GET {
                let next = self.follow(&url, &response, &tail)?;
                // A login is for the host that it was meant for.
                if next.origin() != url.origin() {
                    headers.remove(reqwest::header::AUTHORIZATION);
                }
                url = next;
                continue;
            }
            return Err(self.refused(status, &response));
        }
        Err(self.notes.note(Trouble::Redirect(format!(
            "more than {MOST_REDIRECTS} times"
        ))))
    }

    /// Where a redirect leads: the same request at another address, never to a less safe one.
    fn follow(&self, from: &Url, response: &Response, tail: &str) -> io::Result<Url> {
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| from.join(location).ok());
        let is_safe = |next: &Url| {
            next.scheme() == "https" || (next.scheme() == "http" && from.scheme() == "http")
        };
        match next {
            Some(next) if is_safe(&next) && next.as_str().ends_with(tail) => {
                let base = next.as_str().trim_end_matches(tail).to_owned();
                *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
                Ok(next)
            }
            _ => {
                let to = location.unwrap_or("nowhere").to_owned();
                Err(self.notes.note(Trouble::Redirect(to)))
            }
        }
    }

    fn refused(&self, status: StatusCode, response: &Response) -> io::Error {
        let trouble = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Trouble::Login(status.as_u16()),
            StatusCode::NOT_FOUND => Trouble::Absent,
            other => Trouble::Status(other.as_u16()),
        };
        let error = self.notes.note(trouble);
        if status != StatusCode::UNAUTHORIZED {
            return error;
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let www_authenticate = challenges.map(|value| value.as_bytes().into()).collect();
        io::Error::new(
            io::ErrorKind::PermissionDenied,
            AuthenticationRequired { www_authenticate },
        )
    }

    fn broken(&self, error: &reqwest::Error) -> io::Error {
        let said = words(error);
        let lower = said.to_lowercase();
        let is_trust = lower.contains("certificate") || lower.contains("unknownissuer");
        self.notes.note(match is_trust {
            true => Trouble::Untrusted(said),
            false => Trouble::Unreachable(said),
        })
    }
}

/// The answer's headers, one a line.
pub(super) struct Headers {
    exchange: Exchange,
    text: io::Cursor<Vec<u8>>,
    read: bool,
}

impl Headers {
    fn fill(&mut self) -> io::Result<()> {
        if !self.read {
            self.read = true;
            let headers = self.exchange.with(|state| match state {
                State::Answered { headers, .. } => Ok(headers.take().unwrap_or_default()),
                State::Prepared(_) | State::Over => Ok(Vec::new()),
            })?;
            self.text = io::Cursor::new(headers);
        }
        Ok(())
    }
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill()?;
        self.text.read(buffer)
    }
}

impl BufRead for Headers {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill()?;
        self.text.fill_buf()
    }
    fn consume(&mut self, amount: usize) {
        self.text.consume(amount);
    }
}

/// The answer's body, as it comes.
pub(super) struct Body(Exchange);

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let exchange = &self.0;
        exchange.with(|state| {
            let State::Answered {
                response, piece, ..
            } = state
            else {
                return Ok(0);
            };
            while piece.is_empty() {
                let next = exchange
                    .runtime
                    .block_on(timeout(SILENCE, response.chunk()));
                match next {
                    Ok(Ok(Some(next))) => {
                        exchange.notes.count(next.len())?;
                        *piece = next;
                    }
                    Ok(Ok(None)) => {
                        *state = State::Over;
                        return Ok(0);
                    }
                    Ok(Err(error)) => return Err(exchange.broken(&error)),
                    Err(_) => {
                        let silence = format!("nothing came for {} s", SILENCE.as_secs());
                        return Err(exchange.notes.note(Trouble::Unreachable(silence)));
                    }
                }
            }
            let count = buffer.len().min(piece.len());
            piece.copy_to_slice(&mut buffer[..count]);
            Ok(count)
        })
    }
}

/// Collects what is to be sent: what we want and what we have, which is short.
pub(super) struct PostBody(Exchange);

impl Write for PostBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Prepared(prepared) => {
                prepared.body.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            State::Answered { .. } | State::Over => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
