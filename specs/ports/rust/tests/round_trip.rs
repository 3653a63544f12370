//! Round trips and refusals through the public interface.

use ecjax::codebook::Lists;
use ecjax::coding::{Coding, Ids, Streams, Windows};
use ecjax::{container, stream, tokens, windows, Cause, Codebook, TableModel};

/// A model whose three tables depend on the byte before.
fn model() -> TableModel {
    let row = |likely: usize, frequency: i64| {
        let mut row = vec![(1024 - frequency) / 255; 256];
        row[likely] = 1024 - row[0] * 255;
        row
    };
    let next = (0..257).map(|before| before % 3).collect();
    TableModel::new(10, &[row(97, 400), row(98, 10), row(0, 769)], next).unwrap()
}

fn text() -> Vec<u8> {
    (0..3000u32)
        .map(|i| if i % 7 < 5 { 97 } else { (i * i / 5 % 256) as u8 })
        .collect()
}

#[test]
fn streams_and_windows_give_the_text_back() {
    let (model, text) = (model(), text());
    let code = stream::encode(&model, &text);
    assert_eq!(stream::decode(&model, &code, text.len()), text);
    for bits in 9..=128 {
        let codes = windows::encode(&model, bits, &text).unwrap();
        assert_eq!(windows::decode(&model, bits, &codes).unwrap().concat(), text);
        for token_bits in 1..=16 {
            let ids = tokens::cut(&codes, bits, token_bits).unwrap();
            assert_eq!(tokens::join(&ids, bits, token_bits).unwrap()[..codes.len()], codes);
        }
    }
}

#[test]
fn every_code_is_that_of_its_string() {
    let model = model();
    let codes: Vec<u128> = (0..512).collect();
    let mut strings = windows::decode(&model, 9, &codes).unwrap();
    for (code, string) in codes.iter().zip(&strings).skip(1) {
        assert_eq!(windows::encode(&model, 9, string).unwrap(), [*code]);
    }
    assert!(strings.is_sorted());
    strings.dedup();
    assert_eq!(strings.len(), 512);
}

#[test]
fn a_codebook_of_a_model_has_its_windows() {
    let (model, text) = (model(), text());
    let codebook = Codebook::compile(&model, 12).unwrap();
    let ids: Vec<u128> = codebook.encode(&text).into_iter().map(u128::from).collect();
    assert_eq!(ids, windows::encode(&model, 12, &text).unwrap());
}

#[test]
fn files_give_the_text_back_and_every_flipped_bit_is_noticed() {
    let (model, text) = (model(), text());
    let codebook = Codebook::compile(&model, 10).unwrap();
    let codings: [&dyn Coding; 3] = [
        &Streams::new(&model, [7; 32]),
        &Windows::new(&model, [7; 32], 33).unwrap(),
        &Ids::new(&codebook),
    ];
    for coding in codings {
        for block in [1, 1000, container::BLOCK] {
            let file = container::encode(coding, &text, block);
            assert_eq!(container::decode(coding, &file).unwrap(), text);
        }
        let file = container::encode(coding, &text[..40], 30);
        for place in 0..8 * file.len() {
            let mut file = file.clone();
            file[place / 8] ^= 1 << (place % 8);
            assert!(container::decode(coding, &file).is_err() && container::info(&file).is_err());
        }
    }
}

#[test]
fn the_cheapest_parse_may_pass_a_longer_string_by() {
    // Strings: the 256 bytes, `ab`, `abc` and, to fill up, 253 strings that begin with ff.
    let (mut parents, mut last_bytes) = (vec![0], vec![0]);
    for byte in 0..=255u8 {
        let node = parents.len() as u32;
        parents.push(0);
        last_bytes.push(byte);
        match byte {
            97 => (parents.extend([node, node + 1]), last_bytes.extend([98, 99])),
            255 => (parents.extend(vec![node; 253]), last_bytes.extend(0..253)),
            _ => ((), ()),
        };
    }
    let mut costs = vec![9; 512];
    (costs[0], costs[99], costs[100], costs[102]) = (0, 3, 20, 4);
    let with = |costs| {
        let lists = Lists {
            parents: parents.clone(),
            last_bytes: last_bytes.clone(),
            members: None,
            costs,
        };
        Codebook::new(lists).unwrap()
    };
    assert_eq!(with(None).encode(b"abc"), [100]);
    assert_eq!(with(Some(costs.clone())).encode(b"abc"), [99, 102]);
    costs[100] = 7;
    assert_eq!(
        with(Some(costs)).encode(b"abc"),
        [100],
        "of equal sums the longer first string wins"
    );
}

#[test]
fn a_wrong_window_size_is_refused() {
    let refusal = windows::encode(&model(), 8, b"").unwrap_err();
    assert_eq!(refusal.cause, Cause::Bits);
    assert_eq!(refusal.to_string(), "bits: a window has 8 bits; it must have 9 to 128");
}
