//! Settings and tensors of a Transformer: their checks (T-1 to T-3), fingerprint (T-17) and file (T-18).

use std::collections::BTreeMap;

use crate::refusal::{require, Cause, Refusal};
use crate::safetensors::{Contents, FileError};
use crate::sha256::Sha256;

/// The settings of T-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many positions a position sees, itself among them.
    pub context: usize,
    /// The width of the residual stream.
    pub d_model: usize,
    /// The width of a head.
    pub head_dim: usize,
    /// The number of heads.
    pub heads: usize,
    /// The number of layers.
    pub layers: usize,
    /// The width of the MLP.
    pub mlp_dim: usize,
}

const NAMES: [&str; 7] = [
    "context",
    "d_model",
    "head_dim",
    "heads",
    "layers",
    "mlp_dim",
    "vocab_size",
];
const WIDEST: i64 = 132_104;
const LONGEST_CONTEXT: i64 = 3_879;

impl Settings {
    /// Checks the settings of a model, by their names.
    ///
    /// # Errors
    /// `settings` (T-1).
    pub fn new(settings: &BTreeMap<String, i64>) -> Result<Self, Refusal> {
        let refuse = |message| Refusal::new(Cause::Settings, message);
        if let Some(name) = settings.keys().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(refuse(format!("there is no setting {name:?}")));
        }
        let read = |name: &str| -> Result<usize, Refusal> {
            let &value = settings
                .get(name)
                .ok_or_else(|| refuse(format!("the setting {name} is missing")))?;
            let (least, most) = match name {
                "context" => (1, LONGEST_CONTEXT),
                "vocab_size" => (256, 256),
                _ => (1, WIDEST),
            };
            match value {
                value if (least..=most).contains(&value) => Ok(value as usize),
                _ => Err(refuse(format!("{name} is {value}; it must be {least} to {most}"))),
            }
        };
        read("vocab_size")?;
        let checked = Settings {
            context: read("context")?,
            d_model: read("d_model")?,
            head_dim: read("head_dim")?,
            heads: read("heads")?,
            layers: read("layers")?,
            mlp_dim: read("mlp_dim")?,
        };
        require(checked.attention_dim() <= WIDEST as usize, Cause::Settings, || {
            format!(
                "heads * head_dim is {}; it must be at most {WIDEST}",
                checked.attention_dim()
            )
        })?;
        Ok(checked)
    }

    /// `heads * head_dim`.
    pub fn attention_dim(&self) -> usize {
        self.heads * self.head_dim
    }

    /// The JSON object of T-17.
    fn json(&self) -> String {
        let values = [
            self.context,
            self.d_model,
            self.head_dim,
            self.heads,
            self.layers,
            self.mlp_dim,
            256,
        ];
        let fields: Vec<String> = NAMES
            .iter()
            .zip(values)
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        format!("{{{}}}", fields.join(", "))
    }
}

/// The type of a tensor's numbers: signed integers of 8, 16 or 32 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    I8,
    I16,
    I32,
}

impl Type {
    fn bytes(self) -> usize {
        match self {
            Type::I8 => 1,
            Type::I16 => 2,
            Type::I32 => 4,
        }
    }

    /// How T-17 and the safetensors format write the type.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Type::I8 => ("|i1", "I8"),
            Type::I16 => ("<i2", "I16"),
            Type::I32 => ("<i4", "I32"),
        }
    }

    fn holds(self, number: i64) -> bool {
        let half = 1i64 << (8 * self.bytes() - 1);
        (-half..half).contains(&number)
    }
}

/// The tensors in a layer, and besides.
const IN_A_LAYER: usize = 26;
const BESIDES: usize = 6;

/// The table of T-2: the type and shape of each tensor, by name.
fn expected(settings: &Settings) -> BTreeMap<String, (Type, Vec<usize>)> {
    let Settings {
        context,
        d_model: d,
        heads,
        layers,
        mlp_dim: m,
        ..
    } = *settings;
    let attention = settings.attention_dim();
    let mut tensors = BTreeMap::new();
    let mut add = |name: String, kind, shape: &[usize]| tensors.insert(name, (kind, shape.to_vec()));
    let scales = |add: &mut dyn FnMut(String, Type, &[usize]), name: String, shape: &[usize]| {
        add(format!("{name}.multiplier"), Type::I8, shape);
        add(format!("{name}.shift"), Type::I8, shape);
    };
    let mut add = |name: String, kind, shape: &[usize]| {
        add(name, kind, shape);
    };
    add(".embedding".into(), Type::I16, &[257, d]);
    add(".unembedding.weight".into(), Type::I8, &[d, 256]);
    scales(&mut add, ".unembedding.scale".into(), &[256]);
    let layer_norms =
        (0..layers).flat_map(|i| ["attention_norm", "mlp_norm"].map(|name| format!(".layers[{i}].{name}")));
    for name in layer_norms.chain([".norm".to_string()]) {
        add(format!("{name}.gain"), Type::I32, &[]);
        add(format!("{name}.gain_shift"), Type::I8, &[]);
    }
    for i in 0..layers {
        let matrices = [
            ("attention.qkv", d, 3 * attention),
            ("attention.out", attention, d),
            ("mlp.gate", d, m),
            ("mlp.up", d, m),
            ("mlp.down", m, d),
        ];
        for (name, inputs, outputs) in matrices {
            add(format!(".layers[{i}].{name}.weight"), Type::I8, &[inputs, outputs]);
            scales(&mut add, format!(".layers[{i}].{name}.scale"), &[outputs]);
        }
        scales(&mut add, format!(".layers[{i}].attention.scores"), &[heads]);
        scales(&mut add, format!(".layers[{i}].attention.average"), &[heads]);
        scales(&mut add, format!(".layers[{i}].mlp.hidden"), &[]);
        add(format!(".layers[{i}].attention.bias"), Type::I16, &[heads, context]);
    }
    tensors
}

