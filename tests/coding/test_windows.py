"""Equal-Info windows: the six promises of the window code, one property each, and agreement with the oracle."""

import functools
import itertools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Array, UInt32

from ecjax.coding import windows
from ecjax.integers import from_limbs, limb_count, regroup_bits, to_limbs
from ecjax.models.base import ByteModel
from specs.oracle import tokens
from specs.oracle import windows as oracle
from tests.strategies import TABLE_KINDS, Markov, make_table, models, padded, python_model, sample, seeds, texts

SIZE = 64  # bytes of a text, and windows decoded at once
CAPACITY = 256  # bytes of a window
BUDGETS = {9: 16, 12: 12, 16: 16, 24: 9, 31: 16, 32: 12, 33: 16, 64: 9, 127: 12, 128: 16}
"""Bits of a window, around every change of limbs, each with a precision of the model."""
QUICK, SLOW = (9, 16, 33), (128,)
WHOLE_LIMBS = (32, 64, 128)

jit_encode = jax.jit(windows.encode, static_argnames="bits")
jit_decode = jax.jit(
    lambda model, codes, bits, capacity: jax.vmap(lambda c: windows.decode(model, c, bits, capacity))(codes),
    static_argnums=(2, 3),
)


def budgets(quick=QUICK, slow=SLOW):
    """Parametrises by b. Those that are neither quick nor slow wait for the deep run."""
    marks = {b: () if b in quick else pytest.mark.slow if b in slow else pytest.mark.deep for b in BUDGETS}
    return pytest.mark.parametrize("bits", [pytest.param(b, marks=marks[b]) for b in BUDGETS])


def encode(model: ByteModel, text: bytes, bits: int, size: int = SIZE, filler: int = 0) -> list[int]:
    coded = jit_encode(model, jnp.asarray(padded(text, size, filler)), jnp.array(len(text)), bits=bits)
    codes, count = np.asarray(coded.codes), int(coded.count)
    assert codes.dtype == np.uint32 and codes.shape == (size, limb_count(bits))
    assert 0 <= count <= len(text)
    assert not codes[count:].any()
    return [from_limbs(code) for code in codes[:count]]


def decode_cut(
    model: ByteModel, codes: list[int], bits: int, size: int = SIZE, capacity: int = CAPACITY
) -> list[tuple[bytes, int]]:
    """The string of each code, as far as there is room, and its length. Zeros fill the codes up to `size`."""
    limbs = np.zeros((size, limb_count(bits)), np.uint32)
    for row, code in zip(limbs, codes, strict=False):
        row[:] = to_limbs(code, len(row))
    text, lengths = map(np.asarray, jit_decode(model, jnp.asarray(limbs), bits, capacity))
    assert text.dtype == np.uint8 and text.shape == (size, capacity)
    assert not lengths[len(codes) :].any() and not text[len(codes) :].any()
    assert not any(row[min(length, capacity) :].any() for row, length in zip(text, lengths, strict=True))
    pairs = zip(text, lengths.tolist(), strict=True)
    return [(row[: min(length, capacity)].tobytes(), length) for row, length in pairs][: len(codes)]


def decode(model: ByteModel, codes: list[int], bits: int, size: int = SIZE, capacity: int = CAPACITY) -> list[bytes]:
    out = decode_cut(model, codes, bits, size, capacity)
    assert all(length <= capacity for _, length in out)
    return [text for text, _ in out]


@st.composite
def steady_models(draw, precision: int, bits: int) -> Markov:
    """Models whose windows stay short. A spiky one may have windows of tens of thousands of bytes."""
    kinds = TABLE_KINDS if bits == 9 else ("flat", "random")
    rng = np.random.default_rng(draw(seeds))
    rows = [make_table(kind, precision, rng) for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))]
    return Markov(jnp.asarray(np.stack(rows)[rng.integers(len(rows), size=257)]), precision)


def numbers(bits: int):
    edges = sorted({0, 1, 2, 255, 256, 257, 258, 2 ** (bits - 1), 2**bits - 2, 2**bits - 1})
    powers = st.builds(lambda k, d: min(max((1 << k) + d, 0), 2**bits - 1), st.integers(0, bits), st.integers(-1, 1))
    return st.sampled_from(edges) | powers | st.integers(0, 2**bits - 1)


def cases(bits: int, max_size: int = SIZE):
    """A model and a text."""
    return models(BUDGETS[bits]).flatmap(lambda model: st.tuples(st.just(model), texts(max_size, model)))


