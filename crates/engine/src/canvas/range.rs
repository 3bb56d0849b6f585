//! Parts of a file (RFC 9110 §14), which players ask for to move about in a sound or a film.

use std::ops::Range;

/// What of a file is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<usize>),
    /// Bytes behind its end.
    Nothing,
}

/// Reads the field `Range` for a file of `length` bytes. What is asked for in another unit, badly or
/// in several pieces is given whole, as a server may (§14.2).
pub(super) fn wanted(field: Option<&str>, length: usize) -> Wanted {
    let Some((first, last)) = field.and_then(ends) else {
        return Wanted::Whole;
    };
    match (first, last) {
        _ if length == 0 => Wanted::Whole,
        (Some(first), Some(last)) if last < first => Wanted::Whole,
        (Some(first), _) if first >= length => Wanted::Nothing,
        (Some(first), Some(last)) => Wanted::Part(first..length.min(last.saturating_add(1))),
        (Some(first), None) => Wanted::Part(first..length),
        (None, Some(0)) => Wanted::Nothing,
        (None, Some(last)) => Wanted::Part(length.saturating_sub(last)..length),
        (None, None) => Wanted::Whole,
    }
}

/// The numbers beside the hyphen of the only range in a field.
fn ends(field: &str) -> Option<(Option<usize>, Option<usize>)> {
    let (unit, range) = field.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    let read = unit.trim().eq_ignore_ascii_case("bytes");
    read.then_some((number(first)?, number(last)?))
}

/// No number where nothing stands; the largest for one that no file reaches.
fn number(text: &str) -> Option<Option<usize>> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| (!text.is_empty()).then(|| text.parse().unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_given_where_one_is_asked_for() {
        for (field, part) in [
            ("bytes=0-3", 0..4),
            ("bytes=2-2", 2..3),
            ("bytes=4-", 4..10),
            ("bytes=4-99999999999999999999999", 4..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
            ("Bytes= 1-2 ", 1..3),
        ] {
            assert_eq!(wanted(Some(field), 10), Wanted::Part(part), "{field}");
        }
    }

    #[test]
    fn what_lies_behind_the_end_is_refused_and_what_is_no_range_ignored() {
        for field in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(wanted(Some(field), 10), Wanted::Nothing, "{field}");
        }
        for field in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=3-1",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=0-1,3-4",
            "lines=0-3",
        ] {
            assert_eq!(wanted(Some(field), 10), Wanted::Whole, "{field}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-3"), 0), Wanted::Whole);
    }
}
