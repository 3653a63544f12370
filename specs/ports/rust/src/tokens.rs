//! Codes of windows as token ids (W-13, W-14).

use crate::refusal::{require, Cause, Refusal};
use crate::windows::{check_bits, check_codes};

/// Refuses a size of ids that is not 1 to 16.
fn check_token_bits(token_bits: u32) -> Result<(), Refusal> {
    require((1..=16).contains(&token_bits), Cause::TokenBits, || {
        format!("an id has {token_bits} bits; it must have 1 to 16")
    })
}

/// Writes numbers of `width` bits end to end and cuts the bits into numbers of `size` bits. Also returns the bits
/// that are left, as a number and a count below `size`.
pub(crate) fn regroup(numbers: impl Iterator<Item = u128>, width: u32, size: u32) -> (Vec<u128>, u128, u32) {
    let (mut groups, mut group, mut filled) = (Vec::new(), 0u128, 0);
    for number in numbers {
        let mut left = width;
        while left > 0 {
            let count = left.min(size - filled);
            left -= count;
            let bits = (number >> left) & (u128::MAX >> (128 - count));
            group = if count == 128 { bits } else { group << count | bits };
            filled += count;
            if filled == size {
                groups.push(group);
                (group, filled) = (0, 0);
            }
        }
    }
    (groups, group, filled)
}

/// The ids of `token_bits` bits of codes of `bits` bits (W-13).
///
/// # Errors
/// `bits`, `token_bits` or `code`.
pub fn cut(codes: &[u128], bits: u32, token_bits: u32) -> Result<Vec<u32>, Refusal> {
    check_bits(bits)?;
    check_token_bits(token_bits)?;
    check_codes(codes, bits)?;
    let (mut groups, rest, filled) = regroup(codes.iter().copied(), bits, token_bits);
    if filled > 0 {
        groups.push(rest << (token_bits - filled));
    }
    Ok(groups.into_iter().map(|id| id as u32).collect())
}

/// The codes of `bits` bits of ids of `token_bits` bits (W-14). Bits at the end that fill no code are dropped.
///
/// # Errors
/// `bits`, `token_bits` or `id`.
pub fn join(ids: &[u32], bits: u32, token_bits: u32) -> Result<Vec<u128>, Refusal> {
    check_bits(bits)?;
    check_token_bits(token_bits)?;
    if let Some(id) = ids.iter().find(|&&id| id >> token_bits != 0) {
        return Err(Refusal::new(
            Cause::Id,
            format!("the id {id} is not below 2^{token_bits}"),
        ));
    }
    Ok(regroup(ids.iter().map(|&id| u128::from(id)), token_bits, bits).0)
}