def numbered(bits: int, min_size: int = 1):
    """A model and numbers."""
    return st.tuples(
        steady_models(BUDGETS[bits], bits), st.lists(numbers(bits), min_size=min_size, max_size=SIZE, unique=True)
    )


# Promise 1: decoding gives the text back, its end included, without a length.


@budgets(slow=WHOLE_LIMBS)
@given(st.data())
def test_round_trip_needs_no_length(bits, data):
    model, text = data.draw(cases(bits))
    coded = jit_encode(model, jnp.asarray(padded(text, SIZE)), jnp.array(len(text)), bits=bits)
    # All that was returned goes back, filling included, and nothing else.
    strings, lengths = map(np.asarray, jit_decode(model, coded.codes, bits, CAPACITY))
    assert lengths.max() <= CAPACITY
    assert b"".join(row[:n].tobytes() for row, n in zip(strings, lengths, strict=True)) == text


# Promise 2: every window is exactly b bits, and tokens are fixed slices of the stream of windows.


@budgets(slow=WHOLE_LIMBS)
@given(st.data())
def test_windows_have_b_bits_and_tokens_are_slices_of_them(bits, data):
    model, text = data.draw(cases(bits))
    token_bits = data.draw(st.sampled_from((3, 8, 16)))
    coded = jit_encode(model, jnp.asarray(padded(text, SIZE)), jnp.array(len(text)), bits=bits)
    codes = [from_limbs(code) for code in np.asarray(coded.codes)]
    assert all(code < 2**bits for code in codes)
    groups = -(-SIZE * bits // token_bits)
    ids = np.asarray(jit_regroup(coded.codes, bits, token_bits, groups))[:, 0].tolist()
    assert ids == tokens.cut(codes, bits, token_bits)
    assert tokens.join(ids, bits, token_bits)[:SIZE] == codes


jit_regroup = jax.jit(regroup_bits, static_argnums=(1, 2, 3))


# Promise 3: every sequence of numbers decodes, and number 0 is the empty string.


@budgets()
@given(st.data())
def test_every_number_is_the_code_of_its_string(bits, data):
    model, codes = data.draw(numbered(bits))
    for code, (string, length) in zip(codes, decode_cut(model, codes, bits), strict=True):
        assert (length == 0) == (code == 0)
        if 0 < length <= SIZE:
            assert encode(model, string, bits) == [code]


@budgets()
def test_number_0_is_the_empty_string_and_the_greatest_begins_with_the_greatest_byte(bits):
    model = Markov(jnp.asarray(np.stack([make_table("flat", BUDGETS[bits], np.random.default_rng(0))] * 257)), 16)
    empty, greatest = decode(Markov(model.tables, BUDGETS[bits]), [0, 2**bits - 1], bits)
    assert empty == b"" and greatest[0] == 255


# Promise 4: a window decodes by itself.


@pytest.mark.slow
@budgets()
@given(st.data())
def test_windows_in_another_order_are_their_strings_in_that_order(bits, data):
    model, text = data.draw(cases(bits))
    codes = encode(model, text, bits)
    strings = decode(model, codes, bits)
    assert b"".join(strings) == text
    order = data.draw(st.permutations(range(len(codes))))
    assert decode(model, [codes[i] for i in order], bits) == [strings[i] for i in order]
    if codes:
        alone = data.draw(st.sampled_from(range(len(codes))))
        assert decode(model, [codes[alone]], bits) == [strings[alone]]


# Promise 5: a window other than padding consumes at least one byte.


@budgets()
@given(st.data())
def test_no_window_of_a_text_is_empty(bits, data):
    model, text = data.draw(cases(bits))
    codes = encode(model, text, bits)
    assert 0 not in codes
    assert all(decode(model, codes, bits)) and len(codes) <= len(text)
    assert bool(codes) == bool(text)


# Promise 6: codes sort as their strings.


@budgets()
@given(st.data())
def test_codes_sort_as_their_strings(bits, data):
    model, codes = data.draw(numbered(bits, min_size=2))
    strings = decode_cut(model, sorted(codes), bits)
    for (lower, m), (upper, n) in itertools.pairwise(strings):
        if max(m, n) <= CAPACITY:
            assert lower < upper
        else:
            assert lower <= upper


@pytest.mark.slow
@pytest.mark.parametrize("kind", TABLE_KINDS)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.deep)])
def test_the_512_windows_of_9_bits_are_all_different_sorted_and_their_own_codes(kind, seed):
    rng = np.random.default_rng(seed)
    rows = np.stack([make_table(kind, 16, rng) for _ in range(8)])
    model = Markov(jnp.asarray(rows[rng.integers(8, size=257)]), 16)
    strings = decode(model, list(range(512)), 9, size=512, capacity=512)
    assert strings[0] == b""
    assert all(lower < upper for lower, upper in itertools.pairwise(strings))
    assert all(string[:-1] in strings for string in strings)
    text = np.zeros((512, 1 << max(map(len, strings)).bit_length()), np.uint8)
    for row, string in zip(text, strings, strict=True):
        row[: len(string)] = np.frombuffer(string, np.uint8)
    coded = batch_encode(model, jnp.asarray(text), jnp.asarray([len(s) for s in strings]), 9)
    np.testing.assert_array_equal(coded.codes[:, 0, 0], np.arange(512))
    assert coded.count.tolist() == [0] + 511 * [1]


