//! From a source to what an image is made of.

use super::{Files, Here, Spot, build::source_token, context};
use crate::{
    error::{EngineError, Result},
    ports::Context,
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId,
    form::sentence,
    server::{Endpoint, ProviderAccount},
    service::ServiceSpec,
    source::{GitReference, Provenance, Source},
    stack::{self, Evidence, Generated},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What an image is made of.
pub(super) enum Material {
    /// An image that exists.
    Image { reference: String },
    /// A build context.
    Context(Box<Built>),
}

/// A build context, ready to be sent.
pub(super) struct Built {
    pub context: Context,
    pub files: Files,
    pub generated: Option<Generated>,
    pub provenance: Provenance,
    pub notices: Vec<String>,
}

/// Files that do not belong into an image.
const PRIVATE: &[&str] = &[
    "id_rsa",
    "id_ed25519",
    ".env",
    ".env.local",
    ".npmrc",
    ".pypirc",
];

/// Resolves a source: fetches what is remote, reads what is local, makes up a Dockerfile where
/// there is none.
pub(super) async fn resolve(
    world: &World,
    here: &Here,
    source: &Source,
    spec: &ServiceSpec,
) -> Result<Material> {
    source.check()?;
    let place = here.spot();
    match source {
        Source::Image { reference } => Ok(Material::Image {
            reference: reference.clone(),
        }),
        Source::Folder { path } => {
            let folder = PathBuf::from(path);
            built(world, &place, &folder, spec, None).await
        }
        Source::Git {
            url,
            reference,
            folder,
        } => {
            let (checkout, commit) = fetch(world, here, url, reference).await?;
            let folder = if folder.is_empty() {
                checkout
            } else {
                checkout.join(folder)
            };
            built(world, &place, &folder, spec, Some(commit)).await
        }
    }
}

/// Checks the reference out into a folder that is kept between deployments. A branch is resolved
/// to its commit now, so that the plan says what will run.
async fn fetch(
    world: &World,
    here: &Here,
    url: &str,
    reference: &GitReference,
) -> Result<(PathBuf, String)> {
    let folder = world
        .settings
        .folder
        .join("checkouts")
        .join(here.service.id.to_string())
        .join(here.environment.id.to_string());
    crate::world::make_folder(&folder).await?;
    let token = source_token(world, here.service.id).await?;
    let endpoint = endpoint(world, here).await?;
    let commit = world
        .ports
        .sources
        .checkout(url, reference, token.as_ref(), &endpoint, &folder)
        .await?;
    Ok((folder, commit))
}

/// A practice cloud's git host is trusted by the same authority as its API: the endpoint of the
/// account that pays for the environment's first server says how.
async fn endpoint(world: &World, here: &Here) -> Result<Endpoint> {
    let account: Option<ProviderAccountId> =
        here.servers.iter().find_map(|server| server.account_id);
    Ok(match account {
        Some(id) => world
            .store
            .get::<ProviderAccount>(&id)
            .await?
            .map(|account| account.endpoint)
            .unwrap_or_default(),
        None => Endpoint::default(),
    })
}

async fn built(
    world: &World,
    place: &Spot,
    folder: &Path,
    spec: &ServiceSpec,
    commit: Option<String>,
) -> Result<Material> {
    let text = folder.to_string_lossy().into_owned();
    let mut context = context::read(world, place, &text, false).await?;
    let wanted = if spec.build.dockerfile.is_empty() {
        "Dockerfile"
    } else {
        &spec.build.dockerfile
    };
    let there = context.files.iter().any(|file| file.path == wanted);
    let generated = if there {
        None
    } else if !spec.build.dockerfile.is_empty() {
        return Err(EngineError::bad_input(
            "dockerfile_missing",
            format!("There is no “{}” in {text}.", wanted.escape_debug()),
        )
        .next_step("Correct the path, or leave it empty to use “Dockerfile” or a generated one."));
    } else {
        Some(generate(world, folder, &context, spec).await?)
    };
    if generated.is_some() {
        context = context::read(world, place, &text, true).await?;
    }
    if context.files.is_empty() {
        return Err(EngineError::bad_input(
            "source_empty",
            format!("There are no files in {text}."),
        )
        .next_step("Check the folder, and what .dockerignore leaves out."));
    }
    let mut notices: Vec<String> = context
        .files
        .iter()
        .filter(|file| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            PRIVATE.contains(&name)
        })
        .map(|file| {
            format!(
                "“{}” becomes part of the build context, and perhaps of the image: list it in \
                 .dockerignore if it is private.",
                file.path
            )
        })
        .collect();
    notices.sort();
    Ok(Material::Context(Box::new(Built {
        files: Files {
            folder: text,
            manifest: context.manifest.clone(),
            trimmed: generated.is_some(),
        },
        provenance: Provenance {
            commit,
            content_hash: Some(context.manifest.clone()),
            image_reference: None,
            generated_for: generated
                .as_ref()
                .map(|generated| generated.stack.as_str().to_owned()),
        },
        context,
        generated,
        notices,
    })))
}

async fn generate(
    world: &World,
    folder: &Path,
    context: &Context,
    spec: &ServiceSpec,
) -> Result<Generated> {
    let mut texts = BTreeMap::new();
    for name in stack::WANTED_TEXTS {
        if !context.files.iter().any(|file| file.path == *name) {
            continue;
        }
        let text = world
            .ports
            .sources
            .read_text(folder, name, stack::TEXT_LIMIT_BYTES)
            .await?;
        if let Some(text) = text {
            texts.insert((*name).to_owned(), text);
        }
    }
    let evidence = Evidence {
        files: context.files.iter().map(|file| file.path.clone()).collect(),
        texts,
    };
    stack::generate(&evidence, spec.port).map_err(|error| {
        EngineError::bad_input("stack_unknown", sentence(&error.to_string())).next_step(
            "Add a Dockerfile to the source, or choose the folder that holds the application.",
        )
    })
}
