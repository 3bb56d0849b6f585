//! What goes out with a deployment and is in no version.

use super::{folder_of, within_folder};
use crate::{Result, error::EngineError, world::World};
use plimsoll_domain::project::Project;
use plimsoll_protocol::{ContextFile, ContextFileKind};
use plimsoll_store::files::{Ignores, Rules};
use std::{collections::HashMap, path::Path};

/// Of these files of a folder, those that the versions of the project leave out, as ignore files or its
/// settings say. None when the folder does not lie in the project's.
pub(crate) async fn left_out_of_versions(
    world: &World,
    project: &Project,
    folder: &str,
    files: &[ContextFile],
) -> Result<Vec<String>> {
    let within = within_folder(world, project.id, folder).await?;
    let root = folder_of(world, project.id).await?;
    let Some((within, root)) = within.zip(root) else {
        return Ok(Vec::new());
    };
    let rules = Rules::readable(&root, &project.settings.ignore);
    let paths: Vec<String> = files
        .iter()
        .filter(|file| !matches!(file.kind, ContextFileKind::Folder))
        .map(|file| file.path.clone())
        .collect();
    let looking = tokio::task::spawn_blocking(move || left_out(&root, &within, &rules, paths));
    looking
        .await
        .map_err(|error| EngineError::internal("internal", error.to_string()))
}

fn left_out(root: &Path, within: &str, rules: &Rules, mut paths: Vec<String>) -> Vec<String> {
    let mut known = HashMap::from([(String::new(), Ignores::at(root, within, rules))]);
    paths.retain(|path| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        ignores_of(folder, &mut known).is_ignored(name, false)
    });
    paths
}

/// What counts in a folder; `known` has that of the topmost.
fn ignores_of(folder: &str, known: &mut HashMap<String, Ignores>) -> Ignores {
    if let Some(found) = known.get(folder) {
        return found.clone();
    }
    let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
    let found = ignores_of(above, known).below(name);
    known.insert(folder.to_owned(), found.clone());
    found
}
