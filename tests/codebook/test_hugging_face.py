"""Codebooks as tokenizers of `transformers`: the same ids for any text, batches, special tokens, and folders."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax import Codebook, load_codebook

hugging_face = pytest.importorskip("ecjax.codebook.hugging_face")

NASTY = ["", " ", "Ġ ▁ Ċ\u0100\u0143", "a\r\n\t\0 é e\u0301 漢字 😀 ﬁ \ufeff", "<bos>  <eos><pad> <tool>", "x" * 3000]
ANY_STR = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>bos padĠ"), max_size=60)


@functools.cache
def book() -> Codebook:
    return load_codebook("books-12").with_special_tokens(["<bos>", "<eos>", "<tool>"])


@functools.cache
def tokenizer() -> Any:
    return book().to_transformers()


@pytest.mark.parametrize("name", ["books-12", "m1-books-12", pytest.param("mixed-16", marks=pytest.mark.slow)])
def test_ids_are_the_codebooks(name):
    codebook = load_codebook(name)
    plain = codebook.to_transformers()
    assert len(plain) == plain.vocab_size == len(plain.get_vocab()) == codebook.vocab_size
    for text in NASTY:
        assert plain(text)["input_ids"] == plain.encode(text) == codebook.encode(text).tolist()
        assert plain.decode(plain.encode(text)) == text
    assert (plain.pad_token_id, plain.eos_token_id) == (0, None)


@given(ANY_STR)
def test_ids_of_any_text_are_the_codebooks(text):
    ids = tokenizer()(text)["input_ids"]
    assert ids == book().encode(text).tolist() and tokenizer().decode(ids) == text
    assert tokenizer().convert_tokens_to_ids(tokenizer().tokenize(text)) == ids


def test_batches_are_padded_and_masked():
    texts = ["hello", "hello there, world", ""]
    batch = tokenizer()(texts, padding=True, return_tensors="np")
    assert list(batch) == ["input_ids", "attention_mask"]
    for row, mask, ids in zip(batch["input_ids"], batch["attention_mask"], book().encode_batch(texts), strict=True):
        assert row[mask == 1].tolist() == ids.tolist() and not row[mask == 0].any()
    cut = tokenizer()("hello there, world", truncation=True, max_length=2)["input_ids"]
    assert cut == book().encode("hello there, world").tolist()[:2]


def test_special_tokens_have_their_ids_and_roles():
    tok, ids = tokenizer(), book().special_ids
    assert len(tok) == tok.vocab_size == 4099 and sorted(tok.all_special_ids) == [0, 4096, 4097, 4098]
    assert (tok.bos_token_id, tok.eos_token_id, tok.unk_token_id) == (ids["<bos>"], ids["<eos>"], None)
    assert tok.convert_tokens_to_ids("<tool>") == ids["<tool>"]
    row = [ids["<bos>"], *tok.encode("hi <eos>"), ids["<eos>"], 0]
    assert tok.decode(row) == "<bos>hi <eos><eos><pad>" and tok.decode(row, skip_special_tokens=True) == "hi <eos>"
    asked = tok("<bos>hi<eos>", split_special_tokens=False)["input_ids"]
    assert asked == [ids["<bos>"], *book().encode("hi").tolist(), ids["<eos>"]]
    other = book().to_transformers(eos_token="<tool>", pad_token="<nothing>")
    assert (other.eos_token_id, other.pad_token, other.pad_token_id) == (ids["<tool>"], "<nothing>", 0)
    assert sorted(other.all_special_ids) == [0, 4096, 4097, 4098]


def test_roles_and_names_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="eos_token must be one of the codebook's special tokens, got '<end>'"):
        book().to_transformers(eos_token="<end>")
    for other, roles in ((book().with_special_tokens(["the"]), {}), (book(), {"pad_token": "<bos>"})):
        with pytest.raises(ValueError, match=r"there are two tokens called '(the|<bos>)'"):
            other.to_transformers(**roles)


LOAD = """
import sys
from transformers import AutoTokenizer
folder, how, text = sys.argv[1:]
if how == "class":
    from ecjax.codebook.hugging_face import CodebookTokenizer
    tokenizer = CodebookTokenizer.from_pretrained(folder)
elif how == "imported":
    import ecjax.codebook.hugging_face
    tokenizer = AutoTokenizer.from_pretrained(folder)
else:
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
import json
print(json.dumps([tokenizer(text)["input_ids"], tokenizer.all_special_ids, tokenizer.eos_token_id, len(tokenizer)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["class", "imported", "trusted"])
def test_a_folder_gives_it_back_in_another_process(how, tmp_path):
    folder, text = tmp_path / "book", "a wörld of <eos>\r\n"
    tokenizer().save_pretrained(folder)
    assert load_codebook(folder / "codebook.safetensors").fingerprint == load_codebook("books-12").fingerprint
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", LOAD, str(folder), how, text]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    tok = tokenizer()
    assert json.loads(told) == [book().encode(text).tolist(), tok.all_special_ids, tok.eos_token_id, len(tok)]


def test_what_is_loaded_can_be_saved_again(tmp_path):
    tokenizer().save_pretrained(tmp_path / "one")
    again = hugging_face.CodebookTokenizer.from_pretrained(tmp_path / "one")
    again.save_pretrained(tmp_path / "two")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["codebook.safetensors", "hugging_face.py", "tokenizer_config.json"]
    for name in names[:2]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    twice = hugging_face.CodebookTokenizer.from_pretrained(tmp_path / "two")
    assert twice.get_vocab() == again.get_vocab() == tokenizer().get_vocab()
    assert twice("a <eos>")["input_ids"] == book().encode("a <eos>").tolist()
    assert again.codebook.fingerprint == book().fingerprint
    assert Path(again.save_vocabulary(str(tmp_path), "other")[0]).name == "other-codebook.safetensors"
