//! Archives byte by byte, as APPNOTE.TXT lays them out: of entries that are empty and as odd as a test
//! wants them.

/// An empty entry.
pub(super) struct Raw<'a> {
    /// The bytes of its name.
    pub(super) name: &'a [u8],
    /// Bit 11: the name is UTF-8.
    pub(super) flags: u16,
    /// Of the program that wrote it: 3 is Unix, 0 is DOS.
    pub(super) system: u8,
    /// Type and permissions, as Unix has them.
    pub(super) mode: u16,
    /// Extra fields of its header and of its entry in the directory.
    pub(super) extra: [&'a [u8]; 2],
}

impl<'a> Raw<'a> {
    /// A file of a Unix program.
    pub(super) fn file(name: &'a [u8]) -> Self {
        Self {
            name,
            flags: 0,
            system: 3,
            mode: 0o100_644,
            extra: [&[]; 2],
        }
    }
}

pub(super) fn archive(entries: &[Raw]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let at = u32::try_from(out.len()).unwrap().to_le_bytes();
        let length = u16::try_from(entry.name.len()).unwrap().to_le_bytes();
        let flags = entry.flags.to_le_bytes();
        let shared = |extra: &[u8]| {
            let more = u16::try_from(extra.len()).unwrap().to_le_bytes();
            [&[20, 0][..], &flags, &[0; 18], &length, &more].concat()
        };
        let [of_header, of_directory] = entry.extra;
        let header = shared(of_header);
        out.extend([b"PK\x03\x04", &header[..], entry.name, of_header].concat());
        let mode = entry.mode.to_le_bytes();
        let made = [20, entry.system];
        let parts = [
            b"PK\x01\x02",
            &made[..],
            &shared(of_directory),
            &[0; 8],
            &mode,
            &at,
            entry.name,
            of_directory,
        ];
        directory.extend(parts.concat());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let at = u32::try_from(out.len()).unwrap().to_le_bytes();
    let end = [
        b"PK\x05\x06",
        &[0; 4][..],
        &count,
        &count,
        &size,
        &at,
        &[0; 2],
    ]
    .concat();
    [out, directory, end].concat()
}

/// The field that says a name in UTF-8 beside one in another encoding (APPNOTE 4.6.9).
pub(super) fn unicode_path(of: &[u8], name: &str) -> Vec<u8> {
    // CRC-32 as the format has it (APPNOTE 4.4.7).
    let mut crc = u32::MAX;
    for byte in of {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    let length = u16::try_from(5 + name.len()).unwrap().to_le_bytes();
    let crc = (!crc).to_le_bytes();
    [&[0x75, 0x70][..], &length, &[1], &crc, name.as_bytes()].concat()
}