batch_encode = jax.jit(
    lambda model, text, lengths, bits: jax.vmap(lambda t, n: windows.encode(model, t, n, bits))(text, lengths),
    static_argnums=3,
)


# The definition in specs/oracle.


@budgets(slow=WHOLE_LIMBS)
@given(st.data())
def test_agrees_with_the_oracle(bits, data):
    check_against_oracle(bits, data.draw(cases(bits)), data.draw(numbered(bits)))


@pytest.mark.parametrize(
    "bits, precision",
    [
        pytest.param(b, f, marks=pytest.mark.slow if (b, f) in [(9, 9), (33, 12)] else pytest.mark.deep)
        for b in BUDGETS
        for f in (9, 12, 16)
        if BUDGETS[b] != f
    ],
)
def test_agrees_with_the_oracle_at_other_precisions(bits, precision):
    rng = np.random.default_rng(bits + precision)
    for kind, other in [("flat", "random"), ("random", "floor"), ("spiky", "random")]:
        rows = np.stack([make_table(kind, precision, rng), make_table(other, precision, rng)])
        model = Markov(jnp.asarray(rows[rng.integers(2, size=257)]), precision)
        texts = [sample(model, SIZE, rng), rng.bytes(SIZE // 2) + bytes(SIZE // 2)]
        flat = Markov(jnp.asarray(np.tile(make_table("random", precision, rng), (257, 1))), precision)
        codes = [int.from_bytes(rng.bytes(16), "big") % 2**bits for _ in range(3)] + [2**bits - 1]
        for text in texts:
            check_against_oracle(bits, (model, text), (flat, codes))


def check_against_oracle(bits: int, coded: tuple[Markov, bytes], numbered: tuple[Markov, list[int]]) -> None:
    model, text = coded
    codes = encode(model, text, bits)
    assert codes == oracle.encode(python_model(model), text, bits)
    model, codes = numbered
    table, codes = python_model(model), codes[:4]
    for code, (string, length) in zip(codes, decode_cut(model, codes, bits), strict=True):
        expected = oracle.decode_window(table, code, bits)
        assert length == len(expected) and string == expected[:CAPACITY]


@pytest.mark.slow
@pytest.mark.parametrize("bits", [16, pytest.param(128, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", ["spiky", "random"])
def test_long_texts_agree_with_the_oracle_and_come_back(kind, bits):
    size = 512
    rng = np.random.default_rng(bits)
    rows = np.stack([make_table(kind, BUDGETS[bits], rng) for _ in range(3)])
    model = Markov(jnp.asarray(rows[rng.integers(3, size=257)]), BUDGETS[bits])
    for text in (
        bytes(range(256)),
        bytes(range(256))[::-1] * 2,
        b"a" * size,
        bytes(size - 1),
        rng.bytes(size),
        sample(model, size, rng),
    ):
        codes = encode(model, text, bits, size)
        assert codes == oracle.encode(python_model(model), text, bits)
        parts = [codes[i : i + SIZE] for i in range(0, len(codes), SIZE)]
        assert b"".join(s for part in parts for s in decode(model, part, bits, capacity=size)) == text


@pytest.mark.slow
@pytest.mark.parametrize("bits", [16, pytest.param(33, marks=pytest.mark.deep)])
def test_a_window_of_a_very_sure_model_is_thousands_of_bytes_long(bits):
    model = Markov(jnp.asarray(np.tile(make_table("spiky", 12, np.random.default_rng(0)), (257, 1))), 12)
    codes = [2 ** (bits - 1), 2**bits // 3, 2**bits - 1]
    expected = [oracle.decode_window(python_model(model), code, bits) for code in codes]
    assert max(map(len, expected)) > 1000
    for (string, length), whole in zip(decode_cut(model, codes, bits), expected, strict=True):
        assert length == len(whole) and string == whole[:CAPACITY]


class Remembers(ByteModel):
    """A model whose table depends on every byte of the window so far."""

    tables: UInt32[Array, "257 257"]
    precision = 16
    exact = True

    def init(self):
        return jnp.array(1)

    def step(self, state, byte):
        return (state * 31 + byte.astype(jnp.int32) + 7) % 257

    def frequencies(self, state):
        return self.tables[state]


@pytest.mark.slow
def test_the_model_starts_anew_in_each_window():
    rng = np.random.default_rng(8)
    tables = np.stack([make_table("random", 16, rng) for _ in range(257)])
    model = cast(Any, Remembers)(jnp.asarray(tables))

    def table(window: bytes) -> list[int]:
        return tables[functools.reduce(lambda state, byte: (state * 31 + byte + 7) % 257, window, 1)].tolist()

    for text in (bytes(SIZE), rng.bytes(SIZE), b"abcd" * 16):
        codes = encode(model, text, 33)
        assert len(codes) > 5 and codes == oracle.encode(table, text, 33)
        assert b"".join(decode(model, codes, 33)) == text


# Where the rule of apportionment changes.


@pytest.mark.parametrize("limbs", [1, 2, 4])
@pytest.mark.parametrize("precision", [9, 12, 16])
@given(st.data())
def test_shares_are_those_of_the_oracle(precision, limbs, data):
    table = make_table(data.draw(st.sampled_from(TABLE_KINDS)), precision, np.random.default_rng(data.draw(seeds)))
    root = data.draw(st.booleans())
    half = 1 << (precision - 1)
    edges = [0, 1, 2, 127, 128, 255, 256, half - 1, half, half + 1, 2 * half - 1, 2 * half, 2 * half + 1]
    edges += [(1 << k) + d for k in (16, 17, 31, 32, 33, 48, 63, 64, 96, 127) for d in (-1, 0, 1)]
    m = data.draw(st.sampled_from([e for e in edges if e + 256 < 2 ** (32 * limbs)]))
    m = data.draw(st.sampled_from([m, m]) | st.integers(0, 2 ** min(32 * limbs, 128) - 257))
    points = m + 256 * root
    starts = [from_limbs(row) for row in np.asarray(jit_starts(to_limbs(points, limbs), root, table, precision))]
    assert starts == [0, *itertools.accumulate(oracle.apportion(points, table.tolist(), root))]
    assert starts[256] == points


@functools.partial(jax.jit, static_argnums=3)
def jit_starts(below, root, table, precision):
    node = windows.Node(below, jnp.zeros_like(below), root)
    return jax.vmap(windows.Shares(node, table, precision).start)(jnp.arange(257))


def test_of_equally_likely_bytes_too_many_for_their_points_the_first_gets_all():
    table = np.arange(257, dtype=np.uint32) * 256
    for points, first in [(1, 1), (127, 127), (128, 0)]:  # 128 points give each byte a share of one half
        starts = np.asarray(jit_starts(to_limbs(points, 1), False, table, 16))[:, 0]
        assert starts[1] == first and starts[256] == points
    tied = np.ones(256, np.uint32)
    tied[[100, 200]] = (65536 - 254) // 2
    table = np.concatenate([[0], np.cumsum(tied)]).astype(np.uint32)
    starts = np.asarray(jit_starts(to_limbs(1, 1), False, table, 16))[:, 0]
    # Of the one point both have a share of just under one half: the first is kept all the same, and has it.
    assert starts[100] == 0 and starts[101] == 1


# The same everywhere.


@pytest.mark.parametrize("bits", [16, pytest.param(64, marks=pytest.mark.slow)])
@given(st.data())
def test_a_batch_equals_its_members(bits, data):
    model = data.draw(models(BUDGETS[bits]))
    batch = [*data.draw(st.lists(texts(SIZE, model), max_size=4)), b"", b"\xff", bytes(SIZE), b"abc"][:4]
    arrays = jnp.stack([jnp.asarray(padded(text, SIZE)) for text in batch])
    coded = batch_encode(model, arrays, jnp.array([len(text) for text in batch]), bits)
    for text, codes, count in zip(batch, np.asarray(coded.codes), coded.count, strict=True):
        assert [from_limbs(code) for code in codes[:count]] == encode(model, text, bits)
        assert not codes[count:].any()


@budgets(quick=(16,))
@given(st.data(), st.integers(0, 255))
def test_bytes_beyond_the_length_do_not_matter(bits, data, filler):
    model, text = data.draw(cases(bits))
    assert encode(model, text, bits, filler=filler) == encode(model, text, bits)


@pytest.mark.parametrize("filler", [-1, 256, 1 << 30])
def test_filler_need_not_be_bytes(filler):
    model = Markov(jnp.asarray(np.tile(make_table("random", 16, np.random.default_rng(3)), (257, 1))), 16)
    text = np.full(SIZE, filler, np.int32)
    text[:3] = 7, 8, 9
    coded = jit_encode(model, jnp.asarray(text), jnp.array(3), bits=16)
    codes = [from_limbs(code) for code in np.asarray(coded.codes)[: int(coded.count)]]
    assert codes == encode(model, bytes([7, 8, 9]), 16) and not coded.codes[coded.count :].any()


@pytest.mark.parametrize("size", [0, 1, 2])
def test_small_arrays(size):
    model = Markov(jnp.asarray(np.tile(make_table("random", 16, np.random.default_rng(3)), (257, 1))), 16)
    for length in range(size + 1):
        text = bytes(range(250, 250 + length))
        assert encode(model, text, 16, size) == encode(model, text, 16)


def test_a_window_longer_than_the_room_says_so():
    model = Markov(jnp.asarray(np.tile(make_table("floor", 16, np.random.default_rng(0)), (257, 1))), 16)
    strings = decode_cut(model, list(range(300, 364)), 16)
    assert max(length for _, length in strings) > 4
    assert decode_cut(model, list(range(300, 364)), 16, capacity=3) == [(whole[:3], n) for whole, n in strings]


def test_bits_above_the_budget_do_not_count():
    model = Markov(jnp.asarray(np.tile(make_table("random", 16, np.random.default_rng(0)), (257, 1))), 16)
    assert decode(model, [(1 << 31) + 300, (1 << 9) + 7], 9) == decode(model, [300, 7], 9)


@pytest.mark.deep
@pytest.mark.slow
def test_op_by_op_equals_compiled():
    rng = np.random.default_rng(5)
    model = Markov(jnp.asarray(np.stack([make_table("random", 16, rng) for _ in range(257)])), 16)
    text = b"op"
    expected = encode(model, text, 33)
    with jax.disable_jit():
        coded = windows.encode(model, jnp.asarray(padded(text, len(text))), jnp.array(len(text)), 33)
        codes = np.asarray(coded.codes)[: int(coded.count)]
        strings = [windows.decode(model, jnp.asarray(code), 33, 8) for code in codes]
    assert [from_limbs(code) for code in codes] == expected
    assert b"".join(np.asarray(s)[: int(n)].tobytes() for s, n in strings) == text


@pytest.mark.parametrize("bits", [pytest.param(16, marks=pytest.mark.deep), 33])
@pytest.mark.slow
def test_wider_default_dtypes_change_nothing(bits):
    rng = np.random.default_rng(6)
    model = Markov(jnp.asarray(np.stack([make_table("random", 16, rng) for _ in range(257)])), 16)
    examples = [sample(model, SIZE, rng), rng.bytes(SIZE), bytes(SIZE), b""]
    expected = [encode(model, text, bits) for text in examples]
    with jax.enable_x64(True):
        for text, codes in zip(examples, expected, strict=True):
            coded = jit_encode(model, jnp.asarray(padded(text, SIZE)), jnp.array(len(text)), bits=bits)
            assert coded.codes.dtype == jnp.uint32 and coded.count.dtype == jnp.int32
            assert encode(model, text, bits) == codes
            assert b"".join(decode(model, codes, bits)) == text


@pytest.mark.parametrize("bits", [-1, 0, 8, 129, 1000])
def test_other_budgets_are_refused(bits):
    model = Markov(jnp.asarray(np.tile(make_table("flat", 16, np.random.default_rng(0)), (257, 1))), 16)
    with pytest.raises(ValueError, match=f"9 to 128 bits, got {bits}"):
        windows.encode(model, jnp.zeros(3, jnp.uint8), jnp.array(3), bits)
    with pytest.raises(ValueError, match=f"9 to 128 bits, got {bits}"):
        windows.decode(model, jnp.zeros(1, jnp.uint32), bits, 3)
