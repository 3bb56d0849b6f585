//! Containers of local runs. Whatever is stopped or removed has to carry our label: it is looked at
//! first, and everything else is refused.

mod container;
mod lines;
mod look;
mod terminal;

use super::{LocalEngine, check_reference, engine::failure, is_absence};
use async_trait::async_trait;
use bollard::{
    auth::DockerCredentials,
    errors::Error,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
    models::{NetworkCreateRequest, VolumeCreateRequest},
    query_parameters as query,
};
use futures::StreamExt;
use plimsoll_domain::{Secret, run::RunMark};
use plimsoll_engine::ports::{
    LocalDocker, LocalRuns, Login, PortError, PortResult, Progress, RunAnswer, RunContainer,
    RunEngine, RunOrder, RunThings, ScreenSize,
};
use plimsoll_protocol::LogStream;
use std::{collections::HashMap, net::Ipv4Addr, sync::Arc, time::Duration};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// Most of what a command said that is kept, bytes.
const SAID: usize = 4_096;
/// How long a connection has to last to count as accepted. The engine's own proxy accepts at once
/// and hangs up when nobody listens in the container.
const LASTING: Duration = Duration::from_millis(150);

#[async_trait]
impl LocalRuns for LocalEngine {
    async fn engine(&self) -> PortResult<RunEngine> {
        let facts = self.facts().await?;
        Ok(RunEngine {
            version: facts.version.unwrap_or_default(),
            architecture: facts.arch.unwrap_or_default(),
        })
    }

    async fn pull(
        &self,
        reference: &str,
        login: Option<&Secret>,
        progress: Arc<dyn Progress>,
    ) -> PortResult<String> {
        if let Some(image) = self.inspect(reference).await? {
            return Ok(image.id);
        }
        let (_, client) = self.found().await?;
        let credentials = login.and_then(|login| {
            let (user, password) = login.expose().split_once(':')?;
            Some(DockerCredentials {
                username: Some(user.to_owned()),
                password: Some(password.to_owned()),
                ..DockerCredentials::default()
            })
        });
        // Without a tag the engine would fetch every tag there is.
        let whole = match reference.rsplit('/').next() {
            Some(last) if last.contains([':', '@']) => reference.to_owned(),
            _ => format!("{reference}:latest"),
        };
        let options = query::CreateImageOptionsBuilder::default()
            .from_image(&whole)
            .build();
        let mut steps = Box::pin(client.create_image(Some(options), None, credentials));
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| not_pulled(reference, &error))?;
            let detail = step.progress_detail.unwrap_or_default();
            if let (Some(done), Some(total)) = (detail.current, detail.total) {
                let size = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
                progress.bytes(size(done), Some(size(total)));
            } else if let Some(status) = step.status {
                let line = match step.id {
                    Some(id) => format!("{id}: {status}"),
                    None => status,
                };
                progress.line(LogStream::Build, &line);
            }
        }
        let image = self.inspect(reference).await?;
        image.map(|image| image.id).ok_or_else(|| {
            PortError::new(
                "docker_failed",
                format!("{reference} was pulled, but the engine does not have it"),
            )
            .next_step("Look at the engine: `docker info`.")
        })
    }

    async fn all(&self, home: &str) -> PortResult<RunThings> {
        look::all(self, home).await
    }

    async fn see(&self, home: &str, id: &str) -> PortResult<Option<RunContainer>> {
        check_reference(id)?;
        let (_, client) = self.found().await?;
        let facts = match client.inspect_container(id, None).await {
            Ok(facts) => facts,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(failure("describe a container", error)),
        };
        match look::container(facts).filter(|seen| seen.mark.home == home) {
            Some(seen) => Ok(Some(seen)),
            None => Err(not_ours("container", id)),
        }
    }

    async fn ensure_network(&self, name: &str, mark: &RunMark) -> PortResult<()> {
        if let Some(labels) = look::network(self, name).await? {
            return look::ours("network", name, &labels, &mark.home);
        }
        let (_, client) = self.found().await?;
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(mark.labels().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        let made = client.create_network(request).await;
        made.map_err(|error| failure("make a network", error))?;
        Ok(())
    }

    async fn ensure_volume(&self, name: &str, mark: &RunMark) -> PortResult<()> {
        if let Some(labels) = look::volume(self, name).await? {
            return look::ours("volume", name, &labels, &mark.home);
        }
        let (_, client) = self.found().await?;
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(mark.labels().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let made = client.create_volume(request).await;
        made.map_err(|error| failure("make a volume", error))?;
        Ok(())
    }

    async fn start(&self, order: &RunOrder) -> PortResult<RunContainer> {
        container::start(self, order).await
    }

    async fn ask(
        &self,
        home: &str,
        id: &str,
        argv: &[String],
        patience_ms: u64,
    ) -> PortResult<RunAnswer> {
        need(self, home, id).await?;
        let failed = |error| failure("run a command in a container", error);
        let (_, client) = self.found().await?;
        let options = CreateExecOptions {
            cmd: Some(argv.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..CreateExecOptions::default()
        };
        let made = match client.create_exec(id, options).await {
            Ok(made) => made,
            // 409: it ended meanwhile, which is no answer either.
            Err(error) if has_status(&error, 409) => return Ok(no_answer()),
            Err(error) => return Err(failed(error)),
        };
        let started = client.start_exec(&made.id, None::<StartExecOptions>).await;
        let mut said = Vec::new();
        match started {
            Ok(StartExecResults::Attached { mut output, .. }) => {
                let listening = async {
                    while let Some(Ok(part)) = output.next().await {
                        said.extend(part.as_ref());
                        let excess = said.len().saturating_sub(SAID);
                        said.drain(..excess);
                    }
                };
                let patience = Duration::from_millis(patience_ms);
                if timeout(patience, listening).await.is_err() {
                    return Ok(no_answer());
                }
            }
            Ok(StartExecResults::Detached) => {}
            Err(error) if has_status(&error, 409) => return Ok(no_answer()),
            // 400: the image has no such program.
            Err(Error::DockerResponseServerError {
                status_code: 400,
                message,
            }) => {
                return Ok(RunAnswer {
                    status: Some(127),
                    said: message,
                });
            }
            Err(error) => return Err(failed(error)),
        }
        let facts = client.inspect_exec(&made.id).await.map_err(failed)?;
        Ok(RunAnswer {
            status: facts.exit_code,
            said: String::from_utf8_lossy(&said).trim().to_owned(),
        })
    }

    async fn accepts(&self, port: u16) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
            return false;
        };
        let mut first = [0u8; 1];
        match timeout(LASTING, stream.read(&mut first)).await {
            // Whoever says nothing waits for us to speak.
            Err(_) => true,
            Ok(read) => matches!(read, Ok(1)),
        }
    }

    async fn follow(
        &self,
        home: &str,
        id: &str,
        tail: u32,
        follow: bool,
        progress: Arc<dyn Progress>,
    ) -> PortResult<()> {
        need(self, home, id).await?;
        lines::follow(self, id, tail, follow, progress.as_ref()).await
    }

    async fn open_terminal(&self, home: &str, id: &str, size: ScreenSize) -> PortResult<Login> {
        need(self, home, id).await?;
        terminal::open(self, id, size).await
    }

    async fn remove_container(&self, home: &str, id: &str) -> PortResult<()> {
        let Some(seen) = self.see(home, id).await? else {
            return Ok(());
        };
        let (_, client) = self.found().await?;
        if seen.running {
            // It has as long as it was made with; whoever is gone or ended already is fine.
            let stopped = client.stop_container(id, None).await;
            gone_is_fine(stopped, "stop a container")?;
        }
        let options = query::RemoveContainerOptionsBuilder::default()
            .v(true)
            .force(true)
            .build();
        let removed = client.remove_container(id, Some(options)).await;
        gone_is_fine(removed, "remove a container")
    }

    async fn remove_network(&self, home: &str, name: &str) -> PortResult<()> {
        let Some(labels) = look::network(self, name).await? else {
            return Ok(());
        };
        look::ours("network", name, &labels, home)?;
        let (_, client) = self.found().await?;
        gone_is_fine(client.remove_network(name).await, "remove a network")
    }

    async fn remove_volume(&self, home: &str, name: &str) -> PortResult<()> {
        let Some(labels) = look::volume(self, name).await? else {
            return Ok(());
        };
        look::ours("volume", name, &labels, home)?;
        let (_, client) = self.found().await?;
        let removed = client
            .remove_volume(name, None::<query::RemoveVolumeOptions>)
            .await;
        match removed {
            Err(error) if is_absence(&error) => Ok(()),
            removed => removed.map_err(|error| failure("remove a volume", error)),
        }
    }

    async fn drop_image(&self, id: &str) -> PortResult<()> {
        check_reference(id)?;
        let (_, client) = self.found().await?;
        let image = match client.inspect_image(id).await {
            Ok(image) => image,
            Err(error) if is_absence(&error) => return Ok(()),
            Err(error) => return Err(failure("describe an image", error)),
        };
        if image.repo_tags.is_some_and(|tags| !tags.is_empty()) {
            return Ok(());
        }
        // The layers below are the builder's cache.
        let options = query::RemoveImageOptionsBuilder::new()
            .noprune(true)
            .build();
        match client.remove_image(id, Some(options), None).await {
            Ok(_) => Ok(()),
            // 409: a container or another image needs it.
            Err(error) if is_absence(&error) || has_status(&error, 409) => Ok(()),
            Err(error) => Err(failure("remove an image", error)),
        }
    }
}

