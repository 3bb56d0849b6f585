//! One thread a connection, which alone touches its libssh2 session.
//!
//! libssh2 allows one caller at a time, and a blocking read on one channel would hold all others
//! up. So the session never blocks: the thread waits for the socket or for a wake-up, then turns
//! every operation as far as it goes. An operation that libssh2 could not finish is repeated on
//! the next turn, as its documentation asks.

use super::{
    channel::{Channel, Counters, Flow, PIECE, WAITING},
    connection::{Command, Connection, Limits, Opening},
    greet::{Greeted, SOCKET},
    lane::{Lane, Start, Step},
    stage::Stage,
};
use mio::{Events, Poll, Token, Waker, net::TcpStream as Watched};
use ssh2::{BlockDirections, ErrorCode, Session};
use std::{
    collections::VecDeque,
    io,
    net::{Shutdown, TcpStream},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

const WAKE: Token = Token(1);

/// libssh2's word for “not now” (`LIBSSH2_ERROR_EAGAIN`).
const AGAIN: i32 = libssh2_sys::LIBSSH2_ERROR_EAGAIN;
/// How long an idle connection waits before it opens its anchor.
const SETTLE: Duration = Duration::from_secs(2);

/// What a server may send to a screen before we have read it (RFC 4254 §5.2): little, so that a key
/// that stops a flood of output is soon seen to have stopped it.
const SCREEN_WINDOW: u32 = 32 * 1024;
const SCREEN_PACKET: u32 = 16 * 1024;
/// Pieces for a screen that may wait on our side.
const SCREENS_WAITING: usize = 2;

/// Starts the thread that owns a session which is already logged in.
pub(super) fn start(
    greeted: Greeted,
    limits: Limits,
    idle: Option<Duration>,
    counters: Arc<Counters>,
) -> io::Result<Connection> {
    let Greeted {
        session,
        socket,
        watched,
        mut poll,
        to,
    } = greeted;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let seconds = u32::try_from(limits.keepalive.as_secs()).unwrap_or(u32::MAX);
    session.set_keepalive(true, seconds.max(2));
    let (commands, inbox) = mpsc::unbounded_channel();
    let cut = Arc::new(OnceLock::new());
    let to: Arc<str> = to.into();
    let connection = Connection::new(
        commands,
        Arc::clone(&waker),
        Arc::clone(&cut),
        Arc::clone(&to),
    );
    let pump = Pump {
        session,
        socket,
        watched,
        waker,
        inbox,
        cut,
        to,
        limits,
        idle,
        counters,
        budget: limits.commands.max(2) - 1,
        queue: VecDeque::new(),
        opening: None,
        lanes: Vec::new(),
        anchor: None,
        alive: Instant::now(),
        spoke: Instant::now(),
        used: Instant::now(),
        scratch: vec![0; PIECE],
    };
    std::thread::Builder::new()
        .name("ssh".to_owned())
        .spawn(move || pump.run(&mut poll))?;
    Ok(connection)
}

struct Waiting {
    what: Opening,
    answer: Option<oneshot::Sender<Result<Channel, Stage>>>,
    since: Instant,
}

struct Pump {
    session: Session,
    socket: TcpStream,
    watched: Watched,
    waker: Arc<Waker>,
    inbox: mpsc::UnboundedReceiver<Command>,
    cut: Arc<OnceLock<String>>,
    to: Arc<str>,
    limits: Limits,
    idle: Option<Duration>,
    counters: Arc<Counters>,
    /// Commands at once. One session channel is kept for the anchor.
    budget: usize,
    queue: VecDeque<Waiting>,
    /// libssh2 opens one channel of a session at a time.
    opening: Option<Waiting>,
    lanes: Vec<Lane>,
    /// A session channel without a command. libssh2 takes packets in only while some channel is
    /// read, so an idle connection reads this one: it sees the server's signs of life, answers
    /// them, and notices when the connection breaks.
    anchor: Option<ssh2::Channel>,
    /// When something last came in.
    alive: Instant,
    /// When the last sign of life was asked for.
    spoke: Instant,
    /// When the last channel was closed.
    used: Instant,
    scratch: Vec<u8>,
}

/// What a turn of all operations came to.
enum Turn {
    Moved,
    Still,
    Ended(String),
}

impl Pump {
    fn run(mut self, poll: &mut Poll) {
        let mut events = Events::with_capacity(8);
        let reason = loop {
            match self.turn() {
                Turn::Moved => continue,
                Turn::Still => {}
                Turn::Ended(reason) => break reason,
            }
            // On Windows a socket is watched again only after mio itself saw it empty.
            let _: io::Result<()> = self
                .watched
                .try_io(|| Err(io::ErrorKind::WouldBlock.into()));
            match poll.poll(&mut events, Some(self.patience())) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error.to_string(),
            }
            if events
                .iter()
                .any(|event| event.token() == SOCKET && event.is_readable())
            {
                self.alive = Instant::now();
            }
        };
        self.end(&reason);
    }

    /// How long to sleep when nothing happens.
    fn patience(&self) -> Duration {
        if self.opening.is_some() || self.lanes.iter().any(Lane::is_hurried) {
            return Duration::from_secs(1);
        }
        if self.anchor.is_none() {
            return SETTLE;
        }
        self.limits
            .keepalive
            .saturating_sub(self.spoke.elapsed())
            .max(Duration::from_millis(50))
    }

    fn turn(&mut self) -> Turn {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Open(what, answer)) => self.queue.push_back(Waiting {
                    what,
                    answer: Some(answer),
                    since: Instant::now(),
                }),
                Ok(Command::Close) => return Turn::Ended("it was closed".to_owned()),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    if self.lanes.is_empty() {
                        return Turn::Ended("nobody uses it any more".to_owned());
                    }
                    break;
                }
            }
        }
        let mut moved = false;
        match self.open_next() {
            Ok(progress) => moved |= progress,
            Err(reason) => return Turn::Ended(reason),
        }
        let mut index = 0;
        while index < self.lanes.len() {
            match self.lanes[index].turn(&self.session, &mut self.scratch, &self.counters) {
                Step::Still => index += 1,
                Step::Moved => {
                    moved = true;
                    index += 1;
                }
                Step::Over => {
                    drop(self.lanes.swap_remove(index));
                    self.used = Instant::now();
                    moved = true;
                }
                Step::Broken(reason) => return Turn::Ended(reason),
            }
        }
        if moved {
            self.alive = Instant::now();
            return Turn::Moved;
        }
        match self.stay_alive() {
            Ok(()) => Turn::Still,
            Err(reason) => Turn::Ended(reason),
        }
    }

    /// Turns the opening of the next channel. `Ok(true)` when something moved.
    fn open_next(&mut self) -> Result<bool, String> {
        if self.opening.is_none() {
            let commands = self.lanes.iter().filter(|lane| lane.is_command()).count();
            let next = self
                .queue
                .iter()
                .position(|waiting| !waiting.what.is_session() || commands < self.budget);
            self.opening = next.and_then(|index| self.queue.remove(index));
            if let Some(opening) = &mut self.opening {
                opening.since = Instant::now();
            } else if self.anchor.is_none()
                && self.lanes.is_empty()
                && self.used.elapsed() >= SETTLE
            {
                self.opening = Some(Waiting {
                    what: Opening::Command(String::new()),
                    answer: None,
                    since: Instant::now(),
                });
            }
        }
        let Some(opening) = &self.opening else {
            return Ok(false);
        };
        let opened = match &opening.what {
            Opening::Command(_) => self.session.channel_session(),
            Opening::Socket(path) => self.session.channel_direct_streamlocal(path, None),
            Opening::Terminal(_) => {
                self.session
                    .channel_open("session", SCREEN_WINDOW, SCREEN_PACKET, None)
            }
        };
        match opened {
            Ok(channel) => {
                if let Some(Waiting { what, answer, .. }) = self.opening.take() {
                    self.opened(channel, what, answer);
                }
                Ok(true)
            }
            Err(error) if error.code() == ErrorCode::Session(AGAIN) => {
                if opening.since.elapsed() > self.limits.open {
                    return Err(format!(
                        "no answer to the opening of a channel within {} s",
                        self.limits.open.as_secs()
                    ));
                }
                Ok(false)
            }
            Err(error) if is_fatal(&error) => Err(error.message().to_owned()),
            Err(error) => {
                if let Some(waiting) = self.opening.take() {
                    self.refused(waiting, &error);
                }
                Ok(true)
            }
        }
    }

    fn opened(
        &mut self,
        channel: ssh2::Channel,
        what: Opening,
        answer: Option<oneshot::Sender<Result<Channel, Stage>>>,
    ) {
        let Some(answer) = answer else {
            self.anchor = Some(channel);
            return;
        };
        let (input, to_send) = mpsc::channel(WAITING);
        let waiting = match what {
            Opening::Terminal(_) => SCREENS_WAITING,
            Opening::Command(_) | Opening::Socket(_) => WAITING,
        };
        let (events, output) = mpsc::channel(waiting);
        let flow = Arc::new(Flow::default());
        let handle = Channel::new(input, output, Arc::clone(&flow), Arc::clone(&self.waker));
        let deadline = Instant::now() + self.limits.open;
        let to = self.to.to_string();
        self.lanes.push(match what {
            Opening::Command(command) => {
                let start = Start::command(command, (answer, handle, to), deadline);
                Lane::socket(channel, to_send, events, flow).starting(start)
            }
            Opening::Terminal(size) => {
                let start = Start::terminal((answer, handle, to), deadline);
                Lane::socket(channel, to_send, events, flow)
                    .starting(start)
                    .on_screen(size)
            }
            Opening::Socket(_) => {
                // Whoever asked may have gone: the lane then finds its events closed and ends.
                let _ = answer.send(Ok(handle));
                Lane::socket(channel, to_send, events, flow)
            }
        });
    }

    fn refused(&mut self, waiting: Waiting, error: &ssh2::Error) {
        let running = self.lanes.iter().filter(|lane| lane.is_command()).count();
        let is_command = waiting.what.is_session();
        match waiting.answer {
            // No anchor then; the next idle moment tries again.
            None => self.used = Instant::now(),
            // The server allows fewer sessions than the usual ten: wait for one to end.
            Some(answer) if is_command && running > 0 => {
                self.budget = running;
                self.queue.push_front(Waiting {
                    answer: Some(answer),
                    ..waiting
                });
            }
            Some(answer) => {
                if is_command && self.anchor.take().is_some() {
                    self.queue.push_front(Waiting {
                        answer: Some(answer),
                        ..waiting
                    });
                    return;
                }
                let what = match waiting.what {
                    Opening::Command(_) | Opening::Terminal(_) => "a session".to_owned(),
                    Opening::Socket(path) => path,
                };
                let _ = answer.send(Err(Stage::Refused {
                    to: self.to.to_string(),
                    what,
                    cause: error.message().to_owned(),
                }));
            }
        }
    }

    /// Reads the anchor, asks for a sign of life when it is time, and gives up on the dead.
    fn stay_alive(&mut self) -> Result<(), String> {
        match &mut self.anchor {
            Some(anchor) => {
                let mut nothing = [0u8; 16];
                match io::Read::read(anchor, &mut nothing) {
                    Ok(_) if anchor.eof() => self.anchor = None,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(reason_of(&self.session, &error)),
                }
            }
            None => {
                let mut one = [0u8; 1];
                if matches!(self.socket.peek(&mut one), Ok(0)) {
                    return Err("the server closed it".to_owned());
                }
            }
        }
        let now = Instant::now();
        // A half-sent packet has to be finished by the operation that began it.
        let half_sent = matches!(
            self.session.block_directions(),
            BlockDirections::Outbound | BlockDirections::Both
        );
        if now.duration_since(self.spoke) >= self.limits.keepalive && !half_sent {
            self.session
                .keepalive_send()
                .map_err(|error| error.message().to_owned())?;
            self.spoke = now;
        }
        // Three unanswered signs of life: the other side, or the way there, is gone.
        if now.duration_since(self.alive) > self.limits.keepalive * 3 + Duration::from_secs(1) {
            return Err(format!(
                "no sign of life for {} s",
                (now - self.alive).as_secs()
            ));
        }
        match self.idle {
            Some(idle)
                if self.lanes.is_empty() && self.queue.is_empty() && self.used.elapsed() > idle =>
            {
                Err("it was not needed any more".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn end(mut self, reason: &str) {
        let _ = self.cut.set(reason.to_owned());
        tracing::debug!(to = %self.to, reason, "an SSH connection ended");
        self.inbox.close();
        let cut = |doing: &str| Stage::Cut {
            to: self.to.to_string(),
            doing: doing.to_owned(),
            cause: reason.to_owned(),
            begun: false,
        };
        while let Ok(command) = self.inbox.try_recv() {
            if let Command::Open(_, answer) = command {
                let _ = answer.send(Err(cut("opening a channel")));
            }
        }
        for waiting in self.opening.take().into_iter().chain(self.queue.drain(..)) {
            if let Some(answer) = waiting.answer {
                let _ = answer.send(Err(cut("opening a channel")));
            }
        }
        // With the socket shut, freeing channels and session cannot wait for the server.
        let _ = self.session.disconnect(None, "", None);
        let _ = self.socket.shutdown(Shutdown::Both);
        for lane in self.lanes.drain(..) {
            lane.cut(reason);
        }
    }
}

/// Whether an error of libssh2 means that the connection is gone.
pub(super) fn is_fatal(error: &ssh2::Error) -> bool {
    match error.code() {
        ErrorCode::Session(code) => is_fatal_code(code),
        ErrorCode::SFTP(_) => false,
    }
}

fn is_fatal_code(code: i32) -> bool {
    [
        libssh2_sys::LIBSSH2_ERROR_SOCKET_DISCONNECT,
        libssh2_sys::LIBSSH2_ERROR_SOCKET_RECV,
        libssh2_sys::LIBSSH2_ERROR_SOCKET_SEND,
        libssh2_sys::LIBSSH2_ERROR_SOCKET_TIMEOUT,
        libssh2_sys::LIBSSH2_ERROR_INVALID_MAC,
        libssh2_sys::LIBSSH2_ERROR_DECRYPT,
        libssh2_sys::LIBSSH2_ERROR_PROTO,
        libssh2_sys::LIBSSH2_ERROR_KEX_FAILURE,
        libssh2_sys::LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE,
        libssh2_sys::LIBSSH2_ERROR_BAD_SOCKET,
    ]
    .contains(&code)
}

/// Whether the session's last error means that the connection is gone; `ssh2` hides the code of
/// an error that it hands out as an I/O error.
pub(super) fn session_is_dead(session: &Session) -> bool {
    ssh2::Error::last_session_error(session).is_some_and(|error| is_fatal(&error))
}

/// What broke, in libssh2's words where it has some.
pub(super) fn reason_of(session: &Session, error: &io::Error) -> String {
    match ssh2::Error::last_session_error(session) {
        Some(last) => last.message().to_owned(),
        None => error.to_string(),
    }
}
