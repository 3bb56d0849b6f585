//! What the pages may call and hear, declared once; the bindings are written from it.

use crate::{changes::Changes, commands};
use tauri::Wry;
use tauri_specta::{Builder, collect_commands, collect_events};

/// Every command and event.
pub fn builder() -> Builder<Wry> {
    Builder::<Wry>::new()
        .commands(collect_commands![
            commands::desk::desk_load,
            commands::desk::desk_reopen,
            commands::project::project_create,
            commands::project::project_delete,
        ])
        .events(collect_events![Changes])
        // Bytes, cents, milliseconds and sequence numbers: all far below 2^53.
        .dangerously_cast_bigints_to_number()
        // One type a view, whichever way it travels: no view leaves a field out.
        .disable_serde_phases()
}

#[cfg(test)]
mod tests {
    use super::*;
    use specta_typescript::Typescript;
    use std::{fs, path::Path};

    const HEADER: &str = "/* eslint-disable */\n// Written by `cargo test -p plimsoll-desktop`; committed; never edited by hand.\n";

    #[test]
    fn the_committed_bindings_are_those_of_these_commands() {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/lib/ipc/bindings.ts");
        let before = fs::read_to_string(&committed).unwrap_or_default();
        builder()
            .export(Typescript::default().header(HEADER), &committed)
            .unwrap();
        let after = fs::read_to_string(&committed).unwrap();
        assert!(
            before == after,
            "ui/src/lib/ipc/bindings.ts was out of date and has been written anew: commit it"
        );
    }
}
