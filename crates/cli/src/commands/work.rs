//! Deployments, rollbacks, jobs, logs, history.

use super::{parsed, spec::reference};
use crate::{
    args::{
        AuditVerb, DeployArguments, DeploymentVerb, JobVerb, LogsArguments, Paging,
        ReconfigureArguments, ReleaseVerb, RestartArguments, RollbackArguments, StatusArguments,
    },
    desk::Desk,
    failure::{Answer, Failed},
    output::{Output, bytes, table},
    path::EnvironmentPath,
    watch,
};
use plimsoll_domain::{JobId, job::JobStatus, name::Name};
use plimsoll_engine::{
    AuditFilter, DeployRequest, DeploymentFilter, JobFilter, LogsRequest, Page, ReconfigureRequest,
    RestartRequest, RollbackRequest, ports::Progress,
};
use plimsoll_protocol::LogStream;
use serde_json::json;
use std::sync::Arc;

/// `plimsoll deploy …`
pub async fn deploy(arguments: DeployArguments, desk: &Desk) -> Answer {
    let (environment_id, service_id) = desk.run_path(&arguments.path).await?;
    let configuration_id = match &arguments.configuration {
        Some(name) => Some(
            desk.engine
                .configuration_named(&Name::parse(name)?)
                .await?
                .id,
        ),
        None => None,
    };
    let reference = reference(arguments.branch.as_deref(), arguments.commit.as_deref());
    let request = DeployRequest {
        environment_id,
        service_id,
        reference,
        configuration_id,
        version: match &arguments.at_version {
            Some(text) => Some(desk.version_on_path(&arguments.path, text).await?),
            None => None,
        },
    };
    let plan = desk.engine.plan_deploy(request).await?;
    desk.carry_out(plan, &arguments.approval).await
}

/// `plimsoll rollback …`
pub async fn rollback(arguments: RollbackArguments, desk: &Desk) -> Answer {
    let (environment_id, service_id) = desk.run_path(&arguments.path).await?;
    let request = RollbackRequest {
        environment_id,
        service_id,
        to: arguments.to,
    };
    let plan = desk.engine.plan_rollback(request).await?;
    desk.carry_out(plan, &arguments.approval).await
}

/// `plimsoll reconfigure …`
pub async fn reconfigure(arguments: ReconfigureArguments, desk: &Desk) -> Answer {
    let (environment_id, service_id) = desk.run_path(&arguments.path).await?;
    let request = ReconfigureRequest {
        environment_id,
        service_id,
    };
    let plan = desk.engine.plan_reconfigure(request).await?;
    desk.carry_out(plan, &arguments.approval).await
}

/// `plimsoll restart …`
pub async fn restart(arguments: RestartArguments, desk: &Desk) -> Answer {
    let (environment_id, service_id) = desk.run_path(&arguments.path).await?;
    let request = RestartRequest {
        environment_id,
        service_id,
    };
    let plan = desk.engine.plan_restart(request).await?;
    desk.carry_out(plan, &arguments.approval).await
}

/// `plimsoll release …`
pub async fn releases(verb: ReleaseVerb, desk: &Desk) -> Answer {
    let ReleaseVerb::List { path } = verb;
    let (environment_id, service_id) = desk.run_path(&path).await?;
    let releases = desk.engine.releases(environment_id, service_id).await?;
    desk.output.answer(&releases, |releases| {
        let rows: Vec<_> = releases
            .iter()
            .map(|release| {
                vec![
                    release.number.to_string(),
                    release.image.name().to_owned(),
                    bytes(release.image_bytes),
                    release.created_at.to_string(),
                ]
            })
            .collect();
        table(&["NUMBER", "IMAGE", "SIZE", "MADE"], &rows)
    });
    Ok(())
}

