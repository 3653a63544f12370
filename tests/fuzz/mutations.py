"""Damaged and hostile files: those of every kind that the package reads, changed at random or made to hurt."""

from __future__ import annotations

import functools
import json
import random
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors.numpy

from ecjax import Codebook, serialisation
from ecjax.models.files import save_exact, save_transformer
from ecjax.models.integer import IntegerTransformer
from ecjax.models.transformer import Transformer, TransformerConfig

CONFIG = TransformerConfig(vocab_size=256, d_model=4, heads=2, layers=2, head_dim=2, mlp_dim=4, context=3)

# Values that a reader of JSON may trip over. Text stands for itself as JSON: not everything can be written from Python.
NASTY = ["null", "true", "false", "0", "-1", "1", "2", "2.0", "1e400", "-0", "NaN", "-Infinity", "2147483647"]
NASTY += ["2147483648", "9223372036854775807", "18446744073709551616", "1" + "0" * 30, "1" * 4300, "1" * 4301, '""']
NASTY += ['"x"', '"\\ud800"', '"\\n\\u001b[31m"', '"\\u0000"', "[]", "{}", "[[]]", "[1,2]", "[0,0]", '{"a":1,"a":2}']
NASTY += ["[" * 40 + "]" * 40, "[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, '"' + "x" * 100_000 + '"', "1 2", ""]
DTYPES = ["F8_E4M3", "F8_E5M2", "BF16", "F4", "C64", "F64", "F32", "F16", "I64", "I32", "I16", "I8", "U16", "U8"]


@functools.cache
def originals() -> tuple[bytes, ...]:
    """A valid file of each kind."""
    # Every byte but the last follows the first, and nothing follows another.
    parents = np.concatenate([[0, 0], np.ones(255), np.zeros(255)]).astype(np.uint16)
    last_bytes = np.concatenate([[0, 0], np.arange(255), np.arange(1, 256)]).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}" for i in range(4)]
        save_transformer(paths[0], Transformer(CONFIG, key=jax.random.key(0)), {"steps": 3, "text": ["a", "b"]})
        save_exact(paths[1], IntegerTransformer.zeros(CONFIG), {})
        Codebook(parents, last_bytes, '{"text": "a \\u00e9 \\ud83d\\ude00"}').save(paths[2])
        serialisation.write(paths[3], "ecjax.tokens", {"bits": 9}, {"ids": np.arange(50, dtype=np.uint16)}, {})
        return tuple(path.read_bytes() for path in paths)


def damaged(rng: random.Random) -> bytes:
    """A file made of valid ones."""
    make = rng.choice([_bytes, _bytes, _header, _header, _header, _contents, _contents, _contents, _bomb])
    return make(rng, rng.choice(originals()))


def _parts(file: bytes) -> tuple[dict[str, Any], bytes]:
    end = 8 + int.from_bytes(file[:8], "little")
    return json.loads(file[8:end]), file[end:]


def _joined(header: str, data: bytes) -> bytes:
    raw = header.encode("utf-8", "surrogatepass")
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw + data


def _bytes(rng: random.Random, file: bytes) -> bytes:
    """Bytes flipped, cut off, cut out, doubled or swapped for those of another file; mostly near the beginning."""
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        place = rng.randrange(rng.choice([9, min(len(file), 400), len(file)]) or 1) if file else 0
        some = rng.choice([1, 1, 2, 8, 64, 1000])
        file = rng.choice(
            [
                lambda f, p, n: f[:p] + bytes([f[p] ^ 1 << rng.randrange(8)]) + f[p + 1 :] if p < len(f) else f,
                lambda f, p, n: f[:p],
                lambda f, p, n: f[:p] + f[p + n :],
                lambda f, p, n: f[: p + n] + f[p:],
                lambda f, p, n: f[:p] + rng.randbytes(n) + f[p + n :],
                lambda f, p, n: f[:p] + bytes(n) + f[p + n :],
                lambda f, p, n: f[:p] + rng.choice(originals())[p:],
                lambda f, p, n: f + rng.randbytes(n),
            ]
        )(file, place, some)
    return file


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, but its top: the keys that lead there, and what is there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in ((*path, key, inner), *_places(inner, (*path, key)))]


def _changed(rng: random.Random, value: Any) -> str:
    """JSON with one place of it changed."""
    change = rng.choice(["any", "remove", "rename", "repeat", "number", "dtype"])
    fitting = {"number": lambda old: type(old) is int, "dtype": lambda old: old in DTYPES}.get(change, lambda _: True)
    places = [place for place in _places(value) if fitting(place[-1])]
    if not places:
        return rng.choice(NASTY)
    *path, key, old = rng.choice(places)
    value = json.loads(json.dumps(value))
    holder = functools.reduce(lambda inner, step: inner[step], path, value)
    mark, text = "a mark that nothing else has", rng.choice(NASTY)
    if change == "number":
        text = str(rng.choice([old + 1, old - 1, old * 2, -old, old * 1000, old + (1 << 32), old + (1 << 64)]))
    elif change == "dtype":
        text = json.dumps(rng.choice(DTYPES))
    elif change == "repeat" and isinstance(holder, dict):
        text = f"{json.dumps(old)},{json.dumps(key)}:{rng.choice([json.dumps(old), text])}"
    holder[key] = mark
    if change in ("remove", "rename"):
        del holder[key]
        if change == "rename" and isinstance(holder, dict):
            holder[rng.choice(["more", "", "\n", "__metadata__", "\x1b[2J", "x" * 5000])] = old
    return json.dumps(value).replace(json.dumps(mark), text)


