"""The command `train-codebook`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecjax import serialisation
from ecjax.cli import streams
from ecjax.cli.options import Force, Json, Quiet, named, named_file
from ecjax.cli.ready import ready
from ecjax.console import counting, sharing

if TYPE_CHECKING:
    from ecjax.codebook import Codebook

KIND = "ecjax.codebook"  # as ecjax.codebook has it, which needs JAX
_MEASURED = 1 << 22  # bytes of text, enough to tell a hundredth
_PIECE = 1 << 16  # bytes of which some are measured, and others not
_UNIT = 256  # costs are in 1/256 bit

OptionalTexts = Annotated[
    list[Path] | None,
    typer.Argument(
        parser=named,
        metavar="TEXTS...",
        help="Text files, or folders of them; - is standard input. Each file is a document.",
    ),
]


def train_codebook(
    out: Annotated[Path, typer.Option(parser=named_file, metavar="FILE", help="Where to write the codebook.")],
    texts: OptionalTexts = None,
    bits: Annotated[int, typer.Option(min=9, max=16, help="Bits of an id; the codebook has 2**bits strings.")] = 16,
    join_cost: Annotated[
        float,
        typer.Option(
            min=0,
            max=200,
            metavar="BITS",
            help="Extra cost of each place where a string joins a word and something else. 0 gives the densest "
            "codebook. About 3 gives one that small models learn more easily. 30 gives one of single words.",
        ),
    ] = 0.0,
    token_cost: Annotated[
        float,
        typer.Option(
            min=0, max=200, metavar="BITS", help="Extra cost of each string. Above 0, there are fewer tokens."
        ),
    ] = 0.0,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            show_default="counts alone",
            help="A model that train-m1 --windows made. Its likeliest windows become candidates, along with the "
            "strings that occur often. Without TEXTS, they are the codebook.",
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Makes a codebook of your own from text: a tokenizer for `tokenize`, `encode` and `train-m2`.

    A codebook is a table of strings, each with an id. The command begins with the strings that occur often, and
    repeatedly removes those that are needed least. Each string has a cost in bits. A text is cut into the strings that
    together cost least.

    Give it text of all kinds that you want to encode, and 10 MB or more for 16 bits. Two cores take half a minute for
    10 MB and five minutes for 100 MB. It needs 700 MB of memory, or 20 bytes for each byte of text if that is more.
    """
    texts = texts or []
    if not texts and source is None:
        raise ValueError("there is nothing to make a codebook from; name TEXTS, or a model with --from, or both")
    if not texts and (join_cost or token_cost):
        raise ValueError("--join-cost and --token-cost are for what is learnt from texts; name TEXTS")
    inputs = [*texts, *([] if source is None else [source])]
    streams.check_output(out, force, inputs)
    streams.check_outside(out, texts)
    ready("ecjax.codebook.modelled", *(["ecjax.data", "ecjax.codebook.fitting"] if texts else []))
    begin = time.monotonic()
    model = None if source is None else _window_model(source)
    if texts:
        codebook, measures = _of_texts(texts, bits, join_cost, token_cost, model, quiet)
    else:
        assert model is not None
        codebook, measures = _of_model(model, bits, quiet), {}
    with streams.writing(out, force, inputs) as file:
        codebook.save(file)
    told = {
        "codebook": str(out),
        "strings": codebook.vocab_size,
        "longest": codebook.longest,
        **measures,
        "seconds": time.monotonic() - begin,
        "fingerprint": codebook.fingerprint,
    }
    streams.report(told, out, quiet, as_json)


def facts(contents: serialisation.Contents) -> dict[str, object]:
    """What a codebook's file says of its strings, without JAX; nothing if the file is damaged."""
    import numpy as np

    tensors = contents.tensors
    parents = tensors.get("parents", np.zeros(0))
    members = tensors.get("members", np.ones(parents.shape, np.uint8))
    nodes = parents.size
    if parents.shape != (nodes,) or members.shape != (nodes,) or members.sum() < 2:
        return {}
    if parents.dtype.kind != "u" or (parents[1:] >= np.arange(1, nodes)).any():
        return {}
    depths = [0] * nodes
    for node, parent in enumerate(parents[1:].tolist(), 1):
        depths[node] = depths[parent] + 1
    lengths = np.array(depths)[members != 0]
    return {
        "strings": len(lengths),
        "nodes": nodes,
        "longest": int(lengths.max()),
        "mean_length": float(lengths[1:].mean()),
        "closed_under_prefixes": "members" not in tensors,
        "costs": "costs" in tensors,
        "parse": "cheapest" if "costs" in tensors else "greedy",
    }


def _window_model(source: str) -> serialisation.Contents:
    """The file of a model that knows where windows end. Raises ValueError if it is another."""
    from ecjax.models.files import EXACT_KIND, KIND

    contents = serialisation.read(source, KIND, EXACT_KIND)
    if contents.kind == EXACT_KIND or contents.settings.get("vocab_size") == 256:
        raise ValueError(
            f"{contents.name} is a byte model, which does not know where windows end: ecjax compile makes a codebook "
            "of its windows; --from wants a model that train-m1 --windows made"
        )
    return contents


def _of_model(contents: serialisation.Contents, bits: int, quiet: bool) -> Codebook:
    """The codebook of the likeliest windows under a model, with its costs."""
    from ecjax.codebook.modelled import codebook_from_model, load_window_model

    provenance = _provenance(contents)
    with counting("finding the model's windows", "strings", 1 << bits, quiet) as report:
        return codebook_from_model(load_window_model(contents), bits, provenance, report)


def _of_texts(
    texts: Sequence[Path],
    bits: int,
    join_cost: float,
    token_cost: float,
    model: serialisation.Contents | None,
    quiet: bool,
) -> tuple[Codebook, dict[str, float]]:
    """The codebook of texts, from their strings and a model's, and what the texts come to."""
    from ecjax import data
    from ecjax.codebook import fitting

    documents = data.read_documents(texts)
    candidates = None if model is None else _strings(_of_model(model, bits, quiet))
    told = {"texts": data.fingerprint(documents), "join_cost": join_cost, "token_cost": token_cost}
    with sharing("training", quiet) as report:
        codebook = fitting.train_codebook(
            documents,
            bits,
            join_cost=join_cost,
            token_cost=token_cost,
            candidates=candidates,
            provenance=_provenance(model) | told,
            report=report,
        )
    return codebook, _measures(codebook, documents)


def _provenance(model: serialisation.Contents | None) -> dict[str, object]:
    command: dict[str, object] = {"command": "train-codebook"}
    return command if model is None else command | {"model": model.fingerprint}


def _strings(codebook: Codebook) -> list[bytes]:
    return [codebook.token_bytes(token) for token in range(1, codebook.vocab_size)]


def _measures(codebook: Codebook, documents: Sequence[bytes]) -> dict[str, float]:
    """What the texts come to, or as many evenly spread pieces of them as tell it."""
    import numpy as np

    pieces = [text[begin : begin + _PIECE] for text in documents for begin in range(0, len(text), _PIECE)]
    measured = pieces[:: -(-sum(map(len, pieces)) // _MEASURED)]
    size, ids = sum(map(len, measured)), np.concatenate(codebook.encode_batch(measured))
    bits = int(np.asarray(codebook.costs)[ids].sum(dtype=np.int64)) / _UNIT
    return {"bytes_per_token": size / len(ids), "bits_per_byte": bits / size}
