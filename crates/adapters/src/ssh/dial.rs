//! From a name to a TCP connection, directly or through a SOCKS5 proxy (RFC 1928, RFC 1929).

use super::stage::Stage;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use url::Url;

/// Connects to a server within `patience`. Addresses are tried in the resolver's order.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    proxy: Option<&str>,
    patience: Duration,
) -> Result<TcpStream, Stage> {
    let to = shown(host, port);
    let attempt = async {
        match proxy {
            None => connect(host, port, &to).await,
            Some(proxy) => through(proxy, host, port, &to).await,
        }
    };
    let stream = timeout(patience, attempt).await.map_err(|_| Stage::Tcp {
        to: to.clone(),
        cause: format!("no answer within {} s", patience.as_secs()),
    })??;
    // Requests are small and wait for their answers: Nagle's algorithm would only delay them.
    stream.set_nodelay(true).map_err(|error| Stage::Tcp {
        to,
        cause: error.to_string(),
    })?;
    Ok(stream)
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn shown(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, port).to_string(),
        Err(_) => format!("{host}:{port}"),
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Stage> {
    let failed = |cause: String| Stage::Dns {
        name: host.to_owned(),
        cause,
    };
    let addresses: Vec<SocketAddr> = lookup_host((host, port))
        .await
        .map_err(|error| failed(error.to_string()))?
        .collect();
    if addresses.is_empty() {
        return Err(failed("it has no address".to_owned()));
    }
    Ok(addresses)
}

async fn connect(host: &str, port: u16, to: &str) -> Result<TcpStream, Stage> {
    let mut causes = Vec::new();
    for address in resolve(host, port).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => causes.push(format!("{address}: {error}")),
        }
    }
    Err(Stage::Tcp {
        to: to.to_owned(),
        cause: causes.join("; "),
    })
}

async fn through(proxy: &str, host: &str, port: u16, to: &str) -> Result<TcpStream, Stage> {
    let failed = |cause: String| Stage::Tcp {
        to: format!("{to} through its proxy"),
        cause,
    };
    let url = Url::parse(proxy).map_err(|error| failed(format!("the proxy's URL: {error}")))?;
    let resolves_there = match url.scheme() {
        "socks5h" => true,
        "socks5" => false,
        other => {
            return Err(failed(format!(
                "“{other}” is not a kind of proxy that we speak"
            )));
        }
    };
    let proxy_host = url
        .host_str()
        .ok_or_else(|| failed("the proxy's URL has no host".to_owned()))?
        .trim_matches(['[', ']']);
    let proxy_port = url.port().unwrap_or(1080);
    let target = match host.parse::<IpAddr>() {
        Ok(address) => Target::Address(address),
        Err(_) if resolves_there => Target::Name(host.to_owned()),
        Err(_) => Target::Address(resolve(host, port).await?[0].ip()),
    };
    let mut stream = connect(proxy_host, proxy_port, &shown(proxy_host, proxy_port)).await?;
    let login = (!url.username().is_empty()).then(|| {
        let password = url.password().unwrap_or_default();
        (decoded(url.username()), decoded(password))
    });
    greet(&mut stream, login, &target, port)
        .await
        .map_err(|error| failed(error.to_string()))?;
    Ok(stream)
}

/// Undoes the percent-encoding that a URL's user and password carry (RFC 3986 §2.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let code = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

enum Target {
    Address(IpAddr),
    Name(String),
}

