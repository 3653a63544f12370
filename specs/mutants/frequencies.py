"""Mutants of frequencies.md, and of the table models of C-6."""

from __future__ import annotations

from .mutant import Mutant, drop, edit

_PRECISION = 'return read_size(work, object, "precision", 9, 16, "precision");'
_ROW = 'read_runs(work, row, BYTES, 1, 1 << precision, "table");'
_SUM = 'require(work, table->entry[BYTES] == 1u << precision, "table");'
_LOGITS = 'read_runs(work, json_find(request, "logits"), BYTES, -LOGIT_LIMIT, LOGIT_LIMIT, "logits");'
_FIRST = "    for (int c = 1; c < BYTES; c++)\n        greatest = logits[c] > greatest ? logits[c] : greatest;"
_BELOW = "int64_t d = clamp((int64_t)greatest - logits[c], 1 << 20);"
_WEIGHT = "(octaves > 24 ? 0 : (uint64_t)nearest(P[d % 256], (unsigned)octaves));"
_ENTRY = "table->entry[c] = (uint32_t)(sums[c] * ((1u << precision) - BYTES) / sums[BYTES]) + c;"
_PRODUCT = "sums[c] * ((1u << precision) - BYTES)"
_NEXT = "count == 0 ? BYTES : session->seen.data[count - 1]"
_FLOOR = "The quotient is at least 2^-31 away from the next integer, and a double holds it to 2^-37."
_SMALL = "nearest(P[i], 2^25) is 0 for every i."

_TABLES = [
    edit("F-1", "a precision of 8 is taken", _PRECISION, "9", "8"),
    edit("F-1", "a precision of 9 is refused", _PRECISION, "9", "10"),
    edit("F-1", "a precision of 17 is taken", _PRECISION, "16", "17"),
    edit("F-1", "a precision of 16 is refused", _PRECISION, "16", "15"),
    edit("F-1", "another cause for a wrong precision", _PRECISION, '16, "precision"', '16, "table"'),
    edit("F-1", "a frequency may be 0", _ROW, "BYTES, 1", "BYTES, 0"),
    edit("F-1", "a frequency of 1 is refused", _ROW, "BYTES, 1", "BYTES, 2"),
    edit("F-1", "frequencies have no upper limit", _ROW, "1 << precision", "JSON_LIMIT"),
    edit("F-1", "sums that are too small are taken", _SUM, "==", "<="),
    edit("F-1", "sums that are too large are taken", _SUM, "==", ">="),
    drop("F-1", "sums are not looked at", _SUM),
    edit("C-6", "before the first byte comes the byte 0", _NEXT, "count == 0 ? BYTES", "count == 0 ? 0"),
    edit("C-6", "the byte before the last chooses the row", _NEXT, "count - 1", "count - (count > 1 ? 2 : 1)"),
    edit("C-6", "the first byte chooses all rows", _NEXT, "count - 1", "0"),
]

_LOGITS_READ = [
    edit("F-2", "a logit above 2^30 is taken", _LOGITS, ", LOGIT_LIMIT", ", LOGIT_LIMIT + 1"),
    edit("F-2", "a logit of 2^30 is refused", _LOGITS, ", LOGIT_LIMIT", ", LOGIT_LIMIT - 1"),
    edit("F-2", "a logit below -2^30 is taken", _LOGITS, "-LOGIT_LIMIT", "-LOGIT_LIMIT - 1"),
    edit("F-2", "a logit of -2^30 is refused", _LOGITS, "-LOGIT_LIMIT", "-LOGIT_LIMIT + 1"),
    edit("F-2", "another cause for wrong logits", _LOGITS, '"logits");', '"table");'),
    Mutant(
        "the precision is looked at after the logits",
        "F-2",
        "    unsigned precision = read_precision(work, request);\n    int32_t *logits =",
        '    if (runs_length(work, json_find(request, "logits"), "logits") != BYTES)\n'
        '        refuse(work, "logits");\n'
        "    unsigned precision = read_precision(work, request);\n    int32_t *logits =",
    ),
]

