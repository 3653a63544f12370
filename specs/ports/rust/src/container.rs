//! The file format (K-1 to K-19).

use crate::coding::{Coding, Parameters};
use crate::crc32::{crc32, extend};
use crate::refusal::{require, Cause, Refusal};

const MAGIC: [u8; 8] = [0x89, 0x45, 0x43, 0x4A, 0x0D, 0x0A, 0x1A, 0x0A];

/// The most bytes of text in a block, and how many a writer should choose (K-7, K-17).
pub const BLOCK: usize = 65_536;

/// What a reader can tell without the model (K-15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// 1 or 2.
    pub version: u8,
    /// How the file is coded.
    pub parameters: Parameters,
    /// Bytes of text.
    pub length: u64,
    /// How many blocks have text.
    pub blocks: u64,
    /// How many of these are stored; none in version 1.
    pub stored: u64,
}

/// The file of a text, with blocks of `block` bytes of text, 1 to `BLOCK`.
///
/// # Panics
/// If `block` is not 1 to `BLOCK`.
pub fn encode(coding: &dyn Coding, text: &[u8], block: usize) -> Vec<u8> {
    assert!(
        (1..=BLOCK).contains(&block),
        "block is {block}; it must be 1 to {BLOCK}"
    );
    let Parameters {
        method,
        bits,
        precision,
        fingerprint,
    } = coding.parameters();
    let mut file = MAGIC.to_vec();
    file.extend([2, method, bits, precision]);
    file.extend(fingerprint);
    file.extend(crc32(&file).to_be_bytes());
    let mut place = 0;
    loop {
        let part = &text[place..text.len().min(place + block)];
        place += part.len();
        let last = place == text.len();
        let code = coding.encode(part);
        let payload = if code.len() < part.len() { &code } else { part };
        let start = file.len() - 4;
        file.push(u8::from(last));
        file.extend_from_slice(&(part.len() as u32).to_be_bytes()[1..]);
        file.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        file.extend_from_slice(payload);
        if last {
            file.extend(crc32(text).to_be_bytes());
        }
        file.extend(crc32(&file[start..]).to_be_bytes());
        if last {
            return file;
        }
    }
}

/// The text of a file of version 1 or 2.
///
/// # Errors
/// The causes of K-12 and K-19.
pub fn decode(coding: &dyn Coding, file: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    read(file, Some((coding, &mut text)))?;
    Ok(text)
}

/// What a file says about itself (K-15).
///
/// # Errors
/// The causes of K-12 and K-19 but `model`, `payload` and `text`.
pub fn info(file: &[u8]) -> Result<Info, Refusal> {
    read(file, None)
}

/// What P-5 shows of a file, for those who look for a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The header: the version, and how the file is coded.
    Header(u8, Parameters),
    /// A block, also the end block of version 1.
    Block {
        /// Bytes of its text.
        length: u64,
        /// Its payload.
        payload: Vec<u8>,
        /// Whether it is the last one.
        last: bool,
    },
}

/// The parts of a file that have passed their own checks, up to the first that has not.
pub fn parts(file: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    // What is wrong with the rest is for `info` to say.
    let _ = read_with(file, None, &mut |part| parts.push(part()));
    parts
}

/// Gets what makes a part, which costs something where nobody looks for a fault.
type Note<'a> = &'a mut dyn FnMut(&dyn Fn() -> Part);

/// Where the text goes, if it is decoded.
type Output<'a> = Option<(&'a dyn Coding, &'a mut Vec<u8>)>;

fn read(file: &[u8], output: Output) -> Result<Info, Refusal> {
    read_with(file, output, &mut |_| ())
}

fn read_with(file: &[u8], output: Output, note: Note) -> Result<Info, Refusal> {
    let (info, rest) = header(file)?;
    note(&|| Part::Header(info.version, info.parameters.clone()));
    if let Some((coding, _)) = &output {
        let right = coding.parameters();
        require(info.parameters == right, Cause::Model, || {
            format!("the file was written with {:?}, not {right:?}", info.parameters)
        })?;
    }
    let mut reader = Reader { rest, info, output };
    match reader.info.version {
        1 => reader.version_1(note)?,
        _ => reader.version_2(crc32(&file[..44]).to_be_bytes(), note)?,
    }
    let left = reader.rest.len();
    require(left == 0, Cause::Trailing, || {
        format!("{left} bytes follow the last block")
    })?;
    Ok(reader.info)
}

