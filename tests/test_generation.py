import math
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Array

import ecjax
from ecjax.generation import SamplingSettings, generate, sample_token
from ecjax.models.transformer import Transformer, configuration

BOOKS = ecjax.load_codebook("books-12")
MODEL = Transformer(configuration("tiny", BOOKS.vocab_size, 8), key=jax.random.key(0))


def text(pieces: Iterator[bytes]) -> bytes:
    return b"".join(pieces)


@pytest.mark.slow
@given(seed=st.integers(0, 1000), k=st.integers(1, 5), p=st.floats(0.05, 1.0))
def test_only_the_head_of_the_distribution_is_drawn(seed: int, k: int, p: float) -> None:
    logits = np.random.default_rng(seed).normal(size=12).astype(np.float32) * 2
    draw = jax.vmap(lambda key: sample_token(jnp.asarray(logits), key, SamplingSettings(top_k=k, top_p=p)))
    drawn = set(np.asarray(draw(jax.random.split(jax.random.key(seed), 64))).tolist())
    order = np.argsort(-logits)
    probabilities = np.exp(logits[order]) / np.exp(logits).sum()
    nucleus = int(np.sum(np.cumsum(probabilities) - probabilities < p * (1 + 1e-5)))
    assert drawn <= set(order[: min(k, nucleus)].tolist())


@pytest.mark.slow
def test_temperature_zero_takes_the_likeliest_and_one_draws_in_proportion() -> None:
    logits = jnp.log(jnp.array([0.1, 0.6, 0.3]))
    keys = jax.random.split(jax.random.key(0), 4000)
    greedy = jax.vmap(lambda key: sample_token(logits, key, SamplingSettings(temperature=0.0)))(keys)
    assert set(np.asarray(greedy).tolist()) == {1}
    drawn = np.asarray(jax.vmap(lambda key: sample_token(logits, key, SamplingSettings()))(keys))
    assert np.bincount(drawn) / 4000 == pytest.approx([0.1, 0.6, 0.3], abs=0.03)


@pytest.mark.slow
def test_a_seed_decides_the_text() -> None:
    one, again, other = (text(generate(MODEL, BOOKS, b"The", 20, SamplingSettings(seed=s))) for s in (1, 1, 2))
    assert one == again != other


@pytest.mark.slow
@pytest.mark.parametrize("prompt", [b"", b"T", b"The river ran th", "a broken caf\u00e9".encode()[:-1], b"\xff\x00"])
def test_a_prompt_is_continued_within_its_last_window(prompt: bytes) -> None:
    """What is drawn first extends the prompt's last window, so prompt and continuation are one greedy parse there."""
    pieces = list(generate(MODEL, BOOKS, prompt, 4))
    assert len(pieces) <= 4
    ids = BOOKS.encode(prompt)
    if len(ids) and pieces:
        first = BOOKS.decode(ids[-1:]) + pieces[0]
        assert len(BOOKS.encode(first)) == 1


@pytest.mark.slow
def test_steps_with_a_cache_draw_what_the_whole_model_would() -> None:
    """Greedy continuation, token by token, against the model run anew over all tokens so far."""
    settings = SamplingSettings(temperature=0.0)
    bytes_model = Transformer(configuration("tiny", 257, 8), key=jax.random.key(3))
    tokenizer = ecjax.Bytes()
    ids = tokenizer.encode(b"It was").tolist()
    whole = eqx.filter_jit(lambda ids: bytes_model(ids))
    for piece in generate(bytes_model, tokenizer, b"It was", 12, settings):
        padded = jnp.zeros(24, jnp.int32).at[: len(ids)].set(jnp.asarray(ids))
        following = int(np.argmax(whole(padded)[len(ids)]))
        assert piece == tokenizer.decode([following])
        ids.append(following)


def test_the_padding_id_ends_the_text() -> None:
    # With all logits equal the first id is taken, and that is the padding id.
    undecided = eqx.tree_at(lambda model: model.unembedding.weight, MODEL, jnp.zeros_like(MODEL.unembedding.weight))
    assert text(generate(undecided, BOOKS, b"", 5, SamplingSettings(temperature=0.0))) == b""


