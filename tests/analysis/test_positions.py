"""Tokens within windows: what is certain of the text, against all codes that are still possible; scores by position."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ecjax import Codebook, EqualInfo, analysis
from ecjax.models.transformer import Transformer, TransformerConfig
from tests.strategies import Markov, sample


@functools.cache
def tokenizer(token_bits: int = 3) -> EqualInfo:
    """Windows of 9 bits under a model of four likely bytes, so that windows have several."""
    likely = np.ones((257, 256), int)
    likely[:, 97:101] += np.random.default_rng(0).multinomial((1 << 16) - 256, [0.6, 0.2, 0.1, 0.1], 257)
    rows = np.concatenate([np.zeros((257, 1)), np.cumsum(likely, axis=1)], axis=1).astype(np.uint32)
    return EqualInfo(Markov(jnp.asarray(rows), 16), 9, token_bits)


@functools.cache
def codebook() -> Codebook:
    return tokenizer(9).compile()


@functools.cache
def ids() -> np.ndarray:
    return tokenizer().encode(sample(tokenizer().model, 2400, np.random.default_rng(1)))


@pytest.mark.slow
def test_what_is_certain_is_what_all_codes_with_these_first_bits_have_in_common():
    table = tokenizer(9).decode_batch([[code] for code in range(512)])
    every = np.arange(512)[:, None] >> np.array([6, 3, 0]) & 7
    found = analysis.certain_texts(tokenizer(), every.reshape(-1).astype(np.int32))
    for code, texts in enumerate(found):
        for known, text in enumerate(texts, 1):
            free = 9 - 3 * known
            first = code >> free << free
            columns = zip(*table[first : first + (1 << free)], strict=False)  # as long as the shortest string
            common = list(itertools.takewhile(lambda column: len(set(column)) == 1, columns))
            assert text == bytes(column[0] for column in common), (code, known)


@pytest.mark.slow
def test_texts_of_tokens_make_up_the_text():
    text = tokenizer().decode(ids())
    tokens = analysis.token_texts(tokenizer(), ids())
    assert b"".join(piece for window in tokens for piece in window) == text
    means = analysis.bytes_by_position(tokens)
    assert means.shape == (3,) and means.sum() * len(ids()) / 3 == pytest.approx(len(text))
    # Whole windows as ids hold all of the text themselves, in a codebook too.
    whole = tokenizer(9).encode(text)
    assert analysis.token_texts(codebook(), whole) == [[b"".join(window)] for window in tokens]


def test_no_windows_have_no_texts():
    assert analysis.certain_texts(tokenizer(), np.zeros(0, np.int32)) == []


def test_ids_that_are_no_whole_windows_are_refused():
    with pytest.raises(ValueError, match="a window has 3 ids, and 4 are no whole windows"):
        analysis.certain_texts(tokenizer(), np.zeros(4, np.int32))
    model = tokenizer().model
    for other, name in (
        (EqualInfo(model, 16, code="published"), "'published' and reset 1"),
        (EqualInfo(model, 16, reset=2), "'preorder' and reset 2"),
    ):
        with pytest.raises(ValueError, match=f"windows of code {name} have no text by themselves"):
            analysis.tokens_per_window(other)
    with pytest.raises(ValueError, match="windows of 9 bits do not end where ids of 4 do; take a divisor of 9"):
        analysis.tokens_per_window(tokenizer(4))


CONFIG = TransformerConfig(vocab_size=8, d_model=8, heads=1, layers=1, head_dim=8, mlp_dim=16, context=7)


@pytest.mark.slow
def test_scores_agree_with_a_plain_loop_over_examples(monkeypatch):
    monkeypatch.setattr("ecjax.analysis.positions._BATCH_TOKENS", 13)  # two examples of 6 ids at once
    model = Transformer(CONFIG, key=jax.random.key(0))
    held_out = ids()[:75]  # twelve examples and a half, in six batches and a half
    predict = eqx.filter_jit(model)
    right, nats = np.zeros(3), np.zeros(3)
    for begin in range(0, 75, 6):
        logits = np.asarray(predict(jnp.asarray(ids()[begin : begin + 6])), np.float64)
        for i, (row, token) in enumerate(zip(logits, held_out[begin : begin + 6], strict=False)):
            right[i % 3] += row.argmax() == token
            nats[i % 3] += np.log(np.exp(row).sum()) - row[token]
    scores = analysis.scores_by_position(model, held_out, 3)
    assert scores.accuracy == pytest.approx(right / 25) and scores.loss == pytest.approx(nats / 25, rel=1e-5)
    assert len(set(scores.loss.tolist())) == 3 and 0 < scores.accuracy.max() < 1


@pytest.mark.parametrize("count, per_window", [(7, 3), (0, 3), (16, 8)])
def test_ids_and_contexts_without_whole_windows_are_refused(count, per_window):
    model = Transformer(CONFIG, key=jax.random.key(0))
    with pytest.raises(ValueError, match=f"{count} ids and a context of 7 must hold whole windows of {per_window} ids"):
        analysis.scores_by_position(model, np.zeros(count, np.int32), per_window)
