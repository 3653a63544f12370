"""Settings and tensors of a model's file: what they must be, and the fingerprint that names them.

A tensor is a flat list of its numbers in row-major order. Standard library only; this is the definition.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from math import prod

from .refusal import require, require_range
from .transformer import Layer, Linear, Model, Row, Scale

Settings = Mapping[str, int]
Tensors = Mapping[str, Sequence[int]]
Shapes = Mapping[str, tuple[str, tuple[int, ...]]]

SETTINGS = ("context", "d_model", "head_dim", "heads", "layers", "mlp_dim", "vocab_size")
KIND = "ecjax.integer_transformer"
SIZES = {"u1": 1, "u2": 2, "u4": 4, "i1": 1, "i2": 2, "i4": 4}


def shapes(settings: Settings) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name, type and shape of every tensor of a model."""
    d, e, h, m = (settings[name] for name in ("d_model", "head_dim", "heads", "mlp_dim"))
    found: dict[str, tuple[str, tuple[int, ...]]] = {".embedding": ("<i2", (257, d))}

    def scale(name: str, *shape: int) -> None:
        found[f"{name}.multiplier"] = found[f"{name}.shift"] = ("|i1", shape)

    def linear(name: str, inputs: int, outputs: int) -> None:
        found[f"{name}.weight"] = ("|i1", (inputs, outputs))
        scale(f"{name}.scale", outputs)

    def norm(name: str) -> None:
        found[f"{name}.gain"], found[f"{name}.gain_shift"] = ("<i4", ()), ("|i1", ())

    for i in range(settings["layers"]):
        layer = f".layers[{i}]"
        norm(f"{layer}.attention_norm")
        linear(f"{layer}.attention.qkv", d, 3 * h * e)
        scale(f"{layer}.attention.scores", h)
        found[f"{layer}.attention.bias"] = ("<i2", (h, settings["context"]))
        scale(f"{layer}.attention.average", h)
        linear(f"{layer}.attention.out", h * e, d)
        norm(f"{layer}.mlp_norm")
        linear(f"{layer}.mlp.gate", d, m)
        linear(f"{layer}.mlp.up", d, m)
        scale(f"{layer}.mlp.hidden")
        linear(f"{layer}.mlp.down", m, d)
    norm(".norm")
    linear(".unembedding", d, 256)
    return found


def check(settings: Settings, tensors: Tensors) -> None:
    """Raises Refused unless these are a model's."""
    require(sorted(settings) == list(SETTINGS), "settings")
    require_range(list(settings.values()), 1, 132_104, "settings")
    require(settings["context"] <= 3879 and settings["vocab_size"] == 256, "settings")
    require(settings["heads"] * settings["head_dim"] <= 132_104, "settings")
    expected = shapes(settings)
    require(tensors.keys() == expected.keys(), "tensors")
    for name, (kind, shape) in expected.items():
        require(len(tensors[name]) == prod(shape), "tensors")
        half = 2 ** (8 * SIZES[kind[1:]] - 1)
        require_range(tensors[name], -half, half - 1, "tensors")
    for name, numbers in tensors.items():
        low, high = RANGES.get(name.rpartition(".")[2], (-(2**31), 2**31))
        require_range(numbers, low, high, "scale")


RANGES = {"multiplier": (0, 127), "shift": (1, 24), "gain": (2**29, 2**30), "gain_shift": (16, 24)}


def build(settings: Settings, tensors: Tensors) -> Model:
    """The model of a file. Raises Refused if there is none."""
    check(settings, tensors)
    expected = shapes(settings)

    def rows(name: str) -> list[Row]:
        width = expected[name][1][1]
        return [tensors[name][i : i + width] for i in range(0, len(tensors[name]), width)]

    def scales(name: str) -> list[Scale]:
        return list(zip(tensors[f"{name}.multiplier"], tensors[f"{name}.shift"], strict=True))

    def linear(name: str) -> Linear:
        return Linear(rows(f"{name}.weight"), scales(f"{name}.scale"))

    def norm(name: str) -> Scale:
        return tensors[f"{name}.gain"][0], tensors[f"{name}.gain_shift"][0]

    def layer(name: str) -> Layer:
        return Layer(
            attention_norm=norm(f"{name}.attention_norm"),
            qkv=linear(f"{name}.attention.qkv"),
            scores=scales(f"{name}.attention.scores"),
            bias=rows(f"{name}.attention.bias"),
            average=scales(f"{name}.attention.average"),
            out=linear(f"{name}.attention.out"),
            mlp_norm=norm(f"{name}.mlp_norm"),
            gate=linear(f"{name}.mlp.gate"),
            up=linear(f"{name}.mlp.up"),
            hidden=scales(f"{name}.mlp.hidden")[0],
            down=linear(f"{name}.mlp.down"),
        )

    layers = [layer(f".layers[{i}]") for i in range(settings["layers"])]
    return Model(rows(".embedding"), layers, norm(".norm"), linear(".unembedding"))


def fingerprint(kind: str, settings: Settings, tensors: Tensors, types: Shapes) -> str:
    """SHA-256 of what a file means, in hexadecimal."""
    digest = hashlib.sha256(json.dumps([kind, dict(settings)], sort_keys=True).encode())
    for name in sorted(tensors):
        dtype, shape = types[name]
        digest.update(json.dumps([name, dtype, shape]).encode())
        for number in tensors[name]:
            digest.update(number.to_bytes(SIZES[dtype[1:]], "little", signed=dtype[1] == "i"))
    return digest.hexdigest()


def model_fingerprint(settings: Settings, tensors: Tensors) -> str:
    """The fingerprint of a model. Raises Refused if it is none."""
    check(settings, tensors)
    return fingerprint(KIND, settings, tensors, shapes(settings))
