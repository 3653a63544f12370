"""Whether a function gives the same numbers with and without x64, where JAX makes int64 of an int of no named dtype.

Both traces are brought to one form, in which dtypes do not count and conversions that keep a number are left out, and
compared: which operations, of which results, with which parameters and known numbers.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from ecjax.exactness.domain import Interval, Range, Refusal, misfit
from ecjax.exactness.jaxprs import is_wrapping, is_x64, kind_of, line_of, open_jaxpr
from ecjax.exactness.proof import Path, Proof

# These give other numbers in another width. All others that have rules give the same, of numbers that fit both.
_TELLING = {"bitcast_convert_type", "clz", "not", "population_count", "reduce_and", "shift_right_logical"}
_ADVICE = "name the dtype, as in jnp.sum(x, dtype=x.dtype)"


class _Operation(NamedTuple):
    """An equation, without what a width may change of it.

    Attributes:
      name: Its primitive.
      operands: The number of the operation that gave each, and which of its results it is; or a known number.
      shapes: Of the results.
      parameters: As far as they are numbers, names and flags.
      kinds: Whether operands and results are integers, floats or truth values.
      dtypes: Of operands and results.
      tells: Whether they tell in the results.
      place: Where it stands; not compared.
      eqn: The equation; not compared.
    """

    name: str
    operands: tuple[Any, ...]
    shapes: tuple[Any, ...]
    parameters: tuple[Any, ...]
    kinds: tuple[str, ...]
    dtypes: tuple[str, ...]
    tells: bool
    place: Path
    eqn: core.JaxprEqn


class _Wrapped(NamedTuple):
    """A value that was converted, and wrapped then, or may have been."""

    dtype: str
    value: Any


class _Form:
    """A trace in the form that is compared.

    Of a trace of which it is known which of its equations wrap, conversions that do are told from others; of another
    all that may.
    """

    def __init__(self, closed: core.ClosedJaxpr, wrapped: Container[Path] | None) -> None:
        self.operations: list[_Operation] = []
        self.wrapped = wrapped
        arguments = [("argument", i) for i in range(len(closed.jaxpr.invars))]
        self.results = self._walk(closed.jaxpr, closed.consts, arguments, (), False)

    def _walk(
        self, jaxpr: core.Jaxpr, consts: Sequence[Any], arguments: Sequence[Any], place: Path, wraps: bool
    ) -> list[Any]:
        known: dict[core.Var, Any] = dict(zip(jaxpr.invars, arguments, strict=True))
        known.update((var, ("known", _number(const, None))) for var, const in zip(jaxpr.constvars, consts, strict=True))

        def read(atom: core.Var | core.Literal) -> Any:
            if isinstance(atom, core.Literal):
                return ("known", _number(atom.val, kind_of(atom.aval).dtype))
            return known[atom]

        for number, eqn in enumerate(jaxpr.eqns):
            operands = [read(x) for x in eqn.invars]
            here = (*place, number)
            if _keeps_numbers(eqn):
                wrapped = here in self.wrapped if self.wrapped is not None else wraps or is_wrapping(eqn)
                dtype = kind_of(eqn.outvars[0].aval).dtype.name
                known[eqn.outvars[0]] = _Wrapped(dtype, operands[0]) if wrapped else operands[0]
                continue
            known.update(zip(eqn.outvars, self._operation(eqn, operands, here, wraps), strict=True))
        return [read(x) for x in jaxpr.outvars]

    def _operation(self, eqn: core.JaxprEqn, operands: list[Any], place: Path, wraps: bool) -> list[Any]:
        inside = wraps or is_wrapping(eqn)
        name = eqn.primitive.name
        kinds = [kind_of(var.aval) for var in (*eqn.invars, *eqn.outvars)]
        tells = (self.wrapped is not None and place in self.wrapped) or name in _TELLING or _is_filled(eqn)
        shapes = tuple(kind_of(var.aval).shape for var in eqn.outvars)
        dtypes = tuple(kind.dtype.name for kind in kinds)
        numbers = tuple(getattr(kind.dtype, "kind", "key").replace("u", "i") for kind in kinds)
        index = len(self.operations)
        parameters = tuple(_parameters(eqn.params))
        self.operations.append(
            _Operation(name, tuple(operands), shapes, parameters, numbers, dtypes, tells, place, eqn)
        )
        for i, (inner, consts) in enumerate(_held(eqn.params)):
            arguments = [("inside", index, i, j) for j in range(len(inner.invars))]
            results = self._walk(inner, consts, arguments, (*place, i), inside)
            # What the inner one gives is a part of the operation.
            made = _Operation("result", tuple(results), (), (), (), (), False, (*place, i), eqn)
            self.operations.append(made)
        return [("result", index, i) for i in range(len(eqn.outvars))]


def other_width(
    fn: Callable[..., Any], structs: Sequence[Any], closed: core.ClosedJaxpr, proof: Proof
) -> list[Refusal]:
    """What may give other numbers of a function with x64 switched over.

    Args:
      fn: The function.
      structs: Its arguments.
      closed: Its trace as x64 is now.
      proof: What was found of that, by the place of each equation.
    """
    x64 = is_x64()
    switched = f"with x64 {'off' if x64 else 'on'}"
    arguments = [
        jax.ShapeDtypeStruct(x.shape, var.aval.dtype) for x, var in zip(structs, closed.jaxpr.invars, strict=True)
    ]
    if x64 and any(_is_wide(x.dtype) for x in arguments):
        return []  # there is no such function without
    with jax.enable_x64(not x64):
        try:
            other = jax.make_jaxpr(fn)(*arguments)
        except Exception:  # of whatever kind: there is no such function then, and so no other numbers
            return []
    if x64 and (found := _beyond_32_bits(closed.jaxpr, proof, ())) is not None:
        return [Refusal("convert_element_type", f"{found[0]} {switched}: {_ADVICE}", line_of(found[1]))]
    mine, theirs = _Form(closed, proof.wrapped), _Form(other, None)
    for a, b in zip(mine.operations, theirs.operations, strict=False):
        if not _are_alike(a, b):
            text = f"{a.name}({', '.join(str(kind_of(x.aval)) for x in a.eqn.invars)})"
            return [Refusal(text, f"it gives other numbers {switched}: {_ADVICE}", line_of(a.eqn))]
        if wide := _too_wide(a, b, proof):
            return [Refusal(a.name, f"{wide} {switched}: {_ADVICE}", line_of(a.eqn))]
    if len(mine.operations) != len(theirs.operations) or not _are_same(mine.results, theirs.results):
        return [Refusal("the function", f"it is another one {switched}: {_ADVICE}", "<unknown line>")]
    return []


def _are_alike(a: _Operation, b: _Operation) -> bool:
    """Whether two operations give the same numbers of the same."""
    same = (a.name, a.shapes, a.parameters, a.kinds) == (b.name, b.shapes, b.parameters, b.kinds)
    return same and _are_same(a.operands, b.operands) and not (a.tells and a.dtypes != b.dtypes)


def _are_same(mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether values are the same, of which mine are known to have wrapped where they did."""
    return len(mine) == len(theirs) and all(map(_is_same, mine, theirs))


