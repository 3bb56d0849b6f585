//! Archives, honest and hostile.

use super::{Desk, now};
use crate::StoreError;
use proptest::prelude::*;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

fn archive(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.join("in.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_comes_in_again_the_same() {
    let desk = Desk::new().await;
    desk.write("a/b/c.txt", b"text");
    desk.write("empty", b"");
    desk.write("ünï cödé", b"name");
    let saved = desk.save().await;
    let zip = desk.store.path().join("out.zip");
    desk.files.export(saved.root, &zip).await.unwrap();
    let other = Desk::new().await;
    let imported = other.files.import(&zip, now()).await.unwrap();
    assert_eq!(imported.root, saved.root);
    assert_eq!((imported.files, imported.bytes), (3, 8));
    assert_eq!(other.saved(imported.root).await, desk.on_disk());
    let again = desk.store.path().join("again.zip");
    other.files.export(imported.root, &again).await.unwrap();
    assert_eq!(fs::read(zip).unwrap(), fs::read(again).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_would_leave_the_folder_is_refused() {
    let desk = Desk::new().await;
    let hostile = [
        "../evil",
        "a/../../evil",
        "/etc/passwd",
        "C:/evil",
        "..\\evil",
        "a//b",
        "\\\\host\\x",
        "a/./../b",
    ];
    for name in hostile {
        let zip = archive(desk.store.path(), &[("fine", b"x"), (name, b"evil")]);
        let error = desk.files.import(&zip, now()).await.unwrap_err();
        assert!(
            matches!(error, StoreError::BadArchive { .. }),
            "{name}: {error}"
        );
    }
    assert_eq!(desk.files.bytes().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_lead_out_and_names_below_a_file_are_refused() {
    let desk = Desk::new().await;
    let path = desk.store.path().join("link.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.add_symlink("link", "/etc", SimpleFileOptions::default())
        .unwrap();
    zip.finish().unwrap();
    let error = desk.files.import(&path, now()).await.unwrap_err();
    assert!(error.to_string().contains("link"), "{error}");
    let zip = archive(
        desk.store.path(),
        &[("a", b"file"), ("a/b", b"below a file")],
    );
    let error = desk.files.import(&zip, now()).await.unwrap_err();
    assert!(error.to_string().contains("above it"), "{error}");
}

/// An archive of one file that is nothing but zeros.
fn zeros(folder: &Path, megabytes: usize) -> PathBuf {
    let path = folder.join("zeros.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("zeros", options).unwrap();
    for _ in 0..megabytes {
        zip.write_all(&[0; 1 << 20]).unwrap();
    }
    zip.finish().unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_refused_and_a_file_of_zeros_is_not() {
    let desk = Desk::new().await;
    let honest = zeros(desk.store.path(), 16);
    assert_eq!(
        desk.files.import(&honest, now()).await.unwrap().bytes,
        16 << 20
    );
    let bomb = zeros(desk.store.path(), 80);
    assert!(fs::metadata(&bomb).unwrap().len() < 1 << 20);
    let error = desk.files.import(&bomb, now()).await.unwrap_err();
    assert!(error.to_string().contains("honest"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_was_cut_off_is_refused() {
    let desk = Desk::new().await;
    let path = zeros(desk.store.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&path, bytes).unwrap();
    let error = desk.files.import(&path, now()).await.unwrap_err();
    assert!(matches!(error, StoreError::BadArchive { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_entries_come_in() {
    let desk = Desk::new().await;
    let path = desk.store.path().join("many.zip");
    let mut zip = ZipWriter::new(std::io::BufWriter::new(File::create(&path).unwrap()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for index in 0..100_000u32 {
        zip.start_file(format!("d{}/f{index}", index % 100), options)
            .unwrap();
        zip.write_all(&(index % 50).to_le_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let imported = desk.files.import(&path, now()).await.unwrap();
    assert_eq!(imported.files, 100_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_that_are_no_archive_are_refused_and_never_panic(
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..40),
        honest in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let desk = Desk::new().await;
            let path = archive(desk.store.path(), &[("a/b", b"text"), ("c", &[0; 200])]);
            let mut whole = if honest { fs::read(&path).unwrap() } else { Vec::new() };
            let at = at.index(whole.len() + 1);
            whole.splice(at..at, bytes);
            fs::write(&path, whole).unwrap();
            if let Ok(imported) = desk.files.import(&path, now()).await {
                let roots = [imported.root];
                assert!(desk.files.check(&roots, true).await.unwrap().is_whole());
            }
        });
    }
}