async fn need(engine: &LocalEngine, home: &str, id: &str) -> PortResult<RunContainer> {
    engine.see(home, id).await?.ok_or_else(|| {
        PortError::new("run_not_there", "The container is gone.")
            .evidence(id)
            .next_step("Run the service here again.")
    })
}

fn no_answer() -> RunAnswer {
    RunAnswer {
        status: None,
        said: String::new(),
    }
}

fn not_ours(noun: &str, name: &str) -> PortError {
    PortError::new(
        "run_not_ours",
        format!("The {noun} “{name}” was not made by this installation, so it is left alone."),
    )
    .next_step("Remove it with the docker command if you know what it is.")
}

fn not_pulled(reference: &str, error: &Error) -> PortError {
    PortError::new(
        "image_not_pulled",
        format!("The image {reference} is not on this machine and could not be fetched."),
    )
    .evidence(error.to_string())
    .next_step(
        "Check its name, the network, and the login of its registry. Once it is here, runs need no \
         network.",
    )
}

fn has_status(error: &Error, wanted: u16) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code, .. } if *status_code == wanted)
}

fn gone_is_fine(done: Result<(), Error>, doing: &str) -> PortResult<()> {
    match done {
        // 304: it is stopped already; 409: its removal is under way.
        Err(error)
            if [304, 404, 409]
                .iter()
                .any(|status| has_status(&error, *status)) =>
        {
            Ok(())
        }
        done => done.map_err(|error| failure(doing, error)),
    }
}

fn labels(of: Option<HashMap<String, String>>) -> std::collections::BTreeMap<String, String> {
    of.unwrap_or_default().into_iter().collect()
}
