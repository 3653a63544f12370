//! The integer Transformer (T-4 to T-16), with a cache of keys and values.

use crate::attention::{Attention, Cache};
use crate::frequencies::{check_precision, Table};
use crate::linear::{add, rescale, Linear, Norm, Scale};
use crate::model::Model;
use crate::parameters::{Parameters, Settings};
use crate::refusal::Refusal;
use crate::safetensors::FileError;

/// How many positions are computed at once where the bytes are known: each weight is then loaded less often.
const BATCH: usize = 16;
const START_SYMBOL: u16 = 256;

/// A layer of T-4.
#[derive(Debug)]
struct Layer {
    attention_norm: Norm,
    attention: Attention,
    mlp_norm: Norm,
    gate: Linear,
    up: Linear,
    hidden: Scale,
    down: Linear,
}

/// A byte model in integers alone.
#[derive(Debug)]
pub struct Transformer {
    settings: Settings,
    fingerprint: [u8; 32],
    embedding: Vec<i16>,
    layers: Vec<Layer>,
    norm: Norm,
    unembedding: Linear,
}

impl Transformer {
    /// The Transformer with these parameters.
    pub fn new(parameters: &Parameters) -> Self {
        let settings = parameters.settings.clone();
        let (d, m) = (settings.d_model, settings.mlp_dim);
        let layer = |i: usize| {
            let name = |part: &str| format!(".layers[{i}].{part}");
            Layer {
                attention_norm: Norm::new(parameters, &name("attention_norm"), d),
                attention: Attention::new(parameters, &name("attention")),
                mlp_norm: Norm::new(parameters, &name("mlp_norm"), d),
                gate: Linear::new(parameters, &name("mlp.gate"), d),
                up: Linear::new(parameters, &name("mlp.up"), d),
                hidden: Scale::all(parameters, &name("mlp.hidden"))[0],
                down: Linear::new(parameters, &name("mlp.down"), m),
            }
        };
        Transformer {
            fingerprint: parameters.fingerprint(),
            embedding: parameters
                .tensor(".embedding")
                .iter()
                .map(|&number| number as i16)
                .collect(),
            layers: (0..settings.layers).map(layer).collect(),
            norm: Norm::new(parameters, ".norm", d),
            unembedding: Linear::new(parameters, ".unembedding", d),
            settings,
        }
    }

    /// Reads a model's file (T-18).
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn from_file(file: &[u8]) -> Result<Self, FileError> {
        Ok(Transformer::new(&Parameters::from_file(file)?))
    }

    /// The fingerprint of T-17.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The 256 logits of each byte of a text, before it is known: of position p those that predict `text[p]`.
    pub fn logits(&self, text: &[u8]) -> Vec<[i32; 256]> {
        let mut rows = Vec::with_capacity(text.len());
        self.each_batch(text, |_, logits| rows.extend(logits.chunks_exact(256).map(row_of_256)));
        rows
    }

