//! Clients that never retry: a request that gets no good answer is a failure.

use crate::stage::{inside, run};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

#[derive(Default)]
struct Counts {
    stop: AtomicBool,
    requests: AtomicU64,
    failures: Mutex<Vec<String>>,
    slowest_us: AtomicU64,
    times_us: Mutex<Vec<u64>>,
}

/// Traffic on a site until it is stopped.
pub struct Traffic {
    counts: Arc<Counts>,
    clients: Vec<JoinHandle<()>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    pub requests: u64,
    pub failures: Vec<String>,
    pub p99_us: u64,
}

impl Traffic {
    /// Busy and thinking clients of each kind, and some that hold an upgraded connection.
    pub fn start(address: &str, host: &str) -> Self {
        let counts = Arc::new(Counts::default());
        let mut clients = Vec::new();
        for n in 0..12u64 {
            let (counts, address, host) =
                (Arc::clone(&counts), address.to_owned(), host.to_owned());
            clients.push(thread::spawn(move || {
                let think = match n % 3 {
                    0 => Duration::from_millis(1),
                    1 => Duration::from_millis(7 + n),
                    _ => Duration::from_millis(60 + 13 * n),
                };
                let method = if n % 2 == 0 { "GET" } else { "POST" };
                let outcome = match n {
                    10 | 11 => echo(&counts, &address, &host),
                    _ => requests(&counts, &address, &host, method, think),
                };
                if let Err(error) = outcome {
                    counts
                        .failures
                        .lock()
                        .unwrap()
                        .push(format!("client {n}: {error}"));
                }
            }));
        }
        Self { counts, clients }
    }

    pub fn stop(self) -> Report {
        self.counts.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().unwrap();
        }
        let mut times = std::mem::take(&mut *self.counts.times_us.lock().unwrap());
        times.sort_unstable();
        Report {
            requests: self.counts.requests.load(Ordering::SeqCst),
            failures: std::mem::take(&mut *self.counts.failures.lock().unwrap()),
            p99_us: times.get(times.len() * 99 / 100).copied().unwrap_or(0),
        }
    }
}

fn connect(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(BufReader::new(stream))
}

/// Who waits for whom while a request is not answered: this connection, those within the server and
/// its containers, and what nginx wrote.
fn unanswered(stream: &BufReader<TcpStream>, number: u32, error: &io::Error) -> io::Error {
    let sockets = ["ss", "-tanpoi", "exclude", "time-wait"];
    let mut seen = format!("request {number} on {:?}: {error}\n", stream.get_ref());
    seen.push_str(&inside(&sockets).unwrap_or_default());
    for pid in run(&["pidof", "app"])
        .unwrap_or_default()
        .split_whitespace()
    {
        let argv = [&["nsenter", "-t", pid, "-n"], &sockets[..]].concat();
        seen.push_str(&format!("in container's process {pid}\n"));
        seen.push_str(&run(&argv).unwrap_or_default());
    }
    let flows = inside(&["conntrack", "-L"]).unwrap_or_default();
    for flow in flows.lines().filter(|flow| !flow.contains("TIME_WAIT")) {
        seen.push_str(&format!("{flow}\n"));
    }
    io::Error::other(seen)
}

/// Reads a response's head; its status, its length, and whether it announces the end.
fn head(stream: &mut BufReader<TcpStream>) -> io::Result<(u16, usize, bool)> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Err(io::Error::other(
            "the connection was closed instead of an answer",
        ));
    }
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0);
    let (mut length, mut close) = (0, false);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            return Ok((status, length, close));
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        close |= line == "connection: close";
    }
}

fn requests(
    counts: &Counts,
    address: &str,
    host: &str,
    method: &str,
    think: Duration,
) -> io::Result<()> {
    let mut stream = connect(address)?;
    let mut number = 0u32;
    while !counts.stop.load(Ordering::SeqCst) {
        number += 1;
        let body = if method == "POST" {
            format!("order {number}")
        } else {
            String::new()
        };
        let request = format!(
            "{method} / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let begun = Instant::now();
        stream.get_mut().write_all(request.as_bytes())?;
        let answer = head(&mut stream).map_err(|error| unanswered(&stream, number, &error));
        let (status, length, close) = answer?;
        let mut answer = vec![0u8; length];
        stream.read_exact(&mut answer)?;
        let took = begun.elapsed().as_micros() as u64;
        counts.slowest_us.fetch_max(took, Ordering::SeqCst);
        counts.times_us.lock().unwrap().push(took);
        counts.requests.fetch_add(1, Ordering::SeqCst);
        let answer = String::from_utf8_lossy(&answer);
        if status != 200 || !answer.ends_with(&body) {
            return Err(io::Error::other(format!(
                "request {number}: {status} {answer}"
            )));
        }
        // An announced end is no loss: whoever reads it connects again.
        if close {
            stream = connect(address)?;
        }
        thread::sleep(think);
    }
    Ok(())
}

/// An upgraded connection that must never be cut.
fn echo(counts: &Counts, address: &str, host: &str) -> io::Result<()> {
    let mut stream = connect(address)?;
    let request = format!(
        "GET /echo HTTP/1.1\r\nHost: {host}\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
    );
    stream.get_mut().write_all(request.as_bytes())?;
    let (status, _, _) = head(&mut stream)?;
    if status != 101 {
        return Err(io::Error::other(format!("upgrade answered {status}")));
    }
    while !counts.stop.load(Ordering::SeqCst) {
        stream.get_mut().write_all(b"ping")?;
        let mut answer = [0u8; 4];
        stream.read_exact(&mut answer)?;
        counts.requests.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(40));
    }
    Ok(())
}
