//! `plimsoll run …`

use super::work::Printer;
use crate::{
    args::{OfProject, RunArguments, RunVerb},
    desk::Desk,
    failure::{Answer, Failed, Kind},
    input,
    output::table,
    watch,
};
use plimsoll_domain::{
    ProjectId, ServiceId,
    job::JobStatus,
    name::Name,
    project::{Project, Service},
    run::RunPart,
};
use plimsoll_engine::{RunHold, RunRequest, RunSeen, Runs, WatchNews};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Lines that are shown of what was printed before anybody listened.
const FIRST_LINES: u32 = 1_000;

/// `plimsoll run …`
pub async fn run(arguments: RunArguments, desk: &Desk) -> Answer {
    match &arguments.verb {
        Some(verb) => act(verb, desk).await,
        None => start(&arguments, desk).await,
    }
}

async fn start(arguments: &RunArguments, desk: &Desk) -> Answer {
    let engine = &desk.engine;
    let name = Name::parse(arguments.project.as_deref().unwrap_or_default())?;
    let project = engine.project_named(&name).await?;
    let service = service(&project, arguments.service.as_deref(), desk).await?;
    let environment_id = match &arguments.environment {
        Some(name) => {
            let name = Name::parse(name)?;
            Some(engine.environment_named(project.id, &name).await?.id)
        }
        None => None,
    };
    let request = RunRequest {
        service_id: service.id,
        environment_id,
    };
    let job_id = engine.start_run(request.clone()).await?.id;
    let job = watch::run(engine, desk.output, job_id).await?;
    if job.status != JobStatus::Succeeded {
        return desk.conclude(job).await;
    }
    if arguments.detach {
        engine.leave_runs(true).await?;
    }
    let seen = seen(&project, &service, desk).await?;
    desk.output.answer(&json!({"running": seen}), |_| {
        let at = seen.as_ref().and_then(|seen| seen.url.as_deref());
        match at {
            Some(url) => format!("{}/{} runs at {url}", project.name, service.name),
            None => format!("{}/{} runs", project.name, service.name),
        }
    });
    if arguments.detach {
        let stop = format!("Stop it: plimsoll run stop --project {}", project.name);
        desk.output.note(&stop);
        return Ok(());
    }
    desk.output.note("Ctrl-C stops it.");
    let shown = show(arguments.watch.then_some(request), &project, &service, desk).await;
    // What somebody else has started meanwhile goes on.
    engine.leave_runs(false).await?;
    shown
}

/// Shows what a service prints until somebody interrupts or it ends by itself. With a request it is
/// started again whenever its files change.
async fn show(
    watched: Option<RunRequest>,
    project: &Project,
    service: &Service,
    desk: &Desk,
) -> Answer {
    let engine = &desk.engine;
    let (tell, mut news) = mpsc::channel(8);
    let is_watched = watched.is_some();
    let watching = async {
        match watched {
            Some(request) => engine.watch_run(request, tell).await,
            None => std::future::pending().await,
        }
    };
    let interrupted = interrupted();
    tokio::pin!(watching, interrupted);
    let mut waits = false;
    loop {
        let printer = Arc::new(Printer(desk.output));
        let following = async {
            if waits {
                // It has ended; only a change of its files goes on from here.
                std::future::pending::<()>().await;
            }
            engine
                .follow_run(project.id, Some(service.id), FIRST_LINES, true, printer)
                .await
        };
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            ended = &mut watching => {
                ended?;
                return Err(gone(project, service, desk).await?);
            }
            Some(told) = news.recv() => {
                say(&told, desk);
                waits = matches!(told, WatchNews::Started { .. });
            }
            ended = following => {
                if let Err(error) = ended
                    && error.code() != "run_not_there"
                {
                    return Err(error.into());
                }
                if !is_watched {
                    return Err(gone(project, service, desk).await?);
                }
                waits = true;
            }
        }
    }
}

/// What ended by itself is a failure of the command, also with status 0: it was to run on.
async fn gone(project: &Project, service: &Service, desk: &Desk) -> Answer<Failed> {
    let how = match seen(project, service, desk).await? {
        Some(RunSeen {
            holder: Some(holder),
            ..
        }) => format!("was started anew by {holder}"),
        Some(seen) if seen.container.oom_killed => "needed too much memory".to_owned(),
        Some(seen) => match seen.container.exit_code {
            Some(code) => format!("ended with status {code}"),
            None => "ended".to_owned(),
        },
        None => "was stopped by somebody else".to_owned(),
    };
    let mut failed = Failed::input(
        "run_ended",
        format!("{}/{} {how}.", project.name, service.name),
        "Its last lines show why.",
    );
    failed.kind = Kind::Remote;
    Ok(failed)
}

fn say(news: &WatchNews, desk: &Desk) {
    if desk.output.json {
        desk.output.line(&json!({"watch": news}).to_string());
        return;
    }
    match news {
        WatchNews::Started { .. } => desk.output.note("Files have changed: building it again …"),
        WatchNews::Ended { status, .. } if *status == JobStatus::Succeeded => {
            desk.output.note("It runs anew.");
        }
        WatchNews::Ended { job_id, .. } => desk.output.note(&format!(
            "It was not started: plimsoll job show {job_id} tells why."
        )),
        WatchNews::Failed { failure } => {
            desk.output.note(&failure.message);
            desk.output.note(&failure.next_step);
        }
    }
}

