"""Every backend gives what the oracles give, and what runs here can be lowered for the accelerators that are not."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from ecjax.codebook import Codebook, compile_codebook
from ecjax.coding import lanes, rans, stream, windows
from ecjax.coding.windows import Preorder
from ecjax.frequencies import cumulative_frequencies
from ecjax.integers import from_limbs, limb_count, to_limbs
from ecjax.models.base import ByteModel
from ecjax.models.integer import IntegerTransformer
from specs.oracle import frequencies as frequencies_oracle
from specs.oracle import stream as stream_oracle
from specs.oracle import transformer as transformer_oracle
from specs.oracle import windows as window_oracle
from tests.codebook.support import Drawn, drawn, mixed_text
from tests.models.test_integer import make, plain
from tests.oracles import rans as rans_oracle
from tests.strategies import Markov, make_table, padded, python_model, sample
from tests.test_frequencies import definition

SIZE = 48


@functools.cache
def model() -> Markov:
    rng = np.random.default_rng(0)
    rows = np.stack([make_table(kind, 16, rng) for kind in ("random", "floor", "random", "flat")])
    return Markov(jnp.asarray(rows[rng.integers(4, size=257)]), 16)


@functools.cache
def codebook() -> Codebook:
    return compile_codebook(model(), 9)


@functools.cache
def exact_model() -> IntegerTransformer:
    return make(np.random.default_rng(3))


@functools.cache
def examples() -> list[bytes]:
    rng = np.random.default_rng(1)
    return [sample(model(), SIZE, rng), rng.bytes(SIZE - 3), bytes(7), b"\xff\xfe", b""]


class Case(NamedTuple):
    """A function of arrays alone, its arguments, and what the oracle says of its results."""

    function: Callable[..., Any]
    arguments: list[tuple[Any, ...]]
    check: Callable[[int, Any], None]


def text_arguments() -> list[tuple[Any, ...]]:
    return [(padded(text, SIZE), np.int32(len(text))) for text in examples()]


def encode_windows(bits: int) -> Case:
    def check(i: int, coded: windows.Windows) -> None:
        codes, count = np.asarray(coded.codes), int(coded.count)
        expected = window_oracle.encode(python_model(model()), examples()[i], bits)
        assert [from_limbs(code) for code in codes[:count]] == expected and not codes[count:].any()

    return Case(lambda text, length: windows.encode(model(), text, length, bits), text_arguments(), check)


def decode_windows(bits: int) -> Case:
    numbers = [0, 1, 2**bits // 3, 2 ** (bits - 1), 2**bits - 1]

    def check(i: int, out: tuple[Any, Any]) -> None:
        expected = window_oracle.decode_window(python_model(model()), numbers[i], bits)
        assert int(out[1]) == len(expected)
        assert np.asarray(out[0]).tobytes() == expected[:SIZE].ljust(SIZE, b"\0")

    arguments = [(to_limbs(number, limb_count(bits)),) for number in numbers]
    return Case(lambda code: windows.decode(model(), code, bits, SIZE), arguments, check)


def encode_by_codebook() -> Case:
    def check(i: int, out: tuple[Any, Any]) -> None:
        expected = window_oracle.encode(python_model(model()), examples()[i], 9)
        assert np.asarray(out[0])[: int(out[1])].tolist() == expected

    book = codebook()
    return Case(lambda text, length: book.encode_array(text, length), text_arguments(), check)


def encode_by_choice(book: Drawn) -> Case:
    def check(i: int, out: tuple[Any, Any]) -> None:
        assert np.asarray(out[0])[: int(out[1])].tolist() == book.parse(texts[i])

    rng = np.random.default_rng(2)
    texts = [mixed_text(rng, SIZE), mixed_text(rng, SIZE - 3), b"a" * SIZE, b""]
    arguments = [(padded(text, SIZE), np.int32(len(text))) for text in texts]
    return Case(lambda text, length: book.codebook.encode_array(text, length), arguments, check)


def decode_by_codebook() -> Case:
    ids = [np.random.default_rng(i).integers(512, size=20).astype(np.int32) for i in range(3)]

    def check(i: int, out: tuple[Any, Any]) -> None:
        expected = window_oracle.decode(python_model(model()), ids[i].tolist(), 9)
        assert int(out[1]) == len(expected)
        assert np.asarray(out[0]).tobytes() == expected[:SIZE].ljust(SIZE, b"\0")

    book = codebook()
    return Case(lambda array: book.decode_array(array, SIZE), [(array,) for array in ids], check)


def frequencies() -> Case:
    rng = np.random.default_rng(2)
    logits = [np.round(rng.standard_normal(256) * scale).astype(np.int32) for scale in (0, 1, 300, 5000, 2e8)]

    def check(i: int, table: Any) -> None:
        assert np.asarray(table).tolist() == definition(logits[i], 16)

    return Case(lambda array: cumulative_frequencies(array, 16), [(array,) for array in logits], check)


def by_stream(text: bytes) -> bytes:
    return stream_oracle.encode(python_model(model()), text)


def by_rans(text: bytes) -> bytes:
    return rans_oracle.encode(python_model(model()), list(text), model().precision)


def from_stream(code: bytes) -> list[int]:
    return list(stream_oracle.decode(python_model(model()), code, SIZE))


def from_rans(code: bytes) -> list[int]:
    return rans_oracle.decode(python_model(model()), code, SIZE, model().precision)


def encode_streams(coder: ModuleType, oracle: Callable[[bytes], bytes]) -> Case:
    def check(i: int, coded: stream.Encoded) -> None:
        expected = oracle(examples()[i])
        assert int(coded.length) == len(expected)
        assert np.asarray(coded.code).tobytes() == expected.ljust(len(coded.code), b"\0")

    return Case(lambda text, length: coder.encode(model(), text, length), text_arguments(), check)


def decode_streams(coder: ModuleType, oracle: Callable[[bytes], list[int]]) -> Case:
    codes = [np.random.default_rng(i).integers(256, size=90).astype(np.uint8) for i in range(3)]

    def check(i: int, text: Any) -> None:
        assert np.asarray(text).dtype == np.uint8 and np.asarray(text).tolist() == oracle(codes[i].tobytes())

    return Case(lambda code: coder.decode(model(), code, SIZE, SIZE), [(code,) for code in codes], check)


def encode_in_lanes(bits: int) -> Case:
    texts = examples()[:3]
    bounds = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    text = np.frombuffer(b"".join(texts), np.uint8)

    def check(i: int, walks: lanes.Walks) -> None:
        begins, codes = np.asarray(walks.begins), np.asarray(walks.codes)
        assert np.asarray(walks.taken).tolist() == [*map(len, texts)]
        expected = [c for t in texts for c in window_oracle.encode(python_model(model()), t, bits)]
        assert [from_limbs(code) for code in codes[begins]] == expected

    def encode(text: jax.Array, bounds: jax.Array) -> lanes.Walks:
        return lanes.encode(model(), Preorder(bits), text, bounds, jnp.int32(3), jnp.zeros(len(text), bool), 2)

    return Case(encode, [(text, bounds)], check)


def decode_in_lanes(bits: int) -> Case:
    numbers = [1, 2**bits // 3, 0, 2 ** (bits - 1), 2**bits - 1]
    codes = np.stack([to_limbs(number, limb_count(bits)) for number in numbers])
    bounds = np.arange(6, dtype=np.int32) * SIZE

    def check(i: int, out: tuple[Any, Any]) -> None:
        expected = [window_oracle.decode_window(python_model(model()), number, bits) for number in numbers]
        assert np.asarray(out[1]).tolist() == [*map(len, expected)]
        assert np.asarray(out[0]).tobytes() == b"".join(text[:SIZE].ljust(SIZE, b"\0") for text in expected)

    def decode(codes: jax.Array, bounds: jax.Array) -> tuple[jax.Array, jax.Array]:
        return lanes.decode(model(), Preorder(bits), codes, bounds, jnp.int32(5), 2, 5 * SIZE)

    return Case(decode, [(codes, bounds)], check)


def exact_tables(sequence: Callable[[IntegerTransformer, jax.Array], jax.Array]) -> Case:
    """Of the exact Transformer, on texts longer than its context."""
    texts = [padded(text, SIZE)[:20] for text in examples()[:2]]

    def check(i: int, tables: Any) -> None:
        logits = transformer_oracle.logits(plain(exact_model()), texts[i].tobytes())
        assert np.asarray(tables).tolist() == [frequencies_oracle.cumulative_frequencies(row, 16) for row in logits]

    return Case(lambda text: sequence(exact_model(), text), [(text,) for text in texts], check)


CASES: dict[str, Callable[[], Case]] = {
    "windows.encode": lambda: encode_windows(33),
    "windows.decode": lambda: decode_windows(33),
    "Codebook.encode_array": encode_by_codebook,
    "Codebook.encode_array, longest": lambda: encode_by_choice(drawn(0, 12, False, None)),
    "Codebook.encode_array, cheapest": lambda: encode_by_choice(drawn(1, 12, False, "few")),
    "Codebook.decode_array": decode_by_codebook,
    "cumulative_frequencies": frequencies,
    "stream.encode": lambda: encode_streams(stream, by_stream),
    "stream.decode": lambda: decode_streams(stream, from_stream),
    "rans.encode": lambda: encode_streams(rans, by_rans),
    "rans.decode": lambda: decode_streams(rans, from_rans),
    "lanes.encode": lambda: encode_in_lanes(33),
    "lanes.decode": lambda: decode_in_lanes(33),
    "IntegerTransformer.sequence": lambda: exact_tables(IntegerTransformer.sequence),
    "IntegerTransformer.step": lambda: exact_tables(ByteModel.sequence),
}


# Those of the exact model and the lanes take long to compile.
NAMES = [pytest.param(n, marks=pytest.mark.slow if n.startswith(("Integer", "lanes")) else ()) for n in CASES]


@pytest.mark.parametrize("backend", ["cpu", "gpu", "tpu"])
@pytest.mark.parametrize("name", NAMES)
def test_a_backend_gives_what_the_oracle_gives(name, backend):
    try:
        device = jax.devices(backend)[0]
    except RuntimeError:
        pytest.skip(f"there is no {backend} here")
    model(), codebook(), exact_model()  # made out here: within a trace they would be tracers
    case = CASES[name]()
    with jax.default_device(device):
        function = jax.jit(case.function)
        for i, arguments in enumerate(case.arguments):
            out = function(*jax.device_put(arguments, device))
            assert all(leaf.devices() == {device} for leaf in jax.tree.leaves(out))
            case.check(i, out)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_lowered_for_every_platform(name):
    model(), codebook(), exact_model()  # made out here: within a trace they would be tracers
    case = CASES[name]()

    def leaves(*arguments: Any) -> list[Any]:
        return jax.tree.leaves(case.function(*arguments))

    arguments = jax.tree.map(jnp.asarray, case.arguments[0])
    exported = export.export(jax.jit(leaves), platforms=["tpu", "cuda", "cpu"])(*arguments)
    assert set(exported.platforms) == {"tpu", "cuda", "cpu"}
    structure = jax.tree.structure(jax.eval_shape(case.function, *arguments))
    for i, arguments in enumerate(case.arguments):
        case.check(i, jax.tree.unflatten(structure, exported.call(*jax.tree.map(jnp.asarray, arguments))))