def only(allowed: list[int]) -> Callable[[Array], Array]:
    """A hook that leaves only some ids."""
    return lambda logits: jnp.where(jnp.isin(jnp.arange(logits.shape[0]), jnp.array(allowed)), logits, -jnp.inf)


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_a_hook_decides_what_can_be_drawn(temperature: float) -> None:
    ids = [5, 1000, 4095]
    pieces = list(generate(MODEL, BOOKS, b"", 20, SamplingSettings(temperature), adjust=only(ids)))
    assert len(pieces) == 20 and set(pieces) <= {BOOKS.decode([i]) for i in ids}
    assert list(generate(MODEL, BOOKS, b"", 5, adjust=only([0]))) == []


def test_a_hook_comes_before_the_cuts_and_after_it_the_prompt_is_kept() -> None:
    # The likeliest of all is forbidden; the one that is kept of the rest is still drawn.
    favourite = int(jnp.argmax(MODEL.init().logits))
    forbid = lambda logits: logits.at[favourite].set(-jnp.inf)
    settings = SamplingSettings(top_k=1)
    second = int(jnp.argsort(-MODEL.init().logits)[1])
    assert list(generate(MODEL, BOOKS, b"", 1, settings)) == [BOOKS.decode([favourite])]
    assert list(generate(MODEL, BOOKS, b"", 1, settings, forbid)) == [BOOKS.decode([second])]
    # What is drawn first extends the prompt's last window, whatever the hook prefers.
    low, high = BOOKS.descendants(int(BOOKS.encode(b"th")[-1]))
    first = next(generate(MODEL, BOOKS, b"th", 1, settings, lambda logits: logits.at[high].set(1e9).at[low].set(1e8)))
    assert first == BOOKS.decode([low])[2:]


def test_a_hook_that_gives_no_logits_is_refused() -> None:
    for adjust in (lambda logits: logits[1:], lambda logits: jnp.argmax(logits)):
        with pytest.raises(ValueError, match="it must give logits, floats of shape"):
            next(generate(MODEL, BOOKS, b"", 1, adjust=adjust))


def test_the_special_token_eos_ends_the_text() -> None:
    book = BOOKS.with_special_tokens(["<bos>", "<eos>"])
    model = Transformer(configuration("tiny", book.vocab_size, 8), key=jax.random.key(0))
    bos, eos = book.special_ids["<bos>"], book.special_ids["<eos>"]
    assert list(generate(model, book, b"", 3, adjust=only([eos]))) == []
    assert list(generate(model, book, b"", 3, adjust=only([bos]))) == [b"", b"", b""]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        *(({name: value}, name) for name in ("temperature", "top_p") for value in (math.nan, math.inf, -math.inf)),
        *(({name: True}, name) for name in ("temperature", "top_k", "top_p", "seed")),
        *(({name: "1"}, name) for name in ("temperature", "top_k", "top_p", "seed")),
        *(({name: 1.0}, name) for name in ("top_k", "seed")),
        *(({"temperature": value}, "temperature") for value in (5e-324, 1e-7, 1e300)),
        *(({"seed": value}, "seed") for value in (-1, 1 << 32)),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    # Annotations are checked while the tests run, and not for users.
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match=message):
        SamplingSettings(**settings)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1e-6, 1e6])
def test_extreme_temperatures_draw_from_what_is_allowed(temperature: float) -> None:
    logits = jnp.array([-jnp.inf, 1.0, 3.0, 2.0, -jnp.inf])
    draw = jax.vmap(lambda key: sample_token(logits, key, SamplingSettings(temperature)))
    drawn = set(np.asarray(draw(jax.random.split(jax.random.key(0), 100))).tolist())
    assert drawn == ({2} if temperature < 1 else {1, 2, 3})


def test_arguments_are_checked_before_anything_is_drawn() -> None:
    prompts: tuple[Any, ...] = ("text", None)
    for prompt in prompts:
        with pytest.raises((TypeError, jaxtyping.TypeCheckError)):
            generate(MODEL, BOOKS, prompt)
    numbers: tuple[Any, ...] = (-1, True, 2.0)
    for max_tokens in numbers:
        with pytest.raises((ValueError, jaxtyping.TypeCheckError), match="max_tokens"):
            generate(MODEL, BOOKS, b"", max_tokens)
    with pytest.raises(ValueError, match="4096 ids and the tokenizer 257"):
        generate(MODEL, ecjax.Bytes())
    assert list(generate(MODEL, BOOKS, b"", 0)) == []


def test_another_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="4096 ids and the tokenizer 257"):
        text(generate(MODEL, ecjax.Bytes()))
