"""How many bytes a port codes in a second, and how its time grows with the text. Nothing here is too slow to pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ecjax.conformance import answers, golden, golden_text
from ecjax.conformance.port import START_SECONDS, LateError, Port, PortError
from ecjax.conformance.runner import FAILED, PASSED, UNSUPPORTED, Result
from ecjax.specs.cases import Case

SECTION = "speed"
SIZES = tuple(1 << bits for bits in range(10, 21, 2))  # bytes of text: 1 KiB to 1 MiB
CODINGS = ("stream", "windows-16", "windows-64", "windows-128", "m1-books-12", "books-12")
"""As in golden.py. Of these codebooks the first is greedy; they are small, for every request has them anew."""

WAYS = ("encode", "decode")
_BUDGET = 8.0  # seconds for the texts of all sizes, for each coding and way
_SHORT = 0.25  # seconds: what takes less is measured again
_AGAIN = 5
_TELLING = 0.002  # seconds: what takes less tells nothing of how time grows


class Speed(NamedTuple):
    """What was measured of one coding in one way.

    Attributes:
      coding: One of `CODINGS`.
      operation: The operation, as requests have it.
      empty: Seconds that a request with an empty text took.
      seconds: For each size in bytes, how much longer than this it took.
      exponent: Time grows with this power of the size, at the greatest sizes; None if this cannot be told.
      unsupported: Whether the port does not have the operation.
      fault: What the port did instead of answering, or that the text did not come back; empty if nothing is wrong.
    """

    coding: str
    operation: str
    empty: float = 0.0
    seconds: Mapping[int, float] = {}
    exponent: float | None = None
    unsupported: bool = False
    fault: str = ""

    @property
    def rate(self) -> float | None:
        """Bytes of text a second, at the greatest size; None if nothing was measured."""
        return max(self.seconds) / self.seconds[max(self.seconds)] if self.seconds else None

    @property
    def growth(self) -> str:
        """How time grows, in words."""
        if self.exponent is None:
            return "not known"
        names = {1.35: "linear", 1.65: "more than linear", 2.5: "quadratic"}
        return next((name for limit, name in names.items() if self.exponent < limit), "more than quadratic")

    def told(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "coding": self.coding,
            "operation": self.operation,
            "empty": round(self.empty, 6),
            "seconds": {str(size): round(took, 6) for size, took in self.seconds.items()},
            "rate": self.rate and round(self.rate),
            "exponent": self.exponent and round(self.exponent, 3),
            "growth": self.growth,
        }


def measure(
    command: Sequence[str],
    timeout: float,
    start_timeout: float = START_SECONDS,
    report: Callable[[Speed], None] | None = None,
) -> list[Speed]:
    """Measures a port: each coding, and both ways.

    Texts grow until the next one would need too long. Times are from when a request is sent until its answer has come.

    Args:
      command: The port: a program and its arguments.
      timeout: Seconds for an answer. One that comes later ends the growth of its coding, and is no fault.
      start_timeout: Seconds for the start of the program.
      report: Called with each of them as it comes.

    Raises:
      ValueError: If the port cannot be started.
    """
    found: list[Speed] = []
    with Port(command, timeout, start_timeout) as port:
        for coding in CODINGS:
            for speed in _of_coding(port, coding):
                found.append(speed)
                if report is not None:
                    report(speed)
    return found


def names() -> list[str]:
    """What the measurements are called, as cases."""
    return [f"{SECTION} {coding} {way}" for coding in CODINGS for way in WAYS]


def result(speed: Speed) -> Result:
    """A measurement as what became of a case; it fails if the port did."""
    name = f"{SECTION} {speed.coding} {speed.operation.partition('.')[2]}"
    outcome = FAILED if speed.fault else UNSUPPORTED if speed.unsupported else PASSED
    return Result(Case(SECTION, name, (), {}, {}), outcome, sum(speed.seconds.values()), speed.fault, ())


def _of_coding(port: Port, coding: str) -> Iterator[Speed]:
    codes: dict[int, dict[str, Any]] = {}

    def encoding(size: int) -> dict[str, Any]:
        return golden.request_for(coding, _model(), text(size))

    def decoding(size: int) -> dict[str, Any] | None:
        return golden.back_request(encoding(size), codes[size]) if size in codes else None

    def is_text(size: int, answer: Mapping[str, Any]) -> bool:
        return answer.get("text", "".join(answer.get("strings", ()))) == text(size).hex()

    def keep(size: int, answer: dict[str, Any]) -> bool:
        codes[size] = answer
        return True

    kind = encoding(0)["op"].partition(".")[0]
    encoded = _grow(port, Speed(coding, f"{kind}.encode"), encoding, keep)
    yield encoded
    if codes:
        yield _grow(port, Speed(coding, f"{kind}.decode"), decoding, is_text)
    else:
        yield Speed(coding, f"{kind}.decode", unsupported=encoded.unsupported, fault=encoded.fault)


def _grow(
    port: Port,
    speed: Speed,
    request: Callable[[int], dict[str, Any] | None],
    is_right: Callable[[int, dict[str, Any]], bool],
) -> Speed:
    """Asks for texts of growing sizes, the empty one first."""
    seconds: dict[int, float] = {}
    spent, power = 0.0, 1.0
    for size in (0, *SIZES):
        last = seconds[max(seconds)] if seconds else 0.0
        asked = request(size)
        if asked is None or spent + last * (SIZES[1] / SIZES[0]) ** power > _BUDGET:
            break
        try:
            took, answer, total = _best(port, asked)
        except LateError:
            break
        except PortError as error:
            return speed._replace(seconds=seconds, fault=f"{size:,} bytes: {error}")
        if answer == {"unsupported": True}:
            return speed._replace(unsupported=True)
        if "refused" in answer or not is_right(size, answer):
            return speed._replace(seconds=seconds, fault=f"{size:,} bytes: the text does not come back")
        spent += total
        if size == 0:
            speed = speed._replace(empty=took)
            continue
        seconds[size] = max(took - speed.empty, 1e-6)
        power = max(1.0, _exponent(seconds) or 1.0)
    return speed._replace(seconds=seconds, exponent=_exponent(seconds))


def _best(port: Port, request: Mapping[str, Any]) -> tuple[float, dict[str, Any], float]:
    """The shortest time, the answer, and the time that all requests took."""
    answer = port.ask(request, answers.LARGEST)
    times = [port.seconds]
    while times[0] < _SHORT and len(times) < _AGAIN:
        port.ask(request, answers.LARGEST)
        times.append(port.seconds)
    return min(times), answer, sum(times)


def _exponent(seconds: Mapping[int, float]) -> float | None:
    """The smaller of the last two steps' exponents, so that one disturbed measurement makes no port look worse.

    None if there are no two steps, or if they took too little time to be measured well.
    """
    sizes = sorted(seconds)[-3:]
    if len(sizes) < 3 or seconds[sizes[0]] < _TELLING:
        return None
    return min(math.log(seconds[b] / seconds[a]) / math.log(b / a) for a, b in pairwise(sizes))


def text(size: int) -> bytes:
    """English prose, over and over."""
    sample = golden_text.prose()
    return (sample * -(-size // len(sample)))[:size]


def _model() -> dict[str, Any]:
    return golden.table_model(golden_text.prose())
