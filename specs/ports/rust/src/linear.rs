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
        let scale = |(&multiplier, &shift): (&i64, &i64)| Scale { multiplier: multiplier as i32, shift: shift as u32 };
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

/// As `multiply`, of four rows with one other.
#[inline]
fn multiply_four(rows: [&[i16]; 4], weights: &[i16]) -> [i32; 4] {
    let [a, b, c, d] = rows.map(|row| &row[..weights.len()]);
    let mut sums = [0; 4];
    for i in 0..weights.len() {
        let weight = i32::from(weights[i]);
        sums[0] += i32::from(a[i]) * weight;
        sums[1] += i32::from(b[i]) * weight;
        sums[2] += i32::from(c[i]) * weight;
        sums[3] += i32::from(d[i]) * weight;
    }
    sums
}

/// A matrix with a scale for each output (T-7).
#[derive(Debug)]
pub(crate) struct Linear {
    inputs: usize,
    /// The weights of each output, one output after another. 16 bits, for products of these are fast.
    weights: Vec<i16>,
    scales: Vec<Scale>,
}

impl Linear {
    pub(crate) fn new(parameters: &Parameters, name: &str, inputs: usize) -> Self {
        let scales = Scale::all(parameters, &format!("{name}.scale"));
        let given = parameters.tensor(&format!("{name}.weight"));
        let column = |output| given[output..].iter().step_by(scales.len()).map(|&weight| weight as i16);
        Linear { inputs, weights: (0..scales.len()).flat_map(column).collect(), scales }
    }

    /// The products of `count` rows, whose numbers are -128 to 127.
    pub(crate) fn apply(&self, rows: &[i16], count: usize, products: &mut [i32]) {
        let (inputs, outputs) = (self.inputs, self.scales.len());
        let row = |place: usize| &rows[place * inputs..][..inputs];
        for (output, (weights, &scale)) in self.weights.chunks_exact(inputs).zip(&self.scales).enumerate() {
            let mut place = 0;
            while place + 4 <= count {
                let four = multiply_four([row(place), row(place + 1), row(place + 2), row(place + 3)], weights);
                for (offset, sum) in four.into_iter().enumerate() {
                    products[(place + offset) * outputs + output] = rescale(sum, scale);
                }
                place += 4;
            }
            for place in place..count {
                products[place * outputs + output] = rescale(multiply(row(place), weights), scale);
            }
        }
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
        Norm { width, gain: number("gain"), gain_shift: number("gain_shift"), digits }
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
        assert_eq!((nearest(3, 1), nearest(-3, 1), nearest(-5, 2), nearest(-5, 0)), (2, -1, -1, -5));
    }

    #[test]
    fn the_example_of_the_norm() {
        let norm = Norm { width: 2, gain: 1 << 29, gain_shift: 16, digits: 14 };
        let mut normed = [0; 2];
        norm.apply(&[3, -4], &mut normed);
        assert_eq!(normed, [127, -127]);
    }
}