def _is_same(a: Any, b: Any) -> bool:
    if isinstance(a, _Wrapped):
        while isinstance(b, _Wrapped):
            if a.dtype == b.dtype and _is_same(a.value, b.value):
                return True
            b = b.value  # that conversion need not have wrapped
        return False
    return _is_same(a, b.value) if isinstance(b, _Wrapped) else a == b


def _too_wide(a: _Operation, b: _Operation, proof: Proof) -> str | None:
    """Why numbers of an operation do not fit what the other trace holds them in, or None if they do."""
    if a.name == "result":
        return None
    ranges: Sequence[Range] = proof.ranges.get(a.place, ())
    for found, mine, theirs in zip(ranges, a.eqn.outvars, b.eqn.outvars, strict=False):
        wider, narrower = kind_of(mine.aval).dtype, kind_of(theirs.aval).dtype
        if wider != narrower and isinstance(found, Interval) and (reason := misfit(found, narrower)):
            return f"a number {reason}, in which it is held"
    return None


def _beyond_32_bits(jaxpr: core.Jaxpr, proof: Proof, place: Path) -> tuple[str, core.JaxprEqn] | None:
    """A conversion to 64 bits, of which there are none without x64, of numbers that need them, and why it is one."""
    for number, eqn in enumerate(jaxpr.eqns):
        here = (*place, number)
        if _keeps_numbers(eqn) and _is_wide(kind_of(eqn.outvars[0].aval).dtype):
            narrower = np.dtype(kind_of(eqn.outvars[0].aval).dtype.name.replace("64", "32"))
            for found in proof.ranges.get(here, ()):
                if isinstance(found, Interval) and (reason := misfit(found, narrower)):
                    return f"a number {reason}, in which it is held", eqn
        for i, (inner, _) in enumerate(_held(eqn.params)):
            if (found := _beyond_32_bits(inner, proof, (*here, i))) is not None:
                return found
    return None


