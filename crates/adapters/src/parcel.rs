//! Everything in one file, sealed with a passphrase, to be taken to another machine.
//!
//! Version 1: the line `plimsoll everything 1`, the length of a vault in bytes (32 bits,
//! little-endian), the vault in its own format with the keychain's entries and a key that was made
//! for this file, then the database: zstd, cut into pieces of 1 MiB, each sealed under that key
//! with AES-256-GCM and preceded by its length. A piece's nonce is its number and whether it is the
//! last, so that none can be left out, moved or cut off at the end (the STREAM construction of
//! Hoang, Reyhanitabar, Rogaway and Vizár, 2015).

use crate::{
    files::replace_with,
    keychain::seal::{self, Entries, Key, Unsealed},
};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, aead::Aead};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use plimsoll_domain::Secret;
use plimsoll_engine::ports::{Clock, PortError, PortResult};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"plimsoll everything 1\n";
const MAGIC_OF_ANY: &[u8] = b"plimsoll everything ";
/// Bytes of a piece before it is sealed.
const PIECE: usize = 1 << 20;
/// Bytes that sealing adds: the tag.
const TAG: usize = 16;
/// Most bytes of the vault in front: thousands of entries.
const LARGEST_VAULT: u32 = 64 << 20;
/// What the entry with this file's own key is called; the keychain's have a prefix.
const OWN_KEY: &str = "database-key";
const PREFIX: &str = "entry:";

/// Writes the file anew, readable by its owner only.
pub(crate) fn write(
    to: &Path,
    passphrase: &Secret,
    entries: &BTreeMap<String, Secret>,
    database: &Path,
    clock: &dyn Clock,
) -> PortResult<()> {
    let failed = |error: io::Error| unwritable(to, &error);
    let mut own_key = Zeroizing::new([0u8; 32]);
    clock.entropy(own_key.as_mut_slice());
    let mut all: BTreeMap<String, Secret> = entries
        .iter()
        .map(|(name, value)| (format!("{PREFIX}{name}"), value.clone()))
        .collect();
    let own_text = Secret::new(STANDARD.encode(own_key.as_slice()));
    all.insert(OWN_KEY.to_owned(), own_text);
    let sealed = Key::fresh(passphrase, clock)
        .and_then(|key| seal::seal(&Entries(all), &key, clock))
        .map_err(|error| explain(to, &error))?;
    let length = u32::try_from(sealed.len()).map_err(|_| failed(too_large()))?;
    let cipher = cipher(own_key.as_slice()).map_err(failed)?;
    let mut source = File::open(database).map_err(|error| unreadable(database, &error))?;
    replace_with(to, |file| {
        let mut out = BufWriter::new(file);
        out.write_all(MAGIC)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&sealed)?;
        let mut packed = zstd::Encoder::new(Sealing::new(out, cipher), 3)?;
        io::copy(&mut source, &mut packed)?;
        packed.finish()?.finish()?.flush()
    })
    .map_err(failed)
}

