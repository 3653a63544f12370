"""What is run at each scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

from bench._reproduce.methods import BITS, COMPARED, yardstick
from ecjax.training import TrainingSettings

Equal = Literal["steps", "flops"]
"""What a method's run has in common with its yardstick's: the steps, or FLOPs per byte and training compute."""


class Run(NamedTuple):
    """One training of M2.

    Attributes:
      method: A name in `METHODS`.
      size: Of M2; at equal FLOPs the yardstick's, from which the width of this one's MLP is reckoned.
      seed: Of the first weights and of the order of the examples.
      steps: At equal FLOPs the yardstick's; a larger model takes fewer.
      equal: What is held equal.
    """

    method: str
    size: str
    seed: int
    steps: int
    equal: Equal = "steps"

    @property
    def name(self) -> str:
        """A file's name."""
        method = "".join(c if c.isalnum() else "-" for c in self.method).strip("-")
        return f"{method}_{self.size}{'-equal-flops' if self.equal == 'flops' else ''}_{self.steps}_{self.seed}"


@dataclasses.dataclass(frozen=True)
class Scale:
    """A grid of runs and what they share.

    Attributes:
      runs: In the order in which they are run.
      context: Tokens that M2 sees.
      settings: Of training; each run has its own steps and seed.
      training_bytes: Bytes of training text, the same number from the beginning of each document; None is all of it.
      held_out_bytes: Bytes of held-out text, from the middle of each document; None is all of it.
      points: How often M2 is measured on the way.
      tokenizer_bytes: As `training_bytes`: what tokenizers are trained on, of the training text; None is all of it.
      together: Whether no text is seen twice, and the seeds of a run are trained side by side on an accelerator.
    """

    runs: Sequence[Run]
    context: int
    settings: TrainingSettings
    training_bytes: int | None
    held_out_bytes: int | None
    points: int = 8
    tokenizer_bytes: int | None = None
    together: bool = False

    def settings_of(self, run: Run) -> TrainingSettings:
        return dataclasses.replace(self.settings, steps=run.steps, seed=run.seed)


def _runs(methods: Sequence[str], size: str, seeds: int, steps: int) -> list[Run]:
    return [Run(method, size, seed, steps) for seed in range(seeds) for method in methods]


def _compared(size: str, seeds: int, steps: int) -> list[Run]:
    """Every method at equal steps, then all but the yardsticks at equal FLOPs; the seeds of a run follow each other."""
    equals: tuple[Equal, ...] = ("steps", "flops")
    return [
        Run(method, size, seed, steps, equal)
        for equal in equals
        for method in COMPARED
        if equal == "steps" or yardstick(method) != method
        for seed in range(seeds)
    ]


