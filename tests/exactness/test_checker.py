"""The second opinion: faults of the search that it finds, and proofs that were tampered with."""

from __future__ import annotations

import ast
import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import pytest

import ecjax.exactness.audit  # noqa: F401
from ecjax.exactness import (
    Interval,
    Refusal,
    Unknown,
    checker,
    checker_facts,
    conditions,
    control,
    interpreter,
    invariants,
)
from ecjax.exactness.audit import Audit
from ecjax.exactness.checker import check
from ecjax.exactness.proof import Invariant, Proof
from ecjax.exactness.rules.backward import OPPOSITE
from tests.exactness.cases import array, case, floats, i32, ints, u32, words
from tests.exactness.unsound import UNSOUND

AUDIT = sys.modules["ecjax.exactness.audit"]  # of the package's attributes the function hides the module
PACKAGE = Path(str(checker.__file__)).parent


def audited(fn: Callable[..., Any], *args: Any) -> Audit:
    return case(fn, *args).audit()


# What it is made of.


def imports(name: str) -> set[str]:
    """The modules of the package that a module of it imports, directly."""
    path = PACKAGE.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{x.name}" for x in node.names)}
        elif isinstance(node, ast.Import):
            found |= {x.name for x in node.names}
    inside = {x.removeprefix("ecjax.exactness.") for x in found if x.startswith("ecjax.exactness.")}
    return {x for x in inside if (PACKAGE / f"{x.replace('.', '/')}.py").exists() or (PACKAGE / x).is_dir()}


def test_it_shares_no_code_with_the_search() -> None:
    seen, left = set(), {"checker"}
    while left:
        seen |= left
        left = set().union(*map(imports, left)) - seen
    assert {"rules", "rules.control", "checker_facts", "checker_loops", "relations", "jaxprs"} <= seen
    assert not seen & {"interpreter", "control", "invariants", "conditions", "audit", "trial"}
    assert {"interpreter", "control"} <= imports("audit")  # such are found


# Faults of the search.


Patch = pytest.MonkeyPatch


def any_range_is_kept(patch: Patch) -> None:
    patch.setattr(invariants, "within_range", lambda inner, outer: True)


def any_invariant_is_inductive(patch: Patch) -> None:
    patch.setattr(invariants.Loop, "_inductive", lambda self, turn: True)


def what_is_pending_is_dropped(patch: Patch) -> None:
    patch.setattr(interpreter.Interpreter, "use", lambda self, values: [x.used() for x in values])


def nothing_is_reported(patch: Patch) -> None:
    patch.setattr(interpreter.Interpreter, "report", lambda self, refusals: None)


def the_opposite_is_learnt(patch: Patch) -> None:
    right = conditions.learn

    def learn(d: Any, dtype: Any, new: Interval) -> Any:
        compares = d.step.name in OPPOSITE and new.single
        return right(d, dtype, Interval(1 - new.low, 1 - new.low) if compares else new)

    patch.setattr(conditions, "learn", learn)


def a_where_sees_the_other_case(patch: Patch) -> None:
    right = conditions.under
    patch.setattr(conditions, "under", lambda value, number, x: right(value, 1 - number, x))


def a_branch_sees_the_other_condition(patch: Patch) -> None:
    right = control.under
    patch.setattr(control, "under", lambda value, number, x: right(value, 1 - number, x))


def operands_are_forgotten(patch: Patch) -> None:
    right = interpreter.Interpreter._primitive
    first: dict[str, Any] = {}

    def primitive(self: Any, step: Any, operands: Any) -> Any:
        return first.setdefault(step.name, right(self, step, operands))

    patch.setattr(interpreter.Interpreter, "_primitive", primitive)


def a_step_adds_nothing(patch: Patch) -> None:
    patch.setattr(invariants, "increment", lambda after, before: Interval(0, 0))


def a_scan_has_one_step(patch: Patch) -> None:
    right = invariants.up_to
    patch.setattr(invariants, "up_to", lambda x, n: right(x, min(n, 1)))


def only_the_first_branch_counts(patch: Patch) -> None:
    patch.setattr(control, "join", lambda first, *others: first)


def a_loop_ends_while_its_condition_holds(patch: Patch) -> None:
    right = control.Condition
    patch.setattr(control, "Condition", lambda value, number: right(value, 1))