/// Reads a file: its entries are answered, its database is written to `database`. Nothing counts
/// before this has ended well.
pub(crate) fn read(
    from: &Path,
    passphrase: &Secret,
    database: &Path,
) -> PortResult<BTreeMap<String, Secret>> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => explain(
            from,
            &Unsealed::Damaged("a part of it was changed or cut off"),
        ),
        _ => unreadable(from, &error),
    };
    let mut file = BufReader::new(File::open(from).map_err(failed)?);
    let mut magic = [0; MAGIC.len()];
    let length = file.read(&mut magic).map_err(failed)?;
    if !magic[..length].starts_with(MAGIC_OF_ANY) {
        return Err(explain(
            from,
            &Unsealed::Damaged("it is no export of Plimsoll"),
        ));
    }
    if magic != MAGIC {
        return Err(explain(from, &Unsealed::Newer(2)));
    }
    let mut length = [0; 4];
    file.read_exact(&mut length).map_err(failed)?;
    let length = u32::from_le_bytes(length);
    if length > LARGEST_VAULT {
        return Err(failed(too_large()));
    }
    let mut sealed = Vec::new();
    (&mut file)
        .take(u64::from(length))
        .read_to_end(&mut sealed)
        .map_err(failed)?;
    let (Entries(mut all), _) =
        seal::open(&sealed, passphrase, None).map_err(|error| explain(from, &error))?;
    let own_key = all.remove(OWN_KEY).and_then(|text| {
        let bytes = STANDARD.decode(text.expose()).ok()?;
        Some(Zeroizing::new(bytes))
    });
    let own_key = own_key.ok_or_else(|| {
        explain(
            from,
            &Unsealed::Damaged("the key to its database is missing"),
        )
    })?;
    let cipher = cipher(&own_key).map_err(failed)?;
    replace_with(database, |out| {
        let mut packed = zstd::Decoder::new(Opening::new(file, cipher))?;
        io::copy(&mut packed, out)?;
        // The last piece proves that nothing was cut off; the decoder stops at its frame's end.
        io::copy(&mut packed.finish(), &mut io::sink())?;
        Ok(())
    })
    .map_err(failed)?;
    Ok(all
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value)))
        .collect())
}

fn cipher(key: &[u8]) -> io::Result<Aes256Gcm> {
    Aes256Gcm::new_from_slice(key).map_err(|_| damaged())
}

fn damaged() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

fn too_large() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

fn nonce(number: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[0] = u8::from(last);
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

/// Seals what is written to it, piece by piece.
struct Sealing<W> {
    out: W,
    cipher: Aes256Gcm,
    number: u64,
    piece: Vec<u8>,
}

impl<W: Write> Sealing<W> {
    fn new(out: W, cipher: Aes256Gcm) -> Self {
        Self {
            out,
            cipher,
            number: 0,
            piece: Vec::with_capacity(PIECE),
        }
    }

    fn put(&mut self, last: bool) -> io::Result<()> {
        let nonce = Nonce::from(nonce(self.number, last));
        let sealed = self
            .cipher
            .encrypt(&nonce, self.piece.as_slice())
            .map_err(|_| damaged())?;
        let length = u32::try_from(sealed.len()).map_err(|_| damaged())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&sealed)?;
        self.number += 1;
        self.piece.clear();
        Ok(())
    }

    /// Puts the last piece, which may be empty.
    fn finish(mut self) -> io::Result<W> {
        self.put(true)?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() == PIECE {
            self.put(false)?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opens pieces as they are read.
struct Opening<R> {
    from: R,
    cipher: Aes256Gcm,
    number: u64,
    piece: Vec<u8>,
    read: usize,
    ended: bool,
}

impl<R: Read> Opening<R> {
    fn new(from: R, cipher: Aes256Gcm) -> Self {
        Self {
            from,
            cipher,
            number: 0,
            piece: Vec::new(),
            read: 0,
            ended: false,
        }
    }

    fn next(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.from.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| damaged())?;
        if !(TAG..=PIECE + TAG).contains(&length) {
            return Err(damaged());
        }
        let mut sealed = vec![0; length];
        self.from.read_exact(&mut sealed)?;
        let opened = |last| {
            let nonce = Nonce::from(nonce(self.number, last));
            self.cipher.decrypt(&nonce, sealed.as_slice()).ok()
        };
        (self.piece, self.ended) = match opened(false) {
            Some(piece) => (piece, false),
            None => (opened(true).ok_or_else(damaged)?, true),
        };
        self.number += 1;
        self.read = 0;
        Ok(())
    }
}

impl<R: Read> Read for Opening<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.piece.len() {
            if self.ended {
                return Ok(0);
            }
            self.next()?;
        }
        let taken = into.len().min(self.piece.len() - self.read);
        into[..taken].copy_from_slice(&self.piece[self.read..self.read + taken]);
        self.read += taken;
        Ok(taken)
    }
}

