"""Cases of transformer.md, and tiny models: random weights that reach what real ones seldom do."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from ..oracle.protocol import from_runs, runs
from ..oracle.tensors import RANGES, shapes
from . import transformers_large, transformers_limits, words
from .case import Case

_TINY = {"context": 3, "d_model": 4, "head_dim": 2, "heads": 2, "layers": 2, "mlp_dim": 5, "vocab_size": 256}


def tiny_model(seed: int, loud: bool = False, **settings: int) -> dict[str, Any]:
    """A model of random weights; a loud one has the largest scales, so that everything saturates."""
    draw = random.Random(seed)
    chosen = _TINY | settings
    tensors = {}
    for name, (kind, shape) in shapes(chosen).items():
        low, high = {"|i1": (-128, 127), "<i2": (-400, 400), "<i4": (0, 0)}[kind]
        low, high = RANGES.get(name.rpartition(".")[2], (low, high))
        if name.endswith("multiplier"):
            low = 127 if loud else 64
        elif name.endswith(".shift"):
            low, high = (1, 3) if loud else (21, 23) if "average" in name else (15, 17) if "hidden" in name else (6, 9)
        elif name == ".unembedding.weight" and not loud:
            low, high = -12, 12  # few different numbers, for short files
        elif kind == "<i2" and loud:
            low, high = -32768, 32767
        tensors[name] = runs(draw.randint(low, high) for _ in range(prod(shape)))
    if not loud:  # symbols share a few rows of the embedding
        rows = [[draw.randint(-3000, 3000) for _ in range(chosen["d_model"])] for _ in range(4)]
        tensors[".embedding"] = runs(x for symbol in range(257) for x in rows[symbol * 4 // 257])
    return {"settings": chosen, "tensors": tensors}


def definitions() -> dict[str, Any]:
    """Models, tiny ones."""
    found = {f"tiny-{seed}": tiny_model(seed) for seed in range(3)}
    found["loud"] = tiny_model(3, loud=True, layers=1)
    extreme = tiny_model(11, loud=True, d_model=16, mlp_dim=40, layers=3)
    draw = random.Random(11)
    for name, (_, shape) in shapes(extreme["settings"]).items():
        if name.endswith("weight"):
            extreme["tensors"][name] = runs(draw.choice((-128, 127)) for _ in range(prod(shape)))
    rows = [[draw.choice((-32768, 32767)) for _ in range(16)] for _ in range(4)]
    extreme["tensors"][".embedding"] = runs(x for symbol in range(257) for x in rows[symbol * 4 // 257])
    found["extreme"] = extreme
    found["one-by-one"] = tiny_model(4, d_model=1, head_dim=1, heads=1, layers=1, mlp_dim=1, context=1)
    found["wide"] = tiny_model(5, d_model=17, layers=1, mlp_dim=3, heads=1, head_dim=3, context=4)
    found["eleven-layers"] = tiny_model(6, layers=11, d_model=2, mlp_dim=2, head_dim=1, context=2)
    zeros = tiny_model(7, layers=1)
    for name, (_, shape) in shapes(zeros["settings"]).items():
        if name.endswith(("embedding", "weight", "bias", "multiplier")):
            zeros["tensors"][name] = [[prod(shape), 0]]
    found["zeros"] = zeros
    quiet = copy.deepcopy(tiny_model(8, layers=1))
    quiet["tensors"][".embedding"] = runs(random.Random(8).choice((-1, 0, 1)) for _ in range(257 * 4))
    found["quiet"] = quiet
    return found | _large()


def _large() -> dict[str, Any]:
    return transformers_large.definitions() | transformers_limits.definitions()


def _logits(comment: str, rules: str, model: str, text: bytes, *flags: str) -> Case:
    request = {"op": "transformer.logits", "transformer": f"#{model}", "text": text.hex()}
    return Case(comment, rules, request, flags)


def _changed(model: dict[str, Any], name: str, place: int, number: int) -> dict[str, Any]:
    changed = copy.deepcopy(model)
    numbers = from_runs(changed["tensors"][name])
    numbers[place] = number
    changed["tensors"][name] = runs(numbers)
    return changed


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    stages = "T-4 T-5 T-6 T-7 T-8 T-9 T-10 T-11 T-12 T-13 T-14 T-15"
    for name in (name for name in shared if name not in _large()):
        yield _logits("no text", "T-4", name, b"")
        yield _logits("one byte: the start symbol only", stages, name, b"a")
        yield _logits("a text longer than the context", stages, name, b"\x00\x41\x80\xff\xc1\x42\x07")
        request = {"op": "transformer.fingerprint", "transformer": f"#{name}"}
        yield Case("the fingerprint", "T-17", request)
    saturated = "sums beyond 2^24, updates and residuals beyond 2^23, logits beyond 2^20"
    yield _logits(saturated, f"{stages} C-3", "loud", b"loud!!")
    yield _logits(saturated, f"{stages} C-3", "extreme", b"\x00\x50\xff\x90\xc8")
    yield _logits("rows of zeros", "T-8", "zeros", b"ab", "zero row")
    yield _logits("rows of -1, 0 and 1", "T-8", "quiet", bytes(range(0, 250, 50)), "small row")
    model = shared["one-by-one"]
    for name in ("d_model", "heads", "layers", "context", "mlp_dim", "head_dim"):
        for value in (0, -1, 132_105):
            wrong = {"settings": model["settings"] | {name: value}, "tensors": {}}
            request = {"op": "transformer.fingerprint", "transformer": wrong}
            yield Case(f"{name} is {value}", "T-1", request)
    for settings, what in [
        (model["settings"] | {"context": 3880}, "a context of 3880"),
        (model["settings"] | {"vocab_size": 257}, "257 bytes"),
        (model["settings"] | {"heads": 1000, "head_dim": 1000}, "heads that are too wide together"),
        (model["settings"] | {"width": 1}, "one setting too many"),
        ({k: v for k, v in model["settings"].items() if k != "heads"}, "one setting too few"),
    ]:
        request = {"op": "transformer.fingerprint", "transformer": {"settings": settings, "tensors": {}}}
        yield Case(what, "T-1", request)
    tensors = model["tensors"]
    short = {name: numbers for name, numbers in tensors.items() if name != ".norm.gain"}
    for wrong, what in [
        (short, "a missing tensor"),
        (tensors | {".extra": [[1, 0]]}, "a tensor too many"),
        (tensors | {".embedding": [[256, 1]]}, "a tensor too short"),
        (tensors | {".embedding": [[258, 1]]}, "a tensor too long"),
        (tensors | {".embedding": [[257, 2**15]]}, "a number beyond 16 bits"),
        (tensors | {".unembedding.weight": [[255, 0], [1, 128]]}, "a number above 8 bits"),
        (tensors | {".unembedding.weight": [[255, 0], [1, -129]]}, "a number below 8 bits"),
        (tensors | {".norm.gain": [[1, 2**31]]}, "a number beyond 32 bits"),
    ]:
        request = {"op": "transformer.logits", "transformer": model | {"tensors": wrong}, "text": "61"}
        yield Case(what, "T-2", request)
    for name, numbers in [
        (".unembedding.scale.multiplier", (-1,)),
        (".unembedding.scale.shift", (0, 25)),
        (".norm.gain", (2**29 - 1, 2**30 + 1)),
        (".norm.gain_shift", (15, 25)),
        (".layers[0].attention.scores.shift", (0,)),
        (".layers[0].mlp.hidden.multiplier", (-128,)),
    ]:
        for number in numbers:
            wrong = _changed(model, name, 0, number)
            request = {"op": "transformer.logits", "transformer": wrong, "text": "61"}
            yield Case(f"{name} is {number}", "T-3", request)
    for number, shift in [(2**29, 16), (2**30, 24)]:
        at_limits = _changed(_changed(model, ".norm.gain", 0, number), ".norm.gain_shift", 0, shift)
        request = {"op": "transformer.logits", "transformer": at_limits, "text": "6162"}
        yield Case("scales at their limits", "T-3 T-8", request)
    yield from _taken(model)
    yield from words.transformers(model)
    yield from transformers_large.cases(shared)
    yield from transformers_limits.cases()


def _taken(model: dict[str, Any]) -> Iterator[Case]:
    """Settings, numbers and scales that are only just right, and next to them some that are not."""
    widest = 132_104
    for settings, what in [
        ({"context": 3_879}, "the longest context"),
        ({"d_model": widest}, "the widest rows"),
        ({"mlp_dim": widest}, "the widest MLP"),
        ({"heads": widest}, "as many heads as there may be"),
        ({"heads": 8, "head_dim": widest // 8}, "heads that are as wide together as they may be"),
    ]:
        request = {"op": "transformer.fingerprint", "transformer": {"settings": model["settings"] | settings}}
        request["transformer"] |= {"tensors": {}}
        yield Case(f"{what}, and no tensors", "T-1 T-2", request)
    attention = ".layers[0].attention"
    for name, place, number in [
        (".embedding", 98, -(2**15)),
        (".embedding", 98, 2**15 - 1),
        (f"{attention}.bias", 0, -(2**15)),
        (f"{attention}.bias", 0, 2**15 - 1),
        (".unembedding.weight", 255, -128),
        (".unembedding.weight", 255, 127),
        (".unembedding.scale.multiplier", 255, 0),
        (".unembedding.scale.multiplier", 255, 127),
        (".unembedding.scale.shift", 255, 1),
        (".unembedding.scale.shift", 255, 24),
    ]:
        request = {"op": "transformer.logits", "transformer": _changed(model, name, place, number), "text": "6162"}
        yield Case(f"{name}[{place}] is {number}, which is right", "T-2 T-3", request)
    for name, place, number, rules in [
        (".unembedding.scale.shift", 255, 25, "T-3"),
        (".unembedding.scale.shift", 128, 0, "T-3"),
        (".unembedding.scale.multiplier", 255, -1, "T-3"),
        (f"{attention}.qkv.scale.shift", 2, 25, "T-3"),
        (f"{attention}.bias", 0, 2**15, "T-2"),
        (f"{attention}.bias", 0, -(2**15) - 1, "T-2"),
        (".embedding", 256, -(2**15) - 1, "T-2"),
        (".norm.gain", 0, -(2**31) - 1, "T-2"),
    ]:
        request = {"op": "transformer.logits", "transformer": _changed(model, name, place, number), "text": "6162"}
        yield Case(f"{name}[{place}] is {number}, which is wrong", rules, request)
