"""Codebooks: the same tokens as running the model, whatever the text's length, and files that are whole or refused."""

import functools
import itertools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import ecjax
from ecjax import serialisation
from ecjax.codebook import Codebook, compile_codebook, load_codebook
from ecjax.codebook.table import _LANE, _OVERLAP
from specs.oracle import windows as oracle
from tests.strategies import Markov, annotations_unchecked, make_table, padded, python_model, sample, seeds, texts

SIZE = 64
EDGES = (_LANE, _OVERLAP + _LANE, 2 * _LANE, 2 * _LANE + _OVERLAP, 3 * _LANE, 8192)


def random_model(
    seed: int, kinds: tuple[str, ...] = ("random", "random", "floor", "flat"), precision: int = 16
) -> Markov:
    rng = np.random.default_rng(seed)
    rows = np.stack([make_table(kind, precision, rng) for kind in kinds])
    return Markov(jnp.asarray(rows[rng.integers(len(rows), size=257)]), precision)


@functools.cache
def compiled(bits: int, seed: int, *kinds: str) -> tuple[Markov, Codebook]:
    model = random_model(seed, kinds) if kinds else random_model(seed)
    return model, compile_codebook(model, bits)


def codebook_of(extra: list[bytes], bits: int) -> Codebook:
    """The codebook of the 256 bytes and prefix-closed `extra` strings, of which enough are taken to make 2**bits."""
    count = 2**bits - 257
    assert len(extra) >= count
    strings = sorted([b"", *(bytes([c]) for c in range(256)), *extra[:count]])
    codes = {string: code for code, string in enumerate(strings)}
    parents = np.array([codes[s[:-1]] if s else 0 for s in strings], np.uint16)
    return Codebook(parents, np.array([s[-1] if s else 0 for s in strings], np.uint8))


def strings_of(codebook: Codebook) -> list[bytes]:
    """Every code's string, from the tree alone."""
    out = [b""]
    for parent, byte in list(zip(codebook.parents.tolist(), codebook.last_bytes.tolist(), strict=True))[1:]:
        out.append(out[parent] + bytes([byte]))
    return out


def walk(codes: dict[bytes, int], text: bytes) -> list[int]:
    """One greedy walk from end to end, over a dictionary of strings."""
    ids, start = [], 0
    while start < len(text):
        end = start + 1
        while end < len(text) and text[start : end + 1] in codes:
            end += 1
        ids.append(codes[text[start:end]])
        start = end
    return ids


@functools.cache
def in_step() -> tuple[Codebook, dict[bytes, int]]:
    """Strings of runs and periods; their windows rarely end where lanes begin."""
    runs = [b"a" * k for k in range(2, 102)] + [bytes(k) for k in range(2, 60)]
    runs += [(b"xy" * 40)[:k] for k in range(2, 60)] + [b"ba", b"bab", b"aab"[:2], b"zz"]
    runs = list(dict.fromkeys(runs))
    runs += [bytes([1, c]) for c in range(255)]
    codebook = codebook_of(runs, 9)
    return codebook, {string: code for code, string in enumerate(strings_of(codebook))}


jit_encode = jax.jit(Codebook.encode_array)
jit_decode = jax.jit(Codebook.decode_array, static_argnames="capacity")


# The same as running the model.


@pytest.mark.parametrize("bits", [9, pytest.param(12, marks=pytest.mark.deep)])
@given(st.integers(0, 2), st.data())
def test_encodes_as_the_oracle_does(bits, seed, data):
    model, codebook = compiled(bits, seed)
    text = data.draw(texts(24, model))
    ids = codebook.encode(text)
    assert ids.dtype == np.int32
    assert ids.tolist() == oracle.encode(python_model(model), text, bits)
    assert codebook.decode(ids) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "bits, kinds",
    [
        (9, ("spiky", "floor")),
        pytest.param(10, ("floor", "random"), marks=pytest.mark.deep),
        pytest.param(16, ("random", "floor"), marks=pytest.mark.deep),
    ],
)
def test_is_the_tokenizer_that_runs_the_model(bits, kinds):
    model, codebook = compiled(bits, 7, *kinds)
    tokenizer = ecjax.EqualInfo(model, bits)
    rng = np.random.default_rng(bits)
    batch = [b"", b"a", rng.bytes(500), bytes(range(256)), sample(model, 500, rng), b"a" * 300, bytes(300)]
    for text, ids, expected in zip(batch, codebook.encode_batch(batch), tokenizer.encode_batch(batch), strict=True):
        np.testing.assert_array_equal(ids, expected)
        assert ids.dtype == expected.dtype == np.int32
        assert codebook.decode(ids) == text
    ids = rng.integers(2**bits, size=200)
    assert codebook.decode(ids) == tokenizer.decode(ids)
    assert (codebook.vocab_size, codebook.padding_id) == (tokenizer.vocab_size, tokenizer.padding_id)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [9, pytest.param(10, marks=pytest.mark.slow), 12])
