//! The steps of an operation (P-5).

use ecjax::container::{self, Part};
use ecjax::frequencies::Table;
use ecjax::json::Value;
use ecjax::transformer::Stage;
use ecjax::{stream, windows, Codebook, Refusal, Transformer};

use crate::read::{codes, field, hexadecimal, integer, parameters, runs, small, string, table_model};
use crate::write::{write_bytes, write_hexadecimal, write_runs};

/// The steps, each as JSON; none if the input is refused.
pub(crate) fn steps(request: &Value) -> Vec<String> {
    found(request).unwrap_or_default()
}

fn found(request: &Value) -> Result<Vec<String>, Refusal> {
    let bits = || small(integer(request, "bits"));
    let text = || hexadecimal(field(request, "text"));
    Ok(match string(field(request, "op")) {
        "frequencies" => {
            let precision = small(integer(request, "precision"));
            let (table, sums) = Table::from_logits_traced(&runs(field(request, "logits")), precision)?;
            let entries = table.entries();
            let step = |byte: usize| {
                let (cumulative, entry) = (sums[byte + 1], entries[byte + 1]);
                let weight = cumulative - sums[byte];
                format!("{{\"byte\": {byte}, \"weight\": {weight}, \"cumulative\": {cumulative}, \"entry\": {entry}}}")
            };
            (0..256).map(step).collect()
        }
        "stream.encode" => with_model!(request, model => {
            stream::encode_traced(model, &text()).1.iter().map(byte_of_stream).collect()
        }),
        "stream.decode" => {
            let (code, length) = (hexadecimal(field(request, "code")), integer(request, "length") as usize);
            with_model!(request, model => {
                stream::decode_traced(model, &code, length).1.iter().map(byte_of_stream).collect()
            })
        }
        "windows.encode" => with_model!(request, model => {
            windows::encode_traced(model, bits(), &text())?.1.iter().map(byte_of_window).collect()
        }),
        "windows.decode" => with_model!(request, model => {
            let codes = codes(request, bits());
            windows::decode_traced(model, bits(), &codes)?.1.iter().map(byte_of_window).collect()
        }),
        "transformer.logits" => {
            let transformer = Transformer::new(&parameters(field(request, "transformer"))?);
            let stages = transformer.logits_traced(&text()).1;
            stages.iter().flat_map(rows_of_stage).collect()
        }
        "codebook.compile" => {
            let codebook = with_model!(request, model => Codebook::compile(model, bits())?);
            let nodes = codebook.parents().iter().zip(codebook.last_bytes()).enumerate();
            nodes
                .map(|(code, (parent, byte))| {
                    format!("{{\"code\": {code}, \"parent\": {parent}, \"last_byte\": {byte}}}")
                })
                .collect()
        }
        "container.encode" => {
            let block = integer(request, "block") as usize;
            let file = crate::with_coding(request, |coding| Ok(container::encode(coding, &text(), block)))?;
            container::parts(&file).iter().map(part).collect()
        }
        "container.decode" | "container.info" => {
            let file = hexadecimal(field(request, "file"));
            container::parts(&file).iter().map(part).collect()
        }
        _ => Vec::new(),
    })
}

fn byte_of_stream(step: &stream::Step) -> String {
    let stream::Step {
        byte,
        lo,
        hi,
        range,
        shift,
        low,
    } = step;
    let low = low
        .as_ref()
        .map_or(String::new(), |low| format!(", \"low\": \"{low}\""));
    format!("{{\"byte\": {byte}, \"lo\": {lo}, \"hi\": {hi}, \"range\": {range}, \"shift\": {shift}{low}}}")
}

fn byte_of_window(step: &windows::Step) -> String {
    let windows::Step {
        window,
        byte,
        below,
        start,
        points,
        code,
    } = step;
    format!(
        "{{\"window\": {window}, \"byte\": {byte}, \"below\": \"{below:x}\", \"start\": \"{start:x}\", \
         \"points\": \"{points:x}\", \"code\": \"{code:x}\"}}"
    )
}

fn rows_of_stage(stage: &Stage) -> Vec<String> {
    let Stage { name, rows } = stage;
    let step = |(position, row): (usize, &Vec<i32>)| {
        let row = write_runs(row.iter().copied().map(i64::from));
        format!("{{\"stage\": \"{name}\", \"position\": {position}, \"row\": {row}}}")
    };
    rows.iter().enumerate().map(step).collect()
}

fn part(part: &Part) -> String {
    match part {
        Part::Header(version, parameters) => format!(
            "{{\"part\": \"header\", \"version\": {version}, \"method\": {}, \"bits\": {}, \"precision\": {}, {}}}",
            parameters.method,
            parameters.bits,
            parameters.precision,
            write_bytes("fingerprint", &parameters.fingerprint)
        ),
        Part::Block { length, payload, last } => format!(
            "{{\"part\": \"block\", \"length\": {length}, \"payload\": \"{}\", \"last\": {}}}",
            write_hexadecimal(payload),
            u8::from(*last)
        ),
    }
}
