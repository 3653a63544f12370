"""Files of codebooks: whole, or refused."""

import json
from pathlib import Path
from typing import Any

import chex
import jax
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from ecjax import serialisation
from ecjax.codebook import Codebook, load_codebook
from specs.oracle import codebook as oracle
from tests.codebook.support import BOOKS, compiled, drawn, in_step, tree


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    parents, last_bytes = tree()
    path = tmp_path_factory.mktemp("codebook") / "book.safetensors"
    Codebook(parents, last_bytes, json.dumps({"text": "a corpus"})).save(path)
    return path


@pytest.mark.rule("B-9")
def test_save_and_load(saved):
    codebook, _ = in_step()
    for name in (saved, str(saved)):
        loaded = load_codebook(name)
        assert loaded.fingerprint == codebook.fingerprint and len(loaded.fingerprint) == 64
        assert json.loads(loaded.provenance) == {"text": "a corpus"}
        chex.assert_trees_all_equal(jax.tree.leaves(loaded), jax.tree.leaves(codebook), strict=True)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_saving_makes_no_folder(saved, tmp_path):
    with pytest.raises(ValueError, match="there is no folder"):
        load_codebook(saved).save(tmp_path / "new" / "book")
    assert list(tmp_path.iterdir()) == []


def test_other_trees_have_other_fingerprints():
    books = [compiled(9, seed)[1] for seed in range(3)] + [in_step()[0]]
    assert len({book.fingerprint for book in books}) == len(books)
    again = Codebook(np.asarray(books[0].parents), np.asarray(books[0].last_bytes), '{"other": "origin"}')
    assert again.fingerprint == books[0].fingerprint


def refused(path: Path | str, match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        load_codebook(path)
    assert type(caught.value) is ValueError
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_cut_off_anywhere_is_refused(saved, tmp_path):
    whole = saved.read_bytes()
    path = tmp_path / "cut"
    for end in [*range(0, 20), *range(20, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:end])
        refused(path, "damaged")
    path.write_bytes(whole + b"\0")
    refused(path, "damaged")


def check_flipped(saved: Path, path: Path, position: int, mask: int) -> None:
    damaged = bytearray(saved.read_bytes())
    damaged[position] ^= mask
    path.write_bytes(damaged)
    try:
        loaded = load_codebook(path)
    except ValueError as error:
        assert type(error) is ValueError and str(path) in str(error)
    else:
        # Only what says where the codebook came from may differ.
        assert loaded.fingerprint == in_step()[0].fingerprint
        header = saved.read_bytes()
        assert header.index(b'"provenance"') <= position < header.index(b"a corpus") + 12 or damaged[position] in b" \t"


@given(position=st.integers(0, 10**6), mask=st.sampled_from([1 << k for k in range(8)] + [255]))
def test_a_file_with_a_flipped_byte_is_refused(saved, position, mask):
    check_flipped(saved, saved.with_name("flipped"), position % len(saved.read_bytes()), mask)


@pytest.mark.deep
@pytest.mark.slow
def test_a_file_with_any_byte_flipped_is_refused(saved, tmp_path):
    for position in range(len(saved.read_bytes())):
        check_flipped(saved, tmp_path / "flipped", position, 1 << position % 8)


def test_other_files_are_refused(saved, tmp_path):
    tensors: dict[str, np.ndarray] = dict(zip(("parents", "last_bytes"), tree(), strict=True))
    path = tmp_path / "other"
    serialisation.write(path, "ecjax.transformer", {"bits": 9}, tensors, {})
    refused(path, "not a file of kind ecjax.codebook but ecjax.transformer")
    path.write_bytes(safetensors.numpy.save(tensors))
    refused(path, "none of ecjax's files: its header does not say of what kind it is")
    path.write_bytes(saved.read_bytes().replace(b'"version":"1"', b'"version":"2"'))
    refused(path, "version 2")
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    refused(path, "damaged or no ecjax file")
    path.write_bytes(b"")
    refused(path, "damaged or no ecjax file")
    path.write_text("It was a bright cold day in April.\n" * 100)
    refused(path, "damaged or no ecjax file")
    serialisation.write(path, "ecjax.codebook", {"bits": 9}, {"parents": tensors["parents"]}, {})
    refused(path, "damaged.*last_bytes")


@pytest.mark.parametrize(
    "change",
    [
        lambda p, b: {"parents": p.astype(np.float32), "last_bytes": b},
        lambda p, b: {"parents": p.astype(np.int64), "last_bytes": b},
        lambda p, b: {"parents": p, "last_bytes": b.astype(np.int16) - 1},
        lambda p, b: {"parents": p[None], "last_bytes": b[None]},
        lambda p, b: {"parents": p.reshape(2, 256), "last_bytes": b},
        lambda p, b: {"parents": np.array(1, np.uint16), "last_bytes": b},
        lambda p, b: {"parents": p, "last_bytes": b[:-1]},
    ],
)
def test_tensors_of_other_types_or_shapes_are_refused(change, tmp_path):
    path = tmp_path / "other"
    serialisation.write(path, "ecjax.codebook", {"bits": 9}, change(*tree()), {})
    refused(path, "damaged")


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, {}),
        ({"bits": 10}, {}),
        ({"bits": 9.0}, {}),
        ({"bits": True}, {}),
        ({"bits": 9, "more": 1}, {}),
        ({"bits": 9}, {"strings": np.zeros(3, np.uint8)}),
        ({"bits": 9}, {".parents": np.zeros(512, np.uint16)}),
    ],
)
def test_settings_and_arrays_are_those_of_the_tree(settings, more, tmp_path):
    tensors = dict(zip(("parents", "last_bytes"), tree(), strict=True)) | more
    serialisation.write(tmp_path / "other", "ecjax.codebook", settings, tensors, {})
    refused(tmp_path / "other", "damaged: (the settings of a codebook of 9 bits|its arrays must be parents)")


