//! Everything that is kept on this machine.

use crate::{
    args::DataVerb,
    desk::Desk,
    failure::Answer,
    input,
    output::{bytes, table},
};
use serde_json::json;
use std::path::Path;

/// `plimsoll data …`
pub async fn run(verb: DataVerb, desk: &Desk) -> Answer {
    let (engine, output) = (&desk.engine, &desk.output);
    match verb {
        DataVerb::Location => {
            let found = engine.whereabouts().await?;
            let rows: Vec<Vec<String>> = found
                .backups
                .iter()
                .map(|backup| {
                    let made = backup.made_at.map(|at| at.to_string());
                    let path = backup.path.display().to_string();
                    vec![made.unwrap_or_default(), bytes(backup.bytes), path]
                })
                .collect();
            let told = json!({
                "folder": found.folder,
                "bytes": found.bytes,
                "backups": found.backups.iter().map(|backup| json!({
                    "path": backup.path, "made_at": backup.made_at, "bytes": backup.bytes,
                })).collect::<Vec<_>>(),
            });
            output.answer(&told, |_| {
                format!(
                    "{} ({})\n{}",
                    found.folder.display(),
                    bytes(found.bytes),
                    table(&["BACKUP", "SIZE", "FILE"], &rows)
                )
            });
        }
        DataVerb::Export {
            file,
            passphrase_file,
        } => {
            let passphrase =
                input::secret("passphrase for the export", passphrase_file.as_deref())?;
            let size = plimsoll_adapters::export_everything(engine, &file, &passphrase).await?;
            written(desk, &file, size);
            let versions = engine.whereabouts().await?.versions;
            output.note(&format!(
                "The files of saved versions are not in it: they lie in {}. Copy that folder along with \
                 it, or export the versions that matter.",
                versions.display()
            ));
        }
        DataVerb::Restore {
            file,
            passphrase_file,
        } => {
            let passphrase = input::secret("passphrase of the export", passphrase_file.as_deref())?;
            let restored =
                plimsoll_adapters::restore_everything(engine, &file, &passphrase).await?;
            let told = json!({"before": restored.before, "recalled": restored.recalled});
            output.answer(&told, |_| {
                let text = format!(
                    "Everything was brought back. What was there before is kept as {}.",
                    restored.before.display()
                );
                let recalled = restored.recalled.told().into_iter();
                [text]
                    .into_iter()
                    .chain(recalled)
                    .collect::<Vec<_>>()
                    .join("\n")
            });
        }
        DataVerb::Diagnostics { file } => {
            let diagnostics = engine.diagnostics(Vec::new()).await?;
            let size = plimsoll_adapters::save_diagnostics(diagnostics, &file).await?;
            written(desk, &file, size);
        }
    }
    Ok(())
}

fn written(desk: &Desk, file: &Path, size: u64) {
    desk.output
        .answer(&json!({"path": file, "bytes": size}), |_| {
            format!("Wrote {} ({}).", file.display(), bytes(size))
        });
}
