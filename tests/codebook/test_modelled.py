"""The most probable windows under a model, found best first."""

import heapq

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecjax.codebook.modelled import (
    END,
    check_window_model,
    codebook_from_model,
    costs_of,
    load_window_model,
    most_probable,
    read_by,
)
from ecjax.models.files import save_transformer
from ecjax.models.transformer import Transformer, TransformerConfig, configuration
from tests.strategies import seeds


def markov(seed, sharpness, coarse):
    """log2 of each symbol after each string, which depends on its last byte and its length; maybe with many ties."""
    rng = np.random.default_rng(seed)
    weights = sharpness * rng.normal(size=(257, 257))
    weights[:, END] += 6  # windows do end
    tables = weights - np.log2(np.exp2(weights).sum(1, keepdims=True))
    tables = (np.floor(tables) if coarse else tables).astype(np.float32)

    def after(strings, lengths):
        last = np.where(lengths > 0, strings[np.arange(len(lengths)), np.maximum(lengths, 1) - 1], 256)
        return tables[last] - 0.125 * lengths[:, None].astype(np.float32) * (np.arange(257) < END)

    return after


def one_at_a_time(after, count, longest):
    """The plain form: a queue of strings, and the most probable one next."""

    def read(string):
        padded = np.frombuffer(string.ljust(longest, b"\0"), np.uint8)[None]
        return after(padded, np.array([len(string)], np.int32))[0]

    root, found, best = read(b""), {}, [-np.inf] * (count - 256)
    queue = [(-root[b], bytes([b])) for b in range(256)]
    singles = [string for _, string in queue]
    heapq.heapify(queue)
    while queue and -queue[0][0] >= best[0]:
        log, string = heapq.heappop(queue)
        symbols = read(string)
        found[string] = symbols[END] - log
        if len(string) > 1:
            heapq.heappushpop(best, found[string])
        if len(string) < longest:
            for b in np.flatnonzero(symbols[:256] - log >= best[0]).tolist():
                heapq.heappush(queue, (log - symbols[b], string + bytes([b])))
    for log, string in queue:
        if len(string) == 1:
            found[string] = read(string)[END] - log
    order = sorted(found.keys() - set(singles), key=lambda s: (-found[s], s))[: count - 256]
    return singles + order, [found[s] for s in [*singles, *order]]


@given(seed=seeds, sharpness=st.sampled_from([1.5, 3.0, 6.0]), coarse=st.booleans(), longest=st.sampled_from([2, 3, 8]))
def test_as_one_at_a_time(seed, sharpness, coarse, longest):
    after, count = markov(seed, sharpness, coarse), 256 + 20
    told, read = [], set()

    def watched(strings, lengths):
        read.update(row[:n].tobytes() for row, n in zip(strings, lengths, strict=True))
        return after(strings, lengths)

    windows = most_probable(watched, count, longest, lambda sure: told.append((sure, read.copy())))
    strings = [row[:n].tobytes() for row, n in zip(windows.strings, windows.lengths, strict=True)]
    expected, logs = one_at_a_time(after, count, longest)
    assert strings == expected
    np.testing.assert_array_equal(windows.logs, np.array(logs, np.float32))
    assert [sure for sure, _ in told] == sorted(sure for sure, _ in told) and told[-1][0] == count
    assert all(read.issuperset(expected[:sure]) for sure, read in told)


def test_of_equal_windows_the_least_strings():
    # Byte 255 and the end cost nothing, each other byte one bit, wherever they are.
    logs = np.where(np.arange(257) < 255, -1, 0).astype(np.float32)
    windows = most_probable(lambda _, lengths: np.tile(logs, (len(lengths), 1)), 256 + 600, 4)
    free = [b"\xff" * n for n in (2, 3, 4)]
    one = sorted(
        string[:i] + bytes([b]) + string[i + 1 :] for string in free for i in range(len(string)) for b in range(255)
    )
    found = [row[:n].tobytes() for row, n in zip(windows.strings, windows.lengths, strict=True)]
    assert found[256:] == free + one[:597]


def window_model(context=3, sharpness=30.0):
    """An untrained model that is sure of itself."""
    model = Transformer(TransformerConfig(257, 16, 2, 1, 8, 32, context), key=jax.random.key(3))
    return eqx.tree_at(lambda m: m.unembedding.weight, model, sharpness * model.unembedding.weight)


def test_of_a_transformer():
    model = window_model()
    codebook = codebook_from_model(model, 9, {"why": "a test"})
    # All windows of up to two bytes, which are all that it can see.
    pairs = np.indices((256, 256), np.int32).reshape(2, -1).T
    rows = np.pad(pairs, ((0, 0), (0, 1)), constant_values=END)
    logs = np.asarray(jax.nn.log_softmax(jax.jit(jax.vmap(model))(jnp.asarray(rows)))) / np.log(2)
    one = logs[::256, 0][np.arange(256), np.arange(256)] + logs[::256, 1, END]
    two = logs[np.arange(65536), 0, pairs[:, 0]] + logs[np.arange(65536), 1, pairs[:, 1]] + logs[:, 2, END]
    costs = dict(zip(map(codebook.token_bytes, range(512)), np.asarray(codebook.costs).tolist(), strict=True))
    assert costs.pop(b"") == 0 and len(costs) == 511
    for byte in range(256):
        assert abs(costs[bytes([byte])] + 256 * one[byte]) < 1
    inside = np.array([bytes(pair) in costs for pair in pairs.astype(np.uint8)])
    assert inside.sum() == 255 and two[inside].min() > two[~inside].max() - 1e-4
    for pair, log in zip(pairs[inside].astype(np.uint8), two[inside], strict=True):
        assert abs(costs[bytes(pair)] + 256 * log) < 1
    assert codebook.provenance == '{"why": "a test"}'


def test_a_transformer_reads_strings_of_all_lengths():
    model, rng = window_model(context=12), np.random.default_rng(0)
    strings, lengths = rng.integers(1, 256, (40, 11), np.uint8), np.arange(40, dtype=np.int32) % 12
    strings[np.arange(11) >= lengths[:, None]] = 0
    symbols = read_by(model, strings, lengths)
    direct = np.asarray(jax.nn.log_softmax(jax.jit(jax.vmap(model))(np.pad(strings, ((0, 0), (0, 1))))) / np.log(2))
    np.testing.assert_allclose(symbols, direct[np.arange(40), lengths], atol=1e-3)


def test_costs():
    logs = np.array([-1e-9, -1.0, -2.0019, -255.9, -1e6], np.float32)
    assert costs_of(logs).tolist() == [1, 256, 512, 65510, 65535]


def test_what_is_no_such_model(tmp_path):
    byte_model = Transformer(configuration("tiny", 256, 8), key=jax.random.key(0))
    save_transformer(tmp_path / "bytes", byte_model, {})
    with pytest.raises(
        ValueError, match="bytes predicts 256 symbols; a model that knows where windows end predicts 257"
    ):
        load_window_model(tmp_path / "bytes")
    with pytest.raises(ValueError, match="it must see two bytes and the end"):
        check_window_model(window_model(context=2))
    with pytest.raises(ValueError, match="9 to 16 bits, got 17"):
        codebook_from_model(window_model(), 17)
    with pytest.raises(ValueError, match="logits are not finite"):
        codebook_from_model(window_model(sharpness=np.inf), 9)
    save_transformer(tmp_path / "windows", window_model(), {})
    assert load_window_model(tmp_path / "windows").config.context == 3
