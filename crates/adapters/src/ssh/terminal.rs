//! An interactive login: a shell on a screen.

use super::{Event, Input, Opening, Ssh, Stage, Traffics, channel::Channel, dial::shown};
use async_trait::async_trait;
use plimsoll_domain::server::SshTarget;
use plimsoll_engine::ports::{Keyboard, Login, PortResult, Screen, ScreenSize, Shown};
use tokio::sync::watch;

/// Opens a login shell beside everything else on the connection.
pub(super) async fn open(ssh: &Ssh, target: &SshTarget, size: ScreenSize) -> PortResult<Login> {
    let (told, size) = watch::channel(size);
    let opening = Opening::Terminal(size);
    let mut channel = ssh.open(target, Traffics::Requests, opening).await?;
    let input = channel.take_input();
    let to = shown(&target.host, target.port);
    Ok(Login {
        screen: Box::new(Shell { channel, to }),
        keyboard: Box::new(Keys { input, size: told }),
    })
}

struct Shell {
    channel: Channel,
    to: String,
}

#[async_trait]
impl Screen for Shell {
    async fn next(&mut self) -> PortResult<Shown> {
        let cause = match self.channel.next().await {
            Some(Event::Out(bytes) | Event::Err(bytes)) => return Ok(Shown::Bytes(bytes.into())),
            Some(Event::Closed { status }) => return Ok(Shown::Ended(status)),
            Some(Event::Cut(cause)) => cause,
            None => "it was closed".to_owned(),
        };
        Err(Stage::Cut {
            to: self.to.clone(),
            doing: "a terminal was open".to_owned(),
            cause,
            begun: true,
        }
        .into())
    }
}

struct Keys {
    input: Input,
    size: watch::Sender<ScreenSize>,
}

#[async_trait]
impl Keyboard for Keys {
    async fn write(&self, bytes: &[u8]) {
        // A shell that takes no more keys has ended, and the screen says so.
        self.input.send(bytes).await;
    }

    fn resize(&self, size: ScreenSize) {
        let told = self.size.send_if_modified(|now| {
            let is_new = *now != size;
            *now = size;
            is_new
        });
        if told {
            self.input.nudge();
        }
    }
}
