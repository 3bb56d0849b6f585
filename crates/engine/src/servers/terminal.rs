//! A terminal on a server: a login shell that somebody types into.

use crate::{
    Engine, Result,
    ports::{Keyboard, Login, PortResult, Screen, ScreenSize, Shown},
};
use async_trait::async_trait;
use plimsoll_domain::{ServerId, job::Failure};
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Where a terminal's output goes.
#[async_trait]
pub trait Viewer: Send + Sync {
    /// Takes bytes. The server waits for as long as this does.
    async fn show(&self, bytes: Vec<u8>);
    /// Nothing comes any more.
    fn ended(&self, ending: Ending);
}

/// How a terminal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The shell ended with this status; `None` when a signal ended it.
    Left(Option<i32>),
    /// It was closed from here.
    Closed,
    /// The connection was lost.
    Lost(Failure),
}

/// An open terminal. Dropping it hangs up.
pub struct Terminal {
    keyboard: Arc<dyn Keyboard>,
    closing: CancellationToken,
}

impl Terminal {
    /// Sends what was typed.
    pub async fn write(&self, bytes: &[u8]) {
        self.keyboard.write(bytes).await;
    }

    /// Tells the size of the screen.
    pub fn resize(&self, size: ScreenSize) {
        self.keyboard.resize(size);
    }

    /// Hangs up.
    pub fn close(&self) {
        self.closing.cancel();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Engine {
    /// Opens a terminal on a server. That it was opened and closed is audited; what is typed is
    /// kept nowhere.
    pub async fn open_terminal(
        &self,
        server_id: ServerId,
        size: ScreenSize,
        viewer: Arc<dyn Viewer>,
    ) -> Result<Terminal> {
        let world = &self.world;
        let (server, target) = world.target(server_id).await?;
        let subject = format!("server:{server_id}");
        self.note(
            "terminal.open",
            subject.clone(),
            json!({"server": server.name, "login": target.user}),
        )
        .await?;
        let login = world.ports.servers.open_terminal(&target, size).await?;
        Ok(self.show_login(login, subject, viewer))
    }

    /// Has somebody look at a login until it ends, and has that audited.
    pub(crate) fn show_login(
        &self,
        login: Login,
        subject: String,
        viewer: Arc<dyn Viewer>,
    ) -> Terminal {
        let opened_at = self.world.now();
        let terminal = Terminal {
            keyboard: login.keyboard.into(),
            closing: CancellationToken::new(),
        };
        let engine = self.clone();
        let closing = terminal.closing.clone();
        tokio::spawn(async move {
            let ending = show(login.screen, viewer.as_ref(), &closing).await;
            let how = match &ending {
                Ending::Left(_) => "left",
                Ending::Closed => "closed",
                Ending::Lost(_) => "lost",
            };
            viewer.ended(ending);
            let duration_ms = engine.world.now().since_ms(opened_at);
            let details = json!({"how": how, "duration_ms": duration_ms});
            if let Err(error) = engine.note("terminal.close", subject, details).await {
                tracing::warn!("the end of a terminal could not be audited: {error}");
            }
        });
        terminal
    }
}

async fn show(
    mut screen: Box<dyn Screen>,
    viewer: &dyn Viewer,
    closing: &CancellationToken,
) -> Ending {
    let shown = async {
        loop {
            let shown: PortResult<Shown> = screen.next().await;
            match shown {
                Ok(Shown::Bytes(bytes)) => viewer.show(bytes).await,
                Ok(Shown::Ended(status)) => return Ending::Left(status),
                Err(error) => return Ending::Lost(*error.0),
            }
        }
    };
    tokio::select! {
        () = closing.cancelled() => Ending::Closed,
        ending = shown => ending,
    }
}
