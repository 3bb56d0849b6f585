//! `plimsoll canvas …`

use crate::{
    args::{Approval, CanvasVerb, DeployArguments, OfCanvas, OfProject},
    desk::Desk,
    failure::Answer,
    output::table,
};
use plimsoll_adapters::canvas::serve_canvas;
use plimsoll_domain::{canvas::CanvasName, name::Name, project::Project};
use plimsoll_engine::CanvasOverview;
use serde_json::json;

/// `plimsoll canvas …`
pub async fn run(verb: CanvasVerb, desk: &Desk) -> Answer {
    let engine = &desk.engine;
    match verb {
        CanvasVerb::List { project } => {
            let canvases = engine.canvases(of(&project, desk).await?.id).await?;
            desk.output.answer(&canvases, |canvases| list(canvases));
        }
        CanvasVerb::Create { which } => {
            let (project, canvas) = called(&which, desk).await?;
            engine.create_canvas(project.id, &canvas).await?;
            let page = format!("{}/index.html", canvas.folder().join("/"));
            desk.output.answer(&json!({"page": page}), |_| {
                format!(
                    "Wrote {page}. See it with `plimsoll canvas serve --project {}`.",
                    project.name
                )
            });
        }
        CanvasVerb::Serve { which, port } => {
            let (project, canvas) = called(&which, desk).await?;
            let server = serve_canvas(engine, project.id, &canvas, port).await?;
            desk.output.answer(&json!({"url": server.url()}), |_| {
                format!("The canvas “{canvas}” is at {}", server.url())
            });
            desk.output.note("Ctrl-C ends it.");
            // Where nobody can interrupt, it goes on until it is ended.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        CanvasVerb::Allow { which, hosts } => {
            let (project, canvas) = called(&which, desk).await?;
            engine.set_canvas_hosts(project.id, &canvas, &hosts).await?;
            let settings = engine.canvas_settings(project.id, &canvas).await?;
            desk.output.answer(&settings, |settings| {
                let hosts: Vec<String> = settings.hosts.iter().map(ToString::to_string).collect();
                match hosts.is_empty() {
                    true => format!("The canvas “{canvas}” reaches no host."),
                    false => format!("The canvas “{canvas}” may reach {}.", hosts.join(", ")),
                }
            });
        }
        CanvasVerb::Publish {
            which,
            environment,
            yes,
            detach,
        } => {
            let (project, canvas) = called(&which, desk).await?;
            let receipt = engine.publish_canvas(project.id, &canvas).await?;
            let service = engine.services(project.id).await?;
            let name = service.iter().find(|service| service.id == receipt.id);
            let name = name
                .map(|service| service.name.to_string())
                .unwrap_or_default();
            if let Some(environment) = environment {
                let arguments = DeployArguments {
                    path: format!("{}/{environment}/{name}", project.name),
                    branch: None,
                    commit: None,
                    at_version: None,
                    configuration: None,
                    approval: Approval {
                        plan: false,
                        yes,
                        detach,
                    },
                };
                return super::work::deploy(arguments, desk).await;
            }
            desk.output
                .answer(&json!({"service": name, "receipt": receipt}), |_| {
                    format!(
                        "The service “{name}” serves the canvas. Deploy it: plimsoll deploy \
                     {}/ENVIRONMENT/{name}",
                        project.name
                    )
                });
        }
    }
    Ok(())
}

async fn of(which: &OfProject, desk: &Desk) -> Answer<Project> {
    let name = Name::parse(&which.project)?;
    Ok(desk.engine.project_named(&name).await?)
}

async fn called(which: &OfCanvas, desk: &Desk) -> Answer<(Project, CanvasName)> {
    let project = of(&which.project, desk).await?;
    Ok((project, CanvasName::parse(&which.canvas)?))
}

fn list(canvases: &[CanvasOverview]) -> String {
    let rows: Vec<_> = canvases
        .iter()
        .map(|canvas| {
            let hosts: Vec<String> = canvas.hosts.iter().map(ToString::to_string).collect();
            vec![
                canvas.name.to_string(),
                canvas.name.folder().join("/"),
                if canvas.has_page { "yes" } else { "no" }.to_owned(),
                hosts.join(" "),
            ]
        })
        .collect();
    table(&["CANVAS", "FOLDER", "PAGE", "MAY REACH"], &rows)
}
