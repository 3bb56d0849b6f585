//! What the people of a device prefer.

use super::{Field, FieldError, FieldKind, Form, Reader, Values, write_amount};
use crate::preferences::{
    AtQuit, EditorPreferences, FONT_SIZES, Indent, Limits, Preferences, RunPreferences, TAB_WIDTHS,
    TEXT_BYTES,
};
use std::ops::RangeInclusive;

const EDITOR: &str = "Editor";
const LIMITS: &str = "Limits";
const RUN: &str = "Run here";
/// Bytes in the unit of sizes.
const MB: u64 = 1_000_000;

/// What is asked of the editor, of limits and of local runs. Dark or light is chosen by itself, where
/// one sees it.
pub fn form() -> Form {
    let mut fields = editor_fields();
    fields.extend(limit_fields());
    fields.push(run_field());
    Form::new("preferences", fields)
}

fn editor_fields() -> Vec<Field> {
    let indents = [
        ("tabs", "Tabs", ""),
        ("spaces", "Spaces", "As many as a tab takes columns."),
    ];
    let fields = [
        Field::new(
            "editor.font_size",
            "Size of the letters",
            whole(&FONT_SIZES),
        )
        .unit("px")
        .required(),
        Field::new("editor.tab_width", "Width of a tab", whole(&TAB_WIDTHS))
            .unit("columns")
            .required(),
        Field::new(
            "editor.indent",
            "New texts are indented with",
            FieldKind::choice(&indents),
        )
        .help("A text that is indented already goes on as it is.")
        .required(),
        Field::new("editor.wrap", "Wrap long lines", FieldKind::Toggle),
        Field::new("editor.line_numbers", "Number the lines", FieldKind::Toggle),
        Field::new(
            "editor.close_brackets",
            "Close brackets and quotes as they are opened",
            FieldKind::Toggle,
        ),
    ];
    fields.map(|field| field.group(EDITOR)).into()
}

fn limit_fields() -> Vec<Field> {
    let most = FieldKind::Number {
        min: 0,
        max: Some(TEXT_BYTES.end() / MB),
        decimals: 1,
    };
    let text = Field::new("limits.text", "Open and search texts up to", most)
        .help("What is larger is not shown, but belongs to every version all the same.")
        .unit("MB")
        .group(LIMITS)
        .required();
    vec![text]
}

fn run_field() -> Field {
    let choices = [
        ("ask", "Ask each time", ""),
        ("stop", "Stop it", "Its data stays."),
        ("leave", "Leave it running", ""),
    ];
    Field::new(
        "run.at_quit",
        "When Plimsoll is quit, what runs on this machine",
        FieldKind::choice(&choices),
    )
    .help("What a command in a terminal has started ends with that command.")
    .group(RUN)
    .required()
}

/// The values of preferences.
pub fn written(preferences: &Preferences) -> Values {
    let Preferences {
        editor,
        limits,
        run,
        ..
    } = preferences;
    let at_quit = match run.at_quit {
        AtQuit::Ask => "ask",
        AtQuit::Stop => "stop",
        AtQuit::Leave => "leave",
    };
    let indent = match editor.indent {
        Indent::Tabs => "tabs",
        Indent::Spaces => "spaces",
    };
    Values::from_iter([
        ("editor.font_size", editor.font_size.to_string()),
        ("editor.tab_width", editor.tab_width.to_string()),
        ("editor.indent", indent.to_owned()),
        ("editor.wrap", editor.wrap.to_string()),
        ("editor.line_numbers", editor.line_numbers.to_string()),
        ("editor.close_brackets", editor.close_brackets.to_string()),
        ("limits.text", write_amount(limits.text_bytes, MB)),
        ("run.at_quit", at_quit.to_owned()),
    ])
}

/// Reads what somebody prefers; what the form does not ask stays as `before` says.
///
/// # Errors
/// What is wrong, beside its field.
pub fn read(values: &Values, before: &Preferences) -> Result<Preferences, Vec<FieldError>> {
    let form = form();
    let mut reader = Reader::open(&form, values);
    let preferences = Preferences {
        editor: EditorPreferences {
            font_size: reader.number("editor.font_size").unwrap_or_default(),
            tab_width: reader.number("editor.tab_width").unwrap_or_default(),
            indent: match reader.text("editor.indent") {
                "spaces" => Indent::Spaces,
                _ => Indent::Tabs,
            },
            wrap: reader.is_on("editor.wrap"),
            line_numbers: reader.is_on("editor.line_numbers"),
            close_brackets: reader.is_on("editor.close_brackets"),
        },
        limits: Limits {
            text_bytes: reader.amount("limits.text", MB).unwrap_or_default(),
        },
        run: RunPreferences {
            at_quit: match reader.text("run.at_quit") {
                "stop" => AtQuit::Stop,
                "leave" => AtQuit::Leave,
                _ => AtQuit::Ask,
            },
        },
        ..*before
    };
    if reader.is_well() && !TEXT_BYTES.contains(&preferences.limits.text_bytes) {
        let (least, most) = (TEXT_BYTES.start(), TEXT_BYTES.end());
        let (least, most) = (write_amount(*least, MB), write_amount(*most, MB));
        reader.wrong("limits.text", format!("between {least} and {most} MB"));
    }
    reader.finish(Some(preferences))
}

fn whole(range: &RangeInclusive<u32>) -> FieldKind {
    FieldKind::whole((*range.start()).into(), Some((*range.end()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferences::Theme;

    #[test]
    fn preferences_read_back_as_they_were_written() {
        let preferences = Preferences {
            theme: Theme::Light,
            editor: EditorPreferences {
                font_size: 18,
                tab_width: 2,
                indent: Indent::Spaces,
                wrap: true,
                line_numbers: false,
                close_brackets: false,
            },
            limits: Limits {
                text_bytes: 1_500_000,
            },
            run: RunPreferences {
                at_quit: AtQuit::Leave,
            },
            ..Preferences::default()
        };
        assert_eq!(read(&written(&preferences), &preferences), Ok(preferences));
    }

    #[test]
    fn what_is_wrong_is_told_beside_its_field() {
        let wrong = |field: &str, value: &str| {
            let mut values = written(&Preferences::default());
            values.set(field, value);
            let errors = read(&values, &Preferences::default()).unwrap_err();
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(errors[0].field, field);
            errors[0].message.clone()
        };
        assert_eq!(wrong("editor.font_size", "200"), "At most 32.");
        assert_eq!(wrong("editor.tab_width", ""), "This is needed.");
        assert!(!wrong("run.at_quit", "sometimes").is_empty());
        assert_eq!(wrong("limits.text", "0"), "Between 0.1 and 32 MB.");
        assert_eq!(wrong("limits.text", "32.5"), "Between 0.1 and 32 MB.");
    }
}
