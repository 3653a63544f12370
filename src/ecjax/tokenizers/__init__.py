"""Text to token ids and back: one protocol for every way to feed text to a language model."""

from ecjax.tokenizers.arithmetic import ArithmeticCoding
from ecjax.tokenizers.deflate import GZip
from ecjax.tokenizers.equal_info import EqualInfo
from ecjax.tokenizers.equal_text import EqualText
from ecjax.tokenizers.huffman import Huffman
from ecjax.tokenizers.plain import Bytes
from ecjax.tokenizers.protocol import Tokenizer
from ecjax.tokenizers.subwords import SentencePiece

__all__ = ["ArithmeticCoding", "Bytes", "EqualInfo", "EqualText", "GZip", "Huffman", "SentencePiece", "Tokenizer"]
