//! A project's services on this machine's Docker: started, looked at, typed into and stopped in the
//! real window, beside commands in terminals that do the same.

#[path = "../../../crates/cli/tests/support/dockerd.rs"]
mod dockerd;

use crate::support::{Desk, Keyring, LATER, Role, Window, eventually, without_network};
use dockerd::{Docker, application, is_possible};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A desk beside an engine, with a project of two services.
struct Place {
    desk: Desk,
    docker: Docker,
    folder: tempfile::TempDir,
}

impl Place {
    fn new(desk: Desk) -> Self {
        let docker = Docker::here();
        docker.database_image();
        let place = Self {
            desk,
            docker,
            folder: tempfile::tempdir().unwrap(),
        };
        created(&place.desk, &["project", "create", "shop"]);
        for service in ["web", "other"] {
            application(&place.app(service));
            let folder = place.app(service).display().to_string();
            let name = format!("shop/{service}");
            let create = ["service", "create", &name, "--folder", &folder];
            created(&place.desk, &[&create[..], &["--port", "8000"]].concat());
        }
        place
    }

    /// The folder of a service.
    fn app(&self, service: &str) -> PathBuf {
        self.folder.path().join(service)
    }

    fn plimsoll(&self, arguments: &[&str]) -> Command {
        let mut command = self.desk.plimsoll(arguments);
        command.env("DOCKER_HOST", self.docker.host());
        command
    }

    /// Runs a service in the foreground of a terminal; answers the command and the address.
    fn in_terminal(&self, service: &str) -> (Child, String) {
        let arguments = ["run", "--project", "shop", "--service", service];
        let mut command = self.plimsoll(&arguments);
        let said = fs::File::create(self.folder.path().join("said")).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(said);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        // Nobody may be ended by a pipe that is closed.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        let url = first.trim().rsplit(' ').next().unwrap_or_default();
        let said = fs::read_to_string(self.folder.path().join("said")).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{first:?}: {said}");
        (child, url.to_owned())
    }

    /// The window at the local runs of the project, found by what can be clicked.
    async fn at_runs(&self) -> Window {
        let engine = ("DOCKER_HOST".to_owned(), self.docker.host().into());
        let window = self.desk.open_with(&[engine]).await;
        to_runs(&window).await;
        window
    }

