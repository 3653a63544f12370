//! The CRC-32 of zlib, gzip and PNG.

const POLYNOMIAL: u32 = 0xEDB8_8320;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ POLYNOMIAL
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

/// The CRC-32 of bytes that follow others. `before` is the CRC-32 of those, 0 if there are none.
pub fn extend(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |value, &byte| {
        TABLE[usize::from(value as u8 ^ byte)] ^ (value >> 8)
    })
}

/// The CRC-32 of bytes.
pub fn crc32(bytes: &[u8]) -> u32 {
    extend(0, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_the_specification() {
        assert_eq!(crc32(b"123456789"), 0xCBF43926);
        assert_eq!(extend(crc32(b"1234"), b"56789"), 0xCBF43926);
    }
}
