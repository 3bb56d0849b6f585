//! The vault's file format: entries sealed under a key that a passphrase makes.
//!
//! Version 1 is one JSON object. The key comes from the passphrase by Argon2id (RFC 9106) with the
//! file's salt and costs; its first half seals the entries with AES-256-GCM under a fresh nonce
//! each time, its second half makes `check`, which tells a wrong passphrase from a damaged file.
//! `sum` is a BLAKE3 hash over everything else. What the header says is authenticated, too.

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll_domain::Secret;
use plimsoll_engine::ports::Clock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Why a file could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsealed {
    #[error("{0}")]
    Damaged(&'static str),
    #[error("it was written by a newer Plimsoll (format {0})")]
    Newer(u32),
    #[error("the passphrase is not the one it was sealed with")]
    WrongPassphrase,
}

const FORMAT: &str = "plimsoll-vault";
const VERSION: u32 = 1;
/// What deriving a key costs: 64 MiB and 3 passes, the second choice of RFC 9106 §4.
const COST: Cost = Cost {
    memory_kib: 65_536,
    passes: 3,
    lanes: 4,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// Whether a file may ask for this much: a damaged one must not eat the machine.
    fn is_sane(self) -> bool {
        self.memory_kib <= 1 << 20 && self.passes <= 32 && self.lanes <= 16
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct File {
    format: String,
    version: u32,
    argon2id: Cost,
    salt: String,
    nonce: String,
    check: String,
    sealed: String,
    sum: String,
}

/// The names and values that a vault keeps. Values are secrets; so are names treated.
#[derive(Default)]
pub(crate) struct Entries(pub(crate) BTreeMap<String, Secret>);

/// A derived key, kept so that only the first access pays for deriving it.
#[derive(Clone)]
pub(crate) struct Key {
    cost: Cost,
    salt: [u8; 16],
    bytes: Zeroizing<[u8; 64]>,
}

impl Key {
    /// A key for a new file.
    pub(crate) fn fresh(passphrase: &Secret, clock: &dyn Clock) -> Result<Self, Unsealed> {
        let mut salt = [0; 16];
        clock.entropy(&mut salt);
        Self::derive(passphrase, COST, salt)
    }

    fn derive(passphrase: &Secret, cost: Cost, salt: [u8; 16]) -> Result<Self, Unsealed> {
        let bad = |_| Unsealed::Damaged("its costs of deriving a key make no sense");
        let costs = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(64)).map_err(bad)?;
        let mut bytes = Zeroizing::new([0; 64]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, costs)
            .hash_password_into(passphrase.expose().as_bytes(), &salt, bytes.as_mut_slice())
            .map_err(bad)?;
        Ok(Self { cost, salt, bytes })
    }

    fn cipher(&self) -> Result<Aes256Gcm, Unsealed> {
        Aes256Gcm::new_from_slice(&self.bytes[..32])
            .map_err(|_| Unsealed::Damaged("its key has the wrong length"))
    }

    fn check(&self) -> String {
        let mut half = Zeroizing::new([0; 32]);
        half.copy_from_slice(&self.bytes[32..]);
        STANDARD.encode(&blake3::keyed_hash(&half, b"plimsoll vault check").as_bytes()[..16])
    }
}

impl File {
    fn header(&self) -> Vec<u8> {
        let Cost {
            memory_kib,
            passes,
            lanes,
        } = self.argon2id;
        format!(
            "{FORMAT} {} {memory_kib} {passes} {lanes} {}",
            self.version, self.salt
        )
        .into_bytes()
    }
    fn sum(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [
            &self.header()[..],
            self.nonce.as_bytes(),
            self.check.as_bytes(),
            self.sealed.as_bytes(),
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Opens a file's bytes; `known` is a key that fitted before.
pub(crate) fn open(
    bytes: &[u8],
    passphrase: &Secret,
    known: Option<&Key>,
) -> Result<(Entries, Key), Unsealed> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|_| Unsealed::Damaged("it is no JSON"))?;
    if value["format"] != FORMAT {
        return Err(Unsealed::Damaged("it is not a vault of Plimsoll"));
    }
    match value["version"]
        .as_u64()
        .and_then(|version| u32::try_from(version).ok())
    {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => return Err(Unsealed::Newer(newer)),
        _ => return Err(Unsealed::Damaged("its version makes no sense")),
    }
    let file: File =
        serde_json::from_value(value).map_err(|_| Unsealed::Damaged("a part of it is missing"))?;
    if file.sum() != file.sum {
        return Err(Unsealed::Damaged("its checksum does not fit"));
    }
    let bytes_of = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| Unsealed::Damaged("a part of it is not base64"))
    };
    let salt: [u8; 16] = bytes_of(&file.salt)?
        .try_into()
        .map_err(|_| Unsealed::Damaged("its salt has the wrong length"))?;
    if !file.argon2id.is_sane() {
        return Err(Unsealed::Damaged(
            "its costs of deriving a key make no sense",
        ));
    }
    let key = match known {
        Some(key) if key.salt == salt && key.cost == file.argon2id => key.clone(),
        _ => Key::derive(passphrase, file.argon2id, salt)?,
    };
    if key.check() != file.check {
        return Err(Unsealed::WrongPassphrase);
    }
    let nonce: [u8; 12] = bytes_of(&file.nonce)?
        .try_into()
        .map_err(|_| Unsealed::Damaged("its nonce has the wrong length"))?;
    let sealed = bytes_of(&file.sealed)?;
    let payload = Payload {
        msg: &sealed,
        aad: &file.header(),
    };
    let plain = key
        .cipher()?
        .decrypt(&Nonce::from(nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| Unsealed::Damaged("its seal is broken"))?;
    let read: BTreeMap<String, String> = serde_json::from_slice(&plain)
        .map_err(|_| Unsealed::Damaged("what is sealed in it makes no sense"))?;
    let entries = read
        .into_iter()
        .map(|(name, value)| (name, Secret::new(value)))
        .collect();
    Ok((Entries(entries), key))
}

/// Seals entries under a key, with a nonce of their own.
pub(crate) fn seal(entries: &Entries, key: &Key, clock: &dyn Clock) -> Result<Vec<u8>, Unsealed> {
    let failed = |_| Unsealed::Damaged("its entries could not be written");
    let plain: BTreeMap<&str, &str> = entries
        .0
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    let plain = Zeroizing::new(serde_json::to_vec(&plain).map_err(failed)?);
    let mut nonce = [0; 12];
    clock.entropy(&mut nonce);
    let mut file = File {
        format: FORMAT.to_owned(),
        version: VERSION,
        argon2id: key.cost,
        salt: STANDARD.encode(key.salt),
        nonce: STANDARD.encode(nonce),
        check: key.check(),
        sealed: String::new(),
        sum: String::new(),
    };
    let sealed = key
        .cipher()?
        .encrypt(
            &Nonce::from(nonce),
            Payload {
                msg: &plain,
                aad: &file.header(),
            },
        )
        .map_err(|_| Unsealed::Damaged("its entries could not be sealed"))?;
    file.sealed = STANDARD.encode(sealed);
    file.sum = file.sum();
    serde_json::to_vec_pretty(&file).map_err(failed)
}
