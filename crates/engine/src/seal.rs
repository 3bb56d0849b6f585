//! Sealing: secrets at rest under AES-256-GCM (NIST SP 800-38D), bound to the place they belong to.

use crate::ports::{Clock, Keychain, PortError, PortResult};
use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, Key, KeyInit, Nonce, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use plimsoll_domain::{
    CertificateId, EnvironmentId, ProjectId, Secret, ServiceId, name::VariableName,
};
use plimsoll_store::Store;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The keychain's entry with the data key: 32 bytes, base64.
pub const DATA_KEY_ENTRY: &str = "data-key";
/// The store's setting that tells which data key it was sealed with, without telling the key.
pub(crate) const FINGERPRINT_SETTING: &str = "data_key_fingerprint";
/// Bytes of a nonce (SP 800-38D §8.2.2: 96 bits, random).
const NONCE_BYTES: usize = 12;

/// Where a sealed value belongs. It opens nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// A variable of a service in an environment.
    pub fn variable(environment: EnvironmentId, service: ServiceId, name: &VariableName) -> Self {
        Self(format!("{environment}|{service}|{name}"))
    }
    /// The password of the database that a project's local runs share.
    pub fn run_database(project: ProjectId) -> Self {
        Self(format!("run|{project}|postgres"))
    }
    /// The private key of a certificate.
    pub fn certificate_key(certificate: CertificateId) -> Self {
        Self(format!("certificate|{certificate}|key"))
    }
}

/// Seals and opens with the data key of this installation. Cloning is cheap.
#[derive(Clone)]
pub struct Sealer {
    cipher: Arc<Aes256Gcm>,
    clock: Arc<dyn Clock>,
}

impl Sealer {
    /// Takes the data key out of the keychain, making it at the first time.
    ///
    /// # Errors
    /// `data_key_lost` when values were sealed with a key that the keychain no longer has: a new
    /// key would not open them, so none is made.
    pub async fn open(
        store: &Store,
        keychain: &dyn Keychain,
        clock: Arc<dyn Clock>,
    ) -> PortResult<Self> {
        let known = store.setting(FINGERPRINT_SETTING).await?;
        let key = match (keychain.get(DATA_KEY_ENTRY).await?, known) {
            (Some(found), Some(known)) => {
                let key = read_key(&found)?;
                if known != fingerprint(&key) {
                    return Err(lost("the keychain has another data key"));
                }
                key
            }
            (None, Some(_)) => return Err(lost("the keychain has no data key any more")),
            (_, None) => Self::first_key(store, keychain, clock.as_ref()).await?,
        };
        let key: &Key<Aes256Gcm> = (&*key).into();
        Ok(Self {
            cipher: Arc::new(Aes256Gcm::new(key)),
            clock,
        })
    }

    /// Makes the data key, or takes the one that is there, and notes its fingerprint.
    async fn first_key(
        store: &Store,
        keychain: &dyn Keychain,
        clock: &dyn Clock,
    ) -> PortResult<Zeroizing<[u8; 32]>> {
        // The transaction keeps a second process from making another key at the same time.
        let mut write = store.write().await?;
        let key = match keychain.get(DATA_KEY_ENTRY).await? {
            Some(found) => read_key(&found)?,
            None => {
                let mut key = Zeroizing::new([0u8; 32]);
                clock.entropy(key.as_mut_slice());
                let text = Secret::new(STANDARD.encode(key.as_slice()));
                keychain.set(DATA_KEY_ENTRY, &text).await?;
                key
            }
        };
        write
            .set_setting(FINGERPRINT_SETTING, &fingerprint(&key))
            .await?;
        write.commit().await?;
        Ok(key)
    }

