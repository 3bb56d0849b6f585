//! The lab's own certificate authority and the TLS of its APIs.
//!
//! The official clients of DigitalOcean refuse plain HTTP, so the lab speaks TLS with a certificate
//! of an authority that exists on this machine only. An account whose endpoint is the lab carries
//! that authority's certificate as its trust anchor.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{AtPath, LabError};

/// Days that a certificate of the authority stays valid; a lab is started far more often.
const LEAF_DAYS: i64 = 365;
/// Days that the authority itself stays valid.
const AUTHORITY_DAYS: i64 = 3_650;
const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";

/// A certificate authority that lives in a folder.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    path: PathBuf,
}

/// A certificate with its chain and its private key, both in PEM.
#[derive(Clone)]
pub struct Leaf {
    /// The certificate, followed by the authority's.
    pub chain_pem: String,
    /// The private key, PKCS #8.
    pub key_pem: String,
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Leaf(…)")
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Loads the authority of `folder`, or makes one named `common_name` there.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or holds something else.
    pub fn load_or_create(folder: &Path, common_name: &str) -> Result<Self, LabError> {
        let path = folder.join(CERTIFICATE_FILE);
        if !path.exists() {
            create(folder, common_name)?;
        }
        Self::load(folder)
    }

    /// Loads the authority of `folder`.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn load(folder: &Path) -> Result<Self, LabError> {
        let path = folder.join(CERTIFICATE_FILE);
        let key_path = folder.join(KEY_FILE);
        let pem = std::fs::read_to_string(&path).at("read", &path)?;
        let key_pem = std::fs::read_to_string(&key_path).at("read", &key_path)?;
        let state = |cause: rcgen::Error| LabError::State {
            path: path.clone(),
            cause: cause.to_string(),
        };
        let key = KeyPair::from_pem(&key_pem).map_err(state)?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(state)?;
        Ok(Self { issuer, pem, path })
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Where the authority's certificate lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A server certificate for `names`, host names or IP addresses; the first is the common name.
    ///
    /// # Errors
    /// When a name is neither.
    pub fn leaf(&self, names: &[String]) -> Result<Leaf, LabError> {
        let failed = |cause: rcgen::Error| LabError::Certificate {
            doing: format!("make a certificate for {}", names.join(", ")),
            cause: cause.to_string(),
        };
        let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(first) = names.first() {
            params
                .distinguished_name
                .push(DnType::CommonName, first.as_str());
        }
        params.use_authority_key_identifier_extension = true;
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
        set_validity(&mut params, LEAF_DAYS);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let chain_pem = format!("{}{}", certificate.pem(), self.pem);
        Ok(Leaf {
            chain_pem,
            key_pem: key.serialize_pem(),
        })
    }

    /// TLS settings of a server that answers to `names`, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// When a name is neither a host name nor an address.
    pub fn server_config(&self, names: &[String]) -> Result<rustls::ServerConfig, LabError> {
        let leaf = self.leaf(names)?;
        let failed = |cause: String| LabError::Certificate {
            doing: format!("serve TLS for {}", names.join(", ")),
            cause,
        };
        let chain = CertificateDer::pem_slice_iter(leaf.chain_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes())
            .map_err(|error| failed(error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| failed(error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn create(folder: &Path, common_name: &str) -> Result<(), LabError> {
    let failed = |cause: rcgen::Error| LabError::Certificate {
        doing: format!("make the certificate authority {common_name}"),
        cause: cause.to_string(),
    };
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    set_validity(&mut params, AUTHORITY_DAYS);
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    std::fs::create_dir_all(folder).at("make", folder)?;
    // The key first: a certificate without its key would look like a finished authority.
    crate::folder::write_private(&folder.join(KEY_FILE), key.serialize_pem().as_bytes())?;
    crate::folder::write(&folder.join(CERTIFICATE_FILE), certificate.pem().as_bytes())
}

fn set_validity(params: &mut CertificateParams, days: i64) {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    // A day back: clocks of droplets and hosts differ by minutes, never by a day.
    let from = now.saturating_sub(jiff::Span::new().days(1));
    let until = now.saturating_add(jiff::Span::new().days(days));
    let date = |at: &jiff::Zoned| {
        let (month, day) = (at.month().unsigned_abs(), at.day().unsigned_abs());
        rcgen::date_time_ymd(i32::from(at.year()), month, day)
    };
    params.not_before = date(&from);
    params.not_after = date(&until);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_survives_a_restart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = Authority::load_or_create(folder.path(), "Practice").expect("made");
        let again = Authority::load_or_create(folder.path(), "Practice").expect("loaded");
        assert_eq!(first.pem(), again.pem());
    }

    #[test]
    fn a_leaf_is_signed_by_its_authority() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = Authority::load_or_create(folder.path(), "Practice").expect("made");
        let names = ["api.example.test".to_owned(), "127.0.0.1".to_owned()];
        let leaf = authority.leaf(&names).expect("both names are good");
        let (_, pem) = x509_parser::pem::parse_x509_pem(leaf.chain_pem.as_bytes()).expect("PEM");
        let certificate = pem.parse_x509().expect("a certificate");
        let (_, ca_pem) =
            x509_parser::pem::parse_x509_pem(authority.pem().as_bytes()).expect("PEM");
        let ca = ca_pem.parse_x509().expect("a certificate");
        assert_eq!(certificate.issuer(), ca.subject());
        assert!(certificate.validity().is_valid());
        certificate
            .verify_signature(Some(ca.public_key()))
            .expect("the authority signed it");
    }

    #[cfg(unix)]
    #[test]
    fn the_authoritys_key_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        Authority::load_or_create(folder.path(), "Practice").expect("made");
        let mode = std::fs::metadata(folder.path().join(KEY_FILE))
            .expect("there")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}
