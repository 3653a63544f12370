"""Whether a function gives the same numbers with and without x64, where JAX makes int64 of an int of no named dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core

from ecjax.exactness.domain import Refusal
from ecjax.exactness.jaxprs import is_wrapping, is_x64, kind_of, line_of

# These give other numbers in another width. All others that have rules give the same, of numbers that fit both.
_TELLING = {"bitcast_convert_type", "clz", "not", "population_count", "shift_right_logical"}


_WRAPPING = {
    *("abs", "add", "conv_general_dilated", "cumprod", "cumsum", "dot_general", "integer_pow", "mul", "neg", "psum"),
    *("reduce_prod", "reduce_sum", "reduce_window_sum", "scatter-add", "scatter-mul", "scatter-sub", "shift_left"),
    *("square", "sub"),
}
"""These may wrap where it is declared, and then at another number."""
_NUMBERS = ("fill_value", "low", "high", "y")
"""Parameters that are numbers."""


class _Operation(NamedTuple):
    """What a width may change of an equation."""

    name: str
    dtypes: tuple[str, ...]
    literals: tuple[Any, ...]
    eqn: core.JaxprEqn


def other_width(fn: Callable[..., Any], structs: Sequence[Any], closed: core.ClosedJaxpr) -> list[Refusal]:
    """What may give other numbers of a function with x64 switched over, of which `closed` is the trace as it is."""
    jaxpr = closed.jaxpr
    x64 = is_x64()
    switched = f"with x64 {'off' if x64 else 'on'}"
    arguments = [jax.ShapeDtypeStruct(x.shape, var.aval.dtype) for x, var in zip(structs, jaxpr.invars, strict=True)]
    if x64 and any(jax.dtypes.canonicalize_dtype(x.dtype) != x.dtype for x in arguments if _is_plain(x.dtype)):
        return []  # an argument of 64 bits: there is no such function without
    with jax.enable_x64(not x64):
        try:
            other = jax.make_jaxpr(fn)(*arguments)
        except Exception:  # of whatever kind: there is no such function then, and so no other numbers
            return []
    mine, theirs = list(_operations(jaxpr, False)), list(_operations(other.jaxpr, False))
    for a, b in zip(mine, theirs, strict=False):
        if a[:3] == b[:3]:
            continue
        reason = f"it gives other numbers {switched}: name the dtype, as in jnp.sum(x, dtype=x.dtype)"
        return [Refusal(f"{a.name}({', '.join(a.dtypes)})", reason, line_of(a.eqn))]
    if not _same_constants(closed.consts, other.consts):
        return [Refusal("the function", f"it closes over other numbers {switched}: name their dtype", "<unknown line>")]
    if len(mine) != len(theirs):
        longer = max(mine, theirs, key=len)
        eqn = longer[min(len(mine), len(theirs))].eqn
        return [Refusal(eqn.primitive.name, f"the function is another one {switched}: name the dtypes", line_of(eqn))]
    return []


def _same_constants(mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether constants are the same numbers, in whatever dtypes."""
    plain = [[np.asarray(x) for x in consts if _is_plain(getattr(x, "dtype", None))] for consts in (mine, theirs)]
    return len(plain[0]) == len(plain[1]) and all(
        a is b or (a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f"))
        for a, b in zip(*plain, strict=True)
    )


def _is_plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype)


def _operations(jaxpr: core.Jaxpr, wraps: bool) -> Iterator[_Operation]:
    """What is computed, without what only converts or calls."""
    for eqn in jaxpr.eqns:
        inside = wraps or is_wrapping(eqn)
        name = eqn.primitive.name
        literals = tuple(_number(x.val, kind_of(x.aval).dtype) for x in eqn.invars if isinstance(x, core.Literal))
        literals += tuple(_number(x, None) for x in map(eqn.params.get, _NUMBERS) if x is not None)
        if inner := list(core.jaxprs_in_params(eqn.params)):
            yield _Operation(name, (), literals, eqn)
        elif name != "convert_element_type" or any(isinstance(x, float) for x in literals):
            dtypes = tuple(kind_of(var.aval).dtype.name for var in (*eqn.invars, *eqn.outvars))
            tells = (inside and name in _WRAPPING) or name in _TELLING or _is_filled(eqn)
            yield _Operation(name, dtypes if tells else (), literals, eqn)
        for each in inner:
            yield from _operations(each, inside)


def _is_filled(eqn: core.JaxprEqn) -> bool:
    """Whether a gather may put its dtype's own largest or smallest number in."""
    mode, value = eqn.params.get("mode"), eqn.params.get("fill_value")
    return eqn.primitive.name == "gather" and getattr(mode, "name", "") == "FILL_OR_DROP" and value is None


def _number(x: Any, dtype: Any) -> Any:
    """The number that a literal is in its dtype."""
    array = np.asarray(x, dtype)
    if array.dtype.kind in "iub":
        return int(array) if array.ndim == 0 else array.tolist()
    try:
        number = float(array)
    except (TypeError, ValueError):
        return str(array)
    return "nan" if np.isnan(number) else int(number) if number.is_integer() else number
