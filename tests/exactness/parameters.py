"""The parameters of all primitives that the audit has rules for, as this release of JAX has them.

`python -m tests.exactness.parameters` adds the release at hand to parameters.json, beside this file; with `--check` it
only compares. A parameter counts if an equation of an example has it, or if JAX's own code anywhere binds the primitive
with it.
"""

from __future__ import annotations

import ast
import gc
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ecjax import integers

TABLE = Path(__file__).with_name("parameters.json")

_X, _Y = np.arange(3, dtype=np.int32), np.ones(3, np.int32)
_F, _B = np.ones(3, np.float32), np.ones(3, bool)
_M = np.ones((2, 2), np.float32)


def bound(name: str, *operands: Any, **params: Any) -> Callable[[], Any]:
    """A call of a primitive that no function of `jax.lax` binds in every release."""
    return lambda: primitives()[name].bind(*map(jnp.asarray, operands), **params)


def _custom_vmap() -> Any:
    fn = jax.custom_batching.custom_vmap(lambda x: x * 2)
    fn.def_vmap(lambda size, batched, x: (x * 2, True))
    return fn(jnp.ones(3))


def _custom(make: Callable[..., Any]) -> Callable[[], Any]:
    def example() -> Any:
        fn = make(lambda x: x * 2)
        if make is jax.custom_jvp:
            fn.defjvp(lambda primals, tangents: (fn(*primals), tangents[0] * 2))
        else:
            fn.defvjp(lambda x: (x * 2, ()), lambda _, g: (g * 2,))
        return fn(jnp.ones(3))

    return example


def _device_put() -> Any:
    return jax.device_put(jnp.asarray(_X), jax.devices()[0])


def _mesh() -> NamedSharding:
    return NamedSharding(Mesh(np.array(jax.devices()[:1]), ("a",)), PartitionSpec("a"))


def _reshard() -> Any:
    explicit = jax.make_mesh((1,), ("a",), axis_types=(jax.sharding.AxisType.Explicit,))
    return jax.sharding.reshard(jnp.asarray(_X), NamedSharding(explicit, PartitionSpec("a")))


def _window(fn: Any, start: int) -> Callable[[], Any]:
    return lambda: lax.reduce_window(jnp.asarray(_X), np.int32(start), fn, (2,), (1,), "VALID")


def _scattered(method: str) -> Callable[[], Any]:
    return lambda: getattr(jnp.asarray(_X).at[jnp.asarray(_Y)], method)(jnp.asarray(_Y))


def _scan() -> Any:
    return lax.scan(lambda c, x: (c + x, c), 0, jnp.asarray(_X))


def _while() -> Any:
    return lax.while_loop(lambda c: c < 9, lambda c: c + 1, 0)


def _two(fn: Callable[..., Any], x: Any = _X, y: Any = _Y) -> Callable[[], Any]:
    return lambda: fn(jnp.asarray(x), jnp.asarray(y))


def _one(fn: Callable[..., Any], x: Any = _X) -> Callable[[], Any]:
    return lambda: fn(jnp.asarray(x))


def _convolution(x: Any) -> Any:
    return lax.conv_general_dilated(x[None, None], x[None, None], (1, 1), "SAME")


def _grad_of_copied(x: Any) -> Any:
    return jax.linear_transpose(lambda x: x + x, x)(x)


