//! A shell in a container, on a screen.

use super::super::LocalEngine;
use crate::docker::engine::failure;
use async_trait::async_trait;
use bollard::{
    Docker,
    container::LogOutput,
    errors::Error,
    exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults},
};
use futures::{Stream, StreamExt};
use plimsoll_engine::ports::{Keyboard, Login, PortError, PortResult, Screen, ScreenSize, Shown};
use std::pin::Pin;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::{Mutex, watch},
};

/// The best shell that the image has.
const SHELL: [&str; 3] = [
    "sh",
    "-c",
    "if command -v bash >/dev/null 2>&1; then exec bash; fi; exec sh",
];

pub(super) async fn open(engine: &LocalEngine, id: &str, size: ScreenSize) -> PortResult<Login> {
    let failed = |error| failure("open a shell in a container", error);
    let (_, client) = engine.found().await?;
    let options = CreateExecOptions {
        cmd: Some(SHELL.to_vec()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(true),
        env: Some(vec!["TERM=xterm-256color"]),
        ..CreateExecOptions::default()
    };
    let exec = client.create_exec(id, options).await.map_err(failed)?.id;
    let how = StartExecOptions {
        tty: true,
        ..StartExecOptions::default()
    };
    let started = client.start_exec(&exec, Some(how)).await;
    let (output, input) = match started.map_err(failed)? {
        StartExecResults::Attached { output, input } => (output, input),
        StartExecResults::Detached => {
            return Err(PortError::new(
                "docker_failed",
                "the engine did not attach to a shell",
            ));
        }
    };
    let (told, sizes) = watch::channel(size);
    tokio::spawn(keep_size(client.clone(), exec.clone(), sizes));
    Ok(Login {
        screen: Box::new(Shell {
            output,
            client: client.clone(),
            exec,
        }),
        keyboard: Box::new(Keys {
            input: Mutex::new(input),
            size: told,
        }),
    })
}

/// Tells the engine each size, until the keyboard is gone.
async fn keep_size(client: Docker, exec: String, mut sizes: watch::Receiver<ScreenSize>) {
    sizes.mark_changed();
    while sizes.changed().await.is_ok() {
        let size = *sizes.borrow_and_update();
        let options = ResizeExecOptions {
            height: size.rows,
            width: size.columns,
        };
        // A shell that has ended has no size; its screen says so.
        if let Err(error) = client.resize_exec(&exec, options).await {
            tracing::debug!("a shell was not told its size: {error}");
        }
    }
}

struct Shell {
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    client: Docker,
    exec: String,
}

#[async_trait]
impl Screen for Shell {
    async fn next(&mut self) -> PortResult<Shown> {
        match self.output.next().await {
            Some(Ok(part)) => Ok(Shown::Bytes(part.into_bytes().into())),
            Some(Err(error)) => Err(failure("show a shell", error)),
            None => {
                let facts = self.client.inspect_exec(&self.exec).await;
                let status = facts.ok().and_then(|facts| facts.exit_code);
                Ok(Shown::Ended(
                    status.and_then(|code| i32::try_from(code).ok()),
                ))
            }
        }
    }
}

struct Keys {
    input: Mutex<Pin<Box<dyn AsyncWrite + Send>>>,
    size: watch::Sender<ScreenSize>,
}

#[async_trait]
impl Keyboard for Keys {
    async fn write(&self, bytes: &[u8]) {
        let mut input = self.input.lock().await;
        // A shell that takes no more keys has ended, and the screen says so.
        if let Err(error) = input.write_all(bytes).await {
            tracing::debug!("a shell takes no more keys: {error}");
        } else if let Err(error) = input.flush().await {
            tracing::debug!("a shell takes no more keys: {error}");
        }
    }

    fn resize(&self, size: ScreenSize) {
        self.size.send_if_modified(|now| {
            let is_new = *now != size;
            *now = size;
            is_new
        });
    }
}
