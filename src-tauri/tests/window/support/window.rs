//! The window, as a test uses it.

use super::{
    LATER, SOON, eventually,
    find::Role,
    process::{Process, children, kill, runs},
};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use thirtyfour::{Capabilities, WebDriver, WebElement};

pub use thirtyfour::Key;

const FIND: &str = include_str!("find.js");
/// Gathers from now on what goes wrong in the page.
const LISTEN: &str = r#"
	if (window.wentWrong) return;
	window.wentWrong = [];
	const add = (what) => window.wentWrong.push(String(what));
	window.addEventListener('error', (event) => add(event.message || `${event.target?.outerHTML} failed`), true);
	// A library's own script asks at its start whether it may notify. No page may: that is meant.
	const meant = (reason) => String(reason).startsWith('notification.is_permission_granted not allowed');
	window.addEventListener('unhandledrejection', ({ reason }) => meant(reason) || add(reason?.stack ?? reason));
	document.addEventListener('securitypolicyviolation', (event) => add(`${event.violatedDirective}: ${event.blockedURI}`));
	const error = console.error;
	console.error = (...words) => { add(words.join(' ')); error(...words); };
"#;
/// More things than any page has to be passed on the way with the tab key.
const MOST_TABS: usize = 60;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The window and the driver that opened it.
pub struct Window {
    driver: Option<WebDriver>,
    service: Process,
    /// The program with the window.
    pub pid: u32,
    log: PathBuf,
}

impl Window {
    pub(super) async fn open(variables: &[(String, OsString)], log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let port = free_port();
        let mut command = Command::new("WebKitWebDriver");
        command
            .arg(format!("--port={port}"))
            .env_clear()
            .envs(variables.iter().cloned())
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("PLIMSOLL_LOG", "info")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let service = Process::start(&mut command);
        listens(port).await;

        let mut capabilities = Capabilities::new();
        let options = json!({"binary": binary(), "args": []});
        capabilities
            .set("webkitgtk:browserOptions", options)
            .unwrap();
        let opened = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await;
        let driver = opened.unwrap_or_else(|error| {
            let said = fs::read_to_string(log).unwrap_or_default();
            panic!("the window did not open: {error}\n{said}")
        });
        let ours = children(service.0.id());
        let pid = *ours.first().expect("the driver has started the window");
        let window = Self {
            driver: Some(driver),
            service,
            pid,
            log: log.to_path_buf(),
        };
        window.script(LISTEN, vec![]).await;
        window
    }

    /// The driver itself.
    pub fn driver(&self) -> &WebDriver {
        self.driver.as_ref().unwrap()
    }

