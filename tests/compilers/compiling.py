"""A function, lowered and compiled for a device that is not there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import SingleDeviceSharding

from tests.compilers.functions import FUNCTIONS
from tests.compilers.targets import TARGETS, Target
from tests.strategies import annotations_unchecked

WIDE = re.compile(r"\b([fsuc](?:64|128))\[")


class Compiled(NamedTuple):
    """What the compiler made.

    Attributes:
      seconds: To trace, lower and compile.
      memory: Bytes on the device: arguments, results and what is needed between them.
      code: Bytes of machine code; 0 where the compiler does not say.
      wide: Element types of more than 32 bits, anywhere in the compiled program or its results.
    """

    seconds: float
    memory: int
    code: int
    wide: list[str]


def compile_function(name: str, target: str) -> Compiled:
    """Compiles one of `FUNCTIONS` for one of `TARGETS`. Raises Missing if that compiler is not installed."""
    device = TARGETS[target].device
    with annotations_unchecked():
        function, *arguments = FUNCTIONS[name](device)
        return compile_for(TARGETS[target], function, *arguments)


def compile_for(target: Target, function: Callable[..., Any], *arguments: Any) -> Compiled:
    """Compiles a function for arguments of which only shapes and dtypes matter. Raises Missing."""
    sharding = SingleDeviceSharding(target.device)

    def placed(leaf: Any) -> Any:
        leaf = getattr(leaf, "struct", leaf)  # of what `ecjax.exactness.within` bounds
        if not hasattr(leaf, "dtype"):
            return leaf
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    begin = time.perf_counter()
    traced = jax.jit(lambda *args: function(*args)).trace(*jax.tree.map(placed, arguments))
    compiled = traced.lower(lowering_platforms=(target.platform,)).compile(compiler_options=dict(target.options))
    seconds = time.perf_counter() - begin
    sizes = compiled.memory_analysis()
    assert sizes is not None
    memory = sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes
    program = (compiled.as_text() or "") + " ".join(f"{leaf.dtype}[" for leaf in jax.tree.leaves(traced.out_info))
    program = program.replace("float64[", "f64[").replace("int64[", "s64[")
    return Compiled(
        seconds,
        memory - sizes.alias_size_in_bytes,
        sizes.generated_code_size_in_bytes,
        sorted(set(WIDE.findall(program))),
    )
