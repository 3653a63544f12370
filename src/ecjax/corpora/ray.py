"""Tokenising with Ray Data: a callable class for `ray.data.Dataset.map_batches`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ecjax.codebook import Codebook
from ecjax.corpora.encoder import Encoder

try:
    import pyarrow as pa
except ImportError as error:
    raise ImportError("ecjax.corpora.ray needs pyarrow: pip install 'ecjax[ray]'") from error


class Tokenize:
    """Puts a column of ids in place of a column of text, in batches that are Arrow tables.

        dataset.map_batches(Tokenize("books-16"), batch_format="pyarrow", batch_size=256)

    An instance travels to the workers with its codebook, so no file has to be where they are. With
    `fn_constructor_args=("books-16",)` and `concurrency=`, Ray keeps actors instead, each with an instance of its own.

    A row of text gives just the ids that `tokenize_corpus` writes for the same document; long ones are not cut here.
    Where the text is null, so are the ids.
    """

    def __init__(self, codebook: Codebook | str | Path = "books-16", field: str = "text", ids: str = "ids") -> None:
        """Chooses the codebook and the columns.

        Args:
          codebook: A codebook, the name of a shipped one, or its file.
          field: The column of text, of strings or of bytes.
          ids: The column to be, of lists of uint16.

        Raises:
          ValueError: If there is no such codebook.
        """
        self._encoder = Encoder(codebook)
        self._field, self._ids = field, ids

    def __call__(self, batch: Any) -> Any:
        """The table with ids in place of text. Raises ValueError if it has no such column, or that is no text."""
        if not isinstance(batch, pa.Table):
            raise TypeError(f'a batch is an Arrow table: pass batch_format="pyarrow"; got {type(batch).__name__}')
        if self._field not in batch.column_names:
            raise ValueError(f"there is no column {self._field!r}; there are {', '.join(batch.column_names)}")
        texts = batch.column(self._field)
        try:
            texts = texts.cast(pa.large_binary()).to_pylist()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ValueError(f"the column {self._field!r} holds {texts.type}, no text") from error
        ids = iter(self._encoder.encode([text for text in texts if text is not None]))
        lists: list[np.ndarray | None] = [None if text is None else next(ids) for text in texts]
        column = pa.array(lists, pa.list_(pa.uint16()))
        return batch.set_column(batch.column_names.index(self._field), self._ids, column)
