"""The conformance protocol's requests, answered by the oracle; specs/conformance.md describes them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, TextIO

from . import codebook, container, stream, tensors, tokens, transformer, windows
from .codebook import Codebook
from .container import Coding, Header
from .frequencies import POWERS, check_precision, cumulative_frequencies, power, table
from .refusal import Refused
from .stream import Model

Request = Mapping[str, Any]
Answer = dict[str, Any]
Step = dict[str, Any]


# How requests write things.


def runs(numbers: Iterable[int]) -> list[list[int]]:
    """A list as its runs of equal numbers, `[count, number]`."""
    return [[len(list(group)), number] for number, group in groupby(numbers)]


def from_runs(written: Sequence[Sequence[int]]) -> list[int]:
    """The list of runs of numbers, which need not be as long as they could be."""
    return [number for count, number in written for _ in range(count)]


def write_code(code: int, bits: int) -> str:
    """A window in as many whole bytes as it takes, the greatest first."""
    return code.to_bytes(-(-bits // 8), "big").hex()


def from_codes(written: Sequence[str]) -> list[int]:
    """Windows."""
    return [int(code, 16) for code in written]


def from_transformer(written: Request) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Settings and tensors of a Transformer."""
    return written["settings"], {name: from_runs(numbers) for name, numbers in written["tensors"].items()}


def from_model(written: Request) -> tuple[Model, int]:
    """A byte model and its precision: a Transformer, or a row of frequencies for each byte before."""
    precision = written["precision"]
    if "transformer" in written:
        check_precision(precision)
        model = tensors.build(*from_transformer(written["transformer"]))
        return lambda text: cumulative_frequencies(transformer.logits(model, [*text, 0])[-1], precision), precision
    tables = [table(from_runs(row), precision) for row in written["rows"]]
    after = from_runs(written["next"])
    return lambda text: tables[after[text[-1] if text else 256]], precision


def from_codebook(written: Request) -> Codebook:
    """A codebook."""
    return Codebook(**{name: from_runs(written[name]) for name in Codebook._fields if name in written})


def from_coding(request: Request) -> Coding:
    """What a container is made with."""
    if "codebook" in request:
        return container.codebook_coding(from_codebook(request["codebook"]))
    model, precision = from_model(request["model"])
    fingerprint = bytes.fromhex(request["fingerprint"])
    if "bits" in request:
        return container.window_coding(model, precision, request["bits"], fingerprint)
    return container.stream_coding(model, precision, fingerprint)


def write_header(header: Header) -> Answer:
    """A header's fields."""
    return {**header._asdict(), "fingerprint": header.fingerprint.hex()}


# What each operation answers.


def answer_frequencies(request: Request) -> Answer:
    cumulative = cumulative_frequencies(from_runs(request["logits"]), request["precision"])
    return {"frequencies": runs(b - a for a, b in pairwise(cumulative))}


def answer_stream_encode(request: Request) -> Answer:
    model, _ = from_model(request["model"])
    return {"code": stream.encode(model, bytes.fromhex(request["text"])).hex()}


def answer_stream_decode(request: Request) -> Answer:
    model, _ = from_model(request["model"])
    return {"text": stream.decode(model, bytes.fromhex(request["code"]), request["length"]).hex()}


def answer_windows_encode(request: Request) -> Answer:
    model, _ = from_model(request["model"])
    codes = windows.encode(model, bytes.fromhex(request["text"]), request["bits"])
    return {"codes": [write_code(code, request["bits"]) for code in codes]}


def answer_windows_decode(request: Request) -> Answer:
    model, _ = from_model(request["model"])
    codes = from_codes(request["codes"])
    windows.check_bits(request["bits"])
    return {"strings": [windows.decode_window(model, code, request["bits"]).hex() for code in codes]}


def answer_tokens_cut(request: Request) -> Answer:
    codes = from_codes(request["codes"])
    return {"ids": tokens.cut(codes, request["bits"], request["token_bits"])}


