"""Learned compression's last step: quantised Gaussian latents of a photograph, coded and brought back exactly.

The latents here are the cosine transform of blocks of 8 x 8 pixels, in the place of a network's. Each of the 64 has a
Gaussian of its own, and integers -127 to 127 are the alphabet. It needs matplotlib, which ships the photograph.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.cbook
import matplotlib.image
import numpy as np
from jaxtyping import Array, Int32, Integer, UInt32

import ecjax
from ecjax.coding import stream
from ecjax.testing import check_model

SIDE, STEP, REACH = 8, 16.0, 127  # pixels of a block's side, of brightness to a unit, and the greatest latent


class Latents(ecjax.SymbolModel):
    """The latents of one block after the other: at each place the distribution of that place."""

    precision: int = eqx.field(static=True, default=16)
    alphabet: int = eqx.field(static=True, default=2 * REACH + 1)
    exact: bool = eqx.field(static=True, default=True)  # its tables are made once, and are integers
    tables: UInt32[Array, "places entries"] = eqx.field(kw_only=True)

    def init(self) -> Int32[Array, ""]:
        return jnp.array(0, jnp.int32)

    def step(self, state: Int32[Array, ""], symbol: Integer[Array, ""]) -> Int32[Array, ""]:
        return (state + 1) % self.tables.shape[0]

    def frequencies(self, state: Int32[Array, ""]) -> UInt32[Array, " entries"]:
        return self.tables[state]


path = str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
photograph = np.asarray(matplotlib.image.imread(path), np.float32).mean(axis=2)
rows, columns = (size // SIDE for size in photograph.shape)
blocks = photograph[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
waves = jax.scipy.fft.dct(jax.scipy.fft.dct(jnp.asarray(blocks) - 128, axis=2, norm="ortho"), axis=3, norm="ortho")
latents = np.clip(np.round(np.asarray(waves) / STEP), -REACH, REACH).astype(np.int32).reshape(-1, SIDE * SIDE)

mean, scale = latents.mean(axis=0), latents.std(axis=0) + 0.05  # a decoder has to be told these 128 numbers
tables = jax.vmap(lambda m, s: ecjax.gaussian_table(m, s, -REACH, REACH))(jnp.asarray(mean), jnp.asarray(scale))
model = Latents(tables=tables)
check_model(model)

# Rows of blocks are streams of their own, coded side by side.
symbols = jnp.asarray(latents.reshape(rows, -1) + REACH)
length = symbols.shape[1]
coded = jax.jit(jax.vmap(stream.encode, (None, 0, None)))(model, symbols, length)
decode = jax.jit(jax.vmap(lambda code: stream.decode(model, code, length, length)))
assert np.array_equal(decode(coded.code), symbols)

ideal = -np.log2(np.diff(np.asarray(tables, np.int64))[np.arange(SIDE * SIDE), latents + REACH] / 2**16).sum() / 8
size = int(coded.length.sum())
print(f"{symbols.size:,} latents of a photograph of {rows * SIDE} x {columns * SIDE} pixels came back exactly")
print(f"{size:,} bytes, {size / ideal - 1:.2%} above the Gaussians' own; {8 * size / symbols.size:.3f} bits a pixel")
