//! What the fuzzers found worth keeping, once more.

use crate::files::doors;
use std::{fs, path::Path};

fn replay(corpus: &str, door: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files = fs::read_dir(folder.join(corpus)).unwrap();
    let count = files
        .map(|file| door(&fs::read(file.unwrap().path()).unwrap()))
        .count();
    assert!(count > 10, "{corpus} has {count} files");
}

#[test]
fn archives_that_were_hard_to_read_are_read_or_refused() {
    replay("archive", doors::archive);
}

#[test]
fn packs_that_were_hard_to_read_are_read_or_refused() {
    replay("pack", doors::pack);
}
