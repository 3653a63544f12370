//! Reading files in the safetensors format (T-18).

use std::collections::BTreeMap;
use std::fmt;

use crate::json::{self, Value};
use crate::refusal::Refusal;

/// Why a model's or codebook's file cannot be read. C-7 has no causes for such files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError(
    /// What was wrong, and what would be right.
    pub String,
);

impl fmt::Display for FileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for FileError {}

impl From<Refusal> for FileError {
    fn from(refusal: Refusal) -> Self {
        FileError(refusal.to_string())
    }
}

impl From<String> for FileError {
    fn from(message: String) -> Self {
        FileError(message)
    }
}

/// A tensor of a file.
pub(crate) struct Tensor {
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Vec<i64>,
}

/// A file that has been read: its metadata and tensors, by their names.
pub(crate) struct Contents {
    metadata: BTreeMap<String, String>,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

impl Contents {
    /// Reads a file of this kind and of version 1.
    pub(crate) fn read(file: &[u8], kind: &str) -> Result<Self, FileError> {
        let contents = parse(file)?;
        for (key, expected) in [("kind", kind), ("version", "1")] {
            let found = contents.metadata(key)?;
            if found != expected {
                return Err(FileError(format!("the file's {key} is {found:?}, not {expected:?}")));
            }
        }
        Ok(contents)
    }

    fn metadata(&self, key: &str) -> Result<&str, FileError> {
        let value = self
            .metadata
            .get(key)
            .ok_or_else(|| format!("the file's __metadata__ has no {key:?}"))?;
        Ok(value)
    }

    /// The settings: names and integers.
    pub(crate) fn settings(&self) -> Result<BTreeMap<String, i64>, FileError> {
        let settings = json::parse(self.metadata("settings")?)?;
        let fields = settings
            .fields()
            .ok_or_else(|| "the settings are no object".to_string())?;
        let pair = |(name, value): &(String, Value)| value.integer().map(|number| (name.clone(), number));
        let pairs = fields.iter().map(pair).collect::<Option<_>>();
        Ok(pairs.ok_or_else(|| "the settings are not all integers".to_string())?)
    }

    /// Checks the fingerprint that the file has against the right one.
    pub(crate) fn check_fingerprint(&self, fingerprint: &[u8; 32]) -> Result<(), FileError> {
        let expected: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = self.metadata("fingerprint")?;
        if found == expected {
            Ok(())
        } else {
            Err(FileError(format!(
                "the file says fingerprint {found}, but what it has gives {expected}"
            )))
        }
    }
}

fn parse(file: &[u8]) -> Result<Contents, FileError> {
    let bad = |message: &str| FileError(format!("no safetensors file: {message}"));
    let (size, rest) = file
        .split_first_chunk::<8>()
        .ok_or_else(|| bad("it has less than 8 bytes"))?;
    let size = usize::try_from(u64::from_le_bytes(*size)).unwrap_or(usize::MAX);
    let (header, data) = rest
        .split_at_checked(size)
        .ok_or_else(|| bad("it ends within its header"))?;
    let header = std::str::from_utf8(header).map_err(|_| bad("its header is not UTF-8"))?;
    let header = json::parse(header)?;
    let mut contents = Contents {
        metadata: BTreeMap::new(),
        tensors: BTreeMap::new(),
    };
    let mut spans = Vec::new();
    for (name, value) in header.fields().ok_or_else(|| bad("its header is no object"))? {
        if name == "__metadata__" {
            for (key, value) in value.fields().ok_or_else(|| bad("__metadata__ is no object"))? {
                let text = value
                    .text()
                    .ok_or_else(|| bad("__metadata__ has a value that is no string"))?;
                contents.metadata.insert(key.clone(), text.to_string());
            }
        } else {
            let (tensor, span) = tensor(value, data).ok_or_else(|| bad(&format!("wrong entry for {name:?}")))?;
            spans.push(span);
            contents.tensors.insert(name.clone(), tensor);
        }
    }
    // The tensors must cover all bytes, without gap or overlap.
    spans.sort_unstable();
    let end = spans
        .iter()
        .try_fold(0, |place, &(start, end)| (start == place).then_some(end));
    if end != Some(data.len()) {
        return Err(bad("its tensors leave bytes out, or share bytes"));
    }
    Ok(contents)
}

/// A tensor from its entry in the header, and the place of its bytes.
fn tensor(entry: &Value, data: &[u8]) -> Option<(Tensor, (usize, usize))> {
    let sizes = |name: &str| -> Option<Vec<usize>> {
        entry
            .get(name)?
            .list()?
            .iter()
            .map(|value| usize::try_from(value.integer()?).ok())
            .collect()
    };
    let (dtype, shape) = (entry.get("dtype")?.text()?.to_string(), sizes("shape")?);
    let [start, end] = sizes("data_offsets")?[..] else {
        return None;
    };
    let bytes = data.get(start..end)?;
    let (width, signed) = match dtype.as_str() {
        "I8" => (1, true),
        "I16" => (2, true),
        "I32" => (4, true),
        "U8" => (1, false),
        "U16" => (2, false),
        "U32" => (4, false),
        _ => return None,
    };
    let size = shape
        .iter()
        .try_fold(width, |size: usize, &length| size.checked_mul(length))?;
    if size != bytes.len() {
        return None;
    }
    let number = |bytes: &[u8]| {
        let unsigned = bytes
            .iter()
            .rev()
            .fold(0u64, |number, &byte| number << 8 | u64::from(byte)) as i64;
        let unused = 64 - 8 * width as u32;
        if signed {
            unsigned << unused >> unused
        } else {
            unsigned
        }
    };
    let numbers = bytes.chunks_exact(width).map(number).collect();
    Some((Tensor { dtype, shape, numbers }, (start, end)))
}