def test_has_the_strings_of_the_oracle(bits):
    model, codebook = compiled(bits, 0)
    strings = strings_of(codebook)
    assert all(lower < upper for lower, upper in itertools.pairwise(strings))
    assert [len(s) for s in strings] == codebook.lengths.tolist()
    table = python_model(model)
    for code in [*range(3), *np.random.default_rng(0).integers(2**bits, size=40).tolist(), 2**bits - 1]:
        assert codebook.decode([code]) == strings[code] == oracle.decode_window(table, code, bits)


@pytest.mark.slow
@pytest.mark.parametrize("bits, following", [(9, 255), (10, 256), (10, 5)])
def test_bytes_that_never_follow_another(bits, following):
    extra = [bytes([a, b]) for a in range(3, 256) for b in range(255, 255 - following, -1)]
    codebook = codebook_of(extra, bits)
    assert len(set(codebook.last_bytes[np.asarray(codebook.parents) > 0].tolist())) == following
    codes = {string: code for code, string in enumerate(strings_of(codebook))}
    for byte in range(256):
        text = bytes([3, byte, byte, 4, byte, 5, 255, byte, 3])
        assert codebook.encode(text).tolist() == walk(codes, text)
    restored, total = jit_decode(codebook, jnp.array([codes[b"\7"], codes[b"\3\xff"]]), capacity=9)
    assert total == 3 and np.asarray(restored).tobytes() == b"\7\3\xff".ljust(9, b"\0")


@pytest.mark.deep
@pytest.mark.slow
def test_a_tree_in_which_every_byte_follows_another():
    # All 256 columns are in use, so that none is left for bytes that follow none.
    model, codebook = compiled(16, 3, "flat", "random")
    assert codebook.children.shape[1] == 256
    text = bytes(range(256)) * 3 + np.random.default_rng(1).bytes(500)
    assert codebook.encode(text).tolist() == oracle.encode(python_model(model), text, 16)


def test_compiling_reports_and_keeps_its_provenance():
    found = []
    codebook = compile_codebook(random_model(0), 9, {"b": 1, "a": "x"}, found.append)
    assert found[-1] == 512 and found == sorted(found)
    assert json.loads(codebook.provenance) == {"a": "x", "b": 1}


def test_a_model_of_another_precision_is_refused():
    model = random_model(0)
    with pytest.raises(ValueError, match="9 to 16 bits, got 17"):
        compile_codebook(Markov(model.tables, 17), 9)


@pytest.mark.parametrize("bits", [0, 8, 17, 32])
def test_there_are_codebooks_of_9_to_16_bits_only(bits):
    with pytest.raises(ValueError, match=f"9 to 16 bits, got {bits}"):
        compile_codebook(random_model(0), bits)


@pytest.mark.slow
def test_a_model_too_sure_for_a_table_is_refused_before_all_is_found(monkeypatch):
    monkeypatch.setattr("ecjax.codebook.table._MAX_STRINGS", 1 << 22)
    with pytest.raises(ValueError, match="too sure of itself for a table; use EqualInfo"):
        compile_codebook(random_model(0, ("spiky",)), 16)


# Decoding.


@given(st.lists(st.integers(0, 511), max_size=200))
def test_any_ids_decode(ids):
    codebook, codes = in_step()
    strings = list(codes)
    expected = b"".join(strings[i] for i in ids)
    assert codebook.decode(ids) == expected
    assert codebook.decode(np.array(ids, np.uint16)) == expected
    assert codebook.decode_batch([ids, []]) == [expected, b""]


def test_more_ids_than_are_decoded_at_once():
    codebook, codes = in_step()
    ids = np.random.default_rng(0).integers(512, size=70_000)
    strings = list(codes)
    assert codebook.decode(ids) == b"".join(strings[i] for i in ids)