def one_case_stands_for_all(patch: Patch) -> None:
    right = conditions.by_cases

    def by_cases(step: Any, operands: Any, pivot: Any) -> Any:
        low = dataclasses.replace(pivot, range=Interval(pivot.range.low, pivot.range.low), original=pivot.identity)
        return right(step, [low if x is pivot else x for x in operands], low)

    patch.setattr(conditions, "by_cases", by_cases)
    patch.setattr(interpreter, "by_cases", by_cases)


def a_difference_need_not_hold_at_first(patch: Patch) -> None:
    patch.setattr(invariants.Loop, "_candidates", lambda self: frozenset({(0, 1, 0)}))
    patch.setattr(invariants.Loop, "_hold_at_first", lambda self: True)


def sums_over_a_loop(x: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda c, y: (c + y, None), jnp.int32(0), x)[0]


def doubled(n: jax.Array) -> jax.Array:
    return jax.lax.fori_loop(0, n, lambda _, x: x + x, jnp.int32(1))


def differences(x: jax.Array, y: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda c, _: ((c[0] + 0, c[1] + 0, c[0] - c[1]), None), (x, y, x & 0), length=3)[0][2]


def up_to_ten(n: jax.Array) -> jax.Array:
    return 10 - jax.lax.while_loop(lambda c: c < 10, lambda c: c + 3, n)


FAULTS: list[tuple[Callable[[Patch], None], Callable[..., Any], tuple[Any, ...]]] = [
    (any_range_is_kept, doubled, (ints(0, 99),)),
    (any_invariant_is_inductive, doubled, (ints(0, 99),)),
    (what_is_pending_is_dropped, lambda x: x + 1, (i32(3),)),
    (nothing_is_reported, lambda x: jnp.cumsum(x), (i32(3),)),
    (the_opposite_is_learnt, lambda x, y: jnp.where(x < y, x - y, x), (u32(3), u32(3))),
    (a_where_sees_the_other_case, lambda x: jnp.where(x < 7, x - 7, x), (u32(3),)),
    (a_branch_sees_the_other_condition, lambda x: jax.lax.cond(x < 7, lambda x: x - 7, lambda x: x, x), (u32(),)),
    (operands_are_forgotten, lambda x, y: (x + 1, y + 1), (ints(0, 1), i32())),
    (a_step_adds_nothing, sums_over_a_loop, (ints(0, (1 << 30) - 1, 3),)),
    (a_scan_has_one_step, sums_over_a_loop, (ints(0, (1 << 30) - 1, 3),)),
    (only_the_first_branch_counts, lambda x: jax.lax.cond(x > 0, lambda: 1 << 30, lambda: 1) + (1 << 30), (i32(),)),
    (a_loop_ends_while_its_condition_holds, up_to_ten, (words(0, 5),)),
    (one_case_stands_for_all, lambda x: x << x, (ints(0, 31),)),
    (a_difference_need_not_hold_at_first, differences, (u32(), u32())),
]


@pytest.mark.parametrize("fault, fn, args", FAULTS, ids=[fault.__name__ for fault, *_ in FAULTS])
def test_a_fault_of_the_search_is_found(
    fault: Callable[[Patch], None], fn: Callable[..., Any], args: tuple[Any, ...], monkeypatch: Patch
) -> None:
    with monkeypatch.context() as alone:
        alone.setattr(AUDIT, "check", lambda *_: [])
        assert not audited(fn, *args).proved
        fault(monkeypatch)
        assert audited(fn, *args).proved
    found = audited(fn, *args)
    assert not found.proved
    assert all(r.reason.startswith("the checker") for r in found.refusals)
    assert any(r.where.startswith(f"{__file__}:") for r in found.refusals)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNSOUND)
