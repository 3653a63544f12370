//! Makes and reads files of the container format.
//!
//! `cargo run --release --example files -- encode|decode stream|windows|codebook MODEL_OR_CODEBOOK [BITS] IN OUT`

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;
use std::{env, fs};

use ecjax::coding::{Coding, Ids, Streams, Windows};
use ecjax::container::{self, BLOCK};
use ecjax::{Codebook, Transformer};

const USAGE: &str = "encode|decode stream|windows|codebook MODEL_OR_CODEBOOK [BITS of windows] IN OUT";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (action, method, source, bits, input, output) = match arguments[..] {
        [action, "windows", source, bits, input, output] => (action, "windows", source, bits.parse()?, input, output),
        [action, method @ ("stream" | "codebook"), source, input, output] => (action, method, source, 0, input, output),
        _ => return Err(USAGE.into()),
    };
    let source = fs::read(source)?;
    let run = |coding: &dyn Coding| convert(action, coding, input, output);
    if method == "codebook" {
        return run(&Ids::new(&Codebook::from_file(&source)?));
    }
    let transformer = Transformer::from_file(&source)?;
    let (model, fingerprint) = (transformer.with_precision(16)?, transformer.fingerprint());
    match method {
        "stream" => run(&Streams::new(&model, fingerprint)),
        _ => run(&Windows::new(&model, fingerprint, bits)?),
    }
}

/// Writes the output only when all of it is right (K-14).
fn convert(action: &str, coding: &dyn Coding, input: &str, output: &str) -> Result<(), Box<dyn Error>> {
    let input = fs::read(input)?;
    let begin = Instant::now();
    let result = match action {
        "encode" => container::encode(coding, &input, BLOCK),
        "decode" => container::decode(coding, &input)?,
        _ => return Err(USAGE.into()),
    };
    let (seconds, size) = (begin.elapsed().as_secs_f64(), input.len().max(result.len()));
    eprintln!(
        "{} -> {} bytes, {:.0} bytes of text/s",
        input.len(),
        result.len(),
        size as f64 / seconds
    );
    Ok(fs::write(PathBuf::from(output), result)?)
}
