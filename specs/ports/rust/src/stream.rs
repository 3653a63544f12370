//! Arithmetic coding of a whole text (S-1 to S-5).

use crate::frequencies::Table;
use crate::model::Model;

/// `lo` and `hi` of S-2 for a byte.
#[inline]
fn interval(range: u64, table: &Table, byte: u8) -> (u64, u64) {
    let (entries, place) = (table.entries(), usize::from(byte));
    let scale = |entry: u32| (range * u64::from(entry)) >> table.precision();
    (scale(entries[place]), scale(entries[place + 1]))
}

/// The state of S-1. The digits of `low` are those of `settled`, then the `digits` digits of `rest`.
struct Encoder {
    settled: Vec<u8>,
    rest: u64,
    digits: u32,
    range: u64,
}

impl Encoder {
    fn new() -> Self {
        Encoder {
            settled: Vec::new(),
            rest: 0,
            digits: 31,
            range: 1 << 31,
        }
    }

    /// Adds to `low`. A carry runs through bytes ff and leaves zeros, so carries cost little on average.
    #[inline]
    fn add(&mut self, number: u64) {
        self.rest += number;
        if self.rest >> self.digits != 0 {
            self.rest -= 1 << self.digits;
            for byte in self.settled.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    /// S-2 for one byte. At least 32 digits are kept in `rest`, so that a carry is at most 1. Gives `lo` and `hi`.
    #[inline]
    fn narrow(&mut self, table: &Table, byte: u8) -> (u64, u64) {
        let (lo, hi) = interval(self.range, table, byte);
        self.add(lo);
        let shift = ((hi - lo) as u32).leading_zeros();
        self.range = (hi - lo) << shift;
        self.rest <<= shift;
        self.digits += shift;
        while self.digits >= 40 {
            self.digits -= 8;
            self.settled.push((self.rest >> self.digits) as u8);
            self.rest &= (1 << self.digits) - 1;
        }
        (lo, hi)
    }

    /// S' of S-2.
    fn shift(&self) -> u64 {
        8 * self.settled.len() as u64 + u64::from(self.digits) - 31
    }

    /// `low` of S-2 in hexadecimal.
    fn low(&self) -> String {
        let bit = |number: u64, place: u32| number >> place & 1;
        let settled = self.settled.iter();
        let mut bits: Vec<u64> = settled
            .flat_map(|&byte| (0..8).rev().map(move |place| bit(u64::from(byte), place)))
            .collect();
        bits.extend((0..self.digits).rev().map(|place| bit(self.rest, place)));
        let digits = bits
            .rchunks(4)
            .rev()
            .map(|bits| bits.iter().fold(0, |digit, bit| 2 * digit + bit));
        let low: String = digits.map(|digit| format!("{digit:x}")).collect();
        match low.trim_start_matches('0') {
            "" => "0".to_string(),
            digits => digits.to_string(),
        }
    }

    /// All digits of `low` as bytes; zeros fill the last one.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.settled.clone();
        bytes.extend_from_slice(&(self.rest << (64 - self.digits)).to_be_bytes());
        bytes
    }

    /// The code of S-3.
    fn finish(mut self) -> Vec<u8> {
        let low = self.bytes();
        self.add(self.range - 1);
        let mut top = self.bytes();
        let differ = low
            .iter()
            .zip(&top)
            .position(|(a, b)| a != b)
            .map_or(top.len(), |place| place + 1);
        let nonzero = low.iter().rposition(|&byte| byte != 0).map_or(0, |place| place + 1);
        top.truncate(differ.min(nonzero));
        top
    }
}

/// What P-5 shows of a byte, for those who look for a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The byte.
    pub byte: u8,
    /// `lo` of S-2.
    pub lo: u64,
    /// `hi` of S-2.
    pub hi: u64,
    /// `r'` of S-2.
    pub range: u64,
    /// `S'` of S-2.
    pub shift: u64,
    /// `low'` of S-2 in hexadecimal; none if the code was decoded, which needs none.
    pub low: Option<String>,
}

/// The code of a text under a model (S-3).
pub fn encode<M: Model>(model: &M, text: &[u8]) -> Vec<u8> {
    encode_with(model, text, |_, _, _| ())
}

/// As `encode`, with its steps.
pub fn encode_traced<M: Model>(model: &M, text: &[u8]) -> (Vec<u8>, Vec<Step>) {
    let mut steps = Vec::new();
    let code = encode_with(model, text, |encoder, byte, (lo, hi)| {
        steps.push(Step {
            byte,
            lo,
            hi,
            range: encoder.range,
            shift: encoder.shift(),
            low: Some(encoder.low()),
        });
    });
    (code, steps)
}

fn encode_with<M: Model>(model: &M, text: &[u8], mut note: impl FnMut(&Encoder, u8, (u64, u64))) -> Vec<u8> {
    let mut encoder = Encoder::new();
    model.visit(text, |table, byte| {
        let interval = encoder.narrow(table, byte);
        note(&encoder, byte, interval);
    });
    encoder.finish()
}

/// The digits of a code, and as many zeros behind it as are needed (S-5).
struct Digits<'a> {
    code: &'a [u8],
    rest: u64,
    digits: u32,
}

impl Digits<'_> {
    /// The next `count` digits, 0 to 32 of them, as a number.
    #[inline]
    fn take(&mut self, count: u32) -> u64 {
        while self.digits < count {
            let (byte, code) = self
                .code
                .split_first()
                .map_or((0, self.code), |(&byte, code)| (byte, code));
            self.code = code;
            self.rest = self.rest << 8 | u64::from(byte);
            self.digits += 8;
        }
        self.digits -= count;
        let number = self.rest >> self.digits;
        self.rest &= (1 << self.digits) - 1;
        number
    }
}

/// The text of `length` bytes that a code stands for (S-4). Every code is valid.
pub fn decode<M: Model>(model: &M, code: &[u8], length: usize) -> Vec<u8> {
    decode_with(model, code, length, |_, _, _, _| ())
}

/// As `decode`, with its steps.
pub fn decode_traced<M: Model>(model: &M, code: &[u8], length: usize) -> (Vec<u8>, Vec<Step>) {
    let (mut steps, mut shift) = (Vec::new(), 0);
    let text = decode_with(model, code, length, |byte, (lo, hi), range, more| {
        shift += u64::from(more);
        steps.push(Step {
            byte,
            lo,
            hi,
            range,
            shift,
            low: None,
        });
    });
    (text, steps)
}

fn decode_with<M: Model>(
    model: &M,
    code: &[u8],
    length: usize,
    mut note: impl FnMut(u8, (u64, u64), u64, u32),
) -> Vec<u8> {
    let mut digits = Digits {
        code,
        rest: 0,
        digits: 0,
    };
    let (mut distance, mut range) = (digits.take(31), 1u64 << 31);
    let mut state = model.start();
    let mut text = Vec::with_capacity(length);
    for place in 0..length {
        let table = model.table(&mut state);
        let byte = table.last_byte(|entry| (range * u64::from(entry)) >> table.precision() <= distance);
        let (lo, hi) = interval(range, table, byte);
        let shift = ((hi - lo) as u32).leading_zeros();
        range = (hi - lo) << shift;
        distance = (distance - lo) << shift | digits.take(shift);
        text.push(byte);
        note(byte, (lo, hi), range, shift);
        if place + 1 < length {
            model.push(&mut state, byte);
        }
    }
    text
}
