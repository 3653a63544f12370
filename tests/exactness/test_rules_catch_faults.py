"""Faults put into the rules on purpose, each of which the exhaustive tests find.

A fault replaces one rule, or one function that rules use; then a problem of `tests/exactness/problems.py` must have a
violation (or another check of this folder must fail). Without the fault there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecjax.exactness import known, relations, rules
from ecjax.exactness.domain import Interval, join, total
from ecjax.exactness.rules import backward, bits, elementwise, indexing, movement, reductions
from ecjax.exactness.rules.backward import Fact
from tests.exactness import test_backward, test_relations, test_rules
from tests.exactness.brute import violations
from tests.exactness.problems import PROBLEMS
from tests.strategies import annotations_unchecked

Rule = Callable[..., Any]


def _remainder_of_any_sign(step: Any, a: Any, b: Any) -> Any:
    """The sign of a remainder taken to be the divisor's."""
    found = RIGHT["rem"](step, a, b)
    return Interval(0, found.high) if b.interval.low > 0 and not step.reasons else found


def _quotient_without_zero(step: Any, a: Any, b: Any) -> Any:
    """The quotients of the ends only: `-3 // 5` and `3 // 5` have 0 between them."""
    if (reason := elementwise._indivisible(step, a, b)) is not None:
        return step.give_up(reason)
    return elementwise.hull(elementwise.quotient(x, y) for x in a.interval[:2] for y in b.interval[:1])


def _shift_with_swapped_bounds(step: Any, a: Any, count: Any) -> Any:
    counts, x = bits.counts_of(step, count), a.interval
    if x.low < 0:
        return RIGHT["shift_right_logical"](step, a, count)
    return Interval(x.low >> counts.low, x.high >> counts.low)


def _fill_of_any_dtype(step: Any) -> Any:
    """The fill value as it was given, and not as the dtype holds it: -1 of uint8."""
    n = int(step.params["fill_value"])
    return Interval(n, n)


def _one_update_only(step: Any, a: Any, indices: Any, updates: Any) -> Any:
    indexing._targets(step, a, indices, updates)
    return step.fit(total(a.interval, reductions.up_to(updates.interval, 1)), "the sum")


def _cumulative_sums_of_all(step: Any, a: Any) -> Any:
    """As if each sum were of all terms."""
    found = RIGHT["cumsum"](step, a)
    n = a.kind.shape[step.params["axis"]]
    return reductions.times(a.interval, n) if isinstance(found, Interval) and not step.reasons else found


def _product_of_positive(step: Any, a: Any) -> Any:
    found = RIGHT["reduce_prod"](step, a)
    return Interval(0, found.high, found.grid) if isinstance(found, Interval) and not step.reasons else found


def _absolute_of_ends(step: Any, a: Any) -> Any:
    x = a.interval
    return step.fit(Interval(min(abs(x.low), abs(x.high)), x.magnitude, x.grid))


def _and_of_both(step: Any, a: Any, b: Any) -> Any:
    """The first operand taken to bound the result, of whatever sign."""
    return Interval(0, max(a.interval.high, 0))


def _or_without_carry(step: Any, a: Any, b: Any) -> Any:
    x, y = a.interval, b.interval
    return Interval(max(x.low, y.low), max(x.high, y.high)) if min(x.low, y.low) >= 0 else RIGHT["or"](step, a, b)


def _clz_of_ends(step: Any, a: Any) -> Any:
    found = RIGHT["clz"](step, a)
    return Interval(found.low, found.low)


def _padding_is_none(step: Any, a: Any, padding: Any) -> Any:
    return a.range


def _select_without_last(step: Any, which: Any, *cases: Any) -> Any:
    movement.select(step, which, *cases)
    numbers = which.interval
    chosen = cases[max(numbers.low, 0) : max(numbers.high, 1)]
    return join(*(x.range for x in chosen))


def _floor_towards_zero(step: Any, a: Any) -> Any:
    return elementwise.whole(a.interval, elementwise._truncate)


def _sum_without_orders(step: Any, a: Any, b: Any) -> Any:
    return step.fit(elementwise.total(a.interval, b.interval), "the sum")


def _windows_of_one(step: Any, a: Any) -> Any:
    return step.fit(reductions.up_to(a.interval, 1), "the sum")


def _window_never_empty(step: Any, a: Any) -> Any:
    return a.range


def _stable_or_not(step: Any, *operands: Any) -> Any:
    return [x.range for x in operands]


def _conversion_to_narrower(step: Any, a: Any) -> Any:
    return a.interval if a.interval.grid == 0 else RIGHT["convert_element_type"](step, a)


def _power_of_ends(step: Any, a: Any) -> Any:
    y, x = step.params["y"], a.interval
    if y < 0 or x.grid:
        return RIGHT["integer_pow"](step, a)
    return step.fit(elementwise.hull(n**y for n in (x.low, x.high)))


RIGHT: dict[str, Rule] = {name: rule.conclude for name, rule in rules.RULES.items()}

