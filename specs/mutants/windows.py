"""Mutants of windows.md, but for token ids."""

from __future__ import annotations

from .mutant import Mutant, edit

_BITS = 'return read_size(work, request, "bits", BITS_LOW, BITS_HIGH, "bits");'
_ROOT = "return (struct node){wide_from(0), wide_ones(bits), 0};"
_M = "shares->m = shares->at_root ? wide_subtract(node->below, wide_from(BYTES)) : node->below;"
_AT_ROOT = "shares->at_root = node->depth == 0;"
_FREQUENT = "if (frequency > greatest)"
_KEPT = "bool kept = c == best || 2 * m * frequency >= (uint64_t)1 << shares->precision;"
_SUM = "shares->kept[c + 1] = shares->kept[c] + (kept ? frequency : 0);"
_ALL = "shares->all_kept = !wide_is_small(shares->m);"
_SCALED = "wide_scale(shares->m, shares->kept[c], shares->precision)"
_SMALL = "wide_from(shares->m.limb[0] * shares->kept[c] / shares->kept[BYTES]);"
_PRODUCT = "shares->m.limb[0] * shares->kept[c]"
_START = "return shares->at_root ? wide_add(start, wide_from(c)) : start;"
_NONE = "    if (wide_is_zero(points))\n        return false;\n"
_CODE = "node->code = wide_add(node->code, wide_add(start, wide_from(1)));"
_BELOW = "node->below = wide_subtract(points, wide_from(1));"
_WINDOW = "while (node.depth < size && !wide_is_zero(node.below)) {"
_TABLE = "share_points(&shares, &node, session_table(session), session->model->precision);\n        if (!node_descend"
_ANEW = "    session_rewind(session, 0);\n    while (node.depth < size"
_TEXT = "for (size_t at = 0, window = 0; at < text.size; at += session->seen.size, window++) {"
_RANK = "wide rank = wide_subtract(wide_subtract(code, node.code), wide_from(1));"
_FOUND = "if (wide_compare(share_start(&shares, c + half), rank) <= 0)"
_REACHED = "while (wide_compare(node.code, code) < 0 && node.depth <= limit) {"
_HIGH = 'require(work, wide_compare(code, wide_ones(bits)) <= 0, "code");'
_LONG = 'require(work, place < 4 * LIMBS || bytes.data[i] == 0, "code");'
_WRITTEN = "unsigned size = (bits + 7) / 8;"
_ENCODE_MODEL = (
    'struct session *session = session_new(work, read_model(work, json_find(request, "model")));\n'
    "    unsigned bits = read_bits(work, request);\n    struct bytes text"
)
_DECODE_MODEL = _ENCODE_MODEL.replace("struct bytes text", "size_t count;")
_EITHER = "m of 2^15 and more keeps every child, and both ways of computing are exact."


def _limbs(name: str, limit: str, start: str) -> Mutant:
    """Points are shared in numbers that are too small for m above a limit."""
    return edit("W-5", name, _SCALED, _SCALED, f"({limit} ? {start} : {_SCALED})")


_DOUBLE_M = "((double)shares->m.limb[1] * 4294967296.0 + shares->m.limb[0])"


def _doubles(bits: int, equivalent: str | None = None) -> Mutant:
    """Points are shared in doubles up to a number of bits of m."""
    limit = f"!shares->m.limb[2] && !shares->m.limb[3] && digits((uint64_t)shares->m.limb[1] << 32 | shares->m.limb[0]) <= {bits}"
    quotient = f"({_DOUBLE_M} * shares->kept[c] / (1u << shares->precision))"
    number = f"(wide){{{{(uint32_t)(uint64_t){quotient}, (uint32_t)((uint64_t){quotient} >> 32), 0, 0}}}}"
    return edit(
        "W-5",
        f"points are shared in doubles where m has up to {bits} bits",
        _SCALED,
        _SCALED,
        f"({limit} ? {number} : {_SCALED})",
        equivalent,
    )


