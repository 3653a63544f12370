"""The array functions with and without `jit`, and how often texts of many lengths make them be traced."""

from typing import Any, cast

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import parameterized

from ecjax.codebook import Codebook, parsing
from ecjax.models.unigram import Unigram
from ecjax.tokenizers import EqualInfo
from tests.codebook.support import drawn, mixed_text
from tests.test_backends import CASES, codebook, exact_model, model

variants = cast(Any, chex.variants)  # whose annotations hide that it can be called

QUICK = [name for name in CASES if not name.startswith(("Integer", "lanes"))]


@pytest.mark.slow
class Variants(chex.TestCase):
    """The oracles' results, however a function is called."""

    @variants(with_jit=True, without_jit=True)  # `without_device` hands NumPy arrays in, which is no promise of ours
    @parameterized.named_parameters((name, name) for name in QUICK)
    def test_the_oracle_is_right(self, name: str) -> None:
        model(), codebook(), exact_model()
        case = CASES[name]()
        function = self.variant(case.function)
        for i, arguments in enumerate(case.arguments):
            case.check(i, function(*map(jnp.asarray, arguments)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, make",
    [
        ("closed", lambda: codebook()),
        ("longest", lambda: drawn(0, 12, False, None).codebook),
        ("cheapest", lambda: drawn(1, 12, False, "few").codebook),
    ],
)
def test_texts_of_three_hundred_lengths_need_few_shapes(kind, make, monkeypatch):
    book: Codebook = make()
    rng = np.random.default_rng(0)
    texts = [mixed_text(rng, int(size)) for size in rng.integers(0, 20_000, 300)]
    jax.clear_caches()
    chex.clear_trace_counter()
    monkeypatch.setattr(parsing, kind, chex.assert_max_traces(getattr(parsing, kind), n=12))
    assert book.decode_batch(book.encode_batch(texts)) == texts
    for text in texts[:60]:
        assert book.decode(book.encode(text)) == text


@pytest.mark.slow
def test_windows_of_many_texts_need_few_shapes(monkeypatch):
    rng = np.random.default_rng(1)
    tokenizer = EqualInfo(Unigram.fit(bytes(range(256))), 24)
    texts = [rng.bytes(int(size)) for size in rng.integers(0, 3000, 40)]
    jax.clear_caches()
    chex.clear_trace_counter()
    monkeypatch.setattr(Unigram, "frequencies", chex.assert_max_traces(Unigram.frequencies, n=40))
    assert tokenizer.decode_batch(tokenizer.encode_batch(texts)) == texts
    for text in texts[:10]:
        assert tokenizer.decode(tokenizer.encode(text)) == text
