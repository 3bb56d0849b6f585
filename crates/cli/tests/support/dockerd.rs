//! A Docker engine for tests of local runs, in a network of its own.

#![allow(dead_code, clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A static shell with everything that the images need.
const BUSYBOX: &str = "/bin/busybox";

/// Stands for the official image of Postgres: the same variables, the same folder, the same
/// question whether it is ready.
const DATABASE: &str = r#"#!/bin/sh
mkdir -p "$PGDATA"
[ -f "$PGDATA/password" ] || printf '%s' "$POSTGRES_PASSWORD" > "$PGDATA/password"
[ "$(cat "$PGDATA/password")" = "$POSTGRES_PASSWORD" ] || { echo "wrong password"; exit 1; }
echo "database $POSTGRES_DB of $POSTGRES_USER"
touch /ready
trap 'exit 0' TERM
while true; do sleep 1 & wait; done
"#;

/// A dockerd in a network of its own, which ends with the test.
pub struct Docker {
    pub folder: tempfile::TempDir,
    /// The name of its network; `None` where that is the caller's.
    network: Option<String>,
    child: Child,
}

/// What has to be there; `None` where it is not and nobody insists.
pub fn is_possible() -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|of| {
        use std::os::unix::fs::MetadataExt;
        of.uid() == 0
    });
    let runs = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let agent = std::env::var_os("PLIMSOLL_AGENT").is_some();
    let missing = if !is_root {
        "root"
    } else if !runs("dockerd") {
        "dockerd (Debian: docker.io)"
    } else if !Path::new(BUSYBOX).exists() {
        "busybox-static"
    } else if !agent {
        "PLIMSOLL_AGENT, the static agent"
    } else {
        return true;
    };
    assert!(
        std::env::var_os("PLIMSOLL_TEST_WINDOW").is_none(),
        "{missing} is missing: run `cargo xtask setup`"
    );
    eprintln!("SKIPPED: {missing} is missing; `cargo xtask test` brings it");
    false
}

pub fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).status().unwrap();
    assert!(done.success(), "ip {arguments:?} failed");
}

impl Docker {
    /// One in a network that only it has.
    pub fn start() -> Self {
        let network = format!("plimsoll-runs-{}", std::process::id());
        ip(&["netns", "add", &network]);
        ip(&["-n", &network, "link", "set", "lo", "up"]);
        Self::beside(Some(network))
    }

    /// One in the network of the calling thread, which no other engine may use.
    pub fn here() -> Self {
        Self::beside(None)
    }

    fn beside(network: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Where the machine runs a containerd already, dockerd shares it.
        let namespace = format!("plimsoll-runs-{}", std::process::id());
        let at = |part: &str| folder.path().join(part).display().to_string();
        fs::write(at("config.json"), "{}").unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let mut command = within(network.as_deref(), "dockerd");
        command
            .args(["--data-root", &at("data"), "--exec-root", &at("exec")])
            .args(["--pidfile", &at("pid"), "--config-file", &at("config.json")])
            .args(["--host", &format!("unix://{}", at("docker.sock"))])
            .args(["--containerd-namespace", &namespace])
            .args([
                "--containerd-plugins-namespace",
                &format!("{namespace}-plugins"),
            ])
            .args(["--bip", "10.233.144.1/24"])
            .args(["--default-address-pool", "base=10.233.192.0/18,size=24"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            command.args(["--exec-opt", "native.cgroupdriver=cgroupfs"]);
        }
        let docker = Self {
            child: command.spawn().unwrap(),
            network,
            folder,
        };
        let begun = Instant::now();
        while docker.ask(&["info"]).is_none() {
            let log = fs::read_to_string(docker.folder.path().join("log")).unwrap();
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no engine: {log}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        docker
    }

    pub fn host(&self) -> String {
        format!(
            "unix://{}",
            self.folder.path().join("docker.sock").display()
        )
    }

    /// The docker command; its output when it went well.
    pub fn ask(&self, argv: &[&str]) -> Option<String> {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host()).args(argv);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }

    pub fn ids(&self, what: &[&str]) -> Vec<String> {
        let told = self.ask(what).unwrap();
        told.lines().map(str::to_owned).collect()
    }

    /// Names of the containers of runs.
    pub fn containers(&self) -> Vec<String> {
        self.ids(&[
            "ps",
            "-a",
            "--filter",
            "label=plimsoll.run.project",
            "--format",
            "{{.Names}}",
        ])
    }

    /// A program in the engine's network.
    pub fn inside(&self, program: &str) -> Command {
        within(self.network.as_deref(), program)
    }

    /// The text at an address on the engine's loopback.
    pub fn get(&self, url: &str) -> Option<String> {
        let output = self
            .inside("curl")
            .args(["--silent", "--fail", "--max-time", "5", url])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    /// Builds the stand-in for Postgres.
    pub fn database_image(&self) {
        let folder = tempfile::tempdir().unwrap();
        programs(folder.path());
        fs::write(folder.path().join("database.sh"), DATABASE).unwrap();
        script(
            &folder.path().join("bin/pg_isready"),
            "#!/bin/sh\n[ -f /ready ]\n",
        );
        let dockerfile = "FROM scratch\nCOPY bin /bin\nCOPY database.sh /\n\
            ENTRYPOINT [\"/bin/sh\", \"/database.sh\"]\n";
        fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let at = folder.path().display().to_string();
        self.ask(&["build", "--tag", "postgres:test", &at]).unwrap();
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        if let Some(ids) = self.ask(&["ps", "-aq"]) {
            for id in ids.lines() {
                self.ask(&["rm", "--force", "--volumes", id]);
            }
        }
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
        if let Some(network) = &self.network {
            let _ = Command::new("ip").args(["netns", "del", network]).status();
        }
    }
}

/// A program in a network by its name, or in the caller's.
fn within(network: Option<&str>, program: &str) -> Command {
    let Some(network) = network else {
        return Command::new(program);
    };
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net=/run/netns/{network}"))
        .arg(program);
    command
}

pub fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Serves a page with its variables, writes what it starts with, and ends when it is asked to. The
/// page lies in memory: what the application itself writes down is its own affair.
const APPLICATION: &str = r#"#!/bin/sh
www=/www
[ -d /run/secrets ] && www=/run/secrets/www
mkdir -p $www
printf '%s|%s|%s|%s' "$GREETING" "$TOKEN" "$(cat /run/secrets/TOKEN 2>/dev/null)" "$DATABASE_URL" > $www/index.html
cat version > $www/version
echo "starts with $GREETING and ${TOKEN:-nothing}"
trap 'exit 0' TERM
httpd -f -p "0.0.0.0:$PORT" -h $www &
wait
"#;

/// Builds the practice application.
pub const DOCKERFILE: &str = "FROM scratch\n\
    COPY bin /bin\n\
    COPY app.sh version /\n\
    ENTRYPOINT [\"/bin/sh\", \"/app.sh\"]\n";

/// Writes the practice application into a folder.
pub fn application(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    programs(folder);
    fs::write(folder.join("app.sh"), APPLICATION).unwrap();
    fs::write(folder.join("version"), "one").unwrap();
    fs::write(folder.join("Dockerfile"), DOCKERFILE).unwrap();
}

/// The programs of an image without a base.
pub fn programs(folder: &Path) {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy(BUSYBOX, bin.join("busybox")).unwrap();
    for name in [
        "sh", "httpd", "cat", "mkdir", "touch", "sleep", "stty", "id",
    ] {
        std::os::unix::fs::symlink("busybox", bin.join(name)).unwrap();
    }
}
