"""Markdown without its fenced code."""

import re
from collections.abc import Callable

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})[^`].*?^(?P=indent)(?P=fence)$", re.DOTALL | re.MULTILINE)


def outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Changes all but fenced code."""
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [change(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(markdown[end:])])
