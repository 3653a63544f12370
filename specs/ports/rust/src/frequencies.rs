//! Cumulative frequency tables (F-1 to F-5).

use crate::refusal::{require, Cause, Refusal};
use crate::tables::WEIGHTS;

/// Refuses a precision that is not 9 to 16.
pub(crate) fn check_precision(precision: u32) -> Result<(), Refusal> {
    require((9..=16).contains(&precision), Cause::Precision, || {
        format!("the precision is {precision}; it must be 9 to 16")
    })
}

/// A cumulative frequency table of precision F: `entries[c]` is `t[c]` of F-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    precision: u32,
    entries: [u32; 257],
}

impl Table {
    /// The table with these 256 frequencies, each at least 1, with the sum 2^precision.
    ///
    /// # Errors
    /// `precision` or `table` (F-1).
    pub fn from_frequencies(frequencies: &[i64], precision: u32) -> Result<Self, Refusal> {
        check_precision(precision)?;
        let total = 1i64 << precision;
        let refuse = |message: String| Err(Refusal::new(Cause::Table, message));
        if frequencies.len() != 256 {
            return refuse(format!("a table has 256 frequencies, not {}", frequencies.len()));
        }
        let mut entries = [0; 257];
        let mut sum = 0;
        for (byte, &frequency) in frequencies.iter().enumerate() {
            if !(1..=total).contains(&frequency) {
                return refuse(format!(
                    "byte {byte} has the frequency {frequency}; it must be 1 to {total}"
                ));
            }
            sum += frequency;
            entries[byte + 1] = sum as u32;
        }
        if sum != total {
            return refuse(format!(
                "the frequencies sum to {sum}; with precision {precision} it must be {total}"
            ));
        }
        Ok(Table { precision, entries })
    }

    /// The table that F-4 and F-5 make of 256 logits, in units of 1/256 of a binary order of magnitude.
    ///
    /// # Errors
    /// `precision` or `logits` (F-2).
    pub fn from_logits(logits: &[i64], precision: u32) -> Result<Self, Refusal> {
        check_precision(precision)?;
        require(logits.len() == 256, Cause::Logits, || {
            format!("there are {} logits, not 256", logits.len())
        })?;
        let mut checked = [0; 256];
        for (byte, (&logit, place)) in logits.iter().zip(&mut checked).enumerate() {
            require(logit.abs() <= 1 << 30, Cause::Logits, || {
                format!("the logit of byte {byte} is {logit}; it must be -2^30 to 2^30")
            })?;
            *place = logit as i32;
        }
        Ok(Table::from_checked_logits(&checked, precision))
    }

    /// As `from_logits`, with the steps of P-5 for those who look for a fault: of each byte the sum of the weights up
    /// to and with it (F-4).
    ///
    /// # Errors
    /// As `from_logits`.
    pub fn from_logits_traced(logits: &[i64], precision: u32) -> Result<(Self, [u64; 257]), Refusal> {
        let table = Table::from_logits(logits, precision)?;
        let checked: Vec<i32> = logits.iter().map(|&logit| logit as i32).collect();
        let checked = checked.try_into().expect("there are 256 logits");
        Ok((table, cumulative_weights(&checked)))
    }

    /// As `from_logits`, for logits and a precision that are known to be right.
    pub(crate) fn from_checked_logits(logits: &[i32; 256], precision: u32) -> Self {
        let sums = cumulative_weights(logits);
        let shared = (1u64 << precision) - 256;
        let mut entries = [0; 257];
        for (byte, entry) in entries.iter_mut().enumerate() {
            *entry = (sums[byte] * shared / sums[256]) as u32 + byte as u32;
        }
        Table { precision, entries }
    }

    /// F: the frequencies sum to 2^F.
    pub fn precision(&self) -> u32 {
        self.precision
    }

    /// `t[0] ... t[256]` of F-1.
    pub fn entries(&self) -> &[u32; 257] {
        &self.entries
    }

    /// `f[byte]` of F-1.
    pub fn frequency(&self, byte: u8) -> u32 {
        self.entries[byte as usize + 1] - self.entries[byte as usize]
    }

    /// The greatest byte c for which `below(t[c])` holds. It must hold for 0, and for no entry after one for
    /// which it does not.
    #[inline]
    pub(crate) fn last_byte(&self, below: impl Fn(u32) -> bool) -> u8 {
        let mut byte = 0usize;
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            if below(self.entries[byte + step]) {
                byte += step;
            }
        }
        byte as u8
    }
}

/// The sums of the weights of the bytes before each byte, and of all of them (F-4).
fn cumulative_weights(logits: &[i32; 256]) -> [u64; 257] {
    let largest = *logits.iter().max().expect("there are 256 logits");
    let mut sums = [0; 257];
    for (byte, &logit) in logits.iter().enumerate() {
        sums[byte + 1] = sums[byte] + u64::from(weight(largest.abs_diff(logit)));
    }
    sums
}

/// The weight of a byte whose logit is `distance` below the largest (F-4).
fn weight(distance: u32) -> u32 {
    if distance > 6144 {
        return 0;
    }
    let power = WEIGHTS[(distance % 256) as usize];
    match distance / 256 {
        0 => power,
        shift => (power + (1 << (shift - 1))) >> shift,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_rounded_up_and_then_nothing_is_left() {
        assert_eq!((weight(0), weight(6144), weight(6145)), (1 << 23, 1, 0));
    }

    #[test]
    fn the_last_byte_is_the_greatest_that_is_below() {
        let table = Table::from_frequencies(&[2; 256], 9).unwrap();
        assert!((0..512).all(|point| u32::from(table.last_byte(|entry| entry <= point)) == point / 2));
    }
}