def answer_tokens_join(request: Request) -> Answer:
    codes = tokens.join(request["ids"], request["bits"], request["token_bits"])
    return {"codes": [write_code(code, request["bits"]) for code in codes]}


def answer_transformer_logits(request: Request) -> Answer:
    model = tensors.build(*from_transformer(request["transformer"]))
    return {"logits": [runs(row) for row in transformer.logits(model, bytes.fromhex(request["text"]))]}


def answer_transformer_fingerprint(request: Request) -> Answer:
    return {"fingerprint": tensors.model_fingerprint(*from_transformer(request["transformer"]))}


def answer_codebook_compile(request: Request) -> Answer:
    book = codebook.compile_codebook(from_model(request["model"])[0], request["bits"])
    return {"parents": runs(book.parents), "last_bytes": runs(book.last_bytes)}


def answer_codebook_encode(request: Request) -> Answer:
    return {"ids": codebook.encode(from_codebook(request["codebook"]), bytes.fromhex(request["text"]))}


def answer_codebook_decode(request: Request) -> Answer:
    return {"text": codebook.decode(from_codebook(request["codebook"]), request["ids"]).hex()}


def answer_codebook_fingerprint(request: Request) -> Answer:
    return {"fingerprint": codebook.codebook_fingerprint(from_codebook(request["codebook"]))}


def answer_container_encode(request: Request) -> Answer:
    return {"file": container.encode(from_coding(request), bytes.fromhex(request["text"]), request["block"]).hex()}


def answer_container_decode(request: Request) -> Answer:
    return {"text": container.decode(from_coding(request), bytes.fromhex(request["file"])).hex()}


def answer_container_info(request: Request) -> Answer:
    version, header, length, blocks, stored = container.info(bytes.fromhex(request["file"]))
    return {"version": version, **write_header(header), "length": length, "blocks": blocks, "stored": stored}


# What each operation does on the way, for those who look for the first step that differs.


def trace_frequencies(request: Request) -> Iterator[Step]:
    logits = from_runs(request["logits"])
    cumulative = 0
    entries = cumulative_frequencies(logits, request["precision"])
    for byte, logit in enumerate(logits):
        weight = power(POWERS, min(max(logits) - logit, 2**20), 2**12)
        cumulative += weight
        yield {"byte": byte, "weight": weight, "cumulative": cumulative, "entry": entries[byte + 1]}


def _trace_stream(model: Model, text: bytes) -> Iterator[Step]:
    for i, byte in enumerate(text):
        _, r, shift = stream.interval(model, text[:i])
        lo, hi = stream.split(r, list(model(text[:i])), byte)
        low, r, shift = stream.interval(model, text[: i + 1])
        yield {"byte": byte, "lo": lo, "hi": hi, "range": r, "shift": shift, "low": f"{low:x}"}


def trace_stream_encode(request: Request) -> Iterator[Step]:
    return _trace_stream(from_model(request["model"])[0], bytes.fromhex(request["text"]))


def trace_stream_decode(request: Request) -> Iterator[Step]:
    model, text = from_model(request["model"])[0], answer_stream_decode(request)["text"]
    return _trace_stream(model, bytes.fromhex(text))


def _trace_windows(model: Model, strings: Sequence[bytes], bits: int) -> Iterator[Step]:
    for window, text in enumerate(strings):
        code, below = 0, 2**bits - 1
        for i, byte in enumerate(text):
            counts = windows.apportion(below, model(text[:i]), root=i == 0)
            start = sum(counts[:byte])
            step = {"window": window, "byte": byte, "below": f"{below:x}", "start": f"{start:x}"}
            code, below = code + 1 + start, counts[byte] - 1
            yield {**step, "points": f"{counts[byte]:x}", "code": f"{code:x}"}


