"""Tokenising with Apache Beam: a transform of collections."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecjax.codebook import Codebook
from ecjax.corpora.encoder import Encoder

try:
    beam: Any = importlib.import_module("apache_beam")
except ImportError as error:
    raise ImportError("ecjax.corpora.beam needs apache_beam: pip install 'ecjax[beam]'") from error

_BATCH = 256  # rows that are encoded together, at most


class Tokenize(beam.PTransform):
    """Puts ids in place of text in rows that are mappings, such as those that ReadFromParquet and ReadFromJson give.

        rows | Tokenize("books-16")

    The transform travels to the workers with its codebook, so no file has to be where they are.

    A row of text gives just the ids that `tokenize_corpus` writes for the same document; long ones are not cut here.
    Where the text is None, so are the ids.
    """

    def __init__(self, codebook: Codebook | str | Path = "books-16", field: str = "text", ids: str = "ids") -> None:
        """Chooses the codebook and the fields.

        Args:
          codebook: A codebook, the name of a shipped one, or its file.
          field: The field of text, a str or bytes.
          ids: The field to be, a uint16 array.

        Raises:
          ValueError: If there is no such codebook.
        """
        super().__init__()
        self._encode = _Encode(Encoder(codebook), field, ids)

    def expand(self, input_or_inputs: Any) -> Any:
        batches = input_or_inputs | beam.BatchElements(min_batch_size=1, max_batch_size=_BATCH)
        return batches | beam.ParDo(self._encode)


class _Encode(beam.DoFn):
    def __init__(self, encoder: Encoder, field: str, ids: str) -> None:
        super().__init__()
        self._encoder, self._field, self._ids = encoder, field, ids

    def process(self, element: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        texts = [self._text(row) for row in element]
        ids = iter(self._encoder.encode([text for text in texts if text is not None]))
        for row, text in zip(element, texts, strict=True):
            array: np.ndarray | None = None if text is None else next(ids)
            yield {key: value for key, value in row.items() if key != self._field} | {self._ids: array}

    def _text(self, row: Mapping[str, Any]) -> bytes | str | None:
        if self._field not in row:
            raise ValueError(f"a row has no field {self._field!r}; it has {', '.join(map(str, row))}")
        return row[self._field]