@pytest.mark.parametrize(
    "ids, error, match",
    [
        ([0, 512], ValueError, r"0 \.\. 511, got 512 at position 1"),
        ([5, 3, -1], ValueError, "got -1 at position 2"),
        (np.array([2**40]), ValueError, "got 1099511627776 at position 0"),
        (np.array([2**63], np.uint64), ValueError, "position 0"),
        ([1.0], TypeError, "integers in one dimension, got shape .* of float64"),
        ([True], TypeError, "bool"),
        ([[1, 2]], TypeError, r"shape \(1, 2\)"),
        (np.array(3), TypeError, r"shape \(\)"),
        (np.zeros((0, 3), np.int32), TypeError, r"shape \(0, 3\)"),
        ("abc", TypeError, "integers in one dimension"),
        (b"abc", TypeError, "integers in one dimension"),
        (None, TypeError, "integers in one dimension"),
        ([2**70], TypeError, "integers in one dimension"),
    ],
)
def test_what_is_no_id_is_refused(ids, error, match):
    codebook, _ = in_step()
    with annotations_unchecked(), pytest.raises(error, match=match):
        codebook.decode(ids)


@pytest.mark.parametrize(
    "text, match", [("abc", r"got str; encode it first, text\.encode\(\)"), ([1], "list"), (3, "int")]
)
def test_what_is_no_text_is_refused(text, match):
    codebook, _ = in_step()
    with annotations_unchecked(), pytest.raises(TypeError, match=match):
        codebook.encode(text)
    with annotations_unchecked(), pytest.raises(TypeError, match=match):
        codebook.encode_batch([b"", text])


def test_nothing_is_nothing():
    codebook, _ = in_step()
    assert codebook.encode(b"").tolist() == [] and codebook.encode(b"").dtype == np.int32
    assert codebook.decode([]) == codebook.decode(np.zeros(0, np.int64)) == b""
    with annotations_unchecked():
        assert codebook.decode(np.array([])) == b""
    assert codebook.decode([0, 0, 0]) == b""
    assert codebook.encode_batch([]) == [] and codebook.decode_batch([]) == []


def test_a_codebook_shares_no_memory_with_what_it_was_made_of():
    book = load_codebook("books-12")
    made_of = []
    for array in (book.parents, book.last_bytes):
        room = np.zeros(array.size + 64, array.dtype)
        begin = -room.ctypes.data % 64 // room.itemsize  # from where on JAX would share it
        room[begin:][: array.size] = array
        made_of.append(room[begin:][: array.size])
    again = Codebook(*made_of)
    for array in made_of:
        array[:] = 7
    assert again.fingerprint == book.fingerprint


def test_bytes_of_other_types():
    codebook, _ = in_step()
    for text in (bytearray(b"aaab"), memoryview(b"aaab")):
        with annotations_unchecked():
            assert codebook.decode(codebook.encode(text)) == b"aaab"


# Inside jit.


@given(st.data(), st.integers(0, 255))
@pytest.mark.slow
def test_arrays_inside_jit(data, filler):
    codebook, codes = in_step()
    text = data.draw(st.text("abxyz\0", max_size=SIZE).map(str.encode) | st.binary(max_size=SIZE))
    ids, count = jit_encode(codebook, jnp.asarray(padded(text, SIZE, filler)), jnp.array(len(text)))
    assert ids.dtype == jnp.int32 and ids.shape == (SIZE,)
    assert ids[:count].tolist() == walk(codes, text) and not ids[count:].any()
    restored, length = jit_decode(codebook, ids, capacity=SIZE + 3)
    assert length == len(text) and np.asarray(restored).tobytes() == text.ljust(SIZE + 3, b"\0")
    restored, length = jit_decode(codebook, ids, capacity=5)
    assert length == len(text) and np.asarray(restored).tobytes() == text[:5].ljust(5, b"\0")


@pytest.mark.parametrize("size", [0, 1, 2])
def test_small_arrays(size):
    codebook, codes = in_step()
    for length in range(size + 1):
        text = b"ab"[:length]
        ids, count = jit_encode(codebook, jnp.asarray(padded(text, size)), jnp.array(length))
        assert ids[:count].tolist() == walk(codes, text)
        restored, total = jit_decode(codebook, ids, capacity=4)
        assert total == length and np.asarray(restored).tobytes() == text.ljust(4, b"\0")


