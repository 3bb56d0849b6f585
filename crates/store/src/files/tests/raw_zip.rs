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
}

impl<'a> Raw<'a> {
    /// A file of a Unix program.
    pub(super) fn file(name: &'a [u8]) -> Self {
        Self {
            name,
            flags: 0,
            system: 3,
            mode: 0o100_644,
        }
    }
}

pub(super) fn archive(entries: &[Raw]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let at = u32::try_from(out.len()).unwrap().to_le_bytes();
        let length = u16::try_from(entry.name.len()).unwrap().to_le_bytes();
        let flags = entry.flags.to_le_bytes();
        let shared = [&[20, 0][..], &flags, &[0; 18], &length, &[0, 0]].concat();
        out.extend([b"PK\x03\x04", &shared[..], entry.name].concat());
        let mode = entry.mode.to_le_bytes();
        let made = [20, entry.system];
        let parts = [
            b"PK\x01\x02",
            &made[..],
            &shared,
            &[0; 8],
            &mode,
            &at,
            entry.name,
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
