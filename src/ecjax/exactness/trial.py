"""Tries whether a function gives the same bits however it is run, where a proof does not reach.

A proof (`ecjax.exactness.audit`) holds for all arguments and every backend. A trial holds for the samples that it drew
and the ways to run that there are on this machine: that it finds nothing proves nothing. docs/exactness.md tells what
it finds on a CPU and what it cannot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ecjax.exactness import sampling
from ecjax.exactness.arguments import Bounded, varies
from ecjax.exactness.audit import InexactError, audit
from ecjax.exactness.domain import Interval
from ecjax.exactness.variants import Arrays, Unavailable, Variant, reference, variants

__all__ = ["Difference", "Trial", "trial"]

SIGNS = "jit, zeros of the other sign"
CLAIM = "the claimed range"
_LINES = 12  # arrays of an input that are printed,
_SHOWN = 8  # and numbers of each


@dataclass(frozen=True, eq=False)
class Difference:
    """The first result that is not as it should be.

    Attributes:
      variants: The names of the two variants that differ; or "jit" and "the claimed range".
      result: The path of the array in the function's result, as in `[0].limbs`; empty if the result is one array.
      index: The place of its first element that differs.
      values: The two elements, NumPy scalars, in the order of `variants`; or the element and the `Interval` that was
        claimed. If the shapes differ, the two shapes.
      sample: The number of the sample, from 0.
      input: The arguments of `trial`, with NumPy arrays in the places of those that were drawn. So
        `fn(*difference.input)` runs the function there.
    """

    variants: tuple[str, str]
    result: str
    index: tuple[int, ...]
    values: tuple[Any, Any]
    sample: int
    input: PyTree[Any] = field(repr=False)

    def __str__(self) -> str:
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        (one, other), (value, wanted) = self.variants, map(_text, self.values)
        said = f"{other} is {wanted}" if other == CLAIM else f"{other} gives {wanted}"
        named, _ = jax.tree_util.tree_flatten_with_path(self.input)
        arrays = [(jax.tree_util.keystr(path), x) for path, x in named if isinstance(x, np.ndarray)]
        lines = [f"  args{path} = {_compact(x)}" for path, x in arrays[:_LINES]]
        if len(arrays) > _LINES:
            lines.append(f"  and {len(arrays) - _LINES} more arrays")
        return "\n".join([f"result{self.result}{place}: {one} gives {value}, {said}; sample {self.sample}:", *lines])


@dataclass(frozen=True, eq=False)
class Trial:
    """What a trial found.

    Attributes:
      samples: How many inputs were drawn.
      variants: The names of the variants that ran, the one that the others were compared with first. After a
        difference no more are run.
      left_out: Those that could not run here, each with the reason.
      claimed: Whether the audit proved the function, and so claimed ranges that the results were held against.
      digest: SHA-256, in hexadecimal digits, of the results of `jit`. Other machines, versions of JAX and XLA_FLAGS
        (another xla_cpu_max_isa, say) are compared by it: of an exact function, with the same arguments, samples and
        seed, and x64 as here, it is the same.
      difference: The first difference, or None.
    """

    samples: int
    variants: tuple[str, ...]
    left_out: tuple[str, ...]
    claimed: bool
    digest: str
    difference: Difference | None

    @property
    def agreed(self) -> bool:
        """Whether nothing differed. It proves nothing of other inputs and other machines."""
        return self.difference is None

    def check(self) -> Trial:
        """Itself. Raises InexactError, with the difference and its input, if there is one."""
        if self.difference is not None:
            raise InexactError(str(self))
        return self

    def __str__(self) -> str:
        if self.difference is not None:
            return f"not exact: {self.difference}"
        claimed = "all in the proved ranges" if self.claimed else "no ranges were proved"
        ran = "".join(f"\n  {name}" for name in self.variants)
        ran += "".join(f"\n  left out: {reason}" for reason in self.left_out)
        ran += f"\n  results' digest: {self.digest}"
        count = f"{self.samples} sample{'s' * (self.samples > 1)}"
        return f"no difference in {count}, {claimed}; run as{ran}"


def trial(fn: Callable[..., Any], *args: PyTree[Any], samples: int = 64, seed: int = 0) -> Trial:
    """Runs a function at corners and random points, in every way there is here; tells the first difference.

    The ways: under `jax.jit`; so too with the sign of zeros turned in float arguments that have bounds; op by op
    (`jax.disable_jit`: loops then run in Python, so of a long one try few samples); under `jax.vmap`; with x64 on, if
    it is off, and off, if it is on; compiled with other options of XLA, by which the variants are named; and on one
    device of each platform. All are compared with the first: of integers each number, of floats each bit, but 0 and -0
    count as the same. A result that x64 makes wider is compared by its numbers.

    If `audit` proves the function, each result must also lie in the range that it claims. It need not prove it.

    Args:
      fn: A function that `jax.jit` can trace.
      args: Its arguments, as `audit` takes them. Arrays and `jax.ShapeDtypeStruct`s, in any pytrees, stand for every
        array of their shape and dtype; those from `within` for every one in those bounds. Anything else is itself. If
        there are arrays, the first sample is they themselves.
      samples: How many inputs to draw, at least 1: the corners come first.
      seed: Of the random ones. The same seed draws the same samples.

    Returns:
      The first difference, with its input, or that there was none. What there was none of is no proof.

    Raises:
      ValueError: If there are to be no samples, or an argument is of a dtype of which none can be drawn.
      Exception: What the function raises, with a note that says in which variant.
    """
    for what, number, least in (("samples", samples, 1), ("seed", seed, 0)):
        if not isinstance(number, int) or number < least:
            raise ValueError(f"{what} must be an integer of at least {least}, got {number!r}")
    arguments = _Arguments(fn, args)
    claims = _claims(fn, args)
    inputs = sampling.draw(arguments.sources, samples if arguments.sources else 1, seed)
    ran, left_out = [], []

    def result(difference: tuple[Any, ...] | None) -> Trial:
        found = None
        if difference is not None:
            variants, path, index, values, i = difference
            found = Difference(variants, path, index, values, i, arguments.filled(inputs[i]))
        return Trial(len(inputs), tuple(ran), tuple(left_out), claims is not None, _digest(expected), found)

    first = reference(arguments.called)
    ran.append(first.name)
    expected = list(_run(first, inputs))
    if claims is not None:
        for i, results in enumerate(expected):
            for path, x, claim in zip(arguments.paths, results, claims, strict=True):
                if claim is not None and (outside := _outside(x, claim)) is not None:
                    return result(((first.name, CLAIM), path, outside, (x[outside], claim), i))
    for variant in (_turned(first, arguments), *variants(arguments.called)):
        try:
            for i, results in enumerate(_run(variant, inputs)):
                if results is None:
                    continue
                for path, a, b in zip(arguments.paths, expected[i], results, strict=True):
                    if (place := _differs(a, b)) is not None:
                        values = (a[place], b[place]) if a.shape == b.shape else (a.shape, b.shape)
                        ran.append(variant.name)
                        return result(((first.name, variant.name), path, place, values, i))
        except Unavailable as reason:
            left_out.append(f"{variant.name}: {reason}")
        else:
            ran.append(variant.name)
    return result(None)


class _Arguments:
    """The arguments of the function: which of them vary, and the function of those alone."""

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        named, self.structure = jax.tree_util.tree_flatten_with_path(args, is_leaf=lambda x: isinstance(x, Bounded))
        self.fn, self.leaves, self.paths = fn, [leaf for _, leaf in named], []
        self.places: list[int] = []
        self.sources: list[sampling.Source] = []
        for i, (path, leaf) in enumerate(named):
            if varies(leaf):
                of, bounds = (leaf.struct, leaf.range) if isinstance(leaf, Bounded) else (leaf, None)
                self.sources.append(sampling.source(of, bounds, f"args{jax.tree_util.keystr(path)}"))
                self.places.append(i)

    def filled(self, arrays: Sequence[Any]) -> Any:
        """The arguments with these arrays in the places of those that vary."""
        given = dict(zip(self.places, arrays, strict=True))
        return jax.tree.unflatten(self.structure, [given.get(i, leaf) for i, leaf in enumerate(self.leaves)])

    def called(self, *arrays: Any) -> list[Any]:
        """The function of the arrays that vary: its results in a list."""
        named, _ = jax.tree_util.tree_flatten_with_path(self.fn(*self.filled(arrays)))
        self.paths = [jax.tree_util.keystr(path) for path, _ in named]
        return [x for _, x in named]


def _turned(first: Variant, arguments: _Arguments) -> Variant:
    """The reference at the samples in which floats with bounds are 0, with their signs turned; None for the others."""
    chosen = [s.bounds is not None and jnp.issubdtype(s.dtype, jnp.floating) for s in arguments.sources]

    def run(inputs: Sequence[Arrays]) -> Iterator[Arrays | None]:
        if not any(chosen):
            raise Unavailable("no argument is of floats with bounds")
        zeros = [any(c and bool((x == 0).any()) for c, x in zip(chosen, arrays, strict=True)) for arrays in inputs]
        turned = [
            [np.where(x == 0, -x, x) if c else x for c, x in zip(chosen, arrays, strict=True)]
            for zero, arrays in zip(zeros, inputs, strict=True)
            if zero
        ]
        results = iter(first.run(turned))
        for zero in zeros:
            yield next(results) if zero else None

    return Variant(SIGNS, run)


def _run(variant: Variant, inputs: Sequence[Arrays]) -> Iterator[Any]:
    """The results of each sample; what the function raises says in which variant."""
    try:
        yield from variant.run(inputs)
    except Unavailable:
        raise
    except Exception as error:
        error.add_note(f"in the trial's variant {variant.name!r}")
        raise


def _claims(fn: Callable[..., Any], args: tuple[Any, ...]) -> list[Interval | None] | None:
    """The range that the audit claims of each result, None where it claims none; or None, if it proves nothing."""
    found = audit(fn, *args)
    if not found.proved:
        return None
    ranges = jax.tree.leaves(found.outputs, is_leaf=lambda x: isinstance(x, Interval))
    return [x if isinstance(x, Interval) else None for x in ranges]


def _digest(samples: Sequence[Arrays]) -> str:
    digest = hashlib.sha256()
    for x in (x for results in samples for x in results):
        digest.update(f"{x.dtype.name}{x.shape}".encode())
        digest.update(np.where(_is_zero(x), np.zeros((), x.dtype), x).tobytes())  # 0 and -0 count as the same
    return digest.hexdigest()


def _outside(x: np.ndarray, claim: Interval) -> tuple[int, ...] | None:
    """The place of the first element that is outside, or beside the grid."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        steps = np.ldexp(x.astype(np.float64), -claim.grid)
        low, high = (float(Fraction(end)) for end in (claim.low, claim.high))
        inside = (steps >= low) & (steps <= high) & (steps == np.floor(steps))
    else:
        unit = 1 << max(claim.grid, 0)
        inside = (x >= claim.low * unit) & (x <= claim.high * unit) & (x % unit == 0 if claim.grid > 0 else True)
    return _first(~inside)


