"""What a demonstration found, as plain values: the terminal, the page and `report.json` show these."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Window:
    """One string that a text was cut into.

    Attributes:
      id: Its number, the token.
      bits: The number in binary, as many digits as each window of the codebook has.
      string: Its bytes.
    """

    id: int
    bits: str
    string: bytes


@dataclasses.dataclass(frozen=True)
class Cut:
    """A text, cut into the windows of a codebook."""

    codebook: str
    windows: tuple[Window, ...]


@dataclasses.dataclass(frozen=True)
class RoundTrip:
    """A text that was encoded and decoded.

    Attributes:
      what: What a reader calls the text.
      codebook: Whose tokens it became.
      text_bytes: Length of the text in bytes.
      tokens: Number of tokens.
      before: SHA-256 of the text, in hexadecimal.
      after: SHA-256 of what it was decoded to.
    """

    what: str
    codebook: str
    text_bytes: int
    tokens: int
    before: str
    after: str

    @property
    def lossless(self) -> bool:
        """Whether the same bytes came back."""
        return self.before == self.after


@dataclasses.dataclass(frozen=True)
class Point:
    """A measurement on the way of a training: steps and FLOPs so far, bits per byte of held-out text."""

    step: int
    flops: float
    bits_per_byte: float


@dataclasses.dataclass(frozen=True)
class Trained:
    """A language model that was trained, and what was measured.

    Attributes:
      name: What its tokens are: `bytes`, or a codebook's name.
      vocab_size: Number of ids.
      parameters: Weights in the products of its layers, without embeddings.
      bytes_per_token: Of held-out text.
      steps: Training steps.
      tokens: Tokens that it was trained on, with repetitions.
      uniform: Bits per byte of held-out text if every id is equally likely.
      unigram: Bits per byte by the frequencies of ids in the training text.
      flops_per_byte: FLOPs to predict a byte of text.
      curve: Measurements during training, in order; the last is of the finished model.
      seconds: How long the training took, its measurements included.
    """

    name: str
    vocab_size: int
    parameters: int
    bytes_per_token: float
    steps: int
    tokens: int
    uniform: float
    unigram: float
    flops_per_byte: float
    curve: tuple[Point, ...]
    seconds: float

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of held-out text, after training."""
        return self.curve[-1].bits_per_byte

    @property
    def flops(self) -> float:
        """FLOPs of its training."""
        return self.curve[-1].flops


@dataclasses.dataclass(frozen=True)
class Sample:
    """What the language model of that name wrote, in so many tokens and seconds."""

    name: str
    text: bytes
    tokens: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Findings:
    """A whole demonstration.

    Attributes:
      name: What a reader calls the text.
      text_bytes: Its length in bytes.
      digest: Its SHA-256, in hexadecimal.
      held_out_bytes: How much of it, in bytes, the language models were measured on.
      excerpt_bytes: How much of its beginning is shown in windows.
      cuts: The windows of that beginning, for each codebook.
      round_trips: What was sent through the codebooks and came back.
      bytes_lm: The language model over bytes.
      m2: The language model over tokens.
      prompt: What both were to continue.
      samples: What they wrote.
      settings: Name and value, for people.
      versions: Of the software, by name, and the machine.
      command: What repeats the demonstration.
      seconds: How long each part took, by name.
    """

    name: str
    text_bytes: int
    digest: str
    held_out_bytes: int
    excerpt_bytes: int
    cuts: tuple[Cut, ...]
    round_trips: tuple[RoundTrip, ...]
    bytes_lm: Trained
    m2: Trained
    prompt: bytes
    samples: tuple[Sample, ...]
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    command: str
    seconds: Mapping[str, float]

    @property
    def lossless(self) -> bool:
        """Whether everything came back as it was."""
        return all(trip.lossless for trip in self.round_trips)
