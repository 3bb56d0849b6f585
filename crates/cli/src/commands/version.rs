//! `plimsoll versions …`

use crate::{
    args::{OfProject, VersionVerb},
    desk::Desk,
    failure::{Answer, Failed},
    output::{bytes, shown, table},
};
use plimsoll_domain::{
    ProjectId,
    content::Node,
    name::Name,
    version::{Retention, Version},
};
use plimsoll_engine::{ArchiveRemarks, Checked, VersionDifference as Difference};
use serde_json::json;
use std::{fmt::Write as _, sync::Arc};

/// `plimsoll versions …`
pub async fn run(verb: VersionVerb, desk: &Desk) -> Answer {
    let engine = &desk.engine;
    match verb {
        VersionVerb::Save { project, message } => {
            let project = id(&project, desk).await?;
            let saved = engine
                .save_version(project, &message, &Arc::default())
                .await?;
            let version = engine.version(saved.id).await?;
            let mut told = serde_json::to_value(&version).unwrap_or_default();
            told["refused_by_windows"] = json!(saved.refused_by_windows);
            desk.output.answer(&told, |_| {
                let (number, grew) = (version.number, bytes(version.added_bytes));
                let mut text = format!(
                    "Saved version {number}: {} files, {grew} more.",
                    version.files
                );
                text.push_str(&foreign(&saved.refused_by_windows));
                text
            });
        }
        VersionVerb::List { project } => {
            let versions = engine.versions(id(&project, desk).await?).await?;
            desk.output.answer(&versions, |versions| list(versions));
        }
        VersionVerb::Show {
            project,
            version,
            path: Some(path),
        } => {
            let version = called(&project, &version, desk).await?;
            if desk.output.json {
                let file = engine.version_file(version.id, &path).await?;
                desk.output.answer(&file, |_| String::new());
            } else {
                let shown = engine.write_version_file(version.id, &path, std::io::stdout());
                shown.await?;
            }
        }
        VersionVerb::Show {
            project,
            version,
            path: None,
        } => {
            let version = called(&project, &version, desk).await?;
            let changes = engine.version_changes(version.id).await?;
            let whole = json!({"version": version, "changes": changes});
            desk.output.answer(&whole, |_| {
                format!(
                    "{}\n{}",
                    list(std::slice::from_ref(&version)),
                    changed(&changes)
                )
            });
        }
        VersionVerb::Diff {
            project,
            before,
            after,
        } => {
            let before = called(&project, &before, desk).await?;
            let after = called(&project, &after, desk).await?;
            let changes = engine.compare_versions(Some(before.id), after.id).await?;
            let text = if desk.output.json {
                String::new()
            } else {
                lines(desk, &before, &after, &changes).await?
            };
            desk.output.answer(&changes, |_| text);
        }
        VersionVerb::Restore {
            project,
            version,
            path,
        } => {
            let version = called(&project, &version, desk).await?;
            let done = engine.restore_version(version.id, path.as_deref()).await?;
            desk.output.answer(&done, |done| {
                let mut text = format!(
                    "Restored version {}: {} written, {} removed. What was there is version {}.",
                    version.number, done.written, done.removed, done.before.number
                );
                for left in &done.left {
                    let _ = write!(text, "\nLeft alone: {}", shown(left));
                }
                text
            });
        }
        VersionVerb::Export {
            project,
            version,
            to,
        } => {
            let version = called(&project, &version, desk).await?;
            engine.export_version(version.id, &to).await?;
            desk.output
                .answer(&json!({"version": version, "file": to}), |_| {
                    format!("Wrote version {} to {}.", version.number, to.display())
                });
        }
        VersionVerb::Import {
            project,
            from,
            message,
        } => {
            let taken = engine
                .import_version(id(&project, desk).await?, &from, &message)
                .await?;
            let version = engine.version(taken.id).await?;
            let mut told = serde_json::to_value(&version).unwrap_or_default();
            told["left_out"] = json!(taken.remarks.left_out);
            told["read_as_437"] = json!(taken.remarks.read_as_437);
            told["refused_by_windows"] = json!(taken.remarks.refused_by_windows);
            desk.output.answer(&told, |_| {
                format!(
                    "Took {} files in as version {}.{}",
                    version.files,
                    version.number,
                    remarks(&taken.remarks)
                )
            });
        }
        VersionVerb::Name {
            project,
            version,
            name,
        } => {
            let version = called(&project, &version, desk).await?;
            let name = name.as_deref().map(Name::parse).transpose()?;
            let receipt = engine.name_version(version.id, name).await?;
            desk.output.answer(&receipt, |_| {
                format!("Version {} is renamed.", version.number)
            });
        }
        VersionVerb::Pin {
            project,
            version,
            off,
        } => {
            let version = called(&project, &version, desk).await?;
            let receipt = engine.pin_version(version.id, !off).await?;
            let state = if off { "loose" } else { "pinned" };
            desk.output.answer(&receipt, |_| {
                format!("Version {} is {state}.", version.number)
            });
        }
        VersionVerb::Activate { project, version } => {
            let version = called(&project, &version, desk).await?;
            let receipt = engine.activate_version(version.id).await?;
            desk.output.answer(&receipt, |_| {
                format!("Version {} is active.", version.number)
            });
        }
        VersionVerb::Prune {
            project,
            last,
            days,
            yes,
        } => {
            let project = id(&project, desk).await?;
            let usual = engine.retention(project).await?;
            let rule = Retention {
                last: last.unwrap_or(usual.last),
                days: days.unwrap_or(usual.days),
            };
            let pruned = if yes {
                engine.prune_versions(project, rule).await?
            } else {
                engine.prunable_versions(project, rule).await?
            };
            desk.output.answer(&pruned, |pruned| {
                let (count, waste) = (pruned.versions.len(), bytes(pruned.waste_bytes));
                let verb = if yes { "went" } else { "would go" };
                let freed = bytes(pruned.freed_bytes);
                format!(
                    "{}\n{count} versions {verb}; {waste} are needed no more, {freed} were freed.",
                    list(&pruned.versions)
                )
            });
        }
        VersionVerb::Check { read_data, repair } => {
            let found = if repair {
                let repaired = engine.repair_versions().await?;
                if !repaired.unsaved.is_empty() {
                    desk.output.note(&format!(
                        "These folders could not be looked through:\n{}",
                        repaired.unsaved.join("\n")
                    ));
                }
                for line in repaired.recalled.told() {
                    desk.output.note(&line);
                }
                repaired.left
            } else {
                engine.check_versions(read_data).await?
            };
            return report(desk, &found);
        }
    }
    Ok(())
}

