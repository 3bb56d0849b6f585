//! From a TCP connection to a session: banner, host key, login, in this order.

use super::{host_key::HostKey, pump::is_fatal, stage::Stage};
use mio::{Events, Interest, Poll, Token, net::TcpStream as Watched};
use plimsoll_domain::Secret;
use ssh2::{ErrorCode, MethodType, Session};
use std::{
    io,
    net::TcpStream,
    time::{Duration, Instant},
};

/// The socket's name in the poll.
pub(super) const SOCKET: Token = Token(0);

/// Authenticated ciphers only, hardware's favourite first; the last is for old servers.
const CIPHERS: &str =
    "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr";
/// What a server is asked for when nothing is pinned yet.
const ANY_HOST_KEY: &str = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,\
                            ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";

/// A session whose server has shown the right key, and which is logged in where that was asked.
pub(super) struct Greeted {
    pub(super) session: Session,
    pub(super) socket: TcpStream,
    pub(super) watched: Watched,
    pub(super) poll: Poll,
    pub(super) to: String,
}

impl Greeted {
    /// The host key that the server showed.
    pub(super) fn host_key(&self) -> Option<HostKey> {
        let (blob, _) = self.session.host_key()?;
        HostKey::from_blob(blob.to_vec())
    }

    /// Turns an operation until it is done, or the deadline has passed.
    fn drive<T>(
        &mut self,
        deadline: Instant,
        mut operation: impl FnMut(&mut Session) -> Result<T, ssh2::Error>,
    ) -> Result<T, Failed> {
        let mut events = Events::with_capacity(4);
        loop {
            match operation(&mut self.session) {
                Ok(value) => return Ok(value),
                Err(error)
                    if error.code() == ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_EAGAIN) => {}
                Err(error) => return Err(Failed::Refused(error)),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failed::TooLate);
            }
            // On Windows a socket is watched again only after mio itself saw it empty.
            let _: io::Result<()> = self
                .watched
                .try_io(|| Err(io::ErrorKind::WouldBlock.into()));
            match self.poll.poll(&mut events, Some(left)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failed::Poll(error)),
            }
        }
    }
}

enum Failed {
    Refused(ssh2::Error),
    TooLate,
    Poll(io::Error),
}

impl Failed {
    fn cause(&self, patience: Duration) -> String {
        match self {
            Failed::Refused(error) => error.message().to_owned(),
            Failed::TooLate => format!("no answer within {} s", patience.as_secs()),
            Failed::Poll(error) => error.to_string(),
        }
    }
}

/// Shakes hands, and refuses any host key but the pinned one before anything else is said.
/// Without a pin no login must follow: this is how a key is looked at.
pub(super) fn shake(
    stream: TcpStream,
    to: &str,
    pinned: Option<&HostKey>,
    patience: Duration,
) -> Result<Greeted, Stage> {
    let broken = |cause: String| Stage::Banner {
        to: to.to_owned(),
        cause,
    };
    let (poll, watched) = watch(&stream).map_err(|error| broken(error.to_string()))?;
    let mut session = Session::new().map_err(|error| broken(error.message().to_owned()))?;
    let socket = stream
        .try_clone()
        .map_err(|error| broken(error.to_string()))?;
    session.set_tcp_stream(stream);
    session.set_blocking(false);
    let host_keys = pinned.map_or(ANY_HOST_KEY, HostKey::negotiation);
    for (kind, wanted) in [
        (MethodType::HostKey, host_keys),
        (MethodType::CryptCs, CIPHERS),
        (MethodType::CryptSc, CIPHERS),
    ] {
        session
            .method_pref(kind, wanted)
            .map_err(|error| Stage::Disagreed {
                to: to.to_owned(),
                cause: error.message().to_owned(),
            })?;
    }
    let mut greeted = Greeted {
        session,
        socket,
        watched,
        poll,
        to: to.to_owned(),
    };
    let deadline = Instant::now() + patience;
    greeted
        .drive(deadline, |session| session.handshake())
        .map_err(|failed| match &failed {
            Failed::Refused(error) if is_disagreement(error) => Stage::Disagreed {
                to: to.to_owned(),
                cause: failed.cause(patience),
            },
            _ => broken(failed.cause(patience)),
        })?;
    let shown = greeted
        .host_key()
        .ok_or_else(|| broken("it shows no host key".to_owned()))?;
    match pinned {
        Some(pinned) if *pinned != shown => Err(Stage::HostKeyChanged {
            to: to.to_owned(),
            pinned: pinned.fingerprint(),
            shown: shown.fingerprint(),
        }),
        _ => Ok(greeted),
    }
}

/// Logs in with a private key in OpenSSH's PEM form, which never touches a disk.
pub(super) fn log_in(
    greeted: &mut Greeted,
    user: &str,
    private_key: &Secret,
    patience: Duration,
) -> Result<(), Stage> {
    let deadline = Instant::now() + patience;
    let to = greeted.to.clone();
    let result = greeted.drive(deadline, |session| {
        session.userauth_pubkey_memory(user, None, private_key.expose(), None)
    });
    match result {
        Ok(()) => Ok(()),
        Err(Failed::Refused(error)) if !is_fatal(&error) => Err(Stage::Authentication {
            to,
            user: user.to_owned(),
            cause: error.message().to_owned(),
        }),
        Err(failed) => Err(Stage::Cut {
            to,
            doing: "logging in".to_owned(),
            cause: failed.cause(patience),
            begun: false,
        }),
    }
}

fn watch(stream: &TcpStream) -> io::Result<(Poll, Watched)> {
    stream.set_nonblocking(true)?;
    let poll = Poll::new()?;
    let mut watched = Watched::from_std(stream.try_clone()?);
    poll.registry().register(
        &mut watched,
        SOCKET,
        Interest::READABLE | Interest::WRITABLE,
    )?;
    Ok((poll, watched))
}

fn is_disagreement(error: &ssh2::Error) -> bool {
    [
        libssh2_sys::LIBSSH2_ERROR_KEX_FAILURE,
        libssh2_sys::LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE,
        libssh2_sys::LIBSSH2_ERROR_METHOD_NONE,
        libssh2_sys::LIBSSH2_ERROR_METHOD_NOT_SUPPORTED,
        libssh2_sys::LIBSSH2_ERROR_HOSTKEY_INIT,
    ]
    .map(ErrorCode::Session)
    .contains(&error.code())
}
