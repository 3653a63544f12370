"""Cases of transformer.md of real size, and by hand: sums, contexts and texts long enough to reach every clamp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from ..oracle.tensors import shapes
from .case import Case

_LONG = 160  # bytes of text, more than twice the longest context
_GAIN = 729_623_210  # for which these rows have norms that the last bit of a root decides on
_TELLING = {"every-power": (5, 12, 25), "context-64-loud": (20, 31)}  # seeds of texts, found by trying mutants
_BLOCKS = 8  # different columns of the unembedding, for short answers


def described(*parts: list[int]) -> dict[str, Any]:
    """A list of runs that is described by its parts."""
    return {"runs": [*parts]}


def _random(seed: int, low: int, high: int, count: int) -> dict[str, Any]:
    return described([seed, low, high, count])


def _scales(tensors: dict[str, Any], sizes: Mapping[str, int], name: str, multiplier: int, shift: int) -> None:
    tensors[f"{name}.multiplier"] = described([sizes[f"{name}.multiplier"], multiplier])
    tensors[f"{name}.shift"] = described([sizes[f"{name}.shift"], shift])


def random_model(seed: int, shift: int, noise: int, bias: int = 600, **settings: int) -> dict[str, Any]:
    """A model of random numbers, described.

    Args:
      seed: Of the first tensor; those that follow have the next seeds.
      shift: Of the products; smaller ones are louder.
      noise: The largest number of the embedding, in magnitude.
      bias: The largest bias, in magnitude.
      settings: All but the number of bytes.
    """
    chosen = settings | {"vocab_size": 256}
    sizes = {name: prod(shape) for name, (_, shape) in shapes(chosen).items()}
    tensors: dict[str, Any] = {}
    for place, (name, size) in enumerate(sizes.items()):
        low, high = (-128, 127) if name.endswith("weight") else (-bias, bias)
        if name == ".embedding":
            low, high = -noise, noise
        elif name.endswith("gain"):
            low, high = 2**29, 2**30
        elif name.endswith("gain_shift"):
            low, high = 21, 23
        elif name.endswith("multiplier"):
            low, high = 64, 127
        elif name.endswith(".shift"):
            low, high = shift, shift + 2
        tensors[name] = _random(seed + place, low, high, size)
    for layer in range(chosen["layers"]):
        _scales(tensors, sizes, f".layers[{layer}].attention.average", 100, 22)
        _scales(tensors, sizes, f".layers[{layer}].mlp.hidden", 90, 20)
    columns = [[256 // _BLOCKS, 3 * (block * 7 % 11) - 16] for block in range(_BLOCKS)]
    tensors[".unembedding.weight"] = described(
        *([count, number + 5 * (row * (place + 3) % 13) - 30] for row in range(chosen["d_model"])
          for place, (count, number) in enumerate(columns))
    )  # fmt: skip
    _scales(tensors, sizes, ".unembedding.scale", 127, 6)
    return {"settings": chosen, "tensors": tensors}


def by_hand(embedding: int, out: int, down: list[list[int]], sign: int = 1, **settings: int) -> dict[str, Any]:
    """A model of width 1 whose attention and MLP each add one known number.

    Args:
      embedding: Of all symbols but the byte 0, whose own is its negative.
      out: The weight of all means, which are 127 with the sign of the embedding. The sum times 127 / 2 is added.
      down: Runs of the weights of all numbers of the MLP, which are 127. Half the sum is added.
      sign: That of the numbers for which the MLP adds something; for others it adds 0.
      settings: `head_dim` and `mlp_dim`.
    """
    chosen = {"context": 2, "d_model": 1, "heads": 1, "layers": 1, "vocab_size": 256} | settings
    sizes = {name: prod(shape) for name, (_, shape) in shapes(chosen).items()}
    tensors: dict[str, Any] = {name: [[size, 0]] for name, size in sizes.items()}
    for name in sizes:
        if name.endswith(".gain"):
            tensors[name] = [[1, 2**29]]
        elif name.endswith("gain_shift"):
            tensors[name] = [[1, 23]]
    width = chosen["head_dim"]
    tensors[".embedding"] = [[1, -embedding], [256, embedding]]
    tensors[".layers[0].attention.qkv.weight"] = [[2 * width, 0], [width, 127]]
    tensors[".layers[0].attention.out.weight"] = [[width, out]]
    tensors[".layers[0].mlp.gate.weight"] = tensors[".layers[0].mlp.up.weight"] = [[chosen["mlp_dim"], sign * 127]]
    tensors[".layers[0].mlp.down.weight"] = down
    for name, multiplier, shift in [
        ("attention.qkv.scale", 127, 1),
        ("attention.scores", 1, 1),
        ("attention.average", 127, 14),
        ("mlp.gate.scale", 127, 6),
        ("mlp.up.scale", 127, 6),
        ("mlp.hidden", 127, 10),
        ("mlp.down.scale", 1, 1),
    ]:
        _scales(tensors, sizes, f".layers[0].{name}", multiplier, shift)
    _scales(tensors, sizes, ".layers[0].attention.out.scale", 127, 1)
    tensors[".unembedding.weight"] = [[255, 1], [1, -1]]
    _scales(tensors, sizes, ".unembedding.scale", 127, 1)
    return {"settings": chosen, "tensors": tensors}


def definitions() -> dict[str, Any]:
    """Models."""
    found = {
        "context-64": random_model(
            101, 6, 3_000, 20, context=64, d_model=16, head_dim=8, heads=2, layers=2, mlp_dim=40
        ),
        "context-64-loud": random_model(
            202, 1, 32_767, 3, context=64, d_model=4, head_dim=16, heads=2, layers=3, mlp_dim=64
        ),
        "wide-heads": random_model(303, 8, 2_000, context=33, d_model=8, head_dim=80, heads=3, layers=1, mlp_dim=9),
    }
    found["sum-of-2000"] = by_hand(383, 0, [[2_000, -128]], head_dim=1, mlp_dim=2_000)
    found["sum-of-2000"]["tensors"][".norm.gain"] = [[1, 545_275_648]]  # where the last of 15 bits shows
    found["sum-of-2000"]["tensors"][".norm.gain_shift"] = [[1, 24]]
    found["there-and-back"] = by_hand(100, 0, [[1_500, 127], [1_500, -126], [1_500, -1]], head_dim=1, mlp_dim=4_500)
    found["cancelled"] = by_hand(-1, 127, [[2_000, 127]], sign=-1, head_dim=16, mlp_dim=2_000)
    found["cancelled"]["tensors"][".layers[0].mlp.down.scale.multiplier"] = [[1, 127]]
    found["every-power"] = _every_power()
    found["norms"] = _norms()
    found["long-scores"] = by_hand(1_000, 0, [[1, 0]], head_dim=1_100, mlp_dim=1)
    attention = {
        ".qkv.weight": [[3_300, 127]],
        ".scores.multiplier": [[1, 1]],
        ".scores.shift": [[1, 18]],
        ".average.shift": [[1, 23]],
    }
    attention |= {".out.weight": [[1_100, -1]], ".out.scale.multiplier": [[1, 93]], ".out.scale.shift": [[1, 10]]}
    found["long-scores"]["tensors"] |= {f".layers[0].attention{name}": runs for name, runs in attention.items()}
    octaves = by_hand(1_000, 0, [[1, 0]], context=64, head_dim=1, mlp_dim=1)
    attention = {".bias": [[1, 3_072], [63, 0]], ".average.shift": [[1, 22]], ".out.weight": [[1, -1]]}
    attention |= {".out.scale.multiplier": [[1, 65]], ".out.scale.shift": [[1, 3]]}
    octaves["tensors"] |= {f".layers[0].attention{name}": runs for name, runs in attention.items()}
    found["twelve-octaves"] = octaves
    return found


def _every_power() -> dict[str, Any]:
    """A model of 256 heads, which see two bytes, the one before with the weight E[i], for i from 0 to 255."""
    model = random_model(404, 7, 2_000, context=2, d_model=4, head_dim=2, heads=64, layers=4, mlp_dim=4)
    for layer in range(4):
        attention = f".layers[{layer}].attention"
        rows = [[[128, 0], [500 + 4 * layer + row, -128, 127, 256]] for row in range(4)]
        model["tensors"][f"{attention}.qkv.weight"] = described(*(part for row in rows for part in row))
        biases = [[[1, 0], [1, -(4 * head + layer)]] for head in range(64)]
        model["tensors"][f"{attention}.bias"] = described(*(part for head in biases for part in head))
        _scales(model["tensors"], {f"{attention}.average.{part}": 64 for part in ("multiplier", "shift")},
                f"{attention}.average", 127, 21)  # fmt: skip
    return model


def _norms() -> dict[str, Any]:
    """A model of width 2 that is a norm and no more, and whose rows are near what decides on B, H and R."""
    model = by_hand(0, 0, [[2, 0]], d_model=2, head_dim=1, mlp_dim=1)
    tensors = model["tensors"]
    tensors[".layers[0].attention.qkv.weight"] = [[6, 0]]
    tensors[".layers[0].attention.out.weight"] = tensors[".layers[0].mlp.gate.weight"] = [[2, 0]]
    tensors[".layers[0].mlp.up.weight"] = tensors[".layers[0].mlp.down.weight"] = [[2, 0]]
    pairs = [(2**place, sign * 2**place) for place in range(15) for sign in (1, -1)]
    pairs += [(10_453, -4_995), (7_306, -8_991), (6_400, -9_657), (5_752, -10_056), (4_462, -10_691), (4_387, -10_722)]
    pairs += [(7, -24), (14, -48), (21, -72), (95, -900)]
    pairs += [(16_383 - place, 16_383 - place // 2) for place in range(40)]
    rows = [pairs[place % len(pairs)] for place in range(257)]
    tensors[".embedding"] = [[1, number] for row in rows for number in row]
    tensors[".norm.gain"] = [[1, _GAIN]]
    tensors[".unembedding.weight"] = [[128, 1], [128, 0], [128, 0], [128, 1]]
    return model


def cases(shared: Mapping[str, Any]) -> Iterator[Case]:
    """All of them."""
    stages = "T-4 T-5 T-6 T-7 T-8 T-9 T-10 T-11 T-12 T-13 T-14 T-15"
    for seed, name in enumerate(("context-64", "context-64-loud", "wide-heads"), 1):
        text = {"bytes": [[seed, 0, 255, _LONG]]}
        request = {"op": "transformer.logits", "transformer": f"#{name}", "text": text}
        yield Case(f"{name}: {_LONG} bytes", stages, request, ["long"])
        yield Case(f"{name}: the fingerprint", "T-17", {"op": "transformer.fingerprint", "transformer": f"#{name}"})
    for name, seeds in _TELLING.items():
        for seed in seeds:
            text = {"bytes": [[seed, 0, 255, _LONG]]}
            request = {"op": "transformer.logits", "transformer": f"#{name}", "text": text}
            yield Case(f"{name}: texts that tell the last bit of a weight", "T-10 T-11 T-12", request, ["long"])
    request = {"op": "transformer.logits", "transformer": "#norms", "text": bytes(range(256)).hex()}
    yield Case("norms of squares, of powers of two and of the largest numbers", "T-8", request, ["long"])
    request = {"op": "transformer.logits", "transformer": "#long-scores", "text": "000102030001"}
    yield Case("scores of heads that are 1100 wide", "T-6 T-10", request)
    text = {"bytes": [["00", 64], "0101"]}
    request = {"op": "transformer.logits", "transformer": "#twelve-octaves", "text": text}
    yield Case("63 positions twelve octaves below the last", "T-10 T-11", request, ["long"])
    for name, rules, what in [
        ("sum-of-2000", "T-6 T-7", "a sum below -2^24, and the last bit of its clamp"),
        ("there-and-back", "T-6 T-7", "a sum that goes beyond 2^24 and comes back to 0"),
        ("cancelled", "T-5", "-2^23 and what is more than 2^23 are 0"),
    ]:
        yield Case(what, rules, {"op": "transformer.logits", "transformer": f"#{name}", "text": "000102"}, ["clamp"])
