//! Bad input and bad luck: each is told with its cause, its evidence and a next step, and nothing
//! that was there is lost. What causes them is tried in full where it is decided, in the tests of the
//! engine, the adapters and the command; here is how each looks.

use crate::support::{Desk, Keyring, LATER, Role, SOON, Standing, Window};
use serde_json::json;
use std::{fs, path::PathBuf, process::Command};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_why_and_what_to_do_and_leaves_all_as_it_was() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    let standing = window.with_live_service().await;
    a_name_that_is_taken(&window).await;
    a_folder_without_anything_to_deploy(&desk, &window, &standing).await;
    a_domain_in_a_foreign_zone(&window, &standing).await;
    a_health_path_that_redirects(&desk, &window, &standing).await;
    a_token_without_scopes(&desk, &window).await;
    a_server_that_refuses_its_key(&desk, &window, &standing).await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
}

async fn a_name_that_is_taken(window: &Window) {
    window.click(Role::Link, "Projects").await;
    let taken = window.command("desk_load", json!({})).await["projects"][0]["name"].clone();
    let taken = taken.as_str().unwrap();
    window.press("New project").await;
    window.fill(Role::Textbox, "Name", taken).await;
    window.press("Create project").await;
    window
        .sees(&format!("There is a project “{taken}” already."))
        .await;
    window.fill(Role::Textbox, "Name", "another").await;
    window.press("Create project").await;
    window.sees_address("#/projects/").await;
}

async fn a_folder_without_anything_to_deploy(desk: &Desk, window: &Window, standing: &Standing) {
    let folder = desk.home().with_file_name("nothing");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("notes.txt"), "nothing to run").unwrap();
    let service = service(window, standing, "empty", folder, "/").await;
    window
        .go(&format!(
            "/projects/{}?service={service}",
            standing.project_id
        ))
        .await;
    window.press("Deploy").await;
    window.sees("no Dockerfile").await;
    window.sees("Add a Dockerfile to the source").await;
    window.find(Role::Button, "Open its settings").await;
}

async fn a_domain_in_a_foreign_zone(window: &Window, standing: &Standing) {
    window
        .go(&format!(
            "/projects/{}?service={}&tab=domains",
            standing.project_id, standing.service_id
        ))
        .await;
    window.press("Add domain").await;
    window.fill(Role::Textbox, "Name", "app.example.com").await;
    window.press("Make the plan").await;
    window
        .sees("app.example.com lies in no zone of the account")
        .await;
    // The draft is kept, and what is wrong stands beside its field.
    let invalid = "return document.activeElement?.getAttribute('aria-invalid') === 'true'";
    window.until("the field is marked", invalid, SOON).await;
    window.press("Close").await;
}

/// The old release goes on serving while the new one is refused.
async fn a_health_path_that_redirects(desk: &Desk, window: &Window, standing: &Standing) {
    let app = desk.app();
    let source = fs::read_to_string(app.join("app.py")).unwrap();
    let moved = source.replace(
        "if self.path == \"/healthz\":",
        "if self.path == \"/old\":\n            self.send_response(301)\n            \
         self.send_header(\"Location\", \"/healthz\")\n            \
         self.send_header(\"Content-Length\", \"0\")\n            self.end_headers()\n        \
         elif self.path == \"/healthz\":",
    );
    assert_ne!(moved, source);
    fs::write(app.join("app.py"), moved).unwrap();
    let service = service(window, standing, "moved", app, "/old").await;
    window
        .go(&format!(
            "/projects/{}?service={service}",
            standing.project_id
        ))
        .await;
    window.press("Deploy").await;
    window.approve_and_end("Failed").await;
    window.sees("GET /old → 301 Moved Permanently").await;
    window.sees("to /healthz").await;
    window
        .sees("Set the health check to the path that it leads to")
        .await;
}

