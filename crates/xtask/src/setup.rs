//! Set-up: finds what is missing, installs it where it can, and says plainly what it needs where
//! it cannot.

use crate::run::{Done, Trouble, found, output, run, say};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Debian and Ubuntu packages by what they bring, checked through one program each.
const PACKAGES: [(&str, &str); 22] = [
    ("docker.io", "dockerd"),
    ("iptables", "iptables"),
    ("nftables", "nft"),
    ("iproute2", "ip"),
    ("mmdebstrap", "mmdebstrap"),
    ("busybox-static", "busybox"),
    ("zstd", "zstd"),
    ("openssh-client", "ssh"),
    ("openssh-server", "sshd"),
    ("git", "git"),
    ("bind9-dnsutils", "dig"),
    ("pebble", "pebble"),
    ("rsync", "rsync"),
    ("dbus", "dbus-run-session"),
    ("gnome-keyring", "gnome-keyring-daemon"),
    ("gcc", "cc"),
    ("musl-tools", "musl-gcc"),
    ("nginx-light", "nginx"),
    ("openssl", "openssl"),
    ("curl", "curl"),
    ("e2fsprogs", "mkfs.ext4"),
    ("python3", "python3"),
];

/// The target of what runs on servers: static, so that any distribution carries it.
pub const AGENT_TARGET: &str = match std::env::consts::ARCH.as_bytes() {
    b"aarch64" => "aarch64-unknown-linux-musl",
    _ => "x86_64-unknown-linux-musl",
};

/// Where the parts of a built Plimsoll lie.
pub struct Built {
    /// The `plimsoll` command.
    pub plimsoll: PathBuf,
    /// The static agent.
    pub agent: PathBuf,
}

/// The workspace's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .and_then(Path::parent)
        .unwrap_or(here)
        .to_path_buf()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A cargo call in the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root());
    command
}

/// Installs what the practice cloud and the tests need.
pub fn packages() -> Done {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, program)| !found(program))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !found("apt-get") {
        return Err(Trouble(format!(
            "These are missing, and there is no apt-get to install them with: {list}.\n\
             Next step: install them with your system's package manager and try again."
        )));
    }
    let root = output(Command::new("id").arg("-u"))?.trim() == "0";
    let sudo = !root && found("sudo") && output(Command::new("sudo").args(["-n", "true"])).is_ok();
    if !root && !sudo {
        return Err(Trouble(format!(
            "These packages are missing, and installing them needs root: {list}.\n\
             Next step: sudo apt-get install --no-install-recommends {list}"
        )));
    }
    say(format!("Installing {list}"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if sudo { "sudo" } else { "env" });
        command.arg("DEBIAN_FRONTEND=noninteractive").arg("apt-get");
        command
            .args(["-qq", "-o", "DPkg::Lock::Timeout=600"])
            .args(arguments);
        command.stdout(std::process::Stdio::null());
        run(&mut command)
    };
    apt(&["update"])?;
    let _quiet = NoServices::begin(sudo)?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&arguments)
}

/// While it stands, packages that are installed start no services: no port opens that nobody
/// asked for (invoke-rc.d(8), policy-rc.d).
struct NoServices {
    sudo: bool,
    ours: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn begin(sudo: bool) -> Done<Self> {
        let ours = !Path::new(Self::POLICY).exists();
        let guard = Self { sudo, ours };
        if ours {
            let draft = target().join("policy-rc.d");
            std::fs::create_dir_all(target())?;
            std::fs::write(&draft, "#!/bin/sh\nexit 101\n")?;
            let install = ["-m", "755"];
            run(guard
                .command("install")
                .args(install)
                .arg(&draft)
                .arg(Self::POLICY))?;
        }
        Ok(guard)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(if self.sudo { "sudo" } else { "env" });
        command.arg(program);
        command
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(trouble) = run(self.command("rm").arg(Self::POLICY))
        {
            say(format!("{} stays behind: {trouble}", Self::POLICY));
        }
    }
}

/// Builds the command and the agent.
pub fn build() -> Done<Built> {
    if found("rustup") {
        let installed = output(Command::new("rustup").args(["target", "list", "--installed"]))?;
        if !installed.lines().any(|line| line.trim() == AGENT_TARGET) {
            say(format!("Adding the Rust target {AGENT_TARGET}"));
            run(Command::new("rustup").args(["target", "add", AGENT_TARGET]))?;
        }
    }
    say("Building the agent, static");
    let profile = ["--profile", "agent", "--target", AGENT_TARGET];
    run(cargo(&["build", "--quiet", "-p", "plimsoll-agent"]).args(profile))?;
    say("Building plimsoll");
    run(&mut cargo(&["build", "--quiet", "-p", "plimsoll-cli"]))?;
    Ok(Built {
        plimsoll: target()
            .join("debug")
            .join(format!("plimsoll{}", std::env::consts::EXE_SUFFIX)),
        agent: target()
            .join(AGENT_TARGET)
            .join("agent")
            .join("plimsoll-agent"),
    })
}

/// Builds what the agent's own tests run: its debug binary, which can be crashed on purpose.
pub fn build_agent_for_tests() -> Done {
    say("Building the agent for its own tests");
    let parts = ["--target", AGENT_TARGET, "--bins", "--examples"];
    run(cargo(&["build", "--quiet", "-p", "plimsoll-agent"]).args(parts))
}

/// A Python with the official clients of both clouds, in a folder of its own.
pub fn python() -> Done<Option<PathBuf>> {
    let wanted = root().join("crates/lab/tests/sdk/requirements.txt");
    if !found("python3") || !wanted.is_file() {
        return Ok(None);
    }
    let folder = target().join("sdk-python");
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    let text = std::fs::read_to_string(&wanted)?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(Some(python));
    }
    say("Installing the official Python clients of both clouds");
    if output(Command::new("python3").args(["-m", "venv"]).arg(&folder)).is_err() {
        // Debian keeps venv in a package of its own.
        return Ok(None);
    }
    let install = ["-m", "pip", "install", "--quiet", "--requirement"];
    run(Command::new(&python).args(install).arg(&wanted))?;
    std::fs::write(&stamp, text)?;
    Ok(Some(python))
}
