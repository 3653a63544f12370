"""A corpus of any size through `ecjax tokenize-corpus`: memory, processor time, and what kills do to it.

The text is repeated and cut into documents as JSON lines, each time at other places, until there is enough. The command
runs as a process of its own. It is killed as often as asked (SIGKILL of all its processes, at random moments), and
begun again. At the end every document is read back from the shards, decoded, and compared with what was written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import psutil
import typer

from bench._common import Json, Texts, console, file_names, read_texts, report
from bench._documents import add, digest, documents
from ecjax.corpora import Corpus, open_corpus

_FILES = 40
_SHARD_BYTES = 1 << 26
_BATCH = 512  # documents that are decoded at once


def measure(
    texts: Texts = None,
    gigabytes: Annotated[float, typer.Option(min=0.001, help="Bytes of text, in units of 10^9.")] = 1,
    length: Annotated[int, typer.Option(min=1, help="Bytes of a document.")] = 4096,
    tokenizer: Annotated[str, typer.Option(help="A codebook.")] = "books-16",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes. [default: one for each core]")] = None,
    kills: Annotated[int, typer.Option(min=0, help="How often all processes are killed.")] = 0,
    folder: Annotated[Path | None, typer.Option(help="Where there is room for 1.5 times the text.")] = None,
    out: Json = None,
) -> None:
    """Tokenises a corpus that is made up of the texts, kills the command on the way, and compares all documents.

    Raises ValueError if the command fails, or if a document was lost, repeated or changed.
    """
    text = b"".join(read_texts(texts))
    with tempfile.TemporaryDirectory(dir=folder) as temporary, console.status("writing the sources") as status:
        sources, shards = Path(temporary) / "in", Path(temporary) / "out"
        written = _write(sources, text, int(gigabytes * 1e9), length)
        command = [sys.executable, "-m", "ecjax", "tokenize-corpus", str(sources), "--out", str(shards), "-q"]
        command += ["--tokenizer", tokenizer, "--shard-bytes", str(_SHARD_BYTES)]
        command += ["--workers", str(workers)] if workers else []
        least = sum(path.stat().st_size for path in sources.iterdir()) // _SHARD_BYTES  # shards
        rng, memory, killed_at = random.Random(0), _Memory(), []
        for number in range(1, kills + 1):
            status.update(f"kill {number} of {kills}")
            killed_at.append(_run_and_kill(command, memory, shards, least * number // (kills + 1), rng))
        status.update("tokenising")
        begin = time.perf_counter()
        seconds = _run(command, memory)
        wall = time.perf_counter() - begin
        status.update("reading all documents back")
        corpus = open_corpus(shards)
        corpus.verify()
        if digest(_decoded(corpus)) != written:
            raise ValueError("the documents that were read back are not those that were written")
        row = {
            "gigabytes": corpus.bytes / 1e9,
            "documents": corpus.documents,
            "tokens": corpus.tokens,
            "shards": len(corpus.shards),
            "kills": len(killed_at),
            "shards_done_at_kills": killed_at,
            "peak_mib_of_a_process": memory.most / (1 << 20),
            "all_documents_came_back": True,
        }
        if not kills:  # what a killed process used is told to nobody
            row |= {
                "seconds": wall,
                "cpu_seconds": seconds,
                "mb_per_cpu_second": corpus.bytes / 1e6 / seconds,
                "core_hours_per_tb": seconds / 3600 * 1e12 / corpus.bytes,
            }
    settings = {"text": file_names(texts), "document_bytes": length, "tokenizer": tokenizer, "workers": workers}
    report("corpora", settings, [row], out)


def _write(folder: Path, text: bytes, total: int, length: int) -> str:
    """Writes the sources and returns the digest of their documents."""
    folder.mkdir()
    each, texts, parts = -(-total // _FILES), documents(text, total, length), hashlib.sha256()
    for number in range(_FILES):
        size = 0
        with (folder / f"{number:02}.jsonl").open("w", encoding="utf-8") as file:
            for document in texts:
                content = document.encode()
                add(parts, content)
                file.write(json.dumps({"text": document}, ensure_ascii=False) + "\n")
                size += len(content)
                if size >= each:
                    break
    return parts.hexdigest()


def _decoded(corpus: Corpus) -> Iterator[bytes]:
    for begin in range(0, len(corpus), _BATCH):
        yield from corpus.codebook.decode_batch([corpus[i] for i in range(begin, min(begin + _BATCH, len(corpus)))])


class _Memory:
    """The most memory that one process of a command held, looked at ten times a second."""

    def __init__(self) -> None:
        self.most = 0

    @contextlib.contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.1):
                with contextlib.suppress(psutil.Error):
                    command = psutil.Process(pid)
                    for process in [command, *command.children(recursive=True)]:
                        self.most = max(self.most, process.memory_info().rss)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


def _run_and_kill(command: list[str], memory: _Memory, shards: Path, after: int, rng: random.Random) -> int:
    """Kills the command at a random moment after so many shards are done; returns how many then were."""
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    with memory.watching(process.pid):
        while process.poll() is None and _done(shards) < after:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1))
        if process.poll() is not None:
            raise ValueError(f"the command ended before it was to be killed, with exit code {process.returncode}")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return _done(shards)


def _run(command: list[str], memory: _Memory) -> float:
    """Runs the command to its end; returns processor seconds of all its processes."""
    process = subprocess.Popen(command)
    with memory.watching(process.pid):
        _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise ValueError(f"the command failed with exit code {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime


def _done(shards: Path) -> int:
    return len(list(shards.glob("done/*.json")))
