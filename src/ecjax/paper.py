"""The paper's own configuration (Lester et al., arXiv 2404.03626, v3), as one object: `PAPER`.

What the paper does not say is as this library has it: float32, seed 0, and that nothing is dropped out. docs/paper.md
has all places where this library differs from the paper.
"""

from __future__ import annotations

import dataclasses

from ecjax.models.sizes import TransformerConfig, configuration
from ecjax.training.settings import TrainingSettings

__all__ = ["PAPER", "Paper", "Run"]


@dataclasses.dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
      model: What is trained.
      settings: How; `settings.optimizer` "paper" is Adafactor with the paper's schedule.
    """

    model: TransformerConfig
    settings: TrainingSettings

    @property
    def tokens(self) -> int:
        """Tokens in all batches."""
        return self.settings.steps * self.settings.batch_size * self.model.context


@dataclasses.dataclass(frozen=True)
class Paper:
    """What the paper does (sec. 3 and App. A).

    Attributes:
      corpus: Where the text is from, as TensorFlow Datasets names it.
      documents_joined: Documents that are joined, each with its end, before they are cut (sec. 3.1).
      example_bytes: Bytes of a piece that is compressed by itself.
      m1_size: The byte model's size in Table 4.
      m1_context: Bytes that it sees.
      m1_batch_size: Its examples in a step.
      m1_steps: Its steps.
      m2_sizes: The language models' sizes in Table 4.
      context: Tokens that a language model sees.
      batch_size: Its examples in a step.
      steps: Its steps.
      z_loss: Weight of the squared log of the softmax's normaliser, for both.
      precision: Bits of the arithmetic coder's probabilities (sec. 3.3).
      window_bits: Bits of Equal-Info windows, the default first.
      vocabularies: Ids of methods that cut bits into tokens.
      subwords: Ids of SentencePiece.
      methods: What is compared, as `--tokenizer` names it; `:TEXT` and `:FILE.model` stand for files of one's own.
      validation_batches: Batches that a language model is measured on, of `batch_size` examples (sec. 3.4).
    """

    corpus: str = "c4/en:3.1.0"
    documents_joined: int = 128
    example_bytes: int = 10_240
    m1_size: str = "3m"
    m1_context: int = 1024
    m1_batch_size: int = 128
    m1_steps: int = 2_500_000
    m2_sizes: tuple[str, ...] = ("25m", "113m", "403m", "2b")
    context: int = 512
    batch_size: int = 256
    steps: int = 200_000
    z_loss: float = 1e-4
    precision: int = 14
    window_bits: tuple[int, ...] = (16, 24, 32, 64, 128)
    vocabularies: tuple[int, ...] = (256, 65_536)
    subwords: int = 32_000
    methods: tuple[str, ...] = (
        "bytes",
        "SentencePiece[32k]:FILE.model",
        "AC[256]",
        "AC[65k]",
        "StaticAC[256]:TEXT",
        "GZip[256]",
        "GZip[65k]",
        "EqualInfo[16,256] published",
        "EqualInfo[16,65k] published",
        "EqualInfo[24,256] published",
        "EqualInfo[24,65k] published",
        "EqualInfo[32,256] published",
        "EqualInfo[32,65k] published",
        "EqualInfo[64,256] published",
        "EqualInfo[64,65k] published",
        "EqualInfo[128,256] published",
        "EqualInfo[128,65k] published",
        "EqualInfo[16,256] delayed",
        "EqualInfo[16,256] every other",
        "EqualInfo[16,256] never",
    )
    validation_batches: int = 20

    def m1(self) -> Run:
        """The byte model's training."""
        model = configuration(self.m1_size, 256, self.m1_context, "vectors")
        return Run(model, self._settings(self.m1_steps, self.m1_batch_size))

    def m2(self, size: str, vocab_size: int) -> Run:
        """A language model's training.

        Args:
          size: One of `m2_sizes`.
          vocab_size: Ids of the method.

        Raises:
          ValueError: If the paper has no such size.
        """
        if size not in self.m2_sizes:
            raise ValueError(f"the paper's language models are {', '.join(self.m2_sizes)}, not {size!r}")
        return Run(
            configuration(size, vocab_size, self.context, "vectors"), self._settings(self.steps, self.batch_size)
        )

    @property
    def validation_tokens(self) -> int:
        """Tokens that a language model is measured on."""
        return self.validation_batches * self.batch_size * self.context

    def _settings(self, steps: int, batch_size: int) -> TrainingSettings:
        return TrainingSettings(steps, batch_size, optimizer="paper", z_loss=self.z_loss)


PAPER = Paper()
"""The paper's figures. `dataclasses.replace` makes a variation of them."""