    /// Seals a value for a place: base64 of nonce, ciphertext and tag.
    pub fn seal(&self, place: &Place, value: &Secret) -> PortResult<String> {
        let mut nonce = [0u8; NONCE_BYTES];
        self.clock.entropy(&mut nonce);
        let payload = Payload {
            msg: value.expose().as_bytes(),
            aad: place.0.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&Nonce::<Aes256Gcm>::from(nonce), payload)
            .map_err(|_| PortError::new("seal_failed", "the value is too long to be sealed"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(STANDARD.encode(bytes))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// `seal_broken` when it was changed, or sealed for another place or under another key.
    pub fn open_sealed(&self, place: &Place, sealed: &str) -> PortResult<Secret> {
        let broken = || {
            PortError::new(
                "seal_broken",
                "a sealed value was changed, or belongs to something else",
            )
            .next_step("Set the value again.")
        };
        let bytes = STANDARD.decode(sealed).map_err(|_| broken())?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(broken)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| broken())?;
        let payload = Payload {
            msg: ciphertext,
            aad: place.0.as_bytes(),
        };
        let opened = self
            .cipher
            .decrypt(&Nonce::<Aes256Gcm>::from(nonce), payload)
            .map_err(|_| broken())?;
        String::from_utf8(opened)
            .map(Secret::new)
            .map_err(|_| broken())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

fn read_key(text: &Secret) -> PortResult<Zeroizing<[u8; 32]>> {
    let bytes = STANDARD.decode(text.expose().trim()).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| lost("the keychain's data key is not readable"))?;
    let key: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| lost("the keychain's data key has not 32 bytes"))?;
    Ok(Zeroizing::new(key))
}

/// Tells keys apart without telling them: BLAKE3 in its key derivation mode.
fn fingerprint(key: &[u8; 32]) -> String {
    let derived = blake3::derive_key("plimsoll 2026-11-21 fingerprint of the data key", key);
    STANDARD.encode(&derived[..16])
}

fn lost(why: &str) -> PortError {
    PortError::new(
        "data_key_lost",
        format!("{why}, so sealed values cannot be opened"),
    )
    .next_step(
        "Unlock or restore the keychain that this store was used with; the entry is “data-key”.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::tests::world::{FakeClock, open_store};
    use async_trait::async_trait;
    use plimsoll_domain::Timestamp;
    use proptest::prelude::*;
    use std::{collections::BTreeMap, sync::Mutex};

    #[derive(Default)]
    struct Entries(Mutex<BTreeMap<String, Secret>>);
    #[async_trait]
    impl Keychain for Entries {
        async fn get(&self, entry: &str) -> PortResult<Option<Secret>> {
            Ok(self.0.lock().unwrap().get(entry).cloned())
        }
        async fn set(&self, entry: &str, value: &Secret) -> PortResult<()> {
            self.0.lock().unwrap().insert(entry.into(), value.clone());
            Ok(())
        }
        async fn delete(&self, entry: &str) -> PortResult<()> {
            self.0.lock().unwrap().remove(entry);
            Ok(())
        }
    }

    fn place(number: u8, name: &str) -> Place {
        let now = Timestamp::from_millis(i64::from(number));
        Place::variable(
            EnvironmentId::mint(now, [1; 10]),
            ServiceId::mint(now, [2; 10]),
            &VariableName::parse(name).unwrap(),
        )
    }

    #[tokio::test]
    async fn the_data_key_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::default());
        let store = open_store(folder.path(), &clock).await;
        let keychain = Entries::default();
        let secret = Secret::new("hunter2");
        let first = Sealer::open(&store, &keychain, clock.clone())
            .await
            .unwrap();
        let sealed = first.seal(&place(1, "A"), &secret).unwrap();
        assert_ne!(
            sealed,
            first.seal(&place(1, "A"), &secret).unwrap(),
            "nonces differ"
        );
        let again = Sealer::open(&store, &keychain, clock.clone())
            .await
            .unwrap();
        assert_eq!(again.open_sealed(&place(1, "A"), &sealed).unwrap(), secret);

        let key = keychain.get(DATA_KEY_ENTRY).await.unwrap().unwrap();
        keychain.delete(DATA_KEY_ENTRY).await.unwrap();
        let lost = Sealer::open(&store, &keychain, clock.clone())
            .await
            .unwrap_err();
        assert_eq!(
            lost.code(),
            "data_key_lost",
            "no second key is made in silence"
        );
        let other = Secret::new(STANDARD.encode([1; 32]));
        keychain.set(DATA_KEY_ENTRY, &other).await.unwrap();
        let lost = Sealer::open(&store, &keychain, clock.clone())
            .await
            .unwrap_err();
        assert_eq!(lost.code(), "data_key_lost");
        keychain.set(DATA_KEY_ENTRY, &key).await.unwrap();
        Sealer::open(&store, &keychain, clock).await.unwrap();
    }

    fn sealer() -> Sealer {
        Sealer {
            cipher: Arc::new(Aes256Gcm::new(&[7; 32].into())),
            clock: Arc::new(FakeClock::default()),
        }
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_in_its_place_only(
            text in ".{0,200}", flip in any::<prop::sample::Index>(), bit in 0..8u8,
        ) {
            let sealer = sealer();
            let secret = Secret::new(text);
            let sealed = sealer.seal(&place(1, "A"), &secret).unwrap();
            prop_assert_eq!(sealer.open_sealed(&place(1, "A"), &sealed).unwrap(), secret);
            for elsewhere in [place(2, "A"), place(1, "B")] {
                prop_assert!(sealer.open_sealed(&elsewhere, &sealed).is_err());
            }
            let mut bytes = STANDARD.decode(&sealed).unwrap();
            let at = flip.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let answer = sealer.open_sealed(&place(1, "A"), &STANDARD.encode(bytes));
            prop_assert!(answer.is_err_and(|error| error.code() == "seal_broken"));
        }

        #[test]
        fn no_text_opens_that_was_never_sealed(text in ".{0,80}") {
            prop_assert!(sealer().open_sealed(&place(1, "A"), &text).is_err());
        }
    }
}
