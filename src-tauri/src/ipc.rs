//! What the pages may call and hear, declared once; the bindings are written from it.

use crate::{
    changes::Changes,
    commands,
    views::{CloseAsked, DeskChanged, Dropping, Ending, Opened},
};
use tauri::Wry;
use tauri_specta::{Builder, collect_commands, collect_events};

/// Every command and event.
pub fn builder() -> Builder<Wry> {
    Builder::<Wry>::new()
        .commands(collect_commands![
            commands::desk::desk_load,
            commands::desk::desk_state,
            commands::desk::desk_reopen,
            commands::desk::desk_open_anyway,
            commands::desk::vault_create,
            commands::desk::vault_unlock,
            commands::desk::notice_dismiss,
            commands::window::window_hide,
            commands::window::window_kept,
            commands::window::window_quit,
            commands::data::data_location,
            commands::data::data_export,
            commands::data::data_restore,
            commands::data::diagnostics_save,
            commands::project::project_create,
            commands::project::project_delete,
            commands::project::project_set_settings,
            commands::project::project_folder,
            commands::project::project_set_folder,
            commands::project::environment_create,
            commands::project::environment_set_servers,
            commands::project::environment_delete,
            commands::project::environment_plan_remove,
            commands::canvas::canvas_list,
            commands::canvas::canvas_files,
            commands::canvas::canvas_create,
            commands::canvas::canvas_add_asset,
            commands::canvas::canvas_open,
            commands::canvas::canvas_draft,
            commands::canvas::canvas_drafted,
            commands::canvas::canvas_run_scripts,
            commands::canvas::canvas_follow,
            commands::canvas::canvas_allow,
            commands::canvas::canvas_browse,
            commands::canvas::canvas_publish,
            commands::run::run_start,
            commands::run::run_watch,
            commands::run::run_open,
            commands::run::run_stop,
            commands::run::run_clean,
            commands::run::run_keep,
            commands::run::run_list,
            commands::run::run_delete_data,
            commands::run::run_restart_on_changes,
            commands::run::run_follow_log,
            commands::run::run_open_terminal,
            commands::service::service_create,
            commands::service::service_update,
            commands::service::service_delete,
            commands::service::service_set_source_token,
            commands::service::service_plan_deploy,
            commands::service::service_plan_reconfigure,
            commands::service::service_plan_restart,
            commands::service::service_plan_rollback,
            commands::service::service_plan_remove,
            commands::variable::variable_set,
            commands::variable::variable_unset,
            commands::variable::variable_reveal,
            commands::variable::variable_preview_import,
            commands::variable::variable_import,
            commands::variable::configuration_save,
            commands::variable::configuration_delete,
            commands::version::version_list,
            commands::version::version_save,
            commands::version::version_entries,
            commands::version::version_file,
            commands::version::version_compare,
            commands::version::version_restore,
            commands::version::version_activate,
            commands::version::version_name,
            commands::version::version_pin,
            commands::version::version_prunable,
            commands::version::version_prune,
            commands::version::version_export,
            commands::version::version_import,
            commands::version::version_check,
            commands::version::version_repair,
            commands::version::version_plan_deploy,
            commands::form::form_open,
            commands::form::form_check,
            commands::form::draft_keep,
            commands::form::draft_forget,
            commands::form::folder_pick,
            commands::health::health_watch,
            commands::health::service_follow_log,
            commands::health::live_lines,
            commands::health::live_search,
            commands::health::stream_stop,
            commands::plan::plan_get,
            commands::plan::plan_approve,
            commands::plan::plan_again,
            commands::job::job_get,
            commands::job::job_list,
            commands::job::job_follow,
            commands::job::job_cancel,
            commands::job::job_resume,
            commands::job::job_undo,
            commands::job::job_retry,
            commands::job::job_since,
            commands::job::job_lines,
            commands::job::job_line_with,
            commands::deployment::deployment_ids,
            commands::deployment::deployment_rows,
            commands::deployment::deployment_get,
            commands::deployment::release_list,
            commands::deployment::release_compare,
            commands::server::server_listing,
            commands::server::server_watch,
            commands::server::server_watch_running,
            commands::server::server_follow_log,
            commands::server::server_firewall,
            commands::server::server_prune,
            commands::server::server_losses,
            commands::server::server_plan_provision,
            commands::server::server_host_key,
            commands::server::server_plan_adopt,
            commands::server::server_plan_prepare,
            commands::server::server_plan_reboot,
            commands::server::server_plan_power,
            commands::server::server_plan_snapshot,
            commands::server::server_plan_reserve_ip,
            commands::server::server_plan_release_ip,
            commands::server::server_plan_destroy,
            commands::snapshot::snapshot_list,
            commands::snapshot::snapshot_plan_base,
            commands::snapshot::snapshot_plan_delete,
            commands::snapshot::snapshot_plan_delete_base,
            commands::terminal::terminal_open,
            commands::terminal::terminal_write,
            commands::terminal::terminal_resize,
            commands::terminal::terminal_ack,
            commands::terminal::terminal_close,
            commands::audit::audit_list,
            commands::audit::audit_verify,
            commands::update::update_known,
            commands::update::update_look,
            commands::update::update_install,
            commands::account::account_connect,
            commands::account::account_test,
            commands::account::account_replace_token,
            commands::account::account_disconnect,
            commands::account::key_login,
            commands::domain::domain_zones,
            commands::domain::domain_plan_add,
            commands::domain::domain_plan_remove,
            commands::domain::domain_open,
            commands::domain::domain_visit,
            commands::file::file_list,
            commands::file::file_read,
            commands::file::file_write,
            commands::file::file_create,
            commands::file::file_move,
            commands::file::file_take_in,
            commands::file::file_watch,
            commands::file::file_keep_draft,
            commands::file::file_forget_draft,
            commands::file::file_drafts,
            commands::bin::file_delete,
            commands::bin::bin_list,
            commands::bin::bin_restore,
            commands::bin::bin_empty,
            commands::search::search_start,
            commands::search::search_replace,
            commands::file::file_pick,
            commands::file::file_place,
            commands::practice::practice_status,
            commands::practice::practice_start,
            commands::practice::practice_stop,
            commands::practice::practice_wipe,
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
            commands::settings::settings_look,
            commands::settings::settings_save,
            commands::settings::settings_export,
            commands::settings::settings_import,
        ])
        .events(collect_events![
            Changes,
            CloseAsked,
            DeskChanged,
            Dropping,
            Ending,
            Opened
        ])
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
