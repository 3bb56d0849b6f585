//! Host keys: read, compared whole, shown as fingerprints.

use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::STANDARD_NO_PAD,
};
use plimsoll_engine::ports::PortError;
use sha2::{Digest, Sha256};

/// A host key: its algorithm and the blob of RFC 4253 §6.6, which names the algorithm again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostKey {
    algorithm: String,
    blob: Vec<u8>,
}

impl HostKey {
    /// Reads `ssh-ed25519 AAAA…`, with or without a comment.
    pub(crate) fn parse(line: &str) -> Result<Self, PortError> {
        let refuse = |why: &str| {
            PortError::new(
                "ssh_host_key_invalid",
                format!("the pinned host key cannot be read: {why}"),
            )
            .next_step("Confirm the server's host key again.")
        };
        let mut words = line.split_whitespace();
        let algorithm = words.next().ok_or_else(|| refuse("it is empty"))?;
        let encoded = words.next().ok_or_else(|| refuse("it has no key"))?;
        let blob = STANDARD
            .decode(encoded)
            .map_err(|_| refuse("it is not base64"))?;
        let key = Self::from_blob(blob).ok_or_else(|| refuse("it is cut short"))?;
        if key.algorithm != algorithm {
            return Err(refuse("its type is not the one that it names"));
        }
        Ok(key)
    }

    /// Takes the blob that a server showed; `None` when it does not even name its algorithm.
    pub(crate) fn from_blob(blob: Vec<u8>) -> Option<Self> {
        let length = u32::from_be_bytes(blob.get(..4)?.try_into().ok()?) as usize;
        let name = blob.get(4..4usize.checked_add(length)?)?;
        let algorithm = std::str::from_utf8(name).ok()?.to_owned();
        Some(Self { algorithm, blob })
    }

    /// Signature algorithms to ask the server for, so that it shows this very key.
    pub(crate) fn negotiation(&self) -> &str {
        match self.algorithm.as_str() {
            // RFC 8332: one RSA key, three ways to sign with it; SHA-1 is left out.
            "ssh-rsa" => "rsa-sha2-512,rsa-sha2-256",
            other => other,
        }
    }

    /// One line in OpenSSH's form, without a comment.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.algorithm, STANDARD.encode(&self.blob))
    }

    /// Type and fingerprint as `ssh-keygen -l` shows them.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.blob);
        format!(
            "{} SHA256:{}",
            self.algorithm,
            STANDARD_NO_PAD.encode(digest)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn a_key_reads_back_what_it_prints() {
        let key = HostKey::parse(&format!("{LINE} github.com")).unwrap();
        assert_eq!(key.line(), LINE);
        assert_eq!(
            key.fingerprint(),
            "ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
        );
    }

    #[test]
    fn a_key_that_lies_about_its_type_is_refused() {
        let lying = LINE.replacen("ssh-ed25519", "ssh-rsa", 1);
        for line in [
            lying.as_str(),
            "",
            "ssh-ed25519",
            "ssh-ed25519 AA==",
            "ssh-ed25519 %%",
        ] {
            let error = HostKey::parse(line).unwrap_err();
            assert_eq!(error.code(), "ssh_host_key_invalid", "{line:?}");
        }
    }
}
