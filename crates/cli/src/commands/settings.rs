//! `plimsoll settings …`

use crate::{
    args::{
        AtQuitArgument, IndentArgument, MotionArgument, SettingsArguments, SettingsVerb,
        ThemeArgument,
    },
    desk::Desk,
    failure::Answer,
    output::bytes,
};
use plimsoll_domain::{
    name::Name,
    preferences::{AtQuit, Indent, Motion, Preferences, Theme},
};
use serde_json::json;

/// `plimsoll settings …`
pub async fn run(verb: SettingsVerb, desk: &Desk) -> Answer {
    match verb {
        SettingsVerb::Show => {
            let preferences = desk.engine.preferences().await?;
            desk.output.answer(&preferences, told);
        }
        SettingsVerb::Set(wanted) => {
            let preferences = changed(desk.engine.preferences().await?, &wanted);
            desk.engine.set_preferences(preferences).await?;
            desk.output.answer(&preferences, told);
        }
        SettingsVerb::Export { file } => {
            desk.engine.export_settings(&file).await?;
            desk.output.answer(&json!({"file": file}), |_| {
                format!("Wrote the settings to {}.", file.display())
            });
        }
        SettingsVerb::Import { file } => {
            let unknown = desk.engine.import_settings(&file).await?;
            desk.output
                .answer(&json!({"unknown_projects": unknown}), |_| {
                    let names: Vec<String> = unknown.iter().map(Name::to_string).collect();
                    match names.is_empty() {
                        true => "Took the settings over.".to_owned(),
                        false => format!(
                            "Took the settings over; there is no project {} here.",
                            names.join(", ")
                        ),
                    }
                });
        }
    }
    Ok(())
}

fn changed(mut preferences: Preferences, wanted: &SettingsArguments) -> Preferences {
    let Preferences {
        theme,
        motion,
        editor,
        limits,
        run,
    } = &mut preferences;
    *theme = match wanted.theme {
        Some(ThemeArgument::System) => Theme::System,
        Some(ThemeArgument::Dark) => Theme::Dark,
        Some(ThemeArgument::Light) => Theme::Light,
        None => *theme,
    };
    *motion = match wanted.motion {
        Some(MotionArgument::System) => Motion::System,
        Some(MotionArgument::Reduced) => Motion::Reduced,
        None => *motion,
    };
    editor.indent = match wanted.indent {
        Some(IndentArgument::Tabs) => Indent::Tabs,
        Some(IndentArgument::Spaces) => Indent::Spaces,
        None => editor.indent,
    };
    run.at_quit = match wanted.at_quit {
        Some(AtQuitArgument::Ask) => AtQuit::Ask,
        Some(AtQuitArgument::Stop) => AtQuit::Stop,
        Some(AtQuitArgument::Leave) => AtQuit::Leave,
        None => run.at_quit,
    };
    editor.font_size = wanted.font_size.unwrap_or(editor.font_size);
    editor.tab_width = wanted.tab_width.unwrap_or(editor.tab_width);
    editor.wrap = wanted.wrap.unwrap_or(editor.wrap);
    editor.line_numbers = wanted.line_numbers.unwrap_or(editor.line_numbers);
    editor.close_brackets = wanted.close_brackets.unwrap_or(editor.close_brackets);
    limits.text_bytes = wanted.text_bytes.unwrap_or(limits.text_bytes);
    preferences
}

fn told(preferences: &Preferences) -> String {
    let Preferences {
        theme,
        motion,
        editor,
        limits,
        run,
    } = preferences;
    let theme = match theme {
        Theme::System => "as the system is set",
        Theme::Dark => "dark",
        Theme::Light => "light",
    };
    let motion = match motion {
        Motion::System => "as the system is set",
        Motion::Reduced => "nothing moves",
    };
    let indent = match editor.indent {
        Indent::Tabs => "tabs",
        Indent::Spaces => "spaces",
    };
    let at_quit = match run.at_quit {
        AtQuit::Ask => "is asked about",
        AtQuit::Stop => "is stopped",
        AtQuit::Leave => "goes on",
    };
    let or = |is_so: bool, yes: &'static str, no: &'static str| if is_so { yes } else { no };
    format!(
        "theme           {theme}\n\
         motion          {motion}\n\
         editor          letters of {} px, tabs of {} columns, new texts indented with {indent}\n\
         \x20               long lines {}, lines {}, brackets {}\n\
         texts up to     {}\n\
         at quit         what runs here {at_quit}",
        editor.font_size,
        editor.tab_width,
        or(editor.wrap, "wrapped", "not wrapped"),
        or(editor.line_numbers, "numbered", "not numbered"),
        or(
            editor.close_brackets,
            "closed as they are opened",
            "left alone"
        ),
        bytes(limits.text_bytes),
    )
}
