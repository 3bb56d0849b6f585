//! Questions for other resolvers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::directory::address;
use super::record::absolute;

/// How long one resolver may take for one answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// How often the list of resolvers is gone through over UDP, where a packet may get lost.
const ROUNDS: usize = 2;

/// Largest datagram that we ask for and send (the consensus of DNS flag day 2020), bytes.
pub(super) const LARGEST_DATAGRAM: u16 = 1_232;

/// Which transport a question came by. It is passed on by the same one, so that truncation stays
/// a matter between the client and the upstream resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// Passes a question on as it is and returns the answer as it is; `None` when nobody answered.
pub(super) async fn forward(
    upstreams: &[SocketAddr],
    question: &[u8],
    transport: Transport,
) -> Option<Vec<u8>> {
    let rounds = if transport == Transport::Udp {
        ROUNDS
    } else {
        1
    };
    for _ in 0..rounds {
        for &upstream in upstreams {
            let asked = match transport {
                Transport::Udp => timeout(PATIENCE, ask_by_udp(upstream, question)).await,
                Transport::Tcp => timeout(PATIENCE, ask_by_tcp(upstream, question)).await,
            };
            match asked {
                Ok(Ok(answer)) => return Some(answer),
                Ok(Err(error)) => tracing::debug!(%upstream, %error, "a resolver failed"),
                Err(_) => tracing::debug!(%upstream, "a resolver did not answer"),
            }
        }
    }
    None
}

/// Looks one name up; an answer that nobody gives is a server failure.
pub(super) async fn lookup(
    upstreams: &[SocketAddr],
    name: &Name,
    kind: RecordType,
) -> (ResponseCode, Vec<Record>) {
    if upstreams.is_empty() {
        return (ResponseCode::Refused, Vec::new());
    }
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(LARGEST_DATAGRAM);
    question.set_edns(edns);
    let Ok(question) = question.to_vec() else {
        return (ResponseCode::ServFail, Vec::new());
    };
    for transport in [Transport::Udp, Transport::Tcp] {
        let answer = forward(upstreams, &question, transport).await;
        let Some(answer) = answer.and_then(|bytes| Message::from_vec(&bytes).ok()) else {
            break;
        };
        if answer.metadata.truncation && transport == Transport::Udp {
            continue;
        }
        return (answer.metadata.response_code, answer.answers);
    }
    (ResponseCode::ServFail, Vec::new())
}

/// IPv4 and IPv6 addresses of a name, in this order.
pub(super) async fn addresses(upstreams: &[SocketAddr], name: &str) -> Vec<IpAddr> {
    let Ok(name) = absolute(name) else {
        return Vec::new();
    };
    let (four, six) = tokio::join!(
        lookup(upstreams, &name, RecordType::A),
        lookup(upstreams, &name, RecordType::AAAA)
    );
    four.1
        .iter()
        .chain(&six.1)
        .filter_map(|record| address(&record.data))
        .collect()
}

async fn ask_by_udp(upstream: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let any: IpAddr = match upstream {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(upstream).await?;
    // A number of our own, so that a guessed answer has to guess it as well as the port.
    let mut ours = question.to_vec();
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(std::io::Error::other)?;
    ours[..2].copy_from_slice(&id);
    socket.send(&ours).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if length >= 12 && buffer[..2] == id && is_response(&buffer) {
            buffer.truncate(length);
            buffer[..2].copy_from_slice(&question[..2]);
            return Ok(buffer);
        }
    }
}

async fn ask_by_tcp(upstream: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream).await?;
    let length = u16::try_from(question.len()).map_err(std::io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes(), question].concat())
        .await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    if answer.len() < 12 || !is_response(&answer) {
        return Err(std::io::Error::other("not an answer"));
    }
    Ok(answer)
}

fn is_response(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x80 != 0)
}
