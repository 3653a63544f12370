//! How requests write things (P-4). Requests are well-formed (P-2): what is not ends the program.

use std::collections::BTreeMap;

use ecjax::codebook::Lists;
use ecjax::json::Value;
use ecjax::parameters::Parameters;
use ecjax::{Cause, Codebook, Refusal, TableModel};

pub(crate) fn table_model(given: &Value, precision: u32) -> Result<TableModel, Refusal> {
    let rows: Vec<Vec<i64>> = list(field(given, "rows")).iter().map(runs).collect();
    let next = runs(field(given, "next")).into_iter().map(|row| row as usize).collect();
    TableModel::new(precision, &rows, next)
}

pub(crate) fn parameters(given: &Value) -> Result<Parameters, Refusal> {
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

pub(crate) fn codebook(request: &Value) -> Result<Codebook, Refusal> {
    let given = field(request, "codebook");
    Codebook::new(Lists {
        parents: narrow(field(given, "parents"))?,
        last_bytes: narrow(field(given, "last_bytes"))?,
        members: given.get("members").map(narrow).transpose()?,
        costs: given.get("costs").map(narrow).transpose()?,
    })
}

/// Runs as numbers of the type that the codebook's list has.
pub(crate) fn narrow<T: TryFrom<i64>>(value: &Value) -> Result<Vec<T>, Refusal> {
    let numbers: Result<_, _> = runs(value).into_iter().map(T::try_from).collect();
    numbers.map_err(|_| Refusal::new(Cause::Codebook, "a list has a number outside of its type"))
}

pub(crate) fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or_else(|| panic!("the field {name} is missing"))
}

pub(crate) fn integer(value: &Value, name: &str) -> i64 {
    field(value, name)
        .integer()
        .unwrap_or_else(|| panic!("the field {name} is no integer"))
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.list().expect("a list was expected")
}

pub(crate) fn string(value: &Value) -> &str {
    value.text().expect("a string was expected")
}

/// A number that has narrow limits. Numbers that do not fit become one that is above all limits.
pub(crate) fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(crate) fn runs(value: &Value) -> Vec<i64> {
    let mut numbers = Vec::new();
    for run in list(value) {
        let [Value::Integer(count), Value::Integer(number)] = list(run) else {
            panic!("a run is two integers")
        };
        numbers.resize(numbers.len() + *count as usize, *number);
    }
    numbers
}

pub(crate) fn hexadecimal(value: &Value) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit was expected") as u8;
    string(value)
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// The windows of a request; none if `bits` is to be refused, for then they may have any size.
pub(crate) fn codes(request: &Value, bits: u32) -> Vec<u128> {
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

pub(crate) fn ids(request: &Value) -> Vec<u32> {
    list(field(request, "ids"))
        .iter()
        .map(|id| small(id.integer().expect("ids are integers")))
        .collect()
}
