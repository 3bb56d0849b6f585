//! A SOCKS5 proxy into the lab's network, for hosts on which container addresses are not routable
//! (Docker Desktop). It reaches the lab's networks and nothing else: an open proxy on a loopback
//! port would lend every local program the lab's view of the world.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dns::Directory;

/// How long a client may take to say where it wants to go.
const GREETING: Duration = Duration::from_secs(10);

/// How long one address may take to accept.
const CONNECT: Duration = Duration::from_secs(10);

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xff;
const CONNECT_COMMAND: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// The second byte of a reply (RFC 1928, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Succeeded = 0,
    GeneralFailure = 1,
    NotAllowed = 2,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    Refused = 5,
    CommandNotSupported = 7,
    AddressNotSupported = 8,
}

/// Why a conversation ended before bytes could flow.
enum Ended {
    /// The client gets this reply.
    Replied(Reply),
    /// The connection itself failed, or it was not SOCKS5.
    Broken(std::io::Error),
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Passes connections on to addresses within `networks` until `shutdown`. Names are resolved with
/// the directory, as droplets see them.
pub async fn serve(
    listener: TcpListener,
    networks: Vec<IpNet>,
    directory: watch::Receiver<Arc<Directory>>,
    shutdown: CancellationToken,
) {
    let networks: Arc<[IpNet]> = networks.into();
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "the proxy could not accept a connection; going on");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let (networks, directory, shutdown) =
            (networks.clone(), directory.clone(), shutdown.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                carried = carry(stream, &networks, &directory) => if let Err(error) = carried {
                    tracing::debug!(%client, %error, "a proxied connection broke");
                },
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn carry(
    mut client: TcpStream,
    networks: &[IpNet],
    directory: &watch::Receiver<Arc<Directory>>,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let opened = match timeout(GREETING, greet(&mut client, directory)).await {
        Ok(Ok(targets)) => open(&targets, networks).await.map_err(Ended::Replied),
        Ok(Err(ended)) => Err(ended),
        Err(late) => Err(Ended::Broken(late.into())),
    };
    match opened {
        Ok(mut server) => {
            client
                .write_all(&reply(Reply::Succeeded, server.local_addr()?))
                .await?;
            copy_bidirectional(&mut client, &mut server).await?;
            Ok(())
        }
        Err(Ended::Replied(why)) => {
            tracing::info!(?why, "the proxy refused a connection");
            let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
            client.write_all(&reply(why, nowhere)).await?;
            client.shutdown().await
        }
        Err(Ended::Broken(error)) => Err(error),
    }
}

/// Reads where the client wants to go; a name may have several addresses.
async fn greet(
    client: &mut TcpStream,
    directory: &watch::Receiver<Arc<Directory>>,
) -> Result<Vec<SocketAddr>, Ended> {
    let not_socks = || Ended::Broken(std::io::Error::other("not SOCKS version 5"));
    if client.read_u8().await? != VERSION {
        return Err(not_socks());
    }
    let mut methods = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        client.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(Ended::Broken(std::io::Error::other(
            "the client insists on authentication",
        )));
    }
    client.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    let [version, command, _, kind] = head;
    if version != VERSION {
        return Err(not_socks());
    }
    let addresses = match kind {
        IPV4 => {
            let mut bytes = [0; 4];
            client.read_exact(&mut bytes).await?;
            vec![IpAddr::V4(Ipv4Addr::from(bytes))]
        }
        IPV6 => {
            let mut bytes = [0; 16];
            client.read_exact(&mut bytes).await?;
            vec![IpAddr::V6(Ipv6Addr::from(bytes))]
        }
        NAME => {
            let mut bytes = vec![0; usize::from(client.read_u8().await?)];
            client.read_exact(&mut bytes).await?;
            let name =
                String::from_utf8(bytes).map_err(|_| Ended::Replied(Reply::HostUnreachable))?;
            match name.parse() {
                Ok(address) => vec![address],
                Err(_) => {
                    let directory = directory.borrow().clone();
                    directory.addresses(&name).await
                }
            }
        }
        _ => return Err(Ended::Replied(Reply::AddressNotSupported)),
    };
    let port = client.read_u16().await?;
    if command != CONNECT_COMMAND {
        return Err(Ended::Replied(Reply::CommandNotSupported));
    }
    Ok(addresses
        .into_iter()
        .map(|address| SocketAddr::new(address, port))
        .collect())
}

/// Connects to the first address that is allowed and accepts.
async fn open(targets: &[SocketAddr], networks: &[IpNet]) -> Result<TcpStream, Reply> {
    let mut last = Reply::HostUnreachable;
    for target in targets {
        // An IPv4 address written as an IPv6 one must not slip past the list of networks.
        let address = target.ip().to_canonical();
        if !networks.iter().any(|network| network.contains(&address)) {
            last = Reply::NotAllowed;
            continue;
        }
        match timeout(CONNECT, TcpStream::connect((address, target.port()))).await {
            Ok(Ok(stream)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a server closed at once");
                }
                return Ok(stream);
            }
            Ok(Err(error)) => last = reply_to(&error),
            Err(_) => last = Reply::HostUnreachable,
        }
    }
    Err(last)
}

fn reply_to(error: &std::io::Error) -> Reply {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => Reply::Refused,
        ErrorKind::NetworkUnreachable => Reply::NetworkUnreachable,
        ErrorKind::HostUnreachable | ErrorKind::TimedOut => Reply::HostUnreachable,
        _ => Reply::GeneralFailure,
    }
}

fn reply(code: Reply, bound: SocketAddr) -> Vec<u8> {
    let mut bytes = vec![VERSION, code as u8, 0];
    match bound.ip() {
        IpAddr::V4(address) => {
            bytes.push(IPV4);
            bytes.extend(address.octets());
        }
        IpAddr::V6(address) => {
            bytes.push(IPV6);
            bytes.extend(address.octets());
        }
    }
    bytes.extend(bound.port().to_be_bytes());
    bytes
}
