//! One health question, asked once.

use crate::{docker::Engine, shim};
use plimsoll_domain::service::{Probe, answers_well};
use std::{net::Ipv4Addr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct Target {
    /// The container.
    pub container_id: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The port on which it serves.
    pub port: Option<u16>,
    /// The name to ask for: applications may refuse names that they do not know.
    pub host: String,
    /// Whether its environment comes through the shim.
    pub has_secrets: bool,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is well.
    Good,
    /// It answers, and not well.
    Bad(String),
    /// It answers that what was asked for is in another place.
    Elsewhere(String),
    /// Nobody accepts connections (yet).
    Nobody(String),
}

impl Answer {
    /// What came, for people; nothing when it is well.
    pub fn shown(&self) -> &str {
        match self {
            Self::Good => "",
            Self::Bad(shown) | Self::Elsewhere(shown) | Self::Nobody(shown) => shown,
        }
    }
}

/// Most bytes of an answer that are looked at.
const MAX_ANSWER: usize = 4096;

/// Asks a container. [`Probe::Running`] is answered by whoever looks at the container.
pub async fn ask(engine: &Engine, target: &Target, probe: &Probe, patience: Duration) -> Answer {
    let asked = async {
        match probe {
            Probe::Http { path, statuses } => http(target, path, statuses).await,
            Probe::Tcp => match connect(target).await {
                Ok(_) => Answer::Good,
                Err(answer) => answer,
            },
            Probe::Command { argv } => command(engine, target, argv, patience).await,
            Probe::Running => Answer::Good,
        }
    };
    let question = describe(probe);
    // A command has its own limit, and a moment to be killed in.
    let patience = match probe {
        Probe::Command { .. } => patience.saturating_add(Duration::from_secs(5)),
        Probe::Http { .. } | Probe::Tcp | Probe::Running => patience,
    };
    match timeout(patience, asked).await {
        Ok(answer) => answer,
        Err(_) => Answer::Bad(format!(
            "{question} → no answer within {} ms",
            patience.as_millis()
        )),
    }
}

/// The question in words.
pub fn describe(probe: &Probe) -> String {
    match probe {
        Probe::Http { path, .. } => format!("GET {}", encode_path(path)),
        Probe::Tcp => "a TCP connection".to_owned(),
        Probe::Command { argv } => format!("the command {argv:?}"),
        Probe::Running => "running on".to_owned(),
    }
}

async fn connect(target: &Target) -> Result<TcpStream, Answer> {
    let Some(port) = target.port else {
        return Err(Answer::Bad(
            "the service has no port to connect to".to_owned(),
        ));
    };
    TcpStream::connect((target.address, port))
        .await
        .map_err(|error| Answer::Nobody(format!("connection to port {port} → {error}")))
}

async fn http(target: &Target, path: &str, statuses: &[u16]) -> Answer {
    let mut stream = match connect(target).await {
        Ok(stream) => stream,
        Err(answer) => return answer,
    };
    // Host names were checked when the site was set; the path is encoded: no header can be forged.
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: plimsoll-health\r\nAccept: */*\r\n\
         X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n",
        encode_path(path),
        target.host
    );
    let question = format!("GET {}", encode_path(path));
    if let Err(error) = stream.write_all(request.as_bytes()).await {
        return Answer::Bad(format!("{question} → {error}"));
    }
    let mut answer = Vec::new();
    let mut buffer = [0u8; 1024];
    while answer.len() < MAX_ANSWER && !enough(&answer) {
        match stream.read(&mut buffer).await {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&buffer[..n]),
            Err(error) if answer.is_empty() => {
                return Answer::Bad(format!("{question} → {error}"));
            }
            Err(_) => break,
        }
    }
    judge(&question, &answer, statuses)
}

/// Whether the first kilobyte of an answer's body is here.
fn enough(answer: &[u8]) -> bool {
    answer
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .is_some_and(|head| answer.len() - head > 1024)
}

/// Judges an answer by its status line.
fn judge(question: &str, answer: &[u8], statuses: &[u16]) -> Answer {
    let text = String::from_utf8_lossy(answer);
    let first = text.lines().next().unwrap_or_default();
    let status: Option<u16> = first
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let Some(status) = status else {
        let seen: String = first.chars().take(120).collect();
        return Answer::Bad(format!("{question} → no HTTP answer: “{seen}”"));
    };
    if answers_well(status, statuses) {
        return Answer::Good;
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let body: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let body: String = body.chars().take(300).collect();
    let first = first
        .trim_start_matches("HTTP/1.1 ")
        .trim_start_matches("HTTP/1.0 ");
    let elsewhere = leads_to(status, head);
    let to = elsewhere
        .as_ref()
        .map_or_else(String::new, |to| format!(", to {to}"));
    let shown = if body.is_empty() {
        format!("{question} → {first}{to}")
    } else {
        format!("{question} → {first}{to}: {body}")
    };
    match elsewhere {
        Some(_) => Answer::Elsewhere(shown),
        None => Answer::Bad(shown),
    }
}

/// Where an answer sends whoever asked (RFC 9110 §10.2.2).
fn leads_to(status: u16, head: &str) -> Option<String> {
    if !(300..400).contains(&status) {
        return None;
    }
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let (_, place) = fields.find(|(name, _)| name.eq_ignore_ascii_case("location"))?;
    let place = place.trim().chars().filter(|c| !c.is_control());
    Some(place.take(300).collect()).filter(|place: &String| !place.is_empty())
}

async fn command(engine: &Engine, target: &Target, argv: &[String], patience: Duration) -> Answer {
    let mut whole = Vec::new();
    if target.has_secrets {
        whole.extend([
            shim::SHIM_PATH.to_owned(),
            "init".to_owned(),
            "--".to_owned(),
        ]);
    }
    whole.extend(argv.iter().cloned());
    match engine.exec(&target.container_id, whole, patience).await {
        Ok(Some((0, _))) => Answer::Good,
        Ok(None) => Answer::Bad(format!(
            "the command {argv:?} → no end within {} ms",
            patience.as_millis()
        )),
        Ok(Some((status, said))) => {
            let said: String = said.trim().chars().take(300).collect();
            Answer::Bad(format!(
                "the command {argv:?} → exit status {status}: {said}"
            ))
        }
        Err(error) => Answer::Bad(error.to_string()),
    }
}

/// Encodes what may not stand in a request line (RFC 3986 §2); what is encoded already stays.
pub fn encode_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    if !path.starts_with('/') {
        out.push('/');
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statuses_decide_and_a_bad_answer_is_shown() {
        let answer = b"HTTP/1.1 500 Internal Server Error\r\nA: b\r\n\r\n<h1>no\ndatabase</h1>";
        let Answer::Bad(shown) = judge("GET /", answer, &[]) else {
            panic!("a 500 passed");
        };
        assert_eq!(
            shown,
            "GET / → 500 Internal Server Error: <h1>no database</h1>"
        );
        assert_eq!(judge("GET /", answer, &[500]), Answer::Good);
        assert_eq!(
            judge("GET /", b"HTTP/1.0 204 No Content\r\n\r\n", &[]),
            Answer::Good
        );
        assert!(matches!(
            judge("GET /", b"SSH-2.0-x\r\n", &[]),
            Answer::Bad(_)
        ));
    }

    #[test]
    fn an_answer_that_leads_elsewhere_says_where() {
        let judged = |answer: &str| judge("GET /", answer.as_bytes(), &[]);
        assert_eq!(
            judged("HTTP/1.1 301 Moved Permanently\r\nServer: x\r\nlocation:  /login \r\n\r\n"),
            Answer::Elsewhere("GET / → 301 Moved Permanently, to /login".to_owned())
        );
        assert_eq!(
            judged("HTTP/1.1 302 Found\r\nLocation: https://shop.test/\r\n\r\n<p>There"),
            Answer::Elsewhere("GET / → 302 Found, to https://shop.test/: <p>There".to_owned())
        );
        assert_eq!(
            judged("HTTP/1.1 304 Not Modified\r\n\r\n"),
            Answer::Bad("GET / → 304 Not Modified".to_owned())
        );
        // Only a redirection has a place that one is sent to.
        assert_eq!(
            judged("HTTP/1.1 500 Oh\r\nLocation: /x\r\n\r\n"),
            Answer::Bad("GET / → 500 Oh".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_path_forges_a_header(path in ".{0,60}") {
            let encoded = encode_path(&path);
            prop_assert!(encoded.starts_with('/'));
            prop_assert!(encoded.bytes().all(|b| (0x21..0x7f).contains(&b)));
        }
        #[test]
        fn no_answer_is_too_strange(answer in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = judge("GET /", &answer, &[]);
        }
    }
}