def _differs(a: np.ndarray, b: np.ndarray) -> tuple[int, ...] | None:
    """The place of the first element that differs; () if the shapes do."""
    if a.shape != b.shape:
        return ()
    if a.dtype != b.dtype:
        with np.errstate(invalid="ignore"):
            return _first((a != b) & ~((a != a) & (b != b)))
    if a.dtype.kind in "biu":
        return _first(a != b)
    if a.dtype.kind == "c":
        return _first(~_alike(np.real(a), np.real(b)) | ~_alike(np.imag(a), np.imag(b)))
    return _first(~_alike(a, b))


def _alike(a: np.ndarray, b: np.ndarray) -> Any:
    """Where floats have the same bits, or are both a zero."""
    x, y = (np.ascontiguousarray(part).view(f"u{part.dtype.itemsize}").reshape(part.shape) for part in (a, b))
    return (x == y) | (_is_zero(a) & _is_zero(b))


def _is_zero(x: np.ndarray) -> Any:
    with np.errstate(invalid="ignore"):  # of signalling NaNs
        return x == 0


def _first(wrong: Any) -> tuple[int, ...] | None:
    return tuple(int(i) for i in np.argwhere(wrong)[0]) if np.any(wrong) else None


def _text(x: Any) -> str:
    """A number; of a NaN also its bits."""
    if isinstance(x, np.generic) and jnp.issubdtype(x.dtype, jnp.floating):
        with np.errstate(invalid="ignore"):
            if np.isnan(x):
                return f"nan({int(x.view(f'u{x.dtype.itemsize}')):#x})"
    return str(x)


def _compact(x: np.ndarray) -> str:
    """Dtype, shape, and the first and last numbers."""
    flat = x.reshape(-1)
    if flat.size > 1 and flat.tobytes() == flat[:1].tobytes() * flat.size:
        numbers = f"all {_text(flat[0])}"
    elif flat.size <= _SHOWN:
        numbers = " ".join(map(_text, flat))
    else:
        first, last = (" ".join(map(_text, part)) for part in (flat[: _SHOWN // 2], flat[-_SHOWN // 2 :]))
        numbers = f"{first} ... {last}"
    return f"{x.dtype.name}[{','.join(map(str, x.shape))}]: {numbers}"