FAULTS: dict[str, Rule] = {
    "rem": _remainder_of_any_sign,
    "div": _quotient_without_zero,
    "shift_right_logical": _shift_with_swapped_bounds,
    "scatter-add": _one_update_only,
    "cumsum": _cumulative_sums_of_all,
    "reduce_prod": _product_of_positive,
    "abs": _absolute_of_ends,
    "and": _and_of_both,
    "or": _or_without_carry,
    "clz": _clz_of_ends,
    "pad": _padding_is_none,
    "select_n": _select_without_last,
    "floor": _floor_towards_zero,
    "reduce_window_sum": _windows_of_one,
    "reduce_window_max": _window_never_empty,
    "sort": _stable_or_not,
    "convert_element_type": _conversion_to_narrower,
    "integer_pow": _power_of_ends,
}
"""Rules with a fault."""


def found(name: str) -> bool:
    """Whether some problem of a rule has a violation."""
    with annotations_unchecked():
        return any(violations(problem) for problem in PROBLEMS[name](3))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_rule_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, name, rules.RULES[name]._replace(conclude=FAULTS[name]))
    assert found(name)


# Faults in what rules share.


def _no_promises(indices: Any, *rest: Any) -> bool:
    return True


SHARED: dict[str, tuple[Any, str, Any, str]] = {
    "a fill of 0": (indexing, "_fill", lambda step: Interval(0, 0), "gather"),
    "a fill of another dtype": (indexing, "_fill", _fill_of_any_dtype, "gather"),
    "indices are in bounds": (indexing, "_inside", lambda found, limits: True, "gather"),
    "indices are sorted": (indexing, "_sorted", _no_promises, "gather"),
    "rows differ": (indexing, "_distinct_rows", lambda indices: True, "scatter"),
    "products of the low ends": (
        elementwise,
        "product",
        lambda a, b: Interval(a.low * b.low, a.high * b.high, a.grid + b.grid),
        "mul",
    ),
    "one term too few": (
        reductions,
        "times",
        lambda x, n: Interval((n - 1) * x.low, (n - 1) * x.high, x.grid),
        "reduce_sum",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", SHARED)
def test_a_fault_in_what_rules_share_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, wrong, rule = SHARED[fault]
    monkeypatch.setattr(module, name, wrong)
    assert found(rule)


@pytest.mark.slow
@pytest.mark.parametrize(
    "test",
    [test_rules.test_a_chain_of_float_sums_is_exact_in_every_order,
     test_rules.test_a_chain_of_float_products_is_exact_in_every_order],
)  # fmt: skip
def test_an_order_that_a_compiler_may_choose_is_not_forgotten(test: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "reordered", lambda step, operands, found: None)
    with pytest.raises(AssertionError):
        test()


def _learn(change: Callable[..., Any]) -> Callable[..., Any]:
    right = backward.learn

    def learn(d: Any, dtype: Any, new: Any) -> Any:
        return change(right, d, dtype, new)

    return learn


def _swapped(right: Any, d: Any, dtype: Any, new: Any) -> Any:
    """What `max` says of operands, said of those of `min`."""
    if d.step.name == "min":
        for i, x in enumerate(d.operands):
            yield Fact(i, Interval(x.interval.low, max(x.interval.low, new.high), x.interval.grid))
        return
    yield from right(d, dtype, new)


def _strict(right: Any, d: Any, dtype: Any, new: Any) -> Any:
    """`<=` read as `<`."""
    for fact in right(d, dtype, new):
        if d.step.name == "le" and new == Interval(1, 1) and not isinstance(fact, Fact):
            fact = fact._replace(least=fact.least + 1)
        yield fact


def _bits_too_many(right: Any, d: Any, dtype: Any, new: Any) -> Any:
    for fact in right(d, dtype, new):
        yield (
            fact._replace(interval=Interval(fact.interval.low, fact.interval.high // 2))
            if d.step.name == "clz"
            else fact
        )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "change"), [("min", _swapped), ("le", _strict), ("clz", _bits_too_many)])
def test_a_fault_in_what_is_learned_is_caught(name: str, change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_backward, "learn", _learn(change))
    with pytest.raises(AssertionError), annotations_unchecked():
        test_backward.check(name, 3)


def _above_and_below(term: Any) -> Any:
    yield from RIGHT_ABOVE(term)
    if term.value.definition is not None and term.value.definition.step.name == "max":
        yield relations._sum(relations._Term(term.value.definition.operands[0], term.lift), 2)


RIGHT_ABOVE = relations._above


@pytest.mark.slow
def test_a_fault_in_relations_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relations, "_above", _above_and_below)
    with pytest.raises(AssertionError), annotations_unchecked():
        for number in range(test_relations.PROGRAMS):
            test_relations.judge(number)


@pytest.mark.slow
def test_a_fault_in_the_evaluation_of_known_arrays_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(known.ELEMENTWISE, "div", lambda s, x, y: x // np.where(y == 0, 1, y))
    with pytest.raises(AssertionError):
        test_backward.test_known_arrays_are_evaluated_as_jax_does("div")
