//! What processes take: proportional memory and processor time, as Linux counts them (proc(5)).

use crate::run::{Done, Trouble};
use std::{
    fs,
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long processes may take to end by themselves.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clock ticks a second in `/proc/<pid>/stat`: USER_HZ, which is 100 wherever Linux runs today.
const TICKS_A_SECOND: f64 = 100.0;

/// A process that ends with this.
pub struct Started(pub Child);

impl Started {
    /// Starts it.
    pub fn new(command: &mut Command) -> Done<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn();
        child
            .map(Self)
            .map_err(|error| Trouble(format!("`{program}` could not be started: {error}")))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process and all that came from it.
pub fn family(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        let children = parents.iter().filter(|(_, of)| *of == parent);
        found.extend(children.map(|(pid, _)| *pid));
    }
    found
}

/// Waits until processes have ended; those that do not within a while are killed.
pub fn end(pids: &[u32]) {
    let began = Instant::now();
    while pids.iter().any(|pid| runs(*pid)) && began.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20));
    }
    for pid in pids.iter().filter(|pid| runs(**pid)) {
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
    }
}

/// Whether a process runs; one that waits to be looked after by its parent does not.
fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| !stat.dead)
}

/// Memory that is theirs, with their share of what others use, too; bytes.
pub fn memory(pids: &[u32]) -> Done<f64> {
    let mut sum = 0.0;
    for pid in pids {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        sum += proportional(&rollup)
            .ok_or_else(|| Trouble(format!("/proc/{pid}/smaps_rollup names no Pss")))?;
    }
    Ok(sum)
}

fn proportional(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024.0)
}

/// Processor time that they have used so far, seconds.
pub fn processor_time(pids: &[u32]) -> f64 {
    let ticks: u64 = pids
        .iter()
        .filter_map(|pid| stat(*pid))
        .map(|stat| stat.ticks)
        .sum();
    ticks as f64 / TICKS_A_SECOND
}

struct Stat {
    parent: u32,
    ticks: u64,
    dead: bool,
}

fn stat(pid: u32) -> Option<Stat> {
    read_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn read_stat(text: &str) -> Option<Stat> {
    // The name of the program stands in parentheses and may hold anything.
    let after = &text[text.rfind(')')? + 1..];
    let fields: Vec<&str> = after.split_whitespace().collect();
    let user: u64 = fields.get(11)?.parse().ok()?;
    let system: u64 = fields.get(12)?.parse().ok()?;
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: user + system,
        dead: *fields.first()? == "Z",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_parentheses() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 1 0 100 0 0";
        let stat = read_stat(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (7, 200));
        assert!(!stat.dead);
        assert!(read_stat("42 (cut").is_none());
    }

    #[test]
    fn the_proportional_share_is_read_and_not_a_part_of_it() {
        let rollup = "00-ff ---p 0 [rollup]\nRss: 900 kB\nPss:   300 kB\nPss_Anon: 7 kB\n";
        assert_eq!(proportional(rollup), Some(307_200.0));
        assert_eq!(proportional("Rss: 900 kB"), None);
    }
}
