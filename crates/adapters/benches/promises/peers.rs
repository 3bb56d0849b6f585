//! Those we are compared with, each driving the same kind of server with the tools that people
//! have: OpenSSH, rsync, zstd and Docker's own client.

use crate::{
    Done,
    app::App,
    cloud::Cloud,
    line::Line,
    program::{self, program},
    site::Site,
};
use plimsoll_lab::practice::Running;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

/// The name that the peers' site answers for.
const HOST: &str = "bench.test";
/// How long a new server may take to let us in.
const PATIENCE: Duration = Duration::from_secs(120);

/// One way to bring a change to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The least that can be: the files are there already, and one command over a connection that
    /// is open builds, runs, proves and switches.
    Floor,
    /// rsync, then one command.
    Rsync,
    /// Docker's client builds on the server's engine over SSH, then one command.
    DockerOverSsh,
    /// A build on this machine, the whole image over SSH, then one command.
    SaveAndLoad,
}

impl Peer {
    /// The name of its side in the samples.
    pub fn side(self) -> &'static str {
        match self {
            Peer::Floor => "floor",
            Peer::Rsync => "rsync and build",
            Peer::DockerOverSsh => "docker -H ssh://",
            Peer::SaveAndLoad => "docker save | ssh",
        }
    }
}

/// The peers' server and their tools.
pub struct Peers {
    /// Their site, at the server's door.
    pub site: Site,
    folder: PathBuf,
    app: App,
    local_engine: String,
    cloud: Cloud,
    droplet: u64,
}

impl Peers {
    /// Creates their server and prepares it; nothing of this is timed.
    pub async fn prepare(running: &Running, line: &Arc<Line>, folder: &Path) -> Done<Self> {
        fs::create_dir_all(folder)?;
        let key = folder.join("key");
        let mut keygen = program("ssh-keygen");
        keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f"])
            .arg(&key);
        program::run(&mut keygen).await?;
        let public = fs::read_to_string(folder.join("key.pub"))?;

        let cloud = Cloud::new(running)?;
        let (droplet, address) = cloud.droplet("bench-peers", public.trim()).await?;
        let door = line.forward(SocketAddr::new(address, 22)).await?;
        fs::write(folder.join("ssh_config"), ssh_config(folder, door))?;
        let wrapper = folder.join("bin/ssh");
        fs::create_dir_all(folder.join("bin"))?;
        fs::write(&wrapper, include_str!("scripts/ssh"))?;
        make_executable(&wrapper)?;
        let app = App::copy_to(&folder.join("app"))?;
        app.add_dockerfile()?;

        let peers = Self {
            site: Site::plain(SocketAddr::new(address, 80), HOST),
            folder: folder.to_owned(),
            app,
            local_engine: running.engine_endpoint.clone(),
            cloud,
            droplet,
        };
        peers.wait_until_ready().await?;
        peers
            .write("/root/bench/settle.sh", include_str!("scripts/settle.sh"))
            .await?;
        peers
            .write("/root/bench/release.sh", include_str!("scripts/release.sh"))
            .await?;
        peers
            .write("/root/bench/clear.sh", include_str!("scripts/clear.sh"))
            .await?;
        let site = include_str!("scripts/nginx.conf");
        peers.write("/etc/nginx/conf.d/bench.conf", site).await?;
        peers.first_release().await?;
        Ok(peers)
    }

    /// Brings the first version to the server and to this machine's engine, so that every later
    /// build finds its base.
    async fn first_release(&self) -> Done {
        self.make_ready(Peer::Rsync, 1).await?;
        self.release(Peer::Rsync, 1).await?;
        let base = self.base_image()?;
        program::run(&mut self.ssh("warm", &["docker", "pull", "--quiet", &base])).await?;
        let save = self.ssh("warm", &["docker", "save", &base]);
        let mut load = program("docker");
        load.args(["-H", &self.local_engine, "load", "--quiet"]);
        program::pipe(vec![save, load]).await
    }

    /// Makes the change that [`Peers::release`] brings to the server; not timed. For the floor it
    /// is there already.
    pub async fn make_ready(&self, peer: Peer, version: u32) -> Done {
        match peer {
            Peer::Floor => {
                self.write("/root/bench/app/app.py", &self.app.text(version))
                    .await
            }
            Peer::Rsync | Peer::DockerOverSsh | Peer::SaveAndLoad => self.app.set_version(version),
        }
    }

