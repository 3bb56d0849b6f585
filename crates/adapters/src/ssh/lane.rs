//! One channel as the pump turns it.

use super::{
    channel::{Channel, Counters, Event, Flow},
    pump::{is_fatal, reason_of, session_is_dead},
    stage::Stage,
};
use bytes::{Buf, Bytes};
use plimsoll_engine::ports::ScreenSize;
use ssh2::{ErrorCode, Session};
use std::{
    io::{self, Read, Write},
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
    time::Instant,
};
use tokio::sync::{mpsc, oneshot, watch};

/// Pieces that one channel may move in a turn, so that a busy one does not starve the others.
const SHARE: usize = 4;

/// Most bytes for a screen in one piece.
const SCREEN_PIECE: usize = 16 * 1024;
/// What the screen understands, by the name of its entry in terminfo.
const TERMINAL: &str = "xterm-256color";

/// The stream of standard error (`SSH_EXTENDED_DATA_STDERR`, RFC 4254 §5.2).
const STDERR: i32 = 1;

pub(super) type Answer = (oneshot::Sender<Result<Channel, Stage>>, Channel, String);

/// How far a turn came.
pub(super) enum Step {
    /// Nothing to do, or nothing possible now.
    Still,
    /// Something moved: another turn may move more.
    Moved,
    /// The channel is closed on both sides.
    Over,
    /// The whole connection is gone.
    Broken(String),
}

/// What is asked of the server before bytes travel.
pub(super) struct Start {
    next: Ask,
    answer: Option<Box<Answer>>,
    deadline: Instant,
}

enum Ask {
    /// Run a command.
    Command(String),
    /// Give the session a screen; a shell comes next.
    Screen,
    /// Start the login shell.
    Shell,
}

impl Start {
    /// Runs a command, already quoted.
    pub(super) fn command(command: String, answer: Answer, deadline: Instant) -> Self {
        Self {
            next: Ask::Command(command),
            answer: Some(Box::new(answer)),
            deadline,
        }
    }

    /// Starts a login shell on a screen.
    pub(super) fn terminal(answer: Answer, deadline: Instant) -> Self {
        Self {
            next: Ask::Screen,
            answer: Some(Box::new(answer)),
            deadline,
        }
    }
}

enum Phase {
    /// What comes first was asked, or is about to be.
    Asking(Start),
    /// Bytes travel.
    Flowing,
    /// The other side sent everything; its exit status may still come.
    Ending,
    /// Our side closes.
    Closing,
}

pub(super) struct Lane {
    channel: ssh2::Channel,
    is_command: bool,
    phase: Phase,
    input: mpsc::Receiver<Bytes>,
    piece: Bytes,
    input_over: bool,
    eof_sent: bool,
    events: mpsc::Sender<Event>,
    flow: Arc<Flow>,
    screen: Option<watch::Receiver<ScreenSize>>,
    /// A size that the server has not been told entirely.
    resizing: Option<ScreenSize>,
}

impl Lane {
    /// The same on a session channel on which something has yet to be started.
    pub(super) fn starting(self, start: Start) -> Self {
        Self {
            phase: Phase::Asking(start),
            is_command: true,
            ..self
        }
    }

    /// The same with a screen, whose size is told here.
    pub(super) fn on_screen(self, size: watch::Receiver<ScreenSize>) -> Self {
        Self {
            screen: Some(size),
            ..self
        }
    }

    /// A channel through which bytes can travel at once.
    pub(super) fn socket(
        channel: ssh2::Channel,
        input: mpsc::Receiver<Bytes>,
        events: mpsc::Sender<Event>,
        flow: Arc<Flow>,
    ) -> Self {
        Self {
            channel,
            is_command: false,
            phase: Phase::Flowing,
            input,
            piece: Bytes::new(),
            input_over: false,
            eof_sent: false,
            events,
            flow,
            screen: None,
            resizing: None,
        }
    }

    /// Whether it counts against sshd's MaxSessions.
    pub(super) fn is_command(&self) -> bool {
        self.is_command
    }

    /// Whether it has a deadline to watch.
    pub(super) fn is_hurried(&self) -> bool {
        matches!(self.phase, Phase::Asking(_))
    }

