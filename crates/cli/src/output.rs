//! What a command prints: text for people, JSON for programs, and nothing in between.

use serde::Serialize;
use std::io::{IsTerminal, Write};

/// How a command answers.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// JSON instead of text.
    pub json: bool,
}

impl Output {
    /// Prints an answer: the value as JSON, or the text that `text` makes of it.
    pub fn answer<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) {
        if self.json {
            self.line(
                &serde_json::to_string_pretty(value).unwrap_or_else(|error| {
                    format!(
                        "{{\"error\":{{\"code\":\"internal\",\"message\":{:?}}}}}",
                        error.to_string()
                    )
                }),
            );
        } else {
            let text = text(value);
            if !text.is_empty() {
                self.line(&legible(text.trim_end()));
            }
        }
    }

    /// Prints a line on standard output. A reader that went away ends the program quietly.
    pub fn line(&self, line: &str) {
        if writeln!(std::io::stdout().lock(), "{line}").is_err() {
            std::process::exit(0);
        }
    }

    /// Says something on standard error, for people only.
    pub fn note(&self, line: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr().lock(), "{}", legible(line));
        }
    }

    /// Whether somebody watches a terminal.
    pub fn lively(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }
}

/// A name from elsewhere, on one line and as it is read: what would steer a terminal or turn the
/// direction of writing is written out.
pub fn shown(name: &str) -> String {
    written_out(name, |_| false)
}

/// A whole text: lines and tabs stay as they are, and nothing else steers the terminal.
pub fn legible(text: &str) -> String {
    let ended = text.replace("\r\n", "\n");
    let whole = if ended.contains('\r') { &ended } else { text };
    written_out(whole, |character| {
        matches!(character, '\n' | '\t' | '\u{c}') || (character == '\r' && !ended.contains('\r'))
    })
}

fn written_out(text: &str, stays: impl Fn(char) -> bool) -> String {
    // Marks that reorder what stands beside them (Unicode, UAX 9).
    let turns = |character| {
        matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
    };
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if (character.is_control() || turns(character)) && !stays(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Rows with aligned columns.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(
        rows.iter()
            .map(|row| line(&mut row.iter().map(String::as_str))),
    );
    lines.join("\n")
}

/// Integer cents of US dollars as `$12.34`.
pub fn dollars(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!(
        "{sign}${}.{:02}",
        cents.unsigned_abs() / 100,
        cents.unsigned_abs() % 100
    )
}

/// Bytes as `3.4 MB`.
pub fn bytes(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1000.0 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{amount:.1} {}", units[unit])
    }
}

/// Milliseconds as `850 ms`, `4.2 s` or `3 min 5 s`.
pub fn duration(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(dollars(1205), "$12.05");
        assert_eq!(dollars(-600), "-$6.00");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(3_400_000), "3.4 MB");
        assert_eq!(duration(185_000), "3 min 5 s");
    }

    #[test]
    fn nothing_in_a_name_steers_the_terminal() {
        assert_eq!(shown("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\n");
        assert_eq!(shown("x\u{202e}gpj.exe"), "x\\u{202e}gpj.exe");
        assert_eq!(shown("ünï 日本.txt"), "ünï 日本.txt");
        assert_eq!(legible("a\tb\r\nc\u{9b}2J\n"), "a\tb\r\nc\\u{9b}2J\n");
        assert_eq!(legible("all done\rerror"), "all done\\rerror");
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![
            vec!["a".into(), "bb".into()],
            vec!["ccc".into(), "d".into()],
        ];
        assert_eq!(table(&["x", "y"], &rows), "x    y\na    bb\nccc  d");
    }
}
