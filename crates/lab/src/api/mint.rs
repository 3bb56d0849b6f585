//! Identifiers and token secrets.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// Mints unguessable text from one seed, so that no handler can fail for want of randomness and a
/// test that passes a seed repeats exactly.
pub(crate) struct Mint {
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl Mint {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            drawn: AtomicU64::new(0),
        }
    }

    fn draw(&self) -> [u8; 32] {
        let count = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(count.to_be_bytes());
        hash.finalize().into()
    }

    /// 32 hexadecimal digits, as Cloudflare identifies everything.
    pub(crate) fn hex32(&self) -> String {
        hex::encode(&self.draw()[..16])
    }

    /// 64 hexadecimal digits, the body of a DigitalOcean token.
    pub(crate) fn hex64(&self) -> String {
        hex::encode(self.draw())
    }

    /// Forty characters, the shape of a Cloudflare token.
    pub(crate) fn cloudflare_token(&self) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (first, second) = (self.draw(), self.draw());
        first
            .iter()
            .chain(&second)
            .take(40)
            .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
            .collect()
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&self.draw()[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let text = hex::encode(bytes);
        format!(
            "{}-{}-{}-{}-{}",
            &text[..8],
            &text[8..12],
            &text[12..16],
            &text[16..20],
            &text[20..]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_texts_have_their_shapes_and_differ() {
        let mint = Mint::new([7; 32]);
        let uuid = mint.uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert_ne!(uuid, mint.uuid());
        assert_eq!(mint.hex32().len(), 32);
        assert_eq!(mint.cloudflare_token().len(), 40);
        assert_ne!(mint.cloudflare_token(), mint.cloudflare_token());
    }
}