def test_wider_default_dtypes_change_nothing():
    codebook, _ = in_step()
    text = b"aaabxyxy\0\0" * 6
    expected = codebook.encode(text)
    with jax.enable_x64(True):
        ids, count = jit_encode(codebook, jnp.asarray(padded(text, SIZE)), jnp.array(len(text)))
        assert ids.dtype == count.dtype == jnp.int32
        np.testing.assert_array_equal(ids[:count], expected)
        restored, length = jit_decode(codebook, ids, capacity=SIZE)
        assert length.dtype == jnp.int32 and np.asarray(restored)[:length].tobytes() == text


# Lanes.


def lane_text(rng: np.random.Generator, length: int) -> bytes:
    """Random bytes, runs and periods, some of them longer than lanes overlap."""
    parts, total = [], 0
    while total < length:
        n = int(rng.choice([1, 7, 100, _OVERLAP, 1000, _LANE]))
        kind = rng.integers(5)
        alphabet = [b"a", b"\0", b"xy", b"ab"][min(kind, 3)]
        parts.append(rng.choice(list(b"abxy\0\1"), n).astype(np.uint8).tobytes() if kind == 4 else (alphabet * n)[:n])
        total += n
    return b"".join(parts)[:length]


@given(seeds, st.sampled_from(EDGES), st.sampled_from((-2, -1, 0, 1, 2)) | st.integers(-300, 300))
def test_lanes_join_to_one_walk(seed, edge, offset):
    codebook, codes = in_step()
    text = lane_text(np.random.default_rng(seed), edge + offset)
    assert codebook.encode(text).tolist() == walk(codes, text)


@pytest.mark.parametrize("alphabet", [b"a", b"\0", b"xy", b"q", b"ba"])
@pytest.mark.parametrize("length", [_LANE + _OVERLAP, 3 * _LANE + 1, 4 * _LANE + 17])
def test_lanes_that_never_fall_into_step(alphabet, length):
    codebook, codes = in_step()
    text = (alphabet * length)[:length]
    assert codebook.encode(text).tolist() == walk(codes, text)


def test_lanes_fall_into_step_after_several_that_do_not():
    codebook, codes = in_step()
    for text in (
        b"a" * (2 * _LANE + 50) + b"bxya" * 3000 + b"xy" * 3000,
        b"q" * 3 + b"a" * 9000 + b"q" + bytes(9000),
        b"a" * (_LANE + _OVERLAP - 1) + b"q" * 5000,
        b"a" * (_LANE + _OVERLAP) + b"q" * 5000,
        b"a" * (_LANE - 1) + b"q" + b"a" * 5000,
    ):
        assert codebook.encode(text).tolist() == walk(codes, text)


@pytest.mark.slow
def test_windows_longer_than_lanes():
    longest = 7000
    chain = [b"a" * k for k in range(2, longest + 1)]
    codebook = codebook_of(
        chain
        + [bytes([c, d]) for c in b"bc" for d in range(256)]
        + [b"cb" + bytes([c]) for c in range(200)]
        + [bytes([d, c]) for d in range(100, 110) for c in range(256)],
        13,
    )
    assert int(codebook.lengths.max()) == longest
    codes = {string: code for code, string in enumerate(strings_of(codebook))}
    for text in (
        b"a" * 30_000,
        b"b" + b"a" * 20_000,
        b"a" * 6999 + b"b" + b"a" * 7001 + b"c" * 4000,
        b"cb" * 5000 + b"a" * 9000,
        b"a" * longest,
        b"a" * (longest + 1),
    ):
        ids = codebook.encode(text)
        assert ids.tolist() == walk(codes, text)
        assert codebook.decode(ids) == text


def test_a_batch_of_texts_of_all_lengths():
    codebook, codes = in_step()
    rng = np.random.default_rng(4)
    batch = [lane_text(rng, n) for n in (0, 1, 5, _LANE - 1, _LANE, _LANE + 1, 0, 12_000, 300)]
    ids = codebook.encode_batch(batch)
    assert [i.tolist() for i in ids] == [walk(codes, text) for text in batch]
    assert codebook.decode_batch(ids) == batch


@pytest.mark.slow
def test_more_lanes_than_are_walked_at_once():
    codebook, codes = in_step()
    batch = [b"ab"[: i % 3] + b"q" for i in range(300)]
    assert [i.tolist() for i in codebook.encode_batch(batch)] == [walk(codes, text) for text in batch]


