//! A running lab and what the tests do with it: droplets over HTTP, commands over SSH.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use bollard::query_parameters::ListImagesOptionsBuilder;
use plimsoll_lab::api::Credentials;
use plimsoll_lab::instance::Instance;
use plimsoll_lab::practice::{self, Running};
use serde_json::{Value, json};
use tokio::process::Command;

/// How long a droplet may take for anything: several tests share the machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// The lab that the tests run on; `None` when there is none to run on, which is said.
pub async fn running() -> Option<Running> {
    let Some(state) = std::env::var_os("PLIMSOLL_PRACTICE") else {
        eprintln!("SKIPPED: set PLIMSOLL_PRACTICE to the state folder of a running practice cloud");
        return None;
    };
    let found = practice::status(Path::new(&state))
        .await
        .expect("a readable state folder");
    Some(found.expect("a practice cloud runs on PLIMSOLL_PRACTICE"))
}

/// A client of a lab's APIs.
pub struct Cloud {
    pub running: Running,
    credentials: Credentials,
    client: reqwest::Client,
    keys: tempfile::TempDir,
}

/// A droplet of a test; the test destroys it at its end.
pub struct Machine {
    pub id: u64,
    pub address: String,
    known_hosts: PathBuf,
    key: PathBuf,
}

/// What a test wants to boot.
pub struct Wanted<'a> {
    pub name: &'a str,
    /// `debian-12-x64`, or the number of a snapshot.
    pub image: Value,
    /// Lines of cloud-config beside the host key.
    pub config: &'a str,
}

impl Cloud {
    pub async fn open(running: Running) -> Self {
        let credentials = Credentials::read(&running.api).expect("credentials");
        let ca = std::fs::read(&running.ca).expect("the lab's authority");
        let ca = reqwest::Certificate::from_pem(&ca).expect("a certificate");
        let client = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .build()
            .expect("a client");
        let keys = tempfile::tempdir().expect("a temporary folder");
        for name in ["user", "host"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
                .arg(keys.path().join(name))
                .status()
                .await
                .expect("ssh-keygen");
            assert!(made.success());
        }
        Self {
            running,
            credentials,
            client,
            keys,
        }
    }

    fn key(&self, name: &str) -> String {
        std::fs::read_to_string(self.keys.path().join(name))
            .expect("a key")
            .trim()
            .to_owned()
    }

