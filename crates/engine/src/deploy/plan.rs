//! Planning a new release.

use super::{
    DeployAction, Draft, Here, ImageFrom, Origin, Spot,
    context::{self, Delta},
    here,
    material::{Built, Material, resolve},
    request::{DeployRequest, ServerSeen, variables_seen},
    variables,
};
use crate::{
    Engine, Plan, Result,
    domains::sites_for_new_servers,
    error::EngineError,
    intent::Intent,
    steps::{Prepared, Steps},
    versions::within_folder,
    world::World,
};
use plimsoll_domain::{
    ServerId,
    deployment::Deployment,
    name::VariableName,
    project::Configuration,
    release::{SealedVariable, VariableValue},
    service::{BuildPlace, Probe, ServiceSpec},
    source::{Provenance, Source},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// What was seen before planning, apart from the source itself: that is looked at again when it is
/// sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Observed {
    path: String,
    servers: Vec<ServerSeen>,
    source: Source,
    spec: ServiceSpec,
    plain: Vec<(VariableName, String)>,
    variables: BTreeMap<String, String>,
    domains: Vec<String>,
    /// Whether the source lies in the folder of the project's files.
    #[serde(default)]
    in_project: bool,
}

impl Engine {
    /// Plans a new release of a service from its source. Nothing is asked of any server: what they
    /// hold is known from what was sent before.
    pub async fn plan_deploy(&self, request: DeployRequest) -> Result<Plan> {
        let world = &self.world;
        let here = here(world, request.environment_id, request.service_id).await?;
        here.check_servers()?;
        let observed = look(world, &here, &request).await?;
        observed.spec.check()?;
        if observed.spec.build.place == BuildPlace::Local {
            world.ports.local_docker.version().await?;
        }
        let material = resolve(world, &here, &observed.source, &observed.spec).await?;
        let place = here.spot();
        let variables = merged(
            &observed.plain,
            world
                .store
                .variable_values(request.environment_id, request.service_id)
                .await?,
        );
        let serving = world
            .store
            .serving(request.environment_id, request.service_id)
            .await?;
        let first = here.servers.first().map(|server| server.id);
        let delta = match (&material, first) {
            (Material::Context(built), Some(first)) => {
                let known = context::known(world, first, &place).await?;
                Some(Delta::between(known.as_ref(), &built.context.files))
            }
            _ => None,
        };
        let mut prepared = plan(
            &observed, &here, &place, material, delta, variables, &serving,
        );
        variables::say_changes(world, serving.as_ref(), &mut prepared).await?;
        sites_for_new_servers(world, &here, serving.as_ref(), &mut prepared).await?;
        self.save_plan(&Intent::Deploy(request), &observed, prepared)
            .await
    }
}

pub(crate) async fn observe(world: &World, request: &DeployRequest) -> Result<Observed> {
    let here = here(world, request.environment_id, request.service_id).await?;
    look(world, &here, request).await
}

async fn look(world: &World, here: &Here, request: &DeployRequest) -> Result<Observed> {
    let (spec, plain) = match request.configuration_id {
        Some(id) => {
            let configuration = world.store.need::<Configuration>(&id).await?;
            (configuration.spec, configuration.variables)
        }
        None => (here.service.spec.clone(), Vec::new()),
    };
    let mut source = here.service.source.clone();
    if let (Source::Git { reference, .. }, Some(other)) = (&mut source, &request.reference) {
        *reference = other.clone();
    }
    if let Some(number) = request.version {
        source = at_version(world, here, &source, number).await?;
    }
    let domains = world
        .store
        .domains_of(here.environment.id, here.service.id)
        .await?;
    let in_project = match &source {
        Source::Folder { path } => within_folder(world, here.project.id, path).await?.is_some(),
        Source::Git { .. } | Source::Image { .. } | Source::Version { .. } => false,
    };
    Ok(Observed {
        in_project,
        path: here.path(),
        servers: here.servers_seen(),
        source,
        spec,
        plain,
        variables: variables_seen(world, here).await?,
        domains: domains
            .into_iter()
            .map(|domain| domain.host.to_string())
            .collect(),
    })
}

