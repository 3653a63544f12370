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

/// What P-5 shows of a Transformer, for those who look for a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The name of P-5, such as `layers[0].mlp`.
    pub name: String,
    /// A row for each position.
    pub rows: Vec<Vec<i32>>,
}

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

    /// As `logits`, with its stages.
    pub fn logits_traced(&self, text: &[u8]) -> (Vec<[i32; 256]>, Vec<Stage>) {
        let mut stages: Vec<Stage> = Vec::new();
        let mut rows = Vec::with_capacity(text.len());
        let visit = |_: &[u8], logits: &[i32]| rows.extend(logits.chunks_exact(256).map(row_of_256));
        self.each_batch_with(text, visit, &mut |layer, stage, width, numbers| {
            let name = layer.map_or(stage.to_string(), |layer| format!("layers[{layer}].{stage}"));
            let numbers: Vec<i32> = numbers.collect();
            let more = numbers.chunks_exact(width).map(<[i32]>::to_vec);
            match stages.iter_mut().find(|stage| stage.name == name) {
                Some(stage) => stage.rows.extend(more),
                None => stages.push(Stage {
                    name,
                    rows: more.collect(),
                }),
            }
        });
        (rows, stages)
    }

    /// As a byte model with this precision.
    ///
    /// # Errors
    /// `precision` (F-1).
    pub fn with_precision(&self, precision: u32) -> Result<Predictor<'_>, Refusal> {
        check_precision(precision)?;
        let mut caches = self.empty();
        let rows = self.advance(&mut caches, &[START_SYMBOL], &mut nothing);
        let logits = self.unembed(&rows, 1, &mut nothing);
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
    fn each_batch(&self, text: &[u8], visit: impl FnMut(&[u8], &[i32])) {
        self.each_batch_with(text, visit, &mut nothing);
    }

    fn each_batch_with(&self, text: &[u8], mut visit: impl FnMut(&[u8], &[i32]), note: &mut impl Note) {
        let mut caches = self.empty();
        let mut before = START_SYMBOL;
        for part in text.chunks(BATCH) {
            let mut symbols = vec![before];
            symbols.extend(part.iter().map(|&byte| u16::from(byte)));
            before = symbols.pop().unwrap_or(START_SYMBOL);
            let rows = self.advance(&mut caches, &symbols, note);
            visit(part, &self.unembed(&rows, part.len(), note));
        }
    }

    /// Reads symbols after those that the caches have seen. Gives the last row of each.
    fn advance(&self, caches: &mut [Cache], symbols: &[u16], note: &mut impl Note) -> Vec<i32> {
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
        note(None, "embedding", d, &mut rows.iter().copied());
        for (i, (layer, cache)) in self.layers.iter().zip(caches).enumerate() {
            layer.attention_norm.apply(&rows, &mut normed);
            note(Some(i), "attention_norm", d, &mut normed.iter().copied().map(i32::from));
            layer.attention.apply(cache, &normed, count, &mut update);
            note(Some(i), "attention", d, &mut update.iter().copied());
            add(&mut rows, &update);
            layer.mlp_norm.apply(&rows, &mut normed);
            note(Some(i), "mlp_norm", d, &mut normed.iter().copied().map(i32::from));
            layer.gate.apply(&normed, count, &mut gate);
            layer.up.apply(&normed, count, &mut up);
            for ((hidden, &gate), &up) in hidden.iter_mut().zip(&gate).zip(&up) {
                let product = gate.clamp(0, 2047) * up.clamp(-2047, 2047);
                *hidden = rescale(product, layer.hidden).clamp(-127, 127) as i16;
            }
            layer.down.apply(&hidden, count, &mut update);
            note(Some(i), "mlp", d, &mut update.iter().copied());
            add(&mut rows, &update);
        }
        rows
    }

    /// The logits of rows (T-15), 256 for each.
    fn unembed(&self, rows: &[i32], count: usize, note: &mut impl Note) -> Vec<i32> {
        let mut normed = vec![0; rows.len()];
        self.norm.apply(rows, &mut normed);
        let d = self.settings.d_model;
        note(None, "norm", d, &mut normed.iter().copied().map(i32::from));
        let mut logits = vec![0; 256 * count];
        self.unembedding.apply(&normed, count, &mut logits);
        for logit in &mut logits {
            *logit = (*logit).clamp(-(1 << 20), 1 << 20);
        }
        note(None, "logits", 256, &mut logits.iter().copied());
        logits
    }
}

/// Gets the layer, the stage of P-5 within it, how many numbers a row has, and those of some rows.
trait Note: FnMut(Option<usize>, &str, usize, &mut dyn Iterator<Item = i32>) {}

impl<F: FnMut(Option<usize>, &str, usize, &mut dyn Iterator<Item = i32>)> Note for F {}

/// A `Note` where nobody looks for a fault.
fn nothing(_: Option<usize>, _: &str, _: usize, _: &mut dyn Iterator<Item = i32>) {}

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
            let rows = self
                .transformer
                .advance(&mut state.caches, &state.pending, &mut nothing);
            let last = &rows[rows.len() - self.transformer.settings.d_model..];
            let logits = self.transformer.unembed(last, 1, &mut nothing);
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
