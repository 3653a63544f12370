import math

import equinox as eqx
import jax
import jaxtyping
import numpy as np
import pytest

from ecjax import Bytes, data, evaluation, load_model
from ecjax.models.files import save_transformer
from ecjax.models.transformer import Relative, Transformer, configuration
from ecjax.serialisation import asset
from ecjax.training import TrainingSettings, train
from tests import independent_bits_per_byte


def test_uniform_bits_are_those_of_the_ids() -> None:
    assert evaluation.uniform_bits_per_byte(257, 100, 100) == pytest.approx(math.log2(257))
    assert evaluation.uniform_bits_per_byte(1 << 16, 10, 50) == pytest.approx(16 / 5)


def test_unigram_bits_are_the_entropy_of_what_was_counted() -> None:
    training = np.repeat([0, 1, 2], [499, 249, 249])  # with the added ones: 1/2, 1/4, 1/4
    assert evaluation.unigram_bits_per_byte(training, np.array([0, 1]), 3, 1) == pytest.approx(3.0)


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [1, 8, 37])
def test_bits_per_byte_agree_with_a_plain_sum_over_contexts(tokens: int) -> None:
    model = Transformer(configuration("tiny", 17, 8), key=jax.random.key(1))
    ids = np.random.default_rng(tokens).integers(0, 17, tokens)
    nats = 0.0
    for begin in range(0, tokens, 8):
        part = ids[begin : begin + 8]
        logits = np.asarray(model(jax.numpy.asarray(part)), np.float64)
        nats += sum(np.log(np.exp(row).sum()) - row[i] for row, i in zip(logits, part, strict=True))
    expected = nats / math.log(2) / 100
    assert evaluation.bits_per_byte(model, ids, 100) == pytest.approx(expected, rel=1e-5)


UNTRAINED = Transformer(configuration("tiny", 17, 8), key=jax.random.key(1))


def test_validation_is_of_the_first_batches() -> None:
    # 3 batches of 2 examples of 8 ids; what follows them counts for nothing.
    ids = np.random.default_rng(5).integers(0, 17, 100)
    own = evaluation.validation_bits_per_byte(UNTRAINED, ids, 2.5, batches=3, batch_size=2)
    assert own == pytest.approx(evaluation.bits_per_byte(UNTRAINED, ids[:48], 120), rel=1e-6)  # 48 ids of 2.5 bytes
    other = np.concatenate([ids[:48], ids[:10]])
    assert evaluation.validation_bits_per_byte(UNTRAINED, other, 2.5, batches=3, batch_size=2) == own
    assert evaluation.validation_bits_per_byte(UNTRAINED, ids[::-1].copy(), 2.5, batches=3, batch_size=2) != own


def test_validation_wants_all_of_its_batches() -> None:
    ids = np.zeros(47, np.int32)
    with pytest.raises(ValueError, match="3 batches of 2 examples of 8 ids are 48 ids, and there are 47; give more"):
        evaluation.validation_bits_per_byte(UNTRAINED, ids, 2.5, batches=3, batch_size=2)
    with pytest.raises(ValueError, match=r"ids lie in 0 \.\. 16, got 17 at position 1"):
        evaluation.validation_bits_per_byte(UNTRAINED, np.full(48, 17) * (np.arange(48) > 0), 2.5, 3, 2)
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="bytes_per_token"):
            evaluation.validation_bits_per_byte(UNTRAINED, ids, wrong, 1, 1)
    for name in ("batches", "batch_size"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            evaluation.validation_bits_per_byte(UNTRAINED, ids, 1.0, **{name: 0})


@pytest.mark.parametrize("wrong", [17, -1, 1 << 20])
def test_ids_beyond_the_vocabulary_are_refused(wrong: int) -> None:
    ids = np.array([3, wrong])
    for measure in (
        lambda: evaluation.bits_per_byte(UNTRAINED, ids, 2),
        lambda: evaluation.unigram_bits_per_byte(np.array([1]), ids, 17, 2),
        lambda: evaluation.unigram_bits_per_byte(ids, np.array([1]), 17, 2),
    ):
        with pytest.raises(ValueError, match=f"ids lie in 0 .. 16, got {wrong} at position 1"):
            measure()


@pytest.mark.parametrize("text_bytes", [0, -1, True, 2.5])
def test_a_text_has_bytes(text_bytes: int) -> None:
    ids = np.array([3, 4])
    for measure in (
        lambda: evaluation.bits_per_byte(UNTRAINED, ids, text_bytes),
        lambda: evaluation.unigram_bits_per_byte(ids, ids, 17, text_bytes),
        lambda: evaluation.uniform_bits_per_byte(17, 2, text_bytes),
    ):
        with pytest.raises((ValueError, jaxtyping.TypeCheckError), match="text_bytes"):
            measure()


def test_there_must_be_something_to_measure_on() -> None:
    none = np.zeros(0, np.int32)
    for measure in (
        lambda: evaluation.bits_per_byte(UNTRAINED, none, 1),
        lambda: evaluation.unigram_bits_per_byte(np.array([1]), none, 17, 1),
        lambda: evaluation.coded_bits_per_byte(load_model("m1-books"), np.zeros(0, np.uint8), 8),
    ):
        with pytest.raises(ValueError, match="to measure on; give"):
            measure()
    for context in (0, -8):
        with pytest.raises(ValueError, match="context must be at least 1"):
            evaluation.coded_bits_per_byte(load_model("m1-books"), np.zeros(3, np.uint8), context)
    # Nothing learnt is a model too: that of equal frequencies.
    assert evaluation.unigram_bits_per_byte(none, np.array([3]), 16, 1) == pytest.approx(4)


def test_a_model_that_gives_no_numbers_is_refused() -> None:
    broken = eqx.tree_at(lambda model: model.embedding, UNTRAINED, UNTRAINED.embedding * np.nan)
    with pytest.raises(ValueError, match="losses are not finite"):
        evaluation.bits_per_byte(broken, np.array([1, 2]), 2)


def test_ratios_need_numbers() -> None:
    config = configuration("tiny", 17, 8)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="bytes_per_token must be a finite number above 0"):
            evaluation.flops_per_byte(config, wrong)
        with pytest.raises(ValueError, match="bytes_per_token must be a finite number above 0"):
            evaluation.bit_compression_ratio(256, wrong)
    with pytest.raises(ValueError, match="vocab_size must be at least 2, got 1"):
        evaluation.bit_compression_ratio(1, 2.0)
    with pytest.raises(ValueError, match="vocab_size must be at least 1, got 0"):
        evaluation.uniform_bits_per_byte(0, 1, 1)