def test_what_is_not_there_is_refused(tmp_path):
    refused(tmp_path, "neither a file nor one of the shipped names")
    refused(tmp_path / "missing", "neither a file nor one of the shipped names")
    refused("no-such-name", "neither a file nor one of the shipped names")


def test_a_save_that_fails_leaves_what_was_there(saved, tmp_path, monkeypatch):
    path = tmp_path / "book"
    path.write_bytes(b"before")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        load_codebook(saved).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["book"] and path.read_bytes() == b"before"


@pytest.mark.parametrize("book", BOOKS)
def test_codebooks_of_all_kinds_are_saved_and_loaded(book, tmp_path):
    book = drawn(*book).codebook
    book.save(tmp_path / "book")
    loaded = load_codebook(tmp_path / "book")
    assert loaded.fingerprint == book.fingerprint == serialisation.read(tmp_path / "book").fingerprint
    chex.assert_trees_all_equal(jax.tree.leaves(loaded), jax.tree.leaves(book), strict=True)
    parts: list[Any] = [None if a is None else a.tolist() for a in tensors_of(book)]
    written = oracle.Codebook(*parts)
    assert oracle.codebook_fingerprint(written) == book.fingerprint


def tensors_of(book: Codebook) -> tuple[Any, ...]:
    return book.parents, book.last_bytes, book.members, book.costs


@pytest.mark.slow
def test_a_tree_of_more_than_65536_nodes_has_wider_parents(tmp_path):
    rng = np.random.default_rng(0)
    strings = {bytes([c]) for c in range(256)}
    while len(strings) < 4095:
        strings.add(rng.bytes(30))
    book = Codebook.from_strings(list(strings))
    assert book.parents.dtype == np.uint32 and book.bits == 12
    book.save(tmp_path / "book")
    assert load_codebook(tmp_path / "book").fingerprint == book.fingerprint
    text = b"".join(strings)
    assert book.decode(book.encode(text)) == text and len(book.encode(text)) <= 4095


@pytest.mark.parametrize(
    "name, mark", [("m1-books-12", "ccbba577"), pytest.param("m1-books-16", "8a03d0d5", marks=pytest.mark.slow)]
)
def test_closed_codebooks_without_costs_are_what_they_were(name, mark):
    book = load_codebook(name)
    assert book.fingerprint.startswith(mark)
    again = Codebook.from_strings([book.token_bytes(i) for i in range(book.vocab_size)])
    assert again.members is None and again.costs is None and again.fingerprint == book.fingerprint