/// The source of a service as a version of the project's files holds it.
async fn at_version(world: &World, here: &Here, source: &Source, number: u32) -> Result<Source> {
    let folder = match source {
        Source::Version { folder, .. } => Some(folder.clone()),
        Source::Folder { path } => within_folder(world, here.project.id, path).await?,
        Source::Git { .. } | Source::Image { .. } => None,
    };
    let folder = folder.ok_or_else(|| {
        EngineError::bad_input(
            "source_elsewhere",
            format!(
                "The code of “{}” does not come from the files of its project.",
                here.service.name
            ),
        )
        .evidence([source.to_string()])
        .next_step("Set its source to a folder of the project, or to a version of it.")
    })?;
    Ok(Source::Version { number, folder })
}

/// The service's own variables win over those of a saved configuration: they were set for it.
fn merged(plain: &[(VariableName, String)], own: Vec<SealedVariable>) -> Vec<SealedVariable> {
    let mut variables: Vec<SealedVariable> = plain
        .iter()
        .filter(|(name, _)| own.iter().all(|variable| variable.name != *name))
        .map(|(name, value)| SealedVariable {
            name: name.clone(),
            value: VariableValue::Plain(value.clone()),
        })
        .collect();
    variables.extend(own);
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    variables
}

fn plan(
    observed: &Observed,
    here: &Here,
    place: &Spot,
    material: Material,
    delta: Option<Delta>,
    variables: Vec<SealedVariable>,
    serving: &Option<Deployment>,
) -> Prepared {
    let mut steps = Steps::default();
    let mut notices = Vec::new();
    let mut saved_by = None;
    let ids: Vec<ServerId> = here.servers.iter().map(|server| server.id).collect();
    let mut draft = Draft {
        place: place.clone(),
        spec: observed.spec.clone(),
        variables,
        source: observed.source.clone(),
        provenance: Provenance::default(),
    };
    if let Some(first) = here.servers.first() {
        let image_step = match material {
            Material::Image { reference } => {
                draft.provenance.image_reference = Some(reference.clone());
                let number = steps.next();
                steps
                    .then(
                        format!("Pull {reference} on “{}”", first.name),
                        DeployAction::Pull {
                            server_id: first.id,
                            place: place.clone(),
                            reference,
                        },
                    )
                    .on(first.id)
                    .undo(UNTAG);
                Made {
                    step: number,
                    origin: Origin::Server(first.id),
                    others: ids[1..].to_vec(),
                }
            }
            Material::Context(built) => {
                draft.provenance = built.provenance.clone();
                notices.extend(built.notices.iter().cloned());
                if let Some(generated) = &built.generated {
                    notices.push(format!(
                        "the Dockerfile is generated: {}",
                        generated.reasons.join("; ")
                    ));
                }
                if let Some(saved) = &built.provenance.version {
                    notices.push(format!(
                        "what goes out is version {} of the project's files, whatever its folder \
                         holds now",
                        saved.number
                    ));
                }
                if observed.in_project {
                    saved_by = Some(steps.next());
                    steps.then(
                        "Save the project's files as a version",
                        DeployAction::Save {
                            project_id: here.project.id,
                            path: observed.path.clone(),
                        },
                    );
                }
                build_steps(&mut steps, observed, here, place, *built, delta)
            }
        };
        for (index, server) in here
            .servers
            .iter()
            .filter(|server| image_step.others.contains(&server.id))
            .enumerate()
        {
            let title = format!("Send the image to “{}”, only layers it lacks", server.name);
            let action = DeployAction::Send {
                server_id: server.id,
                place: place.clone(),
                from: image_step.origin,
                image_step: image_step.step,
            };
            let step = if index == 0 {
                steps.then(title, action)
            } else {
                steps.beside(title, action)
            };
            step.on(server.id).undo(UNTAG);
        }
        let image = ImageFrom::Step {
            number: image_step.step,
        };
        let draft = Arc::new(draft);
        switch_steps(
            &mut steps,
            here,
            &draft,
            &image,
            serving.as_ref(),
            !observed.spec.release_command.is_empty(),
        );
        steps.then(
            "Write the release down",
            DeployAction::Record {
                draft,
                image,
                release_id: None,
                saved_by,
            },
        );
    }
    notices.extend(cautions(&observed.spec));
    Prepared {
        title: format!("Deploy {}", observed.path),
        steps: steps.finish(),
        notices,
    }
}

/// How every image that came to be is taken back.
const UNTAG: &str = "remove the image's tag";

/// Where an image comes to be, and who has to get it from there.
struct Made {
    step: u32,
    origin: Origin,
    others: Vec<ServerId>,
}

