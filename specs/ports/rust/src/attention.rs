//! Attention of the Transformer (T-9 to T-13).

use crate::linear::{multiply, nearest, rescale, Linear, Scale};
use crate::parameters::Parameters;
use crate::tables::ATTENTION;

/// Keys and values of the last positions of a layer: a ring with a slot for each position of the context.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cache {
    /// How many positions there were so far.
    positions: usize,
    keys: Vec<i16>,
    values: Vec<i16>,
}

impl Cache {
    /// Makes this cache a copy of another, without new memory.
    pub(crate) fn copy(&mut self, other: &Cache) {
        self.positions = other.positions;
        self.keys.clone_from(&other.keys);
        self.values.clone_from(&other.values);
    }

    /// Appends a position. The oldest gives way if the context is full. Gives the position's slot.
    fn push(
        &mut self,
        keys: impl Iterator<Item = i16>,
        values: impl Iterator<Item = i16>,
        width: usize,
        context: usize,
    ) -> usize {
        let slot = self.positions % context;
        if self.positions < context {
            self.keys.extend(keys);
            self.values.extend(values);
        } else {
            let place = slot * width..(slot + 1) * width;
            self.keys[place.clone()]
                .iter_mut()
                .zip(keys)
                .for_each(|(old, new)| *old = new);
            self.values[place]
                .iter_mut()
                .zip(values)
                .for_each(|(old, new)| *old = new);
        }
        self.positions += 1;
        slot
    }
}

/// The parameters of attention in a layer.
#[derive(Debug)]
pub(crate) struct Attention {
    context: usize,
    head_dim: usize,
    qkv: Linear,
    scores: Vec<Scale>,
    bias: Vec<i32>,
    average: Vec<Scale>,
    out: Linear,
}

impl Attention {
    pub(crate) fn new(parameters: &Parameters, name: &str) -> Self {
        let settings = &parameters.settings;
        let bias = parameters.tensor(&format!("{name}.bias"));
        Attention {
            context: settings.context,
            head_dim: settings.head_dim,
            qkv: Linear::new(parameters, &format!("{name}.qkv"), settings.d_model),
            scores: Scale::all(parameters, &format!("{name}.scores")),
            bias: bias.iter().map(|&number| number as i32).collect(),
            average: Scale::all(parameters, &format!("{name}.average")),
            out: Linear::new(parameters, &format!("{name}.out"), settings.attention_dim()),
        }
    }

    /// What attention adds to each of `count` rows, one position after another.
    pub(crate) fn apply(&self, cache: &mut Cache, normed: &[i16], count: usize, update: &mut [i32]) {
        let width = self.scores.len() * self.head_dim;
        let mut products = vec![0; count * 3 * width];
        self.qkv.apply(normed, count, &mut products);
        let mut means = vec![0i16; count * width];
        let mut scratch = Scratch::default();
        for (products, means) in products.chunks_exact(3 * width).zip(means.chunks_exact_mut(width)) {
            let clamped = |part: usize| {
                products[part * width..][..width]
                    .iter()
                    .map(|&x| x.clamp(-127, 127) as i16)
            };
            let slot = cache.push(clamped(1), clamped(2), width, self.context);
            scratch.query.clear();
            scratch.query.extend(clamped(0));
            for (head, means) in means.chunks_exact_mut(self.head_dim).enumerate() {
                self.attend(cache, slot, head, &mut scratch, means);
            }
        }
        self.out.apply(&means, count, update);
    }

    /// The means of one head (T-10 to T-12) at the position in `slot`, the newest one.
    fn attend(&self, cache: &Cache, slot: usize, head: usize, scratch: &mut Scratch, means: &mut [i16]) {
        let (e, width) = (self.head_dim, self.scores.len() * self.head_dim);
        let query = &scratch.query[head * e..][..e];
        let bias = &self.bias[head * self.context..][..self.context];
        let scale = self.scores[head];
        let seen = cache.positions.min(self.context);
        // The slots from this position's back to the first, and then from the last back, are ever older positions.
        let slots = || (0..=slot).rev().chain((slot + 1..seen).rev());
        let score = |(distance, slot): (usize, usize)| {
            let sum = multiply(query, &cache.keys[slot * width + head * e..][..e]);
            rescale(sum, scale).clamp(-(1 << 20), 1 << 20) + bias[distance]
        };
        scratch.scores.clear();
        scratch.scores.extend(slots().enumerate().map(score));
        let greatest = scratch.scores.iter().copied().max().unwrap_or(0);
        let mut total = 0u32;
        scratch.sums.clear();
        scratch.sums.resize(e, 0);
        for (&score, slot) in scratch.scores.iter().zip(slots()) {
            let weight = weight(greatest.abs_diff(score));
            if weight == 0 {
                continue;
            }
            total += weight as u32;
            for (sum, &value) in scratch
                .sums
                .iter_mut()
                .zip(&cache.values[slot * width + head * e..][..e])
            {
                *sum += weight * i32::from(value);
            }
        }
        average(&scratch.sums, total, self.average[head], means);
    }
}

/// Memory that is used again for each head and position.
#[derive(Default)]
struct Scratch {
    query: Vec<i16>,
    scores: Vec<i32>,
    sums: Vec<i32>,
}

/// T-11 for a score that is `distance` below the greatest.
#[inline]
fn weight(distance: u32) -> i32 {
    nearest(
        i32::from(ATTENTION[(distance % 256) as usize]),
        (distance / 256).min(15),
    )
}

/// T-12 for sums of weight times value, and the sum of the weights.
fn average(sums: &[i32], total: u32, scale: Scale, means: &mut [i16]) {
    let digits = total.ilog2();
    let kept = digits.min(15);
    let inverse = (1u32 << (kept + 15)) / (total >> (digits - kept));
    let factor = nearest(inverse as i32 * scale.multiplier, 7);
    for (mean, &sum) in means.iter_mut().zip(sums) {
        *mean = nearest(nearest(sum, digits - 7) * factor, scale.shift).clamp(-127, 127) as i16;
    }
}
