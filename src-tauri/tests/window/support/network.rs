//! A network that leads nowhere, and wires out of it: each thread of Linux can have a network of its
//! own (network_namespaces(7)), and what it starts has the same.

use nix::sched::{CloneFlags, unshare};
use std::{net::SocketAddr, process::Command};
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

fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).status().unwrap();
    assert!(done.success(), "ip {arguments:?} failed");
}
