"""The string that a parse chooses for each position of texts of any length, found in stretches side by side.

The longest string depends on the next bytes alone. The first string of the cheapest way depends on all that follows,
but only through the costs of the ways from the first positions after a stretch, and only on the differences of these.
So a stretch is parsed from a guess: the differences there would be if the text ended `GUESS` bytes later. If the
stretch after it then finds just these for its first positions, the choices are right, and so is what this stretch finds
for its own: by induction from the text's end, where nothing is guessed. Where it finds others, the stretch is parsed
again from those. Ordinary text hardly ever needs that. In a long run of one byte every stretch may need it, one after
the other; most of them are then the same as one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Int64, UInt8, UInt16

from ecjax.codebook import parsing
from ecjax.codebook.parsing import Rules
from ecjax.padding import coarse_bucket
from ecjax.programs import jit

STRETCH = 4096  # bytes
GUESS = 256  # bytes; no string is longer
_LANES = 256  # stretches side by side, at most
_ROWS = 64  # bytes of a stretch that arrays have room for, at least

Text = UInt8[np.ndarray, " _"]
Ids = UInt16[np.ndarray, " _"]
Costs = Int32[np.ndarray, "stretches reach"]


class Stretch(NamedTuple):
    """Bytes `begin .. end - 1` of a text."""

    text: Text
    begin: int
    end: int

    @property
    def last(self) -> bool:
        """Whether the text ends with it."""
        return self.end == len(self.text)

    def bytes(self, more: int) -> Text:
        """Its bytes, and up to so many more of the text."""
        return self.text[self.begin : self.end + more]


@jit
def _longest(
    rules: Rules, texts: UInt8[Array, "n lanes"], sizes: Int32[Array, " lanes"]
) -> UInt16[Array, "lanes rows"]:
    return parsing.ids_of(parsing.longest(rules, parsing.symbols_of(texts, sizes))).astype(jnp.uint16).T


@jit
def _cheapest(
    rules: Rules,
    texts: UInt8[Array, "n lanes"],
    sizes: Int32[Array, " lanes"],
    after: Int32[Array, "lanes reach"],
) -> tuple[UInt16[Array, "lanes rows"], Int32[Array, "lanes reach"]]:
    chosen = parsing.cheapest(rules, parsing.symbols_of(texts, sizes), after.T)
    return parsing.ids_of(chosen.words).astype(jnp.uint16).T, chosen.before.T


def choose(rules: Rules, texts: Sequence[Text]) -> list[Ids]:
    """The id that is chosen for each position of each text."""
    begins = [range(0, len(text), STRETCH) for text in texts]
    every = [Stretch(t, b, min(b + STRETCH, len(t))) for t, some in zip(texts, begins, strict=True) for b in some]
    if rules.parse == "longest":
        chosen = iter(_parse(rules, every, None).ids)
    else:
        chosen = iter(_Ways(rules, every).join())
    return [np.concatenate([np.zeros(0, np.uint16), *(next(chosen) for _ in some)]) for some in begins]


class _Parsed(NamedTuple):
    """What was found in each stretch: the id for each position, and the costs of the ways from the first positions."""

    ids: list[Ids]
    before: Costs


def _parse(rules: Rules, every: Sequence[Stretch], after: Costs | None) -> _Parsed:
    """Parses stretches side by side, the longest first: by costs, given those after each, or else without any."""
    ids, before = [np.zeros(0, np.uint16)] * len(every), np.zeros((len(every), rules.reach), np.int32)
    order = np.argsort([stretch.begin - stretch.end for stretch in every], kind="stable")
    for first in range(0, len(every), _LANES):
        group = order[first : first + _LANES]
        texts, sizes = _block([every[k] for k in group], rules.reach)
        if after is None:
            found = np.asarray(_longest(rules, *jax.device_put((texts, sizes))))
        else:
            costs = np.zeros((len(sizes), rules.reach), np.int32)
            costs[: len(group)] = after[group]
            found, ahead = map(np.asarray, _cheapest(rules, *jax.device_put((texts, sizes, costs))))
            before[group] = ahead[: len(group)]
        for k, row in zip(group, found, strict=False):
            ids[k] = row[: every[k].end - every[k].begin]
    return _Parsed(ids, before)


def _block(group: Sequence[Stretch], reach: int) -> tuple[UInt8[np.ndarray, "n lanes"], Int32[np.ndarray, " lanes"]]:
    """The bytes of stretches and those that follow, a lane for each, and how many these are.

    Arrays have room for as many bytes as the longest stretch takes, or more if that is the last of its text; whatever
    stretches are shorter than that are the last of their texts, too.
    """
    rows = coarse_bucket(max(stretch.end - stretch.begin for stretch in group), _ROWS)
    texts = np.zeros((rows + reach, coarse_bucket(len(group), 1)), np.uint8)
    sizes = np.zeros(texts.shape[1], np.int32)
    for lane, stretch in enumerate(group):
        part = stretch.bytes(reach)
        texts[: len(part), lane] = part
        sizes[lane] = len(part)
    return texts, sizes


class _Ways:
    """The cheapest ways through stretches.

    Attributes:
      every: The stretches, text by text, in order.
      open: Which of them are not the last of their text.
      after: The costs that each was parsed with last.
      found: What was found then.
    """

    def __init__(self, rules: Rules, every: Sequence[Stretch]) -> None:
        self.rules, self.every = rules, every
        self.open = np.array([not stretch.last for stretch in every], bool)
        self.after = np.zeros((len(every), rules.reach), np.int32)
        inner = [stretch for stretch in every if not stretch.last]
        guesses = [Stretch(s.text, s.end, min(s.end + GUESS, len(s.text))) for s in inner]
        self.after[self.open] = _parse(rules, guesses, self.after[self.open]).before
        self.found = _parse(rules, every, self.after)

    def join(self) -> list[Ids]:
        """The choices, right from end to end."""
        wrong = np.flatnonzero(self.open[:-1] & (self.after[:-1] != self.found.before[1:]).any(axis=1))
        self._again(wrong)  # all at once, which is enough as a rule
        known: dict[tuple[bytes, bytes], int] = {}
        ends = np.flatnonzero(~self.open).tolist()
        begins = [0, *(end + 1 for end in ends)]
        left = [(begin, end - 1) for begin, end in zip(begins, ends, strict=False)]
        while left:  # each text from its end; what follows the stretch k of (begin, k) is right
            left = [(begin, self._wrong(begin, k)) for begin, k in left]
            left = [(begin, k) for begin, k in left if k >= begin]
            self._once(known, [k for _, k in left])
        return self.found.ids

    def _wrong(self, begin: int, k: int) -> int:
        """The last of the stretches `begin .. k` that what follows does not agree with; `begin - 1` if none."""
        while k >= begin and np.array_equal(self.after[k], self.found.before[k + 1]):
            k -= 1
        return k

    def _once(self, known: dict[tuple[bytes, bytes], int], some: Sequence[int]) -> None:
        """Parses some stretches again, but for those that are the same as one before."""
        keys = [self._key(k) for k in some]
        new = {key: k for key, k in zip(keys, some, strict=True) if key not in known}
        self._again(np.array(list(new.values()), np.int64))
        known |= new
        for key, k in zip(keys, some, strict=True):
            same = known[key]
            self.after[k], self.found.before[k] = self.after[same], self.found.before[same]
            self.found.ids[k] = self.found.ids[same]

    def _key(self, k: int) -> tuple[bytes, bytes]:
        """All that the choices in a stretch depend on."""
        return self.every[k].bytes(self.rules.reach).tobytes(), self.found.before[k + 1].tobytes()

    def _again(self, some: Int64[np.ndarray, " _"]) -> None:
        """Parses some stretches from what was found in those after them."""
        self.after[some] = self.found.before[some + 1]
        ids, self.found.before[some] = _parse(self.rules, [self.every[k] for k in some], self.after[some])
        for k, chosen in zip(some, ids, strict=True):
            self.found.ids[k] = chosen
