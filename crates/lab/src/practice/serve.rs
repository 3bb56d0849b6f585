//! The lab's process: opens the engine, the gateway, the ground and the APIs, and closes them again
//! in the opposite order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::control::{self, End, Handle};
use super::lock;
use super::{FAILED, Running, SAID};
use crate::api::{self, ApiState};
use crate::droplets::{Book, DockerGround};
use crate::engine::Engine;
use crate::error::LabError;
use crate::folder::{self, StateFolder};
use crate::gateway;
use crate::git::{self, GitHost};
use crate::host::Host;
use crate::images::builder::Builder;
use crate::images::store::Store;
use crate::images::{self, bases};
use crate::instance::Instance;
use crate::settings::Settings;
use crate::tls::Authority;

/// The common name that browsers show for the lab's authority.
const AUTHORITY_NAME: &str = "Plimsoll practice cloud";
const LOOPBACK: &str = "127.0.0.1";

/// Runs a lab in the foreground until it is asked to end, by [`super::stop`] or by a signal.
///
/// What it does is written to standard error, one line each, for the process that waits.
///
/// # Errors
/// When it cannot come up; whatever it had made for this start is taken down again.
pub async fn serve(settings: Settings) -> Result<(), LabError> {
    let result = run(&settings).await;
    if let Err(error) = &result {
        eprintln!("{FAILED}{error}");
    }
    result
}

fn say(line: &str) {
    eprintln!("{SAID}{line}");
}

async fn run(settings: &Settings) -> Result<(), LabError> {
    let folder = StateFolder::open(&settings.state)?;
    let _lock = lock::take(&folder)?;
    let instance = Instance::of_folder(folder.root());
    let host = Host::read()?;
    let authority = Authority::load_or_create(&folder.authority(), AUTHORITY_NAME)?;
    let engine = Engine::open(&settings.engine, &folder, &instance, &host, &say).await?;
    let end = match stand(settings, &folder, &instance, &host, &authority, &engine).await {
        Ok(end) => end,
        Err(error) => {
            if let Err(closing) = engine.close().await {
                tracing::warn!(error = %closing, "could not close the engine");
            }
            return Err(error);
        }
    };
    if end.wipe {
        engine.wipe(&instance).await?;
    } else {
        engine.close().await?;
    }
    Ok(())
}

