"""Our side of the protocol: the package's own code answers the requests of specs/conformance.md."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt8, UInt32

from ecjax import container
from ecjax.codebook import Codebook, compile_codebook
from ecjax.codebook.slots import MAX_NODES
from ecjax.codebook.table import TooLarge
from ecjax.codebook.tree import parents_type
from ecjax.coding import stream, windows
from ecjax.coding.windows import check_bits
from ecjax.frequencies import check_precision, cumulative_frequencies
from ecjax.integers import from_limbs, limb_count, to_limbs
from ecjax.models.base import ByteModel
from ecjax.models.files import exact_fingerprint, exact_model, exact_shapes
from ecjax.models.integer import IntegerTransformer
from ecjax.padding import coarse_bucket
from ecjax.specs.oracle.protocol import from_runs, runs, write_code
from ecjax.tokenizers.bits import check_token_bits, from_ids, from_numbers, to_ids, to_numbers

Request = Mapping[str, Any]
Answer = dict[str, Any]

_ROWS, _SIZE = 8, 64  # tables of a model and bytes of a text at least, so that few shapes are compiled
_LARGEST_LOGIT = 1 << 30
_FEW, _CHUNK = 16, 256  # windows that are decoded side by side: two sizes, so that few shapes are compiled
_CODEBOOK = {"parents": np.uint16, "last_bytes": np.uint8, "members": np.uint8, "costs": np.uint16}


class _Refused(Exception):
    """Input that is refused; its argument is the cause."""


def _require(condition: bool, cause: str) -> None:
    if not condition:
        raise _Refused(cause)


@contextlib.contextmanager
def _refusing(cause: str) -> Iterator[None]:
    """A ValueError in here is this cause."""
    try:
        yield
    except TooLarge:
        raise
    except ValueError as error:
        raise _Refused(cause) from error


class TableModel(ByteModel):
    """A byte model that looks at the byte before only.

    Attributes:
      tables: Some tables.
      following: Which of them follows each byte; the last is the first byte's.
    """

    tables: UInt32[Array, "rows 257"]
    following: Int32[Array, "257"]
    precision: int = eqx.field(static=True)
    exact: bool = eqx.field(static=True)

    def __init__(self, tables: UInt32[Array, "rows 257"], following: Int32[Array, "257"], precision: int) -> None:
        self.tables, self.following, self.precision, self.exact = tables, following, precision, True

    def init(self) -> Int32[Array, ""]:
        return jnp.array(256, jnp.int32)

    def step(self, state: Int32[Array, ""], byte: Integer[Array, ""]) -> Int32[Array, ""]:
        return byte.astype(jnp.int32)

    def frequencies(self, state: Int32[Array, ""]) -> UInt32[Array, "257"]:
        return self.tables[self.following[state]]

    def sequence(self, text: Integer[Array, " n"]) -> UInt32[Array, "n 257"]:
        before = jnp.concatenate([jnp.array([256], jnp.int32), text.astype(jnp.int32)])[:-1]
        return self.tables[self.following[before]]


# From requests.


def _precision(request: Request) -> int:
    with _refusing("precision"):
        check_precision(request["precision"])
    return request["precision"]


def _bits(request: Request) -> int:
    with _refusing("bits"):
        check_bits(request["bits"])
    return request["bits"]


def _token_bits(request: Request) -> int:
    with _refusing("token_bits"):
        check_token_bits(request["token_bits"])
    return request["token_bits"]


def _transformer(request: Request) -> IntegerTransformer:
    settings = request["settings"]
    numbers = {name: from_runs(written) for name, written in request["tensors"].items()}
    with _refusing("settings"):
        shapes = exact_shapes(settings)
    _require(numbers.keys() == shapes.keys(), "tensors")
    tensors = {}
    for name, shape in shapes.items():
        limits = np.iinfo(shape.dtype)
        _require(len(numbers[name]) == shape.size, "tensors")
        _require(all(limits.min <= x <= limits.max for x in numbers[name]), "tensors")
        tensors[name] = np.array(numbers[name], shape.dtype).reshape(shape.shape)
    with _refusing("scale"):
        return exact_model(settings, tensors)


def _model(request: Request) -> ByteModel:
    precision = _precision(request)
    if "transformer" in request:
        exact = _transformer(request["transformer"])
        parts = exact.embedding, exact.layers, exact.norm, exact.unembedding
        return IntegerTransformer(*parts, exact.config, precision)
    rows = [from_runs(row) for row in request["rows"]]
    for row in rows:
        _require(len(row) == 256 and min(row) >= 1 and sum(row) == 1 << precision, "table")
    tables = np.concatenate([np.zeros((len(rows), 1), np.uint32), np.cumsum(rows, axis=1).astype(np.uint32)], axis=1)
    tables = np.resize(tables, (max(_ROWS, len(rows)), 257))
    return TableModel(jnp.asarray(tables), jnp.asarray(from_runs(request["next"]), jnp.int32), precision)


def _text(request: Request) -> tuple[UInt8[Array, " n"], int]:
    text = bytes.fromhex(request["text"])
    size = coarse_bucket(len(text), _SIZE)
    return jnp.asarray(np.frombuffer(text.ljust(size, b"\0"), np.uint8)), len(text)


def _codes(request: Request, bits: int) -> UInt32[np.ndarray, "n limbs"]:
    numbers = [int(code, 16) for code in request["codes"]]
    _require(all(number < 1 << bits for number in numbers), "code")
    limbs = [to_limbs(number, limb_count(bits)) for number in numbers]
    return np.array(limbs, np.uint32).reshape(len(numbers), limb_count(bits))


def _written(codes: UInt32[np.ndarray, "n limbs"], bits: int) -> list[str]:
    return [write_code(from_limbs(code), bits) for code in codes]


def _ids(request: Request, size: int) -> list[int]:
    _require(all(0 <= number < size for number in request["ids"]), "id")
    return request["ids"]


def _codebook(request: Request) -> Codebook:
    numbers = {name: from_runs(request[name]) for name in _CODEBOOK if name in request}
    nodes = len(numbers["parents"])
    _require(len(numbers["last_bytes"]) == nodes and 0 < nodes <= MAX_NODES, "codebook")
    dtypes = _CODEBOOK | {"parents": parents_type(nodes)}
    for name, written in numbers.items():
        most = nodes - 1 if name == "parents" else np.iinfo(dtypes[name]).max
        _require(all(0 <= x <= most for x in written), "codebook")
    _require(len(numbers.get("members", numbers["parents"])) == nodes, "codebook")
    arrays = {name: np.array(written, dtypes[name]) for name, written in numbers.items()}
    with _refusing("codebook"):
        return Codebook(
            arrays["parents"], arrays["last_bytes"], members=arrays.get("members"), costs=arrays.get("costs")
        )


# The operations.


def _frequencies(request: Request) -> Answer:
    precision, logits = _precision(request), from_runs(request["logits"])
    _require(len(logits) == 256 and all(abs(x) <= _LARGEST_LOGIT for x in logits), "logits")
    table = _jit_frequencies(jnp.asarray(logits, jnp.int32), precision)
    return {"frequencies": runs(np.diff(np.asarray(table).astype(int)).tolist())}


def _stream_encode(request: Request) -> Answer:
    model, (text, length) = _model(request["model"]), _text(request)
    coded = _jit_stream_encode(model, text, jnp.asarray(length))
    return {"code": np.asarray(coded.code)[: int(coded.length)].tobytes().hex()}


def _stream_decode(request: Request) -> Answer:
    model, code, length = _model(request["model"]), bytes.fromhex(request["code"]), request["length"]
    filled = code.ljust(coarse_bucket(len(code), _SIZE), b"\0")
    capacity = coarse_bucket(length, _SIZE)
    text = _jit_stream_decode(model, jnp.asarray(np.frombuffer(filled, np.uint8)), jnp.asarray(length), capacity)
    return {"text": np.asarray(text)[:length].tobytes().hex()}


def _windows_encode(request: Request) -> Answer:
    model, bits, (text, length) = _model(request["model"]), _bits(request), _text(request)
    coded = _jit_windows_encode(model, text, jnp.asarray(length), bits)
    return {"codes": _written(np.asarray(coded.codes)[: int(coded.count)], bits)}


def _windows_decode(request: Request) -> Answer:
    model, bits = _model(request["model"]), _bits(request)
    codes = _codes(request, bits)
    strings: list[str] = []
    for chunk in np.split(codes, range(_CHUNK, len(codes), _CHUNK)):
        strings += _strings(model, chunk, bits)
    return {"strings": strings}


def _strings(model: ByteModel, codes: UInt32[np.ndarray, "n limbs"], bits: int) -> list[str]:
    """The strings of windows: side by side, but for those that are very long."""
    filled = np.zeros((_FEW if len(codes) <= _FEW else _CHUNK, codes.shape[1]), np.uint32)
    filled[: len(codes)] = codes
    found = map(np.asarray, _jit_windows_decode(model, jnp.asarray(filled), bits, 256))
    texts, lengths = (rows[: len(codes)] for rows in found)
    strings = [text[:length].tobytes().hex() for text, length in zip(texts, lengths, strict=True)]
    for place in np.flatnonzero(lengths > texts.shape[1]):
        [text], [length] = map(np.asarray, _jit_windows_decode(model, jnp.asarray(filled[[place]]), bits, 1 << 17))
        strings[place] = text[:length].tobytes().hex()
    return strings


def _tokens_cut(request: Request) -> Answer:
    bits, token_bits = _bits(request), _token_bits(request)
    return {"ids": to_ids(from_numbers(_codes(request, bits), bits), token_bits).tolist()}


def _tokens_join(request: Request) -> Answer:
    bits, token_bits = _bits(request), _token_bits(request)
    ids = np.array(_ids(request, 1 << token_bits), np.int32)
    return {"codes": _written(to_numbers(from_ids(ids, token_bits), bits), bits)}


def _transformer_logits(request: Request) -> Answer:
    model = _transformer(request["transformer"])
    text, length = _text(request)
    return {"logits": [runs(row) for row in np.asarray(_jit_logits(model, text))[:length].tolist()]}


def _transformer_fingerprint(request: Request) -> Answer:
    return {"fingerprint": exact_fingerprint(_transformer(request["transformer"]))}


def _codebook_compile(request: Request) -> Answer:
    model = _model(request["model"])
    with _refusing("bits"):
        book = compile_codebook(model, request["bits"])
    return {"parents": runs(book.parents.tolist()), "last_bytes": runs(book.last_bytes.tolist())}


def _codebook_encode(request: Request) -> Answer:
    return {"ids": _codebook(request["codebook"]).encode(bytes.fromhex(request["text"])).tolist()}


def _codebook_decode(request: Request) -> Answer:
    book = _codebook(request["codebook"])
    return {"text": book.decode(_ids(request, book.vocab_size)).hex()}


def _codebook_fingerprint(request: Request) -> Answer:
    return {"fingerprint": _codebook(request["codebook"]).fingerprint}


def _coding(request: Request) -> container.Coding:
    if "codebook" in request:
        return container.codebook_coding(_codebook(request["codebook"]))
    model = _model(request["model"])
    if "bits" in request:
        return container.window_coding(model, _bits(request), request["fingerprint"])
    return container.stream_coding(model, request["fingerprint"])


def _container_encode(request: Request) -> Answer:
    file = container.encode_bytes(_coding(request), bytes.fromhex(request["text"]), request["block"])
    return {"file": file.hex()}


def _container_decode(request: Request) -> Answer:
    return {"text": container.decode_bytes(_coding(request), bytes.fromhex(request["file"])).hex()}


def _container_info(request: Request) -> Answer:
    summary = container.info(io.BytesIO(bytes.fromhex(request["file"])))
    told = {name: getattr(summary, name) for name in ("version", "length", "blocks", "stored")}
    return summary.header._asdict() | told


_jit_frequencies = jax.jit(cumulative_frequencies, static_argnums=1)
_jit_logits = eqx.filter_jit(IntegerTransformer.logits)
_jit_stream_encode = eqx.filter_jit(stream.encode)
_jit_stream_decode = eqx.filter_jit(stream.decode)
_jit_windows_encode = eqx.filter_jit(windows.encode)
_jit_windows_decode = eqx.filter_jit(eqx.filter_vmap(windows.decode, in_axes=(None, 0, None, None)))

OPERATIONS: Mapping[str, Callable[[Request], Answer]] = {
    "frequencies": _frequencies,
    "stream.encode": _stream_encode,
    "stream.decode": _stream_decode,
    "windows.encode": _windows_encode,
    "windows.decode": _windows_decode,
    "tokens.cut": _tokens_cut,
    "tokens.join": _tokens_join,
    "transformer.logits": _transformer_logits,
    "transformer.fingerprint": _transformer_fingerprint,
    "codebook.compile": _codebook_compile,
    "codebook.encode": _codebook_encode,
    "codebook.decode": _codebook_decode,
    "codebook.fingerprint": _codebook_fingerprint,
    "container.encode": _container_encode,
    "container.decode": _container_decode,
    "container.info": _container_info,
}


def answer(request: Request) -> Answer:
    """The answer to a request, without its `id`."""
    if request["op"] not in OPERATIONS:
        return {"unsupported": True}
    try:
        return OPERATIONS[request["op"]](request)
    except _Refused as refused:
        return {"refused": refused.args[0]}
    except container.Refused as refused:
        return {"refused": refused.cause}
    except TooLarge:  # the specification knows no such limit, but this package has one
        return {"unsupported": True}


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answers requests, one JSON object a line, until they end."""
    for line in requests:
        request = json.loads(line)
        print(json.dumps({"id": request["id"], **answer(request)}), file=replies, flush=True)