async fn a_token_without_scopes(desk: &Desk, window: &Window) {
    let draft = json!({"cloud": "digitalocean", "scopes": ["account:read", "droplet:read"]});
    let made = desk.practice_control("POST", "/tokens", draft).await;
    let token = made["token"].as_str().unwrap();
    window.go("/settings/accounts").await;
    window.press("More for practice-digitalocean").await;
    window.click(Role::MenuItem, "Replace its token").await;
    window.fill(Role::Textbox, "API token", token).await;
    window.press("Try it and replace").await;
    window.sees("droplet:create").await;
    // What it may not do is refused with the scope's name when it is tried.
    let account = window.command("desk_load", json!({})).await;
    let accounts = account["accounts"].as_array().unwrap();
    let account = accounts
        .iter()
        .find(|row| row["provider"] == "digitalocean");
    let refusal = json!({"accountId": account.unwrap()["id"]});
    let refusal = window.refused("snapshot_list", refusal).await;
    assert!(refusal.to_string().contains("snapshot:read"), "{refusal}");
    assert_ne!(refusal["next_step"], "", "{refusal}");
    window.command("practice_connect", json!({})).await;
}

async fn a_server_that_refuses_its_key(desk: &Desk, window: &Window, standing: &Standing) {
    let keys = "/root/.ssh/authorized_keys";
    desk.inside(&standing.droplet, &["mv", keys, "/root/keys"]);
    // Who is logged in stays so: the server forgets everybody.
    desk.inside(&standing.droplet, &["pkill", "-o", "-f", "sshd: root"]);
    window.go(&format!("/servers/{}", standing.server_id)).await;
    window.sees_within("Refuses our key", LATER).await;
    window.sees("authorized_keys").await;
    desk.inside(&standing.droplet, &["mv", "/root/keys", keys]);
    window.sees_within("Ready", LATER).await;
}

/// A service of the standing project with a folder for its source; answers its id.
async fn service(
    window: &Window,
    standing: &Standing,
    name: &str,
    folder: PathBuf,
    health: &str,
) -> String {
    let form = json!({"kind": "service", "about": standing.project_id});
    let form = window.command("form_open", form).await;
    let mut values = form["values"].clone();
    values["name"] = json!(name);
    values["source.path"] = json!(folder.to_str().unwrap());
    values["serves"] = json!("true");
    values["port"] = json!("8000");
    values["health"] = json!("http");
    values["health.path"] = json!(health);
    values["health.start_ms"] = json!("8");
    let create = json!({"projectId": standing.project_id, "values": values});
    let created = window.command("service_create", create).await;
    created["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_a_change_and_loses_nothing() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    let home = desk.home();
    fs::create_dir_all(&home).unwrap();
    let Some(disk) = SmallDisk::at(home.clone()) else {
        return;
    };
    let window = desk.open().await;
    window.find(Role::Link, "Projects").await;
    let create = json!({"values": {"name": "shop"}});
    window.command("project_create", create).await;
    let filler = home.join("filler");
    disk.fill(&filler);
    window.click(Role::Link, "Projects").await;
    window.press("New project").await;
    window.fill(Role::Textbox, "Name", "later").await;
    window.press("Create project").await;
    window.sees("Make room on the disk").await;

    // With room again, the same press succeeds, and nothing is lost.
    fs::remove_file(filler).unwrap();
    window.press("Create project").await;
    window.sees_address("#/projects/").await;
    window.click(Role::Link, "Projects").await;
    window.sees("shop").await;
    window.sees("later").await;
    assert_eq!(window.went_wrong().await, Vec::<String>::new());
    window.close().await;
    let window = desk.open().await;
    window.sees("shop").await;
    window.sees("later").await;
    window.close().await;
}

/// A disk of some megabytes.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, said loudly, where only an administrator may mount one.
    fn at(place: PathBuf) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m,mode=0700", "none"])
            .arg(&place)
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: no small disk can be mounted");
            return None;
        }
        Some(Self(place))
    }

    /// Writes until there is no room for a single byte.
    fn fill(&self, file: &std::path::Path) {
        use std::io::Write;
        let mut file = fs::File::create(file).unwrap();
        for size in [64 << 10, 4 << 10, 1] {
            let piece = vec![0x5a; size];
            while file.write_all(&piece).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the window may take a moment to end.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