_LAPTOP_STEPS = 800
_LAPTOP_SETTINGS = TrainingSettings(_LAPTOP_STEPS, 16, learning_rate=3e-3, warmup=50)
_WINDOWS = [f"EqualInfo[{b},256]" for b in BITS]
_PAPERS = [f"EqualInfo[{b},256] {code}" for b in (16, 32, 128, 24, 64) for code in ("published", "delayed")]
_LAPTOP = [
    *_runs(["Bytes", "EqualInfo[16,256]", "EqualInfo[12,4k]", "SentencePiece[4k]"], "tiny", 1, _LAPTOP_STEPS),
    *_runs(["AC[256]", "GZip[256]", "StaticAC[256]", "EqualInfo[12,64]"], "tiny", 2, _LAPTOP_STEPS),
    *_runs(_WINDOWS, "tiny", 1, _LAPTOP_STEPS),
    *_runs(_PAPERS[:3], "tiny", 1, _LAPTOP_STEPS),
    *_runs(["Bytes", "EqualInfo[16,256]", "EqualInfo[16,256] published"], "tiny", 2, _LAPTOP_STEPS),
    # Whether what is learnt late is learnt at all.
    *_runs(["EqualInfo[16,256]", "EqualInfo[16,256] published"], "tiny", 1, 4 * _LAPTOP_STEPS),
    # Half the steps: as much text as the same windows in two tokens each see in all their steps.
    *_runs(["EqualInfo[12,4k]"], "tiny", 1, _LAPTOP_STEPS // 2),
    *_runs(["EqualInfo[16,256] every other", "EqualInfo[16,256] never", "AC[2]"], "tiny", 1, _LAPTOP_STEPS),
    *_runs(["EqualInfo[12,4k]", "SentencePiece[4k]", "EqualInfo[16,256] delayed"], "tiny", 2, _LAPTOP_STEPS),
    *_runs(_PAPERS[3:], "tiny", 1, _LAPTOP_STEPS),
    *_runs(["Bytes", "EqualInfo[16,256]"], "small", 1, _LAPTOP_STEPS),
    *_runs(["GZip[256] bare", "GZip[4k]", "AC[4k]"], "tiny", 1, _LAPTOP_STEPS),
    *_runs(["EqualText[4,256]", "EqualText[4,257] delimited", "Huffman[256]"], "tiny", 1, _LAPTOP_STEPS),
    *_runs(["EqualInfo[16,65k]"], "tiny", 1, _LAPTOP_STEPS // 2),
]

_TABLE_13 = [
    "Bytes",
    "SentencePiece[32k]",
    "AC[256]",
    "EqualInfo[16,256]",
    "EqualInfo[16,65k]",
    "GZip[256]",
    "GZip[65k]",
]
_TABLE_16 = [
    *_TABLE_13,
    "AC[65k]",
    "StaticAC[256]",
    *(f"EqualInfo[{b},256]" for b in BITS[1:]),
    *(f"EqualInfo[{b},256] published" for b in BITS),
    *(f"EqualInfo[{b},256] delayed" for b in BITS),
    *(f"EqualInfo[{b},65k]" for b in (32, 64, 128)),
    "EqualInfo[16,256] every other",
    "EqualInfo[16,256] never",
]
_SIZES = ("25m", "113m", "403m", "2b")


def _unique(runs: Sequence[Run]) -> list[Run]:
    return list(dict.fromkeys(runs))


SCALES: dict[str, Scale] = {
    "laptop": Scale(
        _unique(_LAPTOP),
        context=128,
        settings=_LAPTOP_SETTINGS,
        training_bytes=2_000_000,
        held_out_bytes=240_000,
    ),
    # As many steps as the longest of these, but little text is seen twice: what is not learnt of 2 MB may be of 15.
    "laptop-text": Scale(
        _runs(["EqualInfo[16,256]", "EqualInfo[16,256] published"], "tiny", 1, 4 * _LAPTOP_STEPS),
        context=128,
        settings=_LAPTOP_SETTINGS,
        training_bytes=16_000_000,
        held_out_bytes=240_000,
    ),
    # Codebooks against subwords. 41 MB are as much as 1,600 steps take of the densest tokens, each seen once at most.
    "windows": Scale(
        [*_compared("tiny", 6, 1600), *_compared("small", 8, 1600)],
        context=128,
        settings=TrainingSettings(1600, 32, learning_rate=3e-3, warmup=100),
        training_bytes=53_000_000,
        held_out_bytes=1_000_000,
        points=4,
        tokenizer_bytes=18_000_000,
        together=True,
    ),
    "gpu": Scale(
        _runs(_TABLE_13, "25m", 1, 3000),
        context=512,
        settings=TrainingSettings(3000, 256, optimizer="paper", compute="bfloat16", accumulate=8),
        training_bytes=None,
        held_out_bytes=2_621_440,
    ),
    "paper": Scale(
        [run for size in _SIZES for run in _runs(_TABLE_16, size, 3 if size == "25m" else 1, 200_000)],
        context=512,
        settings=TrainingSettings(200_000, 256, optimizer="paper", compute="bfloat16", accumulate=8, remat=True),
        training_bytes=None,
        held_out_bytes=None,
    ),
}
