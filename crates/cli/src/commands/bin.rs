//! `plimsoll bin …`

use super::version::id;
use crate::{
    args::BinVerb,
    desk::Desk,
    failure::Answer,
    output::{bytes, shown, table},
};
use plimsoll_engine::BinEntry;

/// `plimsoll bin …`
pub async fn run(verb: BinVerb, desk: &Desk) -> Answer {
    let engine = &desk.engine;
    match verb {
        BinVerb::Put { project, path } => {
            let entry = engine.delete_file(id(&project, desk).await?, &path).await?;
            desk.output.answer(&entry, |entry| {
                format!("{} is in the bin.", shown(entry.path.as_str()))
            });
        }
        BinVerb::List { project } => {
            let entries = engine.bin(id(&project, desk).await?).await?;
            desk.output.answer(&entries, |entries| list(entries));
        }
        BinVerb::Restore { project, id: entry } => {
            let project = id(&project, desk).await?;
            let back = engine.restore_from_bin(project, &entry).await?;
            desk.output.answer(&back, |back| {
                format!("It is back as {}.", shown(back.path.as_str()))
            });
        }
        BinVerb::Empty { project, id: entry } => {
            let project = id(&project, desk).await?;
            let gone = engine.empty_bin(project, entry.as_deref()).await?;
            desk.output.answer(&gone, |gone| {
                let (count, freed) = (gone.entries, bytes(gone.bytes));
                format!("{count} are gone for good; {freed} are free.")
            });
        }
    }
    Ok(())
}

fn list(entries: &[BinEntry]) -> String {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            vec![
                entry.id.clone(),
                entry.deleted_at.to_string(),
                entry.files.to_string(),
                bytes(entry.bytes),
                shown(entry.path.as_str()),
            ]
        })
        .collect();
    table(&["ID", "DELETED", "FILES", "SIZE", "PATH"], &rows)
}