_SIZES = [
    edit("W-1", "windows of 8 bits are taken", "#define BITS_LOW 9", "9", "8"),
    edit("W-1", "windows of 9 bits are refused", _BITS, "BITS_LOW", "BITS_LOW + 1"),
    edit("W-1", "windows of 129 bits are taken", "#define BITS_HIGH 128", "128", "129"),
    edit("W-1", "windows of 128 bits are refused", "#define BITS_HIGH 128", "128", "127"),
    edit("W-1", "another cause for a wrong size", _BITS, ', "bits");', ', "code");'),
    edit(
        "C-7",
        "the size is looked at before the model, in an encoder",
        _ENCODE_MODEL,
        "struct session",
        "read_bits(work, request);\n    struct session",
    ),
    edit(
        "C-7",
        "the size is looked at before the model, in a decoder",
        _DECODE_MODEL,
        "struct session",
        "read_bits(work, request);\n    struct session",
    ),
    edit(
        "C-7",
        "codes are looked at before their size",
        "unsigned bits = read_bits(work, request);\n    size_t count;",
        "unsigned bits",
        'for (const struct json *item = json_list(json_find(request, "codes")); item != NULL; item = item->next)\n        read_window(work, item, 128);\n    unsigned bits',
    ),
]

_SHARING = [
    edit(
        "W-2", "the root has one point less", _ROOT, "wide_ones(bits)", "wide_subtract(wide_ones(bits), wide_from(1))"
    ),
    edit("W-2", "a node keeps no point", _BELOW, "wide_subtract(points, wide_from(1))", "points"),
    edit(
        "W-2",
        "a child without points is there",
        _NONE,
        _NONE,
        "    if (wide_is_zero(points))\n        points = wide_from(1);\n",
    ),
    edit("W-3", "255 points are set aside at the root", _M, "wide_from(BYTES)", "wide_from(BYTES - 1)"),
    edit(
        "W-3", "no points are set aside at the root", _M, "wide_subtract(node->below, wide_from(BYTES))", "node->below"
    ),
    edit(
        "W-3",
        "points are set aside at every node",
        _M,
        "shares->at_root ?",
        "wide_compare(node->below, wide_from(BYTES)) >= 0 ?",
    ),
    edit("W-3", "the first byte counts as the root too", _AT_ROOT, "== 0", "<= 1"),
    edit(
        "W-3",
        "the first point of each byte is forgotten",
        _START,
        "shares->at_root ?",
        "shares->at_root && c == BYTES ?",
    ),
    edit("W-4", "of two that are alike the last is kept", _FREQUENT, ">", ">="),
    edit("W-4", "the least likely child is kept in any case", _KEPT, "c == best", "frequency == 1"),
    edit("W-4", "no child is kept in any case", _KEPT, "c == best || ", ""),
    edit("W-4", "a share of exactly one half is dropped", _KEPT, ">=", ">"),
    edit("W-4", "a share of one is needed", _KEPT, "2 * m", "m"),
    edit("W-4", "a share of a quarter is enough", _KEPT, "2 * m", "4 * m"),
    edit("W-4", "m is one too large for the choice", _KEPT, "2 * m", "2 * (m + 1)"),
    edit("W-4", "m is one too small for the choice", _KEPT, "2 * m", "2 * (m - 1)"),
    edit("W-4", "shares are compared in 16 bits", _KEPT, "2 * m * frequency", "(uint16_t)(2 * m * frequency)"),
    edit("W-4", "every child is kept", _KEPT, "2 * m * frequency >= (uint64_t)1 << shares->precision", "m > 0"),
    edit(
        "W-4",
        "every child is kept from 2^14 points on",
        _ALL,
        "!wide_is_small(shares->m)",
        "wide_compare(shares->m, wide_from(1 << 14)) >= 0",
    ),
    edit(
        "W-4",
        "every child is kept from 2^15 points on",
        _ALL,
        "!wide_is_small(shares->m)",
        "wide_compare(shares->m, wide_from(1 << 15)) >= 0",
        _EITHER,
    ),
    edit(
        "W-4",
        "every child is kept from 2^15 - 1 points on",
        _ALL,
        "!wide_is_small(shares->m)",
        "wide_compare(shares->m, wide_from((1 << 15) - 1)) >= 0",
    ),
    edit(
        "W-4",
        "the model of the empty string is used everywhere",
        _TABLE,
        "share_points",
        "session_rewind(session, 0);\n        share_points",
    ),
    edit("W-5", "points are shared one off", _SMALL, "shares->m.limb[0] *", "(shares->m.limb[0] - 1) *"),
    Mutant(
        "points are shared by ratios",
        "W-5",
        _SMALL,
        "wide_from((uint32_t)(shares->m.limb[0] * ((double)shares->kept[c] / shares->kept[BYTES])));",
    ),
    edit("W-5", "points are shared by all frequencies", _SMALL, "shares->kept[BYTES]", "(1u << shares->precision)"),
    edit("W-5", "points are rounded to the nearest", _SMALL, _PRODUCT, f"({_PRODUCT} + shares->kept[BYTES] / 2)"),
    edit("W-5", "dropped children count", _SUM, "kept ? frequency : 0", "frequency"),
    edit(
        "W-5",
        "a frequency counts twice where few points are",
        _SUM,
        "kept ? frequency : 0",
        "kept ? frequency + (m == 1) : 0",
        "With one point all kept children but one get nothing, whatever the sum is.",
    ),
    _limbs(
        "points are shared in 32 bits",
        "!shares->m.limb[1] && !shares->m.limb[2] && !shares->m.limb[3]",
        "wide_from((uint32_t)(shares->m.limb[0] * shares->kept[c]) >> shares->precision)",
    ),
    _limbs(
        "the third limb is not looked at",
        "shares->m.limb[2] > 0 && !shares->m.limb[3]",
        "wide_scale((wide){{shares->m.limb[0], shares->m.limb[1], 0, 0}}, shares->kept[c], shares->precision)",
    ),
    _limbs(
        "the fourth limb is not looked at",
        "shares->m.limb[3] > 0",
        "wide_scale((wide){{shares->m.limb[0], shares->m.limb[1], shares->m.limb[2], 0}}, shares->kept[c], shares->precision)",
    ),
    _limbs(
        "products of m above 2^112 lose their top",
        "shares->m.limb[3] >> 16 > 0",
        "wide_scale((wide){{shares->m.limb[0], shares->m.limb[1], shares->m.limb[2], shares->m.limb[3] & 0xffff}}, shares->kept[c], shares->precision)",
    ),
    _limbs(
        "products of m above 2^48 lose their top",
        "shares->m.limb[1] >> 16 > 0 && !shares->m.limb[2] && !shares->m.limb[3]",
        "wide_scale((wide){{shares->m.limb[0], shares->m.limb[1] & 0xffff, 0, 0}}, shares->kept[c], shares->precision)",
    ),
    _doubles(37, "A product has 53 bits, which a double holds."),
    _doubles(40),
    _doubles(48),
    _doubles(64),
]