    /// Runs a script in the page and answers what it answers.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        match self.driver().execute(script, arguments).await {
            Ok(answer) => answer.json().clone(),
            Err(error) => self.fail(&format!("a script failed: {error}")).await,
        }
    }

    /// Calls a command as the pages do.
    pub async fn command(&self, name: &str, arguments: Value) -> Value {
        let call = "return window.__TAURI_INTERNALS__.invoke(arguments[0], arguments[1])";
        self.script(call, vec![json!(name), arguments]).await
    }

    /// The same where it may be refused: answers the refusal.
    pub async fn refused(&self, name: &str, arguments: Value) -> Value {
        let call = "return window.__TAURI_INTERNALS__.invoke(arguments[0], arguments[1])
                        .then((answer) => ({ answer }), (refusal) => ({ refusal }))";
        let told = self.script(call, vec![json!(name), arguments]).await;
        if told["refusal"].is_null() {
            self.fail(&format!("{name} was not refused but answered {told}"))
                .await;
        }
        told["refusal"].clone()
    }

    /// What went wrong in the page since it was opened.
    pub async fn went_wrong(&self) -> Vec<String> {
        let said = self.script("return window.wentWrong", vec![]).await;
        serde_json::from_value(said).unwrap()
    }

    /// All visible text.
    pub async fn text(&self) -> String {
        let text = self.script("return document.body.innerText", vec![]).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The element with this role and name as soon as it is there and enabled.
    pub async fn find(&self, role: Role, name: &str) -> WebElement {
        self.find_within(role, name, SOON).await
    }

    /// The same with another patience.
    pub async fn find_within(&self, role: Role, name: &str, limit: Duration) -> WebElement {
        let began = Instant::now();
        loop {
            let seen = self.look(role, name).await;
            if let Some(element) = seen.element
                && !seen.disabled
            {
                return element;
            }
            if began.elapsed() > limit {
                let there = match seen.disabled {
                    true => format!("it is disabled: {}", seen.why),
                    false => format!("there are {:?}", seen.there),
                };
                let role = role.name();
                let told = format!("no {role} “{name}” after {limit:?}; {there}");
                self.fail(&told).await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until something is there and cannot be used, for this reason.
    pub async fn bars(&self, role: Role, name: &str, why: &str) {
        let began = Instant::now();
        loop {
            let seen = self.look(role, name).await;
            if seen.disabled && seen.why == why {
                return;
            }
            if began.elapsed() > SOON {
                let told = format!("“{name}” is not barred by “{why}” but “{}”", seen.why);
                self.fail(&told).await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Whether an element with this role and name is there now.
    pub async fn has(&self, role: Role, name: &str) -> bool {
        self.look(role, name).await.element.is_some()
    }

    async fn look(&self, role: Role, name: &str) -> Seen {
        let arguments = vec![json!(role.name()), json!(name)];
        let answer = match self.driver().execute(FIND, arguments).await {
            Ok(answer) => answer,
            Err(error) => self.fail(&format!("looking for “{name}”: {error}")).await,
        };
        let facts = answer.json().clone();
        let element = match &facts["element"] {
            Value::Null => None,
            element => Some(
                WebElement::from_json(element.clone(), self.driver().handle().clone()).unwrap(),
            ),
        };
        Seen {
            element,
            disabled: facts["disabled"] == true,
            why: facts["why"].as_str().unwrap_or_default().to_owned(),
            there: serde_json::from_value(facts["there"].clone()).unwrap_or_default(),
        }
    }

    /// Clicks something.
    pub async fn click(&self, role: Role, name: &str) {
        let began = Instant::now();
        loop {
            let element = self.find(role, name).await;
            // What is drawn anew or covered by something that goes away is tried again.
            match element.click().await {
                Ok(()) => return,
                Err(error) if began.elapsed() > SOON => {
                    let above = self.above(&element).await;
                    self.fail(&format!(
                        "“{name}” could not be clicked: {error}; there is {above}"
                    ))
                    .await
                }
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// What lies in the middle of something, and where that is.
    async fn above(&self, element: &WebElement) -> Value {
        let look = "const at = arguments[0].getBoundingClientRect();
             const above = document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2);
             return [at, above?.outerHTML.slice(0, 300)];";
        self.script(look, vec![element.to_json().unwrap()]).await
    }

    /// Presses a button.
    pub async fn press(&self, name: &str) {
        self.click(Role::Button, name).await;
    }

    /// Writes into a field instead of what stands in it.
    pub async fn fill(&self, role: Role, label: &str, text: &str) {
        let field = self.find(role, label).await;
        if let Err(error) = field.clear().await {
            self.fail(&format!("“{label}” could not be cleared: {error}"))
                .await;
        }
        if let Err(error) = field.send_keys(text).await {
            self.fail(&format!("“{label}” could not be written: {error}"))
                .await;
        }
    }

    /// Presses keys where the keyboard is.
    pub async fn keys(&self, keys: impl Into<thirtyfour::TypingData>) {
        let chain = self.driver().action_chain().send_keys(keys);
        if let Err(error) = chain.perform().await {
            self.fail(&format!("keys could not be pressed: {error}"))
                .await;
        }
    }

    /// Presses a key while Ctrl is held.
    pub async fn control(&self, key: impl Into<char>) {
        let key = key.into();
        let chain = self.driver().action_chain().key_down(Key::Control);
        let chain = chain.key_down(key).key_up(key).key_up(Key::Control);
        if let Err(error) = chain.perform().await {
            self.fail(&format!("Ctrl-{key} could not be pressed: {error}"))
                .await;
        }
    }

    /// Waits until a text can be seen.
    pub async fn sees(&self, text: &str) {
        self.sees_within(text, SOON).await;
    }

    /// The same with another patience.
    pub async fn sees_within(&self, text: &str, limit: Duration) {
        let began = Instant::now();
        while !self.text().await.contains(text) {
            if began.elapsed() > limit {
                let told = format!("“{text}” cannot be seen after {limit:?}");
                self.fail(&told).await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until a text can be seen no more.
    pub async fn loses(&self, text: &str) {
        let began = Instant::now();
        while self.text().await.contains(text) {
            if began.elapsed() > SOON {
                let told = format!("“{text}” can still be seen after {SOON:?}");
                self.fail(&told).await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until a script answers true.
    pub async fn until(&self, what: &str, script: &str, limit: Duration) {
        let began = Instant::now();
        while self.script(script, vec![]).await != true {
            if began.elapsed() > limit {
                self.fail(&format!("after {limit:?} still not: {what}"))
                    .await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the address holds this.
    pub async fn sees_address(&self, part: &str) {
        let began = Instant::now();
        loop {
            let address = self.script("return location.href", vec![]).await;
            if address
                .as_str()
                .is_some_and(|address| address.contains(part))
            {
                return;
            }
            if began.elapsed() > SOON {
                self.fail(&format!("the address is {address}, not {part}"))
                    .await;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Goes to an element as people without a mouse do: with the tab key.
    pub async fn tab_to(&self, role: Role, name: &str) {
        self.find(role, name).await;
        let mut passed = Vec::new();
        for _ in 0..MOST_TABS {
            let element = self.find(role, name).await;
            let is_active = "return document.activeElement === arguments[0]";
            let arguments = vec![element.to_json().unwrap()];
            if self.script(is_active, arguments).await == true {
                return;
            }
            self.keys(Key::Tab).await;
            let described = "const at = document.activeElement;
                             return `${at.localName} ${at.innerText.slice(0, 30)}`";
            passed.push(self.script(described, vec![]).await.to_string());
        }
        self.fail(&format!(
            "the tab key does not lead to “{name}” but to {passed:?}"
        ))
        .await
    }

    /// Ends the process as a crash would.
    pub fn crash(mut self) {
        self.end();
    }

    /// Waits until the process has ended by itself.
    pub async fn has_ended(self) {
        eventually("the window has ended", LATER, || !runs(self.pid)).await;
        self.crash();
    }

    /// Closes the window and waits until its process has ended.
    pub async fn close(mut self) {
        if let Some(driver) = self.driver.take() {
            let _ = driver.quit().await;
        }
        self.end();
    }

    /// Ends the test with what can be seen, a picture and what the processes said.
    pub async fn fail(&self, told: &str) -> ! {
        let picture = picture();
        // Some pages are never painted again: the words below are worth more than their picture.
        let seen = tokio::time::timeout(SOON, self.driver().screenshot(&picture)).await;
        let text = self
            .driver()
            .execute("return document.body.innerText", vec![])
            .await;
        let text = text.map(|text| text.json().to_string()).unwrap_or_default();
        let wrong = self
            .driver()
            .execute("return window.wentWrong", vec![])
            .await;
        let wrong = wrong
            .map(|wrong| wrong.json().to_string())
            .unwrap_or_default();
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let log: Vec<&str> = log.lines().rev().take(40).collect();
        let log: Vec<&str> = log.into_iter().rev().collect();
        panic!(
            "{told}\n--- the page says: {text}\n--- went wrong: {wrong}\n--- picture: {} ({seen:?})\n\
             --- the process said:\n{}",
            picture.display(),
            log.join("\n")
        )
    }

    fn end(&mut self) {
        if runs(self.pid) {
            kill(self.pid);
        }
        if let Some(driver) = self.driver.take() {
            // Its session ended with the process: there is nothing left to say goodbye to.
            let _ = driver.leak();
        }
        self.service.end();
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.end();
    }
}

struct Seen {
    element: Option<WebElement>,
    disabled: bool,
    why: String,
    there: Vec<String>,
}

/// The program with the window: the one that was just built, or an installed one.
pub(super) fn binary() -> String {
    let built = env!("CARGO_BIN_EXE_plimsoll-desktop");
    std::env::var("PLIMSOLL_TEST_BINARY").unwrap_or_else(|_| built.to_owned())
}

/// A file for a picture of what failed, named after the test.
fn picture() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("window");
    fs::create_dir_all(&folder).unwrap();
    let test = std::thread::current();
    let test = test.name().unwrap_or("test").replace("::", "-");
    folder.join(format!("{test}.png"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

async fn listens(port: u16) {
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "WebKitWebDriver does not listen"
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