/// Reads the header. Also gives what follows it.
fn header(file: &[u8]) -> Result<(Info, &[u8]), Refusal> {
    require(file.starts_with(&MAGIC), Cause::Magic, || {
        "the file does not begin with the magic of K-1".into()
    })?;
    if let Some(version) = file.get(8) {
        let known = (1..=2).contains(version);
        require(known, Cause::Version, || {
            format!("the file has version {version}; 1 and 2 are known")
        })?;
    }
    let (header, rest) = file.split_first_chunk::<48>().ok_or_else(truncated)?;
    require(
        crc32(&header[..44]).to_be_bytes() == header[44..],
        Cause::Header,
        || "the CRC-32 of the header is wrong".into(),
    )?;
    let [version, method, bits, precision] = [header[8], header[9], header[10], header[11]];
    let (right_bits, right_precision) = match method {
        1 => (0..=0, 9..=16),
        2 => (9..=128, 9..=16),
        3 => (9..=16, 0..=0),
        _ => {
            return Err(Refusal::new(
                Cause::Method,
                format!("there is no method {method}; 1 to 3 are known"),
            ))
        }
    };
    require(
        right_bits.contains(&bits) && right_precision.contains(&precision),
        Cause::Parameters,
        || {
            format!(
                "with method {method}, bits {bits} must be {right_bits:?}, precision {precision} {right_precision:?}"
            )
        },
    )?;
    let fingerprint = header[12..44].try_into().expect("these are 32 bytes");
    let parameters = Parameters {
        method,
        bits,
        precision,
        fingerprint,
    };
    Ok((
        Info {
            version,
            parameters,
            length: 0,
            blocks: 0,
            stored: 0,
        },
        rest,
    ))
}

fn block_part(length: u64, payload: &[u8], last: bool) -> Part {
    let payload = payload.to_vec();
    Part::Block { length, payload, last }
}

fn truncated() -> Refusal {
    Refusal::new(Cause::Truncated, "the file ends too early")
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

struct Reader<'f, 'o> {
    rest: &'f [u8],
    info: Info,
    output: Output<'o>,
}

impl<'f> Reader<'f, '_> {
    fn take(&mut self, count: usize) -> Result<&'f [u8], Refusal> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Takes a CRC-32, and checks that it is `sum`.
    fn check_sum(&mut self, sum: u32) -> Result<(), Refusal> {
        let found = number(self.take(4)?);
        require(found == u64::from(sum), Cause::Checksum, || {
            format!("block {} has the CRC-32 {found:08x}, not {sum:08x}", self.info.blocks)
        })
    }

    /// Counts a block of text, and decodes it if that is asked for.
    fn block(&mut self, payload: &[u8], length: usize, stored: bool) -> Result<(), Refusal> {
        let block = self.info.blocks;
        self.info.length += length as u64;
        self.info.blocks += 1;
        self.info.stored += u64::from(stored);
        if let Some((coding, text)) = &mut self.output {
            let decoded = if stored {
                Some(payload.to_vec())
            } else {
                coding.decode(payload, length)
            };
            let wrong = || {
                Refusal::new(
                    Cause::Payload,
                    format!("block {block} does not decode to {length} bytes"),
                )
            };
            text.extend(decoded.ok_or_else(wrong)?);
        }
        Ok(())
    }

    fn check_text(&self, sum: &[u8]) -> Result<(), Refusal> {
        let right = self
            .output
            .as_ref()
            .is_none_or(|(_, text)| crc32(text).to_be_bytes() == sum);
        require(right, Cause::Text, || "the CRC-32 of the text is wrong".into())
    }

    /// K-7 to K-11 and K-16. `before` is the CRC-32 before the first block.
    fn version_2(&mut self, mut before: [u8; 4], note: Note) -> Result<(), Refusal> {
        loop {
            let start = self.rest;
            let head = self.take(7)?;
            let (marker, length, size) = (head[0], number(&head[1..4]) as usize, number(&head[4..7]) as usize);
            let least = usize::from(marker == 0);
            let right = marker <= 1 && (least..=BLOCK).contains(&length) && size <= length;
            require(right, Cause::Block, || {
                format!("no block begins with marker {marker}, {length} bytes of text and {size} of payload")
            })?;
            let payload = self.take(size)?;
            let text_sum = self.take(4 * usize::from(marker))?;
            let sum = extend(crc32(&before), &start[..start.len() - self.rest.len()]);
            self.check_sum(sum)?;
            before = sum.to_be_bytes();
            note(&|| block_part(length as u64, payload, marker == 1));
            if length > 0 {
                self.block(payload, length, size == length)?;
            }
            if marker == 1 {
                return self.check_text(text_sum);
            }
        }
    }

    /// K-18 and K-19.
    fn version_1(&mut self, note: Note) -> Result<(), Refusal> {
        loop {
            let start = self.rest;
            let head = self.take(8)?;
            let (length, size) = (number(&head[..4]), number(&head[4..]));
            let right = if length == 0 {
                size == 12
            } else {
                length <= BLOCK as u64 && size <= 16 * length
            };
            require(right, Cause::Block, || {
                format!("no block begins with {length} bytes of text and {size} of payload")
            })?;
            let payload = self.take(size as usize)?;
            self.check_sum(crc32(&start[..8 + size as usize]))?;
            note(&|| block_part(length, payload, length == 0));
            if length > 0 {
                self.block(payload, length as usize, false)?;
                continue;
            }
            let (found, told) = (self.info.length, number(&payload[..8]));
            require(found == told, Cause::Length, || {
                format!("the text has {found} bytes, not {told} as the file says")
            })?;
            return self.check_text(&payload[8..]);
        }
    }
}