async fn greet(
    stream: &mut TcpStream,
    login: Option<(String, String)>,
    target: &Target,
    port: u16,
) -> std::io::Result<()> {
    let refuse = |text: String| std::io::Error::other(text);
    let method = if login.is_some() { 2u8 } else { 0u8 };
    stream.write_all(&[5, 1, method]).await?;
    let mut chosen = [0u8; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [5, method] {
        return Err(refuse(
            "it does not speak SOCKS5 with this login".to_owned(),
        ));
    }
    if let Some((user, password)) = login {
        let mut message = vec![1u8];
        for part in [user, password] {
            let length = u8::try_from(part.len())
                .map_err(|_| refuse("its login is longer than 255 bytes".to_owned()))?;
            message.push(length);
            message.extend_from_slice(part.as_bytes());
        }
        stream.write_all(&message).await?;
        let mut verdict = [0u8; 2];
        stream.read_exact(&mut verdict).await?;
        if verdict[1] != 0 {
            return Err(refuse("it refused the login".to_owned()));
        }
    }
    let mut request = vec![5u8, 1, 0];
    match target {
        Target::Address(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Target::Address(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Target::Name(name) => {
            let length = u8::try_from(name.len())
                .map_err(|_| refuse("the server's name is longer than 255 bytes".to_owned()))?;
            request.extend_from_slice(&[3, length]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await?;
    let mut head = [0u8; 4];
    stream.read_exact(&mut head).await?;
    if head[1] != 0 {
        return Err(refuse(complaint(head[1]).to_owned()));
    }
    let address_length = match head[3] {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        other => return Err(refuse(format!("it answered with address type {other}"))),
    };
    let mut bound = vec![0u8; address_length + 2];
    stream.read_exact(&mut bound).await?;
    Ok(())
}

fn complaint(code: u8) -> &'static str {
    match code {
        1 => "the proxy failed",
        2 => "the proxy's rules do not allow it",
        3 => "the proxy finds the network unreachable",
        4 => "the proxy finds the server unreachable, or cannot resolve its name",
        5 => "the server refused the connection",
        6 => "the proxy waited too long",
        7 | 8 => "the proxy does not support the request",
        _ => "the proxy gave no reason that we know",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A SOCKS5 proxy for one connection: checks the request, then speaks for the server.
    async fn proxy(login: bool, verdict: u8) -> (u16, tokio::task::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0u8; 3];
            stream.read_exact(&mut hello).await.unwrap();
            let method = u8::from(login) * 2;
            assert_eq!(hello, [5, 1, method]);
            stream.write_all(&[5, method]).await.unwrap();
            if login {
                let mut credentials = [0u8; 9];
                stream.read_exact(&mut credentials).await.unwrap();
                assert_eq!(&credentials, b"\x01\x02me\x04word");
                stream.write_all(&[1, 0]).await.unwrap();
            }
            let mut head = [0u8; 5];
            stream.read_exact(&mut head).await.unwrap();
            let mut rest = vec![0u8; usize::from(head[4]) + 2];
            stream.read_exact(&mut rest).await.unwrap();
            stream
                .write_all(&[5, verdict, 0, 1, 0, 0, 0, 0, 0, 0])
                .await
                .unwrap();
            if verdict == 0 {
                stream.write_all(b"hi").await.unwrap();
            }
            [&head[..], &rest].concat()
        });
        (port, task)
    }

    #[tokio::test]
    async fn a_name_is_resolved_by_the_proxy() {
        for login in [false, true] {
            let (port, task) = proxy(login, 0).await;
            let who = if login { "me:w%6Frd@" } else { "" };
            let url = format!("socks5h://{who}127.0.0.1:{port}");
            let mut stream = dial("shop.test", 22, Some(&url), Duration::from_secs(5))
                .await
                .unwrap();
            let mut hi = [0u8; 2];
            stream.read_exact(&mut hi).await.unwrap();
            assert_eq!(&hi, b"hi");
            assert_eq!(
                task.await.unwrap(),
                b"\x05\x01\x00\x03\x09shop.test\x00\x16"
            );
        }
    }

    #[tokio::test]
    async fn a_proxy_that_cannot_reach_the_server_says_so() {
        let (port, _task) = proxy(false, 5).await;
        let url = format!("socks5h://127.0.0.1:{port}");
        let error = dial("shop.test", 22, Some(&url), Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, Stage::Tcp { cause, .. } if cause.contains("refused")),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_fails_at_dns_and_a_closed_port_at_tcp() {
        let nowhere = dial("nowhere.invalid", 22, None, Duration::from_secs(5)).await;
        assert!(matches!(nowhere, Err(Stage::Dns { .. })), "{nowhere:?}");
        let free = TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let closed = dial("127.0.0.1", free, None, Duration::from_secs(5)).await;
        assert!(matches!(closed, Err(Stage::Tcp { .. })), "{closed:?}");
    }
}
