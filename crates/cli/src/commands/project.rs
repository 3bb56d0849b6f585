//! Projects, environments, services.

use super::{
    spec::{source, spec},
    version::remarks,
};
use crate::{
    args::{EnvironmentVerb, ProjectVerb, ServiceVerb, SourceArguments},
    desk::Desk,
    failure::{Answer, Failed},
    input,
    output::{shown, table},
    path::{EnvironmentPath, ServicePath},
};
use plimsoll_domain::{ServerId, ServiceId, name::Name, service::ServiceSpec};
use plimsoll_engine::{
    ImportedProject, NewService, RemoveEnvironmentRequest, RemoveServiceRequest,
};
use serde_json::json;

/// `plimsoll project …`
pub async fn run(verb: ProjectVerb, desk: &Desk) -> Answer {
    match verb {
        ProjectVerb::Create { name, folder, from } => {
            let parsed = Name::parse(&name)?;
            let receipt = match (folder, from) {
                (Some(folder), Some(zip)) => {
                    let made = desk.engine.import_project(parsed, &zip, &folder).await?;
                    desk.output.answer(&made, |made| imported(&name, made));
                    return Ok(());
                }
                (Some(folder), None) => desk.engine.create_project_in(parsed, &folder).await?,
                (None, _) => desk.engine.create_project(parsed).await?,
            };
            desk.output.answer(&receipt, |_| format!("Created {name}."));
        }
        ProjectVerb::Folder { name, folder } => {
            let project = desk.engine.project_named(&Name::parse(&name)?).await?;
            let receipt = desk.engine.set_project_folder(project.id, &folder).await?;
            desk.output.answer(&receipt, |_| {
                format!("{name} works in {}.", folder.display())
            });
        }
        ProjectVerb::Settings {
            name,
            keep_last,
            keep_days,
            ignore,
            no_ignore,
            run_postgres,
            run_memory,
            run_cpu,
        } => {
            let project = desk.engine.project_named(&Name::parse(&name)?).await?;
            let before = project.settings;
            let mut settings = before.clone();
            settings.retention.last = keep_last.unwrap_or(before.retention.last);
            settings.retention.days = keep_days.unwrap_or(before.retention.days);
            if no_ignore || !ignore.is_empty() {
                settings.ignore = ignore;
            }
            if let Some(image) = run_postgres {
                settings.run.postgres = (image != "none").then_some(image);
            }
            let limits = &mut settings.run.limits;
            if let Some(memory) = run_memory {
                limits.memory_bytes = (memory > 0).then_some(memory << 20);
            }
            if let Some(millis) = run_cpu {
                limits.cpu_millis = (millis > 0).then_some(millis);
            }
            if settings != before {
                let changed = settings.clone();
                desk.engine
                    .set_project_settings(project.id, changed)
                    .await?;
            }
            desk.output.answer(&settings, |settings| {
                format!(
                    "keeps         the newest {} versions, and all of the last {} days\n\
                     leaves out    {}\n\
                     runs here     with {}",
                    settings.retention.last,
                    settings.retention.days,
                    settings.ignore.join(", "),
                    match &settings.run.postgres {
                        Some(image) => format!("a Postgres of {image}"),
                        None => "no database".to_owned(),
                    }
                )
            });
        }
        ProjectVerb::List => {
            let projects = desk.engine.projects().await?;
            desk.output.answer(&projects, |projects| {
                let rows: Vec<_> = projects
                    .iter()
                    .map(|project| vec![project.name.to_string(), project.created_at.to_string()])
                    .collect();
                table(&["NAME", "CREATED"], &rows)
            });
        }
        ProjectVerb::Show { name } => {
            let project = desk.engine.project_named(&Name::parse(&name)?).await?;
            let environments = desk.engine.environments(project.id).await?;
            let services = desk.engine.services(project.id).await?;
            let whole =
                json!({"project": project, "environments": environments, "services": services});
            desk.output.answer(&whole, |_| {
                let names = |names: Vec<String>| names.join(", ");
                format!(
                    "{name}\nenvironments  {}\nservices      {}",
                    names(
                        environments
                            .iter()
                            .map(|environment| environment.name.to_string())
                            .collect()
                    ),
                    names(
                        services
                            .iter()
                            .map(|service| service.name.to_string())
                            .collect()
                    ),
                )
            });
        }
        ProjectVerb::Delete { name } => {
            let project = desk.engine.project_named(&Name::parse(&name)?).await?;
            let receipt = desk.engine.delete_project(project.id).await?;
            desk.output.answer(&receipt, |_| format!("Deleted {name}."));
        }
    }
    Ok(())
}