_POWERS = [
    edit("F-3", "P[255] is one too large", "4205676", "4205676", "4205677"),
    edit("F-3", "P[255] is one too small", "4205676", "4205676", "4205675"),
    edit("F-3", "P[0] is one too small", "8388608, 8365926", "8388608", "8388607"),
    edit("F-3", "P[1] is one too small", "8365926", "8365926", "8365925"),
    edit("F-3", "P[1] is one too large", "8365926", "8365926", "8365927"),
    edit("F-3", "P[128] is one too large", "5931642", "5931642", "5931643"),
    edit("F-3", "P[128] is one too small", "5931642", "5931642", "5931641"),
    edit("F-3", "P[77] is one too small", "6809978", "6809978", "6809977"),
    edit("F-3", "P[200] is one too large", "4881016", "4881016", "4881017"),
]

_SHARED = [
    edit("F-4", "the last logit is never the greatest", _FIRST, "c < BYTES", "c < BYTES - 1"),
    edit("F-4", "the second logit is never the greatest", _FIRST, "c = 1", "c = 2"),
    edit("F-4", "the smallest logit is taken for the greatest", _FIRST, "logits[c] > greatest", "logits[c] < greatest"),
    edit("F-4", "differences are cut off at 2^12", _BELOW, "1 << 20", "1 << 12"),
    edit(
        "F-4",
        "differences have 31 bits",
        _BELOW,
        "(int64_t)greatest - logits[c]",
        "(int32_t)((uint32_t)greatest - (uint32_t)logits[c])",
    ),
    edit("F-4", "differences are cut off at 6143", _BELOW, "1 << 20", "6143"),
    edit("F-4", "differences are cut off at 6144", _BELOW, "1 << 20", "6144"),
    edit("F-4", "differences are cut off at 6145", _BELOW, "1 << 20", "6145", "From 6145 on the weight is 0."),
    edit("F-4", "24 octaves below there is nothing", _WEIGHT, "octaves > 24", "octaves > 23"),
    edit("F-4", "25 octaves below there may be something", _WEIGHT, "octaves > 24", "octaves > 25", _SMALL),
    edit("F-4", "octaves have 255 steps", _WEIGHT, "d % 256", "d % 255"),
    edit("F-4", "weights are rounded down", _WEIGHT, "nearest", "shift_down"),
    edit("F-4", "weights are never 0", _WEIGHT, "octaves > 24 ? 0", "octaves > 24 ? 1"),
    edit("F-5", "every count is shared", _ENTRY, " - BYTES)", ")"),
    edit("F-5", "one count is not shared", _ENTRY, "- BYTES)", "- BYTES - 1)"),
    edit("F-5", "a byte has no count of its own", _ENTRY, ") + c;", ");"),
    edit("F-5", "shares are rounded to the nearest", _ENTRY, f"({_PRODUCT} /", f"(({_PRODUCT} + sums[BYTES] / 2) /"),
    edit("F-5", "products have 32 bits", _ENTRY, "(sums[c] *", "((uint32_t)sums[c] *"),
    edit("F-5", "products have 40 bits", _ENTRY, _PRODUCT, f"({_PRODUCT} & 0xffffffffff)"),
    edit("F-5", "shares are floats", _ENTRY, _PRODUCT, f"(float){_PRODUCT}"),
    edit("F-5", "shares are doubles", _ENTRY, _PRODUCT, f"(double){_PRODUCT}", _FLOOR),
    edit(
        "F-5",
        "shares are doubles of a ratio",
        _ENTRY,
        f"{_PRODUCT} / sums[BYTES]",
        "(double)sums[c] / sums[BYTES] * ((1u << precision) - BYTES)",
    ),
    edit(
        "F-5",
        "each byte's share is rounded by itself",
        _ENTRY,
        _ENTRY,
        "table->entry[c] = c == 0 ? 0 : table->entry[c - 1] + 1 + (uint32_t)((sums[c] - sums[c - 1]) * ((1u << precision) - BYTES) / sums[BYTES]);",
    ),
]

MUTANTS = [*_TABLES, *_LOGITS_READ, *_POWERS, *_SHARED]
