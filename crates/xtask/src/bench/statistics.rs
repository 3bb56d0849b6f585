//! What many numbers say in one.

/// The number in the middle; of an even count, the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length.is_multiple_of(2) => {
            Some(f64::midpoint(sorted[middle - 1], sorted[middle]))
        }
        _ => Some(sorted[middle]),
    }
}

/// The smallest number that is not exceeded by this share of the numbers (nearest rank).
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let sorted = sorted(values);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The largest number.
pub fn largest(values: &[f64]) -> Option<f64> {
    sorted(values).last().copied()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 9.0, 2.0]), Some(3.0));
    }

    #[test]
    fn one_slow_answer_in_a_hundred_does_not_move_the_99th_percentile() {
        let mut values = vec![1.0; 99];
        values.push(500.0);
        assert_eq!(percentile(&values, 0.99), Some(1.0));
        values.push(500.0);
        assert_eq!(percentile(&values, 0.99), Some(500.0));
        assert_eq!(percentile(&[], 0.99), None);
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
    }

    #[test]
    fn the_largest_is_the_largest() {
        assert_eq!(largest(&[2.0, 8.0, 5.0]), Some(8.0));
        assert_eq!(largest(&[]), None);
    }
}
