//! A line with a round trip of a given length, which counts what goes over it.
//!
//! Both sides of every comparison reach their server through one of these. Delaying here instead
//! of in the kernel needs neither root nor a kernel with netem.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream, lookup_host,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

/// Chunks of at most [`CHUNK`] bytes that may be under way in one direction, so that a sender meets
/// back-pressure as on any line.
const UNDER_WAY: usize = 512;
const CHUNK: usize = 64 * 1024;
const SSH: u16 = 22;

/// What has travelled so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Travelled {
    /// SSH connections opened.
    pub connections: u64,
    /// Bytes sent over SSH connections towards servers, as the wire carries them.
    pub up_bytes: u64,
}

impl Travelled {
    /// What travelled since an earlier look.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            connections: self.connections - earlier.connections,
            up_bytes: self.up_bytes - earlier.up_bytes,
        }
    }
}

/// The line to all servers. Loopback addresses are on this side of it: nothing is delayed there.
#[derive(Default)]
pub struct Line {
    one_way_us: AtomicU64,
    connections: AtomicU64,
    up_bytes: AtomicU64,
}

impl Line {
    /// Sets the round trip of everything that is sent from now on.
    pub fn set_round_trip(&self, round_trip: Duration) {
        let micros = u64::try_from(round_trip.as_micros() / 2).unwrap_or(u64::MAX);
        self.one_way_us.store(micros, Ordering::Relaxed);
    }

    /// What has travelled so far.
    pub fn travelled(&self) -> Travelled {
        Travelled {
            connections: self.connections.load(Ordering::Relaxed),
            up_bytes: self.up_bytes.load(Ordering::Relaxed),
        }
    }

    /// A loopback address that leads to `to`.
    pub async fn forward(self: &Arc<Self>, to: SocketAddr) -> io::Result<SocketAddr> {
        let line = Arc::clone(self);
        listen(move |client| {
            let line = Arc::clone(&line);
            async move {
                let server = line.connect(to).await?;
                line.relay(client, server, to);
                Ok(())
            }
        })
        .await
    }

    /// A SOCKS5 proxy (RFC 1928, connections only, no login) that leads anywhere.
    pub async fn socks(self: &Arc<Self>) -> io::Result<SocketAddr> {
        let line = Arc::clone(self);
        listen(move |mut client| {
            let line = Arc::clone(&line);
            async move {
                let to = asked_for(&mut client).await?;
                let server = line.connect(to).await?;
                client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
                line.relay(client, server, to);
                Ok(())
            }
        })
        .await
    }

    fn one_way(&self, to: SocketAddr) -> Duration {
        if to.ip().is_loopback() {
            return Duration::ZERO;
        }
        Duration::from_micros(self.one_way_us.load(Ordering::Relaxed))
    }

    /// Connects, taking the round trip of TCP's handshake.
    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let server = TcpStream::connect(to).await?;
        server.set_nodelay(true)?;
        if to.port() == SSH {
            self.connections.fetch_add(1, Ordering::Relaxed);
        }
        sleep(self.one_way(to) * 2).await;
        Ok(server)
    }

    fn relay(self: &Arc<Self>, client: TcpStream, server: TcpStream, to: SocketAddr) {
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        tokio::spawn(Arc::clone(self).carry(client_read, server_write, to, to.port() == SSH));
        tokio::spawn(Arc::clone(self).carry(server_read, client_write, to, false));
    }

    async fn carry(
        self: Arc<Self>,
        mut from: OwnedReadHalf,
        to: OwnedWriteHalf,
        server: SocketAddr,
        counted: bool,
    ) {
        let (under_way, arriving) = mpsc::channel(UNDER_WAY);
        tokio::spawn(deliver(arriving, to));
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if counted {
                self.up_bytes.fetch_add(count as u64, Ordering::Relaxed);
            }
            let due = Instant::now() + self.one_way(server);
            if under_way
                .send((due, buffer[..count].to_vec()))
                .await
                .is_err()
            {
                break;
            }
        }
    }
}

async fn deliver(mut arriving: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) {
    while let Some((due, bytes)) = arriving.recv().await {
        if due > Instant::now() {
            sleep_until(due).await;
        }
        if to.write_all(&bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

async fn listen<F, W>(serve: F) -> io::Result<SocketAddr>
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            if client.set_nodelay(true).is_ok() {
                // A connection that fails is closed, which its client sees and reports.
                tokio::spawn(serve(client));
            }
        }
    });
    Ok(address)
}

async fn asked_for(client: &mut TcpStream) -> io::Result<SocketAddr> {
    let mut head = [0; 2];
    client.read_exact(&mut head).await?;
    let mut methods = vec![0; usize::from(head[1])];
    client.read_exact(&mut methods).await?;
    client.write_all(&[5, 0]).await?;
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let host = match request {
        [5, 1, 0, 1] => {
            let mut address = [0; 4];
            client.read_exact(&mut address).await?;
            Ipv4Addr::from(address).to_string()
        }
        [5, 1, 0, 3] => {
            let mut name = vec![0; usize::from(client.read_u8().await?)];
            client.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
        _ => {
            return Err(io::Error::other(
                "only connections to IPv4 addresses and names",
            ));
        }
    };
    let port = client.read_u16().await?;
    let mut addresses = lookup_host((host, port)).await?;
    addresses
        .next()
        .ok_or_else(|| io::Error::other("a name without an address"))
}