/// The limits of T-3 for the numbers of a tensor.
fn limits(name: &str) -> Option<(i64, i64)> {
    match name.rsplit('.').next() {
        Some("multiplier") => Some((0, 127)),
        Some("shift") => Some((1, 24)),
        Some("gain") => Some((1 << 29, 1 << 30)),
        Some("gain_shift") => Some((16, 24)),
        _ => None,
    }
}

/// Checked settings and tensors. The numbers of each tensor are in row-major order.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// The settings.
    pub settings: Settings,
    tensors: BTreeMap<String, Vec<i64>>,
}

impl Parameters {
    /// Checks settings and tensors, each by its name.
    ///
    /// # Errors
    /// `settings`, `tensors` or `scale` (T-1 to T-3), the first of these.
    pub fn new(settings: &BTreeMap<String, i64>, tensors: BTreeMap<String, Vec<i64>>) -> Result<Self, Refusal> {
        let settings = Settings::new(settings)?;
        let count = IN_A_LAYER * settings.layers + BESIDES;
        require(tensors.len() == count, Cause::Tensors, || {
            format!(
                "there are {} tensors; {} layers have {count}",
                tensors.len(),
                settings.layers
            )
        })?;
        for (name, (kind, shape)) in expected(&settings) {
            let Some(numbers) = tensors.get(&name) else {
                return Err(Refusal::new(Cause::Tensors, format!("the tensor {name} is missing")));
            };
            let size: usize = shape.iter().product();
            require(numbers.len() == size, Cause::Tensors, || {
                format!("{name} has {} numbers; its shape {shape:?} has {size}", numbers.len())
            })?;
            require(numbers.iter().all(|&number| kind.holds(number)), Cause::Tensors, || {
                format!("{name} has a number outside of {} bytes", kind.bytes())
            })?;
        }
        for (name, numbers) in &tensors {
            if let Some((least, most)) = limits(name) {
                require(
                    numbers.iter().all(|number| (least..=most).contains(number)),
                    Cause::Scale,
                    || format!("{name} has a number that is not {least} to {most}"),
                )?;
            }
        }
        Ok(Parameters { settings, tensors })
    }

    /// Reads a model's file (T-18).
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn from_file(file: &[u8]) -> Result<Self, FileError> {
        let contents = Contents::read(file, "ecjax.integer_transformer")?;
        let settings = contents.settings()?;
        let shapes = contents
            .tensors
            .iter()
            .map(|(name, tensor)| (name, &tensor.dtype, &tensor.shape));
        let expected = expected_if_few(&Settings::new(&settings)?, contents.tensors.len());
        for (name, dtype, shape) in shapes {
            match expected.get(name) {
                Some((kind, right)) if kind.texts().1 == dtype && right == shape => {}
                Some((kind, right)) => {
                    let right = format!("{} {right:?}", kind.texts().1);
                    return Err(FileError(format!(
                        "the tensor {name} is {dtype} {shape:?}, not {right}"
                    )));
                }
                None => return Err(FileError(format!("the model should have no tensor {name}"))),
            }
        }
        let tensors = contents
            .tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.numbers.clone()))
            .collect();
        let parameters = Parameters::new(&settings, tensors)?;
        contents.check_fingerprint(&parameters.fingerprint())?;
        Ok(parameters)
    }

    /// The numbers of a tensor of T-2.
    pub(crate) fn tensor(&self, name: &str) -> &[i64] {
        &self.tensors[name]
    }

    /// The fingerprint of T-17.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::default();
        hash.update(format!("[\"ecjax.integer_transformer\", {}]", self.settings.json()).as_bytes());
        for (name, (kind, shape)) in expected(&self.settings) {
            hash.update(format!("[\"{name}\", \"{}\", {shape:?}]", kind.texts().0).as_bytes());
            let number = |number: &i64| number.to_le_bytes().into_iter().take(kind.bytes());
            hash.update(&self.tensors[&name].iter().flat_map(number).collect::<Vec<u8>>());
        }
        hash.finish()
    }
}

/// The table of T-2 if it has `count` tensors; else nothing, however many layers the settings ask for.
fn expected_if_few(settings: &Settings, count: usize) -> BTreeMap<String, (Type, Vec<usize>)> {
    if IN_A_LAYER * settings.layers + BESIDES == count {
        expected(settings)
    } else {
        BTreeMap::new()
    }
}