_NUMBERS = [
    edit("W-6", "a child's number does not count its parent", _CODE, "wide_add(start, wide_from(1))", "start"),
    edit("W-6", "a child's number counts its parent twice", _CODE, "wide_from(1)", "wide_from(2)"),
    edit(
        "W-6",
        "a number is that of the last child only",
        _CODE,
        "wide_add(node->code, wide_add(start, wide_from(1)))",
        "wide_add(start, wide_from(1))",
    ),
    edit(
        "W-7",
        "a window is never full",
        _WINDOW,
        " && !wide_is_zero(node.below)",
        "",
        "A node without points below has no child that exists, so the descent ends by itself.",
    ),
    edit(
        "W-7",
        "a window ends one byte before the text does",
        _WINDOW,
        "node.depth < size",
        "node.depth + (node.depth > 0) < size",
    ),
    edit(
        "W-7",
        "a window ends where one point is left",
        _WINDOW,
        "!wide_is_zero(node.below)",
        "wide_compare(node.below, wide_from(1)) > 0",
    ),
    edit(
        "W-7", "a window has 255 bytes at most", _WINDOW, "node.depth < size", "node.depth < size && node.depth < 255"
    ),
    edit(
        "W-7",
        "a window has 4,096 bytes at most",
        _WINDOW,
        "node.depth < size",
        "node.depth < size && node.depth < 4096",
    ),
    edit(
        "W-7",
        "the model goes on from one window to the next",
        _ANEW,
        "session_rewind(session, 0);",
        "if (window == 0)\n        session_rewind(session, 0);",
    ),
    edit(
        "W-8",
        "the empty text has a window",
        _TEXT,
        "at < text.size",
        "at < text.size || (window == 0 && text.size == 0)",
    ),
    edit(
        "W-8", "a window of one byte at the end is left out", _TEXT, "at < text.size", "at + (window > 0) < text.size"
    ),
]