/// `plimsoll environment …`
pub async fn environments(verb: EnvironmentVerb, desk: &Desk) -> Answer {
    match verb {
        EnvironmentVerb::Create { path, servers } => {
            let parts: EnvironmentPath = path.parse()?;
            let project = desk.engine.project_named(&parts.project).await?;
            let servers = server_ids(desk, &servers).await?;
            let receipt = desk
                .engine
                .create_environment(project.id, parts.environment, servers)
                .await?;
            desk.output.answer(&receipt, |_| format!("Created {path}."));
        }
        EnvironmentVerb::Servers { path, servers } => {
            let id = desk.environment_path(&path).await?;
            let servers = server_ids(desk, &servers).await?;
            let receipt = desk.engine.set_environment_servers(id, servers).await?;
            desk.output.answer(&receipt, |_| {
                format!("{path} runs there from its next deployment on.")
            });
        }
        EnvironmentVerb::Delete {
            path,
            volumes,
            approval,
        } => {
            let environment_id = desk.environment_path(&path).await?;
            let request = RemoveEnvironmentRequest {
                environment_id,
                volumes,
            };
            let plan = desk.engine.plan_remove_environment(request).await?;
            desk.carry_out(plan, &approval).await?;
        }
    }
    Ok(())
}

/// `plimsoll service …`
pub async fn services(verb: ServiceVerb, desk: &Desk) -> Answer {
    match verb {
        ServiceVerb::Create {
            path,
            source: arguments,
            spec: settings,
        } => {
            let parts: ServicePath = path.parse()?;
            let project = desk.engine.project_named(&parts.project).await?;
            let Some(from) = source(&arguments)? else {
                return Err(Failed::input(
                    "source_missing",
                    "A service needs a source.",
                    "Give --folder, --git or --image.",
                ));
            };
            let spec = spec(desk, &settings, ServiceSpec::default()).await?;
            let new = NewService {
                project_id: project.id,
                name: parts.service,
                source: from,
                spec,
            };
            let receipt = desk.engine.create_service(new).await?;
            keep_token(desk, receipt.id, &arguments).await?;
            desk.output.answer(&receipt, |_| format!("Created {path}."));
        }
        ServiceVerb::Update {
            path,
            source: arguments,
            spec: settings,
        } => {
            let service = named(desk, &path).await?;
            let spec = spec(desk, &settings, service.spec.clone()).await?;
            let changed = (spec != service.spec).then_some(spec);
            let receipt = desk
                .engine
                .update_service(service.id, source(&arguments)?, changed)
                .await?;
            keep_token(desk, service.id, &arguments).await?;
            desk.output.answer(&receipt, |_| {
                format!("{path} changes with its next deployment.")
            });
        }
        ServiceVerb::Show { path } => {
            let service = named(desk, &path).await?;
            desk.output.answer(&service, |service| {
                serde_json::to_string_pretty(service).unwrap_or_default()
            });
        }
        ServiceVerb::Remove {
            path,
            volumes,
            approval,
        } => {
            let (environment_id, service_id) = desk.run_path(&path).await?;
            let request = RemoveServiceRequest {
                environment_id,
                service_id,
                volumes,
            };
            let plan = desk.engine.plan_remove_service(request).await?;
            desk.carry_out(plan, &approval).await?;
        }
        ServiceVerb::Delete { path } => {
            let service = named(desk, &path).await?;
            let receipt = desk.engine.delete_service(service.id).await?;
            desk.output.answer(&receipt, |_| format!("Deleted {path}."));
        }
    }
    Ok(())
}

fn imported(name: &str, made: &ImportedProject) -> String {
    let mut text = format!("Created {name}.{}", remarks(&made.remarks));
    for left in &made.left {
        text += &format!(
            "\nIn version 1, but not written to the folder: {}",
            shown(left)
        );
    }
    text
}

async fn named(desk: &Desk, path: &str) -> Answer<plimsoll_domain::project::Service> {
    let parts: ServicePath = path.parse()?;
    let project = desk.engine.project_named(&parts.project).await?;
    Ok(desk
        .engine
        .service_named(project.id, &parts.service)
        .await?)
}

async fn keep_token(desk: &Desk, id: ServiceId, arguments: &SourceArguments) -> Answer {
    if let Some(file) = &arguments.token_file {
        let token = input::secret("token", Some(file))?;
        desk.engine.set_source_token(id, Some(token)).await?;
    }
    Ok(())
}

async fn server_ids(desk: &Desk, names: &[String]) -> Answer<Vec<ServerId>> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(desk.engine.server_named(&Name::parse(name)?).await?.id);
    }
    Ok(ids)
}