/// Ctrl-C, or the signal that ends programs in order.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut ended) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = ended.recv() => {}
            }
            return;
        }
    }
    // Where nobody can interrupt, it goes on until it is ended.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn act(verb: &RunVerb, desk: &Desk) -> Answer {
    let engine = &desk.engine;
    match verb {
        RunVerb::Status => {
            let runs = engine.runs(None).await?;
            desk.output.answer(&runs, list);
        }
        RunVerb::Logs {
            project,
            service: named,
            lines,
            follow,
        } => {
            let project = of(project, desk).await?;
            let service = optional(&project, named.as_deref(), desk).await?;
            let printer = Arc::new(Printer(desk.output));
            let following = engine.follow_run(project.id, service, *lines, *follow, printer);
            tokio::select! {
                ended = following => ended?,
                () = interrupted() => {}
            }
        }
        RunVerb::Stop {
            project,
            service: named,
        } => {
            let project = of(project, desk).await?;
            let service = optional(&project, named.as_deref(), desk).await?;
            let left = engine.stop_run(project.id, service).await?;
            desk.output.answer(&left, |left| {
                if left.containers.is_empty() {
                    format!("Nothing of {} runs here any more.", project.name)
                } else {
                    list(left)
                }
            });
        }
        RunVerb::Clean => {
            let removed = engine.clean_runs(None).await?;
            desk.output
                .answer(&json!({"removed": removed}), |_| match removed.is_empty() {
                    true => "Nothing was left.".to_owned(),
                    false => format!("Removed {}.", removed.join(", ")),
                });
        }
        RunVerb::DeleteData { project, yes } => {
            let project = of(project, desk).await?;
            let question = format!("Delete the data of {}'s runs for good?", project.name);
            if !yes && !input::confirm(&question)? {
                return Err(Failed::input("not_approved", "Nothing was done.", ""));
            }
            let deleted = engine.delete_run_data(project.id).await?;
            desk.output
                .answer(&json!({"deleted": deleted}), |_| match deleted.len() {
                    0 => "There was no data.".to_owned(),
                    count => format!("Deleted {count} volume(s)."),
                });
        }
    }
    Ok(())
}

fn list(runs: &Runs) -> String {
    let rows: Vec<_> = runs
        .containers
        .iter()
        .map(|seen| {
            let container = &seen.container;
            let what = match &container.mark.part {
                RunPart::Service { name, .. } => name.to_string(),
                RunPart::Release { name, .. } => format!("{name} (release command)"),
                RunPart::Database => "postgres".to_owned(),
                RunPart::Network | RunPart::Volume { .. } | RunPart::DatabaseVolume => "–".into(),
            };
            let state = match (container.running, container.exit_code) {
                (true, _) => "runs".to_owned(),
                (false, Some(code)) => format!("ended with {code}"),
                (false, None) => "was never started".to_owned(),
            };
            let hold = match seen.hold {
                RunHold::Held => match &seen.holder {
                    Some(holder) => format!("by {holder}"),
                    None => String::new(),
                },
                RunHold::Kept => "left running".to_owned(),
                RunHold::LeftOver => "left by a crash".to_owned(),
            };
            let at = seen.url.clone().unwrap_or_else(|| "–".to_owned());
            let project = container.mark.project.to_string();
            vec![project, what, state, at, hold]
        })
        .collect();
    let mut text = match rows.is_empty() {
        true => "Nothing runs here.".to_owned(),
        false => table(&["PROJECT", "SERVICE", "STATE", "AT", ""], &rows),
    };
    let is_left = |seen: &RunSeen| seen.hold == RunHold::LeftOver;
    if runs.containers.iter().any(is_left) || !runs.networks.is_empty() {
        text += "\nRemove what a crash has left: plimsoll run clean";
    }
    text
}

async fn of(which: &OfProject, desk: &Desk) -> Answer<Project> {
    let name = Name::parse(&which.project)?;
    Ok(desk.engine.project_named(&name).await?)
}

async fn optional(
    project: &Project,
    named: Option<&str>,
    desk: &Desk,
) -> Answer<Option<ServiceId>> {
    Ok(match named {
        Some(_) => Some(service(project, named, desk).await?.id),
        None => None,
    })
}

/// The service of that name, or the project's only one.
async fn service(project: &Project, named: Option<&str>, desk: &Desk) -> Answer<Service> {
    let id: ProjectId = project.id;
    if let Some(name) = named {
        return Ok(desk.engine.service_named(id, &Name::parse(name)?).await?);
    }
    let mut all = desk.engine.services(id).await?;
    if all.len() == 1 {
        return Ok(all.remove(0));
    }
    let mut failed = Failed::input(
        "service_ambiguous",
        format!("The project “{}” has {} services.", project.name, all.len()),
        "Name one: --service NAME.",
    );
    failed.failure.evidence = all.iter().map(|one| one.name.to_string()).collect();
    Err(failed)
}

async fn seen(project: &Project, service: &Service, desk: &Desk) -> Answer<Option<RunSeen>> {
    let runs = desk.engine.runs(Some(project.id)).await?;
    Ok(runs.containers.into_iter().find(|seen| {
        matches!(&seen.container.mark.part,
            RunPart::Service { service_id, .. } if *service_id == service.id)
    }))
}
