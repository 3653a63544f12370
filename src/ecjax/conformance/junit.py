"""A conformance run as JUnit XML, which most systems for continuous integration show."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from ecjax.conformance.runner import FAILED, UNSUPPORTED, Result
from ecjax.printable import printable, printable_lines


def junit(results: Sequence[Result]) -> bytes:
    """One test suite for each section, one test for each case; what is unsupported is skipped.

    What a port wrote may hold characters that XML does not have; they are escaped.
    """
    root = ET.Element("testsuites", {"name": "ecjax conformance", **_counts(results)})
    for section in dict.fromkeys(result.case.section for result in results):
        mine = [result for result in results if result.case.section == section]
        suite = ET.SubElement(root, "testsuite", {"name": section, **_counts(mine)})
        for result in mine:
            _add(suite, result)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _counts(results: Iterable[Result]) -> dict[str, str]:
    outcomes = [result.outcome for result in results]
    seconds = sum(result.seconds for result in results)
    return {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count(FAILED)),
        "errors": "0",
        "skipped": str(outcomes.count(UNSUPPORTED)),
        "time": f"{seconds:.6f}",
    }


def _add(suite: ET.Element, result: Result) -> None:
    case = result.case
    test = ET.SubElement(
        suite, "testcase", name=printable(case.name), classname=f"ecjax.{case.section}", time=f"{result.seconds:.6f}"
    )
    if result.outcome == UNSUPPORTED:
        ET.SubElement(test, "skipped", message="the port does not have this operation")
    if result.outcome == FAILED:
        parts = {
            "rules": ", ".join(result.rules),
            "expected": result.expected,
            "found": result.found,
            "first step that differs": result.step.place if result.step else None,
            "replay": result.replay,
        }
        failure = ET.SubElement(test, "failure", message=printable(result.fault))
        failure.text = "\n".join(f"{name}: {printable(value)}" for name, value in parts.items() if value)
        if result.stderr:
            ET.SubElement(test, "system-err").text = printable_lines(result.stderr)
