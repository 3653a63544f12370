//! Measures encoding and decoding in bytes of text per second, on one core.
//!
//! `cargo run --release --example speed -- MODEL CODEBOOK TEXT`

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Instant;
use std::{env, fs};

use ecjax::coding::{Coding, Ids, Streams};
use ecjax::container::{self, BLOCK};
use ecjax::{stream, windows, Codebook, Transformer};

/// Bytes of text for the model, which is slower than a codebook.
const SHORT: usize = 16_384;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [model, codebook, text] = &arguments[..] else {
        return Err("MODEL CODEBOOK TEXT are needed".into());
    };
    let transformer = Transformer::from_file(&fs::read(model)?)?;
    let (model, fingerprint) = (transformer.with_precision(16)?, transformer.fingerprint());
    let codebook = Codebook::from_file(&fs::read(codebook)?)?;
    let text = fs::read(text)?;
    let short = &text[..text.len().min(SHORT)];

    let code = timed("stream encode", short.len(), || stream::encode(&model, short));
    let decoded = timed("stream decode", short.len(), || {
        stream::decode(&model, &code, short.len())
    });
    assert!(decoded == short);
    for bits in [24, 128] {
        let codes = timed(&format!("windows {bits} encode"), short.len(), || {
            windows::encode(&model, bits, short)
        })?;
        let strings = timed(&format!("windows {bits} decode"), short.len(), || {
            windows::decode(&model, bits, &codes)
        })?;
        assert!(strings.concat() == short);
    }
    let ids = timed("codebook encode", text.len(), || codebook.encode(&text));
    let ids: Vec<u32> = ids.into_iter().map(u32::from).collect();
    let decoded = timed("codebook decode", text.len(), || codebook.decode(&ids))?;
    assert!(decoded == text);
    let codings: [(&str, &dyn Coding, &[u8]); 2] = [
        ("codebook", &Ids::new(&codebook), &text),
        ("stream", &Streams::new(&model, fingerprint), short),
    ];
    for (name, coding, text) in codings {
        let file = timed(&format!("container encode, {name}"), text.len(), || {
            container::encode(coding, text, BLOCK)
        });
        let decoded = timed(&format!("container decode, {name}"), text.len(), || {
            container::decode(coding, &file)
        })?;
        assert!(decoded == text);
    }
    Ok(())
}

/// Prints how many bytes of text a second `act` did in the best of three runs: others may use the core, too.
fn timed<T>(name: &str, bytes: usize, act: impl Fn() -> T) -> T {
    let run = || {
        let begin = Instant::now();
        let result = act();
        (begin.elapsed().as_secs_f64(), result)
    };
    let (mut best, mut result) = run();
    for _ in 1..3 {
        let (seconds, again) = run();
        (best, result) = (best.min(seconds), again);
    }
    println!("{name:28} {:12.0} bytes/s", bytes as f64 / best);
    result
}
