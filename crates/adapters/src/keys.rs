//! Keys and signing requests.

use plimsoll_domain::Secret;
use plimsoll_engine::ports::{Clock, Keys, PortError, PortResult};
use ssh_key::{LineEnding, PrivateKey, private::Ed25519Keypair};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Makes keys from the clock's randomness.
pub struct KeyMaker {
    clock: Arc<dyn Clock>,
}

impl KeyMaker {
    /// Makes keys from this clock's randomness.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

fn failed(doing: &str, error: impl std::fmt::Display) -> PortError {
    PortError::new("key_not_made", format!("Could not {doing}: {error}."))
        .next_step("This is a fault of Plimsoll; please report it with this text.")
}

impl Keys for KeyMaker {
    fn ssh_key_pair(&self, comment: &str) -> PortResult<(Secret, String)> {
        // A line break in a comment would start a new line of an authorized_keys file.
        if comment.chars().any(char::is_control) {
            return Err(PortError::new(
                "key_comment_invalid",
                "The comment of an SSH key must not hold line breaks or other control characters.",
            )
            .next_step("Choose another name for the key."));
        }
        let doing = "make an SSH key pair";
        let mut seed = Zeroizing::new([0u8; 32]);
        self.clock.entropy(seed.as_mut_slice());
        let pair = Ed25519Keypair::from_seed(&seed);
        let private = PrivateKey::new(pair.into(), comment).map_err(|e| failed(doing, e))?;
        let pem = private
            .to_openssh(LineEnding::LF)
            .map_err(|e| failed(doing, e))?;
        let public = private
            .public_key()
            .to_openssh()
            .map_err(|e| failed(doing, e))?;
        Ok((Secret::new(pem.as_str()), public))
    }

    fn signing_request(&self, hosts: &[String]) -> PortResult<(Secret, String)> {
        let doing = "make a certificate signing request";
        let Some(first) = hosts.first() else {
            return Err(PortError::new(
                "certificate_without_hosts",
                "A certificate needs at least one host name.",
            )
            .next_step("Name the hosts that the certificate is for."));
        };
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
            .map_err(|e| failed(doing, e))?;
        let mut wanted = rcgen::CertificateParams::new(hosts.to_vec()).map_err(|e| {
            PortError::new(
                "certificate_host_invalid",
                format!("Could not {doing} for {}: {e}.", hosts.join(", ")),
            )
            .next_step("Check the host names; other scripts are written in punycode (xn--…).")
        })?;
        let mut name = rcgen::DistinguishedName::new();
        // X.520 allows 64 characters of a common name; longer names stand in the SAN only.
        if first.len() <= 64 {
            name.push(rcgen::DnType::CommonName, first.as_str());
        }
        wanted.distinguished_name = name;
        let request = wanted
            .serialize_request(&key)
            .and_then(|request| request.pem())
            .map_err(|e| failed(doing, e))?;
        let pem = Zeroizing::new(key.serialize_pem());
        Ok((Secret::new(pem.as_str()), request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn maker() -> KeyMaker {
        KeyMaker::new(Arc::new(SystemClock))
    }

    #[test]
    fn an_ssh_key_pair_reads_back_and_both_halves_belong_together() {
        let (private, public) = maker().ssh_key_pair("plimsoll web-1").unwrap();
        let read = PrivateKey::from_openssh(private.expose()).unwrap();
        assert_eq!(read.algorithm(), ssh_key::Algorithm::Ed25519);
        assert_eq!(read.public_key().to_openssh().unwrap(), public);
        assert!(public.starts_with("ssh-ed25519 AAAA") && public.ends_with(" plimsoll web-1"));
        assert_ne!(maker().ssh_key_pair("plimsoll web-1").unwrap().1, public);
    }

    #[test]
    fn a_comment_cannot_smuggle_a_second_key() {
        let error = maker()
            .ssh_key_pair("me\nssh-ed25519 AAAA evil")
            .unwrap_err();
        assert_eq!(error.code(), "key_comment_invalid");
    }

    #[test]
    fn a_signing_request_names_all_hosts_and_is_signed_by_its_key() {
        let hosts = ["app.example.com".to_owned(), "*.example.com".to_owned()];
        let (key, request) = maker().signing_request(&hosts).unwrap();
        let pair = rcgen::KeyPair::from_pem(key.expose()).unwrap();
        assert_eq!(pair.algorithm(), &rcgen::PKCS_ECDSA_P256_SHA256);
        let read = rcgen::CertificateSigningRequestParams::from_pem(&request).unwrap();
        let named: Vec<String> = read
            .params
            .subject_alt_names
            .iter()
            .map(|san| match san {
                rcgen::SanType::DnsName(name) => name.as_str().to_owned(),
                other => panic!("not a DNS name: {other:?}"),
            })
            .collect();
        assert_eq!(named, hosts);
        let public = rcgen::PublicKeyData::der_bytes(&read.public_key);
        assert_eq!(public, pair.public_key_raw());
    }

    #[test]
    fn a_signing_request_without_hosts_is_refused() {
        assert_eq!(
            maker().signing_request(&[]).unwrap_err().code(),
            "certificate_without_hosts"
        );
    }
}
