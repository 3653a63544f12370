//! Equal-Info windows: pieces of a text as numbers of exactly b bits (W-1 to W-12).

use crate::frequencies::Table;
use crate::model::Model;
use crate::refusal::{require, Cause, Refusal};

/// Refuses a window size that is not 9 to 128.
pub(crate) fn check_bits(bits: u32) -> Result<(), Refusal> {
    require((9..=128).contains(&bits), Cause::Bits, || {
        format!("a window has {bits} bits; it must have 9 to 128")
    })
}

/// Refuses codes that are not below 2^bits.
pub(crate) fn check_codes(codes: &[u128], bits: u32) -> Result<(), Refusal> {
    match codes.iter().find(|&&code| code > last_point(bits)) {
        None => Ok(()),
        Some(code) => Err(Refusal::new(
            Cause::Code,
            format!("the window {code} is not below 2^{bits}"),
        )),
    }
}

/// `2^bits - 1`: the points below the root, and the greatest code.
pub(crate) fn last_point(bits: u32) -> u128 {
    u128::MAX >> (128 - bits)
}

/// How a node shares the points below it among its children (W-3 to W-5).
pub(crate) enum Shares<'a> {
    /// All children are kept: `K[c]` is `t[c]`.
    All { table: &'a Table, shared: u128, root: bool },
    /// Few points: `start[0] ... start[256]`.
    Few(Box<[u32; 257]>),
}

impl<'a> Shares<'a> {
    /// The shares of a node with `below` points below it, at least 1.
    pub(crate) fn new(table: &'a Table, below: u128, root: bool) -> Self {
        let shared = if root { below - 256 } else { below };
        if shared >= 1 << 15 {
            Shares::All { table, shared, root }
        } else {
            Shares::Few(Box::new(few(table, shared as u32, root)))
        }
    }

    /// `start[place]` of W-5, for a place from 0 to 256.
    #[inline]
    pub(crate) fn start(&self, place: usize) -> u128 {
        match self {
            Shares::All { table, shared, root } => {
                let (entry, precision) = (u128::from(table.entries()[place]), table.precision());
                // floor(shared * entry / 2^F) in two parts, for the product can have more than 128 bits.
                let low = shared & ((1 << precision) - 1);
                let start = (shared >> precision) * entry + ((low * entry) >> precision);
                start + if *root { place as u128 } else { 0 }
            }
            Shares::Few(starts) => u128::from(starts[place]),
        }
    }

    /// The start of a child, and how many points it has.
    #[inline]
    pub(crate) fn child(&self, byte: u8) -> (u128, u128) {
        let start = self.start(usize::from(byte));
        (start, self.start(usize::from(byte) + 1) - start)
    }

    /// The child that has the point `rank`, counted from 0, the first point below the node (W-9).
    fn find(&self, rank: u128) -> u8 {
        let mut byte = 0;
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            if self.start(byte + step) <= rank {
                byte += step;
            }
        }
        byte as u8
    }
}

/// `start` of W-5 for fewer than 2^15 shared points: all products are below 2^32.
fn few(table: &Table, shared: u32, root: bool) -> [u32; 257] {
    let entries = table.entries();
    let mut sums = [0; 257];
    let (mut sum, mut greatest, mut likeliest) = (0, 0, 0);
    for byte in 0..256 {
        let frequency = entries[byte + 1] - entries[byte];
        if frequency > greatest {
            (greatest, likeliest) = (frequency, byte);
        }
        if (2 * shared * frequency) >> table.precision() != 0 {
            sum += frequency;
        }
        sums[byte + 1] = sum;
    }
    if sum == 0 {
        // No share reaches half a point: only the likeliest child is kept.
        sums[likeliest + 1..].fill(greatest);
        sum = greatest;
    }
    for (place, start) in sums.iter_mut().enumerate() {
        *start = shared * *start / sum + if root { place as u32 } else { 0 };
    }
    sums
}

/// What P-5 shows of a byte of a window, for those who look for a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The window's place among all, from 0.
    pub window: usize,
    /// The byte.
    pub byte: u8,
    /// The points below the node before the byte.
    pub below: u128,
    /// Where the byte's points start among these.
    pub start: u128,
    /// How many they are.
    pub points: u128,
    /// The number of the node after the byte.
    pub code: u128,
}

