//! Writing an archive.

use super::{Reading, failed};
use crate::Result;
use plimsoll_domain::content::{ContentHash, Node};
use std::{
    fs::File,
    io::{self, BufWriter},
    path::Path,
};
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

pub(super) fn write(reading: &Reading, root: ContentHash, part: &Path) -> Result<()> {
    let file = File::create_new(part).map_err(failed("create", part))?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let plain = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Who wrote it does not depend on the system that did.
        .system(System::Unix)
        .last_modified_time(DateTime::default());
    let broken = |error: zip::result::ZipError| failed("write", part)(io::Error::other(error));
    reading.walk(root, "", &mut |path, node| match node {
        Node::File {
            size, executable, ..
        } => {
            let mode = if *executable { 0o755 } else { 0o644 };
            let options = plain
                .unix_permissions(mode)
                .large_file(*size >= u64::from(u32::MAX));
            zip.start_file(path, options).map_err(broken)?;
            reading.content(node, &mut zip)
        }
        Node::Link { target } => zip
            .add_symlink(path, target.as_str(), plain)
            .map_err(broken),
        Node::Folder { .. } => zip.add_directory(path, plain).map_err(broken),
    })?;
    let file = zip.finish().map_err(broken)?;
    let file = file
        .into_inner()
        .map_err(|error| failed("write", part)(error.into_error()))?;
    file.sync_all().map_err(failed("flush", part))
}
