//! Decimal numbers of the API as integers, without floating point in between.

/// Why a number was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no amount")]
pub(crate) struct NotAnAmount(String);

/// A decimal text times 10^`digits`, rounded half up: `12.5` dollars with 2 digits is 1250 cents.
pub(crate) fn scaled(text: &str, digits: i32) -> Result<u64, NotAnAmount> {
    let refuse = || NotAnAmount(text.chars().take(40).collect());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| refuse())?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || all.len() > 40 || !all.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse());
    }
    // Where the decimal point stands in `all` once the number is scaled.
    let point =
        i64::try_from(whole.len()).map_err(|_| refuse())? + i64::from(exponent) + i64::from(digits);
    if point > 40 {
        return if all.bytes().all(|b| b == b'0') {
            Ok(0)
        } else {
            Err(refuse())
        };
    }
    let Ok(point) = usize::try_from(point) else {
        return Ok(0);
    };
    let kept: String = all
        .chars()
        .chain(std::iter::repeat('0'))
        .take(point)
        .collect();
    let up = all
        .as_bytes()
        .get(point)
        .is_some_and(|digit| *digit >= b'5');
    let value: u64 = if kept.is_empty() {
        0
    } else {
        kept.parse().map_err(|_| refuse())?
    };
    value.checked_add(u64::from(up)).ok_or_else(refuse)
}

/// Dollars as the API writes them, as integer cents.
pub(crate) fn cents(dollars: &serde_json::Number) -> Result<u64, NotAnAmount> {
    // A number prints as the shortest text that means it, which is the text that was sent.
    scaled(&dollars.to_string(), 2)
}

/// Gigabytes as the API writes them, as bytes.
pub(crate) fn bytes(gigabytes: &serde_json::Number) -> Result<u64, NotAnAmount> {
    scaled(&gigabytes.to_string(), 9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(json: &str) -> serde_json::Number {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn prices_that_floats_get_wrong_are_right() {
        for (json, expected) in [
            ("4", 400),
            ("6.0", 600),
            ("0.29", 29),
            ("1.15", 115),
            ("1.005", 101),
            ("2.675", 268),
            ("8.41", 841),
            ("0.00893", 1),
            ("0.004", 0),
            ("1e-7", 0),
            ("19.99", 1_999),
            ("56448.0", 5_644_800),
        ] {
            assert_eq!(cents(&parsed(json)), Ok(expected), "{json}");
        }
    }

    #[test]
    fn sizes_become_bytes() {
        assert_eq!(bytes(&parsed("2.34")), Ok(2_340_000_000));
        assert_eq!(bytes(&parsed("0.07")), Ok(70_000_000));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for bad in [
            "-1",
            "",
            ".",
            "1,5",
            "1e999",
            "NaN",
            "12345678901234567890123",
        ] {
            assert!(scaled(bad, 2).is_err(), "{bad} passed");
        }
    }

    proptest! {
        #[test]
        fn every_price_in_cents_survives_json(price in 0u64..100_000_000_000) {
            let json = format!("{}.{:02}", price / 100, price % 100);
            prop_assert_eq!(cents(&parsed(&json)), Ok(price));
        }
    }
}