    /// One call to the DigitalOcean API; every answer must be a success.
    pub async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/v2{path}", self.running.digitalocean_url);
        let mut request = self
            .client
            .request(method, url)
            .bearer_auth(&self.credentials.digitalocean_token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.call(reqwest::Method::POST, path, Some(body)).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, None).await
    }

    pub async fn delete(&self, path: &str) {
        self.call(reqwest::Method::DELETE, path, None).await;
    }

    /// Runs a droplet's action to its end.
    pub async fn act(&self, id: u64, action: Value) {
        let started = self.post(&format!("/droplets/{id}/actions"), action).await;
        let number = started["action"]["id"].as_u64().expect("an action");
        self.finish(number).await;
    }

    /// Waits for the end of an action.
    pub async fn finish(&self, action: u64) {
        eventually(async || {
            let now = self.get(&format!("/actions/{action}")).await;
            match now["action"]["status"].as_str() {
                Some("completed") => Ok(()),
                Some("errored") => panic!("the action failed: {now}"),
                _ => Err(now.to_string()),
            }
        })
        .await;
    }

    /// Makes something go wrong with a droplet.
    pub async fn fault(&self, id: u64, fault: Value) {
        let fault = serde_json::from_value(fault).expect("a fault");
        self.running
            .break_droplet(id, &fault)
            .await
            .expect("the fault happens");
    }

    /// Boots a droplet and waits until it lets us in with the host key that it was given.
    pub async fn boot(&self, wanted: &Wanted<'_>) -> Machine {
        let indented: String = self
            .key("host")
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect();
        let user_data = format!(
            "#cloud-config\nssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n{indented}  \
             ed25519_public: {}\n{}",
            self.key("host.pub"),
            wanted.config
        );
        let key = self.key("user.pub");
        let keys = self.get("/account/keys?per_page=200").await;
        let known = keys["ssh_keys"]
            .as_array()
            .expect("keys")
            .iter()
            .find(|known| {
                known["public_key"]
                    .as_str()
                    .is_some_and(|text| text.trim() == key)
            });
        let fingerprint = match known {
            Some(known) => known["fingerprint"].clone(),
            None => {
                let made = self
                    .post("/account/keys", json!({"name": "test", "public_key": key}))
                    .await;
                made["ssh_key"]["fingerprint"].clone()
            }
        };
        let body = json!({
            "name": wanted.name,
            "region": "ams3",
            "size": "s-1vcpu-2gb",
            "image": wanted.image,
            "ssh_keys": [fingerprint],
            "user_data": user_data,
            "tags": ["ground-test"],
        });
        let made = self.post("/droplets", body).await;
        let id = made["droplet"]["id"].as_u64().expect("an id");
        let address = eventually(async || {
            let url = format!("{}/v2/droplets/{id}", self.running.digitalocean_url);
            let token = &self.credentials.digitalocean_token;
            let answer = self.client.get(url).bearer_auth(token).send().await;
            let now: Value = answer.expect("an answer").json().await.expect("JSON");
            let networks = now["droplet"]["networks"]["v4"].as_array().cloned();
            networks
                .unwrap_or_default()
                .iter()
                .find(|network| network["type"] == "public")
                .and_then(|network| network["ip_address"].as_str().map(str::to_owned))
                .ok_or_else(|| now.to_string())
        })
        .await;
        let known_hosts = self.keys.path().join(format!("known_hosts-{id}"));
        std::fs::write(
            &known_hosts,
            format!("{address} {}\n", self.key("host.pub")),
        )
        .expect("written");
        let machine = Machine {
            id,
            address,
            known_hosts,
            key: self.keys.path().join("user"),
        };
        machine.reachable().await;
        machine
    }

    pub async fn destroy(&self, machine: Machine) {
        self.delete(&format!("/droplets/{}", machine.id)).await;
    }

    /// Images of this lab in its engine that have no name any more.
    pub async fn nameless_images(&self) -> Vec<String> {
        let endpoint = &self.running.engine_endpoint;
        let docker = bollard::Docker::connect_with_unix(endpoint, 60, bollard::API_DEFAULT_VERSION)
            .expect("an engine")
            .negotiate_version()
            .await
            .expect("an engine");
        let mut filter = Instance::of_folder(&self.running.state).filter();
        filter.insert("dangling".into(), vec!["true".into()]);
        let list = ListImagesOptionsBuilder::new().filters(&filter).build();
        let images = docker.list_images(Some(list)).await.expect("images");
        images.into_iter().map(|image| image.id).collect()
    }

    /// The status of a page at a droplet's plain port, or why there is none.
    pub async fn page(&self, address: &str) -> Result<u16, String> {
        let asked = self
            .client
            .get(format!("http://{address}/"))
            .timeout(Duration::from_secs(3))
            .send()
            .await;
        asked
            .map(|answer| answer.status().as_u16())
            .map_err(|error| error.to_string())
    }
}

impl Machine {
    /// Runs a command line of a test over SSH, with the droplet's host key pinned.
    pub async fn ssh(&self, line: &str) -> Output {
        Command::new("ssh")
            .args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "ConnectTimeout=3", "-o", "LogLevel=ERROR", "-i"])
            .arg(&self.key)
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.known_hosts.display()))
            .arg(format!("root@{}", self.address))
            .arg(line)
            .output()
            .await
            .expect("ssh")
    }

    /// The same, which must succeed; returns what it wrote.
    pub async fn run(&self, line: &str) -> String {
        let output = self.ssh(line).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{line}: {} {said}{error}",
            output.status
        );
        said
    }

    /// How long the droplet takes to accept a connection, at best: the machine may be busy.
    pub async fn round_trip(&self) -> Duration {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let begun = Instant::now();
            let connected = tokio::net::TcpStream::connect((self.address.as_str(), 22)).await;
            connected.expect("a connection");
            best = best.min(begun.elapsed());
        }
        best
    }

    pub async fn reachable(&self) {
        eventually(async || {
            let output = self.ssh("true").await;
            if output.status.success() {
                return Ok(());
            }
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        })
        .await;
    }
}

/// Asks again and again until the answer is good.
pub async fn eventually<T>(mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) if Instant::now() > deadline => panic!("still not: {last}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
