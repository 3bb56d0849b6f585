//! Failures of a connection, each naming the stage at which it failed.

use plimsoll_engine::ports::PortError;

/// Where a connection to a server failed, and why. The stage is the stable code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stage {
    /// The name of the server, or of the proxy, does not resolve.
    #[error("the name “{name}” does not resolve")]
    Dns {
        /// What was looked up.
        name: String,
        /// What the resolver said.
        cause: String,
    },
    /// No TCP connection came about.
    #[error("no connection to {to}: {cause}")]
    Tcp {
        /// Address and port, or the proxy and what was asked of it.
        to: String,
        /// What the system or the proxy said.
        cause: String,
    },
    /// Something answered, but not an SSH server that we can talk to.
    #[error("{to} answers, but not as an SSH server: {cause}")]
    Banner {
        /// Address and port.
        to: String,
        /// What libssh2 said.
        cause: String,
    },
    /// Client and server have no algorithm in common, or the server does not have the pinned type
    /// of host key.
    #[error("{to} and this program do not agree on how to encrypt: {cause}")]
    Disagreed {
        /// Address and port.
        to: String,
        /// What libssh2 said.
        cause: String,
    },
    /// The server shows another key than the pinned one.
    #[error("the host key of {to} is not the pinned one")]
    HostKeyChanged {
        /// Address and port.
        to: String,
        /// Type and fingerprint of the pinned key.
        pinned: String,
        /// Type and fingerprint of the key that was shown.
        shown: String,
    },
    /// The login was refused.
    #[error("{to} refused the login as “{user}”")]
    Authentication {
        /// Address and port.
        to: String,
        /// The login.
        user: String,
        /// What was wrong.
        cause: String,
    },
    /// The connection broke while in use.
    #[error("the connection to {to} was cut while {doing}")]
    Cut {
        /// Address and port.
        to: String,
        /// What was under way.
        doing: String,
        /// What libssh2 or the system said.
        cause: String,
        /// Whether something may have begun on the server: then only its journal knows.
        begun: bool,
    },
    /// The server refuses a channel of this kind.
    #[error("{to} refused to open {what}: {cause}")]
    Refused {
        /// Address and port.
        to: String,
        /// A command, or a forwarded socket.
        what: String,
        /// What the server said.
        cause: String,
    },
}

impl From<Stage> for PortError {
    fn from(stage: Stage) -> Self {
        let message = stage.to_string();
        match stage {
            Stage::Dns { cause, .. } => PortError::new("ssh_dns", message)
                .evidence(cause)
                .next_step("Check the server's name and this machine's network connection.")
                .retryable(),
            Stage::Tcp { cause, .. } => PortError::new("ssh_tcp", message)
                .evidence(cause)
                .next_step(
                    "Check that the server is on, that its address is right, and that a firewall \
                     lets port 22 through.",
                )
                .retryable(),
            Stage::Banner { cause, .. } => PortError::new("ssh_banner", message)
                .evidence(cause)
                .next_step(
                    "Check that the port is that of an SSH server; a server that has just booted \
                     may need a moment.",
                )
                .retryable(),
            Stage::Disagreed { cause, .. } => PortError::new("ssh_banner", message)
                .evidence(cause)
                .next_step("Bring the server's OpenSSH up to date (7.4 or newer)."),
            Stage::HostKeyChanged { pinned, shown, .. } => {
                PortError::new("ssh_host_key_changed", message)
                    .evidence(format!("pinned: {pinned}"))
                    .evidence(format!("shown:  {shown}"))
                    .next_step(
                        "Nothing was sent to it. If the server was rebuilt, compare the shown \
                         fingerprint on its console and confirm it; otherwise somebody may be \
                         answering in its place.",
                    )
            }
            Stage::Authentication { cause, .. } => PortError::new("ssh_authentication", message)
                .evidence(cause)
                .next_step(
                    "Check that the server's authorized_keys holds the public key that Plimsoll \
                     shows for it, and that the login exists.",
                ),
            Stage::Cut { cause, .. } => PortError::new("ssh_cut", message)
                .evidence(cause)
                .next_step("Try again; what had begun on the server is found again in its journal.")
                .retryable(),
            Stage::Refused { cause, .. } => PortError::new("ssh_refused", message)
                .evidence(cause)
                .next_step(
                    "Check sshd's settings on the server: MaxSessions, AllowStreamLocalForwarding \
                     and DisableForwarding.",
                ),
        }
    }
}