/// What a person should know about an archive, a line each.
pub(super) fn remarks(remarks: &ArchiveRemarks) -> String {
    let mut text = String::new();
    for path in &remarks.left_out {
        let _ = write!(
            text,
            "\nLeft out, as it is never part of a version: {}",
            shown(path)
        );
    }
    for name in &remarks.read_as_437 {
        let _ = write!(
            text,
            "\nRead as code page 437, as it is no UTF-8: {}",
            shown(name)
        );
    }
    text + &foreign(&remarks.refused_by_windows)
}

fn foreign(refused_by_windows: &[String]) -> String {
    let line = |name: &String| format!("\nWindows could not keep {}.", shown(name));
    refused_by_windows.iter().map(line).collect()
}

pub(super) async fn id(of: &OfProject, desk: &Desk) -> Answer<ProjectId> {
    Ok(desk
        .engine
        .project_named(&Name::parse(&of.project)?)
        .await?
        .id)
}

async fn called(of: &OfProject, text: &str, desk: &Desk) -> Answer<Version> {
    Ok(desk
        .engine
        .version_called(id(of, desk).await?, text)
        .await?)
}

fn list(versions: &[Version]) -> String {
    let rows: Vec<_> = versions
        .iter()
        .map(|version| {
            let name = version
                .name
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let pinned = if version.pinned { "pinned" } else { "" };
            vec![
                version.number.to_string(),
                version.created_at.to_string(),
                version.author.clone(),
                version.files.to_string(),
                bytes(version.added_bytes),
                [name.as_str(), pinned].join(" ").trim().to_owned(),
                shown(version.message.lines().next().unwrap_or_default()),
            ]
        })
        .collect();
    table(
        &["VERSION", "SAVED", "BY", "FILES", "GREW", "NAME", "MESSAGE"],
        &rows,
    )
}

