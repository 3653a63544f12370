"""The command `evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ecjax import serialisation
from ecjax.cli.methods import parse
from ecjax.cli.options import Json, RememberedTokenizer, Texts
from ecjax.cli.ready import ready
from ecjax.console import show

if TYPE_CHECKING:
    from ecjax.tokenizers import Tokenizer


def evaluate(
    what: Annotated[
        str, typer.Argument(help="A model (M1 or M2) or a tokenizer, as --tokenizer of train-m2 names it.")
    ],
    texts: Texts,
    tokenizer: RememberedTokenizer = None,
    as_json: Json = False,
) -> None:
    """Measures a tokenizer or a model: bytes per token, bits per byte. Give texts that it was not trained on."""
    ready("ecjax.evaluation", "ecjax.data", "ecjax.models.files")
    from ecjax import data
    from ecjax.cli.tokenizers import tokenizer_of
    from ecjax.codebook import KIND as CODEBOOK_KIND
    from ecjax.codebook import load_codebook
    from ecjax.models.files import EXACT_KIND, KIND

    if what == "bytes" or parse(what) is not None:
        show(_of_tokenizer(tokenizer_of(what).tokenizer, data.read_documents(texts)), as_json)
        return
    contents = serialisation.read(what, CODEBOOK_KIND, KIND, EXACT_KIND)
    documents = data.read_documents(texts)
    if contents.kind == CODEBOOK_KIND:
        show(_of_tokenizer(load_codebook(contents), documents), as_json)
    elif contents.kind == EXACT_KIND:
        show(_of_exact_model(contents, documents), as_json)
    else:
        show(_of_float_model(contents, documents, tokenizer), as_json)


def _of_tokenizer(tokenizer: Tokenizer, documents: list[bytes]) -> dict[str, object]:
    from ecjax import evaluation

    text_bytes, tokens = sum(map(len, documents)), sum(map(len, tokenizer.encode_batch(documents)))
    return {
        "bytes": text_bytes,
        "tokens": tokens,
        "bytes_per_token": text_bytes / tokens,
        "bits_per_byte_uniform": evaluation.uniform_bits_per_byte(tokenizer.vocab_size, tokens, text_bytes),
    }


def _of_exact_model(contents: serialisation.Contents, documents: list[bytes]) -> dict[str, object]:
    from ecjax import data, evaluation
    from ecjax.models.files import load_exact

    model, text = load_exact(contents), data.concatenate(documents)
    return {
        "bytes": len(text),
        "tokens": len(text),
        "bytes_per_token": 1.0,
        "bits_per_byte": evaluation.coded_bits_per_byte(model, text, model.config.context),
        "flops_per_byte": evaluation.flops_per_byte(model.config, 1.0),
        "context": model.config.context,
    }


def _of_float_model(
    contents: serialisation.Contents, documents: list[bytes], tokenizer: str | None
) -> dict[str, object]:
    from ecjax import data, evaluation
    from ecjax.cli.tokenizers import remembered
    from ecjax.models.files import load_transformer

    model, text_bytes = load_transformer(contents), sum(map(len, documents))
    if "tokenizer" in contents.provenance:
        ids = data.token_stream(remembered(contents, tokenizer).tokenizer, documents)
    else:
        ids = data.concatenate(documents)
    return {
        "bytes": text_bytes,
        "tokens": len(ids),
        "bytes_per_token": text_bytes / len(ids),
        "bits_per_byte": evaluation.bits_per_byte(model, ids, text_bytes),
        "flops_per_byte": evaluation.flops_per_byte(model.config, text_bytes / len(ids)),
        "context": model.config.context,
    }
