//! A network that leads nowhere, and wires out of it: each thread of Linux can have a network of its
//! own (network_namespaces(7)), and what it starts has the same.

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::{Handle, Runtime},
    task::JoinHandle,
};

/// Where the network is, for those who are cut off.
#[derive(Clone)]
pub struct Outside(Handle);

/// A wire out; it is cut when it is dropped.
pub struct Relay(JoinHandle<()>);

impl Drop for Relay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does something, and everything that it starts, with a loopback interface and nothing else.
/// Answers `None`, said loudly, where only an administrator may do that.
pub async fn without_network<T, F>(work: impl FnOnce(Outside) -> F + Send + 'static) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let outside = Outside(Handle::current());
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    let inside = std::thread::Builder::new().name(name).spawn(move || {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            eprintln!("SKIPPED: no network of its own can be made: {error}");
            return None;
        }
        ip(&["link", "set", "lo", "up"]);
        // Made here, so that all of its threads are cut off as well.
        Some(Runtime::new().unwrap().block_on(work(outside)))
    });
    let inside = inside.unwrap();
    let joined = tokio::task::spawn_blocking(move || inside.join());
    joined
        .await
        .unwrap()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Outside {
    /// Has an address outside answer inside, under the same address.
    pub async fn wire(&self, to: SocketAddr) -> Relay {
        if !to.ip().is_loopback() {
            ip(&[
                "address",
                "replace",
                &format!("{}/32", to.ip()),
                "dev",
                "lo",
            ]);
        }
        let listener = std::net::TcpListener::bind(to).unwrap();
        listener.set_nonblocking(true).unwrap();
        // A socket stays in the network in which it was made, whoever uses it.
        Relay(self.0.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((mut near, _)) = listener.accept().await {
                tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(to).await {
                        // Whoever hangs up first ends it.
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        }))
    }
}

/// The names that are looked up by whatever this thread starts from here on. None of them is known.
/// To be called without a network, where nobody else answers for names.
pub fn names_asked_for(folder: &Path) -> Arc<Mutex<Vec<String>>> {
    let resolver = folder.join("resolv.conf");
    fs::write(
        &resolver,
        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    )
    .unwrap();
    // Mounts of this thread's own, which nobody outside sees (mount_namespaces(7)).
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let none: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).unwrap();
    let over = Path::new("/etc/resolv.conf").canonicalize().unwrap();
    mount(Some(&resolver), &over, none, MsFlags::MS_BIND, none).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let names = Arc::new(Mutex::new(Vec::new()));
    let heard = names.clone();
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            if length < 12 {
                continue;
            }
            heard.lock().unwrap().push(name_in(&packet[12..length]));
            // An answer that no such name is there (RFC 1035 §4.1.1).
            packet[2] |= 0x80;
            packet[3] = 3;
            let _ = socket.send_to(&packet[..length], from);
        }
    });
    names
}

/// The name in a question (RFC 1035 §4.1.2).
fn name_in(mut rest: &[u8]) -> String {
    let mut labels = Vec::new();
    while let Some((length, after)) = rest.split_first()
        && *length > 0
        && after.len() > usize::from(*length)
    {
        let (label, after) = after.split_at(usize::from(*length));
        labels.push(String::from_utf8_lossy(label).into_owned());
        rest = after;
    }
    labels.join(".")
}

fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).status().unwrap();
    assert!(done.success(), "ip {arguments:?} failed");
}