    /// As a byte model with this precision.
    ///
    /// # Errors
    /// `precision` (F-1).
    pub fn with_precision(&self, precision: u32) -> Result<Predictor<'_>, Refusal> {
        check_precision(precision)?;
        let mut caches = self.empty();
        let logits = self.unembed(&self.advance(&mut caches, &[START_SYMBOL]), 1);
        let table = Table::from_checked_logits(&row_of_256(&logits), precision);
        Ok(Predictor {
            transformer: self,
            precision,
            root: State {
                caches,
                pending: Vec::new(),
                table,
            },
        })
    }

    fn empty(&self) -> Vec<Cache> {
        self.layers.iter().map(|_| Cache::default()).collect()
    }

    /// Calls `visit` with some bytes of the text and the logits of each, and so on until its end.
    fn each_batch(&self, text: &[u8], mut visit: impl FnMut(&[u8], &[i32])) {
        let mut caches = self.empty();
        let mut before = START_SYMBOL;
        for part in text.chunks(BATCH) {
            let mut symbols = vec![before];
            symbols.extend(part.iter().map(|&byte| u16::from(byte)));
            before = symbols.pop().unwrap_or(START_SYMBOL);
            let rows = self.advance(&mut caches, &symbols);
            visit(part, &self.unembed(&rows, part.len()));
        }
    }

    /// Reads symbols after those that the caches have seen. Gives the last row of each.
    fn advance(&self, caches: &mut [Cache], symbols: &[u16]) -> Vec<i32> {
        let (d, m, count) = (self.settings.d_model, self.settings.mlp_dim, symbols.len());
        let embed = |&symbol: &u16| self.embedding[usize::from(symbol) * d..][..d].iter();
        let mut rows: Vec<i32> = symbols
            .iter()
            .flat_map(embed)
            .map(|&number| i32::from(number))
            .collect();
        let mut normed = vec![0; count * d];
        let (mut gate, mut up) = (vec![0; count * m], vec![0; count * m]);
        let mut hidden = vec![0i16; count * m];
        let mut update = vec![0; count * d];
        for (layer, cache) in self.layers.iter().zip(caches) {
            layer.attention_norm.apply(&rows, &mut normed);
            layer.attention.apply(cache, &normed, count, &mut update);
            add(&mut rows, &update);
            layer.mlp_norm.apply(&rows, &mut normed);
            layer.gate.apply(&normed, count, &mut gate);
            layer.up.apply(&normed, count, &mut up);
            for ((hidden, &gate), &up) in hidden.iter_mut().zip(&gate).zip(&up) {
                let product = gate.clamp(0, 2047) * up.clamp(-2047, 2047);
                *hidden = rescale(product, layer.hidden).clamp(-127, 127) as i16;
            }
            layer.down.apply(&hidden, count, &mut update);
            add(&mut rows, &update);
        }
        rows
    }

    /// The logits of rows (T-15), 256 for each.
    fn unembed(&self, rows: &[i32], count: usize) -> Vec<i32> {
        let mut normed = vec![0; rows.len()];
        self.norm.apply(rows, &mut normed);
        let mut logits = vec![0; 256 * count];
        self.unembedding.apply(&normed, count, &mut logits);
        for logit in &mut logits {
            *logit = (*logit).clamp(-(1 << 20), 1 << 20);
        }
        logits
    }
}

fn row_of_256(logits: &[i32]) -> [i32; 256] {
    logits.try_into().expect("a position has 256 logits")
}

/// A Transformer as a byte model (T-16).
#[derive(Debug)]
pub struct Predictor<'t> {
    transformer: &'t Transformer,
    precision: u32,
    root: State,
}

/// Keys and values of the positions so far, and the table after them.
#[derive(Debug, Clone)]
pub struct State {
    caches: Vec<Cache>,
    /// Bytes that are not in the caches yet. While there are any, the table is an old one.
    pending: Vec<u16>,
    table: Table,
}

impl Model for Predictor<'_> {
    type State = State;

    fn precision(&self) -> u32 {
        self.precision
    }

    fn start(&self) -> State {
        self.root.clone()
    }

    fn restart(&self, state: &mut State) {
        for (cache, root) in state.caches.iter_mut().zip(&self.root.caches) {
            cache.copy(root);
        }
        state.pending.clear();
        state.table.clone_from(&self.root.table);
    }

    fn push(&self, state: &mut State, byte: u8) {
        state.pending.push(u16::from(byte));
    }

    fn table<'a>(&'a self, state: &'a mut State) -> &'a Table {
        if !state.pending.is_empty() {
            let rows = self.transformer.advance(&mut state.caches, &state.pending);
            let last = &rows[rows.len() - self.transformer.settings.d_model..];
            let logits = self.transformer.unembed(last, 1);
            state.table = Table::from_checked_logits(&row_of_256(&logits), self.precision);
            state.pending.clear();
        }
        &state.table
    }

    fn visit(&self, text: &[u8], mut visit: impl FnMut(&Table, u8)) {
        self.transformer.each_batch(text, |part, logits| {
            for (&byte, row) in part.iter().zip(logits.chunks_exact(256)) {
                visit(&Table::from_checked_logits(&row_of_256(row), self.precision), byte);
            }
        });
    }
}
