"""DNA: an alphabet of four, and a model that learns while it reads, as the decoder does in step.

The state holds how often each base followed each pair of bases. There is no file to ship with the code.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt32

import ecjax
from ecjax.coding import stream
from ecjax.testing import check_model

BASES = "ACGT"


class Adaptive(ecjax.SymbolModel):
    """Counts of what followed each context, of `order` bases, so far."""

    order: int = eqx.field(static=True, default=2)
    precision: int = eqx.field(static=True, default=16)
    alphabet: int = eqx.field(static=True, default=4)
    exact: bool = eqx.field(static=True, default=True)

    def init(self) -> tuple[Int32[Array, ""], Int32[Array, "contexts 4"]]:
        return jnp.array(0, jnp.int32), jnp.zeros((4**self.order, 4), jnp.int32)

    def step(self, state, symbol: Integer[Array, ""]):
        context, counts = state
        counts = jnp.minimum(counts, 1 << 20).at[context, symbol].add(1)  # bounded, or nobody could prove it exact
        return (context * 4 + symbol.astype(jnp.int32)) % 4**self.order, counts

    def frequencies(self, state) -> UInt32[Array, "5"]:
        context, counts = state
        return ecjax.frequency_table_from_counts(counts[context], self.precision)


def made_up(size: int) -> Int32[np.ndarray, " size"]:
    """A sequence in which what comes next depends on the three bases before, as codons make it."""
    rng = np.random.default_rng(0)
    likely = rng.dirichlet(np.full(4, 0.7), size=64)
    bases = [0, 1, 2]
    for _ in range(size - 3):
        bases.append(int(rng.choice(4, p=likely[bases[-3] * 16 + bases[-2] * 4 + bases[-1]])))
    return np.array(bases, np.int32)


bases = made_up(50_000)
print("".join(BASES[i] for i in bases[:60]) + "...")
encode = jax.jit(stream.encode)
decode = jax.jit(stream.decode, static_argnames="capacity")
check_model(Adaptive())
for order in (0, 1, 2, 3, 4):
    model = Adaptive(order)
    coded = encode(model, bases, len(bases))
    assert np.array_equal(decode(model, coded.code, len(bases), capacity=len(bases)), bases)
    print(f"order {order}: {8 * int(coded.length) / len(bases):.3f} bits a base, two without a model")