def test_descendants_are_the_codes_that_begin_with_a_string():
    codebook, codes = in_step()
    for string, code in codes.items():
        low, high = codebook.descendants(code)
        assert [c for s, c in codes.items() if s.startswith(string)] == list(range(low, high))


# Trees that are none.


def tree() -> tuple[np.ndarray, np.ndarray]:
    codebook, _ = in_step()
    return np.array(codebook.parents), np.array(codebook.last_bytes)


def swap(a: np.ndarray, i: int, j: int) -> None:
    a[[i, j]] = a[[j, i]]


@pytest.mark.parametrize(
    "damage, match",
    [
        (lambda p, b: (p[:511], b[:511]), r"2\*\*9 to 2\*\*16 strings, got 511"),
        (lambda p, b: (p[:256], b[:256]), r"2\*\*9 to 2\*\*16 strings, got 256"),
        (lambda p, b: (p[:0], b[:0]), r"2\*\*9 to 2\*\*16 strings, got 0"),
        (lambda p, b: p.__setitem__(5, 400), "code 5 breaks the preorder"),
        (lambda p, b: p.__setitem__(5, 5), "code 5 breaks the preorder"),
        (lambda p, b: swap(b, 300, 301), "breaks the preorder"),
        (lambda p, b: b.__setitem__(slice(None), 0), "breaks the preorder"),
        (lambda p, b: p.__setitem__(511, 510), "a string for each of the 256 bytes"),
        (lambda p, b: p.__setitem__(0, 1), "empty string are written as 0"),
        (lambda p, b: b.__setitem__(0, 1), "empty string are written as 0"),
    ],
)
def test_what_is_no_tree_in_preorder_is_refused(damage, match, tmp_path):
    parents, last_bytes = tree()
    out = damage(parents, last_bytes)
    if isinstance(out, tuple):
        parents, last_bytes = out
    with pytest.raises(ValueError, match=match):
        Codebook(parents, last_bytes)
    path = tmp_path / "tree.safetensors"
    tensors = {"parents": parents, "last_bytes": last_bytes}
    serialisation.write(path, "ecjax.codebook", {"bits": 9}, tensors, {})
    with pytest.raises(ValueError, match="is damaged: .*" + match):
        load_codebook(path)


def test_strings_too_long_for_a_table_are_refused():
    # One chain of 65,279 strings, of all lengths: two thousand million bytes.
    parents = np.concatenate([np.zeros(256), np.arange(255, 65535)]).astype(np.uint16)
    parents[256] = 0
    last_bytes = np.concatenate([[0], np.arange(255), [255], np.zeros(65279)]).astype(np.uint8)
    with pytest.raises(ValueError, match="too sure of itself for a table; use EqualInfo"):
        Codebook(parents, last_bytes)


# Files.


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    parents, last_bytes = tree()
    path = tmp_path_factory.mktemp("codebook") / "book.safetensors"
    Codebook(parents, last_bytes, json.dumps({"text": "a corpus"})).save(path)
    return path


