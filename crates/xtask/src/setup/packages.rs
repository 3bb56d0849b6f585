//! Debian and Ubuntu packages, each known by one thing that it brings.

use super::target;
use crate::run::{Done, Trouble, found, output, run, say};
use std::{fs, path::Path, process::Command};

/// By what a package that is there is known.
#[derive(Clone, Copy)]
enum Sign {
    /// A program on the path.
    Program(&'static str),
    /// A library that can be compiled against, as pkg-config names it.
    Library(&'static str),
    /// A file.
    File(&'static str),
}
use Sign::{File, Library, Program};

/// What the practice cloud and the tests of everything but the window need.
const PRACTICE: [(&str, Sign); 24] = [
    ("docker.io", Program("dockerd")),
    ("docker-registry", Program("docker-registry")),
    ("iptables", Program("iptables")),
    ("nftables", Program("nft")),
    ("iproute2", Program("ip")),
    ("mmdebstrap", Program("mmdebstrap")),
    ("busybox-static", Program("busybox")),
    ("zstd", Program("zstd")),
    ("openssh-client", Program("ssh")),
    ("openssh-server", Program("sshd")),
    ("git", Program("git")),
    ("restic", Program("restic")),
    ("bind9-dnsutils", Program("dig")),
    ("pebble", Program("pebble")),
    ("rsync", Program("rsync")),
    ("dbus", Program("dbus-run-session")),
    ("gnome-keyring", Program("gnome-keyring-daemon")),
    ("gcc", Program("cc")),
    ("musl-tools", Program("musl-gcc")),
    ("nginx-light", Program("nginx")),
    ("openssl", Program("openssl")),
    ("curl", Program("curl")),
    ("e2fsprogs", Program("mkfs.ext4")),
    ("python3", Program("python3")),
];

/// What the window needs to be built, shown, driven and pictured.
const WINDOW: [(&str, Sign); 15] = [
    ("libwebkit2gtk-4.1-dev", Library("webkit2gtk-4.1")),
    (
        "libayatana-appindicator3-dev",
        Library("ayatana-appindicator3-0.1"),
    ),
    ("librsvg2-dev", Library("librsvg-2.0")),
    ("pkg-config", Program("pkg-config")),
    ("g++", Program("c++")),
    ("webkit2gtk-driver", Program("WebKitWebDriver")),
    ("xvfb", Program("Xvfb")),
    ("xauth", Program("xauth")),
    ("dbus", Program("dbus-daemon")),
    ("gnome-keyring", Program("gnome-keyring-daemon")),
    ("libsecret-tools", Program("secret-tool")),
    ("imagemagick", Program("convert")),
    (
        "fonts-dejavu-core",
        File("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    ),
    (
        "fonts-noto-core",
        File("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
    ),
    ("chromium", Program("chromium")),
];

/// What compiles C for Windows.
const WINDOWS: [(&str, Sign); 2] = [
    ("gcc-mingw-w64-x86-64", Program("x86_64-w64-mingw32-gcc")),
    ("g++-mingw-w64-x86-64", Program("x86_64-w64-mingw32-g++")),
];

impl Sign {
    fn is_there(self) -> bool {
        match self {
            Program(name) => found(name),
            Library(name) => compiles_against(name),
            File(path) => Path::new(path).is_file(),
        }
    }
}

/// Whether a library's description lies where pkg-config looks.
fn compiles_against(library: &str) -> bool {
    let file = format!("{library}.pc");
    let folders = ["/usr/lib/pkgconfig", "/usr/share/pkgconfig"];
    if folders
        .iter()
        .any(|folder| Path::new(folder).join(&file).is_file())
    {
        return true;
    }
    // Debian keeps one folder for each kind of processor.
    let Ok(entries) = fs::read_dir("/usr/lib") else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.path().join("pkgconfig").join(&file).is_file())
}

/// Installs what the practice cloud needs.
pub fn for_practice() -> Done {
    install(&PRACTICE)
}

/// Installs what the window needs to be built and shown, besides what the practice cloud needs.
pub fn for_window() -> Done {
    let all: Vec<(&str, Sign)> = PRACTICE.into_iter().chain(WINDOW).collect();
    install(&all)
}

/// Installs what it takes to check the code for Windows.
pub fn for_windows() -> Done {
    install(&WINDOWS)
}

fn install(wanted: &[(&'static str, Sign)]) -> Done {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let mut missing: Vec<&str> = wanted
        .iter()
        .filter(|(_, sign)| !sign.is_there())
        .map(|(package, _)| *package)
        .collect();
    missing.dedup();
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
    let Ok(sudo) = needs_sudo() else {
        return Err(Trouble(format!(
            "These packages are missing, and installing them needs root: {list}.\n\
             Next step: sudo apt-get install --no-install-recommends {list}"
        )));
    };
    say(format!("Installing {list}"));
    let apt = |arguments: &[&str]| {
        let mut command = rooted(sudo, "env");
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

/// A program that runs as root.
pub fn as_root(program: &str) -> Done<Command> {
    needs_sudo().map(|sudo| rooted(sudo, program))
}

/// Whether being root takes `sudo`; an error where it cannot be had without a password.
fn needs_sudo() -> Done<bool> {
    if output(Command::new("id").arg("-u"))?.trim() == "0" {
        return Ok(false);
    }
    if found("sudo") && output(Command::new("sudo").args(["-n", "true"])).is_ok() {
        return Ok(true);
    }
    Err(Trouble(
        "This needs root.\nNext step: run it as root, or allow sudo without a password.".into(),
    ))
}

fn rooted(sudo: bool, program: &str) -> Command {
    if !sudo {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
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
            fs::create_dir_all(target())?;
            fs::write(&draft, "#!/bin/sh\nexit 101\n")?;
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
        rooted(self.sudo, program)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_package_is_named_with_two_signs() {
        for (package, _) in PRACTICE.iter().chain(&WINDOW) {
            let signs: std::collections::BTreeSet<String> = PRACTICE
                .iter()
                .chain(&WINDOW)
                .filter(|(other, _)| other == package)
                .map(|(_, sign)| match sign {
                    // Each of its programs shows that dbus is there.
                    Program(name) if name.starts_with("dbus-") => "dbus".to_owned(),
                    Program(name) | Library(name) | File(name) => (*name).to_owned(),
                })
                .collect();
            assert_eq!(signs.len(), 1, "{package}: {signs:?}");
        }
    }

    #[test]
    fn a_library_that_nobody_has_is_missing() {
        assert!(!compiles_against("plimsoll-has-no-such-library"));
        assert!(!File("/usr/share/fonts/no-such-font.ttf").is_there());
    }
}
