"""Cases of transformer.md at limits that few models reach: the longest sums, a long context, the lowest scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import Case
from .transformers_large import by_hand, random_model

_WIDTH = 65_536


def definitions() -> dict[str, Any]:
    """Models."""
    return {
        "widest-sums": _widest(),
        "context-300": random_model(
            404, 6, 3_000, 200, context=300, d_model=2, head_dim=2, heads=1, layers=1, mlp_dim=2
        ),
        "lowest-scores": _lowest(),
    }


def _widest() -> dict[str, Any]:
    """Two equal outputs of the MLP, each of which is a sum of 65,536 products of 127 and 127."""
    model = by_hand(383, 0, [[2 * _WIDTH, 127]], head_dim=1, mlp_dim=_WIDTH)
    model["settings"]["d_model"] = 2
    model["tensors"] |= {
        ".embedding": [[2, -383], [512, 383]],
        ".layers[0].attention.qkv.weight": [[6, 0]],
        ".layers[0].attention.out.weight": [[2, 0]],
        ".layers[0].attention.out.scale.multiplier": [[2, 127]],
        ".layers[0].attention.out.scale.shift": [[2, 1]],
        ".layers[0].mlp.gate.weight": [[2 * _WIDTH, 127]],
        ".layers[0].mlp.up.weight": [[2 * _WIDTH, 127]],
        ".layers[0].mlp.down.scale.multiplier": [[2, 1]],
        ".layers[0].mlp.down.scale.shift": [[2, 1]],
        ".unembedding.weight": [[255, 1], [1, -1], [255, 2], [1, 5]],
    }
    return model


def _lowest() -> dict[str, Any]:
    """All scores are -2^20, their biases the lowest that there are; what attention adds turns the sign of the row."""
    model = by_hand(1_000, -20, [[1, 0]], head_dim=2, mlp_dim=1)
    model["tensors"] |= {
        ".layers[0].attention.qkv.weight": [[2, 127], [2, -127], [2, 127]],
        ".layers[0].attention.scores.multiplier": [[1, 127]],
        ".layers[0].attention.bias": [[2, -(2**15)]],
    }
    return model


def cases() -> Iterator[Case]:
    """All of them."""
    for name, text, rules, flags in [
        ("widest-sums", "000102", "T-6 T-7 T-14", ["long", "clamp"]),
        ("context-300", {"bytes": [[9, 0, 255, 400]]}, "T-10 T-11 T-12", ["long"]),
        ("lowest-scores", "000102", "T-10 T-11", ["clamp"]),
    ]:
        request = {"op": "transformer.logits", "transformer": f"#{name}", "text": text}
        yield Case(name.replace("-", " "), rules, request, flags)
