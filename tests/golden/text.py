"""Writes golden.json from what a port answers: `python -m tests.golden.text PROGRAM [ARGUMENTS]`.

The ports in specs/ports and this package agree on it (tests/conformance/test_golden.py).
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ecjax.conformance import golden, golden_text
from ecjax.conformance.port import Port


def digests(command: list[str]) -> dict[str, Any]:
    with Port(command, 600.0) as port:
        codings = {coding: coded(port, coding) for coding in golden.CODINGS}
    return {"all": golden.sha256(codings), "codings": codings}


def coded(port: Port, coding: str) -> dict[str, list[str]]:
    found = {"encode": [], "decode": []}
    for number in range(golden_text.PIECES):
        request = golden.request(coding, number)
        answer = port.ask(request)
        text = port.ask(golden.back_request(request, answer))
        written = text["text"] if "text" in text else "".join(text["strings"])
        assert written == request["text"], f"{coding} {number + 1}: the text does not come back"
        found["encode"].append(golden.sha256(answer))
        found["decode"].append(golden.sha256(text))
    return found


if __name__ == "__main__":
    golden.FILE.write_text(json.dumps(digests(sys.argv[1:]), indent=1) + "\n", encoding="utf-8")