fn explain(path: &Path, error: &Unsealed) -> PortError {
    let path = path.display();
    match error {
        Unsealed::WrongPassphrase => PortError::new(
            "export_wrong_passphrase",
            format!("{path} was sealed with another passphrase."),
        )
        .next_step("Give the passphrase that was chosen for the export. Nothing was changed."),
        Unsealed::Newer(_) => PortError::new(
            "export_newer",
            format!("{path} was written by a newer Plimsoll."),
        )
        .next_step("Update Plimsoll. Nothing was changed."),
        Unsealed::Damaged(why) => {
            PortError::new("export_damaged", format!("{path} cannot be opened: {why}."))
                .next_step("Use another copy of the export. Nothing was changed.")
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> PortError {
    PortError::new(
        "export_unreadable",
        format!("Could not read {}: {error}.", path.display()),
    )
    .next_step("Choose a file that is there and that you may read.")
}

/// The file, or the folder it was to be in, would not take it.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> PortError {
    PortError::new(
        "export_unwritable",
        format!("Could not write {}: {error}.", path.display()),
    )
    .next_step("Choose a folder that you may write to, on a disk that is not full.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn entries() -> BTreeMap<String, Secret> {
        BTreeMap::from([
            ("data-key".to_owned(), Secret::new("canary-data-key")),
            ("token/1".to_owned(), Secret::new("canary-token")),
        ])
    }

    /// Random enough that it does not become smaller than several pieces.
    fn noise(bytes: usize) -> Vec<u8> {
        let mut noise = vec![0; bytes];
        SystemClock.entropy(&mut noise);
        noise
    }

    #[test]
    fn what_was_packed_comes_out_again_and_does_not_show_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (parcel, database) = (folder.path().join("all"), folder.path().join("db"));
        let passphrase = Secret::new("correct horse");
        for size in [0, 1, PIECE, 3 * PIECE + 17] {
            let mut plain = noise(size);
            plain.extend_from_slice(b"canary-in-the-database");
            std::fs::write(&database, &plain).unwrap();
            write(&parcel, &passphrase, &entries(), &database, &SystemClock).unwrap();
            let bytes = std::fs::read(&parcel).unwrap();
            assert!(!bytes.windows(6).any(|part| part == b"canary"));
            let out = folder.path().join("out");
            assert_eq!(read(&parcel, &passphrase, &out).unwrap(), entries());
            assert_eq!(std::fs::read(&out).unwrap(), plain);
        }
    }

    #[test]
    fn a_wrong_passphrase_and_a_changed_or_cut_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (parcel, database) = (folder.path().join("all"), folder.path().join("db"));
        let out = folder.path().join("out");
        let passphrase = Secret::new("correct horse");
        std::fs::write(&database, noise(2 * PIECE + 5)).unwrap();
        write(&parcel, &passphrase, &entries(), &database, &SystemClock).unwrap();
        let code = |passphrase: &str| {
            read(&parcel, &Secret::new(passphrase), &out)
                .unwrap_err()
                .code()
                .to_owned()
        };
        assert_eq!(code("battery staple"), "export_wrong_passphrase");
        let whole = std::fs::read(&parcel).unwrap();
        for length in [0, 10, 30, 700, whole.len() - 1, whole.len() - TAG - 5 - 4] {
            std::fs::write(&parcel, &whole[..length]).unwrap();
            assert_eq!(code("correct horse"), "export_damaged", "cut to {length}");
        }
        for at in [40, 900, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&parcel, changed).unwrap();
            assert_eq!(code("correct horse"), "export_damaged", "changed at {at}");
        }
        let newer = [b"plimsoll everything 2\n".as_slice(), &whole[MAGIC.len()..]].concat();
        std::fs::write(&parcel, newer).unwrap();
        assert_eq!(code("correct horse"), "export_newer");
        assert!(!out.exists(), "nothing is left of what could not be read");
    }
}
