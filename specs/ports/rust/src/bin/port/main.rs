//! The conformance program: answers requests of the protocol, one on each line (P-1).

#![forbid(unsafe_code)]

use std::io::{self, BufRead, Write};

use ecjax::coding::{Coding, Ids, Streams, Windows};
use ecjax::frequencies::Table;
use ecjax::json::{self, Value};
use ecjax::{container, stream, tokens, windows, Codebook, Refusal, Transformer};

use read::{codebook, codes, field, hexadecimal, ids, integer, parameters, runs, small, string, table_model};
use write::{write_bytes, write_codes, write_hexadecimal, write_ids, write_runs, write_strings};

/// Evaluates an expression for the byte model of a request, of whichever kind it is.
macro_rules! with_model {
    ($request:expr, $model:ident => $result:expr) => {{
        let given = field($request, "model");
        let precision = small(integer(given, "precision"));
        match given.get("transformer") {
            None => {
                let $model = &table_model(given, precision)?;
                $result
            }
            Some(transformer) => {
                Table::from_logits(&[0; 256], precision)?; // A wrong precision comes first (C-7).
                let transformer = Transformer::new(&parameters(transformer)?);
                let $model = &transformer.with_precision(precision)?;
                $result
            }
        }
    }};
}

mod read;
mod trace;
mod write;

fn main() -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request = json::parse(&line?).expect("a request is a JSON object");
        let answer = match answer(&request) {
            Ok(Some(fields)) => fields,
            Ok(None) => "\"unsupported\": true".to_string(),
            Err(refusal) => {
                eprintln!("{refusal}");
                format!("\"refused\": \"{}\"", refusal.cause)
            }
        };
        let trace = match request.get("trace") {
            Some(Value::Bool(true)) => format!(", \"trace\": [{}]", trace::steps(&request).join(", ")),
            _ => String::new(),
        };
        writeln!(output, "{{\"id\": {}, {answer}{trace}}}", integer(&request, "id"))?;
        output.flush()?;
    }
    Ok(())
}

/// The fields of the answer; nothing if the operation is unknown.
fn answer(request: &Value) -> Result<Option<String>, Refusal> {
    let bits = || small(integer(request, "bits"));
    let token_bits = || small(integer(request, "token_bits"));
    let text = || hexadecimal(field(request, "text"));
    Ok(Some(match string(field(request, "op")) {
        "frequencies" => {
            let table = Table::from_logits(&runs(field(request, "logits")), small(integer(request, "precision")))?;
            let frequencies = (0..=255).map(|byte| i64::from(table.frequency(byte)));
            format!("\"frequencies\": {}", write_runs(frequencies))
        }
        "stream.encode" => with_model!(request, model => write_bytes("code", &stream::encode(model, &text()))),
        "stream.decode" => {
            let (code, length) = (hexadecimal(field(request, "code")), integer(request, "length") as usize);
            with_model!(request, model => write_bytes("text", &stream::decode(model, &code, length)))
        }
        "windows.encode" => with_model!(request, model => {
            write_codes(&windows::encode(model, bits(), &text())?, bits())
        }),
        "windows.decode" => with_model!(request, model => {
            let strings = windows::decode(model, bits(), &codes(request, bits()))?;
            format!("\"strings\": {}", write_strings(strings.iter().map(|string| write_hexadecimal(string))))
        }),
        "tokens.cut" => write_ids(&tokens::cut(&codes(request, bits()), bits(), token_bits())?),
        "tokens.join" => write_codes(&tokens::join(&ids(request), bits(), token_bits())?, bits()),
        "transformer.logits" => {
            let transformer = Transformer::new(&parameters(field(request, "transformer"))?);
            let rows = transformer.logits(&text());
            let rows: Vec<String> = rows
                .iter()
                .map(|row| write_runs(row.iter().copied().map(i64::from)))
                .collect();
            format!("\"logits\": [{}]", rows.join(", "))
        }
        "transformer.fingerprint" => {
            write_bytes("fingerprint", &parameters(field(request, "transformer"))?.fingerprint())
        }
        "codebook.compile" => {
            let codebook = with_model!(request, model => Codebook::compile(model, bits())?);
            let parents = write_runs(codebook.parents().iter().map(|&parent| i64::from(parent)));
            let last_bytes = write_runs(codebook.last_bytes().iter().map(|&byte| i64::from(byte)));
            format!("\"parents\": {parents}, \"last_bytes\": {last_bytes}")
        }
        "codebook.encode" => {
            let ids = codebook(request)?.encode(&text());
            write_ids(&ids.into_iter().map(u32::from).collect::<Vec<_>>())
        }
        "codebook.decode" => write_bytes("text", &codebook(request)?.decode(&ids(request))?),
        "codebook.fingerprint" => write_bytes("fingerprint", &codebook(request)?.fingerprint()),
        "container.encode" => {
            let block = integer(request, "block") as usize;
            with_coding(request, |coding| {
                Ok(write_bytes("file", &container::encode(coding, &text(), block)))
            })?
        }
        "container.decode" => {
            let file = hexadecimal(field(request, "file"));
            with_coding(request, |coding| {
                Ok(write_bytes("text", &container::decode(coding, &file)?))
            })?
        }
        "container.info" => {
            let info = container::info(&hexadecimal(field(request, "file")))?;
            let numbers = [
                ("version", u64::from(info.version)),
                ("method", u64::from(info.parameters.method)),
                ("bits", u64::from(info.parameters.bits)),
                ("precision", u64::from(info.parameters.precision)),
                ("length", info.length),
                ("blocks", info.blocks),
                ("stored", info.stored),
            ];
            let mut fields: Vec<String> = numbers.map(|(name, number)| format!("\"{name}\": {number}")).into();
            fields.push(write_bytes("fingerprint", &info.parameters.fingerprint));
            fields.join(", ")
        }
        _ => return Ok(None),
    }))
}

/// Calls `act` with the coding of a request.
fn with_coding<T>(request: &Value, act: impl FnOnce(&dyn Coding) -> Result<T, Refusal>) -> Result<T, Refusal> {
    if request.get("codebook").is_some() {
        return act(&Ids::new(&codebook(request)?));
    }
    let fingerprint = hexadecimal(field(request, "fingerprint"))
        .try_into()
        .expect("a fingerprint has 32 bytes");
    with_model!(request, model => match request.get("bits") {
        None => act(&Streams::new(model, fingerprint)),
        Some(_) => act(&Windows::new(model, fingerprint, small(integer(request, "bits")))?),
    })
}
