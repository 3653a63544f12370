"""Endless shuffled batches of examples, with grain."""

from __future__ import annotations

from collections.abc import Sequence

import grain

from ecjax.checks import check_integer
from ecjax.data.slices import Source


def batches(sources: Source | Sequence[Source], batch_size: int, seed: int) -> grain.DatasetIterator:
    """Endless shuffled batches; each pass over a source has its own order.

    The iterator's `get_state` / `set_state` make it resumable; the order depends on `seed` alone.

    Args:
      sources: One source, or several whose examples differ in length.
      batch_size: Examples in a batch of one source; of several, those of the longest, the others having as many as make
        the same number of items.
      seed: Of the order, 0 to 2**32 - 1.

    Returns:
      Batches `[batch_size, length]`, of several sources a tuple of them.

    Raises:
      ValueError: If there is no source, one has no examples, or a number is out of its range.
    """
    check_integer("batch_size", batch_size, 1)
    check_integer("seed", seed, 0, (1 << 32) - 1)
    for source in sources if isinstance(sources, Sequence) else [sources]:
        if check_integer("a source's length", source.length, 1) and len(source) == 0:
            raise ValueError("a source has no examples; give at least one")
    if not isinstance(sources, Sequence):
        return iter(_endless(sources, batch_size, seed))
    if not sources:
        raise ValueError("there is no source; give at least one")
    longest = max(source.length for source in sources)
    parts = [_endless(s, batch_size * longest // s.length, seed + i) for i, s in enumerate(sources)]
    return iter(grain.experimental.ZipIterDataset(parts))


def _endless(source: Source, batch_size: int, seed: int) -> grain.IterDataset:
    # An endless sequence leaves no remainder, but grain fails to count its batches of one unless told to drop it.
    dataset = grain.MapDataset.source(source).seed(seed).shuffle().repeat().batch(batch_size, drop_remainder=True)
    return dataset.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2))
