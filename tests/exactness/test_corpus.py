"""The audit against the two corpora: it refuses every function that is not exact, and proves every one that is."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax.exactness import Interval
from tests.exactness.cases import Bounded, Case
from tests.exactness.sound import SOUND as FIRST_SOUND
from tests.exactness.sound_more import MORE_SOUND
from tests.exactness.unsound import UNSOUND as FIRST_UNSOUND
from tests.exactness.unsound_more import MORE_UNSOUND

SOUND, UNSOUND = FIRST_SOUND | MORE_SOUND, FIRST_UNSOUND | MORE_UNSOUND

NOT_YET: dict[str, str] = {
    "jnp: insert": "that the places of an order still differ when each is moved on by its number",
    "more: sums behind": "a sum of what follows, of an array turned round, in the place of its own element",
    "more: the ends of sorted": "the last of an array that rises, taken by a slice that clamps",
    "more: where of a row": "a condition of a row seen in a larger array, of what is repeated without a broadcast",
    "more: where of a mask and a row": "a condition of a row together with one of the whole",
    "more: where of a mask and a column": "a condition of a column together with one of the whole",
    "more: select of two": "that the first of two conditions is the one that argmax finds",
    "more: what a loop leaves apart": "differences that a loop keeps, after it",
    "more: differences of floats by a loop": "that partial sums stay bounded in an unrolled loop of differences",
    "more: a masked greatest float": "that no infinity stays which JAX puts in before it takes a maximum",
}
"""Functions of SOUND that the audit does not prove yet, and why. At most one in twenty."""


def quickly(names: Iterable[str], mark: pytest.MarkDecorator) -> list[Any]:
    """The names, of which all but every fourth are marked: a sample for the quicker runs."""
    return [pytest.param(name, marks=mark if i % 4 else ()) for i, name in enumerate(names)]


POINTS = ("low", "high", "alternating", "mixed", "random", "random")


@pytest.mark.parametrize("name", quickly(UNSOUND, pytest.mark.slow))
def test_what_is_not_exact_is_refused(name: str) -> None:
    try:
        found = UNSOUND[name]().audit()
    except ValueError:  # there are no such arguments
        return
    assert not found.proved, found


@pytest.mark.parametrize("name", quickly(SOUND, pytest.mark.slow))
def test_what_is_exact_is_proved(name: str) -> None:
    found = SOUND[name]().audit()
    assert found.proved == (name not in NOT_YET), found


def test_few_are_not_proved_yet() -> None:
    assert NOT_YET.keys() <= SOUND.keys() and len(NOT_YET) <= len(SOUND) / 20


@pytest.mark.slow
@pytest.mark.parametrize("name", quickly(SOUND, pytest.mark.deep))
def test_what_is_exact_gives_the_same_everywhere_and_in_its_bounds(name: str) -> None:
    case = SOUND[name]()
    found = case.audit()
    jitted = jax.jit(lambda *arrays: case.fn(*put_back(case, arrays)))
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    for point in POINTS:
        arrays = tuple(arguments(case, point, rng))
        compiled, alone = jitted(*arrays), case.fn(*put_back(case, arrays))
        for a, b in zip(jax.tree.leaves(compiled), jax.tree.leaves(alone), strict=True):
            assert a.dtype == b.dtype and np.array_equal(numbers(a), numbers(b)), (point, arrays)
        with jax.enable_x64(True):
            wide = jax.tree.map(np.asarray, jax.jit(lambda *arrays: case.fn(*put_back(case, arrays)))(*arrays))
        for a, b in zip(jax.tree.leaves(compiled), jax.tree.leaves(wide), strict=True):
            assert np.array_equal(numbers(a), numbers(b)), (point, arrays)
        if found.proved:
            bounds = jax.tree.leaves(found.outputs, is_leaf=lambda x: isinstance(x, Interval))
            for a, bound in zip(jax.tree.leaves(compiled), bounds, strict=True):
                assert not isinstance(bound, Interval) or holds(bound, numbers(a)), (point, arrays, bound, a)


def leaves(case: Case) -> tuple[list[Any], Any]:
    """The arguments, arrays for themselves, and their structure."""
    return jax.tree.flatten([x.tree if isinstance(x, Bounded) else x for x in case.args])


def put_back(case: Case, arrays: tuple[Any, ...]) -> list[Any]:
    """Arrays in place of those of the arguments, which else stay as they are."""
    found, structure = leaves(case)
    given = iter(arrays)
    return jax.tree.unflatten(structure, [next(given) if hasattr(x, "dtype") else x for x in found])


def arguments(case: Case, point: str, rng: np.random.Generator) -> list[Any]:
    """Arrays for the arguments: all as low or as high as they may be, or drawn."""
    arrays = []
    for arg in case.args:
        for leaf in jax.tree.leaves(arg.tree if isinstance(arg, Bounded) else arg):
            if hasattr(leaf, "dtype"):
                arrays.append(draw(leaf, arg if isinstance(arg, Bounded) else None, case.most, point, rng))
    return arrays


def draw(leaf: Any, bounds: Bounded | None, most: int | None, point: str, rng: np.random.Generator) -> Any:
    """An array of the shape and dtype of `leaf`."""
    dtype, size = leaf.dtype, int(np.prod(leaf.shape))
    step = bounds.step if bounds else 1
    if bounds:
        low, high = int(bounds.low / step), int(bounds.high / step)
    elif jnp.issubdtype(dtype, jnp.bool_):
        low, high = 0, 1
    elif jnp.issubdtype(dtype, jnp.integer):
        low, high = int(jnp.iinfo(dtype).min), int(jnp.iinfo(dtype).max)
    else:
        low, high = -1000, 1000
    if most is not None:
        low, high = max(low, -most), min(high, most)
    drawn = rng.integers(low, high, size, np.int64, endpoint=True)
    corners = np.array([low, high, min(max(0, low), high), min(max(1, low), high)], np.int64)
    chosen = {
        "low": np.full(size, low, np.int64),
        "high": np.full(size, high, np.int64),
        "alternating": corners[np.arange(size) % 2],
        "mixed": np.where(rng.integers(0, 2, size), corners[rng.integers(0, 4, size)], drawn),
        "random": drawn,
    }[point]
    return jnp.asarray((chosen * step if step != 1 else chosen).astype(dtype).reshape(leaf.shape))


def numbers(x: Any) -> np.ndarray:
    """The elements as numbers that can be compared whatever their dtype: -0 and 0 are one."""
    array = np.asarray(x)
    return array.astype(np.float64 if jnp.issubdtype(array.dtype, jnp.floating) else np.int64)


def holds(bound: Interval, array: np.ndarray) -> bool:
    """Whether all numbers lie in the bounds, and on the grid."""
    steps = np.ldexp(array, -bound.grid) if array.dtype == np.float64 else array
    return bool(np.all((steps >= bound.low) & (steps <= bound.high) & (steps == np.floor(steps))))
