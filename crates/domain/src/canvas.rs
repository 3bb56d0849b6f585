//! Canvases: pages that are previewed as they are written. Their names, the paths within them and
//! the hosts that they may reach.

use crate::{
    dns::HostName,
    name::{InvalidName, Name},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The page that a canvas begins with.
pub const INDEX: &str = "index.html";
/// Most hosts that one canvas may reach.
pub const MOST_HOSTS: usize = 20;
/// What the main canvas is called.
const MAIN: &str = "main";
/// Longest path within a canvas, bytes.
const LONGEST_PATH: usize = 1_024;
/// Most folders and files in a path within a canvas.
const DEEPEST_PATH: usize = 32;

/// Which canvas of a project: the main one in `.canvas`, or one by its name in `.canvases/<name>`.
/// No canvas lies within another, so that each can be served and published whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CanvasName(Option<Name>);

impl CanvasName {
    /// The folder, within the project's, that holds the canvases with names.
    pub const NAMED_FOLDER: &'static str = ".canvases";

    /// The canvas that every project begins with.
    pub fn main() -> Self {
        Self(None)
    }

    /// Reads a name; `main` is the main canvas.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        match text {
            MAIN => Ok(Self(None)),
            _ => Ok(Self(Some(Name::parse(text)?))),
        }
    }

    /// Whether it is the one that every project begins with.
    pub fn is_main(&self) -> bool {
        self.0.is_none()
    }

    /// Its folder within the project's, outermost first.
    pub fn folder(&self) -> Vec<String> {
        match &self.0 {
            None => vec![".canvas".to_owned()],
            Some(name) => vec![Self::NAMED_FOLDER.to_owned(), name.to_string()],
        }
    }
}

impl fmt::Display for CanvasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or(MAIN, Name::as_str))
    }
}
impl TryFrom<String> for CanvasName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}
impl From<CanvasName> for String {
    fn from(name: CanvasName) -> String {
        name.to_string()
    }
}

/// Which colours a preview pretends that the person prefers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColorScheme {
    /// Those of the system.
    #[default]
    System,
    /// Light ones.
    Light,
    /// Dark ones.
    Dark,
}

/// Why a path within a canvas was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedPath {
    /// More bytes or folders than any page needs.
    #[error("the path is too long")]
    TooLong,
    /// A percent sign without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("the path is not encoded as an address is")]
    Encoding,
    /// `..`, `.` or an empty part: the path leads elsewhere than it says.
    #[error("the path does not lead straight down")]
    NotStraight,
    /// A name that begins with a dot.
    #[error("hidden files are not served")]
    Hidden,
    /// A name with a slash, a backslash, a colon or a control character in it, or one that some
    /// system takes for something else than a file.
    #[error("a name in the path is not one of a file")]
    NoFileName,
}

/// A path within a canvas, straight down from its folder: no `..`, nothing absolute or hidden, and
/// no name that a system would read as something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct CanvasPath(Vec<String>);

impl CanvasPath {
    /// Reads the path of a request, relative to the canvas and still percent-encoded. What stands
    /// behind `?` or `#` is left out; a folder means the page in it. Each part is decoded once and
    /// after the path was split, so that an encoded slash never becomes a separator.
    pub fn of_request(raw: &str) -> Result<Self, RefusedPath> {
        let raw = raw.split(['?', '#']).next().unwrap_or_default();
        if raw.len() > 3 * LONGEST_PATH {
            return Err(RefusedPath::TooLong);
        }
        let page = if raw.is_empty() || raw.ends_with('/') {
            INDEX
        } else {
            ""
        };
        let whole = format!("{raw}{page}");
        let parts: Vec<String> = whole.split('/').map(decoded).collect::<Result<_, _>>()?;
        Self::of_parts(parts)
    }

    /// Reads a plain path with slashes.
    pub fn parse(text: &str) -> Result<Self, RefusedPath> {
        Self::of_parts(text.split('/').map(str::to_owned).collect())
    }

    fn of_parts(parts: Vec<String>) -> Result<Self, RefusedPath> {
        let bytes: usize = parts.iter().map(|part| part.len() + 1).sum();
        if bytes > LONGEST_PATH || parts.len() > DEEPEST_PATH {
            return Err(RefusedPath::TooLong);
        }
        parts.iter().try_for_each(|part| check_name(part))?;
        Ok(Self(parts))
    }

    /// Its parts, outermost first.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// What the file is, for a browser, by the end of its name (IANA media types).
    pub fn content_type(&self) -> &'static str {
        let name = self.0.last().map_or("", String::as_str);
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending.to_ascii_lowercase().as_str() {
            "html" | "htm" => "text/html",
            "css" => "text/css",
            "js" | "mjs" => "text/javascript",
            "json" | "map" => "application/json",
            "webmanifest" => "application/manifest+json",
            "txt" => "text/plain",
            "md" => "text/markdown",
            "csv" => "text/csv",
            "xml" => "application/xml",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "gif" => "image/gif",
            "webp" => "image/webp",
            "avif" => "image/avif",
            "ico" => "image/x-icon",
            "bmp" => "image/bmp",
            "woff" => "font/woff",
            "woff2" => "font/woff2",
            "ttf" => "font/ttf",
            "otf" => "font/otf",
            "mp4" => "video/mp4",
            "webm" => "video/webm",
            "ogv" => "video/ogg",
            "mp3" => "audio/mpeg",
            "ogg" | "oga" => "audio/ogg",
            "wav" => "audio/wav",
            "m4a" => "audio/mp4",
            "wasm" => "application/wasm",
            "pdf" => "application/pdf",
            _ => "application/octet-stream",
        }
    }
}

