"""Proves from a function's jaxpr that its results are the same bits on every backend.

`audit` walks the jaxpr with intervals in place of arrays. It proves, or refuses with the equation and its source line,
that

- no integer operation overflows, unless declared to wrap (`ecjax.integers.wrapping`);
- every float operation is exact, so that no rounding and no order of a sum can matter;
- nothing depends on what a backend is free to choose: shift counts, division by 0, indices out of bounds or
  coinciding, NaN, subnormal numbers, the sign of a zero.

`trial` runs a function where a proof ends. Both know nothing of codecs; use them for your own. docs/exactness.md tells
the rules, what is assumed of the hardware, and what a proof does not say.
"""

from ecjax.exactness.arguments import within
from ecjax.exactness.audit import Audit, InexactError, audit
from ecjax.exactness.domain import Interval, Refusal, Unknown
from ecjax.exactness.trial import Difference, Trial, trial

__all__ = [
    "Audit",
    "Difference",
    "InexactError",
    "Interval",
    "Refusal",
    "Trial",
    "Unknown",
    "audit",
    "trial",
    "within",
]
