"""What `train-m2` reads: texts that are tokenised in memory, or the shards of a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ecjax import data
from ecjax.cli.runs import Batches, Run
from ecjax.cli.tokenizers import Named, tokenizer_of
from ecjax.codebook import Codebook
from ecjax.corpora.corpus import open_corpus
from ecjax.corpora.folder import holds_corpus
from ecjax.corpora.plan import CODEBOOK
from ecjax.printable import printable

DEFAULT = "books-12"


class LanguageExamples(NamedTuple):
    """Token ids to train a language model on.

    Attributes:
      batches: Endless batches of rows of one length.
      tokenizer: What the ids are of.
      inputs: What they depend on, as `Run.train` wants it.
      bytes_per_token: Bytes of text for each id; the end of a document is an id, too.
    """

    batches: Batches
    tokenizer: Named
    inputs: dict[str, Any]
    bytes_per_token: float


def language_examples(texts: Sequence[Path], tokenizer: str | None, context: int, run: Run) -> LanguageExamples:
    """Rows of `context` ids of texts, or of a corpus if that is the one text.

    Args:
      texts: Text files and folders of them, or the folder of a corpus.
      tokenizer: Its name; None is the corpus's own, or `DEFAULT` for texts.
      context: Ids in a row.
      run: The run that they are for.

    Raises:
      ValueError: If there is no text; if the corpus is not finished, damaged, beside other texts, or was made with
        another tokenizer.
      OSError: If something cannot be read.
      ImportError: If what reads the corpus is not installed.
    """
    corpora = [path for path in texts if holds_corpus(path)]
    if not corpora:
        return _of_texts(texts, tokenizer or DEFAULT, context, run)
    if len(texts) > 1:
        raise ValueError(
            f"{corpora[0]} is a corpus of tokens, which is trained on alone; give nothing beside it, or make one "
            "corpus of all with tokenize-corpus"
        )
    return _of_corpus(corpora[0], tokenizer, context, run)


def _of_texts(texts: Sequence[Path], tokenizer: str, context: int, run: Run) -> LanguageExamples:
    named = tokenizer_of(tokenizer)
    documents = data.read_documents(texts)
    ids = data.token_stream(named.tokenizer, documents)
    slices = data.Slices(ids, range(0, len(ids), context), context)
    inputs = {"texts": data.fingerprint(documents), "tokenizer": named.fingerprint}
    return LanguageExamples(run.batches([slices]), named, inputs, sum(map(len, documents)) / len(ids))


def _of_corpus(folder: Path, tokenizer: str | None, context: int, run: Run) -> LanguageExamples:
    if tokenizer is None:
        corpus, name = open_corpus(folder), str(folder / CODEBOOK)
        named = Named(name, corpus.codebook, corpus.fingerprint)
    else:
        named = tokenizer_of(tokenizer)
        if not isinstance(named.tokenizer, Codebook):
            raise ValueError(
                f"{folder} holds ids of a codebook, and {printable(tokenizer, 80)} is none; leave out --tokenizer"
            )
        corpus = open_corpus(folder, named.tokenizer)
    end = named.tokenizer.padding_id
    rows = data.corpus_batches(corpus, context, run.settings.batch_size, run.settings.seed, end_id=end)
    ids = corpus.tokens + corpus.documents
    inputs = {"texts": corpus.digest, "tokenizer": named.fingerprint}
    return LanguageExamples(Batches(rows, -(-ids // context)), named, inputs, corpus.bytes / ids)
