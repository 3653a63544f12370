//! What codes the blocks of a file: the three methods of K-5.

use crate::codebook::Codebook;
use crate::model::Model;
use crate::refusal::Refusal;
use crate::tokens::regroup;
use crate::windows::{append, check_bits};
use crate::{stream, windows};

/// The fields of a header that say how a file is coded (K-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// 1, 2 or 3 (K-5).
    pub method: u8,
    /// b; 0 with method 1.
    pub bits: u8,
    /// F; 0 with method 3.
    pub precision: u8,
    /// Of the model or codebook.
    pub fingerprint: [u8; 32],
}

/// A method with a model or codebook.
pub trait Coding {
    /// What the header of a file says about this coding.
    fn parameters(&self) -> Parameters;

    /// The code of a block's text (K-9, K-10).
    fn encode(&self, text: &[u8]) -> Vec<u8>;

    /// The text of `length` bytes of a block's code; nothing if the code has another text (K-10).
    fn decode(&self, code: &[u8], length: usize) -> Option<Vec<u8>>;
}

/// Method 1: streams of a model.
pub struct Streams<'m, M: Model> {
    model: &'m M,
    fingerprint: [u8; 32],
}

impl<'m, M: Model> Streams<'m, M> {
    /// The coding with this model, which has this fingerprint.
    pub fn new(model: &'m M, fingerprint: [u8; 32]) -> Self {
        Streams { model, fingerprint }
    }
}

impl<M: Model> Coding for Streams<'_, M> {
    fn parameters(&self) -> Parameters {
        Parameters {
            method: 1,
            bits: 0,
            precision: self.model.precision() as u8,
            fingerprint: self.fingerprint,
        }
    }

    fn encode(&self, text: &[u8]) -> Vec<u8> {
        stream::encode(self.model, text)
    }

    fn decode(&self, code: &[u8], length: usize) -> Option<Vec<u8>> {
        Some(stream::decode(self.model, code, length))
    }
}

/// Method 2: windows of a model.
pub struct Windows<'m, M: Model> {
    model: &'m M,
    fingerprint: [u8; 32],
    bits: u32,
}

impl<'m, M: Model> Windows<'m, M> {
    /// The coding with windows of `bits` bits of this model, which has this fingerprint.
    ///
    /// # Errors
    /// `bits` (W-1).
    pub fn new(model: &'m M, fingerprint: [u8; 32], bits: u32) -> Result<Self, Refusal> {
        check_bits(bits)?;
        Ok(Windows {
            model,
            fingerprint,
            bits,
        })
    }
}

impl<M: Model> Coding for Windows<'_, M> {
    fn parameters(&self) -> Parameters {
        let (bits, precision) = (self.bits as u8, self.model.precision() as u8);
        Parameters {
            method: 2,
            bits,
            precision,
            fingerprint: self.fingerprint,
        }
    }

    fn encode(&self, text: &[u8]) -> Vec<u8> {
        let codes = windows::encode(self.model, self.bits, text).expect("the window size was checked");
        pack(codes.into_iter(), self.bits)
    }

    fn decode(&self, code: &[u8], length: usize) -> Option<Vec<u8>> {
        let mut state = self.model.start();
        let mut text = Vec::with_capacity(length);
        for code in unpack(code, self.bits)? {
            append(self.model, &mut state, self.bits, code, &mut text, length);
            if text.len() > length {
                return None;
            }
        }
        (text.len() == length).then_some(text)
    }
}

/// Method 3: ids of a codebook.
pub struct Ids<'c> {
    codebook: &'c Codebook,
    fingerprint: [u8; 32],
}

impl<'c> Ids<'c> {
    /// The coding with this codebook.
    pub fn new(codebook: &'c Codebook) -> Self {
        Ids {
            codebook,
            fingerprint: codebook.fingerprint(),
        }
    }
}

impl Coding for Ids<'_> {
    fn parameters(&self) -> Parameters {
        Parameters {
            method: 3,
            bits: self.codebook.bits() as u8,
            precision: 0,
            fingerprint: self.fingerprint,
        }
    }

    fn encode(&self, text: &[u8]) -> Vec<u8> {
        pack(
            self.codebook.encode(text).into_iter().map(u128::from),
            self.codebook.bits(),
        )
    }

    fn decode(&self, code: &[u8], length: usize) -> Option<Vec<u8>> {
        let ids: Vec<u32> = unpack(code, self.codebook.bits())?
            .into_iter()
            .map(|id| id as u32)
            .collect();
        let total: usize = ids.iter().map(|&id| self.codebook.length(id as u16)).sum();
        if total != length {
            return None;
        }
        self.codebook.decode(&ids).ok()
    }
}

/// Windows end to end; zero bits fill the last byte.
fn pack(codes: impl Iterator<Item = u128>, bits: u32) -> Vec<u8> {
    let (groups, rest, filled) = regroup(codes, bits, 8);
    let mut bytes: Vec<u8> = groups.into_iter().map(|byte| byte as u8).collect();
    if filled > 0 {
        bytes.push((rest << (8 - filled)) as u8);
    }
    bytes
}

/// The windows of a payload; nothing if one is 0, or if more follows than the zeros that fill a byte.
fn unpack(payload: &[u8], bits: u32) -> Option<Vec<u128>> {
    let (codes, rest, filled) = regroup(payload.iter().map(|&byte| u128::from(byte)), 8, bits);
    (filled < 8 && rest == 0 && !codes.contains(&0)).then_some(codes)
}
