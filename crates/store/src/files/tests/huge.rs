//! A file that is larger than any memory.

use super::{content_of, now};
use crate::files::Files;
use plimsoll_domain::content::Node;
use std::{
    env, fs,
    fs::File,
    io::{self, Write},
    path::PathBuf,
    process::Command,
    sync::Arc,
};

const BYTES: u64 = 10_000_000_000;
/// Chunks of four megabytes, a pack that is being written, and what the program takes anyway.
const MOST_MEMORY_KIB: u64 = 200_000;

/// Counts what goes in.
struct Count(Arc<std::sync::atomic::AtomicU64>);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len() as u64;
        self.0
            .fetch_add(count, std::sync::atomic::Ordering::Relaxed);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a process of its own does, whose memory nobody else uses; called by its parent only.
#[tokio::test(flavor = "multi_thread")]
async fn saves_and_reads_a_huge_file() {
    let Some(place) = env::var_os("HUGE").map(PathBuf::from) else {
        return;
    };
    let files = Files::open(&place.join("store")).await.unwrap();
    let work = place.join("work");
    let saved = files
        .save(&work, &[], now(), &Arc::default())
        .await
        .unwrap();
    assert_eq!(saved.bytes, BYTES + 5);
    let huge = files.find(saved.root, "huge").await.unwrap().unwrap();
    assert!(matches!(&huge, Node::File { size, .. } if *size == BYTES));
    let read = Arc::default();
    files
        .content_to(huge, Count(Arc::clone(&read)))
        .await
        .unwrap();
    assert_eq!(read.load(std::sync::atomic::Ordering::Relaxed), BYTES);
    let memory = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    fs::write(place.join("peak"), peak.unwrap_or_default()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_ten_gigabytes_is_saved_and_read_in_little_memory() {
    let place = tempfile::tempdir().unwrap();
    let work = place.path().join("work");
    fs::create_dir(&work).unwrap();
    fs::write(work.join("small"), "small").unwrap();
    // It takes no room on the disk, and reads like any other.
    let huge = File::create(work.join("huge")).unwrap();
    huge.set_len(BYTES).unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "files::tests::huge::saves_and_reads_a_huge_file"])
        .env("HUGE", place.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{told}");
    let peak = fs::read_to_string(place.path().join("peak")).unwrap();
    if cfg!(target_os = "linux") {
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < MOST_MEMORY_KIB, "{kib} KiB");
    }
    // Nothing else suffers from it.
    let files = Files::open(&place.path().join("store")).await.unwrap();
    fs::remove_file(work.join("huge")).unwrap();
    let saved = files
        .save(&work, &[], now(), &Arc::default())
        .await
        .unwrap();
    assert_eq!(content_of(&files, saved.root).await["small"], b"small");
}