def trace_windows_encode(request: Request) -> Iterator[Step]:
    model, _ = from_model(request["model"])
    codes = windows.encode(model, bytes.fromhex(request["text"]), request["bits"])
    strings = [windows.decode_window(model, code, request["bits"]) for code in codes]
    return _trace_windows(model, strings, request["bits"])


def trace_windows_decode(request: Request) -> Iterator[Step]:
    strings = list(map(bytes.fromhex, answer_windows_decode(request)["strings"]))
    return _trace_windows(from_model(request["model"])[0], strings, request["bits"])


def trace_transformer_logits(request: Request) -> Iterator[Step]:
    model = tensors.build(*from_transformer(request["transformer"]))
    for stage, rows in transformer.stages(model, bytes.fromhex(request["text"])):
        for position, row in enumerate(rows):
            yield {"stage": stage, "position": position, "row": runs(row)}


def trace_codebook_compile(request: Request) -> Iterator[Step]:
    book = codebook.compile_codebook(from_model(request["model"])[0], request["bits"])
    for code, (parent, byte) in enumerate(zip(book.parents, book.last_bytes, strict=True)):
        yield {"code": code, "parent": parent, "last_byte": byte}


def trace_container_encode(request: Request) -> Iterator[Step]:
    return _trace_file(bytes.fromhex(answer_container_encode(request)["file"]))


def trace_container_decode(request: Request) -> Iterator[Step]:
    return _trace_file(bytes.fromhex(request["file"]))


def _trace_file(file: bytes) -> Iterator[Step]:
    header = write_header(container.read_header(file))
    yield {"part": "header", "version": file[8], **header}
    for block in container.blocks(file):
        payload, last = block.payload.hex(), 1 if block.text_sum else 0
        yield {"part": "block", "length": block.length, "payload": payload, "last": last}


ANSWERS: Mapping[str, Callable[[Request], Answer]] = {
    "frequencies": answer_frequencies,
    "stream.encode": answer_stream_encode,
    "stream.decode": answer_stream_decode,
    "windows.encode": answer_windows_encode,
    "windows.decode": answer_windows_decode,
    "tokens.cut": answer_tokens_cut,
    "tokens.join": answer_tokens_join,
    "transformer.logits": answer_transformer_logits,
    "transformer.fingerprint": answer_transformer_fingerprint,
    "codebook.compile": answer_codebook_compile,
    "codebook.encode": answer_codebook_encode,
    "codebook.decode": answer_codebook_decode,
    "codebook.fingerprint": answer_codebook_fingerprint,
    "container.encode": answer_container_encode,
    "container.decode": answer_container_decode,
    "container.info": answer_container_info,
}

TRACES: Mapping[str, Callable[[Request], Iterator[Step]]] = {
    "frequencies": trace_frequencies,
    "stream.encode": trace_stream_encode,
    "stream.decode": trace_stream_decode,
    "windows.encode": trace_windows_encode,
    "windows.decode": trace_windows_decode,
    "transformer.logits": trace_transformer_logits,
    "codebook.compile": trace_codebook_compile,
    "container.encode": trace_container_encode,
    "container.decode": trace_container_decode,
    "container.info": trace_container_decode,
}


def answer(request: Request) -> Answer:
    """The answer to a request: its results, or the cause for which it is refused."""
    try:
        return ANSWERS[request["op"]](request)
    except Refused as refused:
        return {"refused": refused.cause}


def trace(request: Request) -> list[Step]:
    """The steps of an operation, as far as it gets; none of one that has none to show."""
    steps: list[Step] = []
    if request["op"] in TRACES:
        try:
            for step in TRACES[request["op"]](request):
                steps.append(step)
        except Refused:
            pass
    return steps


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answers requests, one JSON object a line, until they end."""
    for line in requests:
        request = json.loads(line)
        reply = answer(request)
        if request.get("trace"):
            reply["trace"] = trace(request)
        print(json.dumps({"id": request["id"], **reply}), file=replies, flush=True)
