"""`python -m tests.compilers.table`: compiles all for the targets whose compilers are here, and writes the table anew.

Writes table.json beside this file, keeping what it says of other targets, and the tables of docs/compilers.md.
"""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from tests.compilers.compiling import compile_function
from tests.compilers.functions import FUNCTIONS
from tests.compilers.targets import TARGETS, Missing

TABLE = Path(__file__).parent / "table.json"
PAGE = Path(__file__).parents[2] / "docs" / "compilers.md"
BEGIN, END = "<!-- the table: `python -m tests.compilers.table` writes it -->", "<!-- its end -->"


def read() -> dict[str, Any]:
    """The committed table: for each target the versions, and for each function its figures."""
    return json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}


def measure(target: str) -> dict[str, Any]:
    """Compiles every function for one target. Raises Missing."""
    functions = {}
    TARGETS[target].device  # noqa: B018
    for name in FUNCTIONS:
        compiled = compile_function(name, target)
        functions[name] = {
            "seconds": round(compiled.seconds, 1),
            "memory": compiled.memory,
            "code": compiled.code,
        }
        print(f"{target}: {name}: {compiled.seconds:.1f} s", flush=True)
    versions = {"jax": importlib.metadata.version("jax"), TARGETS[target].compiler: TARGETS[target].version}
    return {"versions": versions, "functions": functions}


def size(count: int | None) -> str:
    """Bytes to read: two digits or more, and K, M or G."""
    if count is None:
        return "-"
    scale, unit = next((s, u) for s, u in ((2**30, "G"), (2**20, "M"), (2**10, "K"), (1, "")) if count >= s or s == 1)
    return f"{count / scale:.{1 if count < 10 * scale and unit else 0}f}{unit}"


def markdown(table: dict[str, Any]) -> str:
    """The table for people."""
    targets = [target for target in TARGETS if target in table]
    versions = sorted({f"{name} {v}" for target in targets for name, v in table[target]["versions"].items()})
    short = [target.partition(" ")[2] for target in targets]
    header = ["", *short, *(f"{target}, s" for target in short)]
    lines = [
        f"Compiled with {', '.join(versions)}.",
        "Memory on the device in bytes (K, M and G are powers of 1,024), then seconds of compilation.",
        "",
        f"| {' | '.join(header)} |".replace("|  |", "| |", 1),
        "|---" * len(header) + "|",
    ]
    for name in dict.fromkeys(name for target in targets for name in table[target]["functions"]):
        rows = [table[target]["functions"].get(name, {}) for target in targets]
        seconds = ["-" if row.get("seconds") is None else f"{row['seconds']:.1f}" for row in rows]
        lines.append(f"| {' | '.join([name, *(size(row.get('memory')) for row in rows), *seconds])} |")
    return "\n".join(lines)


def page(table: dict[str, Any]) -> str:
    """docs/compilers.md with the table in its place."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown(table)}\n{END}{after}"


def main() -> None:
    table = read()
    for target in TARGETS:
        try:
            table[target] = measure(target)
        except Missing as error:
            print(f"{target} stays as it is: {error}")
    table = {target: table[target] for target in TARGETS if target in table}
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(table), encoding="utf-8")


if __name__ == "__main__":
    main()
