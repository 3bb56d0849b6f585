//! Somebody who keeps looking at a site while things happen to its server.

use super::Desk;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at a site again and again, past Cloudflare, and notes which version it saw.
pub struct Witness {
    seen: Arc<Mutex<Vec<Result<String, String>>>>,
    stop: Arc<AtomicBool>,
    looking: Option<JoinHandle<()>>,
}

impl Witness {
    /// Begins to look at the sample application behind this host name on this server.
    pub fn new(desk: &Desk, server: &str, host: &str) -> Self {
        let pem = desk.control("GET", "/origin-ca", None);
        let pem = pem["certificate"].as_str().unwrap().as_bytes();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(pem).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Arc::new(config);
        let address = SocketAddr::new(desk.address(server).parse().unwrap(), 443);
        let seen = Arc::new(Mutex::new(Vec::<Result<String, String>>::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let looking = {
            let (seen, stop, host) = (Arc::clone(&seen), Arc::clone(&stop), host.to_owned());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let look = look(&config, address, &host);
                    seen.lock()
                        .unwrap()
                        .push(look.map_err(|error| error.to_string()));
                    std::thread::sleep(PAUSE);
                }
            })
        };
        Self {
            seen,
            stop,
            looking: Some(looking),
        }
    }

    /// Forgets what was seen so far: after a time in which nobody could have answered.
    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    /// Every look since the last account was answered, and by one of these versions; the last one
    /// by the last of them.
    pub fn account(&self, what: &str, versions: &[&str]) {
        // One look may be under way, so the next but one is certainly a later one.
        let before = self.seen.lock().unwrap().len();
        super::eventually("two more looks", PATIENCE * 2, || {
            self.seen.lock().unwrap().len() >= before + 2
        });
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        for look in &seen {
            match look {
                Ok(version) => assert!(
                    versions.contains(&version.as_str()),
                    "{what}: version {version} answered, which is none of {versions:?}"
                ),
                Err(error) => panic!("{what}: a look was not answered: {error}"),
            }
        }
        assert_eq!(
            seen.last().unwrap().as_deref().unwrap(),
            *versions.last().unwrap(),
            "{what}: the wrong version serves in the end"
        );
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(looking) = self.looking.take() {
            let _ = looking.join();
        }
    }
}

fn look(config: &Arc<ClientConfig>, address: SocketAddr, host: &str) -> std::io::Result<String> {
    let other = std::io::Error::other::<String>;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| other(error.to_string()))?;
    let connection = ClientConnection::new(Arc::clone(config), name)
        .map_err(|error| other(error.to_string()))?;
    let mut stream = StreamOwned::new(connection, stream);
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer)
        && error.kind() != std::io::ErrorKind::UnexpectedEof
    {
        return Err(error);
    }
    let text = String::from_utf8_lossy(&answer);
    if !text.starts_with("HTTP/1.1 200") {
        return Err(other(
            text.lines().next().unwrap_or("no answer at all").to_owned(),
        ));
    }
    let version = text
        .split_once("This is version ")
        .and_then(|(_, rest)| rest.split_once('.'));
    version
        .map(|(version, _)| version.to_owned())
        .ok_or_else(|| other("the page shows no version".to_owned()))
}