/// `plimsoll deployment …`
pub async fn deployments(verb: DeploymentVerb, desk: &Desk) -> Answer {
    match verb {
        DeploymentVerb::List {
            path,
            status,
            paging,
        } => {
            let mut filter = DeploymentFilter {
                status: status_of(status)?,
                ..Default::default()
            };
            match path.as_deref().map(|path| (path, path.split('/').count())) {
                None => {}
                Some((path, 1)) => {
                    filter.project = Some(desk.engine.project_named(&Name::parse(path)?).await?.id);
                }
                Some((path, 2)) => filter.environment = Some(desk.environment_path(path).await?),
                Some((path, _)) => {
                    let (environment, service) = desk.run_path(path).await?;
                    filter.environment = Some(environment);
                    filter.service = Some(service);
                }
            }
            let slice = desk.engine.deployments(&filter, &page(&paging)).await?;
            desk.output
                .answer(&json!({"items": slice.items, "next": slice.next}), |_| {
                    let rows: Vec<_> = slice
                        .items
                        .iter()
                        .map(|deployment| {
                            vec![
                                deployment.id.to_string(),
                                format!("{:?}", deployment.kind).to_lowercase(),
                                format!("{:?}", deployment.status).to_lowercase(),
                                deployment.created_at.to_string(),
                                deployment.failure.clone().unwrap_or_default(),
                            ]
                        })
                        .collect();
                    more(
                        table(&["ID", "KIND", "STATUS", "ASKED", "FAILURE"], &rows),
                        &slice.next,
                    )
                });
        }
        DeploymentVerb::Show { id } => {
            let detail = desk
                .engine
                .deployment_detail(parsed("deployment id", &id)?)
                .await?;
            let deployment = detail.row.deployment;
            let release = detail.release.map(|release| {
                json!({
                    "number": release.number,
                    "image": release.image,
                    "source": release.source,
                    "provenance": release.provenance,
                })
            });
            let whole = json!({"deployment": deployment, "release": release});
            show_job(desk, deployment.job_id, whole).await?;
        }
        DeploymentVerb::Logs { id, paging } => {
            let deployment = desk
                .engine
                .deployment(parsed("deployment id", &id)?)
                .await?;
            let after = match &paging.after {
                Some(cursor) => parsed::<i64>("cursor", cursor)?,
                None => 0,
            };
            let lines = desk
                .engine
                .logs(deployment.job_id, None, after, paging.limit)
                .await?;
            desk.output.answer(&lines, |lines| {
                let lines: Vec<_> = lines.iter().map(|line| line.text.clone()).collect();
                lines.join("\n")
            });
        }
    }
    Ok(())
}

