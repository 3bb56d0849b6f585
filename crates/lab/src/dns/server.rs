//! The sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::directory::Directory;
use super::upstream::{self, LARGEST_DATAGRAM, Transport};
use crate::error::LabError;

/// What a client without EDNS can take over UDP, bytes (RFC 1035, section 4.2.1).
const PLAIN_DATAGRAM: u16 = 512;

/// A TCP connection without a question is closed after this long.
const IDLE: Duration = Duration::from_secs(10);

/// Header of a message, bytes.
const HEADER: usize = 12;

/// Both sockets of the resolver, bound to one address and port.
#[derive(Debug)]
pub struct Listeners {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listeners {
    /// Binds UDP and TCP. Port 0 takes a port that is free for both.
    ///
    /// # Errors
    /// [`LabError::Network`] when one of them is taken or not allowed.
    pub async fn bind(address: SocketAddr) -> Result<Self, LabError> {
        let failed = |cause: std::io::Error| LabError::Network {
            doing: format!("let the resolver listen on {address}"),
            cause: cause.to_string(),
        };
        // A port that is free for UDP may be taken for TCP, so a free one is looked for again.
        let mut attempts = if address.port() == 0 { 16 } else { 1 };
        loop {
            attempts -= 1;
            let udp = UdpSocket::bind(address).await.map_err(failed)?;
            let address = udp.local_addr().map_err(failed)?;
            match TcpListener::bind(address).await {
                Ok(tcp) => return Ok(Self { udp, tcp, address }),
                Err(cause) if attempts == 0 => return Err(failed(cause)),
                Err(_) => {}
            }
        }
    }

    /// The address and port that both sockets listen on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

/// Answers questions until `shutdown`, each from the directory that is current when it comes.
pub async fn serve(
    listeners: Listeners,
    directory: watch::Receiver<Arc<Directory>>,
    shutdown: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let udp = Arc::new(listeners.udp);
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            received = udp.recv_from(&mut buffer) => match received {
                Ok((length, client)) => {
                    let question = buffer[..length].to_vec();
                    let directory = directory.borrow().clone();
                    let udp = udp.clone();
                    tasks.spawn(async move {
                        let answer = respond(&directory, &question, Transport::Udp).await;
                        if let Some(answer) = answer
                            && let Err(error) = udp.send_to(&answer, client).await
                        {
                            tracing::debug!(%client, %error, "an answer was not sent");
                        }
                    });
                }
                Err(error) => pause(&error).await,
            },
            accepted = listeners.tcp.accept() => match accepted {
                Ok((stream, client)) => {
                    let (directory, shutdown) = (directory.clone(), shutdown.clone());
                    tasks.spawn(async move {
                        tokio::select! {
                            () = shutdown.cancelled() => {}
                            ended = converse(stream, directory) => if let Err(error) = ended {
                                tracing::debug!(%client, %error, "a connection broke");
                            },
                        }
                    });
                }
                Err(error) => pause(&error).await,
            },
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// A socket fails for a moment (no descriptors left, an answer that bounced): waiting keeps the
/// loop from spinning, and the service goes on.
async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "the resolver's socket failed; going on");
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn converse(
    mut stream: TcpStream,
    directory: watch::Receiver<Arc<Directory>>,
) -> std::io::Result<()> {
    loop {
        let length = match timeout(IDLE, stream.read_u16()).await {
            Ok(Ok(length)) => usize::from(length),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(()),
        };
        let mut question = vec![0; length];
        timeout(IDLE, stream.read_exact(&mut question))
            .await
            .map_err(std::io::Error::other)??;
        let current = directory.borrow().clone();
        let Some(answer) = respond(&current, &question, Transport::Tcp).await else {
            return Ok(());
        };
        let length = u16::try_from(answer.len()).map_err(std::io::Error::other)?;
        stream
            .write_all(&[&length.to_be_bytes(), answer.as_slice()].concat())
            .await?;
    }
}

/// The answer to one message; `None` for what must not be answered.
async fn respond(directory: &Directory, bytes: &[u8], transport: Transport) -> Option<Vec<u8>> {
    if bytes.len() < HEADER || bytes[2] & 0x80 != 0 {
        // Answering an answer would let two servers talk to each other for ever.
        return None;
    }
    let Ok(question) = Message::from_vec(bytes) else {
        let id = u16::from_be_bytes([bytes[0], bytes[1]]);
        return Message::error_msg(id, OpCode::Query, ResponseCode::FormErr)
            .to_vec()
            .ok();
    };
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.op_code = question.metadata.op_code;
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = !directory.settings.upstreams.is_empty();
    answer.metadata.checking_disabled = question.metadata.checking_disabled;
    answer.add_queries(question.queries.iter().cloned());
    let mut room = PLAIN_DATAGRAM;
    if let Some(theirs) = &question.edns {
        room = theirs.max_payload().clamp(PLAIN_DATAGRAM, LARGEST_DATAGRAM);
        let mut ours = Edns::new();
        ours.set_max_payload(LARGEST_DATAGRAM);
        ours.set_dnssec_ok(theirs.flags().dnssec_ok);
        answer.set_edns(ours);
    }
    answer.metadata.response_code = match (refusal(&question), question.queries.first()) {
        (Some(code), _) => code,
        (None, None) => ResponseCode::FormErr,
        (None, Some(query)) => match directory.answer(query.name(), query.query_type()).await {
            Some(found) => {
                answer.metadata.authoritative = found.authoritative;
                answer.insert_answers(found.answers);
                answer.insert_authorities(found.authorities);
                found.code
            }
            None if directory.settings.upstreams.is_empty() => ResponseCode::Refused,
            None => {
                let upstreams = &directory.settings.upstreams;
                match upstream::forward(upstreams, bytes, transport).await {
                    Some(answer) => return Some(as_forwarder(answer)),
                    None => ResponseCode::ServFail,
                }
            }
        },
    };
    let whole = answer.to_vec().ok()?;
    let room = if transport == Transport::Udp {
        room
    } else {
        u16::MAX
    };
    if whole.len() <= usize::from(room) {
        return Some(whole);
    }
    answer.truncate().to_vec().ok()
}

/// What an upstream resolver answered, with the flags of a server that only passed it on: not
/// authoritative, and willing to ask others.
fn as_forwarder(mut answer: Vec<u8>) -> Vec<u8> {
    answer[2] &= !0x04;
    answer[3] |= 0x80;
    answer
}

/// Why a message is not a question that this server answers.
fn refusal(question: &Message) -> Option<ResponseCode> {
    if question
        .edns
        .as_ref()
        .is_some_and(|edns| edns.version() != 0)
    {
        return Some(ResponseCode::BADVERS);
    }
    if question.metadata.op_code != OpCode::Query {
        return Some(ResponseCode::NotImp);
    }
    let [query] = question.queries.as_slice() else {
        return Some(ResponseCode::FormErr);
    };
    let transfer = matches!(query.query_type(), RecordType::AXFR | RecordType::IXFR);
    (query.query_class() != DNSClass::IN || transfer).then_some(ResponseCode::Refused)
}
