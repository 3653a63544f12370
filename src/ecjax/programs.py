"""Functions that a new process need not trace again: `jit`, as that of Equinox, and their compiled code kept.

JAX's own cache finds compiled code by the program, which takes a second of tracing and lowering for a model. Here it is
found by what the program follows from: the sources of this package, the versions of what traces and compiles it, JAX's
settings, the device, and the shapes and settings of the arguments. What is not surely known to follow from these, such
as a model of a class that is not this package's, goes through `equinox.filter_jit` as it is.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import operator
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import equinox as eqx
import jax
import jaxlib.version
import numpy as np
from jax.core import Tracer
from jax.experimental import serialize_executable

from ecjax import compilation
from ecjax.caching import Folder
from ecjax.lazy import IMPORTED as _IMPORTED

_P = ParamSpec("_P")
_R = TypeVar("_R")

_PACKAGE = __name__.partition(".")[0]


class jit(Generic[_P, _R]):
    """A function compiled by `equinox.filter_jit`, whose compiled code is kept where `compilation.cache` says.

    It is for functions of this package's modules, under the name that they have there, called outside of any trace.
    """

    def __init__(self, function: Callable[_P, _R]) -> None:
        functools.update_wrapper(self, function)
        self._function: Callable[..., _R] = function
        self._jitted = eqx.filter_jit(function)
        self._programs: dict[str, Callable[..., Any]] = {}

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        folder = compilation.folder()
        leaves = [] if folder is None else [leaf for leaf in jax.tree.leaves(args) if eqx.is_array(leaf)]
        name = None if folder is None or kwargs else self._name(args, leaves)
        if folder is None or name is None:
            return self._jitted(*args, **kwargs)
        if name not in self._programs:
            self._programs[name] = _load(folder, name, leaves) or self._compile(folder, name, args)
        return self._programs[name](*leaves)

    def _compile(self, folder: Folder, name: str, args: Sequence[Any]) -> Callable[..., _R]:
        arrays, rest = eqx.partition(args, eqx.is_array)
        leaves, tree = jax.tree.flatten(arrays)

        def flat(*leaves: jax.Array) -> _R:
            return self._function(*eqx.combine(jax.tree.unflatten(tree, leaves), rest))

        flat.__name__ = self._function.__name__
        with compilation.afresh():  # code that was loaded can be run, but what is written of it cannot
            compiled = jax.jit(flat).lower(*leaves).compile()
        try:
            code, _, out_tree = serialize_executable.serialize(compiled)
        except Exception:  # a program that XLA cannot write: it goes without
            return compiled
        # JAX cannot write the structure of a class's instances, but pickle can write an instance.
        places = jax.tree.unflatten(out_tree, range(out_tree.num_leaves))
        folder.put(name, pickle.dumps((code, places)))
        return compiled

    def _name(self, args: Sequence[Any], leaves: Sequence[Any]) -> str | None:
        """What the compiled code is found by; None if that cannot be told."""
        home, device = sys.modules.get(self._function.__module__), _device()
        environment = _environment(device)
        if environment is None or getattr(home, self._function.__qualname__, None) is not self:
            return None
        if any(isinstance(leaf, np.ndarray | Tracer) or leaf.devices() != {device} for leaf in leaves):
            return None
        try:
            facts = [environment, self._function.__module__, self._function.__qualname__, _describe(list(args))]
        except TypeError:
            return None
        return f"{self._function.__name__.strip('_')}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"


def _load(folder: Folder, name: str, leaves: Sequence[jax.Array]) -> Callable[..., Any] | None:
    """The kept program of that name, if there is one that can be loaded."""
    kept = folder.get(name)
    if kept is None:
        return None
    device = _device()
    try:
        code, places = pickle.loads(kept)
        return serialize_executable.deserialize_and_load(
            code,
            jax.tree.structure((tuple(leaves), {})),
            jax.tree.structure(places),
            backend=device.client,
            execution_devices=[device],
        )
    except Exception:  # whatever it is that XLA does not like: it is compiled anew
        return None


def _device() -> Any:
    """The device that things run on if nobody says where."""
    default = compilation.setting("jax_default_device")
    return default if isinstance(default, jax.Device) else jax.devices(default)[0]


def _environment(device: Any) -> list[str] | None:
    """All that a program depends on besides the function and its arguments; None if it cannot be told.

    JAX's settings may differ from call to call and from thread to thread.
    """
    sources = _sources()
    if sources is None or device.platform != "cpu" or compilation.setting("jax_disable_jit"):
        return None
    if not jax.sharding.get_abstract_mesh().empty:
        return None
    versions = [sys.version, jax.__version__, jaxlib.version.__version__, eqx.__version__, np.__version__]
    values = jax.config.values
    settings = [f"{name}={getattr(jax.config, name, values[name])!r}" for name in sorted(values)]
    client = [device.client.platform_version, str(device.id), str(jax.device_count()), os.environ.get("XLA_FLAGS", "")]
    return [sources, *versions, *client, *settings]


@functools.cache
def _sources() -> str | None:
    """SHA-256 of this package's sources; None if there are none, or if one may have changed since it was imported."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    try:
        for path in sorted(root.rglob("*.py")):
            # The time of the last change to the file's entry, which cannot be set as that of its contents can.
            if path.stat().st_ctime_ns > _IMPORTED:
                return None
            digest.update(f"{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    except OSError:
        return None
    return digest.hexdigest()


def _describe(value: Any) -> Any:
    """All of an argument but the contents of its arrays, as JSON. Raises TypeError for what is not this package's."""
    if isinstance(value, jax.Array):
        return ["array", value.dtype.name, list(value.shape), value.weak_type]
    if value is None or type(value) in (bool, int, float, str):
        return [type(value).__name__, repr(value)]
    if type(value) in (tuple, list):
        return [type(value).__name__, *map(_describe, value)]
    kind = type(value)
    if kind.__module__.partition(".")[0] == _PACKAGE and dataclasses.is_dataclass(value):
        if operator.attrgetter(kind.__qualname__)(sys.modules[kind.__module__]) is not kind:
            raise TypeError(f"{kind} is not what its name says")
        fields = [[field.name, _describe(getattr(value, field.name))] for field in dataclasses.fields(value)]
        return [f"{kind.__module__}.{kind.__qualname__}", *fields]
    raise TypeError(f"{kind} is not of this package")
