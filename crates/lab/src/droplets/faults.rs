//! What goes wrong with a droplet on demand, and how it is mended.

use super::{Inner, exec, network};
use crate::error::LabError;
use crate::ground::{DropletFault, PowerState};

/// The file that fills the disk. All droplets of a lab stand on one disk, so that a full one is
/// full for all of them, as it is for services on one server.
const FILLER: &str = "/var/lib/docker/practice-disk-full";

/// What is left when a disk counts as filled, beyond what was to be left, bytes.
const SMALLEST_STEP: u64 = 64 << 10;

impl Inner {
    pub(super) async fn fault(
        &self,
        droplet_id: u64,
        fault: &DropletFault,
    ) -> Result<(), LabError> {
        let mut droplet = self.droplet(droplet_id)?;
        match fault {
            DropletFault::Cut => droplet.cut = true,
            DropletFault::Slow { delay_ms } => droplet.delay_ms = *delay_ms,
            DropletFault::Mend => {
                droplet.cut = false;
                droplet.delay_ms = 0;
            }
            DropletFault::DiskFull { leave_bytes } => {
                return self.fill_disk(droplet_id, *leave_bytes).await;
            }
            DropletFault::NewHostKey => return self.new_host_key(droplet_id).await,
            DropletFault::SshDown => {
                // The socket unit, where there is one, would start it again.
                let stop = ["systemctl", "stop", "ssh.service", "ssh.socket"];
                return self.inside(droplet_id, &stop, "stop sshd").await;
            }
        }
        let on = self.observe(droplet_id).await? == PowerState::On;
        if on {
            network::apply(&self.docker, &self.name(droplet_id), &droplet, &[]).await?;
        }
        self.book.write(|pages| {
            if let Some(known) = pages.droplets.get_mut(&droplet_id) {
                known.cut = droplet.cut;
                known.delay_ms = droplet.delay_ms;
            }
        })?;
        if on && *fault == DropletFault::Mend {
            self.inside(droplet_id, &["rm", "-f", FILLER], "free the disk")
                .await?;
            self.inside(
                droplet_id,
                &["systemctl", "start", "ssh.service"],
                "start sshd",
            )
            .await?;
        }
        Ok(())
    }

    async fn inside(&self, id: u64, command: &[&str], doing: &str) -> Result<(), LabError> {
        exec::must(&self.docker, &self.name(id), command, doing).await?;
        Ok(())
    }

    async fn new_host_key(&self, id: u64) -> Result<(), LabError> {
        let doing = "replace the SSH host keys";
        let find = ["find", "/etc/ssh", "-name", "ssh_host_*", "-delete"];
        self.inside(id, &find, doing).await?;
        self.inside(id, &["ssh-keygen", "-A"], doing).await?;
        self.inside(id, &["systemctl", "restart", "ssh.service"], doing)
            .await
    }

    /// Fills the disk with a file that takes blocks and writes none of them.
    async fn fill_disk(&self, id: u64, leave_bytes: u64) -> Result<(), LabError> {
        let doing = "fill the droplet's disk";
        if !self.may_fill_disk {
            return Err(LabError::Network {
                doing: doing.into(),
                cause: "on this engine droplets share the host's disk, which stays as it is; an \
                        engine of the practice cloud's own has a disk that may be filled"
                    .into(),
            });
        }
        self.inside(id, &["rm", "-f", FILLER], doing).await?;
        let mut length = 0;
        let mut step = u64::MAX;
        while step >= SMALLEST_STEP {
            let missing = self
                .free_bytes(id, doing)
                .await?
                .saturating_sub(leave_bytes);
            step = step.min(missing);
            let (offset, more) = (length.to_string(), step.to_string());
            let fill = ["fallocate", "-o", &offset, "-l", &more, FILLER];
            // The file system needs blocks of its own for a large file, and does not say how many.
            let filled =
                step > 0 && exec::run(&self.docker, &self.name(id), &fill).await?.code == 0;
            (length, step) = if filled {
                (length + step, u64::MAX)
            } else {
                (length, step / 2)
            };
            if missing < SMALLEST_STEP {
                break;
            }
        }
        Ok(())
    }

    async fn free_bytes(&self, id: u64, doing: &str) -> Result<u64, LabError> {
        let df = ["df", "--block-size=1", "--output=avail", "/var/lib/docker"];
        let said = exec::must(&self.docker, &self.name(id), &df, doing).await?;
        let free = said
            .lines()
            .last()
            .and_then(|line| line.trim().parse().ok());
        free.ok_or_else(|| LabError::Network {
            doing: doing.into(),
            cause: said.clone(),
        })
    }
}
