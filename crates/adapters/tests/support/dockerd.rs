//! A real dockerd of a test's own.

#![allow(dead_code, clippy::unwrap_used)]

use plimsoll_adapters::docker::LocalEngine;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A dockerd that ends with the test.
pub struct Engine {
    pub folder: tempfile::TempDir,
    child: Child,
}

impl Engine {
    /// `None` where the machine cannot run one.
    pub fn start() -> Option<Self> {
        let is_root = nix::unistd::getuid().is_root();
        if !is_root || Command::new("dockerd").arg("--version").output().is_err() {
            eprintln!("skipped: dockerd (Debian: docker.io) and root are needed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("config.json"), "{}").unwrap();
        // Where the machine runs a containerd already, dockerd shares it.
        let namespace = format!("plimsoll-test-{}", std::process::id());
        let child = Command::new("dockerd")
            .args(["--containerd-namespace", &namespace])
            .args([
                "--containerd-plugins-namespace",
                &format!("{namespace}-plugins"),
            ])
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--host"])
            .arg(format!("unix://{}", path("docker.sock")))
            .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
            .args([
                "--pidfile",
                &path("pid"),
                "--config-file",
                &path("config.json"),
            ])
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.path().join("log")).unwrap())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let engine = Self { folder, child };
        let start = Instant::now();
        while !engine.command(&["info"]).0 {
            let log = fs::read_to_string(engine.folder.path().join("log")).unwrap();
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "dockerd does not answer: {log}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(engine)
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    pub fn local(&self) -> LocalEngine {
        LocalEngine::at_socket(self.socket())
    }

    /// The Docker command against this engine: whether it succeeded, and what it said.
    pub fn command(&self, argv: &[&str]) -> (bool, String) {
        let output = Command::new("docker")
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .args(argv)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).trim().to_owned(),
        )
    }

    /// Loads an archive as the agent does; answers what the engine said.
    pub fn load(&self, archive: &Path) -> (bool, String) {
        let unpacked = self.folder.path().join("load.tar");
        let bytes = zstd::decode_all(fs::File::open(archive).unwrap()).unwrap();
        fs::write(&unpacked, bytes).unwrap();
        self.command(&["load", "--input", &unpacked.display().to_string()])
    }

    pub fn has(&self, id: &str) -> bool {
        self.command(&["image", "inspect", id]).0
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
