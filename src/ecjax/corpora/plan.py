"""Which documents go into which shard: a function of the sources and the settings alone, written down in the folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from ecjax import atomic
from ecjax.corpora.documents import LONGEST, Cut, Piece, Rules
from ecjax.corpora.folder import PLAN
from ecjax.corpora.sources import Kind, Source

CODEBOOK, DONE = "codebook.safetensors", "done"
VERSION = 1
SHARD_BYTES = 1 << 28

Format = Literal["arrayrecord", "parquet"]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the shards depend on beside the sources.

    Attributes:
      codebook: The codebook's fingerprint.
      format: What the shards are files of.
      shard_bytes: Bytes of the sources, as stored, that go into a shard; about, as no document is split between two.
      kind: What the sources hold; None if that goes by their names.
      field: As in `Rules`.
      documents: As `cut` in `Rules`.
      longest: As in `Rules`.
    """

    codebook: str
    format: Format = "arrayrecord"
    shard_bytes: int = SHARD_BYTES
    kind: Kind | None = None
    field: str = "text"
    documents: Cut = "file"
    longest: int = LONGEST

    def __post_init__(self) -> None:
        for name, value, choices in (("format", self.format, Format), ("documents", self.documents, Cut)):
            if value not in get_args(choices):
                raise ValueError(f"{name} is one of {', '.join(get_args(choices))}; got {value!r}")
        if self.shard_bytes < 1 or self.longest < 1:
            raise ValueError("a shard and a document have at least one byte")

    @property
    def rules(self) -> Rules:
        """What a document is."""
        return Rules(self.field, self.documents, self.longest)


@dataclasses.dataclass(frozen=True)
class Shard:
    """A file to be written.

    Attributes:
      name: Its name in the folder.
      number: Its place among the shards.
      pieces: What goes into it, in order.
    """

    name: str
    number: int
    pieces: tuple[Piece, ...]

    @property
    def bytes(self) -> int:
        """Bytes of the sources, as stored, that go into it."""
        return sum(piece.end - piece.begin for piece in self.pieces)


def shards(sources: Sequence[Source], settings: Settings) -> list[Shard]:
    """The shards: pieces in the order of the sources, put together until they have `shard_bytes`."""
    groups: list[list[Piece]] = []
    room = 0
    for piece in (piece for source in sources for piece in _pieces(source, settings)):
        if room <= 0:
            groups.append([])
            room = settings.shard_bytes
        groups[-1].append(piece)
        room -= piece.end - piece.begin
    count = len(groups)
    return [
        Shard(f"shard-{number:05d}-of-{count:05d}.{settings.format}", number, tuple(pieces))
        for number, pieces in enumerate(groups)
    ]


def _pieces(source: Source, settings: Settings) -> Iterator[Piece]:
    if not source.size:
        return
    step = settings.shard_bytes if source.splits else source.size
    if source.kind == "text" and source.splits and settings.documents == "file":
        step = -(-step // settings.longest) * settings.longest  # a text is cut near multiples of that alone
    for begin in range(0, source.size, step):
        yield Piece(source, begin, min(begin + step, source.size))


def settle(out: Path, sources: Sequence[Source], settings: Settings) -> None:
    """Writes the plan into a folder that has none; or sees to it that the one there is the same.

    Raises:
      ValueError: If it is another, or the folder holds something else.
      OSError: If the folder cannot be read or written.
    """
    plan = {
        "format": "ecjax.corpus.plan",
        "version": VERSION,
        "settings": dataclasses.asdict(settings),
        "sources": [[source.name, source.size, source.stamp] for source in sources],
    }
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is there and is no folder; name another")
    if (out / PLAN).is_file():
        _compare(out, read_json(out / PLAN), plan)
        return
    if out.is_dir():
        strangers = [entry.name for entry in out.iterdir() if not entry.name.startswith(".ecjax-")]
        if strangers:
            raise ValueError(f"{out} holds something else, such as {min(strangers)}; name a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(out / PLAN, to_json(plan))


def _compare(out: Path, there: Any, plan: dict[str, Any]) -> None:
    """Raises ValueError unless both plans are the same."""
    if there == plan:
        return
    other = "or name another folder"
    if not isinstance(there, dict) or any(there.get(key) != plan[key] for key in ("format", "version")):
        raise ValueError(f"{out / PLAN} is of another kind or version; name another folder")
    for key, value in plan["settings"].items():
        before = there.get("settings", {}).get(key)
        if before != value:
            raise ValueError(
                f"{out} was begun with {key} {before!r}, not {value!r}; give what it was begun with, {other}"
            )
    old = {name: rest for name, *rest in there.get("sources", [])}
    for name, *rest in plan["sources"]:
        if name not in old:
            raise ValueError(f"{out} was begun without {name}; give the sources that it was begun with, {other}")
        if old[name] != rest:
            raise ValueError(f"{name} has changed since {out} was begun; bring back what it was, {other}")
    raise ValueError(f"{out} was begun with other sources, or in another order; give those, {other}")


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises ValueError if it is damaged, OSError if it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; remove it, or name another folder") from error


def to_json(value: Any) -> bytes:
    """The contents of a JSON file."""
    return json.dumps(value, indent=1).encode() + b"\n"
