//! Names of entries.

use super::super::ignores::is_never_written;
use plimsoll_domain::content;

/// Nobody nests deeper by hand, and every walk over the tree recurses.
const DEEPEST: usize = 128;

/// The parts of a name, which has to stay inside; none where it is the root's own. A backslash
/// belongs to a name on the systems whose programs write `/` between folders; elsewhere it was meant
/// to stand between them.
pub(super) fn parts_of(name: &str, is_unix: bool) -> Result<Vec<&str>, &'static str> {
    if is_absolute(name) {
        return Err("it is absolute");
    }
    if name.contains('\\') && (!is_unix || name.split(['/', '\\']).any(|part| part == "..")) {
        return Err("it has a backslash, which some systems read as a separator");
    }
    let inside = name.strip_suffix('/').unwrap_or(name);
    let parts: Vec<&str> = inside.split('/').filter(|part| *part != ".").collect();
    if !parts.iter().all(|part| content::is_name(part)) {
        return Err("it would leave the folder, or is no name");
    }
    if parts.len() > DEEPEST {
        return Err("it is nested too deeply");
    }
    Ok(parts)
}

fn is_absolute(name: &str) -> bool {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    match name.as_bytes() {
        [drive, b':', separator, ..] if drive.is_ascii_alphabetic() => is_separator(separator),
        [first, ..] => is_separator(first),
        [] => false,
    }
}

/// The first part of a path that is never part of a version, with what is above it.
pub(super) fn never_written(parts: &[&str]) -> Option<String> {
    let at = parts.iter().position(|part| is_never_written(part))?;
    Some(parts[..=at].join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_is_absolute_only_behind_a_drive_and_before_a_separator() {
        for absolute in ["/a", "\\a", "C:/a", "c:\\a"] {
            assert_eq!(parts_of(absolute, true), Err("it is absolute"));
        }
        assert_eq!(parts_of("a:b.txt", true), Ok(vec!["a:b.txt"]));
        assert_eq!(parts_of("ab:/c", true), Ok(vec!["ab:", "c"]));
    }

    #[test]
    fn the_roots_own_entry_has_no_parts() {
        assert_eq!(parts_of("./", true), Ok(vec![]));
        assert_eq!(parts_of(".", true), Ok(vec![]));
        assert_eq!(parts_of("./a", true), Ok(vec!["a"]));
        assert!(parts_of("", true).is_err());
        assert!(parts_of("//", true).is_err());
    }

    #[test]
    fn a_backslash_is_part_of_a_name_only_where_it_can_be() {
        assert_eq!(parts_of("a\\b", true), Ok(vec!["a\\b"]));
        assert!(parts_of("a\\b", false).is_err());
        assert!(parts_of("..\\b", true).is_err());
    }
}