@pytest.mark.rule("B-9")
def test_save_and_load(saved):
    codebook, _ = in_step()
    for name in (saved, str(saved)):
        loaded = load_codebook(name)
        assert loaded.fingerprint == codebook.fingerprint and len(loaded.fingerprint) == 64
        assert json.loads(loaded.provenance) == {"text": "a corpus"}
        for a, b in zip(jax.tree.leaves(loaded), jax.tree.leaves(codebook), strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_saving_makes_no_folder(saved, tmp_path):
    with pytest.raises(ValueError, match="there is no folder"):
        load_codebook(saved).save(tmp_path / "new" / "book")
    assert list(tmp_path.iterdir()) == []


def test_other_trees_have_other_fingerprints():
    books = [compiled(9, seed)[1] for seed in range(3)] + [in_step()[0]]
    assert len({book.fingerprint for book in books}) == len(books)
    again = Codebook(np.asarray(books[0].parents), np.asarray(books[0].last_bytes), '{"other": "origin"}')
    assert again.fingerprint == books[0].fingerprint


def refused(path: Path | str, match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        load_codebook(path)
    assert type(caught.value) is ValueError
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_cut_off_anywhere_is_refused(saved, tmp_path):
    whole = saved.read_bytes()
    path = tmp_path / "cut"
    for end in [*range(0, 20), *range(20, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:end])
        refused(path, "damaged")
    path.write_bytes(whole + b"\0")
    refused(path, "damaged")


def check_flipped(saved: Path, path: Path, position: int, mask: int) -> None:
    damaged = bytearray(saved.read_bytes())
    damaged[position] ^= mask
    path.write_bytes(damaged)
    try:
        loaded = load_codebook(path)
    except ValueError as error:
        assert type(error) is ValueError and str(path) in str(error)
    else:
        # Only what says where the codebook came from may differ.
        assert loaded.fingerprint == in_step()[0].fingerprint
        header = saved.read_bytes()
        assert header.index(b'"provenance"') <= position < header.index(b"a corpus") + 12 or damaged[position] in b" \t"


@given(position=st.integers(0, 10**6), mask=st.sampled_from([1 << k for k in range(8)] + [255]))
def test_a_file_with_a_flipped_byte_is_refused(saved, position, mask):
    check_flipped(saved, saved.with_name("flipped"), position % len(saved.read_bytes()), mask)


@pytest.mark.deep
@pytest.mark.slow
def test_a_file_with_any_byte_flipped_is_refused(saved, tmp_path):
    for position in range(len(saved.read_bytes())):
        check_flipped(saved, tmp_path / "flipped", position, 1 << position % 8)


def test_other_files_are_refused(saved, tmp_path):
    tensors = dict(zip(("parents", "last_bytes"), tree(), strict=True))
    path = tmp_path / "other"
    serialisation.write(path, "ecjax.transformer", {"bits": 9}, tensors, {})
    refused(path, "not a file of kind ecjax.codebook but ecjax.transformer")
    path.write_bytes(safetensors.numpy.save(tensors))
    refused(path, "none of ecjax's files: its header does not say of what kind it is")
    path.write_bytes(saved.read_bytes().replace(b'"version":"1"', b'"version":"2"'))
    refused(path, "version 2")
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    refused(path, "damaged or no ecjax file")
    path.write_bytes(b"")
    refused(path, "damaged or no ecjax file")
    path.write_text("It was a bright cold day in April.\n" * 100)
    refused(path, "damaged or no ecjax file")
    serialisation.write(path, "ecjax.codebook", {"bits": 9}, {"parents": tensors["parents"]}, {})
    refused(path, "damaged.*last_bytes")


@pytest.mark.parametrize(
    "change",
    [
        lambda p, b: {"parents": p.astype(np.float32), "last_bytes": b},
        lambda p, b: {"parents": p.astype(np.int64), "last_bytes": b},
        lambda p, b: {"parents": p, "last_bytes": b.astype(np.int16) - 1},
        lambda p, b: {"parents": p[None], "last_bytes": b[None]},
        lambda p, b: {"parents": p.reshape(2, 256), "last_bytes": b},
        lambda p, b: {"parents": np.array(1, np.uint16), "last_bytes": b},
        lambda p, b: {"parents": p, "last_bytes": b[:-1]},
    ],
)
def test_tensors_of_other_types_or_shapes_are_refused(change, tmp_path):
    path = tmp_path / "other"
    serialisation.write(path, "ecjax.codebook", {"bits": 9}, change(*tree()), {})
    refused(path, "damaged")


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, {}),
        ({"bits": 10}, {}),
        ({"bits": 9.0}, {}),
        ({"bits": True}, {}),
        ({"bits": 9, "more": 1}, {}),
        ({"bits": 9}, {"strings": np.zeros(3, np.uint8)}),
        ({"bits": 9}, {".parents": np.zeros(512, np.uint16)}),
    ],
)
def test_settings_and_arrays_are_those_of_the_tree(settings, more, tmp_path):
    tensors = dict(zip(("parents", "last_bytes"), tree(), strict=True)) | more
    serialisation.write(tmp_path / "other", "ecjax.codebook", settings, tensors, {})
    refused(tmp_path / "other", "damaged: (the settings of a codebook of 9 bits|its arrays must be parents)")


def test_what_is_not_there_is_refused(tmp_path):
    refused(tmp_path, "neither a file nor one of the shipped names")
    refused(tmp_path / "missing", "neither a file nor one of the shipped names")
    refused("no-such-name", "neither a file nor one of the shipped names")


def test_a_save_that_fails_leaves_what_was_there(saved, tmp_path, monkeypatch):
    path = tmp_path / "book"
    path.write_bytes(b"before")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        load_codebook(saved).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["book"] and path.read_bytes() == b"before"
