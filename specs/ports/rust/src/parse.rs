//! How a codebook's encoder cuts a text into strings (B-5, B-13).

use crate::codebook::{Codebook, LONGEST};

/// The ids of a text.
pub(crate) fn ids(codebook: &Codebook, text: &[u8]) -> Vec<u16> {
    match &codebook.costs {
        None => greedy(codebook, text),
        Some(costs) => cheapest(codebook, costs, text),
    }
}

/// B-5: each time the longest string that the rest of the text begins with.
fn greedy(codebook: &Codebook, text: &[u8]) -> Vec<u16> {
    let mut ids = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut longest = 0;
        codebook.trie.walk(rest, |node| match codebook.ids[node as usize] {
            0 => {}
            id => longest = id,
        });
        ids.push(longest);
        rest = &rest[codebook.length(longest)..];
    }
    ids
}

/// How many of the newest sums are kept: a power of two above the longest string.
const KEPT: usize = LONGEST + 1;

/// B-13, from the text's end: a string replaces a shorter one if its sum is smaller or the same.
fn cheapest(codebook: &Codebook, costs: &[u16], text: &[u8]) -> Vec<u16> {
    let mut best = [0u64; KEPT];
    let mut choices = vec![0; text.len()];
    for (place, choice) in choices.iter_mut().enumerate().rev() {
        let (mut smallest, mut end) = (u64::MAX, place);
        codebook.trie.walk(&text[place..], |node| {
            end += 1;
            let id = codebook.ids[node as usize];
            if id != 0 {
                let sum = u64::from(costs[usize::from(id)]) + best[end % KEPT];
                if sum <= smallest {
                    (smallest, *choice) = (sum, id);
                }
            }
        });
        best[place % KEPT] = smallest;
    }
    let mut ids = Vec::new();
    let mut place = 0;
    while place < text.len() {
        ids.push(choices[place]);
        place += codebook.length(choices[place]);
    }
    ids
}