    /// Brings the change to the server and lets it serve.
    pub async fn release(&self, peer: Peer, version: u32) -> Done {
        let number = version.to_string();
        let tag = format!("bench:{number}");
        match peer {
            Peer::Floor => self.on_server("warm", "release.sh", &number).await,
            Peer::Rsync => {
                let mut rsync = program("rsync");
                let shell = self.folder.join("bin/ssh").display().to_string();
                rsync.args(["-az", "--delete", "--mkpath", "-e", &shell]);
                rsync.arg(format!("{}/", self.app.folder.display()));
                rsync.arg("cold:/root/bench/app/");
                program::run(&mut self.with_config(rsync)).await?;
                self.on_server("cold", "release.sh", &number).await
            }
            Peer::DockerOverSsh => {
                let mut docker = program("docker");
                docker.args(["-H", "ssh://cold", "build", "--quiet", "--tag", &tag]);
                docker.arg(&self.app.folder);
                program::run(&mut self.with_config(docker)).await?;
                self.on_server("cold", "settle.sh", &number).await
            }
            Peer::SaveAndLoad => {
                let mut build = program("docker");
                build.args(["-H", &self.local_engine, "build", "--quiet", "--tag", &tag]);
                program::run(build.arg(&self.app.folder)).await?;
                let mut save = program("docker");
                save.args(["-H", &self.local_engine, "save", &tag]);
                let mut compress = program("zstd");
                compress.args(["--threads=0", "--quiet"]);
                let load = self.ssh("cold", &["zstd -d | docker load --quiet"]);
                program::pipe(vec![save, compress, load]).await?;
                self.on_server("cold", "settle.sh", &number).await
            }
        }
    }

    /// Lets an earlier version serve again: its image is there, its container is not.
    pub async fn roll_back(&self, version: u32) -> Done {
        self.on_server("warm", "settle.sh", &version.to_string())
            .await
    }

    /// Removes what serves no longer; not timed.
    pub async fn clear(&self) -> Done {
        self.on_server("warm", "clear.sh", "").await
    }

    /// Leaves nothing behind, neither on the cloud nor on this machine's engine.
    pub async fn end(self) -> Done {
        program::run(&mut self.ssh_control("exit")).await?;
        let mut list = program("docker");
        list.args(["-H", &self.local_engine, "images", "--quiet", "bench"]);
        let images = program::output(&mut list).await?;
        let mut remove = program("docker");
        remove.args([
            "-H",
            &self.local_engine,
            "rmi",
            "--force",
            &self.base_image()?,
        ]);
        program::run(remove.args(images.split_whitespace())).await?;
        self.cloud.destroy(self.droplet).await
    }

    async fn on_server(&self, connection: &str, script: &str, argument: &str) -> Done {
        let script = format!("/root/bench/{script}");
        program::run(&mut self.ssh(connection, &["sh", &script, argument])).await
    }

    async fn write(&self, path: &str, text: &str) -> Done {
        let argument = ["install", "-D", "-m", "644", "/dev/stdin", path];
        program::feed(&mut self.ssh("warm", &argument), text).await
    }

    async fn wait_until_ready(&self) -> Done {
        let began = Instant::now();
        loop {
            let mut ready = self.ssh("warm", &["cloud-init", "status", "--wait"]);
            match program::run(&mut ready).await {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    fn base_image(&self) -> Done<String> {
        let dockerfile = fs::read_to_string(self.app.folder.join("Dockerfile"))?;
        let from = dockerfile
            .lines()
            .find_map(|line| line.strip_prefix("FROM "));
        Ok(from.ok_or("a Dockerfile without a base")?.trim().to_owned())
    }

    fn ssh(&self, connection: &str, words: &[&str]) -> Command {
        let mut ssh = program("ssh");
        ssh.arg("-F").arg(self.folder.join("ssh_config"));
        ssh.arg(connection).args(words);
        ssh
    }

    fn ssh_control(&self, word: &str) -> Command {
        let mut ssh = program("ssh");
        ssh.arg("-F").arg(self.folder.join("ssh_config"));
        ssh.args(["-O", word, "warm"]);
        ssh
    }

    /// Programs that start `ssh` themselves find one that knows where to go.
    fn with_config(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let wrapper = self.folder.join("bin");
        command.env("PATH", format!("{}:{path}", wrapper.display()));
        command.env("BENCH_PATH", path);
        command.env("BENCH_SSH_CONFIG", self.folder.join("ssh_config"));
        command
    }
}

fn ssh_config(folder: &Path, door: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "Host warm\n  ControlMaster auto\n  ControlPath {folder}/connection\n  ControlPersist yes\n\
         Host *\n  HostName {}\n  Port {}\n  HostKeyAlias bench\n  User root\n\
         \x20 IdentityFile {folder}/key\n  IdentitiesOnly yes\n  BatchMode yes\n\
         \x20 StrictHostKeyChecking accept-new\n  UserKnownHostsFile {folder}/known_hosts\n\
         \x20 LogLevel ERROR\n",
        door.ip(),
        door.port(),
    )
}

fn make_executable(path: &Path) -> Done {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o755),
    )?)
}
