//! Building blocks of the Transformer: rounding, products with matrices, RMSNorm (T-5 to T-8).

use crate::parameters::Parameters;

/// A scale: `multiplier / 2^shift`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) multiplier: i32,
    pub(crate) shift: u32,
}

impl Scale {
    /// The scales in the tensors `name.multiplier` and `name.shift`.
    pub(crate) fn all(parameters: &Parameters, name: &str) -> Vec<Scale> {
        let multipliers = parameters.tensor(&format!("{name}.multiplier"));
        let shifts = parameters.tensor(&format!("{name}.shift"));
        let scale = |(&multiplier, &shift): (&i64, &i64)| Scale {
            multiplier: multiplier as i32,
            shift: shift as u32,
        };
        multipliers.iter().zip(shifts).map(scale).collect()
    }
}

/// `nearest(number, 2^shift)` of C-2.
#[inline]
pub(crate) fn nearest(number: i32, shift: u32) -> i32 {
    (number + ((1 << shift) >> 1)) >> shift
}

/// T-6.
#[inline]
pub(crate) fn rescale(number: i32, scale: Scale) -> i32 {
    const LIMIT: i32 = (1 << 24) - 1;
    nearest(number.clamp(-LIMIT, LIMIT) * scale.multiplier, scale.shift)
}

/// T-5 for all numbers of some rows.
pub(crate) fn add(rows: &mut [i32], update: &[i32]) {
    const LIMIT: i32 = 1 << 23;
    for (number, &change) in rows.iter_mut().zip(update) {
        *number = (*number + change.clamp(-LIMIT, LIMIT)).clamp(-LIMIT, LIMIT);
    }
}

/// The sum of products of the numbers of two rows.
#[inline]
pub(crate) fn multiply(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

/// How many inputs are multiplied at once.
const GROUP: usize = 8;

/// A matrix with a scale for each output (T-7).
#[derive(Debug)]
pub(crate) struct Linear {
    inputs: usize,
    /// In row-major order, with rows of zeros up to a multiple of `GROUP`.
    weights: Vec<i16>,
    scales: Vec<Scale>,
}

impl Linear {
    pub(crate) fn new(parameters: &Parameters, name: &str, inputs: usize) -> Self {
        let scales = Scale::all(parameters, &format!("{name}.scale"));
        let given = parameters.tensor(&format!("{name}.weight"));
        let mut weights: Vec<i16> = given.iter().map(|&weight| weight as i16).collect();
        weights.resize(inputs.next_multiple_of(GROUP) * scales.len(), 0);
        Linear {
            inputs,
            weights,
            scales,
        }
    }

    /// The products of `count` rows, whose numbers are -127 to 127.
    pub(crate) fn apply(&self, rows: &[i16], count: usize, products: &mut [i32]) {
        let (inputs, outputs) = (self.inputs, self.scales.len());
        let products = &mut products[..count * outputs];
        products.fill(0);
        for (group, weights) in self.weights.chunks_exact(GROUP * outputs).enumerate() {
            for (row, sums) in rows.chunks_exact(inputs).zip(products.chunks_exact_mut(outputs)) {
                let given = &row[group * GROUP..inputs.min((group + 1) * GROUP)];
                let mut numbers = [0; GROUP];
                numbers[..given.len()].copy_from_slice(given);
                if numbers != [0; GROUP] {
                    add_products(sums, weights, numbers);
                }
            }
        }
        for sums in products.chunks_exact_mut(outputs) {
            for (sum, &scale) in sums.iter_mut().zip(&self.scales) {
                *sum = rescale(*sum, scale);
            }
        }
    }
}

/// Adds the products of a group of numbers with their rows of weights. Two products of numbers up to 127 and
/// weights down to -128 fit 16 bits together, so that a compiler can take twice as many at once.
fn add_products(sums: &mut [i32], weights: &[i16], numbers: [i16; GROUP]) {
    let count = sums.len();
    let rows: [&[i16]; GROUP] = std::array::from_fn(|row| &weights[row * count..][..count]);
    for i in 0..count {
        let pair = |row: usize| i32::from(rows[row][i] * numbers[row] + rows[row + 1][i] * numbers[row + 1]);
        sums[i] += pair(0) + pair(2) + pair(4) + pair(6);
    }
}

/// RMSNorm (T-8).
#[derive(Debug)]
pub(crate) struct Norm {
    width: usize,
    gain: u32,
    gain_shift: u32,
    /// B of T-8.
    digits: u32,
}

impl Norm {
    pub(crate) fn new(parameters: &Parameters, name: &str, width: usize) -> Self {
        let number = |part: &str| parameters.tensor(&format!("{name}.{part}"))[0] as u32;
        let digits = ((1u32 << 30) / width as u32).ilog2() / 2;
        Norm {
            width,
            gain: number("gain"),
            gain_shift: number("gain_shift"),
            digits,
        }
    }

    /// The norms of rows, each -127 to 127.
    pub(crate) fn apply(&self, rows: &[i32], normed: &mut [i16]) {
        for (row, normed) in rows.chunks_exact(self.width).zip(normed.chunks_exact_mut(self.width)) {
            let largest = row.iter().map(|number| number.unsigned_abs()).max().unwrap_or(0);
            let excess = (32 - largest.leading_zeros()).saturating_sub(self.digits);
            let squares: i32 = row.iter().map(|&number| nearest(number, excess).pow(2)).sum();
            let squares = squares.max(1) as u32;
            let raised = (squares.leading_zeros() - 1) / 2;
            let factor = (self.gain / (squares << (2 * raised)).isqrt()) as i32;
            for (&number, normed) in row.iter().zip(normed) {
                let product = nearest(number, excess) * factor;
                *normed = nearest(product, self.gain_shift - raised).clamp(-127, 127) as i16;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_rounded_up_also_below_zero() {
        assert_eq!(
            (nearest(3, 1), nearest(-3, 1), nearest(-5, 2), nearest(-5, 0)),
            (2, -1, -1, -5)
        );
    }

    #[test]
    fn the_example_of_the_norm() {
        let norm = Norm {
            width: 2,
            gain: 1 << 29,
            gain_shift: 16,
            digits: 14,
        };
        let mut normed = [0; 2];
        norm.apply(&[3, -4], &mut normed);
        assert_eq!(normed, [127, -127]);
    }
}