/// `plimsoll logs …`
pub async fn logs(arguments: LogsArguments, desk: &Desk) -> Answer {
    let (environment_id, service_id) = desk.run_path(&arguments.path).await?;
    let server_id = match &arguments.server {
        Some(name) => Some(desk.engine.server_named(&Name::parse(name)?).await?.id),
        None => None,
    };
    let request = LogsRequest {
        environment_id,
        service_id,
        server_id,
        tail: arguments.lines,
        follow: arguments.follow,
    };
    let following = desk
        .engine
        .follow_logs(request, Arc::new(Printer(desk.output)));
    tokio::select! {
        ended = following => Ok(ended?),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// Prints log lines as they come: text, or a JSON object each.
pub(super) struct Printer(pub(super) Output);

impl Progress for Printer {
    fn line(&self, stream: LogStream, line: &str) {
        if self.0.json {
            self.0
                .line(&json!({"stream": stream, "line": line}).to_string());
        } else {
            self.0.line(line);
        }
    }
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

/// `plimsoll status …`
pub async fn status(arguments: StatusArguments, desk: &Desk) -> Answer {
    let parts: EnvironmentPath = arguments.path.parse()?;
    let environment = desk.environment_path(&arguments.path).await?;
    let statuses = desk.engine.statuses(environment).await?;
    let mut rows = Vec::new();
    let mut whole = Vec::new();
    for (server, status) in statuses {
        match status {
            Ok(status) => {
                for service in &status.services {
                    if service.key.project == parts.project
                        && service.key.environment == parts.environment
                    {
                        rows.push(vec![
                            server.name.to_string(),
                            service.key.service.to_string(),
                            format!("{:?}", service.health).to_lowercase(),
                            service
                                .image
                                .as_ref()
                                .map_or("–".into(), |image| image.name().to_owned()),
                        ]);
                    }
                }
                whole.push(json!({"server": server, "status": status}));
            }
            Err(error) => {
                let message = error.failure().message.clone();
                rows.push(vec![
                    server.name.to_string(),
                    "–".into(),
                    "unreachable".into(),
                    message,
                ]);
                whole.push(json!({"server": server, "error": error.failure()}));
            }
        }
    }
    desk.output.answer(&whole, |_| {
        table(&["SERVER", "SERVICE", "HEALTH", "IMAGE"], &rows)
    });
    Ok(())
}

/// `plimsoll job …`
pub async fn jobs(verb: JobVerb, desk: &Desk) -> Answer {
    let id = |text: &str| parsed::<JobId>("job id", text);
    match verb {
        JobVerb::List { status, paging } => {
            let filter = JobFilter {
                status: status_of(status)?,
                ..Default::default()
            };
            let slice = desk.engine.jobs(&filter, &page(&paging)).await?;
            desk.output
                .answer(&json!({"items": slice.items, "next": slice.next}), |_| {
                    let rows: Vec<_> = slice
                        .items
                        .iter()
                        .map(|job| {
                            let status = format!("{:?}", job.status).to_lowercase();
                            vec![
                                job.id.to_string(),
                                status,
                                job.created_at.to_string(),
                                job.title.clone(),
                            ]
                        })
                        .collect();
                    more(
                        table(&["ID", "STATUS", "ASKED", "WHAT"], &rows),
                        &slice.next,
                    )
                });
            Ok(())
        }
        JobVerb::Show { id: text } => show_job(desk, id(&text)?, json!({})).await,
        JobVerb::Watch { id: text } => {
            let job = watch::follow(&desk.engine, desk.output, id(&text)?).await?;
            desk.conclude(job).await
        }
        JobVerb::Resume { id: text } => {
            desk.engine.resume(id(&text)?).await?;
            desk.work(id(&text)?).await
        }
        JobVerb::Retry { id: text } => {
            desk.engine.retry(id(&text)?).await?;
            desk.work(id(&text)?).await
        }
        JobVerb::Undo { id: text } => {
            desk.engine.undo(id(&text)?).await?;
            let job = watch::run(&desk.engine, desk.output, id(&text)?).await?;
            // An undo that ended well leaves a cancelled or failed job behind, as it should.
            if job.status.is_final() {
                desk.output.answer(&json!({"job": job}), |job| {
                    format!(
                        "Taken back; the job is {}.",
                        job["job"]["status"].as_str().unwrap_or_default()
                    )
                });
                return Ok(());
            }
            desk.conclude(job).await
        }
        JobVerb::Cancel { id: text } => {
            desk.engine.cancel(id(&text)?).await?;
            desk.output.answer(&json!({"cancel_requested": true}), |_| {
                "Asked it to stop.".to_owned()
            });
            Ok(())
        }
    }
}

/// Where a release's bytes came from, in lines.
fn origin(release: &serde_json::Value) -> String {
    let from = &release["provenance"];
    let mut lines = String::new();
    for (what, value) in [
        ("release   ", &release["number"]),
        ("version   ", &from["version"]["number"]),
        ("content   ", &from["version"]["root"]),
        ("built from", &from["content_hash"]),
        ("commit    ", &from["commit"]),
    ] {
        match value {
            serde_json::Value::String(text) => lines += &format!("{what}  {text}\n"),
            serde_json::Value::Number(number) => lines += &format!("{what}  {number}\n"),
            _ => {}
        }
    }
    lines
}

async fn show_job(desk: &Desk, id: JobId, mut whole: serde_json::Value) -> Answer {
    let job = desk.engine.job(id).await?;
    let steps = desk.engine.steps(id).await?;
    whole["job"] = json!(job);
    whole["steps"] = json!(steps);
    desk.output.answer(&whole, |_| {
        let rows: Vec<_> = steps
            .iter()
            .map(|step| {
                let status = format!("{:?}", step.status).to_lowercase();
                let failure = step
                    .error
                    .as_ref()
                    .map_or(String::new(), |error| error.message.clone());
                vec![step.number.to_string(), status, step.title.clone(), failure]
            })
            .collect();
        let status = format!("{:?}", job.status).to_lowercase();
        format!(
            "{} ({status})\n{}{}",
            job.title,
            origin(&whole["release"]),
            table(&["STEP", "STATUS", "WHAT", "FAILURE"], &rows)
        )
    });
    Ok(())
}

/// `plimsoll audit …`
pub async fn audit(verb: AuditVerb, desk: &Desk) -> Answer {
    match verb {
        AuditVerb::List { paging } => {
            let slice = desk
                .engine
                .audit(&AuditFilter::default(), &page(&paging))
                .await?;
            desk.output
                .answer(&json!({"items": slice.items, "next": slice.next}), |_| {
                    let rows: Vec<_> = slice
                        .items
                        .iter()
                        .map(|entry| {
                            vec![
                                entry.at.to_string(),
                                entry.author.clone(),
                                entry.act.clone(),
                                entry.subject.clone(),
                            ]
                        })
                        .collect();
                    more(
                        table(&["WHEN", "WHO", "WHAT", "TO WHAT"], &rows),
                        &slice.next,
                    )
                });
        }
        AuditVerb::Verify => {
            let report = desk.engine.verify_audit().await?;
            desk.output.answer(&report, |report| {
                serde_json::to_string_pretty(report).unwrap_or_default()
            });
        }
    }
    Ok(())
}

fn page(paging: &Paging) -> Page {
    Page {
        before: paging.after.clone(),
        limit: paging.limit,
    }
}

fn more(text: String, next: &Option<String>) -> String {
    match next {
        Some(next) => format!("{text}\nMore: --after {next}"),
        None => text,
    }
}

fn status_of(text: Option<String>) -> Answer<Option<JobStatus>> {
    let Some(text) = text else { return Ok(None) };
    serde_json::from_value(json!(text)).map(Some).map_err(|_| {
        Failed::input(
            "invalid_status",
            format!("“{text}” is no status."),
            "One of queued, running, succeeded, failed, cancelled, interrupted.",
        )
    })
}
