//! Real counterparts for the adapters: an sshd on the loopback interface, a keychain in memory.

#![allow(dead_code)]

pub mod fake_agent;
pub mod slow_line;
pub mod tls;

use async_trait::async_trait;
use plimsoll_domain::{Secret, SshKeyId, Timestamp, server::SshTarget};
use plimsoll_engine::ports::{Keychain, PortResult};
use std::{
    collections::HashMap,
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// A keychain that lives as long as the test.
#[derive(Default)]
pub struct MemoryKeychain(Mutex<HashMap<String, Secret>>);

#[async_trait]
impl Keychain for MemoryKeychain {
    async fn get(&self, entry: &str) -> PortResult<Option<Secret>> {
        Ok(self.0.lock().unwrap().get(entry).cloned())
    }
    async fn set(&self, entry: &str, value: &Secret) -> PortResult<()> {
        self.0
            .lock()
            .unwrap()
            .insert(entry.to_owned(), value.clone());
        Ok(())
    }
    async fn delete(&self, entry: &str) -> PortResult<()> {
        self.0.lock().unwrap().remove(entry);
        Ok(())
    }
}

/// A real sshd, with keys of its own, which ends with the test.
pub struct Sshd {
    pub folder: tempfile::TempDir,
    pub port: u16,
    pub keychain: Arc<MemoryKeychain>,
    pub key_id: SshKeyId,
    child: Child,
}

impl Sshd {
    /// Starts one that lets the current user in with a fresh key.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with further lines of configuration.
    pub async fn start_with(more: &str) -> Self {
        Self::start_as(more, None).await
    }

    /// Starts one that sees empty folders at `/usr/local/bin` and `/usr/local/lib`, but for this
    /// `systemd-run`, which finds the server's folder in `FOLDER`. Takes root.
    pub async fn start_in_folders_of_its_own(systemd_run: &str) -> Self {
        Self::start_as("", Some(systemd_run)).await
    }

    async fn start_as(more: &str, systemd_run: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (kind, name) in [
            ("ed25519", "host_ed25519"),
            ("rsa", "host_rsa"),
            ("ed25519", "login"),
        ] {
            key_pair(kind, &path(name));
        }
        fs::copy(path("login.pub"), path("authorized_keys")).unwrap();
        let port = free_port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\n{more}\nHostKey {}\n\
             AuthorizedKeysFile {}\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n\
             MaxStartups 100\n",
            path("host_ed25519").display(),
            path("host_rsa").display(),
            path("authorized_keys").display(),
        );
        fs::write(path("sshd_config"), config).unwrap();
        // OpenSSH's separation of privileges wants this folder when root starts it.
        let _ = fs::create_dir_all("/run/sshd");
        let log = fs::File::create(path("log")).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        if let Some(systemd_run) = systemd_run {
            let text = systemd_run.replacen(
                "\n",
                &format!("\nFOLDER='{}'\n", folder.path().display()),
                1,
            );
            fs::write(path("systemd-run"), text).unwrap();
            let script = "mount -t tmpfs none /usr/local/bin && \
                mount -t tmpfs none /usr/local/lib && \
                install -m 755 \"$1\" /usr/local/bin/systemd-run && shift && exec \"$@\"";
            command = Command::new("unshare");
            command
                .args(["--mount", "--", "sh", "-c", script, "sh"])
                .arg(path("systemd-run"))
                .arg("/usr/sbin/sshd");
        }
        let child = command
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("these tests need OpenSSH's server: apt-get install openssh-server");
        let keychain = Arc::new(MemoryKeychain::default());
        let key_id = SshKeyId::mint(Timestamp::from_millis(1_790_000_000_000), [7; 10]);
        let private = fs::read_to_string(path("login")).unwrap();
        keychain
            .set(&format!("ssh-key/{key_id}"), &Secret::new(private))
            .await
            .unwrap();
        let sshd = Self {
            folder,
            port,
            keychain,
            key_id,
            child,
        };
        sshd.wait_until_it_listens();
        sshd
    }

    /// How to reach it.
    pub fn target(&self) -> SshTarget {
        SshTarget {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: user(),
            host_key: self.public_key("host_ed25519"),
            key_id: self.key_id,
            proxy: None,
        }
    }

    /// A public key of its folder, without the comment.
    pub fn public_key(&self, name: &str) -> String {
        let line = fs::read_to_string(self.folder.path().join(format!("{name}.pub"))).unwrap();
        line.split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Sends a signal to every process that serves a connection.
    pub fn signal_connections(&self, signal: nix::sys::signal::Signal) -> usize {
        let children = children_of(self.child.id());
        for child in &children {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(*child), signal);
        }
        children.len()
    }

    fn wait_until_it_listens(&self) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "sshd does not listen: {log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.signal_connections(nix::sys::signal::Signal::SIGKILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a key pair with OpenSSH's own tool.
pub fn key_pair(kind: &str, path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", "test", "-t", kind, "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Who runs the test.
pub fn user() -> String {
    nix::unistd::User::from_uid(nix::unistd::getuid())
        .unwrap()
        .unwrap()
        .name
}

fn children_of(pid: u32) -> Vec<i32> {
    let path = PathBuf::from(format!("/proc/{pid}/task/{pid}/children"));
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}
