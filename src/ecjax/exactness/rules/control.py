"""The primitives that hold jaxprs, and the parameters of theirs that both who look into them know."""

from __future__ import annotations

from collections.abc import Sequence

from ecjax.exactness.rules import rewritten
from ecjax.exactness.rules.base import Covers, anything, only, uncovered
from ecjax.exactness.values import Step, Value


def _names(names: str) -> dict[str, Covers]:
    return dict.fromkeys(names.split(), anything)


_JIT = {
    **_names("jaxpr in_shardings out_shardings in_layouts out_layouts donated_invars ctx_mesh name keep_unused inline"),
    "compiler_options_kvs": only(()),
}
_CUSTOM = _names("call_jaxpr jvp_jaxpr_fun jvp_jaxpr_thunk fwd_jaxpr_thunk num_consts bwd out_trees symbolic_zeros")

PARAMETERS: dict[str, dict[str, Covers]] = {
    "call_hi_primitive": _names("_prim"),
    "closed_call": _names("call_jaxpr"),
    "cond": _names("branches"),
    "custom_jvp_call": _CUSTOM,
    "custom_vjp_call": _CUSTOM,
    "custom_vmap_call": _names("call rule in_tree out_tree"),
    "jit": _JIT,
    "remat2": _names("jaxpr prevent_cse differentiated policy"),
    "scan": _names("reverse length jaxpr num_consts num_carry ft_in ft_out unroll linear _split_transpose"),
    "while": _names("cond_nconsts cond_jaxpr body_nconsts body_jaxpr"),
}
"""Of each of these primitives, all parameters, in any release of JAX, and which of their values are covered."""


def unjust(step: Step, operands: Sequence[Value]) -> str | None:
    """Why a primitive that holds jaxprs may do other than what these say, or None."""
    if reason := uncovered(PARAMETERS[step.name], step):
        return reason
    return rewritten(operands) if step.name in ("cond", "scan", "while") else None
