//! An application to practise with: keep-alive HTTP, an upgrade that echoes, and bad behaviour on
//! demand (`MODE`). It needs nothing but its own binary, so its image has one layer and no base.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// Answers are bad from now on.
static BROKEN: AtomicBool = AtomicBool::new(false);

fn main() {
    let version = env::var("VERSION").unwrap_or_default();
    let mode = env::var("MODE").unwrap_or_default();
    let port = env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let token = env::var("TOKEN").unwrap_or_default();
    eprintln!(
        "version {version} starts with a token of {} bytes",
        token.len()
    );
    if let Some("release") = env::args().nth(1).as_deref() {
        eprintln!("migrating with {token}");
        std::process::exit(if mode == "bad-release" { 4 } else { 0 });
    }
    match mode.as_str() {
        "exit" => {
            eprintln!("no database");
            std::process::exit(3);
        }
        "memory" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1u8; 10 << 20]);
            }
        }
        "worker" => loop {
            thread::sleep(Duration::from_secs(1));
        },
        _ => {}
    }
    let address = match mode.as_str() {
        "elsewhere" => "0.0.0.0:9999".to_owned(),
        "inside" => format!("127.0.0.1:{port}"),
        _ => format!("0.0.0.0:{port}"),
    };
    let listener = TcpListener::bind(address).expect("the port is free");
    for stream in listener.incoming().flatten() {
        let (version, mode, token) = (version.clone(), mode.clone(), token.clone());
        thread::spawn(move || drop(serve(stream, &version, &mode, &token)));
    }
}

fn serve(stream: TcpStream, version: &str, mode: &str, token: &str) -> std::io::Result<()> {
    let mut write = stream.try_clone()?;
    let mut read = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if read.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let (mut length, mut close, mut upgrade) = (0, false, false);
        loop {
            let mut line = String::new();
            read.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            close |= line == "connection: close";
            upgrade |= line.starts_with("upgrade:");
        }
        let mut body = vec![0u8; length];
        read.read_exact(&mut body)?;
        if upgrade {
            write.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n",
            )?;
            let mut buffer = [0u8; 1024];
            loop {
                let n = read.read(&mut buffer)?;
                if n == 0 {
                    return Ok(());
                }
                write.write_all(&buffer[..n])?;
            }
        }
        let path = first.split(' ').nth(1).unwrap_or("/");
        let mut status = "200 OK";
        let mut answer = format!("{version} {}", String::from_utf8_lossy(&body));
        match path {
            "/die" => std::process::exit(9),
            "/break" => BROKEN.store(true, Ordering::SeqCst),
            "/token" => answer = token.to_owned(),
            "/secret-file" => {
                answer = std::fs::read_to_string("/run/secrets/TOKEN").unwrap_or_default();
            }
            "/neighbour" => answer = neighbour().unwrap_or_else(|error| error.to_string()),
            "/slow" => thread::sleep(Duration::from_secs(2)),
            _ => {}
        }
        if mode == "bad" || BROKEN.load(Ordering::SeqCst) {
            status = "500 Internal Server Error";
            answer = "no database".to_owned();
        }
        let close_header = if close { "Connection: close\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{close_header}\r\n",
            answer.len()
        );
        write.write_all(&[head.as_bytes(), answer.as_bytes()].concat())?;
        if close {
            return Ok(());
        }
    }
}

/// Asks the neighbour named `api`, as a service asks another one of its environment.
fn neighbour() -> std::io::Result<String> {
    let mut stream = TcpStream::connect("api:8080")?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
}