fn build_steps(
    steps: &mut Steps,
    observed: &Observed,
    here: &Here,
    place: &Spot,
    built: Built,
    delta: Option<Delta>,
) -> Made {
    let first = &here.servers[0];
    let ids: Vec<ServerId> = here.servers.iter().map(|server| server.id).collect();
    let dockerfile = built.generated.map(|generated| generated.dockerfile);
    let shown = dockerfile.clone();
    match observed.spec.build.place {
        BuildPlace::Server => {
            let bytes = delta.as_ref().map(|delta| delta.bytes);
            steps
                .then(
                    format!("Send what changed to “{}”", first.name),
                    DeployAction::Sync {
                        server_id: first.id,
                        place: place.clone(),
                        files: built.files.clone(),
                    },
                )
                .on(first.id)
                .bytes(bytes);
            let number = steps.next();
            let step = steps
                .then(
                    format!("Build the image on “{}”", first.name),
                    DeployAction::Build {
                        server_id: first.id,
                        place: place.clone(),
                        manifest: built.files.manifest,
                        spec: observed.spec.build.clone(),
                        dockerfile,
                    },
                )
                .on(first.id)
                .undo(UNTAG);
            if let Some(text) = shown {
                step.change("Dockerfile (generated)", None, Some(text));
            }
            Made {
                step: number,
                origin: Origin::Server(first.id),
                others: ids[1..].to_vec(),
            }
        }
        BuildPlace::Local => {
            let number = steps.next();
            let step = steps
                .then(
                    "Build the image on this machine",
                    DeployAction::BuildHere {
                        server_id: first.id,
                        place: place.clone(),
                        files: built.files,
                        spec: observed.spec.build.clone(),
                        dockerfile,
                    },
                )
                .undo(UNTAG);
            if let Some(text) = shown {
                step.change("Dockerfile (generated)", None, Some(text));
            }
            Made {
                step: number,
                origin: Origin::Here,
                others: ids,
            }
        }
    }
}

/// Start beside, prove, switch: one request on one server; on several, all prove before any
/// switches.
pub(super) fn switch_steps(
    steps: &mut Steps,
    here: &Here,
    draft: &Arc<Draft>,
    image: &ImageFrom,
    serving: Option<&Deployment>,
    release_command: bool,
) {
    let base = draft.place.key.base();
    let before = serving.map(|serving| format!("{base}-{}", serving.id.short()));
    let undo = match serving {
        Some(_) => "go back to the one before, which still runs",
        None => "remove the container",
    };
    let hold = here.servers.len() > 1;
    for (index, server) in here.servers.iter().enumerate() {
        let title = match (hold, index == 0 && release_command) {
            (false, false) => format!("Start beside, prove, switch on “{}”", server.name),
            (false, true) => format!(
                "Run the release command, start beside, prove, switch on “{}”",
                server.name
            ),
            (true, false) => format!("Start beside and prove on “{}”", server.name),
            (true, true) => format!(
                "Run the release command, start beside and prove on “{}”",
                server.name
            ),
        };
        let action = DeployAction::Start {
            server_id: server.id,
            draft: draft.clone(),
            image: image.clone(),
            hold,
            release_command: release_command && index == 0,
        };
        // The others wait for the release command: it may change what they start with.
        let waits = index == 0 || release_command && index == 1;
        let step = if waits {
            steps.then(title, action)
        } else {
            steps.beside(title, action)
        };
        step.on(server.id).undo(undo).change(
            format!("container on {}", server.name),
            before.clone(),
            Some(format!("{base}-(new)")),
        );
    }
    if !hold {
        return;
    }
    for (index, server) in here.servers.iter().enumerate() {
        let title = format!("Switch on “{}”", server.name);
        let action = DeployAction::Switch {
            server_id: server.id,
        };
        let step = if index == 0 {
            steps.then(title, action)
        } else {
            steps.beside(title, action)
        };
        step.on(server.id).undo(undo);
    }
}

/// What people should know about how their settings behave in a switch.
pub(super) fn cautions(spec: &ServiceSpec) -> Vec<String> {
    let mut cautions = Vec::new();
    if !spec.volumes.is_empty() {
        cautions.push(
            "For a moment the old and the new container both have the volumes: a database that \
             allows one owner only would refuse the second."
                .to_owned(),
        );
    }
    if spec.port.is_none() {
        cautions.push("For a moment the old and the new worker both run.".to_owned());
    }
    if spec.port.is_some() && matches!(spec.health.probe, Probe::Running) {
        cautions.push(
            "Nothing asks the service over the network before it gets traffic: a request may meet \
             it before it listens. Give it a health check over HTTP or TCP."
                .to_owned(),
        );
    }
    cautions
}
