"""Text to token ids and back: one protocol for every way to feed text to a language model."""

from ecjax.tokenizers.equal_info import EqualInfo
from ecjax.tokenizers.plain import Bytes
from ecjax.tokenizers.protocol import Tokenizer

__all__ = ["Bytes", "EqualInfo", "Tokenizer"]