/// Everything between opening and closing the engine; returns how it shall be closed.
async fn stand(
    settings: &Settings,
    folder: &StateFolder,
    instance: &Instance,
    host: &Host,
    authority: &Authority,
    engine: &Engine,
) -> Result<End, LabError> {
    let docker = &engine.docker;
    let block = engine.block();
    let builder = Builder::find(docker, instance).await;
    let image =
        images::droplet_image(docker, instance, &builder, host, &settings.cache, &say).await?;
    let store = Store::open(&settings.cache.join("registry"))?;
    store.write_catalog(&[])?;
    let registry = settings.cache.join("registry");
    say("Starting the gateway: metadata, resolver, edge and registry mirror");
    let parts = gateway::Parts {
        image: &image,
        itself: &settings.itself,
        authority: &folder.authority(),
        registry: &registry,
        reach: settings.reach,
    };
    let link = gateway::start(docker, instance, block, &parts).await?;
    let acme_root = match link.acme_root().await? {
        Some(pem) => {
            let path = folder.root().join("acme-root.pem");
            folder::write(&path, pem.as_bytes())?;
            Some(path)
        }
        None => None,
    };
    let proxy = link.proxy();
    let book = Book::open(&folder.ground())?;
    let ground = DockerGround::new(engine, instance.clone(), image, book, link).await?;

    let stop = CancellationToken::new();
    if ground.count() > 0 {
        say("Starting the droplets again");
    }
    ground.resume(stop.clone()).await?;

    let (listener, port) = listen(settings, folder).await?;
    let base = format!("https://{LOOPBACK}:{port}");
    let options = api::Options {
        public_url: Some(base.clone()),
        ..api::Options::default()
    };
    let api = ApiState::open(folder.api(), Arc::new(ground.clone()), options)
        .await
        .map_err(|error| LabError::State {
            path: folder.api(),
            cause: error.to_string(),
        })?;
    ground
        .trust_origins(vec![api.origin_ca_pem().to_owned()])
        .await?;
    let names = [LOOPBACK, "localhost"].map(str::to_owned);
    let tls = Arc::new(authority.server_config(&names)?);
    let serving = tokio::spawn(api::serve(
        listener,
        Some(tls),
        api::router(api),
        stop.clone(),
    ));

    let git = folder.root().join("git");
    let git_host = GitHost::open(&git)?;
    let git_listener = TcpListener::bind((LOOPBACK, 0))
        .await
        .map_err(not_listening)?;
    let git_port = git_listener.local_addr().map_err(not_listening)?.port();
    let git_tls = Some(authority.server_config(&names)?);
    tokio::spawn(git::serve(git_host, git_listener, git_tls, stop.clone()));

    let (ends, mut asked) = mpsc::channel(1);
    let own = TcpListener::bind((LOOPBACK, 0))
        .await
        .map_err(not_listening)?;
    let own_port = own.local_addr().map_err(not_listening)?.port();
    let own_token = gateway::token()?;
    tokio::spawn(control::serve(own, own_token.clone(), ends));

    let running = Running {
        digitalocean_url: base.clone(),
        cloudflare_url: base.clone(),
        control_url: base,
        ca: authority.path().to_owned(),
        state: folder.root().to_owned(),
        api: folder.api(),
        engine: engine.choices.kind,
        engine_endpoint: engine.endpoint.clone(),
        resolver: block.gateway(),
        edge: block.gateway(),
        registry: format!("http://{}:{}", block.gateway(), gateway::MIRROR_PORT),
        acme_url: acme_root
            .is_some()
            .then(|| format!("https://{}:{}/dir", block.gateway(), gateway::ACME_PORT)),
        acme_root,
        git_url: format!("https://{LOOPBACK}:{git_port}"),
        git,
        proxy,
        cache: settings.cache.clone(),
        pid: std::process::id(),
        itself: settings.itself.clone(),
    };
    folder::write_json(&folder.handle(), &Handle::new(own_port, own_token))?;
    folder::write_json(&folder.running(), &running)?;
    say("The practice cloud is ready");
    let building = tokio::spawn(build_bases(store, builder, host.clone()));

    let end = tokio::select! {
        asked = asked.recv() => asked.unwrap_or(End { wipe: false }),
        () = signalled() => End { wipe: false },
    };
    building.abort();
    let _ = std::fs::remove_file(folder.running());
    let _ = std::fs::remove_file(folder.handle());
    stop.cancel();
    let _ = serving.await;
    if !end.wipe {
        ground.rest().await;
        gateway::remove(docker, instance).await?;
    }
    Ok(end)
}

/// Builds the stand-ins one after the other, behind whatever the lab is used for meanwhile.
async fn build_bases(store: Store, builder: Builder, host: Host) {
    let mut lost = Vec::new();
    for base in bases::all() {
        if let Err(error) = store.ensure(&base, &builder, &host, &say).await {
            tracing::warn!(%error, names = ?base.names, "could not build a base image");
            lost.push(base);
            if let Err(error) = store.write_catalog(&lost) {
                tracing::warn!(%error, "could not take it off the catalogue");
            }
        }
    }
    if let Err(error) = store.sweep() {
        tracing::warn!(%error, "could not remove outdated base images");
    }
}

/// What stays the same from one start to the next.
#[derive(Debug, Serialize, Deserialize)]
struct Port {
    port: u16,
}

/// The APIs' socket: on the chosen port, else on the last one, else on any.
async fn listen(settings: &Settings, folder: &StateFolder) -> Result<(TcpListener, u16), LabError> {
    let path = folder.root().join("port.json");
    let kept = folder::read_json::<Port>(&path)?.map(|kept| kept.port);
    let listener = match (settings.port, kept) {
        (Some(port), _) => TcpListener::bind((LOOPBACK, port))
            .await
            .map_err(not_listening)?,
        (None, Some(port)) => match TcpListener::bind((LOOPBACK, port)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((LOOPBACK, 0))
                .await
                .map_err(not_listening)?,
        },
        (None, None) => TcpListener::bind((LOOPBACK, 0))
            .await
            .map_err(not_listening)?,
    };
    let port = listener.local_addr().map_err(not_listening)?.port();
    folder::write_json(&path, &Port { port })?;
    Ok((listener, port))
}

fn not_listening(error: std::io::Error) -> LabError {
    LabError::Network {
        doing: "listen on the loopback address".into(),
        cause: error.to_string(),
    }
}

async fn signalled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
