//! A window that is opened and asked through WebDriver (W3C WebDriver 2), which needs one HTTP
//! exchange for each question.

use super::processes::{Started, end, family};
use crate::run::{Done, Trouble};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long something may take before the measuring is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the driver is asked whether it listens.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often a page is asked whether it is ready: what a start is measured to.
const GLANCE: Duration = Duration::from_millis(5);

/// An open window, which ends with this.
pub struct Window {
    port: u16,
    session: String,
    driver: Started,
    opened: Instant,
}

impl Window {
    /// Opens a window; answers as soon as it can be asked something.
    pub fn open(binary: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Done<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = Command::new("WebKitWebDriver");
        command
            .arg(format!("--port={port}"))
            .envs(variables.iter().copied())
            .env("TAURI_AUTOMATION", "true")
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let driver = Started::new(&mut command)?;
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if began.elapsed() > PATIENCE {
                return Err(Trouble("WebKitWebDriver does not listen".into()));
            }
            sleep(LOOK_AGAIN);
        }
        let options = json!({"binary": binary, "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "webkitgtk:browserOptions": options
        }}});
        let opened = Instant::now();
        let answer = exchange(port, "POST", "/session", Some(&wanted))?;
        let session = answer["sessionId"].as_str();
        let session =
            session.ok_or_else(|| Trouble(format!("the window did not open: {answer}")))?;
        Ok(Self {
            port,
            session: session.to_owned(),
            driver,
            opened,
        })
    }

    /// Waits until a script answers `true`; answers how long after the opening began that was, ms.
    pub fn until(&self, script: &str) -> Done<f64> {
        while self.script(script, &json!([]))? != true {
            if self.opened.elapsed() > PATIENCE {
                let text = self.script("return document.body.innerText", &json!([]))?;
                return Err(Trouble(format!(
                    "“{script}” did not become true; the page says {text}"
                )));
            }
            sleep(GLANCE);
        }
        Ok(self.opened.elapsed().as_secs_f64() * 1_000.0)
    }

    /// Runs a script in the page and answers what it returns.
    pub fn script(&self, script: &str, arguments: &Value) -> Done<Value> {
        let path = format!("/session/{}/execute/sync", self.session);
        let body = json!({"script": script, "args": arguments});
        exchange(self.port, "POST", &path, Some(&body))
    }

    /// The program with the window and the web view's processes, which it has started.
    pub fn processes(&self) -> Vec<u32> {
        let driver = self.driver.id();
        let mut all = family(driver);
        all.retain(|pid| *pid != driver);
        all
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let processes = self.processes();
        let path = format!("/session/{}", self.session);
        let _ = exchange(self.port, "DELETE", &path, None);
        end(&processes);
    }
}

/// One question to the driver; answers its value.
fn exchange(port: u16, method: &str, path: &str, body: Option<&Value>) -> Done<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let answer = answer(&mut stream)?;
    let answer: Value = serde_json::from_str(&answer)
        .map_err(|error| Trouble(format!("WebDriver answered {answer:?}: {error}")))?;
    let value = answer["value"].clone();
    match value["error"].as_str() {
        Some(error) => Err(Trouble(format!("{method} {path}: {error}: {value}"))),
        None => Ok(value),
    }
}

/// The body of an answer; WebKitWebDriver always says how long it is.
fn answer(stream: &mut TcpStream) -> Done<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = length(head).ok_or_else(|| {
                Trouble(format!(
                    "WebDriver does not say how long its answer is: {head}"
                ))
            })?;
            if body.len() >= length {
                return Ok(body.to_owned());
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(Trouble(format!("WebDriver ended in the middle: {text}"))),
            count => bytes.extend(&buffer[..count]),
        }
    }
}

fn length(head: &str) -> Option<usize> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_answer_stands_in_its_head() {
        let head = "HTTP/1.1 200 OK\r\nDate: today\r\ncontent-length: 42";
        assert_eq!(length(head), Some(42));
        assert_eq!(length("HTTP/1.1 200 OK"), None);
    }
}
