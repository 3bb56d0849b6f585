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
            commands::account::account_connect,
            commands::account::account_test,
            commands::account::account_replace_token,
            commands::account::account_disconnect,
            commands::account::key_login,
            commands::domain::domain_zones,
            commands::domain::domain_plan_add,
            commands::domain::domain_plan_remove,
            commands::domain::domain_visit,
            commands::practice::practice_status,
            commands::practice::practice_start,
            commands::practice::practice_stop,
            commands::practice::practice_connect,
            commands::practice::practice_day,
            commands::practice::sample_write,
            commands::practice::sample_reveal,
            commands::practice::tour_load,
            commands::practice::tour_plan,
            commands::practice::tour_project,
            commands::practice::tour_visit,
            commands::practice::tour_hide,
            commands::settings::settings_load,
            commands::settings::settings_save,
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

    /// Words that no answer's field may be called.
    const NEVER_TOLD: [&str; 5] = ["token", "password", "passphrase", "private", "private_key"];

    #[test]
    fn no_command_answers_with_a_token() {
        let file = std::env::temp_dir().join(format!("bindings-{}.ts", std::process::id()));
        builder().export(Typescript::default(), &file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let types = text
            .split("export type ")
            .skip(1)
            .map(|rest| rest.split("\n};").next().unwrap_or(rest));
        let mut seen = 0;
        for view in types {
            for field in view.lines().filter_map(|line| line.trim().split_once(": ")) {
                let name = field.0.trim_end_matches('?').trim_matches('"');
                assert!(!NEVER_TOLD.contains(&name), "{name} in {view}");
                seen += 1;
            }
        }
        assert!(seen > 50, "{seen} fields were read");
    }

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
