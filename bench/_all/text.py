"""Codebooks beside subwords, on the host and inside `jit`; coders of streams beside constriction's."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from bench import _bounds, _coders, documents, streams
from bench._all.rows import Measurement, Row, size_name
from bench._machine import alternating_seconds
from bench._subwords import Candidate
from ecjax import Codebook

_ID = 4  # bytes of an id, and of a symbol of a stream
_PEERS = {
    "constriction, range coder": functools.partial(_coders.constriction, "queue"),
    "constriction, rANS": functools.partial(_coders.constriction, "stack"),
}


def whole_documents(
    kind: str, size: int, peers: Sequence[Candidate], books: Sequence[Candidate], text: bytes, repeats: int
) -> Measurement:
    """Codebooks on the host: they encode and decode documents of a kind and a size, beside subwords."""
    cut = documents.cut(text, size)

    def run() -> list[Row]:
        memory = _bounds.bytes_per_second(repeats)
        found = documents.rows(kind, size, [*peers, *books], cut, repeats)
        beside, own = found[: len(peers)], found[len(peers) :]
        rows = []
        for row in own:
            for way in ("encode", "decode"):
                rate = row[f"{way}_mb_per_s"]
                rows.append(
                    Row(
                        what=f"{way}, {row['tokenizer']}",
                        kind=kind,
                        size=size_name(size),
                        rate=rate,
                        unit="MB/s",
                        peer=[peer["tokenizer"] for peer in beside],
                        ratio=[rate / peer[f"{way}_mb_per_s"] for peer in beside],
                        bound=_bounds.MEMORY,
                        share=rate * 1e6 * _moved(row["bytes_per_token"]) / memory,
                    )
                )
        return rows

    return f"{kind}, {size_name(size)}", run


def _moved(bytes_per_token: float) -> float:
    """Bytes that are read or written for each byte of text: itself, and its part of an id."""
    return 1 + _ID / bytes_per_token


def inside_jit(
    title: str, book: Codebook, size: int, peers: Sequence[Candidate], text: bytes, repeats: int
) -> Measurement:
    """`encode_array` and `decode_array` of a codebook: a batch of documents of one size, by one compiled function.

    The peers, and the same codebook on the host, are given the same documents.
    """
    cut = [document for document in documents.cut(text, size) if len(document) == size]
    block = jnp.asarray(np.frombuffer(b"".join(cut), np.uint8).reshape(len(cut), size))
    encode = jax.jit(jax.vmap(lambda text: book.encode_array(text, size)))
    decode = jax.jit(jax.vmap(lambda ids: book.decode_array(ids, size)))
    host = Candidate("on the host", book.vocab_size, lambda texts: {}, book.encode_batch, book.decode_batch)

    def run() -> list[Row]:
        memory = _bounds.bytes_per_second(repeats)
        ids, counts = jax.block_until_ready(encode(block))
        # As many columns as the longest document needs: what a program that keeps ids would hold.
        ids = ids[:, : int(counts.max())]
        beside = [host, *peers]
        given = [cut, *(peer.forms(cut)["whole texts"] for peer in peers)]
        theirs = [c.encode(texts) for c, texts in zip(beside, given, strict=True)]
        ways = {
            "encode": [
                lambda: jax.block_until_ready(encode(block)),
                *(lambda c=c, x=x: c.encode(x) for c, x in zip(beside, given, strict=True)),
            ],
            "decode": [
                lambda: jax.block_until_ready(decode(ids)),
                *(lambda c=c, x=x: c.decode(x) for c, x in zip(beside, theirs, strict=True)),
            ],
        }
        rows = []
        for way, runs in ways.items():
            own, *others = alternating_seconds(runs, repeats, time.process_time)
            rate = block.size / own
            rows.append(
                Row(
                    what=f"{way}, {title}, inside jit",
                    kind="English",
                    size=size_name(size),
                    rate=rate / 1e6,
                    unit="MB/s",
                    peer=[c.name for c in beside],
                    ratio=[seconds / own for seconds in others],
                    bound=_bounds.MEMORY,
                    share=rate * _moved(block.size / int(counts.sum())) / memory,
                )
            )
        return rows

    return f"{title}, inside jit", run


def many_streams(count: int, symbols: int, repeats: int) -> Measurement:
    """Our coders of streams of 256 symbols, a table each, beside constriction's."""
    task = streams.made_up_task(256, symbols, count)
    coders: dict[str, _coders.Runs] = {}
    for name, make in {**streams.OURS, **_PEERS}.items():
        with contextlib.suppress(ImportError):  # of a peer that is not installed
            coders[name] = make(task)

    def run() -> list[Row]:
        memory = _bounds.bytes_per_second(repeats)
        rows = []
        for way in ("encode", "decode"):
            runs = [getattr(coder, way) for coder in coders.values()]
            seconds = dict(zip(coders, alternating_seconds(runs, repeats, time.process_time), strict=True))
            for name in streams.OURS:
                rate = task.symbols.size / seconds[name]
                # A symbol, the number of its table, and its part of the code.
                moved = 2 * _ID + coders[name].bits / 8 / task.symbols.size
                beside = [peer for peer in _PEERS if peer in seconds]
                rows.append(
                    Row(
                        what=f"{way}, {name}",
                        kind="256 symbols, a table each",
                        size=f"{count} streams" if count > 1 else "1 stream",
                        rate=rate / 1e6,
                        unit="million symbols/s",
                        peer=beside,
                        ratio=[seconds[peer] / seconds[name] for peer in beside],
                        bound=_bounds.MEMORY,
                        share=rate * moved / memory,
                    )
                )
        return rows

    return f"streams: {count}", run
