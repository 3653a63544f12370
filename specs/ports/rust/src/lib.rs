#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attention;
pub mod codebook;
pub mod coding;
mod compile;
pub mod container;
pub mod crc32;
pub mod frequencies;
pub mod json;
mod linear;
pub mod model;
pub mod parameters;
mod parse;
pub mod refusal;
mod safetensors;
pub mod sha256;
pub mod stream;
mod tables;
pub mod tokens;
pub mod transformer;
mod trie;
pub mod windows;

pub use codebook::Codebook;
pub use model::{Model, TableModel};
pub use refusal::{Cause, Refusal};
pub use safetensors::FileError;
pub use transformer::Transformer;
