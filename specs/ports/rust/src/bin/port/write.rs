//! How answers write things (P-4).

/// A list of numbers as its longest runs.
pub(crate) fn write_runs(numbers: impl Iterator<Item = i64>) -> String {
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

pub(crate) fn write_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn write_bytes(name: &str, bytes: &[u8]) -> String {
    format!("\"{name}\": \"{}\"", write_hexadecimal(bytes))
}

pub(crate) fn write_strings(strings: impl Iterator<Item = String>) -> String {
    let strings: Vec<String> = strings.map(|string| format!("\"{string}\"")).collect();
    format!("[{}]", strings.join(", "))
}

pub(crate) fn write_codes(codes: &[u128], bits: u32) -> String {
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

pub(crate) fn write_ids(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    format!("\"ids\": [{}]", ids.join(", "))
}
