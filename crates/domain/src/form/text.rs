//! How lists, pairs and amounts stand in a field's text, exactly: what is written reads back.

use crate::name::VariableName;

/// Items, one a line. An item that a line cannot hold as it is (it is empty, has line ends or blanks
/// around it, or begins with a quote) is written as a JSON string.
pub fn write_lines<S: AsRef<str>>(items: &[S]) -> String {
    items
        .iter()
        .map(|item| quoted(item.as_ref()))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Reads what [`write_lines`] writes; empty lines are nothing, blanks around an item are dropped.
///
/// # Errors
/// The line, from 1, that begins with a quote and is no JSON string.
pub fn read_lines(text: &str) -> Result<Vec<String>, String> {
    text.split('\n')
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(at, line)| unquoted(line).ok_or_else(|| unclosed(at)))
        .collect()
}

/// `NAME=value`, one a line; values are quoted as the items of [`write_lines`] are.
pub fn write_pairs(pairs: &[(String, String)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Reads what [`write_pairs`] writes.
///
/// # Errors
/// The line, from 1, that is not of the form `NAME=value`.
pub fn read_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!("line {}: expected NAME=value", at + 1));
        };
        let name = VariableName::parse(name.trim())
            .map_err(|error| format!("line {}: {error}", at + 1))?;
        let value = value.trim();
        let value = if value.is_empty() {
            String::new()
        } else {
            unquoted(value).ok_or_else(|| unclosed(at + 1))?
        };
        pairs.push((name.to_string(), value));
    }
    Ok(pairs)
}

fn unclosed(line: usize) -> String {
    format!("line {line}: what begins with a quote has to be a whole JSON string")
}

fn quoted(item: &str) -> String {
    let plain = !item.is_empty()
        && item.trim() == item
        && !item.starts_with('"')
        && !item.contains(['\n', '\r']);
    if plain {
        item.to_owned()
    } else {
        serde_json::Value::from(item).to_string()
    }
}

fn unquoted(item: &str) -> Option<String> {
    if item.starts_with('"') {
        serde_json::from_str(item).ok()
    } else {
        Some(item.to_owned())
    }
}

/// An amount in a larger unit, exactly: 1,500 ms are `1.5` s with `per` 1,000. `per` has no prime
/// factors but 2 and 5, so the digits end.
pub fn write_amount(amount: u64, per: u64) -> String {
    let mut text = (amount / per).to_string();
    let mut rest = u128::from(amount % per);
    if rest > 0 {
        text.push('.');
    }
    while rest > 0 {
        rest *= 10;
        text.push(char::from(
            b'0' + u8::try_from(rest / u128::from(per)).unwrap_or(0),
        ));
        rest %= u128::from(per);
    }
    text
}

/// Reads what [`write_amount`] writes.
///
/// # Errors
/// What is no number, is too large, or falls between two amounts.
pub fn read_amount(text: &str, per: u64) -> Result<u64, &'static str> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(digits) || text.ends_with('.') {
        return Err("a number is needed");
    }
    let digits = digits.trim_end_matches('0');
    let whole: u64 = whole.parse().map_err(|_| "this number is too large")?;
    let too_fine = "it has too many digits after the point";
    // 10^20 holds every finite fraction of a mebibyte, and times a mebibyte it fits.
    let places = u32::try_from(digits.len()).map_err(|_| too_fine)?;
    if places > 20 {
        return Err(too_fine);
    }
    let scale = 10_u128.pow(places);
    let fraction: u128 = if digits.is_empty() {
        0
    } else {
        digits.parse().map_err(|_| too_fine)?
    };
    let scaled = fraction * u128::from(per);
    if !scaled.is_multiple_of(scale) {
        return Err(too_fine);
    }
    u128::from(whole)
        .checked_mul(u128::from(per))
        .and_then(|amount| amount.checked_add(scaled / scale))
        .and_then(|amount| u64::try_from(amount).ok())
        .ok_or("this number is too large")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_list_reads_back(items: Vec<String>) {
            prop_assert_eq!(read_lines(&write_lines(&items)), Ok(items));
        }

        #[test]
        fn any_pairs_read_back(pairs in proptest::collection::vec(("[A-Za-z_][A-Za-z0-9_]{0,9}", any::<String>()), 0..6)) {
            prop_assert_eq!(read_pairs(&write_pairs(&pairs)), Ok(pairs));
        }

        #[test]
        fn any_amount_reads_back(amount: u64, per in prop_oneof![Just(1_u64), Just(1_000), Just(1 << 20)]) {
            prop_assert_eq!(read_amount(&write_amount(amount, per), per), Ok(amount));
        }

        #[test]
        fn no_text_breaks_the_readers(text: String) {
            let _ = (read_lines(&text), read_pairs(&text), read_amount(&text, 1_000));
        }
    }

    #[test]
    fn an_item_of_two_lines_is_written_as_a_json_string() {
        assert_eq!(write_lines(&["sh", "a\nb", ""]), "sh\n\"a\\nb\"\n\"\"");
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(write_amount(1_500, 1_000), "1.5");
        assert_eq!(read_amount("0.5", 1_000), Ok(500));
        assert_eq!(read_amount("512", 1 << 20), Ok(512 << 20));
        assert!(read_amount("0.0005", 1_000).is_err());
        for wrong in [
            "",
            "-1",
            "1.",
            ".5",
            "1e3",
            "half",
            "1,5",
            "99999999999999999999",
        ] {
            assert!(read_amount(wrong, 1).is_err(), "{wrong}");
        }
    }
}