EXAMPLES: dict[str, Callable[[], Any]] = {
    "abs": _one(lax.abs),
    "add": _two(lax.add),
    "add_any": _one(_grad_of_copied, _F),
    "and": _two(lax.bitwise_and),
    "argmax": _one(lambda x: lax.argmax(x, 0, jnp.int32)),
    "argmin": _one(lambda x: lax.argmin(x, 0, jnp.int32)),
    "bitcast_convert_type": _one(lambda x: lax.bitcast_convert_type(x, jnp.uint32)),
    "broadcast_in_dim": _one(lambda x: lax.broadcast(x, (2,))),
    "ceil": _one(lax.ceil, _F),
    "clamp": _one(lambda x: lax.clamp(x, x, x)),
    "clz": _one(lax.clz),
    "concatenate": _two(lambda x, y: lax.concatenate([x, y], 0)),
    "cond": lambda: lax.cond(jnp.asarray(1) > 0, lambda: 1, lambda: 2),
    "conv_general_dilated": _one(_convolution, _M),
    "convert_element_type": _one(lambda x: x.astype(jnp.float32)),
    "copy": _one(lambda x: jnp.array(x, copy=True)),
    "cummax": _one(lax.cummax),
    "cummin": _one(lax.cummin),
    "cumprod": _one(lax.cumprod),
    "cumsum": _one(lax.cumsum),
    "custom_jvp_call": _custom(jax.custom_jvp),
    "custom_vmap_call": _custom_vmap,
    "custom_vjp_call": _custom(jax.custom_vjp),
    "device_put": _device_put,
    "div": _two(lax.div),
    "dot_general": _one(lambda x: lax.dot(x, x), _M),
    "dynamic_slice": _one(lambda x: lax.dynamic_slice(x, (x[0],), (2,))),
    "dynamic_update_slice": _one(lambda x: lax.dynamic_update_slice(x, x[:2], (x[0],))),
    "ecjax_declare": _one(lambda x: integers.declare(x, 0, 3)),
    "eq": _two(lax.eq),
    "eq_to": bound("eq_to", _F, _F),
    "floor": _one(lax.floor, _F),
    "gather": _two(lambda x, i: x[i]),
    "ge": _two(lax.ge),
    "gt": _two(lax.gt),
    "integer_pow": _one(lambda x: lax.integer_pow(x, 3)),
    "iota": lambda: lax.iota(jnp.int32, 3),
    "is_finite": _one(lax.is_finite, _F),
    "jit": _one(jax.jit(lambda x: x + 1)),
    "le": _two(lax.le),
    "le_to": bound("le_to", _F, _F),
    "lt": _two(lax.lt),
    "lt_to": bound("lt_to", _F, _F),
    "max": _two(lax.max),
    "min": _two(lax.min),
    "mul": _two(lax.mul),
    "ne": _two(lax.ne),
    "neg": _one(lax.neg),
    "not": _one(lax.bitwise_not),
    "optimization_barrier": _one(lax.optimization_barrier),
    "or": _two(lax.bitwise_or),
    "pad": _one(lambda x: lax.pad(x, np.int32(0), [(1, 1, 0)])),
    "population_count": _one(lax.population_count),
    "psum": _one(jax.vmap(lambda x: lax.psum(x, "i"), axis_name="i")),
    "reduce_and": _one(jnp.all, _B),
    "reduce_max": _one(jnp.max),
    "reduce_min": _one(jnp.min),
    "reduce_or": _one(jnp.any, _B),
    "reduce_precision": _one(lambda x: lax.reduce_precision(x, 8, 7), _F),
    "reduce_prod": _one(jnp.prod),
    "reduce_sum": _one(jnp.sum),
    "reduce_window_max": _window(lax.max, -(1 << 31)),
    "reduce_window_min": _window(lax.min, (1 << 31) - 1),
    "reduce_window_sum": _window(lax.add, 0),
    "reduce_xor": _one(lambda x: lax.reduce(x, np.int32(0), lax.bitwise_xor, (0,))),
    "rem": _two(lax.rem),
    "remat2": _one(jax.checkpoint(lambda x: x * x)),
    "reshape": _one(lambda x: x.reshape(3, 1)),
    "reshard": _reshard,
    "rev": _one(lambda x: lax.rev(x, (0,))),
    "round": _one(lax.round, _F),
    "scan": _scan,
    "scatter": _scattered("set"),
    "scatter-add": _scattered("add"),
    "scatter-max": _scattered("max"),
    "scatter-min": _scattered("min"),
    "scatter-mul": _scattered("multiply"),
    "scatter-sub": _scattered("subtract"),
    "select_n": _two(lambda x, y: lax.select(x > y, x, y)),
    "sharding_constraint": _one(lambda x: lax.with_sharding_constraint(x, _mesh())),
    "shift_left": _two(lax.shift_left),
    "shift_right_arithmetic": _two(lax.shift_right_arithmetic),
    "shift_right_logical": _two(lax.shift_right_logical),
    "sign": _one(lax.sign),
    "slice": _one(lambda x: lax.slice(x, (0,), (2,))),
    "sort": _one(lax.sort),
    "split": _one(lambda x: lax.split(x, (1, 2))),
    "square": _one(lax.square),
    "squeeze": _one(lambda x: lax.squeeze(x[None], (0,))),
    "stack": _two(lambda x, y: jnp.stack([x, y])),
    "stop_gradient": bound("stop_gradient", _F),
    "sub": _two(lax.sub),
    "tile": _one(lambda x: jnp.tile(x, 2)),
    "top_k": _one(lambda x: lax.top_k(x, 2)),
    "transpose": _one(lambda x: lax.transpose(x, (1, 0)), _M),
    "unstack": _one(lambda x: jnp.unstack(x)),
    "while": _while,
    "xor": _two(lax.bitwise_xor),
}
"""For each primitive with a rule a call that binds it, in the releases that have it."""