_DECODING = [
    edit(
        "W-9",
        "the node's own point is not taken off",
        _RANK,
        "wide_subtract(wide_subtract(code, node.code), wide_from(1))",
        "wide_subtract(code, node.code)",
    ),
    edit("W-9", "a start belongs to the child before", _FOUND, "<= 0", "< 0"),
    edit(
        "W-9",
        "one byte is decoded in any case",
        _REACHED,
        "wide_compare(node.code, code) < 0",
        "(node.depth == 0 || wide_compare(node.code, code) < 0)",
    ),
    edit(
        "W-9",
        "a string ends one byte too early",
        _REACHED,
        "wide_compare(node.code, code) < 0",
        "wide_compare(wide_add(node.code, wide_from(node.depth > 1)), code) < 0",
    ),
    edit(
        "W-9",
        "strings have 255 bytes at most",
        _REACHED,
        "node.depth <= limit",
        "node.depth <= limit && node.depth < 255",
    ),
    edit(
        "W-9",
        "strings have 4,096 bytes at most",
        _REACHED,
        "node.depth <= limit",
        "node.depth <= limit && node.depth < 4096",
    ),
    edit(
        "W-9",
        "a rank is looked for in 64 bits",
        _RANK,
        "wide_from(1));",
        "wide_from(1));\n        rank.limb[2] = rank.limb[3] = 0;",
    ),
    edit("W-10", "codes of more than b bits are taken", _HIGH, _HIGH, ""),
    edit("W-10", "the last code is refused", _HIGH, "<= 0", "< 0"),
    edit(
        "W-10", "2^b is taken", _HIGH, "wide_ones(bits)) <= 0", "wide_add(wide_ones(bits), wide_from(bits < 128))) <= 0"
    ),
    edit("W-10", "another cause for a wrong code", _HIGH, '"code"', '"bits"'),
    edit(
        "W-10",
        "codes of more than 128 bits are cut off",
        _LONG,
        _LONG,
        "",
        "By P-2 a window is written with ceil(b / 8) bytes.",
    ),
    edit("W-11", "code 0 is refused", _HIGH, "wide_compare", "!wide_is_zero(code) && wide_compare"),
    edit(
        "W-11",
        "code 0 ends the text",
        "decode_window(session, bits, codes[i], SIZE_MAX - 1, i, work->trace);",
        "decode_window",
        "if (wide_is_zero(codes[i]))\n            break;\n        decode_window",
    ),
    edit(
        "W-12",
        "a code that no encoder writes is refused",
        "decode_window(session, bits, codes[i], SIZE_MAX - 1, i, work->trace);",
        "work->trace);",
        'work->trace);\n        require(work, i == 0 || session->seen.size != 1 || session->seen.data[0] != 97, "code");',
    ),
    edit("P-4", "windows have a byte less than they need", _WRITTEN, "bits + 7", "bits + 6"),
    edit("P-4", "windows have a byte more than they need", _WRITTEN, "bits + 7", "bits + 8"),
]

MUTANTS = [*_SIZES, *_SHARING, *_NUMBERS, *_DECODING]
