//! Notices: what people have to be told at the next opportunity, kept until they have read it.

use crate::{Engine, Result, error::EngineError, ports::PortError};
use plimsoll_domain::job::Failure;
use serde::{Deserialize, Serialize};

/// Under which settings notices are kept; the moment follows.
const PREFIX: &str = "notice:";

/// Something that people have to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Tells it from others.
    #[serde(skip)]
    pub id: String,
    /// What happened, in a line.
    pub title: String,
    /// What it means and what to do.
    pub text: String,
}

impl Engine {
    /// Notices that nobody has put away, oldest first.
    pub async fn notices(&self) -> Result<Vec<Notice>> {
        let kept = self.world.store.settings_under(PREFIX).await?;
        let read = |(name, text): (String, String)| {
            let notice: Notice = serde_json::from_str(&text).ok()?;
            let id = name.strip_prefix(PREFIX)?.to_owned();
            Some(Notice { id, ..notice })
        };
        let kept = kept.into_iter().filter_map(read);
        Ok(kept.chain(self.unnoted()).collect())
    }

    /// Puts a notice away; `Ok` when it is gone already.
    pub async fn dismiss_notice(&self, id: &str) -> Result<()> {
        if self.dismiss_unnoted(id) {
            return Ok(());
        }
        let mut write = self.world.store.write().await?;
        write.forget_setting(&format!("{PREFIX}{id}")).await?;
        write.commit().await?;
        Ok(())
    }

    /// Keeps a notice until it is put away.
    pub async fn leave_notice(&self, title: &str, text: &str) -> Result<()> {
        let clean = |text: &str| self.world.redactor.text(text).into_owned();
        let notice = Notice {
            id: String::new(),
            title: clean(title),
            text: clean(text),
        };
        let kept = serde_json::to_string(&notice)
            .map_err(|error| EngineError::internal("internal", error.to_string()))?;
        let mut write = self.world.store.write().await?;
        let name = format!("{PREFIX}{}", self.world.now());
        write.set_setting(&name, &kept).await?;
        write.commit().await?;
        Ok(())
    }

    /// Keeps what was done about a damaged store, which is open again by now.
    pub async fn note_mended(&self, damage: &Failure) -> Result<()> {
        let text = format!("{} {}", damage.message, damage.next_step);
        self.leave_notice("Plimsoll's database was damaged", &text)
            .await
    }
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        PortError::from(failure).into()
    }
}