def test_what_is_not_exact_is_refused_without_the_search(name: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(AUDIT, "other_width", lambda *_: [])  # which is of the trace, and none of the two
    try:
        both = UNSOUND[name]().audit().proved
        nothing_is_reported(monkeypatch)
        assert UNSOUND[name]().audit().proved == both
    except ValueError:  # there are no such arguments
        return


INEXACT: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "a reason of two": (lambda x: jnp.where((x < 3) | (x > 12), 5 - x, 0), (words(0, 20, 3),)),
    "the other reason of two": (lambda x: jnp.where((x > 12) | (x < 3), 5 - x, 0), (words(0, 20, 3),)),
    "numbers for a reason": (lambda x: 4 - jnp.where((x < 3) | (x > 12), x, 0), (words(0, 20, 3),)),
    "numbers for the other reason": (lambda x: 4 - jnp.where((x > 12) | (x < 3), x, 0), (words(0, 20, 3),)),
    "a case seen in fewer places": (
        lambda b, x: jnp.where(x >= 3, jnp.where(b, x - 7, x), 0),
        (array(jnp.bool_, 3), u32(3)),
    ),
    "a predicate seen in fewer places": (
        lambda x: jnp.where(x >= 3, jnp.where(x - 7 > 2, x, 1), 0),
        (u32(3),),
    ),
    "a difference of 0": (lambda x, y: 9 // jnp.where(x >= y, x - y, 5), (u32(3), u32(3))),
    "a predicate from outside": (lambda i, x: jax.lax.select_n(i, x, x), (ints(0, 2, 3), i32(3))),
    "a shift count": (lambda x: (x & 1) << x, (words(0, 32, 3),)),
    "a difference of floats": (
        lambda x, y: jnp.where(x - 2.0**24 >= y, x - 2.0**24 - y, 0),
        (floats((1 << 24) - 8, 1 << 24), floats(-4, -2)),
    ),
}


@pytest.mark.parametrize("what", INEXACT)
def test_what_is_nearly_exact_is_refused_without_the_search(what: str, monkeypatch: Patch) -> None:
    fn, args = INEXACT[what]
    nothing_is_reported(monkeypatch)
    assert not audited(fn, *args).proved


# Proofs that were tampered with.


Checked = tuple[Any, list[Any], Proof, list[Any]]


@pytest.fixture
def given(monkeypatch: Patch) -> Callable[..., Checked]:
    """A function that gives what the checker is given for another one, which it verifies."""

    def of(fn: Callable[..., Any], *args: Any) -> Checked:
        calls: list[Any] = []

        def checked(*given: Any) -> list[Refusal]:
            calls.append(given[:4])
            return check(*given)

        monkeypatch.setattr(AUDIT, "check", checked)
        audited(fn, *args).check()
        return calls[-1]

    return of


def smaller(x: Any) -> Iterator[Any]:
    """Ranges that are a step smaller at one end."""
    if isinstance(x, Interval) and not x.single:
        yield x._replace(low=x.low + 1)
        yield x._replace(high=x.high - 1)


def with_ranges_smaller(ranges: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for i, x in enumerate(ranges):
        yield from ((*ranges[:i], y, *ranges[i + 1 :]) for y in smaller(x))


def everything(x: jax.Array, n: jax.Array) -> Any:
    """Loops of each kind, a branch and a call."""
    counted = jax.lax.scan(lambda c, y: (jnp.where(y > 3, c + y + (y & 1), c), c), jnp.int32(0), x)
    clipped = jax.lax.fori_loop(0, n, lambda i, c: jnp.minimum(c + i, 99), jnp.int32(0))
    ended = jax.lax.while_loop(lambda c: c < n, lambda c: c + 3, jnp.int32(0))
    branch = jax.lax.cond(n > 5, lambda n: n - 6, lambda n: 6 - n, n)
    return counted, clipped, ended, branch, jax.jit(lambda x: x + 1)(x), jnp.where(x > 2, x - 3, x)


EVERYTHING = (everything, ints(0, 5, 4), ints(0, 20))


@pytest.mark.slow
def test_a_smaller_range_is_not_verified(given: Callable[..., Checked]) -> None:
    closed, arguments, proof, outputs = given(*EVERYTHING)
    tried = 0
    for place, ranges in proof.ranges.items():
        for other in with_ranges_smaller(ranges):
            tampered = dataclasses.replace(proof, ranges={**proof.ranges, place: other})
            assert check(closed, arguments, tampered, outputs), (place, other)
            tried += 1
    assert tried > 40
    for other in with_ranges_smaller(tuple(outputs)):
        assert check(closed, arguments, proof, list(other)), other
    missing = {place: ranges for place, ranges in proof.ranges.items() if place != next(iter(proof.ranges))}
    assert check(closed, arguments, dataclasses.replace(proof, ranges=missing), outputs)


@pytest.mark.slow
def test_a_smaller_invariant_is_not_verified(given: Callable[..., Checked]) -> None:
    closed, arguments, proof, outputs = given(*EVERYTHING)
    assert len(proof.invariants) == 3

    def verified(place: Any, other: Invariant) -> bool:
        invariants = {**proof.invariants, place: other}
        return not check(closed, arguments, dataclasses.replace(proof, invariants=invariants), outputs)

    tried = 0
    for place, found in proof.invariants.items():
        assert verified(place, found)
        for ranges in with_ranges_smaller(found.ranges):
            assert not verified(place, dataclasses.replace(found, ranges=ranges)), (place, ranges)
            tried += 1
        for i, step in found.steps.items():
            for other in smaller(step):
                assert not verified(place, dataclasses.replace(found, steps={**found.steps, i: other}))
                tried += 1
        assert not verified(place, dataclasses.replace(found, ranges=found.ranges[1:]))
        assert not verified(place, dataclasses.replace(found, steps={9: Interval(0, 0)}))
        assert not verified(place, dataclasses.replace(found, ranges=tuple(Interval(0, 1 << 40) for _ in found.ranges)))
    assert tried > 8
    assert check(closed, arguments, dataclasses.replace(proof, invariants={}), outputs)


def test_an_invariant_of_another_kind_is_not_verified(given: Callable[..., Checked]) -> None:
    def verified(other: Callable[[Invariant], Invariant]) -> bool:
        (place,) = proof.invariants
        return not check(
            closed, arguments, dataclasses.replace(proof, invariants={place: other(proof.invariants[place])}), outputs
        )

    kept = lambda x: jax.lax.scan(lambda c, y: (jnp.where(y > 1, c, 3), None), jnp.int32(0), x)[0]
    closed, arguments, proof, outputs = given(kept, ints(0, 9, 3))
    zero = Interval(0, 0)
    assert verified(lambda x: x) and not verified(lambda x: Invariant((zero,), {0: zero}))
    low_bits = lambda x: jax.lax.scan(lambda c, _: (c & 3, None), x, length=3)[0]
    closed, arguments, proof, outputs = given(low_bits, ints(0, 3))
    assert verified(lambda x: x) and not verified(lambda x: Invariant((Interval(0, 1 << 40),)))
    assert not verified(lambda x: Invariant((Unknown(),)))


def test_a_loop_of_no_steps_gives_what_it_began_with() -> None:
    never = lambda x: jax.lax.scan(lambda c, _: (jnp.minimum(c * 2, 99), None), x, length=0)[0]
    assert audited(never, ints(0, 5)).check().outputs == Interval(0, 5)


def test_a_difference_that_is_said_to_hold_is_not_verified_unless_it_does(given: Callable[..., Checked]) -> None:
    kept = lambda x: jax.lax.scan(lambda c, _: ((c[0] + 2, c[1] + 1), c[0]), (x, x), length=3)
    closed, arguments, proof, outputs = given(kept, ints(0, 9))

    def verified(*differences: tuple[int, int, int]) -> bool:
        (place,) = proof.invariants
        other = dataclasses.replace(proof.invariants[place], differences=frozenset(differences))
        return not check(closed, arguments, dataclasses.replace(proof, invariants={place: other}), outputs)

    assert verified() and verified((0, 1, 0))
    assert not verified((0, 1, 1))  # not at first
    assert not verified((1, 0, 0))  # not kept
    assert not verified((0, 1, 0), (1, 0, 0))
    assert not verified((0, -1, 0)) and not verified((0, 2, 0))


# Of floats, what a compiler may add or multiply first. XLA does so on CPUs: jit gives other numbers of each of these.

NEAR = floats((1 << 24) - 5, 1 << 24)
HALF = 2.0**23


def three_steps(x: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda c, _: (c - 1, None), x - 2 * HALF, length=3, unroll=3)[0]


def two_steps_and_more(x: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda c, _: (c - HALF, None), x, length=2, unroll=2)[0] - 1


def one_step(x: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda c, _: (jnp.maximum(c, 2 * HALF - 5) - 2 * HALF, None), x, length=1)[0] - 1


def a_branch(x: jax.Array) -> jax.Array:
    return jax.lax.cond(True, lambda x: x - 2 * HALF, lambda x: x - 2 * HALF + 1, x) - 1


def a_product(x: jax.Array) -> jax.Array:
    return jax.lax.cond(True, lambda x: x * 2.0**64, lambda x: x, x) * 2.0**64


def hidden(x: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda c, _: (jnp.clip(c, 0, 5) - HALF + HALF, None), x, length=1)[0] + (2 * HALF - 5)


SUMMED = [(fn, NEAR) for fn in (three_steps, two_steps_and_more, one_step, a_branch)]
SUMMED.append((hidden, floats(0, 5)))
SUMMED.append((a_product, floats(0, 2.0**-60, step=2.0**-70)))


@pytest.mark.parametrize("fn, arg", SUMMED, ids=[fn.__name__ for fn, _ in SUMMED])
def test_what_may_be_added_first_is_seen_through_loops_and_branches(
    fn: Callable[..., Any], arg: Any, monkeypatch: Patch
) -> None:
    assert not audited(fn, arg).proved
    nothing_is_reported(monkeypatch)
    assert not audited(fn, arg).proved


def test_floats_in_loops_are_verified() -> None:
    n = floats(0, 100)
    assert audited(lambda n: jax.lax.while_loop(lambda c: c < n, lambda c: c + 1, 0.0), n).check()
    assert audited(lambda x: jax.lax.fori_loop(0, 9, lambda _, c: c - 1, x), n).check()
    assert audited(lambda x: jax.lax.scan(lambda c, y: (c + y, c), 1.0, x), floats(-9, 9, 9)).check()
    assert audited(lambda x: jax.lax.scan(lambda c, _: (jnp.minimum(c * 2, 50), None), x, length=3), n).check()
    assert audited(lambda x: jax.lax.scan(lambda c, y: (c + y + 0.5, c), 0.0, x), floats(-9, 9, 9)).check()
    moved = lambda x: jax.lax.scan(lambda c, y: (y, c), x[0], x)
    assert audited(moved, array(jnp.float32, 3)).check()
    assert not audited(lambda x: moved(x)[0] + 1, array(jnp.float32, 3)).proved


# Facts.


def test_a_fact_reaches_what_is_broadcast() -> None:
    rows = lambda x, y: jnp.where((x > 2)[:, None] & (y[None] > 1), x[:, None] - 3 + (y - 2)[None], 0)
    assert audited(rows, words(0, 9, 3), words(0, 9, 4)).check()
    assert not audited(lambda x, y: rows(x + 0, y) + (x - 1), words(0, 9, 3), words(0, 9, 3)).proved
    either = lambda x: jnp.where((x < 3) | (x > 12), x, 13) - jnp.where((x > 2) & (x < 13), 1, 0)
    assert audited(either, words(0, 20, 3)).check()


def test_branches_of_an_index_that_may_be_outside_know_nothing_of_it() -> None:
    switch = jax.make_jaxpr(lambda i: jax.lax.switch(i, [lambda i: 5 // (i + 1), lambda i: i], i))(0)
    (branches,) = [eqn.params["branches"] for eqn in switch.eqns if eqn.primitive.name == "cond"]
    (cond,) = [eqn.primitive for eqn in switch.eqns if eqn.primitive.name == "cond"]
    fn = lambda i: cond.bind(i, i, branches=branches)[0]
    for low, proved in ((0, True), (-1, False)):
        closed = jax.make_jaxpr(fn)(0)
        claims = Proof()
        found = check(closed, [Interval(low, 1)], claims, [Interval(-9, 9)])
        assert any("divisor may be 0" in r.reason for r in found) != proved


def test_parameters_that_are_not_known_are_refused(given: Callable[..., Checked]) -> None:
    closed, *rest = cast(tuple[Any, ...], given(lambda x: jax.jit(lambda x: x & 1)(x), i32(3)))
    (eqn,) = closed.jaxpr.eqns
    other = closed.jaxpr.replace(eqns=[eqn.replace(params={**eqn.params, "fast": True})])
    assert not check(closed, *rest)
    assert [r.reason for r in check(closed.replace(jaxpr=other), *rest) if "parameter fast" in r.reason]


def test_a_view_goes_through_what_keeps_the_order_of_elements() -> None:
    closed = jax.make_jaxpr(lambda x: jax.lax.broadcast_in_dim(x.reshape(3, 1), (2, 3, 4), (1, 2)))(jnp.arange(3))
    x = checker.bare(checker.kind_of(closed.jaxpr.invars[0].aval), Interval(0, 2))
    (result,) = checker._Checker(Proof()).walk(closed.jaxpr, (), [x], checker._Place())
    assert checker_facts._base(result, checker_facts.plain(result)) == (x, (1,))