def _header(rng: random.Random, file: bytes) -> bytes:
    """A header that says something else, without the fingerprint to go with it."""
    header, data = _parts(file)
    return _joined(_changed(rng, header), data)


def _contents(rng: random.Random, file: bytes) -> bytes:
    """Other settings, provenance or arrays, with the fingerprint to go with them."""
    metadata = _parts(file)[0]["__metadata__"]
    arrays = safetensors.numpy.load(file)
    settings, provenance = metadata["settings"], metadata["provenance"]
    kind = metadata["kind"]
    match rng.randrange(6):
        case 0 | 1:
            settings = _changed(rng, json.loads(settings))
        case 2:
            provenance = rng.choice([*NASTY, _changed(rng, json.loads(provenance))])
        case 3:
            kind = rng.choice(["ecjax.codebook", "ecjax.transformer", "ecjax.integer_transformer", "\n\x1b[31m", ""])
        case _:
            for _ in range(rng.choice([1, 1, 2])):
                _change_array(rng, arrays)
    return signed(kind, settings, arrays, provenance)


def signed(kind: str, settings: str, arrays: dict[str, np.ndarray], provenance: str = "{}") -> bytes:
    """A file with the fingerprint of what it holds, whatever that is."""
    try:
        mark = serialisation.fingerprint(kind, json.loads(settings), arrays)
    except (ValueError, RecursionError):
        mark = "0" * 64
    fields = {"kind": kind, "version": "1", "settings": settings, "fingerprint": mark, "provenance": provenance}
    return safetensors.numpy.save(arrays, fields)


def _change_array(rng: random.Random, arrays: dict[str, np.ndarray]) -> None:
    name = rng.choice(sorted(arrays) or ["none"])
    array = arrays.pop(name, np.zeros(3, np.uint8))
    number = rng.choice([0, 1, -1, 127, 1 << 15, float("nan"), float("inf"), -float("inf")])
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        changes: list[Callable[[], dict[str, np.ndarray]]] = [
            lambda: {},
            lambda: {name + rng.choice(["x", "\n", "\x00", "\u202e"]): array},
            lambda: {name: array.astype(rng.choice(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "?"]))},
            lambda: {name: array.reshape(-1)},
            lambda: {name: array.reshape(array.shape + (1,) * rng.choice([1, 5, 30]))},
            lambda: {name: array[..., None][:0]},
            lambda: {name: np.repeat(array.reshape(-1), rng.choice([2, 100]))},
            lambda: {name: np.where(rng.randrange(2) * array == 0, number, array).astype(array.dtype)},
            lambda: {name: np.full_like(array, 0) + np.asarray(number).astype(array.dtype)},
            lambda: {name: array.copy(), f"{name}2": array.copy()},
            lambda: {name: np.frombuffer(rng.randbytes(array.nbytes), array.dtype).reshape(array.shape).copy()},
        ]
        arrays.update({key: np.asarray(value) for key, value in rng.choice(changes)().items()})


def _bomb(rng: random.Random, file: bytes) -> bytes:
    """Few bytes that claim much."""
    header, data = _parts(file)
    metadata = header["__metadata__"]
    settings = json.loads(metadata["settings"])
    many = rng.choice([10**3, 10**6, (1 << 31) - 1, 10**30])
    keys = [key for key in settings if type(settings[key]) is int]
    empty = np.zeros(0, np.float32)
    match rng.randrange(7):
        case 0:  # sizes that nothing backs, in one field or in all
            few = rng.sample(keys, rng.randrange(1, len(keys) + 1))
            arrays = rng.choice([safetensors.numpy.load(file), {}, {"x": empty}])
            return signed(metadata["kind"], json.dumps(settings | {key: many for key in few}), arrays)
        case 1:  # one long array in place of many, as large as the settings ask for
            arrays = {"x": np.zeros(rng.choice([1, 100_000]), np.int8)}
            return signed(metadata["kind"], json.dumps(settings | {"layers": 1000}), arrays)
        case 2:  # layers without anything in them
            arrays = {f".layers[{i}].attention.bias": empty for i in range(5000)}
            return signed(metadata["kind"], json.dumps(settings | {"layers": 5000}), arrays)
        case 3:  # arrays beyond the end of the file
            for entry in header.values():
                if "shape" in entry:
                    entry["shape"], entry["data_offsets"][1] = [many], rng.choice([many, 4 * many])
            return _joined(json.dumps(header), data)
        case 4:  # a header that is long, or said to be
            return rng.choice([(1 << 22) + 1, 1 << 40, (1 << 64) - 1]).to_bytes(8, "little") + file[8:]
        case 5:
            size = rng.choice([1000, 100_000])
            parts = ["[" * size, "[" + "{}," * size, '"' + "\\" * size, '"\\"' * size, "9" * size, '{"a":' * size]
            return _joined(rng.choice(['{"a":', ""]) + rng.choice(parts), data)
        case _:  # each array the same bytes
            for entry in header.values():
                if "shape" in entry:
                    entry["data_offsets"] = [0, entry["data_offsets"][1] - entry["data_offsets"][0]]
            return _joined(json.dumps(header), data)
