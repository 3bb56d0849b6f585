//! The one way from the window to the network: a SOCKS proxy (RFC 1928) on the loopback that leads
//! to the hosts that a person allowed. A policy is asked before a request is made; web views also
//! look names up and connect ahead of one, and with a proxy they ask it to do both.

use std::{
    future::Future,
    io::{Error, ErrorKind, Result},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

/// Connections at a time.
const MOST: usize = 256;
/// How long somebody may take to say where to, and a host to be reached.
const PATIENCE: Duration = Duration::from_secs(20);
const VERSION: u8 = 5;
/// No proof of who it is: nobody gains anything that they could not do without us.
const NO_PROOF: u8 = 0;
const CONNECT: u8 = 1;

/// What became of a request (RFC 1928 §6).
#[derive(Debug, Clone, Copy)]
enum Reply {
    Connected = 0,
    NotAllowed = 2,
    Unreachable = 4,
    NoSuchCommand = 7,
    NoSuchAddress = 8,
}

/// A gate that is there, and lets nobody through yet.
pub struct CanvasGate(std::net::TcpListener);

impl CanvasGate {
    /// Takes a free port of the loopback.
    ///
    /// # Errors
    /// When there is none.
    pub fn bind() -> Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// Where it is.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Lets through what `allowed` says of a host and a port, for as long as it is polled.
    ///
    /// # Errors
    /// When connections cannot be taken.
    pub async fn open<F>(
        self,
        allowed: impl Fn(String, u16) -> F + Send + Sync + 'static,
    ) -> Result<()>
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let listener = TcpListener::from_std(self.0)?;
        let allowed = Arc::new(allowed);
        let room = Arc::new(Semaphore::new(MOST));
        loop {
            let place = room.clone().acquire_owned().await.map_err(Error::other)?;
            let near = match listener.accept().await {
                Ok((near, _)) => near,
                // One that hung up meanwhile, or too many open files: both pass.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let allowed = allowed.clone();
            tokio::spawn(async move {
                // Whoever hangs up first ends it.
                let _ = lead(near, &*allowed).await;
                drop(place);
            });
        }
    }
}

async fn lead<F>(mut near: TcpStream, allowed: &impl Fn(String, u16) -> F) -> Result<()>
where
    F: Future<Output = bool>,
{
    let far = timeout(PATIENCE, reached(&mut near, allowed)).await;
    match far.map_err(|_| Error::from(ErrorKind::TimedOut))?? {
        Ok(mut far) => {
            reply(&mut near, Reply::Connected).await?;
            copy_bidirectional(&mut near, &mut far).await?;
            Ok(())
        }
        Err(refusal) => reply(&mut near, refusal).await,
    }
}

/// Hears where to, and connects where that is allowed.
async fn reached<F>(
    near: &mut TcpStream,
    allowed: &impl Fn(String, u16) -> F,
) -> Result<std::result::Result<TcpStream, Reply>>
where
    F: Future<Output = bool>,
{
    greeted(near).await?;
    let mut begins = [0; 4];
    near.read_exact(&mut begins).await?;
    let [version, command, _, kind] = begins;
    if version != VERSION {
        return Err(ErrorKind::InvalidData.into());
    }
    let Some(host) = host(near, kind).await? else {
        return Ok(Err(Reply::NoSuchAddress));
    };
    let port = near.read_u16().await?;
    if command != CONNECT {
        return Ok(Err(Reply::NoSuchCommand));
    }
    if !allowed(host.clone(), port).await {
        return Ok(Err(Reply::NotAllowed));
    }
    let far = TcpStream::connect((host, port)).await;
    Ok(far.map_err(|_| Reply::Unreachable))
}

async fn greeted(near: &mut TcpStream) -> Result<()> {
    let mut begins = [0; 2];
    near.read_exact(&mut begins).await?;
    let [version, offered] = begins;
    if version != VERSION {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut proofs = vec![0; usize::from(offered)];
    near.read_exact(&mut proofs).await?;
    if !proofs.contains(&NO_PROOF) {
        near.write_all(&[VERSION, 0xff]).await?;
        return Err(ErrorKind::InvalidData.into());
    }
    near.write_all(&[VERSION, NO_PROOF]).await
}

/// The host that is named; `None` for a kind of address that there is not.
async fn host(near: &mut TcpStream, kind: u8) -> Result<Option<String>> {
    Ok(Some(match kind {
        1 => Ipv4Addr::from(near.read_u32().await?).to_string(),
        3 => {
            let mut name = vec![0; usize::from(near.read_u8().await?)];
            near.read_exact(&mut name).await?;
            String::from_utf8(name).map_err(|_| ErrorKind::InvalidData)?
        }
        4 => Ipv6Addr::from(near.read_u128().await?).to_string(),
        _ => return Ok(None),
    }))
}

async fn reply(near: &mut TcpStream, reply: Reply) -> Result<()> {
    // Which address we have got there is nobody's business: 0.0.0.0, port 0.
    near.write_all(&[VERSION, reply as u8, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn gate() -> SocketAddr {
        let gate = CanvasGate::bind().unwrap();
        let address = gate.address().unwrap();
        tokio::spawn(gate.open(async |host, port| host == "localhost" && port > 1_024));
        address
    }

    /// Says something; answers all that comes back within a moment.
    async fn said(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
        stream.write_all(bytes).await.unwrap();
        let mut answer = vec![0; 256];
        let read = timeout(Duration::from_secs(5), stream.read(&mut answer));
        let read = read.await.unwrap().unwrap_or(0);
        answer.truncate(read);
        answer
    }

    fn asking(host: &str, port: u16) -> Vec<u8> {
        let length = u8::try_from(host.len()).unwrap();
        let name = [&[VERSION, CONNECT, 0, 3, length], host.as_bytes()].concat();
        [&name[..], &port.to_be_bytes()].concat()
    }

    #[tokio::test]
    async fn it_leads_where_that_is_allowed_and_nowhere_else() {
        let gate = gate().await;
        let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = far.local_addr().unwrap().port();
        for (host, port, replied) in [
            ("localhost", port, Reply::Connected),
            ("127.0.0.1", port, Reply::NotAllowed),
            ("secret.evil.test", 443, Reply::NotAllowed),
            ("localhost", 80, Reply::NotAllowed),
        ] {
            let mut near = TcpStream::connect(gate).await.unwrap();
            assert_eq!(said(&mut near, &[5, 2, 2, 0]).await, [5, 0]);
            let answer = said(&mut near, &asking(host, port)).await;
            assert_eq!(answer[..2], [5, replied as u8], "{host}:{port}");
            if matches!(replied, Reply::Connected) {
                let (mut reached, _) = far.accept().await.unwrap();
                reached.write_all(b"hello").await.unwrap();
                assert_eq!(said(&mut near, b"").await, b"hello");
            } else {
                assert_eq!(said(&mut near, b"").await, b"", "{host} goes on");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_request_to_connect_is_refused() {
        let gate = gate().await;
        for greeting in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[4, 1, 0, 80], &[5, 1, 2]] {
            let mut near = TcpStream::connect(gate).await.unwrap();
            let answer = said(&mut near, greeting).await;
            assert!(
                matches!(answer[..], [] | [5, 0xff]),
                "{greeting:?}: {answer:?}"
            );
        }
        let listening = [5, 2, 0, 1, 127, 0, 0, 1, 0, 80];
        let strange = [5, 1, 0, 9, 127, 0, 0, 1, 0, 80];
        for (request, replied) in [
            (listening, Reply::NoSuchCommand),
            (strange, Reply::NoSuchAddress),
        ] {
            let mut near = TcpStream::connect(gate).await.unwrap();
            said(&mut near, &[5, 1, 0]).await;
            let answer = said(&mut near, &request).await;
            assert_eq!(answer[..2], [5, replied as u8]);
        }
    }
}
