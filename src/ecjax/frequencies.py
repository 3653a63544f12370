"""Logits to integer cumulative frequencies: the one contract between models and coders.

A **table** of precision F (8 < F <= 16) is `uint32[257]` with `table[0] == 0`, strictly increasing, `table[256] ==
2**F`. Byte `c` has frequency `table[c + 1] - table[c]`, at least 1, of `2**F`. Once logits are fixed point, all is
integer.

**What rounding costs.** Let p be the softmax of the real-valued logits and q the table's distribution. Then

    KL(p || q)  <=  log2(1 / (1 - 2**(8 - F))) + 2**-12   bits per byte,

which is 0.0059 at F = 16 and 0.023 at F = 14.

*Proof.* Let `v[i] = 2**23 * 2**(l[i] - max(l))` be the exact weights of the fixed-point logits l (in bits), `W >=
2**23` their sum, and w, C the integer weights and their sum. A weight is rounded twice (the table's entry, then the
shift), each time by at most half a unit, so `|w[i] - v[i]| <= 1`. One count is set aside for each byte; the other `A
= 2**F - 256` are shared by `floor(c[i] * A / C)`, c being the cumulative weights, so byte i gets more than `A * w[i]
/ C - 1` of them and with its own more than `A * w[i] / C`. Hence `q[i] > A / 2**F * w[i] / C`, and the term of a byte
with `w[i] >= 1` is at most `p[i] * (log2(2**F / A) + log2(v[i] / w[i]) + log2(C / W))`. The first part is the first
term of the bound. In the second, `log2(v / w) <= log2(1 + 1 / w) <= 1 / (w * ln 2)`, and `p = v / W <= 2 * w / W`, so
that it sums to at most `512 / (W * ln 2)`. The third is at most `256 / (W * ln 2)`. Together they stay below `768 /
(2**23 * ln 2) < 1.4e-4`. A byte with `w[i] = 0` has `p[i] <= 2**-23 < 2**-F <= q[i]` and a negative term. Last,
fixed-point logits differ from real ones by at most 2**-9 bits, which by Hoeffding's lemma costs at most `(ln 2 /
256)**2 / (8 * ln 2) < 1.4e-6` bits. The sum of both is below 2**-12. QED
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Integer, UInt32

from ecjax.integers import proportion, rounding_shift, wrapping

LOGIT_BITS = 8
"""Fractional bits of fixed-point logits: they count 1/256 of a bit (of log2)."""

_WEIGHT_BITS = 23  # 256 weights of at most 2**23 sum to at most 2**31
_LOWEST = -(1 << 20)  # 4096 bits below the largest logit; a weight is 0 long before
_EXP2 = np.round(2.0 ** (_WEIGHT_BITS - np.arange(1 << LOGIT_BITS) / (1 << LOGIT_BITS))).astype(np.uint32)


def check_precision(precision: int) -> None:
    """Raises ValueError unless `precision` is one that tables can have."""
    if not 8 < precision <= 16:
        raise ValueError(f"precision must be 9 to 16 bits, got {precision}")


def fixed_point(logits: Float[Array, "256"]) -> Int32[Array, "256"]:
    """Real logits in nats, rounded to fixed point: 1/256 of log2, relative to the largest, at least -2**20.

    Infinities count as very large or small; NaN as the smallest.
    """
    finite = jnp.nan_to_num(logits.astype(jnp.float32), nan=-1e30, posinf=1e30, neginf=-1e30)
    bits = (finite - jnp.max(finite)) * np.float32((1 << LOGIT_BITS) / np.log(2))
    return jnp.round(jnp.maximum(bits, np.float32(_LOWEST))).astype(jnp.int32)


def cumulative_frequencies(logits: Int32[Array, "256"], precision: int) -> UInt32[Array, "257"]:
    """The table of fixed-point logits, by integer arithmetic alone.

    Args:
      logits: Fixed-point logits, 1/256 of log2, of magnitude at most 2**30.
      precision: F, 9 to 16.

    Returns:
      Cumulative frequencies of `2**F`; see the module's text for their distance from the real distribution.
    """
    check_precision(precision)
    with wrapping():  # 2**30 less -2**30 is no int32, but as uint32 every difference from the largest is right
        below = (jnp.max(logits) - logits).astype(jnp.uint32)
    below = jnp.minimum(below, -_LOWEST)
    exp2 = jnp.asarray(_EXP2)[below & ((1 << LOGIT_BITS) - 1)]
    weights = rounding_shift(exp2, below >> LOGIT_BITS)
    cumulative = jax.lax.associative_scan(jnp.add, weights)  # at most 2**31; faster than cumsum
    shares = proportion(cumulative[:-1], cumulative[-1], (1 << precision) - 256)
    inner = shares + jnp.arange(1, 256, dtype=jnp.uint32)
    return jnp.concatenate([jnp.zeros(1, jnp.uint32), inner, jnp.full(1, 1 << precision, jnp.uint32)])


def from_counts(counts: Integer[np.ndarray, "256"], precision: int) -> UInt32[np.ndarray, "257"]:
    """The table of bytes counted in a text, in NumPy; each byte gets one count beforehand."""
    check_precision(precision)
    cumulative = [0, *np.cumsum(counts, dtype=object)]
    spread = (1 << precision) - 256
    total = max(int(cumulative[-1]), 1)
    table = np.array([int(c) * spread // total + i for i, c in enumerate(cumulative)], np.uint32)
    table[256] = 1 << precision
    return table


def check_table(table: UInt32[np.ndarray, "*n entries"], precision: int) -> None:
    """Raises ValueError unless every row of `table` is a table of `precision`."""
    check_precision(precision)
    t = np.asarray(table).astype(np.int64)
    if t.shape[-1] != 257:
        raise ValueError(f"a frequency table has 257 entries, got {t.shape[-1]}")
    if not ((t[..., 0] == 0).all() and (t[..., 256] == 1 << precision).all() and (np.diff(t) > 0).all()):
        raise ValueError(f"a frequency table must rise strictly from 0 to 2**{precision} = {1 << precision}")
