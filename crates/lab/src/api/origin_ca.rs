//! The lab's Origin CA: signs certificates that only the edge trusts, as Cloudflare's does.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber, SubjectPublicKeyInfo, date_time_ymd,
};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::folder::{self, FolderError};
use super::time::later;

const CERTIFICATE: &str = "origin-ca.pem";
const KEY: &str = "origin-ca.key.pem";
/// Seconds.
const DAY: u64 = 86_400;

/// The Origin CA could not be opened or founded.
#[derive(Debug, thiserror::Error)]
pub enum OriginCaError {
    /// Its files could not be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its key or certificate could not be made or understood.
    #[error("could not set up the Origin CA: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Why a request was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The text is not a certificate request.
    NotARequest,
    /// Its signature was not made with the key it names.
    BadSignature,
    /// The key is not of the type that `request_type` names.
    WrongKeyType,
    /// The key or a name cannot be put into a certificate.
    Unsupported,
}

/// What to certify.
pub(crate) struct Order<'a> {
    /// PKCS#10, PEM.
    pub(crate) csr: &'a str,
    pub(crate) hostnames: &'a [String],
    /// `origin-rsa` or `origin-ecc`.
    pub(crate) request_type: &'a str,
    pub(crate) valid_days: u64,
    /// Decimal number without sign that becomes the certificate's serial number.
    pub(crate) serial: u128,
    pub(crate) now: Timestamp,
}

/// A signed certificate.
pub(crate) struct Signed {
    pub(crate) pem: String,
    pub(crate) expires_at: Timestamp,
}

/// A certificate authority with its key.
pub(crate) struct OriginCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl OriginCa {
    /// Opens the authority kept in `folder`, or founds it there.
    pub(crate) fn open(folder: &Path, now: Timestamp) -> Result<Self, OriginCaError> {
        let certificate: Option<String> = folder::read_text(&folder.join(CERTIFICATE))?;
        let key: Option<String> = folder::read_text(&folder.join(KEY))?;
        if let (Some(pem), Some(key)) = (certificate, key) {
            let issuer = Issuer::from_ca_cert_pem(&pem, KeyPair::from_pem(&key)?)?;
            return Ok(Self { issuer, pem });
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("Plimsoll Practice Origin CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, now, days_after(now, 20 * 365));
        let pem = params.self_signed(&key)?.pem();
        folder::write(&folder.join(KEY), key.serialize_pem().as_bytes())?;
        folder::write(&folder.join(CERTIFICATE), pem.as_bytes())?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// The authority's own certificate.
    pub(crate) fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// Signs a request. Names and usage come from the order, only the key from the request, as
    /// with the real one.
    pub(crate) fn sign(&self, order: &Order<'_>) -> Result<Signed, Refusal> {
        let key = requested_key(order.csr, order.request_type)?;
        let expires_at = days_after(order.now, order.valid_days);
        let mut params = CertificateParams::default();
        params.distinguished_name = name("Plimsoll Practice Origin Certificate");
        params.serial_number = Some(SerialNumber::from_slice(&order.serial.to_be_bytes()));
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, order.now, expires_at);
        for hostname in order.hostnames {
            let hostname = hostname
                .as_str()
                .try_into()
                .map_err(|_| Refusal::Unsupported)?;
            params.subject_alt_names.push(SanType::DnsName(hostname));
        }
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|_| Refusal::Unsupported)?;
        Ok(Signed {
            pem: certificate.pem(),
            expires_at,
        })
    }
}

/// The request's key, once its signature and type are proved.
fn requested_key(csr: &str, request_type: &str) -> Result<SubjectPublicKeyInfo, Refusal> {
    let (_, pem) = parse_x509_pem(csr.as_bytes()).map_err(|_| Refusal::NotARequest)?;
    let (_, request) =
        X509CertificationRequest::from_der(&pem.contents).map_err(|_| Refusal::NotARequest)?;
    request
        .verify_signature()
        .map_err(|_| Refusal::BadSignature)?;
    let subject = &request.certification_request_info.subject_pki;
    let fits = match subject.parsed().map_err(|_| Refusal::Unsupported)? {
        PublicKey::RSA(_) => request_type == "origin-rsa",
        PublicKey::EC(_) => request_type == "origin-ecc",
        _ => false,
    };
    if !fits {
        return Err(Refusal::WrongKeyType);
    }
    SubjectPublicKeyInfo::from_der(subject.raw).map_err(|_| Refusal::Unsupported)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name.push(DnType::OrganizationName, "Plimsoll Practice Cloud");
    name
}

/// Valid from a day before `now`, because a droplet's clock may be behind, until `until`.
fn set_validity(params: &mut CertificateParams, now: Timestamp, until: Timestamp) {
    let since_epoch =
        |at: Timestamp| Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default());
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(now).saturating_sub(Duration::from_secs(DAY));
    params.not_after = epoch + since_epoch(until);
}

fn days_after(at: Timestamp, days: u64) -> Timestamp {
    later(at, days * DAY * 1_000)
}
