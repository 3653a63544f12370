"""Tokenizers' functions of arrays as users call them: bound, jitted, mapped, on a mesh, in JAX's strict modes."""

import contextlib
import logging
from collections.abc import Callable
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from ecjax import ArithmeticCoding, Codebook, EqualInfo, EqualText, Huffman, methods
from tests.codebook.support import drawn, in_step, random_model
from tests.strategies import annotations_unchecked
from tests.test_backends import exact_model

TEXT = b"aaab xyxyxyx \0\xff"
BOOKS: dict[str, Callable[[], Codebook | EqualInfo]] = {
    "closed": lambda: in_step()[0],
    "longest": lambda: drawn(0, 12, False, None).codebook,
    "cheapest": lambda: drawn(1, 12, False, "few").codebook,
    "windows": lambda: EqualInfo(random_model(0), 9),
    "published": lambda: EqualInfo(random_model(0), 16, 8, code="published"),
}
SETTINGS: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "x64": lambda: jax.enable_x64(True),
    "ranks": lambda: jax.numpy_rank_promotion("raise"),
    "dtypes": lambda: jax.numpy_dtype_promotion("strict"),
    "nans": lambda: jax.debug_nans(True),
}


@pytest.fixture(params=BOOKS)
def book(request: pytest.FixtureRequest) -> Codebook | EqualInfo:
    return BOOKS[request.param]()


def text() -> jax.Array:
    return jnp.asarray(np.frombuffer(TEXT, np.uint8))


def told(encoded: tuple[Any, Any]) -> list[int]:
    ids, count = encoded
    assert ids.dtype == count.dtype == jnp.int32
    return np.asarray(ids)[: int(count)].tolist()


def test_bound_methods_are_functions_like_others(book):
    expected, ids = book.encode(TEXT[:9]).tolist(), jnp.asarray(book.encode(TEXT))
    length = jnp.array(9)
    for transformed in (jax.jit(book.encode_array), eqx.filter_jit(book.encode_array)):
        assert told(transformed(text(), length)) == told(transformed(text(), 9)) == expected
    # What is passed on is a pytree, so that its arrays are arguments.
    passed = jax.jit(lambda method, *rest: method(*rest))
    assert told(passed(book.encode_array, text(), length)) == expected
    rows, counts = jax.vmap(book.encode_array)(jnp.stack([text()] * 2), jnp.array([9, 3]))
    assert told((rows[0], counts[0])) == expected and told((rows[1], counts[1])) == book.encode(TEXT[:3]).tolist()
    by_name = jax.jit(book.decode_array, static_argnames="capacity")(ids, capacity=30)
    for decoded in (by_name, jax.jit(book.decode_array, static_argnums=1)(ids, 30), book.decode_array(ids, 30)):
        for a, b in zip(decoded, by_name, strict=True):
            np.testing.assert_array_equal(a, b)


def test_numbers_may_be_ints_and_numpy_scalars(book):
    expected = book.encode(TEXT[:9]).tolist()
    with annotations_unchecked():
        for length in (9, np.int64(9), np.uint8(9), np.array(9)):
            assert told(book.encode_array(text(), cast(Any, length))) == expected
        assert told(book.encode_array(cast(Any, np.frombuffer(TEXT, np.uint8)), 9)) == expected
        decoded = book.decode_array(jnp.asarray(expected, jnp.int32), cast(Any, np.int64(30)))
    assert decoded[0].shape[-1] == 30


def test_no_length_has_anything_compiled_for_it(book, caplog):
    book.encode_array(text(), 1)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        for length in (1, 2, 7, 9):
            book.encode_array(text(), length)
            book.encode_array(text(), jnp.array(length))
    assert [r for r in caplog.messages if "encode" in r] == []


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_jax_change_nothing(book, setting):
    expected, ids = book.encode(TEXT).tolist(), jnp.asarray(book.encode(TEXT))
    strings = [np.asarray(part).tolist() for part in book.decode_array(ids, 30)]
    with SETTINGS[setting]():
        assert told(book.encode_array(text(), len(TEXT))) == book.encode(TEXT).tolist() == expected
        found = book.decode_array(ids, 30)
        assert [np.asarray(part).tolist() for part in found] == strings
        assert [part.dtype for part in found] == [jnp.uint8, jnp.int32]


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: ArithmeticCoding(random_model(0)),
        lambda: EqualText(random_model(0)),
        lambda: Huffman(random_model(0)),
        lambda: EqualInfo(random_model(0), 24, 16, reset=2),
        lambda: EqualInfo(exact_model(), 24),
    ],
    ids=["ac", "equal-text", "huffman", "resets", "exact"],
)
def test_settings_of_jax_change_no_other_tokenizer(make, setting):
    tokenizer = make()
    expected = tokenizer.encode(TEXT).tolist()
    with SETTINGS[setting]():
        assert tokenizer.encode(TEXT).tolist() == expected
        assert tokenizer.decode(expected) == TEXT


@pytest.mark.parametrize("in_context", [True, False])
def test_batches_on_a_mesh_of_explicit_axes(book, in_context):
    mesh = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Explicit,))
    rows = NamedSharding(mesh, PartitionSpec("data"))
    texts, lengths = jax.device_put((jnp.stack([text()] * 2), jnp.array([9, 3])), rows)
    with jax.set_mesh(mesh) if in_context else contextlib.nullcontext():
        ids, counts = jax.jit(jax.vmap(book.encode_array))(texts, lengths)
        strings, _ = jax.vmap(lambda row: book.decode_array(row, 30))(ids)
    for array in (ids, counts, strings):
        assert jax.typeof(array).sharding.spec[0] == "data"
    for i, size in enumerate([9, 3]):
        assert told((ids[i], counts[i])) == book.encode(TEXT[:size]).tolist()


def test_what_is_placed_by_the_compiler_is_placed_at_all(monkeypatch):
    book = in_step()[0]
    mesh = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Explicit,))
    texts = jax.device_put(jnp.stack([text()] * 2), NamedSharding(mesh, PartitionSpec("data")))
    monkeypatch.setattr(methods, "_explicit", lambda array: None)
    with pytest.raises(Exception, match="out_sharding"):  # if this passes one day, `compiled` need do nothing any more
        jax.vmap(lambda row: book.encode_array(row, 9))(texts)
