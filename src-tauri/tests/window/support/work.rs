//! Work that a test needs done before, or in the middle of, what it is about.

use super::{Key, LATER, Role, SOON, Window};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// More entries than the palette shows at once.
const MOST_ENTRIES: usize = 50;

/// A service of the sample application that runs on a server of its own.
pub struct Standing {
    pub server_id: String,
    pub project_id: String,
    pub environment_id: String,
    pub service_id: String,
    /// The server's address.
    pub address: String,
    /// The provider's id of the server.
    pub droplet: String,
}

impl Window {
    /// Approves the plan that is shown and waits for its end.
    pub async fn approve_and_end(&self, status: &str) {
        self.sees("Nothing has happened yet.").await;
        self.press("Approve").await;
        self.ends(status).await;
    }

    /// Waits until the job that is shown has ended so.
    pub async fn ends(&self, status: &str) {
        self.sees_address("#/jobs/").await;
        let began = Instant::now();
        loop {
            let text = self.text().await;
            let ended = ["Succeeded", "Failed", "Cancelled"];
            let seen = ended.into_iter().find(|end| text.contains(end));
            match seen {
                Some(end) if end == status => return,
                Some(end) => {
                    self.fail(&format!("it ended as {end}, not as {status}"))
                        .await
                }
                None if began.elapsed() > LATER => {
                    self.fail(&format!("it has not {status} after {LATER:?}"))
                        .await
                }
                None => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Makes a plan by a command, approves it and waits until it has succeeded.
    pub async fn carry_out(&self, command: &str, arguments: Value) {
        let plan = self.command(command, arguments).await;
        let job = self
            .command("plan_approve", json!({"planId": plan["id"]}))
            .await;
        let began = Instant::now();
        loop {
            let found = self.command("job_get", json!({"jobId": job["id"]})).await;
            let job = &found["now"]["job"];
            match job["status"].as_str() {
                Some("succeeded") => return,
                Some("queued" | "running") if began.elapsed() < LATER => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                _ => self.fail(&format!("{command} ended as {job}")).await,
            }
        }
    }

    /// Connects both accounts of the practice cloud and provisions a server there.
    pub async fn with_server(&self) -> Value {
        self.command("practice_connect", json!({})).await;
        self.carry_out("tour_plan", json!({"step": "server"})).await;
        self.command("tour_load", json!({})).await
    }

    /// The same with the sample application in a project of its own, not deployed yet.
    pub async fn with_service(&self) -> Standing {
        self.with_server().await;
        self.command("tour_project", json!({})).await;
        let tour = self.command("tour_load", json!({})).await;
        let id = |name: &str| tour[name].as_str().unwrap().to_owned();
        let server_id = id("server_id");
        let rows = self.command("desk_load", json!({})).await;
        let servers = rows["servers"].as_array().unwrap();
        let server = servers.iter().find(|row| row["id"] == server_id.as_str());
        let server = server.unwrap();
        Standing {
            address: server["ssh"]["host"].as_str().unwrap().to_owned(),
            droplet: server["provider_ref"].as_str().unwrap().to_owned(),
            server_id,
            project_id: id("project_id"),
            environment_id: id("environment_id"),
            service_id: id("service_id"),
        }
    }

    /// The same, deployed.
    pub async fn with_live_service(&self) -> Standing {
        let standing = self.with_service().await;
        self.carry_out("tour_plan", json!({"step": "deploy"})).await;
        standing
    }

    /// Finds something in the palette and does it, by keys: the entry with this title under this
    /// heading.
    pub async fn choose(&self, title: &str, group: &str) {
        self.control('k').await;
        let open = "return document.activeElement?.getAttribute('role') === 'combobox'";
        self.until("the palette is open", open, SOON).await;
        self.keys(title).await;
        self.find(Role::Option, title).await;
        let chosen = "const at = document.querySelector('[role=option][aria-selected=true]');
                      return [at?.querySelector('.title')?.textContent ?? '',
                              at?.querySelector('.group')?.textContent ?? '']";
        for _ in 0..MOST_ENTRIES {
            if self.script(chosen, vec![]).await == json!([title, group]) {
                return self.keys(Key::Enter).await;
            }
            self.keys(Key::Down).await;
        }
        self.fail(&format!("the palette has no “{title}” under {group}"))
            .await
    }

    /// Goes to a place by its address, as a link does.
    pub async fn go(&self, path: &str) {
        let go = "location.hash = arguments[0]; return null";
        self.script(go, vec![json!(path)]).await;
        self.sees_address(path).await;
    }

    /// Everything that an explanation needs stands in the page.
    pub async fn explains(&self, refusal: &Value) {
        let message = refusal["message"].as_str().unwrap_or_default();
        let next = refusal["next_step"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && !next.is_empty(), "{refusal}");
        // What stands between backticks is shown as something to type.
        self.sees_within(&next.replace('`', ""), SOON).await;
    }
}