UNBOUND = ("call_hi_primitive", "closed_call")
"""Primitives with a rule that no public function of the supported releases binds."""

_NO_PARAMETERS = {"subfuns"}
"""Keywords of `bind` that an equation does not keep: the functions that custom derivatives trace."""


def primitives() -> dict[str, core.Primitive]:
    """The primitives of this release by name: those that are bound as such by `jax`."""
    found: dict[str, core.Primitive] = {}
    for x in gc.get_objects():
        if isinstance(x, core.Primitive):
            found.setdefault(x.name, x)
    return found


def _equations(jaxpr: core.Jaxpr) -> Iterator[core.JaxprEqn]:
    for eqn in jaxpr.eqns:
        yield eqn
        for inner in core.jaxprs_in_params(eqn.params):
            yield from _equations(inner)


def traced(name: str) -> set[str] | None:
    """The parameters of a primitive in its example, or None if this release has no such primitive."""
    try:
        jaxpr = jax.make_jaxpr(EXAMPLES[name])().jaxpr
    except (AttributeError, KeyError):
        return None
    found = [set(eqn.params) for eqn in _equations(jaxpr) if eqn.primitive.name == name]
    return set().union(*found) if found else None


def bound_by_jax() -> dict[str, set[str]]:
    """The parameters by which the source of JAX binds each primitive: keywords of `..._p.bind(...)`."""
    found: dict[str, set[str]] = {}
    root = Path(jax.__file__).parent
    for file in sorted((root / "_src").rglob("*.py")):
        text = file.read_text()
        if "_p.bind(" not in text or "pallas" in file.parts:
            continue
        module = ".".join(("jax", *file.relative_to(root).with_suffix("").parts))
        for call in ast.walk(ast.parse(text)):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "bind"):
                continue
            primitive = _resolved(module, call.func.value)
            if primitive is not None:
                found.setdefault(primitive.name, set()).update(
                    k.arg for k in call.keywords if k.arg and k.arg not in _NO_PARAMETERS
                )
    return found


def _resolved(module: str, expression: ast.expr) -> core.Primitive | None:
    """The primitive that an expression such as `lax.add_p` in a module stands for, if it is a plain name."""
    names: list[str] = []
    while isinstance(expression, ast.Attribute):
        names.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name) or module not in sys.modules:
        return None
    x: Any = importlib.import_module(module)
    for name in (expression.id, *reversed(names)):
        x = getattr(x, name, None)
    return x if isinstance(x, core.Primitive) else None


def parameters() -> dict[str, list[str]]:
    """The parameters of each primitive with an example that this release has."""
    traces = {name: traced(name) for name in EXAMPLES}
    bound = bound_by_jax()
    return {name: sorted(found | bound.get(name, set())) for name, found in sorted(traces.items()) if found is not None}


def recorded() -> dict[str, dict[str, list[str]]]:
    """The table: from the release of JAX to its primitives' parameters."""
    return json.loads(TABLE.read_text()) if TABLE.exists() else {}


def stated() -> dict[str, set[str]]:
    """The parameters that the rules state of each primitive."""
    from ecjax.exactness import rules
    from ecjax.exactness.rules.control import PARAMETERS

    return {name: set(rule.parameters) for name, rule in rules.RULES.items()} | {
        name: set(names) for name, names in PARAMETERS.items()
    }


def unstated(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """The parameters of a release that no rule states."""
    known = stated()
    missing = {name: sorted({*names} - known.get(name, set())) for name, names in found.items()}
    return {name: names for name, names in missing.items() if names}


def main(check: bool) -> int:
    """Adds this release to the table, or only compares the two; says what no rule states."""
    found, table = parameters(), recorded()
    if check and found != table.get(jax.__version__):
        print(f"tests/exactness/parameters.json does not have what JAX {jax.__version__} has: write it anew")
        return 1
    if not check:
        table[jax.__version__] = found
        order = sorted(table, key=lambda release: [*map(int, release.split("."))])
        TABLE.write_text(json.dumps({release: table[release] for release in order}, indent=1) + "\n")
    if missing := unstated(found):
        print(f"no rule states these parameters of JAX {jax.__version__}: {missing}")
        return 1
    absent = sorted({*EXAMPLES} - {*found})
    print(
        f"JAX {jax.__version__}: all parameters of {len(found)} primitives are stated; not in it: {', '.join(absent)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