/// The codes of a text (W-7), each below 2^bits.
///
/// # Errors
/// `bits` (W-1).
pub fn encode<M: Model>(model: &M, bits: u32, text: &[u8]) -> Result<Vec<u128>, Refusal> {
    encode_with(model, bits, text, |_| ())
}

/// As `encode`, with its steps.
///
/// # Errors
/// As `encode`.
pub fn encode_traced<M: Model>(model: &M, bits: u32, text: &[u8]) -> Result<(Vec<u128>, Vec<Step>), Refusal> {
    let mut steps = Vec::new();
    let codes = encode_with(model, bits, text, |step| steps.push(step))?;
    Ok((codes, steps))
}

fn encode_with<M: Model>(model: &M, bits: u32, text: &[u8], mut note: impl FnMut(Step)) -> Result<Vec<u128>, Refusal> {
    check_bits(bits)?;
    let mut codes = Vec::new();
    let mut state = model.start();
    let mut rest = text;
    while !rest.is_empty() {
        let (mut code, mut below, mut root) = (0, last_point(bits), true);
        model.restart(&mut state);
        while let (Some((&byte, after)), true) = (rest.split_first(), below > 0) {
            let (start, points) = Shares::new(model.table(&mut state), below, root).child(byte);
            if points == 0 {
                break;
            }
            model.push(&mut state, byte);
            code += 1 + start;
            note(Step {
                window: codes.len(),
                byte,
                below,
                start,
                points,
                code,
            });
            below = points - 1;
            root = false;
            rest = after;
        }
        codes.push(code);
    }
    Ok(codes)
}

/// The strings of codes (W-9), one for each.
///
/// # Errors
/// `bits` (W-1) or `code` (W-10).
pub fn decode<M: Model>(model: &M, bits: u32, codes: &[u128]) -> Result<Vec<Vec<u8>>, Refusal> {
    decode_with(model, bits, codes, |_| ())
}

/// As `decode`, with its steps.
///
/// # Errors
/// As `decode`.
pub fn decode_traced<M: Model>(model: &M, bits: u32, codes: &[u128]) -> Result<(Vec<Vec<u8>>, Vec<Step>), Refusal> {
    let mut steps = Vec::new();
    let strings = decode_with(model, bits, codes, |step| steps.push(step))?;
    Ok((strings, steps))
}

fn decode_with<M: Model>(
    model: &M,
    bits: u32,
    codes: &[u128],
    mut note: impl FnMut(Step),
) -> Result<Vec<Vec<u8>>, Refusal> {
    check_bits(bits)?;
    check_codes(codes, bits)?;
    let mut state = model.start();
    let mut string = |(window, &code)| {
        let mut text = Vec::new();
        append_with(model, &mut state, bits, code, &mut text, usize::MAX, |step| {
            note(Step { window, ..step })
        });
        text
    };
    Ok(codes.iter().enumerate().map(&mut string).collect())
}

/// Appends the string of a code below 2^bits to `text`; stops once `text` has more than `limit` bytes.
pub(crate) fn append<M: Model>(
    model: &M,
    state: &mut M::State,
    bits: u32,
    code: u128,
    text: &mut Vec<u8>,
    limit: usize,
) {
    append_with(model, state, bits, code, text, limit, |_| ());
}

/// As `append`; `note` gets the steps of a window that is the first.
fn append_with<M: Model>(
    model: &M,
    state: &mut M::State,
    bits: u32,
    code: u128,
    text: &mut Vec<u8>,
    limit: usize,
    mut note: impl FnMut(Step),
) {
    let (mut rank, mut below, mut root) = (code, last_point(bits), true);
    model.restart(state);
    while rank > 0 && text.len() <= limit {
        let shares = Shares::new(model.table(state), below, root);
        let byte = shares.find(rank - 1);
        let (start, points) = shares.child(byte);
        text.push(byte);
        rank -= 1 + start;
        note(Step {
            window: 0,
            byte,
            below,
            start,
            points,
            code: code - rank,
        });
        below = points - 1;
        root = false;
        if rank > 0 {
            model.push(state, byte);
        }
    }
}
