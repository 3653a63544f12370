"""The audit: it proves what is shipped, it refuses each fault by its line, and what it proves is true."""

# In the tables of cases a case is a line.
# ruff: noqa: E501

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax import EqualInfo, frequencies, integers, load_model
from ecjax.codebook import Codebook, load_codebook, parsing, table, vocabulary
from ecjax.coding import rans, stream, windows
from ecjax.exactness import Audit, InexactError, Interval, audit, within
from ecjax.models.unigram import Unigram
from tests.strategies import Markov, annotations_unchecked

DOCS = Path(__file__).parent.parent.parent / "docs" / "exactness.md"
HIGHEST = jax.lax.Precision.HIGHEST


def array(dtype: Any, *shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def words(*shape: int) -> jax.ShapeDtypeStruct:
    return array(jnp.uint32, *shape)


def ints(low: int, high: int, *shape: int) -> Any:
    return within(array(jnp.int32, *shape), low, high)


def floats(low: float, high: float, *shape: int, step: int | float = 1) -> Any:
    return within(array(jnp.float32, *shape), low, high, step)


def here(text: str) -> str:
    """The place of the only line of this file that holds `text`, as refusals give it."""
    lines = [i for i, line in enumerate(Path(__file__).read_text().splitlines(), 1) if line.strip() == text]
    assert len(lines) == 1, text
    return f"{__file__}:{lines[0]} "


# What is proved.


def markov(precision: int = 16) -> Any:
    return within(Markov(jnp.zeros((257, 257), jnp.uint32), precision), 0, 1 << precision)


def table_model(precision: int = 16) -> Any:
    table = np.asarray(frequencies.frequency_table_from_counts(np.arange(256), precision))
    return within(Unigram(table, precision), 0, 1 << precision)


def small_codebook() -> Codebook:
    return load_codebook("books-12")


def book_of_pairs(costs: bool) -> Codebook:
    """Bytes, some pairs of them, and a string whose prefixes are none."""
    strings = [bytes([c]) for c in range(256)] + [b"abcdefgh"] + [bytes([97, c]) for c in range(255) if c != 98]
    return Codebook.from_strings(strings, list(range(511)) if costs else None)


LIMBS = {"add": 2, "subtract": 2, "less": 2, "is_zero": 1}


def coder_proofs(name: str, coder: types.ModuleType, capacity: int) -> dict[str, Callable[[], tuple[Any, ...]]]:
    """What is to be proved of a coder of symbols; one text has a code of `capacity` bytes."""

    def decode(m: Any, c: Any, n: Any) -> Any:
        return coder.decode(m, c, n, 64)

    texts = (array(jnp.uint8, 4, 64), array(jnp.int32, 4))
    return {
        f"{name}.encode": lambda: (coder.encode, markov(), array(jnp.uint8, 64), array(jnp.int32)),
        f"{name}.decode": lambda: (decode, markov(), array(jnp.uint8, capacity), array(jnp.int32)),
        f"{name}.encode, a batch": lambda: (jax.jit(jax.vmap(coder.encode, (None, 0, 0))), table_model(9), *texts),
        f"{name}.decode, a batch": lambda: (jax.jit(jax.vmap(decode, (None, 0, 0))), table_model(9), *texts),
    }


PROOFS: dict[str, Callable[[], tuple[Any, ...]]] = {
    **{f"integers.{name}": lambda n=name, k=k: (getattr(integers, n), *[words(4)] * k) for name, k in LIMBS.items()},
    "integers.multiply_wide": lambda: (integers.multiply_wide, words(3), words(3)),
    "integers.rounding_shift": lambda: (integers.rounding_shift, words(3), words(3)),
    "integers.divide_wide": lambda: (lambda h, x, d: integers.divide_wide(h, x, d, 32), words(3), words(3), words()),
    "integers.proportion": lambda: (lambda p, w: integers.proportion(p, w, 65280), words(5), words()),
    "integers.multiply_shift": lambda: (lambda a, f: integers.multiply_shift(a, f, 16), words(4), words()),
    "integers.resolve_carries": lambda: (integers.resolve_carries, words(29)),
    "integers.limbs_to_bits": lambda: (lambda a: integers.limbs_to_bits(a, 100), words(5, 4)),
    "integers.bits_to_limbs": lambda: (integers.bits_to_limbs, within(array(jnp.uint8, 5, 100), 0, 1)),
    "integers.regroup_bits": lambda: (lambda a: integers.regroup_bits(a, 100, 16, 40), words(5, 4)),
    **{
        f"cumulative_frequencies {p}": lambda p=p: (
            lambda x: frequencies.cumulative_frequencies(x, p),
            ints(-(1 << 30), 1 << 30, 256),
        )
        for p in (9, 16)
    },
    **{
        f"frequency_table of {k}": lambda k=k, p=p: (
            lambda x: frequencies.frequency_table(x, p),
            array(jnp.int32, k),
        )
        for k, p in ((2, 1), (256, 16), (1000, 12), (4096, 16))
    },
    **{
        f"frequency_table_from_counts of {k} {np.dtype(dtype)}": lambda k=k, p=p, dtype=dtype: (
            lambda x: frequencies.frequency_table_from_counts(x, p),
            array(dtype, k),
        )
        for k, p, dtype in ((2, 16, jnp.uint32), (256, 9, jnp.int32), (256, 16, jnp.uint32), (4096, 16, jnp.int32))
    },
    **{
        f"windows.encode {b}": lambda b=b: (
            lambda m, x, n: windows.encode(m, x, n, b),
            markov(),
            array(jnp.uint8, 64),
            array(jnp.int32),
        )
        for b in (9, 16, 32, 64, 128)
    },
    **{
        f"windows.decode {b}": lambda b=b: (
            lambda m, x: windows.decode(m, x, b, 256),
            markov(),
            words(integers.limb_count(b)),
        )
        for b in (9, 16, 32, 64, 128)
    },
    "windows.encode, a batch": lambda: (
        jax.jit(jax.vmap(lambda m, x, n: windows.encode(m, x, n, 33), (None, 0, 0))),
        table_model(9),
        array(jnp.uint8, 4, 64),
        array(jnp.int32, 4),
    ),
    "windows.decode, a batch": lambda: (
        jax.jit(jax.vmap(lambda m, x: windows.decode(m, x, 33, 256), (None, 0))),
        table_model(9),
        words(4, 2),
    ),
    "stream.encode of 16 KiB": lambda: (stream.encode, table_model(), array(jnp.uint8, 1 << 14), array(jnp.int32)),
    **coder_proofs("stream", stream, 99),
    **coder_proofs("rans", rans, 132),
    "Codebook.encode_array": lambda: (small_codebook().encode_array, array(jnp.uint8, 64), array(jnp.int32)),
    "Codebook.encode_array, a batch": lambda: (
        jax.jit(jax.vmap(small_codebook().encode_array)),
        array(jnp.uint8, 4, 64),
        array(jnp.int32, 4),
    ),
    **{
        f"Codebook.encode_array, {parse}": lambda p=parse: (
            book_of_pairs(p == "cheapest").encode_array,
            array(jnp.uint8, 64),
            array(jnp.int32),
        )
        for parse in ("longest", "cheapest")
    },
    "Codebook.encode_array, cheapest, a batch": lambda: (
        jax.jit(jax.vmap(book_of_pairs(True).encode_array)),
        array(jnp.uint8, 4, 64),
        array(jnp.int32, 4),
    ),
    "Codebook.decode_array": lambda: (lambda i: small_codebook().decode_array(i, 256), ints(0, 4095, 64)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROOFS)
def test_what_is_shipped_is_proved(name: str) -> None:
    with annotations_unchecked():  # they take most of the time
        fn, *args = PROOFS[name]()
        audit(fn, *args).check()


@pytest.mark.deep  # models/test_integer_exactness.py proves those of smaller models
@pytest.mark.slow
@pytest.mark.parametrize("bits, code", [(16, "preorder"), (64, "preorder"), (16, "published")])
def test_windows_of_the_shipped_model_are_proved(bits: int, code: Any) -> None:
    with annotations_unchecked():
        tokenizer = EqualInfo(load_model("m1-books"), bits=bits, code=code)
        audit(tokenizer.encode_array, array(jnp.uint8, 64), array(jnp.int32)).check()
        audit(lambda ids: tokenizer.decode_array(ids, 32), ints(0, (1 << 16) - 1, 8)).check()


@pytest.mark.slow
def test_with_x64_the_same_is_proved() -> None:
    with jax.enable_x64(True), annotations_unchecked():
        audit(lambda m, x: windows.decode(m, x, 64, 256), markov(), words(2)).check()
        assert not audit(lambda x: x + 1, array(jnp.int64)).proved
        assert audit(lambda x: x + 1, within(array(jnp.int64), 0, 1 << 40)).outputs == Interval(1, (1 << 40) + 1)


# Faults in what is shipped. Each is made in the source's text, so that a refusal has to name its line.


@dataclass(frozen=True)
class Fault:
    """A place in a module, what to put there, and the primitive that has to be refused at a line that holds `at`."""

    proof: str
    module: types.ModuleType
    old: str
    new: str
    primitive: str
    at: str | None = None


WRAP = "with wrapping():"
FREE = "if True:"
FAULTS = [
    # One bound too large.
    Fault("integers.multiply_wide", integers, "a & 0xFFFF, a >> 16", "a & 0x1FFFF, a >> 16", "mul", "low = a0 * b0"),
    Fault("integers.rounding_shift", integers, "shift < 32, x >> jnp.minimum(shift, 31)", "shift < 33, x >> jnp.minimum(shift, 32)", "shift"),
    Fault("integers.limbs_to_bits", integers, "(index % LIMB_BITS)", "(index % 33)", "shift_right_logical"),
    Fault("integers.bits_to_limbs", integers, "np.arange(LIMB_BITS - 1, -1, -1,", "np.arange(LIMB_BITS, 0, -1,", "shift"),
    Fault("frequency_table_from_counts of 256 uint32", frequencies, "if most * size <= 1 << 31", "if True", "add", "# faster than"),
    Fault("frequency_table_from_counts of 4096 int32", frequencies, "weights & 0xFFFF", "weights & 0x7FFFFFFF", "reduce_sum"),
    Fault("frequency_table_from_counts of 256 int32", frequencies, f"{WRAP}  # it does not: so", f"{FREE}  #", "add", "weights >> surplus"),
    Fault("windows.encode 16", windows, "jnp.minimum(self.m[0], 0xFFFF) * f", "jnp.minimum(self.m[0], 0x1FFFF) * f", "mul"),
    Fault("stream.decode", stream, "zero, zero + 16)", "zero, zero + 25)", "convert_element_type", "unused ="),
    # One float operation.
    Fault("integers.resolve_carries", integers, "limbs[1:] >> 16,", "(limbs[1:] * 2.0**-16).astype(jnp.uint32),", "convert"),
    Fault("cumulative_frequencies 16", frequencies, "below >> LOGIT_BITS)", "(below / 256).astype(jnp.int32))", "div"),
    Fault("windows.decode 16", windows, "(self.m[0] < 1 << 16)", "(self.m[0].astype(float) < 1 << 16)", "convert"),
    Fault("stream.encode", stream, "position >> 4,", "jnp.log2(position).astype(jnp.int32),", "log"),
    # One clamp missing, or one declaration.
    Fault("integers.rounding_shift", integers, "jnp.where(shift > 0, whole + half, x)", "whole + half", "add"),
    Fault("integers.divide_wide", integers, f"{WRAP}  # it does not: the remainder", f"{FREE}  #", "shift", "remainder << 1"),
    Fault("integers.proportion", integers, f"{WRAP}  # each product", f"{FREE}  #", "mul", "remainder = part *"),
    Fault("integers.add", integers, f"{WRAP}  # a carry", f"{FREE}  #", "add", "partial = a[i] + b[i]"),
    Fault("integers.subtract", integers, f"{WRAP}  # a borrow", f"{FREE}  #", "sub", "partial = a[i] - b[i]"),
    Fault("integers.multiply_shift", integers, "(limbs[i + 1] & kept)", "limbs[i + 1]", "shift_left"),
    Fault("integers.multiply_wide", integers, "((cross & 0xFFFF) << 16)", "(cross << 16)", "shift_left"),
    Fault("cumulative_frequencies 9", frequencies, f"{WRAP}  # 2**30", f"{FREE}  #", "sub", "jnp.max(logits) - logits"),
    Fault("windows.decode 9", windows, "// jnp.maximum(self.kept[256], 1)", "// self.kept[256]", "div"),
    Fault("windows.decode 9", windows, "jnp.minimum(length, jnp.iinfo(jnp.int32).max - 1) + 1", "length + 1", "add"),
    Fault("windows.decode 9", windows, "child + step, 255)", "child + step, 256)", "convert_element_type", "astype(jnp.uint8)"),
    Fault("windows.encode 9", windows, '].max(codes, mode="drop")', '].set(codes, mode="drop")', "scatter"),
    Fault("stream.encode", stream, "width = jnp.maximum(width, 1 << (31 - precision))", "", "shift_left", "width << shift"),
    Fault("stream.decode", stream, "jnp.minimum(above // jnp.maximum(divisor, 1 << 15), 0xFFFF)", "above // jnp.maximum(divisor, 1 << 15)", "mul", "exceeds = (rest"),
    Fault("rans.encode", rans, "jnp.maximum(end - start, 1)", "end - start", "div", "quotient = x // frequency"),
    Fault("rans.encode", rans, "((number >> (8 * i)) & 0xFF)", "(number >> (8 * i))", "convert_element_type"),
    Fault("rans.decode", rans, "short = x < _LEAST", "short = x <= _LEAST", "shift_left", "jnp.where(short, (x << 8)"),
    Fault("stream.encode", stream, f"{WRAP}  # what goes", f"{FREE}  #", "shift_left", "addends << (16 - offset)"),
    Fault("Codebook.encode_array", parsing, '.max(ids, mode="drop")', ".set(ids)", "scatter"),
    Fault("Codebook.encode_array, cheapest", parsing, "jnp.clip(values - values[:1], -(1 << 24), 1 << 24)", "values - values[:1]", "sub"),
    Fault("Codebook.decode_array", vocabulary, 'jnp.take(spelling.strings, shift + place, mode="clip")', "spelling.strings[shift + place]", "gather"),
]  # fmt: skip


def faulty(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """Puts the fault into the module; says where it has to be found."""
    file = Path(str(fault.module.__file__))
    before = file.read_text()
    assert before.count(fault.old) == 1, fault.old
    after = before.replace(fault.old, fault.new)
    other = types.ModuleType(fault.module.__name__)
    other.__file__ = str(file)
    monkeypatch.setitem(__import__("sys").modules, fault.module.__name__, other)
    exec(compile(after, str(file), "exec"), other.__dict__)
    for name, value in vars(other).items():
        if getattr(value, "__module__", None) == fault.module.__name__ or name.startswith("_"):
            for module in (fault.module, integers, frequencies, stream, windows, table):
                if hasattr(module, name) and (module is fault.module or not name.startswith("_")):
                    monkeypatch.setattr(module, name, value)
    at = fault.at or fault.new
    (line,) = [i for i, text in enumerate(after.splitlines(), 1) if at in text]
    return str(file), line


@pytest.fixture
def fresh_traces() -> Iterator[None]:
    """No trace of a right function is used for a faulty one, or the other way round."""
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_traces")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.proof}: {f.new or f.old}")
def test_a_fault_is_refused_by_its_line(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    file, line = faulty(fault, monkeypatch)
    with annotations_unchecked():
        fn, *args = PROOFS[fault.proof]()
        found = audit(fn, *args)
    assert any(
        r.equation.startswith(fault.primitive) and r.where.startswith(f"{file}:{line} ") for r in found.refusals
    ), found


# Refusals.


def refused(primitive: str, reason: str, fn: Callable[..., Any], *args: Any) -> Audit:
    """The audit, which has to refuse the primitive for the reason, and nothing else."""
    found = audit(fn, *args)
    assert [r.equation.split("(")[0] for r in found.refusals] == [primitive], found
    assert re.search(reason, found.refusals[0].reason), found
    return found


def test_a_float_softmax_is_refused() -> None:
    found = audit(jax.nn.softmax, array(jnp.float32, 8))
    assert not found.proved
    assert "any float" in str(found)
    assert any(r.equation.startswith("exp(") for r in audit(jax.nn.softmax, floats(-9, 9, 8)).refusals)


PRODUCT = "return jnp.matmul(a.astype(jnp.float32), b.astype(jnp.float32), precision=HIGHEST).astype(jnp.int32)"


def product(a: Any, b: Any) -> Any:
    return jnp.matmul(a.astype(jnp.float32), b.astype(jnp.float32), precision=HIGHEST).astype(jnp.int32)


def test_an_unsplit_product_of_4096_terms_is_refused_and_a_split_one_proved() -> None:
    a, b = within(array(jnp.int8, 3, 4096), -127, 127), array(jnp.int8, 4096, 5)
    found = refused("dot_general", "4096 terms may reach 66584576, above 2", product, a, b)
    assert found.refusals[0].where.startswith(here(PRODUCT))
    split = audit(lambda a, b: sum(product(a[:, i : i + 1024], b[i : i + 1024]) for i in range(0, 4096, 1024)), a, b)
    assert split.check().outputs == Interval(-4096 * 127 * 128, 4096 * 127 * 128)


def test_a_product_that_a_backend_may_round_is_refused() -> None:
    refused("dot_general", "HIGHEST", lambda a, b: a @ b, floats(-1, 1, 2, 2), floats(-1, 1, 2, 2))
    half = within(array(jnp.bfloat16, 2, 2), -16, 16)
    exact = audit(lambda a, b: jax.lax.dot(a, b, preferred_element_type=jnp.float32), half, half)
    assert exact.check().outputs == Interval(-512, 512)
    refused("dot_general", r"above 2\*\*8", lambda a, b: a @ b, half, half)


def test_a_cumulative_sum_that_can_overflow_is_refused() -> None:
    fn = lambda x: jnp.cumsum(x)
    found = refused("cumsum", "257 terms may reach 4311744512, above uint32", fn, within(words(257), 0, 1 << 24))
    assert found.refusals[0].where.startswith(here("fn = lambda x: jnp.cumsum(x)"))
    assert audit(fn, within(words(256), 0, (1 << 24) - 1)).check().outputs == Interval(0, (1 << 32) - 256)


REFUSED: dict[str, tuple[str, str, Callable[..., Any], Any]] = {
    "a sum": ("add", r"2\*\*31, above int32", lambda x: x + 1, array(jnp.int32)),
    "a difference of unsigned numbers": ("sub", "-1, below uint8", lambda x: x - 1, array(jnp.uint8)),
    "a negative": ("neg", r"2\*\*31, above int32", lambda x: -x, array(jnp.int32)),
    "an absolute value": ("abs", r"128, above int8", jnp.abs, array(jnp.int8)),
    "a conversion": ("convert_element_type", "255, above int8", lambda x: x.astype(jnp.int8), array(jnp.uint8)),
    "a power": ("integer_pow", "above int32", lambda x: x**3, ints(0, 1291, 3)),
    "a sum of products": ("dot_general", "above int8", jnp.dot, within(array(jnp.int8, 9, 9), -4, 4)),
    "a shift left": ("shift_left", r"2\*\*32, above uint32", lambda x: x << 1, within(words(), 0, 1 << 31)),
    "a shift count": ("shift_right_logical", r"0..32, outside 0..31", lambda x: words_of(5) >> x, within(words(), 0, 32)),
    "division by 0": ("div", "divisor may be 0", lambda x: jax.lax.div(x, x), words(4)),
    "the quotient that does not fit": ("div", "does not hold", lambda x: jax.lax.div(x, -1), array(jnp.int32)),
    "a float convolution": ("conv_general_dilated", "nothing says", lambda x: jnp.convolve(x, x), floats(-1, 2, 4)),
    "an index": ("gather", r"0..10 of 0..9", lambda i: jnp.arange(10)[i], ints(0, 10, 4)),
    "coinciding updates": ("scatter", "may coincide", lambda i: i.at[i].set(jnp.arange(4)), ints(0, 3, 4)),
    "a promise to differ": ("scatter-add", "may coincide", lambda i: i.at[i].add(1, unique_indices=True), ints(0, 3, 4)),
    "sums of coinciding updates": ("scatter-add", "with 4 updates", lambda i: i.at[i].add(1 << 30), ints(0, 3, 4)),
    "an unstable sort": ("sort", "equal keys", lambda x: jax.lax.sort((x, -x), is_stable=False), ints(0, 9, 9)),
    "a float division": ("div", "reciprocal", lambda x: x / 2, floats(0, 4)),
    "a long sum of floats": ("reduce_sum", r"2\*\*25, above 2\*\*24", jnp.sum, floats(0, 1 << 13, 1 << 12)),
    "a fine sum of floats": ("add", r"steps of 2\*\*-24", lambda x: x + 1, floats(0, 1 / 2, step=2**-24)),
    "a subnormal product": ("mul", "subnormal", lambda x: x * 2.0**-120, floats(0, 1, step=2**-7)),
    "a large product": ("mul", r"above float32", lambda x: x * 2.0**127, floats(0, 2)),
    "an inexact constant": ("mul", "then rounds", lambda x: x * 0.1, floats(0, 8)),
    "a float that may be NaN": ("max", "NaN", lambda x: jnp.maximum(x, 0), array(jnp.float32, 2)),
    "a float made an integer": ("convert_element_type", "above int8", lambda x: x.astype(jnp.int8), floats(0, 128)),
    "a narrower float": ("convert_element_type", "rounds", lambda x: x.astype(jnp.bfloat16), floats(0, 257)),
    "bits of a float": ("bitcast_convert_type", "sign of zero", lambda x: x.view(jnp.int32), floats(0, 1, 1)),
    "a callback": ("pure_callback", "no rule", lambda x: jax.pure_callback(np.asarray, x, x), array(jnp.int32)),
}  # fmt: skip


def words_of(x: int) -> jax.Array:
    return jnp.asarray(x, jnp.uint32)


@pytest.mark.parametrize("what", REFUSED)
def test_is_refused(what: str) -> None:
    primitive, reason, fn, arg = REFUSED[what]
    args = [arg, arg] if what == "a sum of products" else [arg]
    refused(primitive, reason, fn, *args)


PROVED: dict[str, tuple[Callable[..., Any], Any, Interval]] = {
    "a difference where it is none below 0": (lambda x: jnp.where(x >= 7, x - 7, x), words(3), Interval(0, (1 << 32) - 8)),
    "an index from behind": (lambda i: jnp.arange(8)[i], ints(-8, 7, 3), Interval(0, 7)),
    "an absolute value by cases": (lambda x: jnp.where(x < 0, -x, x), ints(-5, 3, 3), Interval(0, 5)),
    "a floor division": (lambda x: x // 3, ints(0, 9), Interval(0, 3)),
    "a normalised number": (lambda x: x << jax.lax.clz(x), within(words(2), 1, 77), Interval(1 << 31, 63 << 26)),
    "a rounding shift": (lambda x: (x + (1 << (x - 1))) >> x, ints(1, 16), Interval(0, 1)),
    "a count of bits": (lambda x: jax.lax.population_count(x), within(words(), 1, 255), Interval(1, 8)),
    "an index that is clamped": (lambda i: jax.lax.dynamic_slice(jnp.arange(9), (i,), (3,)), array(jnp.int32), Interval(0, 8)),
    "updates in places that differ": (lambda x: x.at[jnp.arange(4) + 1].set(x[:4]), ints(3, 5, 5), Interval(3, 5)),
    "equal updates": (lambda i: i.at[i].set(9), ints(0, 3, 4), Interval(0, 9)),
    "a shift of floats": (lambda x: jnp.floor(x * 0.25), floats(0, 1 << 24), Interval(0, 1 << 22)),
    "large floats in large steps": (lambda x: x * 2.0**40, floats(0, 5), Interval(0, 5, 40)),
    "a rounded float": (lambda x: jnp.round(x).astype(jnp.int32), floats(-1.5, 2.5, step=0.5), Interval(-2, 3)),
    "a clamp": (lambda x: jax.lax.clamp(2, x, 7), ints(0, 9), Interval(2, 7)),
    "equality": (lambda x: x == 3, ints(3, 4), Interval(0, 1)),
    "inequality": (lambda x: x != 3, ints(4, 9), Interval(1, 1)),
    "an even power": (lambda x: x**4, ints(-3, 2), Interval(0, 81)),
    "an odd power": (lambda x: x**3, ints(-3, 2), Interval(-27, 8)),
    "a count": (lambda x: x + jax.lax.iota(jnp.int32, 5), ints(0, 1, 5), Interval(0, 5)),
    "a complement": (lambda x: ~x, within(array(jnp.uint8), 3, 9), Interval(246, 252)),
    "a signed complement": (lambda x: ~x, ints(3, 9), Interval(-10, -4)),
    "an exclusive or": (lambda x: x[0] ^ x[1], ints(0, 5, 2), Interval(0, 7)),
    "an or of signed numbers": (lambda x: x[0] | x[1], ints(-5, 3, 2), Interval(-8, 7)),
    "an and of signed numbers": (lambda x: x & 12, ints(-5, 3), Interval(0, 12)),
    "a reduction by and": (lambda x: jnp.all(x > 1), ints(2, 9, 3), Interval(1, 1)),
    "a reduction by or": (lambda x: jax.lax.reduce_or(x, axes=(0,)), ints(0, 5, 3), Interval(0, 7)),
    "a product": (lambda x: jnp.prod(x), ints(-2, 1, 3), Interval(-8, 8)),
    "products so far": (lambda x: jax.lax.cumprod(x), ints(0, 2, 4), Interval(0, 16)),
    "a maximum so far": (lambda x: jax.lax.cummax(x), ints(0, 2, 4), Interval(0, 2)),
    "a sorted array": (lambda x: jnp.sort(x), ints(0, 2, 4), Interval(0, 2)),
    "the largest two": (lambda x: jax.lax.top_k(x, 2)[1], ints(0, 2, 4), Interval(0, 3)),
    "an array behind another": (lambda x: jnp.append(x, 9), ints(0, 2, 4), Interval(0, 9)),
    "a part put in": (lambda x: jax.lax.dynamic_update_slice(x, x[:2] + 5, x[:1]), ints(0, 2, 4), Interval(0, 7)),
    "a minimum in places": (lambda i: i.at[i].min(-i), ints(0, 3, 4), Interval(-3, 3)),
    "differences in places": (lambda i: i.at[i].subtract(i), ints(0, 3, 4), Interval(-12, 3)),
    "a convolution": (lambda x: jax.lax.conv(x[None, None], x[None, None, :2], (1,), "VALID"), ints(-1, 2, 4), Interval(-4, 8)),
    "a shift of a negative number": (lambda x: jax.lax.shift_right_logical(x, 28), array(jnp.int32), Interval(0, 15)),
    "a shift that keeps the sign": (lambda x: x >> 4, ints(-17, 33), Interval(-2, 2)),
    "leading zeros": (lambda x: jax.lax.clz(x), ints(-1, 5), Interval(0, 32)),
    "bits": (lambda x: jax.lax.bitcast_convert_type(x, jnp.uint32), ints(-1, 5), Interval(0, (1 << 32) - 1)),
    "something from outside": (lambda i: jnp.take(jnp.array([3, 4]), i, mode="fill", fill_value=9), ints(0, 2), Interval(3, 9)),
    "floats that are only moved": (lambda x: x[::-1].reshape(2, 2).T, floats(0, 1, 4), Interval(0, 1)),
}  # fmt: skip


@pytest.mark.parametrize("what", PROVED)
def test_is_proved(what: str) -> None:
    fn, arg, expected = PROVED[what]
    assert audit(fn, arg).check().outputs == expected


def test_it_names_every_fault() -> None:
    def three(x: jax.Array, y: jax.Array) -> Any:
        a = x + 1
        b = jnp.exp(y)
        c = jax.jit(lambda x: x * x)(x)
        return b + 1, b * 2, c, a

    found = audit(three, array(jnp.int32), floats(0, 1))
    lines = ("a = x + 1", "b = jnp.exp(y)", "c = jax.jit(lambda x: x * x)(x)")
    assert sorted(r.where.split("(")[0] for r in found.refusals) == sorted(here(line) for line in lines)
    with pytest.raises(InexactError, match="3 refusals") as error:
        found.check()
    assert str(found) == str(error.value) and all(str(r) in str(found) for r in found.refusals)
    assert audit(lambda x: x & 1, array(jnp.int32)).check().proved


def test_what_is_discarded_may_be_anything() -> None:
    assert audit(lambda x: (x + 1, x & 1)[1], array(jnp.int32)).proved
    assert not audit(lambda x: jnp.where(x > 0, x + 1, 0), array(jnp.int32)).proved


def test_arguments() -> None:
    model = within(Unigram(np.asarray(frequencies.frequency_table_from_counts(np.zeros(256, int), 9)), 9), 0, 512)
    assert audit(lambda m, n, name: m.frequencies(()) + n, model, 3, "a name").check().outputs == Interval(3, 515)
    assert audit(lambda x: {"a": [x, ~x]}, array(bool)).outputs == {"a": [Interval(0, 1), Interval(0, 1)]}
    table = jnp.array([3, 9, 5])
    assert audit(lambda i: table[i & 1], array(jnp.int32)).outputs == Interval(3, 9)
    with pytest.raises(ValueError, match="above uint8"):
        within(array(jnp.uint8), 0, 256)
    with pytest.raises(ValueError, match="power of two"):
        floats(0, 1, step=0.3)
    with pytest.raises(ValueError, match="multiples of step"):
        floats(0, 0.3, step=0.25)
    with pytest.raises(ValueError, match="lower bound comes first"):
        ints(2, 1)
    with pytest.raises(ValueError, match="step must be 1 for int32"):
        within(array(jnp.int32), 0, 8, step=4)
    with pytest.raises(ValueError, match="no array to bound"):
        within(3, 0, 8)
    with annotations_unchecked(), pytest.raises(ValueError, match="must be a finite number, got '0'"):
        within(array(jnp.int32), "0", 8)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="turns int64 into int32"):
        within(array(jnp.int64), 0, 1 << 40)
    assert within(ints(0, 9), 2, 5).range == Interval(2, 5)  # bounds of an argument that has some
    tree = within({"x": array(jnp.int32), "f": jnp.sin}, 0, 1)
    assert tree["f"] is jnp.sin and audit(lambda t: t["x"] + 1, tree).check().outputs == Interval(1, 2)
    with pytest.raises(ValueError, match="has dtype int64, which JAX turns into int32"):
        audit(lambda x: x, array(jnp.int64))
    assert audit(lambda x: x & 7, np.arange(3)).check().outputs == Interval(0, 7)  # int64, of which JAX makes int32
    assert str(audit(lambda x: None, array(jnp.int32))) == "proved exact (x64 off); results: none"


def test_declarations_are_checked() -> None:
    with pytest.raises(ValueError, match="lower bound comes first"):
        integers.declare(jnp.zeros(3, jnp.int32), 1, 0)
    with annotations_unchecked(), pytest.raises(ValueError, match="declared of integers, got float32"):
        integers.declare(jnp.zeros(3), 0, 1)  # type: ignore[arg-type]


def test_a_function_that_jax_wraps_is_the_users_own() -> None:
    fn = jax.jit(jax.vmap(jax.tree_util.Partial(lambda x: x + 1)))
    assert all("test_audit.py" in r.where for r in audit(fn, array(jnp.int32, 3)).refusals)
    assert not audit(fn, array(jnp.int32, 3)).proved


def test_a_function_of_jax_itself_is_named() -> None:
    found = audit(jnp.cumsum, array(jnp.int32, 3))
    assert [r.where for r in found.refusals] == ["<cumsum of JAX>"] and "x64 off" in str(found)
    assert "wrapping()" in str(found) and "within" in str(found)


# Declarations.


def test_declared_wrapping_reaches_what_is_called_and_no_more() -> None:
    inner = jax.jit(lambda x: x + 1)

    def declared(x: jax.Array) -> jax.Array:
        with integers.wrapping():
            return jax.vmap(lambda y: jax.lax.scan(lambda c, _: (inner(c), c), y, length=3)[0])(x)

    assert audit(declared, words(4)).check().outputs == Interval(0, (1 << 32) - 1)
    assert not audit(lambda x: (declared(x), inner(x)), words(4)).proved
    refused("add", "rounds", lambda x: wrapped(lambda: x + 1), floats(0, 1 << 24))
    refused("convert_element_type", "int8", lambda x: wrapped(lambda: x.astype(jnp.int8)), floats(0, 128))


def wrapped(fn: Callable[[], jax.Array]) -> jax.Array:
    with integers.wrapping():
        return fn()


def walk(low: int, high: int, following: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    def body(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        x, n = carry
        return following(integers.declare(x, low, high)), n >> 1

    return lambda n: jax.lax.while_loop(lambda carry: carry[1] > 0, body, (jnp.zeros((), jnp.int32), n))[0]


def test_declared_bounds_of_a_loop_must_be_inductive() -> None:
    grows = lambda x: jnp.where(x == 40, 0, x + 4)  # it skips no multiple of 4, which no interval knows
    assert audit(walk(0, 100, lambda x: jnp.minimum(x + 7, 100)), ints(0, 9)).check().outputs == Interval(0, 100)
    found = refused("ecjax_declare", r"declared to be 0..100, it may be 0..104", walk(0, 100, grows), ints(0, 9))
    assert found.refusals[0].where.startswith(here("return following(integers.declare(x, low, high)), n >> 1"))
    assert np.array_equal(integers.declare(jnp.arange(3), 0, 2), np.arange(3))
    refused(
        "ecjax_declare", "declared to be 0..2", lambda x: jnp.where(x > 5, integers.declare(x, 0, 2), 0), ints(0, 9)
    )


# What loops carry.


def test_loops() -> None:
    count = lambda n: jax.lax.fori_loop(0, n, lambda i, x: jnp.minimum(x + i, 99), 0)
    assert audit(count, array(jnp.int32)).proved is False  # x + i may overflow
    assert audit(count, ints(0, 1 << 20)).check().outputs == Interval(0, 99)
    total = lambda xs: jax.lax.scan(lambda c, x: (c + x, c), 0, xs)
    assert audit(total, ints(-2, 3, 50)).check().outputs == (Interval(-100, 150), Interval(-98, 147))
    refused("add", r"above int32", total, ints(0, 1 << 30, 3))
    ring = lambda n: jax.lax.while_loop(lambda c: c[1] < n, lambda c: ((c[0] + 1) % 24, c[1] + 1), (0, 0))
    assert audit(ring, array(jnp.int32)).check().outputs == (Interval(0, 23), Interval(0, (1 << 31) - 1))
    nested = lambda n: jax.lax.fori_loop(
        0, 9, lambda i, x: jax.lax.fori_loop(0, n, lambda j, y: (y + j + i) & 255, x), 0
    )
    assert audit(nested, ints(0, 1 << 20)).check().outputs == Interval(0, 255)


def test_branches() -> None:
    fn = lambda x: jax.lax.cond(x > 5, lambda x: x - 6, lambda x: 6 - x, x)
    assert audit(fn, within(words(), 0, 10)).check().outputs == Interval(0, 6)
    assert audit(lambda i: jax.lax.switch(i, [lambda: 3, lambda: 7, lambda: 5]), array(jnp.int32)).outputs == Interval(
        3, 7
    )


def test_calls_of_every_kind() -> None:
    @jax.custom_jvp
    def first(x: jax.Array) -> jax.Array:
        return x + 1

    @jax.custom_vjp
    def second(x: jax.Array) -> jax.Array:
        return x + 1

    second.defvjp(lambda x: (x, None), lambda _, g: (g,))
    first.defjvp(lambda p, t: (p[0], t[0]))
    fn = lambda x: first(second(jax.checkpoint(lambda x: x + 1)(eqx.filter_jit(lambda x: x + 1)(x))))
    assert audit(fn, floats(0, 1)).check().outputs == Interval(4, 5)


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL))
def test_the_documented_examples_run(code: str) -> None:
    exec(compile(code, str(DOCS), "exec"), {})
