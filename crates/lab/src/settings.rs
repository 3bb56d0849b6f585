//! What a person or a test may choose about a practice cloud.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which Docker engine the lab runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    /// The user's engine when it answers; else one of the lab's own when this is Linux and root.
    #[default]
    Auto,
    /// One of the lab's own: Linux and root only.
    Own,
    /// The user's engine: `None` means `DOCKER_HOST` or the default socket.
    Given(Option<String>),
}

/// How the host reaches addresses of droplets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Directly on Linux, through a proxy elsewhere: the engines of Docker Desktop live in a
    /// virtual machine whose networks are not routed.
    #[default]
    Auto,
    /// By the host's routes.
    Direct,
    /// Through a SOCKS proxy on a loopback port.
    Proxy,
}

impl Reach {
    /// Whether a proxy is needed on this system.
    pub(crate) fn is_by_proxy(self) -> bool {
        match self {
            Self::Auto => cfg!(not(target_os = "linux")),
            Self::Direct => false,
            Self::Proxy => true,
        }
    }
}

/// How the lab starts itself again: in the background, and inside its gateway container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Itself {
    /// The program; a Linux program of the engine's architecture when it serves the gateway.
    pub program: PathBuf,
    /// The program for the gateway container where `program` is no Linux program (macOS,
    /// Windows); `None` means `program`.
    pub gateway_program: Option<PathBuf>,
    /// Arguments in front of the lab's own words `serve` and `gateway`, such as `practice`.
    pub arguments: Vec<String>,
}

/// Settings of one practice cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Folder of everything this lab keeps; two folders are two labs.
    pub state: PathBuf,
    /// Folder of built images, shared by labs and kept by a wipe.
    pub cache: PathBuf,
    /// Which engine.
    pub engine: EngineChoice,
    /// How the host reaches droplets.
    #[serde(default)]
    pub reach: Reach,
    /// TCP port of the APIs on the loopback address; `None` means the port of the last start, or
    /// any free one.
    pub port: Option<u16>,
    /// How the lab starts itself again.
    pub itself: Itself,
}

impl Settings {
    /// The settings of a person who chose nothing.
    ///
    /// `state` is the folder to use instead of the usual one; `words` are the arguments that lead
    /// to the lab's words in the present program, such as `["practice"]`.
    ///
    /// # Errors
    /// When the present program or the home folder cannot be found.
    pub fn usual(state: Option<PathBuf>, words: &[&str]) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let state = match state {
            Some(state) => std::path::absolute(state)?,
            None => base("XDG_STATE_HOME", ".local/state")?.join("plimsoll/practice"),
        };
        let cache = base("XDG_CACHE_HOME", ".cache")?.join("plimsoll/practice");
        Ok(Self {
            state,
            cache,
            engine: EngineChoice::Auto,
            reach: Reach::Auto,
            port: None,
            itself: Itself {
                program,
                gateway_program: None,
                arguments: words.iter().map(|&word| word.to_owned()).collect(),
            },
        })
    }
}

fn base(variable: &str, under_home: &str) -> std::io::Result<PathBuf> {
    if let Some(folder) = std::env::var_os(variable).map(PathBuf::from)
        && folder.is_absolute()
    {
        return Ok(folder);
    }
    std::env::home_dir()
        .map(|home| home.join(under_home))
        .ok_or_else(|| {
            std::io::Error::new(
                std::io::ErrorKind::NotFound,
                format!("neither {variable} nor a home folder is set"),
            )
        })
}
