//! Names to addresses, by a given resolver (RFC 1035, over UDP and TCP) or by the system's.

use crate::ssh::dial;
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use plimsoll_domain::server::Endpoint;
use plimsoll_engine::ports::{PortError, PortResult};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UdpSocket, lookup_host},
    time::timeout,
};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a datagram is sent before we give up.
const ATTEMPTS: usize = 3;
/// Longest chain of aliases that is followed.
const LONGEST_CHAIN: usize = 8;

/// All addresses of a name, IPv4 first; none when it does not exist.
pub(super) async fn resolve(endpoint: &Endpoint, host: &str) -> PortResult<Vec<IpAddr>> {
    let Some(resolver) = &endpoint.resolver else {
        return by_system(host).await;
    };
    let address: SocketAddr = resolver.parse().map_err(|_| {
        PortError::new(
            "outside_endpoint",
            format!("“{resolver}” is not a resolver’s address"),
        )
        .next_step("Connect the account again; a resolver is written as address:port.")
    })?;
    let resolver = Resolver {
        address,
        proxy: endpoint.proxy.as_deref(),
    };
    let failed = |why: String| {
        PortError::new("outside_dns", format!("asking {address} for {host} failed"))
            .evidence(why)
            .next_step("Try again; check that the resolver runs.")
            .retryable()
    };
    let name = Name::from_ascii(format!("{host}.")).map_err(|error| failed(error.to_string()))?;
    let mut addresses = Vec::new();
    for kind in [RecordType::A, RecordType::AAAA] {
        addresses.extend(
            resolver
                .addresses(name.clone(), kind)
                .await
                .map_err(failed)?,
        );
    }
    Ok(addresses)
}

async fn by_system(host: &str) -> PortResult<Vec<IpAddr>> {
    let found = timeout(PATIENCE * 5, lookup_host((host, 0))).await;
    let mut addresses: Vec<IpAddr> = found
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| {
            PortError::new("outside_dns", format!("{host} does not resolve"))
                .evidence(error.to_string())
                .next_step("A new record may take a moment to be seen; try again.")
                .retryable()
        })?
        .map(|address| address.ip())
        .collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    Ok(addresses)
}

struct Resolver<'a> {
    address: SocketAddr,
    proxy: Option<&'a str>,
}

impl Resolver<'_> {
    async fn addresses(&self, mut name: Name, kind: RecordType) -> Result<Vec<IpAddr>, String> {
        for _ in 0..LONGEST_CHAIN {
            let answer = self.ask(&name, kind).await?;
            match answer.metadata.response_code {
                ResponseCode::NoError => {}
                ResponseCode::NXDomain => return Ok(Vec::new()),
                other => return Err(format!("it answered “{other}”")),
            }
            let mut found = Vec::new();
            // Aliases come with what they lead to, in any order.
            for _ in 0..LONGEST_CHAIN {
                let here = answer.answers.iter().filter(|record| record.name == name);
                let mut next = None;
                for record in here {
                    match &record.data {
                        RData::A(address) => found.push(IpAddr::V4(address.0)),
                        RData::AAAA(address) => found.push(IpAddr::V6(address.0)),
                        RData::CNAME(target) => next = Some(target.0.clone()),
                        _ => {}
                    }
                }
                match next {
                    Some(next) if found.is_empty() && next != name => name = next,
                    _ => break,
                }
            }
            let is_answered =
                !found.is_empty() || answer.answers.iter().all(|record| record.name == name);
            let leads_on = answer
                .answers
                .iter()
                .any(|record| matches!(&record.data, RData::CNAME(target) if target.0 == name));
            if is_answered || !leads_on {
                return Ok(found);
            }
        }
        Err(format!(
            "more than {LONGEST_CHAIN} aliases follow one another"
        ))
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Message, String> {
        let mut question = Message::new(id(), MessageType::Query, OpCode::Query);
        question.metadata.recursion_desired = true;
        question.add_query(Query::query(name.clone(), kind));
        let bytes = question.to_vec().map_err(|error| error.to_string())?;
        // A datagram does not pass a proxy of the kind that we use.
        if self.proxy.is_none()
            && let Some(answer) = self.by_datagram(&question, &bytes).await?
            && !answer.metadata.truncation
        {
            return Ok(answer);
        }
        let answer = timeout(PATIENCE * 2, self.by_stream(&bytes)).await;
        let answer = answer.unwrap_or_else(|_| Err("no answer over TCP".to_owned()))?;
        check(answer, &question).ok_or_else(|| "its answer is to another question".to_owned())
    }

    /// `None` when nothing came back.
    async fn by_datagram(
        &self,
        question: &Message,
        bytes: &[u8],
    ) -> Result<Option<Message>, String> {
        let local: IpAddr = match self.address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let failed = |error: io::Error| error.to_string();
        let socket = UdpSocket::bind((local, 0)).await.map_err(failed)?;
        socket.connect(self.address).await.map_err(failed)?;
        let mut buffer = vec![0; 4096];
        for _ in 0..ATTEMPTS {
            if socket.send(bytes).await.is_err() {
                continue;
            }
            let heard = timeout(PATIENCE, async {
                loop {
                    let count = socket.recv(&mut buffer).await?;
                    if let Ok(answer) = Message::from_vec(&buffer[..count])
                        && let Some(answer) = check(answer, question)
                    {
                        return Ok::<_, io::Error>(answer);
                    }
                }
            });
            if let Ok(Ok(answer)) = heard.await {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    async fn by_stream(&self, bytes: &[u8]) -> Result<Message, String> {
        let (host, port) = (self.address.ip().to_string(), self.address.port());
        let mut stream = dial(&host, port, self.proxy, PATIENCE)
            .await
            .map_err(|stage| stage.to_string())?;
        let length = u16::try_from(bytes.len()).map_err(|error| error.to_string())?;
        let framed = [&length.to_be_bytes(), bytes].concat();
        let exchange = async {
            stream.write_all(&framed).await?;
            let mut answer = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut answer).await?;
            Ok::<_, io::Error>(answer)
        };
        let answer = exchange.await.map_err(|error| error.to_string())?;
        Message::from_vec(&answer).map_err(|error| error.to_string())
    }
}

/// The answer, if it is one to this question (RFC 5452 §9.1).
fn check(answer: Message, question: &Message) -> Option<Message> {
    let fits = answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries;
    fits.then_some(answer)
}

/// A number that nobody can guess, so that nobody else can answer.
fn id() -> u16 {
    let mut bytes = [0; 2];
    // Without randomness of the system the port that the answer must come to is still random.
    let _ = getrandom::fill(&mut bytes);
    u16::from_be_bytes(bytes)
}