impl fmt::Display for CanvasPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}
impl From<CanvasPath> for String {
    fn from(path: CanvasPath) -> String {
        path.to_string()
    }
}

fn decoded(part: &str) -> Result<String, RefusedPath> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(RefusedPath::Encoding);
        };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| RefusedPath::Encoding)?);
    }
    String::from_utf8(bytes).map_err(|_| RefusedPath::Encoding)
}

fn check_name(name: &str) -> Result<(), RefusedPath> {
    if name.is_empty() || name == "." || name == ".." {
        return Err(RefusedPath::NotStraight);
    }
    let odd = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    // Windows drops final dots and blanks, opens `NUL.txt` as a device, and finds `.git` as `GIT~1`
    // (“Naming Files, Paths, and Namespaces”). A canvas shall be the same on every system.
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let short = name
        .split_once('~')
        .is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    if name.contains(odd) || name.ends_with(['.', ' ']) || is_device(stem) || short {
        return Err(RefusedPath::NoFileName);
    }
    if name.starts_with('.') {
        return Err(RefusedPath::Hidden);
    }
    Ok(())
}

fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    let numbered = |word| {
        stem.strip_prefix(word).is_some_and(|rest| {
            let mut digits = rest.chars();
            matches!(
                (digits.next(), digits.next()),
                (Some('0'..='9' | '¹' | '²' | '³'), None)
            )
        })
    };
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str())
        || numbered("COM")
        || numbered("LPT")
}

/// Why a host was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is no host that a canvas could be allowed: {why}")]
pub struct RefusedHost {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// A host that a canvas may reach: `fonts.example.com`, with a port where it is not the usual one,
/// over TLS; or `localhost:3000`, plainly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AllowedHost {
    host: String,
    port: Option<u16>,
    local: bool,
}

impl AllowedHost {
    /// Checks a text. An address that was copied whole is read as its host, if that is all it names.
    pub fn parse(text: &str) -> Result<Self, RefusedHost> {
        let refuse = |why: &str| RefusedHost {
            text: text.chars().take(80).collect(),
            why: why.to_owned(),
        };
        let trimmed = text.trim();
        let bare = ["https://", "http://", "wss://", "ws://"]
            .iter()
            .find_map(|scheme| trimmed.strip_prefix(scheme))
            .unwrap_or(trimmed);
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        if bare.contains('*') {
            return Err(refuse("name each host, without a star"));
        }
        if bare.contains(['/', '?', '#', '@']) {
            return Err(refuse("a host only, without a path or a login"));
        }
        let (host, port) = match bare.rsplit_once(':') {
            Some((host, port)) => {
                let number = port.parse().ok().filter(|number| *number != 0);
                (
                    host,
                    Some(number.ok_or_else(|| refuse("its port is no number"))?),
                )
            }
            None => (bare, None),
        };
        let local = host == "localhost" || host == "127.0.0.1";
        let host = if local {
            host.to_owned()
        } else {
            let name = HostName::parse(host).map_err(|error| refuse(error.why))?;
            name.as_str().to_owned()
        };
        Ok(Self { host, port, local })
    }

    /// Whether a connection to this port of this host is one to it.
    pub fn is(&self, host: &str, port: u16) -> bool {
        let usual = if self.local { 80 } else { 443 };
        host.eq_ignore_ascii_case(&self.host) && port == self.port.unwrap_or(usual)
    }

    /// Where it is reached by requests: its scheme, name and port.
    pub fn origin(&self) -> String {
        let scheme = if self.local { "http" } else { "https" };
        format!("{scheme}://{self}")
    }

