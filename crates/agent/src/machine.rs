//! Facts about this machine and what runs on it.

use crate::{agent::Agent, docker::Use, record::ServiceRecord};
use plimsoll_protocol::{
    Health, Hello, Machine, PROTOCOL_VERSION, Processor, ServiceStatus, Status,
};
use std::fs;

/// Version of this binary.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Who the agent is and how its machine is.
pub async fn hello(agent: &Agent) -> Hello {
    Hello {
        version: VERSION.to_owned(),
        binary_hash: agent.binary_hash.clone(),
        protocol: PROTOCOL_VERSION,
        machine: machine(agent).await,
    }
}

/// Facts about the machine, now.
pub async fn machine(agent: &Agent) -> Machine {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let (disk_bytes, disk_free_bytes) = disk(agent);
    Machine {
        architecture: architecture().to_owned(),
        docker_version: agent.engine.version().await,
        cpus: std::thread::available_parallelism()
            .map_or(1, |n| u32::try_from(n.get()).unwrap_or(1)),
        load_centi: load_centi(&fs::read_to_string("/proc/loadavg").unwrap_or_default()),
        memory_bytes: meminfo(&memory, "MemTotal:"),
        memory_available_bytes: meminfo(&memory, "MemAvailable:"),
        disk_bytes,
        disk_free_bytes,
        uptime_ms: uptime_ms(&fs::read_to_string("/proc/uptime").unwrap_or_default()),
        agent_memory_bytes: meminfo(
            &fs::read_to_string("/proc/self/status").unwrap_or_default(),
            "VmRSS:",
        ),
        processor: processor(&fs::read_to_string("/proc/stat").unwrap_or_default()),
    }
}

/// What runs here.
pub async fn status(agent: &Agent) -> Status {
    let services = agent.records.all();
    let services = futures::future::join_all(services.iter().map(|record| service(agent, record)));
    let (machine, services) = tokio::join!(machine(agent), services);
    Status { machine, services }
}

async fn service(agent: &Agent, record: &ServiceRecord) -> ServiceStatus {
    let mut health = agent.watched.health(&record.key);
    let mut restarts = record.restarts;
    let mut container = None;
    let mut used = Use::default();
    match &record.serving {
        Some(serving) => match agent.engine.see(&serving.container_id).await {
            Ok(Some(seen)) => {
                restarts = restarts.saturating_add(seen.restarts);
                container = Some(seen.name);
                if seen.running {
                    let usage = agent.engine.usage(&serving.container_id).await;
                    used = usage.unwrap_or_default();
                } else {
                    health = Health::Stopped;
                }
            }
            Ok(None) => health = Health::Stopped,
            Err(_) => {}
        },
        None => health = Health::Stopped,
    }
    ServiceStatus {
        key: record.key.clone(),
        deployment_id: record.serving.as_ref().map(|serving| serving.deployment_id),
        image: record.serving.as_ref().map(|serving| serving.image.clone()),
        health,
        restarts,
        hosts: record
            .site
            .as_ref()
            .map_or_else(Vec::new, |site| site.hosts.clone()),
        address: record
            .serving
            .as_ref()
            .and_then(|serving| serving.spec.port)
            .map(|_| format!("{}:80", record.address)),
        memory_bytes: used.memory_bytes,
        processor_us: used.processor_us,
        container,
        kept: record.kept.iter().map(|kept| kept.deployment_id).collect(),
    }
}

/// This machine's architecture as Docker names it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn disk(agent: &Agent) -> (u64, u64) {
    nix::sys::statvfs::statvfs(agent.settings.disk()).map_or((0, 0), |facts| {
        let block = facts.fragment_size();
        (facts.blocks() * block, facts.blocks_available() * block)
    })
}

/// How full the disk is on which everything grows, in words. A disk may also run out of inodes.
pub fn free_space(agent: &Agent) -> String {
    let disk = agent.settings.disk();
    nix::sys::statvfs::statvfs(disk).map_or_else(
        |why| format!("{}: {why}", disk.display()),
        |facts| {
            format!(
                "{}: {} of {} MB and {} of {} inodes are free",
                disk.display(),
                facts.blocks_available() * facts.fragment_size() / 1_000_000,
                facts.blocks() * facts.fragment_size() / 1_000_000,
                facts.files_available(),
                facts.files()
            )
        },
    )
}

/// A line of `/proc/meminfo` or `/proc/self/status`, in bytes.
fn meminfo(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib: Option<u64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) * 1024
}

/// The first line of `/proc/stat`, proc_stat(5): user, nice, system, idle, iowait, irq, softirq and
/// steal, in hundredths of a second. What follows is counted in user and nice already.
fn processor(text: &str) -> Option<Processor> {
    let mut numbers = text
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace();
    let mut ticks = [0_u64; 8];
    for tick in &mut ticks {
        *tick = numbers.next()?.parse().ok()?;
    }
    let total: u64 = ticks.iter().sum();
    let idle = ticks[3] + ticks[4];
    Some(Processor {
        busy_ms: total.saturating_sub(idle) * 10,
        total_ms: total * 10,
    })
}

fn load_centi(text: &str) -> u32 {
    let load: f64 = text
        .split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(0.0);
    (load * 100.0).round() as u32
}

fn uptime_ms(text: &str) -> u64 {
    let seconds: f64 = text
        .split(' ')
        .next()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0.0);
    (seconds * 1000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        assert_eq!(
            meminfo("MemTotal:       2048 kB\nMemFree: 1 kB\n", "MemTotal:"),
            2 << 20
        );
        assert_eq!(meminfo("", "MemTotal:"), 0);
        assert_eq!(load_centi("0.52 0.58 0.59 1/389 3010"), 52);
        assert_eq!(uptime_ms("350735.47 234388.90"), 350_735_470);
        assert_eq!(
            processor("cpu  10 1 4 70 10 2 3 0 5 0\ncpu0 1 2 3"),
            Some(Processor {
                busy_ms: 200,
                total_ms: 1_000
            })
        );
        assert_eq!(processor("cpu  10 1 4"), None);
        assert_eq!(processor(""), None);
    }
}
