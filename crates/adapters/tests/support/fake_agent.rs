//! An agent that speaks the protocol and does nothing else.

use plimsoll_domain::job::Failure;
use plimsoll_protocol::{
    Envelope, Hello, LogStream, Machine, PROTOCOL_VERSION, Phase, Reply, Request,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    time::Duration,
};

/// Listens and answers until the process or the listener ends.
pub fn serve(socket: &Path, binary_hash: &str) {
    let _ = fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    let hash = binary_hash.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, hash) = (stream.unwrap(), hash.clone());
            std::thread::spawn(move || answer(stream, &hash));
        }
    });
}

fn answer(stream: UnixStream, hash: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let Ok(envelope) = serde_json::from_str::<Envelope>(&line) else {
        return Ok(());
    };
    let mut body = vec![0; usize::try_from(envelope.body_bytes).unwrap()];
    reader.read_exact(&mut body)?;
    let mut write = stream;
    let mut say = |reply: &Reply| writeln!(write, "{}", serde_json::to_string(reply).unwrap());
    let done = |answer| Reply::Done { answer };
    match &envelope.request {
        Request::Hello => say(&done(serde_json::to_value(hello(hash)).unwrap())),
        // The answer tells what arrived.
        Request::Load(_) => say(&done(serde_json::json!({
            "owner": envelope.owner,
            "bytes": body.len(),
            "hash": blake3::hash(&body).to_hex().as_str(),
        }))),
        Request::Build(_) => {
            say(&Reply::Phase {
                phase: Phase::Locked,
            })?;
            for number in 0..1_000 {
                let line = format!("step {number}: {}", "ü".repeat(200));
                say(&Reply::Log {
                    stream: LogStream::Build,
                    line,
                    at_ms: None,
                })?;
            }
            say(&done(serde_json::Value::Null))
        }
        Request::Logs(_) => say(&Reply::Log {
            stream: LogStream::Stdout,
            line: "the last line".to_owned(),
            at_ms: Some(1),
        }),
        Request::Export(export) => {
            say(&done(serde_json::Value::Null))?;
            let bytes = vec![b'\n'; 3_000_000 + export.skip_layers];
            stream_out(&mut write, &bytes)
        }
        Request::Prune(_) => say(&Reply::Failed {
            failure: Failure {
                code: "disk_full".to_owned(),
                message: "there is no room".to_owned(),
                evidence: vec!["0 bytes free".to_owned()],
                next_step: "Make room.".to_owned(),
                retryable: true,
            },
        }),
        // It dies in the middle.
        Request::Commit(_) => Ok(()),
        // It never answers.
        _ => {
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
    }
}

fn stream_out(write: &mut UnixStream, bytes: &[u8]) -> std::io::Result<()> {
    bytes
        .chunks(10_000)
        .try_for_each(|piece| write.write_all(piece))
}

fn hello(hash: &str) -> Hello {
    Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        binary_hash: hash.to_owned(),
        protocol: PROTOCOL_VERSION,
        machine: Machine {
            architecture: "amd64".to_owned(),
            docker_version: "20.10".to_owned(),
            cpus: 1,
            load_centi: 0,
            memory_bytes: 1,
            memory_available_bytes: 1,
            disk_bytes: 1,
            disk_free_bytes: 1,
            uptime_ms: 1,
            agent_memory_bytes: 1,
            processor: None,
        },
    }
}
