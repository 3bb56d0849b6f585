//! `cargo xtask demo` in the terminal: the main job on the practice cloud, visibly, by the commands
//! that a user types.

use crate::{
    practice::Practice,
    run::{Done, Trouble, println, say},
    setup::{self, Built},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const HOST: &str = "hello.plimsoll.test";
const WEB: &str = "hello/production/web";

/// Runs the main job from nothing to a rollback, and cleans up.
pub fn demo(keep: bool) -> Done {
    setup::for_practice()?;
    let built = setup::build()?;
    let mut practice = Practice::start(&built, "demo")?;
    let demo = Demo::new(&built, &practice)?;
    let mut steps = Steps::default();

    steps.time("connect the accounts", || {
        demo.call(&["account", "connect", "digitalocean", "--practice"])?;
        demo.call(&["account", "connect", "cloudflare", "--practice"])
    })?;
    let provision = ["server", "provision", "ship", "--account", "digitalocean"];
    let offer = ["--region", "ams3", "--size", "s-1vcpu-1gb", "--yes"];
    steps.time("provision a server", || {
        demo.call(&[&provision[..], &offer].concat())
    })?;
    steps.time("deploy version 1 from its source", || {
        demo.call(&["project", "create", "hello"])?;
        demo.call(&[
            "environment",
            "create",
            "hello/production",
            "--server",
            "ship",
        ])?;
        let folder = demo.app.to_string_lossy();
        let settings = [
            "--port",
            "8000",
            "--health-path",
            "/healthz",
            "--health-start",
            "10",
        ];
        let service = ["service", "create", "hello/web", "--folder", &folder];
        demo.call(&[&service[..], &settings].concat())?;
        demo.call(&["deploy", WEB, "--yes"])
    })?;
    steps.time("give it a domain with HTTPS", || {
        let add = [
            "domain",
            "add",
            HOST,
            "--to",
            WEB,
            "--account",
            "cloudflare",
            "--yes",
        ];
        demo.call(&add)
    })?;
    demo.expect_version("1")?;
    steps.time("release a broken version (refused)", || {
        demo.edit("VERSION = \"1\"", "VERSION = \"2\"")?;
        demo.edit(
            "self.answer(200, \"text/plain\", \"ok\\n\")",
            "self.answer(500, \"text/plain\", \"the database is missing\\n\")",
        )?;
        demo.call_failing(&["deploy", WEB, "--yes"])
    })?;
    demo.expect_version("1")?;
    steps.time("release a good version", || {
        demo.edit("VERSION = \"2\"", "VERSION = \"3\"")?;
        demo.edit(
            "self.answer(500, \"text/plain\", \"the database is missing\\n\")",
            "self.answer(200, \"text/plain\", \"ok\\n\")",
        )?;
        demo.call(&["deploy", WEB, "--yes"])
    })?;
    demo.expect_version("3")?;
    steps.time("roll back", || demo.call(&["rollback", WEB, "--yes"]))?;
    demo.expect_version("1")?;

    let cost = demo.json(&["server", "list"])?;
    println("");
    println(&format!("https://{HOST}/ answered with version 1."));
    steps.print();
    if let Some(cents) = monthly_cents(&cost) {
        let (dollars, cents) = (cents / 100, cents % 100);
        println(&format!(
            "On the real clouds this would cost ${dollars}.{cents:02} a month."
        ));
    }

    if keep {
        practice.keep();
        println("");
        println("It is left running. To look at it, in this shell:");
        for (name, value) in demo.environment() {
            println(&format!("  export {name}='{}'", value.display()));
        }
        println(&format!(
            "  {} domain check {HOST}",
            built.plimsoll.display()
        ));
        println(&format!(
            "  {} practice stop --wipe    # when you are done",
            built.plimsoll.display()
        ));
        return Ok(());
    }
    say("Cleaning up");
    demo.call(&["domain", "remove", HOST, "--yes"])?;
    demo.call(&["server", "destroy", "ship", "--force", "ship", "--yes"])?;
    drop(practice);
    fs::remove_dir_all(&demo.folder)?;
    Ok(())
}

fn monthly_cents(servers: &Value) -> Option<u64> {
    let servers = servers.as_array()?;
    Some(
        servers
            .iter()
            .filter_map(|server| server["price_cents_month"].as_u64())
            .sum(),
    )
}

/// What the demo works with: a home of its own and a copy of the sample application.
struct Demo {
    plimsoll: PathBuf,
    agent: PathBuf,
    practice: PathBuf,
    folder: PathBuf,
    app: PathBuf,
}

impl Demo {
    fn new(built: &Built, practice: &Practice) -> Done<Self> {
        let folder = setup::target().join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let app = folder.join("hello");
        fs::create_dir_all(&app)?;
        fs::copy(
            setup::root().join("examples/hello/app.py"),
            app.join("app.py"),
        )?;
        // The demo keeps its tokens in a sealed file, so that it leaves nothing in the keychain.
        write_private(&folder.join("passphrase"), "only for the practice cloud\n")?;
        Ok(Self {
            plimsoll: built.plimsoll.clone(),
            agent: built.agent.clone(),
            practice: practice.folder.clone(),
            folder,
            app,
        })
    }

    fn environment(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("PLIMSOLL_HOME", self.folder.join("home")),
            ("PLIMSOLL_PASSPHRASE_FILE", self.folder.join("passphrase")),
            ("PLIMSOLL_PRACTICE", self.practice.clone()),
            ("PLIMSOLL_AGENT", self.agent.clone()),
        ]
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.plimsoll);
        command
            .args(arguments)
            .envs(self.environment())
            .stdin(Stdio::null());
        command
    }

    /// Calls `plimsoll` as a user would, and shows it.
    fn call(&self, arguments: &[&str]) -> Done {
        println(&format!("\n$ plimsoll {}", arguments.join(" ")));
        if self.command(arguments).status()?.success() {
            return Ok(());
        }
        Err(Trouble(format!(
            "`plimsoll {}` failed",
            arguments.join(" ")
        )))
    }

    /// Calls `plimsoll` expecting that it refuses.
    fn call_failing(&self, arguments: &[&str]) -> Done {
        match self.call(arguments) {
            Err(_) => Ok(()),
            Ok(()) => Err(Trouble(format!(
                "`plimsoll {}` should have failed and did not",
                arguments.join(" ")
            ))),
        }
    }

    fn json(&self, arguments: &[&str]) -> Done<Value> {
        let output = self.command(arguments).arg("--json").output()?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Trouble(format!("`plimsoll {}`: {error}", arguments.join(" "))))
    }

    /// Looks at the site from outside and checks which version answers.
    fn expect_version(&self, version: &str) -> Done {
        let seen = self.json(&["domain", "check", HOST])?;
        let body = seen["https"]["body"].as_str().unwrap_or_default();
        if body.contains(&format!("This is version {version}.")) {
            println(&format!("https://{HOST}/ answers with version {version}."));
            return Ok(());
        }
        Err(Trouble(format!(
            "https://{HOST}/ should answer with version {version}: {seen}"
        )))
    }

    fn edit(&self, from: &str, to: &str) -> Done {
        let path = self.app.join("app.py");
        let text = fs::read_to_string(&path)?;
        if !text.contains(from) {
            return Err(Trouble(format!(
                "the sample application no longer says {from}"
            )));
        }
        fs::write(path, text.replace(from, to))?;
        Ok(())
    }
}

fn write_private(path: &Path, text: &str) -> Done {
    fs::write(path, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// The steps and how long each took.
#[derive(Default)]
struct Steps(Vec<(&'static str, Duration)>);

impl Steps {
    fn time(&mut self, title: &'static str, act: impl FnOnce() -> Done) -> Done {
        say(format!("Now: {title}"));
        let began = Instant::now();
        act()?;
        self.0.push((title, began.elapsed()));
        Ok(())
    }

    fn print(&self) {
        let width = self
            .0
            .iter()
            .map(|(title, _)| title.len())
            .max()
            .unwrap_or(0);
        for (title, took) in &self.0 {
            println(&format!("  {title:width$}  {:6.1} s", took.as_secs_f64()));
        }
    }
}
