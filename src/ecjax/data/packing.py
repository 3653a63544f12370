"""Short texts packed into examples of one length, with grain, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Sequence

import grain
import numpy as np
from jaxtyping import Int32, Integer

from ecjax.checks import check_integer
from ecjax.training import Masked

_TEXT, _SEGMENTS = "ids", "ids_segment_ids"  # grain gives what it packs this second name


def packed(
    texts: Sequence[Integer[np.ndarray, " _"]],
    length: int,
    batch_size: int,
    seed: int,
    *,
    padding_id: int = 0,
    bins: int = 64,
) -> grain.DatasetIterator:
    """Endless shuffled batches of texts that are packed by first fit; no text sees another of its row.

    A text longer than `length` is cut into texts of at most that many ids. Nothing else is cut. The iterator's
    `get_state` and `set_state` make it resumable; the order depends on `seed` and `bins` alone.

    Args:
      texts: The ids of each text. Empty ones are left out.
      length: Ids in a row.
      batch_size: Rows in a batch.
      seed: Of the order, 0 to 2**32 - 1.
      padding_id: What fills a row up. It counts for nothing.
      bins: Rows that are filled at the same time. More of them leave less padding, and take more memory.

    Returns:
      Batches of `Masked` of shape `[batch_size, length]`: ids int32, `counted` where there is text, and `segments`
      int32, which number the texts of a row from 1 and are 0 where there is none.

    Raises:
      TypeError: If a text is not integers in one dimension.
      ValueError: If there is no id at all, or a number is out of its range.
    """
    for name, value in (("length", length), ("batch_size", batch_size), ("bins", bins)):
        check_integer(name, value, 1)
    check_integer("seed", seed, 0, (1 << 32) - 1)
    check_integer("padding_id", padding_id, 0, (1 << 31) - 1)
    pieces = [piece for text in texts for piece in _pieces(np.asarray(text), length)]
    if not pieces:
        raise ValueError("the texts have no ids; give at least one that is not empty")
    shuffled = grain.MapDataset.source(pieces).seed(seed).shuffle().repeat().map(lambda ids: {_TEXT: ids})
    rows = grain.experimental.FirstFitPackIterDataset(
        shuffled.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2)),
        length_struct={_TEXT: length},
        num_packing_bins=bins,
        seed=seed,
    )

    def example(row: dict[str, np.ndarray]) -> Masked:
        segments = row[_SEGMENTS].astype(np.int32)
        counted = segments > 0
        return Masked(np.where(counted, row[_TEXT], np.int32(padding_id)), counted, segments)

    return iter(rows.map(example).batch(batch_size, drop_remainder=True))


def _pieces(ids: np.ndarray, length: int) -> list[Int32[np.ndarray, " _"]]:
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise TypeError(f"a text is integers in one dimension, got {ids.dtype} of shape {ids.shape}")
    ids = ids.astype(np.int32)
    return [ids[begin : begin + length] for begin in range(0, len(ids), length)]
