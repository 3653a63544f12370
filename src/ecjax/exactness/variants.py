"""The ways to run a function that have to agree: op by op, in a batch, compiled otherwise, elsewhere.

A variant runs the function at all samples. What it cannot run it leaves out, and says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.extend
import numpy as np

Arrays: TypeAlias = Sequence[np.ndarray]
"""The arguments of one sample, or its results."""

Function: TypeAlias = Callable[..., list[Any]]
"""From the arrays of one sample to the list of its results."""

REFERENCE = "jit"
"""The variant that the others are compared with."""

# What a compilation may be told, beyond XLA_FLAGS. Each was seen to change the bits of some inexact function, or the
# machine code. Not here, because they were tried and
# - do nothing for one compilation (JAX 0.10): xla_cpu_max_isa, xla_cpu_prefer_vector_width, xla_allow_excess_precision;
# - compile wrongly: xla_disable_all_hlo_passes (arguments are overwritten), xla_disable_hlo_passes=algsimp (crashes);
# - allow more than exactness promises to bear: xla_cpu_fast_math_honor_nans=false and its like.
_OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "cpu": (
        {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False},
        {"xla_backend_optimization_level": 3, "xla_cpu_use_fusion_emitters": True},
        {"xla_disable_hlo_passes": "fusion"},
        {"xla_cpu_enable_fast_math": True},
        {"xla_reduce_window_rewrite_base_length": 4, "xla_cpu_enable_platform_dependent_math": False},
    ),
    "": ({"xla_backend_optimization_level": 0}, {"xla_backend_optimization_level": 3}),
}

_BATCH = 16


class Variant(NamedTuple):
    """A way to run the function.

    Attributes:
      name: For people.
      run: From samples to the results of each, in their order; None of those that it passes over. Raises
        `Unavailable` if it cannot be run here.
    """

    name: str
    run: Callable[[Sequence[Arrays]], Iterable[Arrays | None]]


class Unavailable(Exception):
    """A variant does not exist here; the message says why."""


def reference(fn: Function) -> Variant:
    """The function under `jax.jit`, as the process has it."""
    return Variant(REFERENCE, lambda samples: _each(jax.jit(fn), samples))


def variants(fn: Function) -> list[Variant]:
    """All other ways, those that compile least first."""
    home = jax.local_devices()[0]
    x64 = bool(jax.config.read("jax_enable_x64"))
    found = [Variant("op by op", lambda samples: _op_by_op(fn, samples))]
    found.append(Variant("vmap", lambda samples: _batched(fn, samples)))
    found.append(Variant(f"x64 {'off' if x64 else 'on'}", lambda samples: _x64(fn, samples, not x64)))
    for options in _OPTIONS.get(home.platform, _OPTIONS[""]):
        name = ", ".join(f"{k}={v}" for k, v in options.items())
        found.append(Variant(name, lambda samples, o=options: _compiled(fn, samples, o)))
    for device in _elsewhere(home.platform):
        found.append(Variant(f"jit on {device.platform}", lambda samples, d=device: _on(fn, samples, d)))
    return found


def _each(compiled: Function, samples: Sequence[Arrays]) -> Iterator[Arrays]:
    for sample in samples:
        yield [np.asarray(x) for x in compiled(*sample)]


def _op_by_op(fn: Function, samples: Sequence[Arrays]) -> Iterator[Arrays]:
    for sample in samples:
        with jax.disable_jit():
            results = fn(*map(jax.numpy.asarray, sample))
        yield [np.asarray(x) for x in results]


def _batched(fn: Function, samples: Sequence[Arrays]) -> Iterator[Arrays]:
    if not samples or not samples[0]:
        raise Unavailable("no arrays to be batched")
    batched = jax.jit(jax.vmap(fn))
    size = min(_BATCH, len(samples))
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        filled = [*part, *[part[-1]] * (size - len(part))]  # so that one compilation serves all
        results = [np.asarray(x) for x in batched(*(np.stack(arrays) for arrays in zip(*filled, strict=True)))]
        for i in range(len(part)):
            yield [np.asarray(x[i]) for x in results]


def _x64(fn: Function, samples: Sequence[Arrays], on: bool) -> Iterator[Arrays]:
    if not on and any(array.dtype.kind in "iuf" and array.dtype.itemsize == 8 for array in samples[0]):
        raise Unavailable("arguments have 64 bits")
    compiled = jax.jit(fn)
    for sample in samples:
        with jax.enable_x64(on):
            results = [np.asarray(x) for x in compiled(*sample)]
        yield results


def _compiled(fn: Function, samples: Sequence[Arrays], options: dict[str, Any]) -> Iterator[Arrays]:
    lowered = jax.jit(fn).lower(*samples[0])
    try:
        compiled = lowered.compile(compiler_options=options)
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" in str(error):
            raise Unavailable("this version of XLA has no such option") from error
        raise
    return _each(compiled, samples)


def _elsewhere(home: str) -> list[Any]:
    """A device of each other platform."""
    found: dict[str, Any] = {}
    for name in jax.extend.backend.backends():
        with contextlib.suppress(RuntimeError, IndexError):
            device = jax.local_devices(backend=name)[0]
            found.setdefault(device.platform, device)
    return [device for platform, device in found.items() if platform != home]


def _on(fn: Function, samples: Sequence[Arrays], device: Any) -> Iterator[Arrays]:
    compiled = jax.jit(fn)
    for sample in samples:
        with jax.default_device(device):
            results = compiled(*jax.device_put(list(sample), device))
        yield [np.asarray(x) for x in results]
