"""What `bench cuts` prints and draws, on a short text."""

import json

import pytest

from bench import cuts
from ecjax.serialisation import asset


@pytest.mark.slow  # trains five tokenizers
def test_every_tokenizer_cuts_the_whole_sentence_and_is_drawn(tmp_path):
    sample, out, figure = asset("sample.txt"), tmp_path / "cuts.json", tmp_path / "cuts.svg"
    cuts.measure([sample], train_bytes=100_000, text=[sample], bits=9, figure=figure, out=out)
    rows = {row["method"]: row for row in json.loads(out.read_text())["results"]}
    assert len(rows) == 5
    for row in rows.values():
        strings = row["cut"].split("|")
        assert "".join(strings) == cuts.SENTENCE and len(strings) == row["strings"]
        assert 1 < row["bytes_per_token"] < 4
    counted = [rows[f"counted strings, {parse}"] for parse in ("greedy", "cheapest")]
    assert counted[0]["bytes_per_token"] < counted[1]["bytes_per_token"]
    assert all(" " not in string[1:] for string in rows["single words, cheapest"]["cut"].split("|"))
    drawn = figure.read_text()
    assert all(method in drawn for method in rows)


def test_a_sentence_that_cannot_be_drawn_is_refused(tmp_path):
    for sentence in ("", "two\nlines", "ß"):
        with pytest.raises(ValueError, match="a sentence is one line of ASCII"):
            cuts.measure([tmp_path], sentence=sentence)
