//! From a source to what an image is made of.

use super::{Files, Here, Spot, build::source_token, context};
use crate::{
    error::{EngineError, Result},
    ports::Context,
    versions::{Unpacked, left_out_of_versions, throw_away, unpack, unpacked},
    world::World,
};
use plimsoll_domain::{
    ProviderAccountId,
    content::{ContentHash, Node},
    form::sentence,
    server::{Endpoint, ProviderAccount},
    service::ServiceSpec,
    source::{GitReference, Provenance, SavedAs, Source},
    stack::{self, Evidence, Generated},
};
use plimsoll_protocol::ContextFileKind;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What an image is made of.
pub(crate) enum Material {
    /// An image that exists.
    Image { reference: String },
    /// A build context.
    Context(Box<Built>),
}

/// A build context, ready to be sent.
pub(crate) struct Built {
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

/// Most files that a notice names.
const NAMED: usize = 3;

/// Resolves a source: fetches what is remote, reads what is local, makes up a Dockerfile where
/// there is none.
pub(crate) async fn resolve(
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
            let from = From::folder(PathBuf::from(path));
            let mut material = built(world, &place, from, spec).await?;
            if let Material::Context(built) = &mut material {
                let files = &built.context.files;
                let left = left_out_of_versions(world, &here.project, path, files).await?;
                built.notices.extend(in_no_version(&left));
            }
            Ok(material)
        }
        Source::Version { number, folder } => {
            let project = here.project.id;
            let version = unpack(world, project, place.service_id, *number, folder).await?;
            if !is_as_saved(world, &place, &version).await? {
                throw_away(&version.folder).await?;
                unpacked(world, place.service_id, version.tree).await?;
            }
            let from = From {
                shown: source.to_string(),
                folder: version.folder,
                commit: None,
                version: Some((version.saved, version.tree)),
            };
            built(world, &place, from, spec).await
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
            let from = From {
                commit: Some(commit),
                ..From::folder(folder)
            };
            built(world, &place, from, spec).await
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

/// Where a build context is read from.
struct From {
    folder: PathBuf,
    /// How people know it.
    shown: String,
    commit: Option<String>,
    version: Option<(SavedAs, ContentHash)>,
}

impl From {
    fn folder(folder: PathBuf) -> Self {
        Self {
            shown: folder.to_string_lossy().into_owned(),
            folder,
            commit: None,
            version: None,
        }
    }
}

/// Whether every file that would be built from is, byte for byte, the one that was saved: the copy
/// lies in a folder that others can write to.
async fn is_as_saved(world: &World, place: &Spot, version: &Unpacked) -> Result<bool> {
    let text = version.folder.to_string_lossy().into_owned();
    let context = context::read(world, place, &text, false).await?;
    let files = world.file_store().await?;
    let saved = files.differences(None, version.tree).await?;
    let saved: BTreeMap<String, String> = saved
        .into_iter()
        .filter_map(|found| match found.after {
            Some(Node::File { hash, .. }) => Some((found.path, hash.to_string())),
            Some(Node::Link { .. } | Node::Folder { .. }) | None => None,
        })
        .collect();
    Ok(context.files.iter().all(|file| match &file.kind {
        ContextFileKind::File { hash, .. } => saved.get(&file.path) == Some(hash),
        ContextFileKind::Link { .. } | ContextFileKind::Folder => true,
    }))
}

/// Tells of files that go out and are in no version, so that nobody counts on the version alone.
fn in_no_version(left: &[String]) -> Option<String> {
    let (count, more) = (left.len(), left.len().saturating_sub(NAMED));
    let named = left.iter().take(NAMED);
    let mut named: Vec<String> = named.map(|path| format!("“{path}”")).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    let named = named.join(", ");
    let files = if count == 1 { "file goes" } else { "files go" };
    (count > 0).then(|| {
        format!(
            "{count} {files} out that no version has, since ignore files or the project's settings \
             leave them out: {named}. The release's version alone does not build the same."
        )
    })
}

async fn built(world: &World, place: &Spot, from: From, spec: &ServiceSpec) -> Result<Material> {
    let folder = from.folder.as_path();
    let text = folder.to_string_lossy().into_owned();
    let shown = from.shown;
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
            format!("There is no “{}” in {shown}.", wanted.escape_debug()),
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
            format!("There are no files in {shown}."),
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
            version: from.version.map(|(_, tree)| tree),
        },
        provenance: Provenance {
            commit: from.commit,
            content_hash: Some(context.manifest.clone()),
            image_reference: None,
            generated_for: generated
                .as_ref()
                .map(|generated| generated.stack.as_str().to_owned()),
            version: from.version.map(|(saved, _)| saved),
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
