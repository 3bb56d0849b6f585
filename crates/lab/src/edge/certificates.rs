//! Certificates for visitors, and whose certificates the edge accepts from origins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use tokio::sync::watch;

use crate::dns::Directory;
use crate::error::LabError;
use crate::tls::Authority;

/// A certificate is issued anew after this long, long before it runs out.
const FRESH: Duration = Duration::from_secs(24 * 3_600);

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn failed(doing: impl Into<String>) -> impl FnOnce(String) -> LabError {
    let doing = doing.into();
    move |cause| LabError::Certificate { doing, cause }
}

/// TLS towards visitors: HTTP/2 and HTTP/1.1, a certificate for each zone.
pub(super) fn server_config(
    authority: &Arc<Authority>,
    directory: &watch::Receiver<Arc<Directory>>,
) -> Result<ServerConfig, LabError> {
    let issued = Issued {
        authority: authority.clone(),
        directory: directory.clone(),
        zones: Mutex::new(HashMap::new()),
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed("set up TLS of the edge")(error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(issued));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificates issued so far, by zone.
struct Issued {
    authority: Arc<Authority>,
    directory: watch::Receiver<Arc<Directory>>,
    zones: Mutex<HashMap<String, (Arc<CertifiedKey>, Instant)>>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Issued(…)")
    }
}

impl ResolvesServerCert for Issued {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        let directory = self.directory.borrow().clone();
        let (apex, _) = directory.zone_of(name)?;
        if !covered(name, apex) {
            tracing::info!(
                name,
                "the edge has no certificate for a name that deep in its zone"
            );
            return None;
        }
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((key, since)) = zones.get(apex)
            && since.elapsed() < FRESH
        {
            return Some(key.clone());
        }
        match issue(&self.authority, apex) {
            Ok(key) => {
                let key = Arc::new(key);
                zones.insert(apex.to_owned(), (key.clone(), Instant::now()));
                Some(key)
            }
            Err(error) => {
                tracing::warn!(apex, %error, "no certificate for a zone");
                None
            }
        }
    }
}

/// Cloudflare's universal certificate holds the apex and one level of names below it; deeper names
/// get no TLS there, and finding that out on the practice cloud is cheaper.
fn covered(name: &str, apex: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.strip_suffix(apex)
        .is_some_and(|below| !below.strip_suffix('.').unwrap_or(below).contains('.'))
}

fn issue(authority: &Authority, apex: &str) -> Result<CertifiedKey, LabError> {
    let failed = |cause: String| failed(format!("issue a certificate for {apex}"))(cause);
    let leaf = authority.leaf(&[apex.to_owned(), format!("*.{apex}")])?;
    let chain = CertificateDer::pem_slice_iter(leaf.chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes())
        .map_err(|error| failed(error.to_string()))?;
    let key = ring::sign::any_supported_type(&key).map_err(|error| failed(error.to_string()))?;
    Ok(CertifiedKey::new(chain, key))
}

/// TLS towards origins.
pub(super) struct Trust {
    /// Mode *full*: any certificate.
    pub(super) unverified: Arc<ClientConfig>,
    /// Mode *strict*: a certificate for that name, in its time, of an authority that we know.
    pub(super) verified: Arc<ClientConfig>,
}

impl Trust {
    pub(super) fn new(
        public_pem: &str,
        origin_roots: &[CertificateDer<'static>],
    ) -> Result<Self, LabError> {
        let mut roots = RootCertStore::empty();
        let public = CertificateDer::pem_slice_iter(public_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed("read the public authority")(error.to_string()))?;
        for root in public.into_iter().chain(origin_roots.iter().cloned()) {
            roots
                .add(root)
                .map_err(|error| failed("trust an origin's authority")(error.to_string()))?;
        }
        let builder = || {
            ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .map_err(|error| failed("set up TLS to origins")(error.to_string()))
        };
        let mut verified = builder()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut unverified = builder()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate))
            .with_no_client_auth();
        for config in [&mut verified, &mut unverified] {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        Ok(Self {
            unverified: Arc::new(unverified),
            verified: Arc::new(verified),
        })
    }
}

/// Accepts what mode *full* accepts: everything.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
