"""The picture on the front page: a sentence cut into strings, and the ids that they get. It writes windows.svg."""

from __future__ import annotations

from html import escape
from pathlib import Path

import ecjax

FIGURE = Path(__file__).with_suffix(".svg")
SENTENCE = "It was the best of times, it was the worst of times."
_COLORS = ("#ffd6a5", "#caffbf", "#a8dcff", "#ffc6e5", "#fdf3a0", "#d5c7ff", "#b8f2e6")
_CHARACTER, _PADDING, _GAP = 15.0, 5.0, 6.0  # pixels: of one character, on both sides of a string, between boxes
_HEIGHT, _BOTTOM = 44.0, 126.0  # pixels: of a box, and from the top to the lower row


def picture(sentence: str = SENTENCE, codebook: str = "books-16") -> str:
    """The sentence's strings above their ids, as SVG. Each color is one string. Spaces are drawn as dots."""
    book = ecjax.load_codebook(codebook)
    ids = book.encode(sentence.encode()).tolist()
    strings = [book.decode([number]).decode() for number in ids]
    widths = [len(string) * _CHARACTER + 2 * _PADDING for string in strings]
    whole = sum(widths) + _GAP * (len(ids) - 1)
    equal = (whole - _GAP * (len(ids) - 1)) / len(ids)
    parts, left = [], 0.0
    for i, (string, number, width) in enumerate(zip(strings, ids, widths, strict=True)):
        color, below = _COLORS[i % len(_COLORS)], i * (equal + _GAP)
        parts += [
            _ribbon(left, width, below, equal, color),
            _box(left, 0, width, color),
            _text(left + width / 2, 29, 22, string.replace(" ", "·"), length=len(string) * _CHARACTER),
            _box(below, _BOTTOM, equal, color),
            _text(below + equal / 2, _BOTTOM + 29, 22, str(number)),
        ]
        left += width + _GAP
    bits = book.vocab_size.bit_length() - 1
    label = f"{len(sentence)} bytes of text, cut into {len(ids)} strings. Each gets an id of {bits} bits: {ids}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {whole + 2:g} {_BOTTOM + _HEIGHT + 2:g}" role="img"'
        f' aria-label="{label}" font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace"'
        ' fill="#1b1f24" text-anchor="middle">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _box(left: float, top: float, width: float, color: str) -> str:
    place = f'x="{left:g}" y="{top:g}" width="{width:g}" height="{_HEIGHT:g}"'
    return f'<rect {place} rx="6" fill="{color}" stroke="#57606a" stroke-width="0.8"/>'


def _text(middle: float, base: float, size: int, text: str, length: float | None = None) -> str:
    fitted = f' textLength="{length:g}" lengthAdjust="spacingAndGlyphs"' if length else ""
    return f'<text x="{middle:g}" y="{base:g}" font-size="{size}"{fitted}>{escape(text)}</text>'


def _ribbon(left: float, width: float, below: float, equal: float, color: str) -> str:
    """What joins a string to its id."""
    top, middle = _HEIGHT, (_HEIGHT + _BOTTOM) / 2
    down = f"M{left:g} {top:g}C{left:g} {middle:g} {below:g} {middle:g} {below:g} {_BOTTOM:g}"
    right, end = left + width, below + equal
    up = f"H{end:g}C{end:g} {middle:g} {right:g} {middle:g} {right:g} {top:g}Z"
    return f'<path d="{down}{up}" fill="{color}" fill-opacity="0.45"/>'


if __name__ == "__main__":
    FIGURE.write_text(picture(), encoding="utf-8")
