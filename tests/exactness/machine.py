"""Runs a jaxpr in numpy, element by element exactly, and compares it with what an audit claims of each equation.

What an elementwise operation gets wrong (an overflow, say) only counts once the element is used: it is *spoilt* until a
`where` discards it. Anything else that uses it is a violation, if the audit proved the function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ecjax.exactness.domain import Interval, Kind
from ecjax.exactness.proof import Proof
from ecjax.integers import WRAPPING_SCOPE
from tests.exactness import reference
from tests.exactness.reference import Call, Elements

_CALLS = ("jit", "closed_call", "remat2", "custom_jvp_call", "custom_vjp_call")
_MOVES = ("broadcast_in_dim", "reshape", "squeeze")
_MOST_STEPS = 200  # of a loop, before it is given up


class Violation(AssertionError):
    """Something that was proved is not so."""


class TooLong(Exception):
    """A loop that is not run to its end."""


class Elems(NamedTuple):
    """Elements, and which of them are spoilt."""

    x: Elements
    spoilt: Elements


Place = tuple[int, ...]


def start(x: Elements, dtype: np.dtype) -> Elems:
    x = np.asarray(x).astype(np.float64 if reference.is_float(dtype) else np.int64)
    return Elems(x, np.zeros(x.shape, bool))


def kind_of(aval: Any) -> Kind:
    return Kind(tuple(aval.shape), aval.dtype)


def is_wrapping(eqn: Any) -> bool:
    """Whether an equation stands in a `with wrapping()`."""
    return any(getattr(entry, "name", None) is WRAPPING_SCOPE for entry in eqn.source_info.name_stack.stack)


class Machine:
    """A run of a function that was proved."""

    def __init__(self, proof: Proof) -> None:
        self.ranges = proof.ranges
        self.steps = 0

    def run(self, jaxpr: Any, consts: Sequence[Any], given: Sequence[Elems], place: Place, wraps: bool) -> list[Elems]:
        known = dict(zip(jaxpr.invars, given, strict=True))
        known.update((v, start(c, np.asarray(c).dtype)) for v, c in zip(jaxpr.constvars, consts, strict=True))

        def read(atom: Any) -> Elems:
            return start(atom.val, kind_of(atom.aval).dtype) if hasattr(atom, "val") else known[atom]

        for number, eqn in enumerate(jaxpr.eqns):
            here = (*place, number)
            operands = [read(x) for x in eqn.invars]
            made = self.equation(eqn, operands, here, wraps or is_wrapping(eqn))
            for var, value, claim in zip(eqn.outvars, made, self.ranges.get(here, [None] * len(made)), strict=True):
                known[var] = value
                if isinstance(claim, Interval):
                    _check(eqn, value, claim)
        return [read(x) for x in jaxpr.outvars]

    def equation(self, eqn: Any, operands: list[Elems], here: Place, wraps: bool) -> list[Elems]:
        name, params = eqn.primitive.name, eqn.params
        if name in _CALLS:
            called = next(params[k] for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if k in params)
            return self.run(*_open(called), operands, (*here, 0), wraps)
        if name == "cond":
            index, *operands = _used(eqn, operands)
            branch = min(max(int(index.x), 0), len(params["branches"]) - 1)
            return _used(eqn, self.run(*_open(params["branches"][branch]), operands, (*here, branch), wraps))
        if name == "scan":
            return self.scan(eqn, _used(eqn, operands), here, wraps)
        if name == "while":
            return self.loop(eqn, _used(eqn, operands), here, wraps)
        return self.primitive(eqn, operands, wraps)

    def scan(self, eqn: Any, operands: list[Elems], here: Place, wraps: bool) -> list[Elems]:
        jaxpr, consts = _open(eqn.params["jaxpr"])
        length = eqn.params["length"]
        whole = [len(kind_of(v.aval).shape) == x.x.ndim for v, x in zip(jaxpr.invars, operands, strict=True)]
        rows = [x for x, kept in zip(operands, whole, strict=True) if not kept]
        begin = sum(whole)
        made = [
            len(kind_of(i.aval).shape) == len(kind_of(o.aval).shape)
            for i, o in zip(jaxpr.outvars, eqn.outvars, strict=True)
        ]
        closed, carried = operands[: begin - sum(made)], operands[begin - sum(made) : begin]
        outputs: list[list[Elems]] = []
        order = range(length)[::-1] if eqn.params["reverse"] else range(length)
        for i in order:
            self.count()
            row = [Elems(x.x[i], x.spoilt[i]) for x in rows]
            after = _used(eqn, self.run(jaxpr, consts, [*closed, *carried, *row], (*here, 0), wraps))
            carried = after[: len(carried)]
            outputs.append(after[len(carried) :])
        outputs = outputs[::-1] if eqn.params["reverse"] else outputs
        stacked = [np.stack([o[k].x for o in outputs]) for k in range(len(eqn.outvars) - len(carried))]
        return [*carried, *(Elems(x, np.zeros(x.shape, bool)) for x in stacked)]

    def loop(self, eqn: Any, operands: list[Elems], here: Place, wraps: bool) -> list[Elems]:
        p = eqn.params
        begin = p["cond_nconsts"]
        end = begin + p["body_nconsts"]
        mine, theirs, carried = operands[:begin], operands[begin:end], operands[end:]
        while True:
            self.count()
            (again,) = _used(eqn, self.run(*_open(p["cond_jaxpr"]), [*mine, *carried], (*here, 0), wraps))
            if not again.x:
                return carried
            carried = _used(eqn, self.run(*_open(p["body_jaxpr"]), [*theirs, *carried], (*here, 1), wraps))

    def count(self) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise TooLong

    def primitive(self, eqn: Any, operands: list[Elems], wraps: bool) -> list[Elems]:
        name = eqn.primitive.name
        call = Call(eqn.params, [kind_of(v.aval) for v in eqn.invars], [kind_of(v.aval) for v in eqn.outvars])
        lazy = name in reference.ELEMENTWISE or name in _MOVES
        if not lazy or name == "ecjax_declare":
            operands = _used(eqn, operands)
        elementwise = name in reference.ELEMENTWISE
        arrays = [x.x for x in operands]
        if elementwise and name != "select_n":
            arrays = list(np.broadcast_arrays(*arrays))
        with np.errstate(all="ignore"):
            values, undefined = reference.apply(name, call, arrays)
            wide = _wide(name, call, arrays)
        found = []
        for x, wrong, kind in zip(values, undefined, call.results, strict=True):
            whole = not reference.is_float(kind.dtype)
            unfit = ~reference.fits(x, kind.dtype) | wide
            if wraps and whole:
                unfit = np.zeros(x.shape, bool)
            if not whole and (parts := _partial(name, call, arrays)) is not None:
                unfit = unfit | ~reference.fits(parts, kind.dtype).all()
            spoilt = wrong | unfit
            if lazy:
                spoilt = spoilt | _spoilt(name, call, operands, arrays)
            elif spoilt.any():
                raise Violation(f"{eqn}: undefined or too large: {arrays} -> {x}")
            found.append(Elems(reference.wrapped(x, kind.dtype) if whole else x, np.broadcast_to(spoilt, x.shape)))
        return found


def _wide(name: str, call: Call, arrays: list[Elements]) -> Any:
    """Where a product of integers leaves int64, in which it is worked out."""
    if not arrays or arrays[0].dtype.kind != "i":
        return False
    if name == "mul":
        return abs(arrays[0].astype(float) * arrays[1].astype(float)) > 2.0**62
    if name == "shift_left":
        return abs(arrays[0].astype(float)) * 2.0 ** np.clip(arrays[1], 0, 63) > 2.0**62
    if name in ("reduce_prod", "cumprod"):
        return bool(np.prod(np.maximum(abs(arrays[0].astype(float)), 1)) > 2.0**62)
    if name == "square":
        return abs(arrays[0].astype(float)) > 2.0**31
    if name == "integer_pow":
        return abs(arrays[0].astype(float)) ** abs(call.params["y"]) > 2.0**62
    return False


def _partial(name: str, call: Call, arrays: list[Elements]) -> Elements | None:
    """Of sums of floats, what the terms above 0 and those below make by themselves."""
    if name == "reduce_sum":
        axes = tuple(call.params["axes"])
        return np.stack([np.maximum(arrays[0], 0).sum(axes), np.minimum(arrays[0], 0).sum(axes)])
    if name == "cumsum":
        axis = call.params["axis"]
        return np.stack([np.maximum(arrays[0], 0).sum(axis), np.minimum(arrays[0], 0).sum(axis)])
    if name == "dot_general":
        return np.stack([reference.apply(name, call, [abs(x) for x in arrays])[0][0]])
    return None


def _spoilt(name: str, call: Call, operands: list[Elems], arrays: list[Elements]) -> Elements:
    if name in _MOVES:
        ((moved,), _) = reference.apply(name, call, [operands[0].spoilt.astype(np.int64)])
        return moved != 0
    if name == "select_n":
        which, *cases = operands
        ((chosen,), _) = reference.apply(name, call, [which.x, *(x.spoilt.astype(np.int64) for x in cases)])
        return (chosen != 0) | which.spoilt
    found = np.zeros(arrays[0].shape, bool)
    for x in operands:
        found = found | x.spoilt
    return found


def _used(eqn: Any, operands: Sequence[Elems]) -> list[Elems]:
    for x in operands:
        if x.spoilt.any():
            raise Violation(f"{eqn.primitive.name} uses what is spoilt: {x}")
    return list(operands)


def _check(eqn: Any, value: Elems, claim: Interval) -> None:
    unit = 2.0**claim.grid
    sound = value.x[~value.spoilt]
    inside = (sound >= claim.low * unit) & (sound <= claim.high * unit)
    if claim.grid:
        inside &= sound / unit == np.floor(sound / unit)
    if not inside.all():
        raise Violation(f"{eqn}: {sound} is not in {claim}")


def _open(jaxpr: Any) -> tuple[Any, Sequence[Any]]:
    return (jaxpr.jaxpr, jaxpr.consts) if hasattr(jaxpr, "consts") else (jaxpr, ())
