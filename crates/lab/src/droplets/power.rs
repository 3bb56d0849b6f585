//! A droplet's power, as its owner switches it from outside.

use bollard::query_parameters::{KillContainerOptionsBuilder, StopContainerOptionsBuilder};

use super::Inner;
use crate::error::{Doing, LabError};
use crate::ground::{PowerAction, PowerState};

/// Seconds that a droplet has to shut down before its power is cut.
const SHUTDOWN_SECONDS: i32 = 30;

impl Inner {
    pub(super) async fn power(&self, droplet_id: u64, action: PowerAction) -> Result<(), LabError> {
        self.droplet(droplet_id)?;
        let on = !matches!(action, PowerAction::Off | PowerAction::Shutdown);
        self.book.write(|pages| {
            if let Some(droplet) = pages.droplets.get_mut(&droplet_id) {
                droplet.wanted_on = on;
            }
        })?;
        match action {
            PowerAction::On => {}
            PowerAction::Off | PowerAction::Cycle => self.cut_power(droplet_id).await?,
            PowerAction::Shutdown | PowerAction::Reboot => {
                let options = StopContainerOptionsBuilder::new()
                    .t(SHUTDOWN_SECONDS)
                    .build();
                let name = self.name(droplet_id);
                let doing = format!("shut down the droplet {droplet_id}");
                self.docker
                    .stop_container(&name, Some(options))
                    .await
                    .doing(doing)?;
            }
        }
        if on {
            self.start(droplet_id).await
        } else {
            Ok(())
        }
    }

    async fn cut_power(&self, droplet_id: u64) -> Result<(), LabError> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        match self
            .docker
            .kill_container(&self.name(droplet_id), Some(options))
            .await
        {
            // It was off already.
            Err(bollard::errors::Error::DockerResponseServerError {
                status_code: 409, ..
            }) => {}
            other => other.doing(format!("cut the power of the droplet {droplet_id}"))?,
        }
        // The engine notices the death a moment later, and would refuse to start it until then.
        while self.observe(droplet_id).await? == PowerState::On {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