    /// Names of the containers of runs, without what all have in common.
    fn containers(&self) -> Vec<String> {
        let names = self.docker.containers().into_iter();
        let mut names: Vec<String> = names
            .map(|name| name.splitn(4, '.').nth(3).unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Nothing of a run is there any more but data.
    async fn is_clean(&self) {
        eventually("all containers are gone", LATER, || {
            self.docker.containers().is_empty()
        })
        .await;
        let filter = "label=plimsoll.run.project";
        let networks = self
            .docker
            .ids(&["network", "ls", "--filter", filter, "-q"]);
        assert!(networks.is_empty(), "{networks:?}");
    }
}

async fn to_runs(window: &Window) {
    window.click(Role::Link, "Projects").await;
    window.click(Role::Link, "shop").await;
    window.click(Role::Link, "Run here").await;
}

/// The address that the page shows.
async fn address(window: &Window) -> String {
    window.sees_within("http://127.0.0.1:", LATER).await;
    let text = window.text().await;
    let from = text.find("http://127.0.0.1:").unwrap();
    let address = text[from..].split_whitespace().next().unwrap();
    address.to_owned()
}

/// A service that runs, chosen in the list.
async fn choose(window: &Window, service: &str) {
    window.click(Role::Button, service).await;
}

fn signal(pid: u32, name: &str) {
    let pid = pid.to_string();
    let done = Command::new("kill")
        .args([&format!("-{name}"), &pid])
        .status();
    assert!(done.unwrap().success());
}

/// A desk in a network where there is nothing but what the test starts.
async fn with_place<F>(work: impl FnOnce(Place) -> F + Send + 'static)
where
    F: Future<Output = ()>,
{
    if !is_possible() {
        return;
    }
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    without_network(move |_| async move { work(Place::new(desk)).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_started_looked_at_typed_into_changed_and_stopped() {
    with_place(async |place| {
        let window = place.at_runs().await;
        window.press("Database and limits").await;
        window
            .click(Role::Checkbox, "Postgres for local runs")
            .await;
        window
            .fill(Role::Textbox, "Its image", "postgres:test")
            .await;
        window.press("Save").await;
        window.loses("Its image").await;

        choose(&window, "web").await;
        window.press("Run here").await;
        window.find_within(Role::Button, "Start again", LATER).await;
        window.sees("Running").await;
        let url = address(&window).await;
        let page = place.docker.get(&url).unwrap();
        assert!(
            page.contains("@postgres.internal:5432/shop"),
            "it has its database: {page}"
        );
        window.sees("starts with").await;
        assert_eq!(place.containers(), ["postgres.internal", "web"]);

        window.click(Role::Tab, "Terminal").await;
        window.in_terminal("Run here").await;
        window
            .type_line("cat version; echo; echo $((6 * 7)) is inside")
            .await;
        window.terminal_shows("42 is inside").await;
        assert!(window.terminal().await.contains("one"));
        window.press("Leave").await;

        // What is saved is built and started anew, under the same address.
        window
            .click(Role::Checkbox, "Start again when its files change")
            .await;
        let version = format!("{url}/version");
        let mut made = 0;
        eventually("it was started again", LATER, || {
            made += 1;
            // It tells nothing when it watches; a change that is missed is made again.
            if made % 50 == 1 {
                fs::write(place.app("web").join("version"), format!("two {made}")).unwrap();
            }
            let shown = place.docker.get(&version);
            shown.is_some_and(|text| text.starts_with("two"))
        })
        .await;

        choose(&window, "Postgres").await;
        window.sees("database shop of postgres").await;
        window.click(Role::Tab, "Terminal").await;
        window.in_terminal("Run here").await;
        window.type_line("echo $PGDATABASE of $PGUSER here").await;
        window.terminal_shows("shop of postgres here").await;
        window.press("Leave").await;

        choose(&window, "web").await;
        window.press("Stop").await;
        window.sees("Run web on this machine").await;
        place.is_clean().await;

        // What cannot start says why, and leaves nothing.
        fs::write(
            place.app("web").join("app.sh"),
            "echo no licence found; exit 3\n",
        )
        .unwrap();
        window.press("Run here").await;
        window.sees_within("ended with status 3", LATER).await;
        window.sees("no licence found").await;
        place.is_clean().await;
        assert_eq!(window.went_wrong().await, Vec::<String>::new());
        window.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_window_asks_what_becomes_of_what_runs_until_it_knows() {
    with_place(async |place| {
        let window = place.at_runs().await;
        choose(&window, "web").await;
        window.press("Run here").await;
        window.find_within(Role::Button, "Start again", LATER).await;
        let question = "Services are running on this machine";
        place.desk.click_the_cross();
        window.sees(question).await;
        window.press("Stay").await;
        window.loses(question).await;
        assert_eq!(place.containers(), ["web"]);

        place.desk.click_the_cross();
        window.sees(question).await;
        window
            .click(Role::Checkbox, "Do the same from now on")
            .await;
        window.press("Stop and quit").await;
        window.has_ended().await;
        place.is_clean().await;

        let window = place.at_runs().await;
        choose(&window, "web").await;
        window.press("Run here").await;
        window.find_within(Role::Button, "Start again", LATER).await;
        place.desk.click_the_cross();
        window.has_ended().await;
        place.is_clean().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_running_goes_on_and_is_the_next_windows() {
    with_place(async |place| {
        let window = place.at_runs().await;
        choose(&window, "web").await;
        window.press("Run here").await;
        window.find_within(Role::Button, "Start again", LATER).await;
        let url = address(&window).await;
        place.desk.click_the_cross();
        window.press("Quit, leave running").await;
        window.has_ended().await;
        assert!(place.docker.get(&url).is_some());
        assert_eq!(place.containers(), ["web"]);

        let window = place.at_runs().await;
        window.find_within(Role::Button, "Start again", LATER).await;
        assert_eq!(address(&window).await, url);
        window.sees("starts with").await;
        assert!(!window.text().await.contains("ended without stopping"));
        window.press("Stop").await;
        window.sees("Run web on this machine").await;
        place.is_clean().await;
        assert_eq!(window.went_wrong().await, Vec::<String>::new());
        window.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_terminal_runs_is_not_the_windows_and_what_the_window_runs_is_not_the_terminals() {
    with_place(async |place| {
        let settings = ["project", "settings", "shop", "--run-postgres"];
        created(&place.desk, &[&settings[..], &["postgres:test"]].concat());
        let window = place.at_runs().await;
        window.sees("Run web on this machine").await;

        // The window looks for jobs all the time, and takes none of the terminal's.
        let (mut child, url) = place.in_terminal("web");
        window.find_within(Role::Button, "Start again", LATER).await;
        let whose = format!("process {}", child.id());
        window.sees(&whose).await;
        choose(&window, "other").await;
        window.press("Run here").await;
        window.find_within(Role::Button, "Start again", LATER).await;
        assert_eq!(place.containers(), ["other", "postgres.internal", "web"]);

        // The end of the command takes what is its own, and not what the window needs still.
        signal(child.id(), "TERM");
        assert!(child.wait().unwrap().success());
        assert_eq!(place.docker.get(&url), None);
        assert_eq!(place.containers(), ["other", "postgres.internal"]);
        choose(&window, "web").await;
        window.sees("Run web on this machine").await;
        assert!(!window.text().await.contains("ended without stopping"));

        // The end of the window takes what is its own, as its person prefers.
        let (mut child, url) = place.in_terminal("web");
        window.sees(&format!("process {}", child.id())).await;
        window.go("/settings/editor").await;
        window.sees("what runs on this machine").await;
        let mut values = window
            .command("form_open", json!({"kind": "preferences", "about": ""}))
            .await["values"]
            .clone();
        values["run.at_quit"] = json!("stop");
        window
            .command("settings_save", json!({"values": values}))
            .await;
        signal(window.pid, "TERM");
        window.has_ended().await;
        assert_eq!(place.containers(), ["postgres.internal", "web"]);
        assert!(place.docker.get(&url).is_some());

        // The last one takes the database and the network along.
        signal(child.id(), "INT");
        assert!(child.wait().unwrap().success());
        place.is_clean().await;

        // What a crash has left is offered, and removed.
        let (mut child, _) = place.in_terminal("web");
        let window = place.at_runs().await;
        window.sees("Running").await;
        signal(child.id(), "KILL");
        child.wait().unwrap();
        window.sees("ended without stopping what ran here").await;
        // Also to somebody who does not look at that project.
        window.click(Role::Link, "Projects").await;
        window.sees("shop/web").await;
        window.press("Remove it").await;
        place.is_clean().await;
        window.loses("ended without stopping what ran here").await;
        assert_eq!(window.went_wrong().await, Vec::<String>::new());
        window.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_docker_it_is_said_what_to_install_and_everything_else_works() {
    let Some(desk) = Desk::new(Keyring::Unlocked) else {
        return;
    };
    without_network(move |_| async move {
        let folder = tempfile::tempdir().unwrap();
        application(folder.path());
        let at = folder.path().display().to_string();
        created(&desk, &["project", "create", "shop", "--folder", &at]);
        let create = ["service", "create", "shop/web", "--folder", &at];
        created(&desk, &[&create[..], &["--port", "8000"]].concat());
        let socket = folder.path().join("docker.sock");
        let host = format!("unix://{}", socket.display());
        let window = desk
            .open_with(&[("DOCKER_HOST".to_owned(), host.into())])
            .await;
        to_runs(&window).await;
        window.sees("Install Docker").await;
        window.sees("Everything else works without it").await;

        window.click(Role::Link, "Files").await;
        window.click(Role::TreeItem, "version").await;
        window.find(Role::Textbox, "version").await;
        window.click(Role::Link, "Run here").await;
        window.sees("Install Docker").await;
        // It is found as soon as it is there.
        if is_possible() {
            let docker = Docker::here();
            fs::hard_link(docker.folder.path().join("docker.sock"), &socket).unwrap();
            window.sees_within("Run web on this machine", LATER).await;
        }
        assert_eq!(window.went_wrong().await, Vec::<String>::new());
        window.close().await;
    })
    .await;
}

fn created(desk: &Desk, arguments: &[&str]) {
    let output = desk.plimsoll(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}