    /// As a policy names it (CSP3 §2.3.1): for requests and for WebSockets.
    pub fn sources(&self) -> String {
        let ws = if self.local { "ws" } else { "wss" };
        format!("{} {ws}://{self}", self.origin())
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}
impl TryFrom<String> for AllowedHost {
    type Error = RefusedHost;
    fn try_from(text: String) -> Result<Self, RefusedHost> {
        Self::parse(&text)
    }
}
impl From<AllowedHost> for String {
    fn from(host: AllowedHost) -> String {
        host.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_leads_straight_down() {
        for (raw, path) in [
            ("", "index.html"),
            ("index.html?v=1#top", "index.html"),
            ("assets/a%20b.png", "assets/a b.png"),
            ("about/", "about/index.html"),
            ("%C3%BC.css", "ü.css"),
            // Decoded once, this is a strange name of a file and nothing else.
            ("%252e%252e/x", "%2e%2e/x"),
        ] {
            let read = CanvasPath::of_request(raw).unwrap();
            assert_eq!(read.to_string(), path, "{raw}");
        }
    }

    #[test]
    fn whatever_could_lead_out_is_refused() {
        use RefusedPath::{Encoding, Hidden, NoFileName, NotStraight, TooLong};
        for (raw, why) in [
            ("../secret", NotStraight),
            ("a/../../secret", NotStraight),
            ("%2e%2e/secret", NotStraight),
            ("%2E%2e%2fsecret", NoFileName),
            (".%2e/secret", NotStraight),
            ("/etc/passwd", NotStraight),
            ("//server/share", NotStraight),
            ("a//b", NotStraight),
            ("..%5csecret", NoFileName),
            ("a\\b", NoFileName),
            ("a%00.html", NoFileName),
            ("a%0ab", NoFileName),
            ("C:/x", NoFileName),
            ("x.html::$DATA", NoFileName),
            ("%", Encoding),
            ("%zz", Encoding),
            ("%+1", Encoding),
            ("%ff", Encoding),
            // An overlong “.”, which no decoder of UTF-8 may take.
            ("%c0%ae%c0%ae/x", Encoding),
            (".env", Hidden),
            (".git/config", Hidden),
            ("a/.ssh/id", Hidden),
            ("nul", NoFileName),
            ("NUL.html", NoFileName),
            ("com1.js", NoFileName),
            ("a.", NoFileName),
            ("..%20/x", NoFileName),
            ("GIT~1/config", NoFileName),
        ] {
            assert_eq!(CanvasPath::of_request(raw).unwrap_err(), why, "{raw}");
        }
        assert_eq!(CanvasPath::of_request(&"a/".repeat(40)), Err(TooLong));
        assert_eq!(CanvasPath::of_request(&"a".repeat(5_000)), Err(TooLong));
        assert!(CanvasPath::parse("common.js").is_ok());
    }

    #[test]
    fn a_canvas_has_a_folder_of_its_own() {
        let main = CanvasName::parse("main").unwrap();
        assert!(main.is_main());
        assert_eq!(main.folder(), [".canvas"]);
        let landing = CanvasName::parse("landing").unwrap();
        assert_eq!(landing.folder(), [".canvases", "landing"]);
        for bad in ["..", "a/b", "", "A", ".git"] {
            assert!(CanvasName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_connection_is_to_an_allowed_host_by_its_name_and_port() {
        for (allowed, host, port, is) in [
            ("fonts.example.com", "Fonts.example.com", 443, true),
            ("fonts.example.com", "fonts.example.com", 80, false),
            ("fonts.example.com", "evil.fonts.example.com", 443, false),
            ("fonts.example.com:8443", "fonts.example.com", 8443, true),
            ("fonts.example.com:8443", "fonts.example.com", 443, false),
            ("localhost:3000", "localhost", 3000, true),
            ("localhost:3000", "localhost", 3001, false),
            ("localhost", "localhost", 80, true),
            ("127.0.0.1:3000", "127.0.0.1", 3000, true),
            ("127.0.0.1:3000", "localhost", 3000, false),
        ] {
            let allowed = AllowedHost::parse(allowed).unwrap();
            assert_eq!(allowed.is(host, port), is, "{allowed}: {host}:{port}");
        }
    }

    #[test]
    fn a_host_is_allowed_over_tls_or_on_this_machine() {
        let host = |text| AllowedHost::parse(text).map(|host| host.sources());
        let fonts = "https://fonts.example.com wss://fonts.example.com";
        assert_eq!(host("Fonts.example.com").unwrap(), fonts);
        assert_eq!(host("https://fonts.example.com/").unwrap(), fonts);
        let local = "http://localhost:3000 ws://localhost:3000";
        assert_eq!(host("localhost:3000").unwrap(), local);
        for bad in [
            "",
            "*",
            "*.example.com",
            "example.com/path",
            "user@example.com",
            "example.com; script-src *",
            "example.com 'unsafe-inline'",
            "example.com,evil.test",
            "example.com:0",
            "example.com:99999",
            "data:",
            "https:",
            "'self'",
            "com",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_request_names_anything_but_a_file_below(raw in ".{0,80}|([./%2eEfF5cC\\\\:a-c]){0,40}") {
            if let Ok(path) = CanvasPath::of_request(&raw) {
                prop_assert!(!path.parts().is_empty());
                for part in path.parts() {
                    prop_assert!(!part.starts_with('.') && !part.is_empty());
                    prop_assert!(!part.contains(['/', '\\', '\0', ':']));
                }
                let joined: std::path::PathBuf = path.parts().iter().collect();
                for part in joined.components() {
                    prop_assert!(matches!(part, std::path::Component::Normal(_)));
                }
            }
        }

        #[test]
        fn what_is_allowed_never_ends_its_directive(text in "[a-z.:;, '*/@-]{0,40}") {
            if let Ok(host) = AllowedHost::parse(&text) {
                let shown = host.to_string();
                prop_assert!(!shown.contains(|c: char| ";, '*/".contains(c)), "{}", shown);
                prop_assert_eq!(AllowedHost::parse(&shown).unwrap(), host);
            }
        }
    }
}
