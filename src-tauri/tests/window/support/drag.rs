//! A drag from the desktop, as another program begins one: what is dragged is offered by the XDND
//! protocol, version 5 (freedesktop.org). No pointer has to be moved for it.

use super::{Desk, Role, SOON, Window as Page};
use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use x11rb::{
    CURRENT_TIME, NONE,
    connection::Connection,
    protocol::{
        Event,
        xproto::{
            AtomEnum, ClientMessageEvent, ConnectionExt, CreateWindowAux, EventMask, MapState,
            PropMode, SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window,
            WindowClass,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        XdndActionCopy,
        XdndAware,
        XdndDrop,
        XdndEnter,
        XdndFinished,
        XdndLeave,
        XdndPosition,
        XdndSelection,
        XdndStatus,
        FILES: b"text/uri-list",
    }
}

const VERSION: u32 = 5;
/// How long a window may take to say whether it would take something where it is held now. It says
/// so only when that has changed.
const SETTLES: Duration = Duration::from_millis(400);

impl Desk {
    /// Takes files of this machine in hand and brings them over the window.
    pub fn drag(&self, files: &[PathBuf]) -> Drag {
        Drag::begin(self.session.display(), files)
    }
}

impl Page {
    /// The middle of something, in pixels of the screen from the window's corner.
    pub async fn place_of(&self, role: Role, name: &str) -> (i32, i32) {
        let element = self.find(role, name).await;
        let look = "const at = arguments[0].getBoundingClientRect();
             const pixels = (of) => Math.round(of * devicePixelRatio);
             return [pixels(at.x + at.width / 2), pixels(at.y + at.height / 2)]";
        let place = self.script(look, vec![element.to_json().unwrap()]).await;
        serde_json::from_value(place).unwrap()
    }
}

/// Files in somebody's hand.
pub struct Drag {
    connection: RustConnection,
    atoms: Atoms,
    root: Window,
    source: Window,
    target: Window,
    list: Vec<u8>,
    accepted: bool,
    finished: bool,
}

impl Drag {
    /// Takes files in hand on a display, and brings them over the largest window there.
    fn begin(display: &str, files: &[PathBuf]) -> Self {
        let (connection, screen) = x11rb::connect(Some(display)).unwrap();
        let atoms = Atoms::new(&connection).unwrap().reply().unwrap();
        let screen = &connection.setup().roots[screen];
        let (root, visual) = (screen.root, screen.root_visual);
        let source = connection.generate_id().unwrap();
        let (class, look) = (WindowClass::INPUT_OUTPUT, CreateWindowAux::new());
        connection
            .create_window(0, source, root, 0, 0, 1, 1, 0, class, visual, &look)
            .unwrap();
        connection
            .set_selection_owner(source, atoms.XdndSelection, CURRENT_TIME)
            .unwrap();
        let target = largest(&connection, root, &atoms);
        let drag = Self {
            list: files.iter().flat_map(|file| line(file)).collect(),
            connection,
            atoms,
            root,
            source,
            target,
            accepted: false,
            finished: false,
        };
        drag.tell(
            drag.atoms.XdndEnter,
            [VERSION << 24, drag.atoms.FILES, 0, 0],
        );
        drag
    }

    /// Holds them over a place of the window; answers whether they could be let go there.
    pub fn over(&mut self, (x, y): (i32, i32)) -> bool {
        let at = self.connection.translate_coordinates(
            self.target,
            self.root,
            x.try_into().unwrap(),
            y.try_into().unwrap(),
        );
        let at = at.unwrap().reply().unwrap();
        let place = (u32::from(at.dst_x as u16) << 16) | u32::from(at.dst_y as u16);
        // A hand trembles, and the first time that something comes the window only asks what it is.
        for _ in 0..3 {
            let copy = self.atoms.XdndActionCopy;
            self.tell(self.atoms.XdndPosition, [0, place, CURRENT_TIME, copy]);
            let began = Instant::now();
            while began.elapsed() < SETTLES {
                self.hear();
            }
        }
        self.accepted
    }

    /// Lets go, as programs do it: where it would not be taken, it is taken away again.
    pub fn let_go(mut self) {
        if !self.accepted {
            self.tell(self.atoms.XdndLeave, [0; 4]);
            return;
        }
        self.tell(self.atoms.XdndDrop, [0, CURRENT_TIME, 0, 0]);
        let began = Instant::now();
        while !self.finished {
            assert!(began.elapsed() < SOON, "the drop was never answered");
            self.hear();
        }
    }

    fn tell(&self, kind: u32, more: [u32; 4]) {
        let [a, b, c, d] = more;
        let data = [self.source, a, b, c, d];
        let message = ClientMessageEvent::new(32, self.target, kind, data);
        self.connection
            .send_event(false, self.target, EventMask::NO_EVENT, message)
            .unwrap();
        self.connection.flush().unwrap();
    }

    /// Takes in one thing that the window says, or waits a moment for it.
    fn hear(&mut self) {
        match self.connection.poll_for_event().unwrap() {
            Some(Event::ClientMessage(said)) if said.type_ == self.atoms.XdndStatus => {
                self.accepted = said.data.as_data32()[1] & 1 == 1;
            }
            Some(Event::ClientMessage(said)) if said.type_ == self.atoms.XdndFinished => {
                self.finished = true;
            }
            Some(Event::SelectionRequest(asked)) => self.hand_over(&asked),
            Some(_) => {}
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }

    fn hand_over(&self, asked: &SelectionRequestEvent) {
        let is_there = asked.target == self.atoms.FILES;
        if is_there {
            let (mode, to) = (PropMode::REPLACE, asked.requestor);
            let list = &self.list;
            self.connection
                .change_property8(mode, to, asked.property, asked.target, list)
                .unwrap();
        }
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: asked.time,
            requestor: asked.requestor,
            selection: asked.selection,
            target: asked.target,
            property: if is_there { asked.property } else { NONE },
        };
        self.connection
            .send_event(false, asked.requestor, EventMask::NO_EVENT, answer)
            .unwrap();
        self.connection.flush().unwrap();
    }
}

/// The largest window that can be seen and takes part in the protocol.
fn largest(connection: &RustConnection, root: Window, atoms: &Atoms) -> Window {
    let began = Instant::now();
    loop {
        let tree = connection.query_tree(root).unwrap().reply().unwrap();
        let takes_part = |window: &Window| {
            let aware = atoms.XdndAware;
            let asked = connection.get_property(false, *window, aware, AtomEnum::ANY, 0, 1);
            let shown = connection.get_window_attributes(*window);
            let is_aware = asked.unwrap().reply().is_ok_and(|it| it.value_len > 0);
            let shown = shown.unwrap().reply();
            is_aware && shown.is_ok_and(|it| it.map_state == MapState::VIEWABLE)
        };
        let size = |window: &Window| {
            let asked = connection.get_geometry(*window).unwrap().reply();
            asked.map_or(0, |it| u32::from(it.width) * u32::from(it.height))
        };
        let found = tree.children.into_iter().filter(takes_part);
        if let Some(window) = found.max_by_key(size) {
            return window;
        }
        assert!(began.elapsed() < SOON, "no window takes what is dragged");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A file's line in a list of addresses (RFC 8089, RFC 2483).
fn line(file: &Path) -> Vec<u8> {
    let mut line = b"file://".to_vec();
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => line.push(*byte),
            other => line.extend(format!("%{other:02X}").bytes()),
        }
    }
    line.extend(b"\r\n");
    line
}