    /// Tells whoever listens that the connection is gone.
    pub(super) fn cut(self, reason: &str) {
        if let Phase::Asking(Start {
            answer: Some(answer),
            ..
        }) = self.phase
        {
            let (answer, _, to) = *answer;
            let _ = answer.send(Err(Stage::Cut {
                to,
                doing: "starting a command".to_owned(),
                cause: reason.to_owned(),
                begun: true,
            }));
            return;
        }
        let event = Event::Cut(reason.to_owned());
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            // The reader is behind: it gets the pieces that wait, then the end of the stream,
            // which without a `Closed` before it means the same.
            drop(event);
        }
    }

    /// Turns everything about this channel once.
    pub(super) fn turn(
        &mut self,
        session: &Session,
        scratch: &mut [u8],
        counters: &Counters,
    ) -> Step {
        if self.events.is_closed() && !matches!(self.phase, Phase::Asking(_)) {
            self.phase = Phase::Closing;
        }
        match &mut self.phase {
            Phase::Asking(_) => self.ask(),
            Phase::Flowing => self.flow(session, scratch, counters),
            Phase::Ending => self.finish(),
            Phase::Closing => match self.channel.close() {
                Ok(()) => Step::Over,
                Err(error) if again(&error) => Step::Still,
                Err(error) if is_fatal(&error) => Step::Broken(error.message().to_owned()),
                Err(_) => Step::Over,
            },
        }
    }

    fn ask(&mut self) -> Step {
        let Phase::Asking(Start {
            next,
            answer,
            deadline,
        }) = &mut self.phase
        else {
            return Step::Still;
        };
        let asked = match next {
            Ask::Command(command) => self.channel.exec(command),
            Ask::Screen => {
                let size = self.screen.as_mut().map(|size| *size.borrow_and_update());
                let size = size.map(|size| (u32::from(size.columns), u32::from(size.rows), 0, 0));
                self.channel.request_pty(TERMINAL, None, size)
            }
            Ask::Shell => self.channel.shell(),
        };
        match asked {
            Ok(()) if matches!(next, Ask::Screen) => {
                *next = Ask::Shell;
                Step::Moved
            }
            Ok(()) => {
                if let Some(answer) = answer.take() {
                    let (answer, handle, _) = *answer;
                    let _ = answer.send(Ok(handle));
                }
                self.phase = Phase::Flowing;
                Step::Moved
            }
            Err(error) if again(&error) => {
                if Instant::now() > *deadline {
                    return Step::Broken("no answer to the start of a command".to_owned());
                }
                Step::Still
            }
            Err(error) if is_fatal(&error) => Step::Broken(error.message().to_owned()),
            Err(error) => {
                if let Some(answer) = answer.take() {
                    let (answer, _, to) = *answer;
                    let _ = answer.send(Err(Stage::Refused {
                        to,
                        what: "a command".to_owned(),
                        cause: error.message().to_owned(),
                    }));
                }
                self.phase = Phase::Closing;
                Step::Moved
            }
        }
    }

    fn flow(&mut self, session: &Session, scratch: &mut [u8], counters: &Counters) -> Step {
        if let Err(reason) = self.resize() {
            return Step::Broken(reason);
        }
        // A half-sent packet has to be finished before another begins.
        let wrote = if self.resizing.is_some() {
            false
        } else {
            match self.write(session, counters) {
                Ok(moved) => moved,
                Err(reason) => return Step::Broken(reason),
            }
        };
        let scratch = if self.screen.is_some() {
            let most = scratch.len().min(SCREEN_PIECE);
            &mut scratch[..most]
        } else {
            scratch
        };
        let mut read = false;
        for stream in [0, STDERR] {
            if stream != 0 && !self.is_command {
                continue;
            }
            match self.read(session, stream, scratch, counters) {
                Ok(moved) => read |= moved,
                Err(reason) => return Step::Broken(reason),
            }
        }
        if !read && self.channel.eof() {
            self.phase = Phase::Ending;
            return Step::Moved;
        }
        if wrote || read {
            Step::Moved
        } else {
            Step::Still
        }
    }

    /// Tells the server the size of the screen when it has changed.
    fn resize(&mut self) -> Result<(), String> {
        let Some(screen) = &mut self.screen else {
            return Ok(());
        };
        if self.resizing.is_none() && screen.has_changed().unwrap_or(false) {
            self.resizing = Some(*screen.borrow_and_update());
        }
        let Some(size) = self.resizing else {
            return Ok(());
        };
        let (columns, rows) = (u32::from(size.columns), u32::from(size.rows));
        match self.channel.request_pty_size(columns, rows, None, None) {
            Ok(()) => self.resizing = None,
            Err(error) if again(&error) => {}
            Err(error) if is_fatal(&error) => return Err(error.message().to_owned()),
            // The screen keeps its size then.
            Err(_) => self.resizing = None,
        }
        Ok(())
    }

    fn write(&mut self, session: &Session, counters: &Counters) -> Result<bool, String> {
        let mut moved = false;
        for _ in 0..SHARE {
            if self.piece.is_empty() && !self.input_over {
                match self.input.try_recv() {
                    Ok(piece) => self.piece = piece,
                    Err(mpsc::error::TryRecvError::Empty) => return Ok(moved),
                    Err(mpsc::error::TryRecvError::Disconnected) => self.input_over = true,
                }
            }
            if self.piece.is_empty() {
                if self.input_over && !self.eof_sent {
                    match self.channel.send_eof() {
                        Ok(()) => self.eof_sent = true,
                        Err(error) if again(&error) => return Ok(moved),
                        Err(error) if is_fatal(&error) => return Err(error.message().to_owned()),
                        // The other side closed first: there is nobody left to tell.
                        Err(_) => self.eof_sent = true,
                    }
                }
                return Ok(moved);
            }
            match self.channel.write(&self.piece) {
                Ok(0) => return Ok(moved),
                Ok(written) => {
                    self.piece.advance(written);
                    counters.sent.fetch_add(written as u64, Ordering::Relaxed);
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(moved),
                Err(error) if session_is_dead(session) => return Err(reason_of(session, &error)),
                Err(_) => {
                    // The other side takes no more input; what it still has to say is read.
                    self.piece = Bytes::new();
                    self.input.close();
                    self.input_over = true;
                    self.eof_sent = true;
                    return Ok(true);
                }
            }
        }
        Ok(moved)
    }

    fn read(
        &mut self,
        session: &Session,
        stream: i32,
        scratch: &mut [u8],
        counters: &Counters,
    ) -> Result<bool, String> {
        let mut moved = false;
        for _ in 0..SHARE {
            let Ok(permit) = self.events.try_reserve() else {
                if self.is_held_back() {
                    return Ok(moved);
                }
                continue;
            };
            match self.channel.stream(stream).read(scratch) {
                Ok(0) => return Ok(moved),
                Ok(count) => {
                    let bytes = Bytes::copy_from_slice(&scratch[..count]);
                    counters.received.fetch_add(count as u64, Ordering::Relaxed);
                    permit.send(if stream == 0 {
                        Event::Out(bytes)
                    } else {
                        Event::Err(bytes)
                    });
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(moved),
                Err(error) if session_is_dead(session) => return Err(reason_of(session, &error)),
                Err(_) => return Ok(moved),
            }
        }
        Ok(moved)
    }

    /// Asks the reader to wake the pump when it has made room, unless it has made some already.
    fn is_held_back(&self) -> bool {
        self.flow.stalled.store(true, Ordering::SeqCst);
        // Pairs with the fence in `Channel::next`: either the reader sees the mark, or we see the
        // room that it made.
        fence(Ordering::SeqCst);
        self.events.capacity() == 0
    }

    fn finish(&mut self) -> Step {
        // A command's status comes after its last byte and before the close.
        match self.channel.wait_close() {
            Ok(()) => {}
            Err(error) if again(&error) && self.is_command => return Step::Still,
            Err(error) if again(&error) => {}
            Err(error) if is_fatal(&error) => return Step::Broken(error.message().to_owned()),
            Err(_) => {}
        }
        let Ok(permit) = self.events.try_reserve() else {
            if self.events.is_closed() {
                self.phase = Phase::Closing;
                return Step::Moved;
            }
            return if self.is_held_back() {
                Step::Still
            } else {
                Step::Moved
            };
        };
        let signalled = self
            .channel
            .exit_signal()
            .is_ok_and(|signal| signal.exit_signal.is_some());
        let status = match (self.is_command, signalled) {
            (true, false) => self.channel.exit_status().ok(),
            _ => None,
        };
        permit.send(Event::Closed { status });
        self.phase = Phase::Closing;
        Step::Moved
    }
}

fn again(error: &ssh2::Error) -> bool {
    error.code() == ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_EAGAIN)
}
