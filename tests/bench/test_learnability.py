"""What `bench learnability` measures, against what can be reckoned by hand; and the command itself, on a short text."""

import json
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from bench import learnability
from bench._learnability import figures, ngrams, vocabularies
from ecjax.serialisation import asset


def by_hand(training, held_out, vocab_size, order):
    """Interpolated absolute discounting, one n-gram after the other."""

    def probability(context, token):
        if not context:
            return (training.count(token) + 0.5) / (len(training) + 0.5 * vocab_size)
        size = len(context) + 1
        grams = Counter(tuple(training[i : i + size]) for i in range(len(training) - size + 1))
        kinds = Counter(grams.values())
        discount = (kinds[1] + 0.5) / (kinds[1] + 2 * kinds[2] + 1)
        after = defaultdict(int, {gram[-1]: count for gram, count in grams.items() if gram[:-1] == context})
        shorter = probability(context[1:], token)
        if not after:
            return shorter
        spread = discount * len(after) * shorter
        return (max(0.0, after[token] - discount) + spread) / sum(after.values())

    return sum(
        -math.log2(probability(tuple(held_out[max(0, i - order + 1) : i]), token)) for i, token in enumerate(held_out)
    )


def test_ngrams_are_those_reckoned_one_by_one():
    rng = np.random.default_rng(0)
    training, held_out = rng.integers(0, 5, 300) ** 2 % 7, rng.integers(0, 7, 40)
    found = ngrams.bits_by_order(training, held_out, 7, 4)
    for order, bits in enumerate(found, 1):
        assert bits == pytest.approx(by_hand(training.tolist(), held_out.tolist(), 7, order))


def test_probabilities_of_ngrams_sum_to_one():
    training = np.random.default_rng(1).integers(0, 6, 200)
    bits = [ngrams.bits_by_order(training, np.array([2, 3, last]), 6, 3) for last in range(6)]
    before = ngrams.bits_by_order(training, np.array([2, 3]), 6, 3)
    for order in range(3):
        assert sum(2 ** (before[order] - found[order]) for found in bits) == pytest.approx(1)


def test_tokens_are_told_from_words():
    strings = [b"", b" the", b"the,", b" wor", b"ds", b", the", b" a b", b".", b"(", b"cat"]
    ids = np.array([2, 3, 4, 5, 3, 4, 7, 1, 6, 8, 9, 7, 9])
    text = b"".join(strings[i] for i in ids)
    words = figures.of_words(text, strings, ids)
    assert words["continuing_tokens"] == pytest.approx(2 / 13)  # "ds" twice
    # "the" is read in three ways, "words" and "cat" in one.
    assert words["usual_ids"] == pytest.approx(5 / 7)
    made_of = figures.of_strings(strings, ids)
    assert made_of["joined_tokens"] == pytest.approx(3 / 13)
    assert made_of["ids_per_word"] == pytest.approx(
        6 / 4
    )  # three hold "the"; " wor", "ds" and "cat"; " a b" is two words
    with pytest.raises(ValueError, match="not those of the held-out text"):
        figures.of_words(text + b".", strings, ids)


def test_rare_ids_are_counted_where_m2_sees_them():
    training = np.repeat([0, 1, 2], [200, 100, 50])
    found = figures.of_rare_ids(training, np.array([0, 1, 2, 2, 3]), 4)
    effective = 7 * (4**4 * 2**2) ** (-1 / 7)  # shares are 4, 2 and 1 of 7
    assert found == {"effective_ids": pytest.approx(effective), "rare_ids": 0.5, "rare_tokens": pytest.approx(0.6)}


def test_a_parse_tells_nothing_where_it_is_the_only_one():
    strings = [bytes([byte]) for byte in range(256)]
    ids = np.frombuffer(b"nothing else is possible", np.uint8).astype(np.int64)
    assert figures.untold(strings, ids, ids, ids.astype(np.uint8).tobytes()) == pytest.approx(0, abs=1e-6)
    # "aa" is one id or two of the same probability each: of all parses' sum the parse with one has a known share.
    strings = [*strings, b"aa"]
    training = np.array([ord("a")] * 10 + [256] * 10)
    total = 20 + 0.5 * 257
    one, two = 10.5 / total, (10.5 / total) ** 2
    told = figures.untold(strings, training, np.array([256]), b"aa")
    assert told == pytest.approx(math.log2((one + two) / one))


def test_vocabularies_are_compared_by_their_strings():
    own = vocabularies.use_of([b"a", b"b", b"c"], np.array([0, 1, 1, 2]), np.array([1, 2]))
    other = vocabularies.use_of([b"c", b"a"], np.array([0, 1]), np.array([0]))
    found = vocabularies.lacking(own, other)
    assert (found["ids"], found["training_share"], found["held_out_share"]) == (1, 0.5, 0.5)
    assert found["most_frequent"] == [["b", 2, 1]]
    assert vocabularies.lacking(other, own)["ids"] == 0


def test_runs_of_other_tokens_are_left_out(tmp_path):
    def keep(name, method, bits, ratio, equal="steps"):
        run = {"method": method, "size": "tiny", "steps": 8, "equal": equal}
        content = {"run": run, "results": {"bits_per_byte": bits, "bytes_per_token": ratio}}
        (tmp_path / name).write_text(json.dumps(content))

    keep("a", "this", 2.0, 4.0)
    keep("b", "this", 3.0, 4.01)
    keep("c", "this", 9.0, 4.02)
    keep("d", "other", 9.0, 4.0)
    keep("e", "this", 9.0, 4.0, "flops")
    assert learnability.m2_bits(sorted(tmp_path.iterdir()), "this", 4.0) == {"m2_tiny": 2.5, "m2_small": None}


def test_correlations_are_over_methods_that_have_runs():
    rows = [{"method": str(i), "figure": float(i), "m2_tiny": 3.0 - i, "m2_small": None} for i in range(3)]
    rows.append({"method": "without", "figure": 9.0, "m2_tiny": None, "m2_small": None})
    assert learnability.correlations(rows) == {"tiny": {"figure": pytest.approx(-1)}}
    assert learnability.correlations([]) == {}


def test_the_command_runs_and_names_what_it_does_not_know(tmp_path):
    text = [asset("sample.txt")]
    learnability.measure(text, text, tmp_path, method=["Bytes"], json=tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    [row] = content["results"]
    assert (row["method"], row["bytes_per_token"], row["prefix_distance"] < 0.05) == ("Bytes", 1, True)
    bits = [row[f"{n}_gram_bits_per_byte"] for n in (1, 2, 3, 4)]
    assert bits == sorted(bits, reverse=True)
    assert row["untold_bits_per_byte"] == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="there is no method 'bytes'"):
        learnability.measure(text, text, tmp_path, method=["bytes"])
