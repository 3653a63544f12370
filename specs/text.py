"""The rules and examples in the texts of this folder: finds them, writes the examples' answers, checks who tests what.

`python -m specs.text` writes every example's answer, and coverage.md, anew; where all is as it should
be, nothing changes.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .oracle import protocol

FOLDER = Path(__file__).parent
TEXTS = ("conventions", "frequencies", "streams", "windows", "transformer", "codebooks", "container", "conformance")
_RULE = re.compile(r"^\*\*([A-Z]-\d+)\.\*\*", re.MULTILINE)
_EXAMPLE = re.compile(r"^```example ([^\n]*)\n([^\n]*)\n(.*?)```$", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """An example: the file it is in, the rules it belongs to, a request, its answer, and whether its trace is shown."""

    text: str
    rules: tuple[str, ...]
    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    traced: bool


def rules() -> dict[str, str]:
    """The name of each rule, and the text that it is in."""
    found: dict[str, str] = {}
    for text in TEXTS:
        for name in _RULE.findall((FOLDER / f"{text}.md").read_text(encoding="utf-8")):
            if name in found:
                raise ValueError(f"rule {name} is in {found[name]}.md and in {text}.md")
            found[name] = text
    return found


def causes() -> list[str]:
    """The causes in the table of C-7."""
    source = (FOLDER / "conventions.md").read_text(encoding="utf-8")
    table = source.partition("| Cause |")[2].partition("\n\n")[0]
    return [cause for row in table.splitlines()[2:] for cause in re.findall("`([a-z_]+)`", row.split("|")[1])]


def _parse(text: str, match: re.Match[str]) -> Example:
    words = match[1].split()
    answer, *steps = match[3].splitlines() or ["{}"]
    parsed = json.loads(answer)
    if steps:
        parsed["trace"] = [json.loads(step) for step in steps]
    return Example(text, tuple(w for w in words if w != "traced"), json.loads(match[2]), parsed, "traced" in words)


def examples() -> Iterator[Example]:
    """The examples of all texts."""
    for text in TEXTS:
        for match in _EXAMPLE.finditer((FOLDER / f"{text}.md").read_text(encoding="utf-8")):
            yield _parse(text, match)


def answered(text: str, source: str) -> str:
    """The source of a text with the answers that the oracle gives to its examples."""

    def write(match: re.Match[str]) -> str:
        example = _parse(text, match)
        lines = [json.dumps(protocol.answer(example.request))]
        lines += map(json.dumps, protocol.trace(example.request)) if example.traced else []
        return "\n".join([f"```example {match[1]}", match[2], *lines, "```"])

    return _EXAMPLE.sub(write, source)


def vectors() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The stored cases, each with its file's name."""
    for path in sorted((FOLDER / "vectors").glob("*.json")):
        if path.name != "schema.json":
            for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
                yield path.stem, case


def marked_tests(root: Path) -> Iterator[tuple[str, str]]:
    """The rules that tests name, `@pytest.mark.rule("K-14")`, each with the test's file."""
    for path in sorted((root / "tests").rglob("test_*.py")):
        for names in re.findall(r"pytest\.mark\.rule\(([^)]*)\)", path.read_text(encoding="utf-8")):
            for name in re.findall(r'"([A-Z]-\d+)"', names):
                yield name, str(path.relative_to(root))


def coverage(root: Path) -> str:
    """The page that says where each rule is tested. Raises ValueError if a rule is not, or a test names no rule."""
    from .mutants import counts as mutants  # which those who read the texts alone do not need

    known = rules()
    shown: dict[str, int] = dict.fromkeys(known, 0)
    stored: dict[str, dict[str, int]] = {name: {} for name in known}
    tests: dict[str, list[str]] = {name: [] for name in known}
    named: list[tuple[str, Sequence[str]]] = []
    for example in examples():
        named.append((f"an example in {example.text}.md", example.rules))
        for name in example.rules:
            shown[name] = shown.get(name, 0) + 1
    for file, case in vectors():
        named.append((f"case {case['id']} of {file}.json", case["rules"]))
        for name in case["rules"]:
            counts = stored.setdefault(name, {})
            counts[file] = counts.get(file, 0) + 1
    for name, file in marked_tests(root):
        named.append((file, [name]))
        if file not in tests.setdefault(name, []):
            tests[name].append(file)
    named += [(f"the mutant {mutant.name!r}", [mutant.rule]) for mutant in mutants.every()]
    for place, names in named:
        if not names or set(names) - known.keys():
            raise ValueError(f"{place} names {', '.join(names) or 'no rule'}; rules are {', '.join(known)}")
    untested = [name for name in known if not (shown[name] or stored[name] or tests[name])]
    if untested:
        raise ValueError(f"no example, vector or test is for {', '.join(untested)}")
    mutants.check(known)
    counts = mutants.by_rule()
    lines = [
        "# Where each rule is tested",
        "",
        "Written by `python -m specs.text`; CI fails if it is not up to date, if a rule is tested nowhere, or if a",
        "test names no rule. Every example and vector runs against the oracle, the JAX code and the port in C.",
        "",
        "The mutants are single faults in the port in C and in the oracle, all of which the stored cases must find:",
        "`python -m specs.mutants`. Every rule has two or more, or a reason below the table.",
        "",
        "| Rule | Examples in its text | Vectors | Mutants of the port in C | Mutants of the oracle | Tests |",
        "|---|---|---|---|---|---|",
    ]
    for name, text in known.items():
        files = ", ".join(f"{count} in [{file}](vectors/{file}.json)" for file, count in stored[name].items())
        links = ", ".join(f"[{file}](../{file})" for file in tests[name])
        faults = " | ".join(str(counts[name, target] or "") for target in ("c", "oracle"))
        lines.append(f"| [{name}]({text}.md) | {shown[name] or ''} | {files} | {faults} | {links} |")
    reasons = (f"- {name} has no mutants: {why}." for name, why in mutants.ELSEWHERE.items())
    lines += ["", *(textwrap.fill(reason, 100, subsequent_indent="  ", break_on_hyphens=False) for reason in reasons)]
    lines += ["", "Mutants that change where, when or whether a cause of C-7 is answered:", ""]
    lines += ["| Cause | Mutants |", "|---|---|"]
    lines += [f"| `{cause}` | {mutants.of_cause(cause)} |" for cause in causes()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes answers and the page on coverage."""
    for text in TEXTS:
        path = FOLDER / f"{text}.md"
        path.write_text(answered(text, path.read_text(encoding="utf-8")), encoding="utf-8")
    (FOLDER / "coverage.md").write_text(coverage(FOLDER.parent), encoding="utf-8")


if __name__ == "__main__":
    main()
