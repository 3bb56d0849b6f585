//! What goes wrong with a droplet on demand, and how it is mended.

use super::{Inner, exec, network};
use crate::error::LabError;
use crate::ground::{DropletFault, PowerState};

/// The file that fills a disk.
const FILLER: &str = "/var/lib/docker/practice-disk-full";

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

    async fn fill_disk(&self, _id: u64, _leave_bytes: u64) -> Result<(), LabError> {
        Err(LabError::Network {
            doing: "fill the droplet's disk".into(),
            cause: "droplets of this engine share the host's disk".into(),
        })
    }
}