@pytest.mark.parametrize(
    ("bytes_per_token", "with_m1", "millions"), [(1.0, False, 50.0), (4.28, False, 11.69), (5.31, True, 15.42)]
)
def test_flops_per_byte_are_the_papers(bytes_per_token: float, with_m1: bool, millions: float) -> None:
    """Tables 15 and 16, the 25m column: bytes, SentencePiece, EqualInfoAC[16, 65k]."""
    flops = evaluation.flops_per_byte(configuration("25m", 256, 512), bytes_per_token)
    if with_m1:
        flops += evaluation.flops_per_byte(configuration("3m", 256, 1024), 1.0)
    assert flops / 1e6 == pytest.approx(millions, rel=0.025)


@pytest.mark.slow
def test_bits_per_byte_agree_with_an_independent_script(tmp_path) -> None:
    text = asset("sample.txt").read_bytes()[5000:8000]
    ids = Bytes().encode(text)
    examples = data.batches(data.Slices(ids, range(len(ids)), 64), 8, seed=0)
    model, _ = train(
        Transformer(configuration("tiny", 257, 64), key=jax.random.key(0)), examples, TrainingSettings(30, 8)
    )
    save_transformer(tmp_path / "model.safetensors", model, {})
    independent = independent_bits_per_byte.bits_per_byte(tmp_path / "model.safetensors", text)
    assert independent < 5  # it has learnt something
    assert evaluation.bits_per_byte(model, ids, len(text)) == pytest.approx(independent, abs=1e-6)


def test_compression_ratios() -> None:
    assert evaluation.bit_compression_ratio(256, 2.5) == 2.5
    assert evaluation.bit_compression_ratio(1 << 16, 5.0) == 2.5


def test_flops_count_m1_where_it_runs() -> None:
    m2, m1 = configuration("tiny", 256, 8), configuration("3m", 256, 8)
    assert evaluation.flops_per_byte(m2, 4.0) == 2 * m2.parameters / 4
    assert evaluation.flops_per_byte(m2, 4.0, m1) == 2 * m2.parameters / 4 + 2 * m1.parameters


@pytest.mark.parametrize("relative", ["bias", "vectors"])
@pytest.mark.parametrize("size, vocab_size, context", [("tiny", 256, 128), ("25m", 256, 512)])
def test_flops_are_those_that_xla_counts(size: str, vocab_size: int, context: int, relative: Relative) -> None:
    config = configuration(size, vocab_size, context, relative)
    counted = evaluation.compiled_flops_per_token(config)
    least = 0.025 if relative == "bias" else 0.03  # what is looked up for each pair is not in a product
    assert counted == pytest.approx(evaluation.forward_flops_per_token(config), rel=least)
    assert 2 * config.parameters < counted  # the paper's count leaves out logits and attention
