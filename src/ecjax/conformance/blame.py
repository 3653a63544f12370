"""Which of the rules that a case tests a wrong answer speaks against.

A case on a Transformer or a file tests a dozen rules at once. What came back says more than that it is wrong: the step
in which the traces part, the cause that was missed, or the field. What the port did not do wrong is not counted against
it; where nothing narrows them, all rules of the case are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ecjax.conformance.differences import Difference, same
from ecjax.specs.cases import Case

_STAGES = {
    "embedding": "T-4",
    "attention_norm": "T-5 T-8",  # T-5: the addition before it
    "attention": "T-6 T-7 T-9 T-10 T-11 T-12 T-13",
    "mlp_norm": "T-5 T-8",
    "mlp": "T-6 T-7 T-14",
    "norm": "T-5 T-8",
    "logits": "T-6 T-7 T-15",
}
_STEPS = {  # the fields of a trace's step, in the order in which they are computed
    "frequencies": {"byte": "", "weight": "F-2 F-4", "cumulative": "F-4", "entry": "F-1 F-5"},
    "stream": {"byte": "S-4 S-5", "lo": "S-2", "hi": "S-2", "range": "S-2", "shift": "S-2", "low": "S-2"},
    "header": {name: "K-1 K-3 K-5 K-6" for name in ("version", "method", "bits", "precision", "fingerprint")},
    "block": {"length": "K-7 K-13 K-17", "payload": "K-9 K-10 K-16", "last": "K-1 K-7 K-13"},
}
_CAUSES = {
    "magic": "K-2",
    "version": "K-3",
    "truncated": "K-4",
    "header": "K-4",
    "method": "K-5",
    "parameters": "K-5",
    "model": "K-6",
    "block": "K-7",
    "checksum": "K-8",
    "payload": "K-9 K-10",
    "text": "K-11",
    "trailing": "K-11",
    "length": "K-19",
}
_ORDER = "K-12 K-19"
_INFO = {
    "version": "K-3",
    "method": "K-5",
    "bits": "K-5",
    "precision": "K-5",
    "fingerprint": "K-6",
    "length": "K-15",
    "blocks": "K-15",
    "stored": "K-15 K-16",
}


def charged(case: Case, answer: Mapping[str, Any] | None, difference: Difference | None) -> tuple[str, ...]:
    """The rules of a failed case that its failure is counted against.

    Args:
      case: The case.
      answer: What came back; None if no answer did.
      difference: Where the port's trace leaves the oracle's, if it has one.

    Returns:
      Some of the case's rules, in its order; all of them if nothing is known that narrows them.
    """
    suspects = set() if answer is None else _suspects(case, answer, difference)
    return tuple(rule for rule in case.rules if rule in suspects) or case.rules


def _suspects(case: Case, answer: Mapping[str, Any], difference: Difference | None) -> set[str]:
    kind, _, operation = str(case.request.get("op", "")).partition(".")
    causes = [found["refused"] for found in (case.answer, answer) if isinstance(found.get("refused"), str)]
    if kind == "container" and causes:
        # Of two causes, the first to be looked for counts; or one of them is looked for wrongly.
        rules = " ".join(_CAUSES.get(cause, "") for cause in causes) + (f" {_ORDER}" if len(causes) == 2 else "")
        return set(rules.split())
    if kind == "container" and operation == "info":
        wrong = (name for name, value in case.answer.items() if not same(value, answer.get(name)))
        return set(" ".join(_INFO.get(name, "") for name in wrong).split())
    if difference is not None:
        return set(_of_step(kind, difference).split())
    return set()


def _of_step(kind: str, difference: Difference) -> str:
    step = difference.expected or difference.found or {}
    if kind == "transformer":
        stage = re.sub(r"^layers\[\d+\]\.", "", str(step.get("stage", "")))
        return _STAGES.get(stage, "")
    fields = _STEPS.get(str(step.get("part", kind)), {})
    if difference.expected is None or difference.found is None:
        return ""
    for name, rules in fields.items():
        if name in difference.found and not same(difference.expected.get(name), difference.found[name]):
            return rules
    return ""
