//! Writing an archive.

use super::{Reading, failed};
use crate::Result;
use plimsoll_domain::content::{ContentHash, Node};
use std::{
    cell::RefCell,
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::Path,
    rc::Rc,
};
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

pub(super) fn write(reading: &Reading, root: ContentHash, part: &Path) -> Result<()> {
    let file = File::create_new(part).map_err(failed("create", part))?;
    let broken = Broken::default();
    let written = fill(reading, root, part, Steady::over(file, broken.clone()));
    // What the disk said comes before what came of it.
    if let Some(error) = broken.borrow_mut().take() {
        return Err(failed("write", part)(error));
    }
    let file = written?
        .file
        .into_inner()
        .map_err(|error| failed("write", part)(error.into_error()))?;
    file.sync_all().map_err(failed("flush", part))
}

fn fill(reading: &Reading, root: ContentHash, part: &Path, file: Steady) -> Result<Steady> {
    let broken = file.broken.clone();
    let mut zip = ZipWriter::new(file);
    let plain = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Who wrote it does not depend on the system that did.
        .system(System::Unix)
        .last_modified_time(DateTime::default());
    let refused = |error: zip::result::ZipError| failed("write", part)(io::Error::other(error));
    reading.walk(root, "", &mut |path, node| {
        let mut zip = Until {
            zip: &mut zip,
            broken: &broken,
        };
        zip.check().map_err(failed("write", part))?;
        match node {
            Node::File {
                size, executable, ..
            } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                let options = plain
                    .unix_permissions(mode)
                    .large_file(*size >= u64::from(u32::MAX));
                zip.zip.start_file(path, options).map_err(refused)?;
                reading.content(node, &mut zip)
            }
            Node::Link { target } => zip
                .zip
                .add_symlink(path, target.as_str(), plain)
                .map_err(refused),
            Node::Folder { .. } => zip.zip.add_directory(path, plain).map_err(refused),
        }
    })?;
    zip.finish().map_err(refused)
}

/// What the disk answered when it took no more.
type Broken = Rc<RefCell<Option<io::Error>>>;

/// A file that takes everything, also when its disk does not: what the disk answered is kept, and
/// what comes after it goes nowhere. The library ends an archive whenever it lets go of it, and prints
/// what it meets then.
struct Steady {
    file: BufWriter<File>,
    broken: Broken,
    at: u64,
    end: u64,
}

impl Steady {
    fn over(file: File, broken: Broken) -> Self {
        Self {
            file: BufWriter::new(file),
            broken,
            at: 0,
            end: 0,
        }
    }

    fn attempt(&mut self, act: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let mut broken = self.broken.borrow_mut();
        if broken.is_none() {
            *broken = act(&mut self.file).err();
        }
    }
}

impl Write for Steady {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|file| file.write_all(bytes));
        self.at += bytes.len() as u64;
        self.end = self.end.max(self.at);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.attempt(BufWriter::flush);
        Ok(())
    }
}

impl Seek for Steady {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(by) => (self.end, by),
            SeekFrom::Current(by) => (self.at, by),
        };
        let at = from.checked_add_signed(by);
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let at = self.at;
        self.attempt(|file| file.seek(SeekFrom::Start(at)).map(drop));
        Ok(at)
    }
}

/// Writes into an archive until its disk takes no more: nobody reads on for nothing.
struct Until<'a> {
    zip: &'a mut ZipWriter<Steady>,
    broken: &'a Broken,
}

impl Until<'_> {
    fn check(&self) -> io::Result<()> {
        match *self.broken.borrow() {
            Some(_) => Err(io::Error::other("the disk takes no more")),
            None => Ok(()),
        }
    }
}

impl Write for Until<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.zip.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.zip.flush()
    }
}
