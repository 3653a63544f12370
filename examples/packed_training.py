"""A training loop of one's own on eight devices: documents packed into rows, weights and moments spread over a mesh.

No document sees another of its row. The eight devices are virtual ones of one processor, so that it runs anywhere; on a
machine with eight accelerators, take out the line that makes them.
"""

import equinox as eqx
import jax
import numpy as np
from jax.sharding import AxisType

import ecjax
from ecjax.data import packed
from ecjax.models import Transformer, configuration
from ecjax.training import TrainingSettings, TrainingState, shardings, spread, training_step

jax.config.update("jax_num_cpu_devices", 8)

VERSES = [
    b"Tyger Tyger, burning bright, in the forests of the night;",
    b"What immortal hand or eye, could frame thy fearful symmetry?",
    b"In what distant deeps or skies, burnt the fire of thine eyes?",
    b"On what wings dare he aspire? What the hand, dare seize the fire?",
    b"And what shoulder, & what art, could twist the sinews of thy heart?",
    b"What the hammer? what the chain, in what furnace was thy brain?",
    b"What the anvil? what dread grasp, dare its deadly terrors clasp!",
    b"Did he smile his work to see? Did he who made the Lamb make thee?",
]
LENGTH, ROWS = 64, 16

tokenizer = ecjax.load_codebook("books-12")
documents = tokenizer.encode_batch(VERSES)
batches = packed(documents, LENGTH, ROWS, seed=0)

# Two groups of rows; in each, two devices share the weights' storage, and two the products.
mesh = jax.make_mesh((2, 2, 2), ("data", "fsdp", "tensor"), axis_types=(AxisType.Auto,) * 3)
model = Transformer(configuration("tiny", tokenizer.vocab_size, LENGTH), key=jax.random.key(0))
whole = sum(x.size for x in jax.tree.leaves(model))
model = eqx.filter_shard(model, shardings(model, mesh))
each = sum(x.addressable_shards[0].data.size for x in jax.tree.leaves(model))

settings = TrainingSettings(steps=60, batch_size=ROWS, learning_rate=1e-2, warmup=5)
state = TrainingState.begin(model, settings)
losses, filled = [], []
for _ in range(settings.steps):
    batch = next(batches)
    filled.append(np.mean(batch.counted))
    state, loss = training_step(settings, mesh, state, spread(batch, mesh))
    losses.append(float(loss))

print(f"{len(documents)} documents of at most {max(map(len, documents))} tokens, in rows of {LENGTH}")
print(f"{100 * np.mean(filled):.0f} % of the places hold tokens")
print(f"each of {mesh.size} devices keeps {each:,} of the {whole:,} weights")
print(f"nats a token: {losses[0]:.2f} at first, {losses[-1]:.2f} after {settings.steps} steps")
assert losses[-1] < 0.5 * losses[0] and each < 0.5 * whole
