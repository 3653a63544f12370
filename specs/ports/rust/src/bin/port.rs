//! The conformance program: answers requests of the protocol, one on each line (P-1).

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use ecjax::codebook::Lists;
use ecjax::coding::{Coding, Ids, Streams, Windows};
use ecjax::frequencies::Table;
use ecjax::json::{self, Value};
use ecjax::parameters::Parameters;
use ecjax::{container, stream, tokens, windows, Cause, Codebook, Refusal, TableModel, Transformer};

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
        writeln!(output, "{{\"id\": {}, {answer}}}", integer(&request, "id"))?;
        output.flush()?;
    }
    Ok(())
}

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
fn with_coding(request: &Value, act: impl FnOnce(&dyn Coding) -> Result<String, Refusal>) -> Result<String, Refusal> {
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

fn table_model(given: &Value, precision: u32) -> Result<TableModel, Refusal> {
    let rows: Vec<Vec<i64>> = list(field(given, "rows")).iter().map(runs).collect();
    let next = runs(field(given, "next")).into_iter().map(|row| row as usize).collect();
    TableModel::new(precision, &rows, next)
}

fn parameters(given: &Value) -> Result<Parameters, Refusal> {
    let fields = |name| field(given, name).fields().expect("settings and tensors are objects");
    let number = |value: &Value| value.integer().expect("settings are integers");
    let settings: BTreeMap<_, _> = fields("settings")
        .iter()
        .map(|(name, value)| (name.clone(), number(value)))
        .collect();
    let tensors = fields("tensors")
        .iter()
        .map(|(name, value)| (name.clone(), runs(value)))
        .collect();
    Parameters::new(&settings, tensors)
}

fn codebook(request: &Value) -> Result<Codebook, Refusal> {
    let given = field(request, "codebook");
    Codebook::new(Lists {
        parents: narrow(field(given, "parents"))?,
        last_bytes: narrow(field(given, "last_bytes"))?,
        members: given.get("members").map(narrow).transpose()?,
        costs: given.get("costs").map(narrow).transpose()?,
    })
}

/// Runs as numbers of the type that the codebook's list has.
fn narrow<T: TryFrom<i64>>(value: &Value) -> Result<Vec<T>, Refusal> {
    let numbers: Result<_, _> = runs(value).into_iter().map(T::try_from).collect();
    numbers.map_err(|_| Refusal::new(Cause::Codebook, "a list has a number outside of its type"))
}

fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or_else(|| panic!("the field {name} is missing"))
}

fn integer(value: &Value, name: &str) -> i64 {
    field(value, name)
        .integer()
        .unwrap_or_else(|| panic!("the field {name} is no integer"))
}

fn list(value: &Value) -> &[Value] {
    value.list().expect("a list was expected")
}

fn string(value: &Value) -> &str {
    value.text().expect("a string was expected")
}

/// A number that has narrow limits. Numbers that do not fit become one that is above all limits.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn runs(value: &Value) -> Vec<i64> {
    let mut numbers = Vec::new();
    for run in list(value) {
        let [Value::Integer(count), Value::Integer(number)] = list(run) else {
            panic!("a run is two integers")
        };
        numbers.resize(numbers.len() + *count as usize, *number);
    }
    numbers
}

fn hexadecimal(value: &Value) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit was expected") as u8;
    string(value)
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// The windows of a request; none if `bits` is to be refused, for then they may have any size.
fn codes(request: &Value, bits: u32) -> Vec<u128> {
    let code = |value| {
        hexadecimal(value)
            .into_iter()
            .fold(0, |code, byte| code << 8 | u128::from(byte))
    };
    if bits > 128 {
        return Vec::new();
    }
    list(field(request, "codes")).iter().map(code).collect()
}

fn ids(request: &Value) -> Vec<u32> {
    list(field(request, "ids"))
        .iter()
        .map(|id| small(id.integer().expect("ids are integers")))
        .collect()
}

fn write_runs(numbers: impl Iterator<Item = i64>) -> String {
    let mut runs: Vec<(usize, i64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((count, last)) if *last == number => *count += 1,
            _ => runs.push((1, number)),
        }
    }
    let runs: Vec<String> = runs
        .iter()
        .map(|(count, number)| format!("[{count}, {number}]"))
        .collect();
    format!("[{}]", runs.join(", "))
}

fn write_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_bytes(name: &str, bytes: &[u8]) -> String {
    format!("\"{name}\": \"{}\"", write_hexadecimal(bytes))
}

fn write_strings(strings: impl Iterator<Item = String>) -> String {
    let strings: Vec<String> = strings.map(|string| format!("\"{string}\"")).collect();
    format!("[{}]", strings.join(", "))
}

fn write_codes(codes: &[u128], bits: u32) -> String {
    let unused = 16 - bits.div_ceil(8) as usize;
    format!(
        "\"codes\": {}",
        write_strings(
            codes
                .iter()
                .map(|code| write_hexadecimal(&code.to_be_bytes()[unused..]))
        )
    )
}

fn write_ids(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    format!("\"ids\": [{}]", ids.join(", "))
}