fn changed(changes: &[Difference]) -> String {
    let line = |change: &Difference| {
        let mark = match (&change.before, &change.after) {
            (None, _) => '+',
            (_, None) => '-',
            (Some(_), Some(_)) => '~',
        };
        format!("{mark} {}", shown(&change.path))
    };
    changes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Text line by line; what is none by size and hash.
async fn lines(
    desk: &Desk,
    before: &Version,
    after: &Version,
    changes: &[Difference],
) -> Answer<String> {
    let mut out = String::new();
    for change in changes {
        let old = text(desk, before, change.before.as_ref(), &change.path).await?;
        let new = text(desk, after, change.after.as_ref(), &change.path).await?;
        let may_be_executed = |node: &Option<Node>| {
            matches!(
                node,
                Some(Node::File {
                    executable: true,
                    ..
                })
            )
        };
        let (was, is) = (
            may_be_executed(&change.before),
            may_be_executed(&change.after),
        );
        if change.before.is_some() && change.after.is_some() && was != is {
            let not = if is { "" } else { "not " };
            let _ = writeln!(out, "{}: may {not}be executed now", shown(&change.path));
        }
        if let (Some(old), Some(new)) = (old, new) {
            // Beyond that it may be longer than needed, and it ends.
            let diff = similar::TextDiff::configure()
                .timeout(std::time::Duration::from_secs(2))
                .diff_lines(&old, &new);
            let name = shown(&change.path);
            let (a, b) = (format!("a/{name}"), format!("b/{name}"));
            let _ = write!(out, "{}", diff.unified_diff().header(&a, &b));
        } else {
            let _ = writeln!(
                out,
                "{}: {} → {}",
                shown(&change.path),
                described(change.before.as_ref()),
                described(change.after.as_ref())
            );
        }
    }
    Ok(out)
}

async fn text(
    desk: &Desk,
    version: &Version,
    node: Option<&Node>,
    path: &str,
) -> Answer<Option<String>> {
    match node {
        None => Ok(Some(String::new())),
        Some(Node::File { .. }) => {
            let file = desk.engine.version_file(version.id, path).await?;
            let content = file.bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            Ok(content.filter(|content| !content.contains('\0')))
        }
        Some(Node::Link { .. } | Node::Folder { .. }) => Ok(None),
    }
}

fn described(node: Option<&Node>) -> String {
    match node {
        None => "nothing".to_owned(),
        Some(Node::File { size, hash, .. }) => {
            format!("{} ({})", bytes(*size), &hash.to_string()[..12])
        }
        Some(Node::Link { target }) => format!("a link to {}", shown(target)),
        Some(Node::Folder { .. }) => "an empty folder".to_owned(),
    }
}

fn report(desk: &Desk, found: &Checked) -> Answer {
    if found.hurt.is_empty() && found.damaged_packs.is_empty() {
        desk.output.answer(found, |found| {
            let proved = match found.proved {
                0 => String::new(),
                count => format!(", {count} pieces of content proved byte by byte"),
            };
            let kept = found.kept.iter().map(|kept| format!("\n{}", kept.told()));
            let kept: String = kept.collect();
            format!(
                "Everything can be read: {} packs{proved}.{kept}",
                found.packs
            )
        });
        return Ok(());
    }
    let mut failed = Failed::input(
        "content_damaged",
        match found.hurt.len() {
            0 => "No version is hurt, and a pack is damaged.".to_owned(),
            1 => "1 version is hurt.".to_owned(),
            count => format!("{count} versions are hurt."),
        },
        "Everything else in them can be read. Run `plimsoll versions check --repair`: it keeps \
         again what the projects' folders still have.",
    );
    let hurt = found.hurt.iter().map(|hurt| {
        let paths: Vec<String> = hurt.paths.iter().map(|path| lost(path)).collect();
        let (project, number) = (&hurt.project, hurt.version.number);
        format!("{project}, version {number}: {}", paths.join(", "))
    });
    let packs = found.damaged_packs.iter();
    let packs = packs.map(|pack| format!("pack {pack} is damaged or missing"));
    failed.failure.evidence = hurt.chain(packs).collect();
    failed.kind = crate::failure::Kind::Internal;
    Err(failed)
}

/// A path that cannot be read, or the whole state.
fn lost(path: &str) -> String {
    match path {
        "" => "all of it".to_owned(),
        path => shown(path),
    }
}
