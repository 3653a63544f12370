"""Corpora: texts of any size as shards of token ids, made by many processes, and read at any place."""

from typing import TYPE_CHECKING

from ecjax import lazy

if TYPE_CHECKING:
    from ecjax.corpora.corpus import Corpus, open_corpus, tokenize_corpus

__all__ = ["Corpus", "open_corpus", "tokenize_corpus"]

__getattr__, __dir__ = lazy.attach(
    __name__,
    {".corpus": ["Corpus", "open_corpus", "tokenize_corpus"]},
    extra="corpora",
)