def _is_wide(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "iuf" and dtype.itemsize == 8


def _keeps_numbers(eqn: core.JaxprEqn) -> bool:
    """Whether an equation only converts numbers, so that they stay or wrap."""
    if eqn.primitive.name != "convert_element_type":
        return False
    before, after = (kind_of(var.aval).dtype for var in (*eqn.invars, *eqn.outvars))
    if not isinstance(before, np.dtype) or not isinstance(after, np.dtype):
        return False
    return after != np.bool_ and not (before.kind not in "iub" and after.kind in "iu")


def _is_filled(eqn: core.JaxprEqn) -> bool:
    """Whether a gather may put its dtype's own largest or smallest number in."""
    mode, value = eqn.params.get("mode"), eqn.params.get("fill_value")
    return eqn.primitive.name == "gather" and getattr(mode, "name", "") == "FILL_OR_DROP" and value is None


def _held(params: Mapping[str, Any]) -> Iterator[tuple[core.Jaxpr, Sequence[Any]]]:
    """The jaxprs that an equation holds, in the order of `Proof`'s places, with their constants."""
    for value in params.values():
        for each in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(each, (core.Jaxpr, core.ClosedJaxpr)):
                yield open_jaxpr(each)


def _parameters(params: Mapping[str, Any]) -> Iterator[Any]:
    """What an equation's parameters say, but for dtypes, jaxprs, names and places."""
    for name, value in sorted(params.items()):
        if name not in ("name", "ctx_mesh", "sharding", "out_sharding", "context_mesh", "jvp_jaxpr_fun", "out_trees"):
            yield name, _plain(value)


def _plain(value: Any) -> Any:
    """A parameter as something that can be compared, or None if it is no number, name or flag."""
    if isinstance(value, (bool, str, enum.Enum)) or value is None:
        return value
    if isinstance(value, (int, float, np.generic)) or (isinstance(value, np.ndarray) and value.size <= 1 << 16):
        return _number(value, None)
    if isinstance(value, (tuple, list)):
        return tuple(map(_plain, value))
    return re.sub(r"(u?int|float)\d+", "", str(value)) if hasattr(value, "expand") else None


def _number(x: Any, dtype: Any) -> Any:
    """The number, or the numbers, that something known is, in whatever dtype."""
    if jnp.issubdtype(getattr(x, "dtype", np.float32), jax.dtypes.extended):
        return "a key"
    array = np.asarray(x, dtype)
    if array.ndim == 0:
        if array.dtype.kind in "iub":
            return int(array)
        number = complex(array)
        if number.imag or number != number or not np.isfinite(number.real):
            return str(number)
        return int(number.real) if number.real.is_integer() else number.real
    if array.dtype.kind in "iub":
        return array.shape, array.astype(np.int64).tobytes()
    return array.shape, array.astype(np.complex128).tobytes()
