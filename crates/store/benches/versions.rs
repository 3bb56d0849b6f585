//! What saving versions of a large tree takes, beside a plain walk, git and restic, all sides in
//! turns. Called by `cargo xtask bench versions`; `--quick` only sees that the measuring works.

#[path = "versions/looked.rs"]
mod looked;
#[path = "versions/sides.rs"]
mod sides;
#[path = "versions/tree.rs"]
mod tree;

use looked::Look;
use serde_json::json;
use sides::{Ours, Peer, Sides, walk};
use std::{
    error::Error,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tree::Tree;

/// The answer of everything here.
pub type Answer<T = ()> = Result<T, Box<dyn Error>>;

/// Where the numbers go, as lines of JSON.
const SAMPLES: &str = "PLIMSOLL_BENCH_SAMPLES";
/// Where the tree and the stores lie while it is measured: on a real disk.
const FOLDER: &str = "PLIMSOLL_BENCH_FOLDER";

/// How much is measured.
struct Plan {
    tree: tree::Size,
    /// First saves, each into stores of their own.
    firsts: usize,
    /// Saves after a change.
    rounds: usize,
}

const WHOLE: Plan = Plan {
    tree: tree::Size {
        files: 50_000,
        bytes: 1_000_000_000,
    },
    firsts: 1,
    rounds: 5,
};
const QUICK: Plan = Plan {
    tree: tree::Size {
        files: 300,
        bytes: 6_000_000,
    },
    firsts: 1,
    rounds: 1,
};
/// Files that are changed before each further save.
const CHANGED: usize = 10;
/// How often the tree is looked at.
const LOOKS: usize = 5;

fn main() -> Answer {
    let plan = match std::env::args().any(|argument| argument == "--quick") {
        true => QUICK,
        false => WHOLE,
    };
    let place = std::env::var_os(FOLDER).map_or_else(std::env::temp_dir, PathBuf::from);
    fs::create_dir_all(&place)?;
    let place = tempfile::tempdir_in(place)?;
    let samples = std::env::var_os(SAMPLES).ok_or("set PLIMSOLL_BENCH_SAMPLES")?;
    let mut notes = Notes(fs::File::create(samples)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Some(load) = load() {
        notes.note("tree", "tree", "load", load)?;
    }
    let mut tree = Tree::make(&place.path().join("tree"), plan.tree)?;
    notes.note("tree", "tree", "files", tree.files() as f64)?;
    notes.note("tree", "tree", "bytes", tree.bytes() as f64)?;
    let mut sides = None;
    for round in 0..plan.firsts {
        // Everybody reads from memory, and nobody pays for what another one left to be written.
        tree.read()?;
        let stores = place.path().join(format!("stores-{round}"));
        fs::create_dir_all(&stores)?;
        let mut now = Sides::new(&stores, tree.folder(), &runtime)?;
        for side in turns(round) {
            settle();
            let took = now.save(side, &tree, "first")?;
            notes.time("first", side.name(), took)?;
            notes.note("first", side.name(), "stored_bytes", now.stored(side)?)?;
        }
        if let Some(before) = sides.replace(now) {
            Sides::remove(before)?;
        }
    }
    let mut sides = sides.ok_or("nothing was saved")?;
    sides.checkpoint()?;
    let kept = sides.stored(Peer::Ours)?;
    let mut changed_in_all = 0;
    for round in 0..plan.rounds {
        let changed = tree.change(CHANGED)?;
        changed_in_all += changed;
        notes.note("again", "tree", "changed_bytes", changed as f64)?;
        settle();
        notes.time("again", "walk", walked(tree.folder())?)?;
        for side in turns(round) {
            settle();
            let before = sides.stored(side)?;
            let took = sides.save(side, &tree, "again")?;
            notes.time("again", side.name(), took)?;
            let grew = sides.stored(side)? - before;
            notes.note("again", side.name(), "grew_bytes", grew)?;
        }
        settle();
        notes.time("again", "walk", walked(tree.folder())?)?;
        changed_in_all += tree.change(CHANGED)?;
        settle();
        notes.time("again", "ours, opened anew", sides.reopened(&tree)?)?;
    }
    // Its journals are emptied into the index by now: what stays is what it really grew by.
    sides.checkpoint()?;
    let grew = sides.stored(Peer::Ours)? - kept;
    notes.note("again", "ours", "grew_in_all_bytes", grew)?;
    notes.note(
        "again",
        "tree",
        "changed_in_all_bytes",
        changed_in_all as f64,
    )?;
    for _ in 0..LOOKS {
        for (side, look) in looks(tree.folder(), place.path())? {
            notes.time("look", side, look.took)?;
            notes.note("look", side, "seen", look.seen as f64)?;
            if let Some(grew) = look.grew {
                notes.note("look", side, "memory_bytes", grew)?;
            }
        }
    }
    let ours: &Ours = sides.ours();
    notes.note(
        "proof",
        "ours",
        "whole",
        f64::from(u8::from(ours.proved()?)),
    )?;
    Ok(())
}

/// The tree looked at in each way, one after the other.
fn looks(tree: &Path, aside: &Path) -> Answer<[(&'static str, Look); 3]> {
    Ok([
        ("walk", looked::plain(tree)?),
        ("opened", looked::opened(tree, aside)?),
        ("unfolded", looked::unfolded(tree, aside)?),
    ])
}

/// Who begins changes from round to round.
fn turns(round: usize) -> Vec<Peer> {
    let mut sides = Peer::ALL.to_vec();
    sides.rotate_left(round % Peer::ALL.len());
    sides
}

fn walked(folder: &Path) -> Answer<Duration> {
    let began = Instant::now();
    let seen = walk(folder)?;
    let took = began.elapsed();
    if seen == 0 {
        return Err("the walk saw nothing".into());
    }
    Ok(took)
}

/// How many processes wanted a processor in the last minute, where the system says so.
fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// What was written before goes to the disk now, so that it is not counted among what comes.
fn settle() {
    let _ = std::process::Command::new("sync").status();
}

struct Notes(fs::File);

impl Notes {
    fn time(&mut self, work: &str, side: &str, took: Duration) -> Answer {
        self.note(work, side, "ms", took.as_secs_f64() * 1_000.0)
    }

    fn note(&mut self, work: &str, side: &str, measure: &str, value: f64) -> Answer {
        let sample = json!({
            "work": work,
            "side": side,
            "round_trip_ms": 0,
            "measure": measure,
            "values": [value],
        });
        Ok(writeln!(self.0, "{sample}")?)
    }
}
