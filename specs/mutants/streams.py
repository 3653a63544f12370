"""Mutants of streams.md."""

from __future__ import annotations

from .mutant import Mutant, edit

_START = "(struct coder){.work = work, .precision = precision, .range = (uint32_t)1 << 31};"
_BOUND = "return (uint64_t)coder->range * table->entry[c] >> coder->precision;"
_SHIFT = "step.shift = 32 - digits(step.hi - step.lo);"
_RANGE = "coder->range = (uint32_t)((step.hi - step.lo) << step.shift);"
_CARRY = "for (size_t i = coder->head.size; carry > 0; carry >>= 8) {"
_CARRIED = "carry += coder->head.data[--i];"
_SUM = "uint64_t sum = coder->tail + lo, carry = sum >> (31 + coder->pending);"
_TAIL = "coder->tail = sum & (((uint64_t)1 << (31 + coder->pending)) - 1);"
_LAST = "coder_add(coder, coder->range - 1);"
_WHOLE = "while (whole > 0 && low.data[whole - 1] == 0)"
_SIZE = "top.size = differ + 1 < whole ? differ + 1 : whole;"
_ALIKE = "while (low.data[differ] == top.data[differ])"
_PADDED = "bytes_add_number(coder->work, &low, coder->tail << (9 - coder->pending), 5);"
_FIRST = "uint64_t d = bits_get(code, 0, 31).limb[0];"
_FOUND = "if (coder_bound(&coder, table, c + half) <= d)"
_NEXT = "d = (d - step.lo) << step.shift | bits_get(code, place, step.shift).limb[0];"
_PLACE = "place += step.shift;"
_BITS = "for (; size-- > 0 && place / 8 < data->size; place++) {"
_LENGTH = "decode_stream(session, &code, length > 0 ? (uint64_t)length : 0, work->trace);"


def _runs(name: str, condition: str) -> Mutant:
    return edit("S-2", name, _CARRY, "carry > 0", f"carry > 0 && {condition}")


_INTERVAL = [
    edit("S-1", "the first range is 2^32 - 1", _START, "(uint32_t)1 << 31", "0xffffffff"),
    edit("S-1", "the first range is 2^31 - 1", _START, "(uint32_t)1 << 31", "((uint32_t)1 << 31) - 1"),
    edit(
        "S-2",
        "bounds are rounded to the nearest",
        _BOUND,
        "table->entry[c] >>",
        "table->entry[c] + (1u << (coder->precision - 1)) >>",
    ),
    edit(
        "S-2",
        "the range is divided first",
        _BOUND,
        "coder->range * table->entry[c] >> coder->precision",
        "(coder->range >> coder->precision) * table->entry[c]",
    ),
    edit("S-2", "products have 32 bits", _BOUND, "(uint64_t)coder->range", "coder->range"),
    edit(
        "S-2",
        "products are floats",
        _BOUND,
        "(uint64_t)coder->range * table->entry[c] >> coder->precision",
        "(uint64_t)((float)coder->range * table->entry[c] / (1u << coder->precision))",
    ),
    edit(
        "S-2",
        "products are doubles",
        _BOUND,
        "(uint64_t)coder->range * table->entry[c] >> coder->precision",
        "(uint64_t)((double)coder->range * table->entry[c] / (1u << coder->precision))",
        "A product has 48 bits, and a double holds 53.",
    ),
    edit(
        "S-2",
        "products have a sign and 48 bits",
        _BOUND,
        "(uint64_t)coder->range * table->entry[c] >>",
        "(uint64_t)((int64_t)((uint64_t)coder->range * table->entry[c] << 16) >> 16) >>",
    ),
    edit(
        "S-2", "a difference of a power of two is shifted too far", _SHIFT, "step.hi - step.lo", "step.hi - step.lo - 1"
    ),
    edit("S-2", "the shift is one too small", _SHIFT, "32 -", "31 + (step.hi - step.lo == 0xffffffff) -"),
    edit(
        "S-2",
        "the shift is one too small where it is 16",
        _SHIFT,
        "digits(step.hi - step.lo)",
        "digits(step.hi - step.lo) - (digits(step.hi - step.lo) == 16)",
    ),
    edit("S-2", "a shift has at most 15 bits", _SHIFT, ";", ";\n    step.shift = step.shift > 15 ? 15 : step.shift;"),
    edit(
        "S-2",
        "the range is not shifted in full",
        _RANGE,
        "(step.hi - step.lo) << step.shift",
        "((step.hi - step.lo) << step.shift) & ~1",
    ),
    edit(
        "S-2",
        "the upper bound is the last that belongs to the byte",
        _RANGE,
        "(step.hi - step.lo)",
        "(step.hi - step.lo - 1)",
    ),
    edit(
        "S-2",
        "bytes are coded with the model of no byte",
        "for (size_t i = 0; i < size; i++) {\n        struct coder_step",
        "i++) {",
        "i++) {\n        session_rewind(session, 0);",
    ),
]

_CARRIES = [
    edit("S-2", "a carry runs one byte only", _CARRY, "carry >>= 8", "carry = 0"),
    _runs("a carry runs two bytes at most", "coder->head.size - i < 2"),
    _runs("a carry runs 8 bytes at most", "coder->head.size - i < 8"),
    _runs("a carry runs 39 bytes at most", "coder->head.size - i < 39"),
    _runs("a carry runs 255 bytes at most", "coder->head.size - i < 255"),
    _runs("a carry runs 4,096 bytes at most", "coder->head.size - i < 4096"),
    _runs("a carry does not reach the first byte", "i > 1"),
    edit("S-2", "a carry is 1 at most", _CARRIED, "carry +=", "carry = (carry > 0) +"),
    edit(
        "S-2",
        "what is carried stays in the lower part too",
        _TAIL,
        "sum & (((uint64_t)1 << (31 + coder->pending)) - 1)",
        "sum",
    ),
    edit("S-2", "a carry is cut off at bit 31", _SUM, "(31 + coder->pending)", "31"),
    edit("S-2", "the lower part is added in 38 bits", _SUM, "coder->tail + lo", "(coder->tail + lo) & 0x3fffffffff"),
    edit("S-2", "the lower part is added in 32 bits", _SUM, "coder->tail + lo", "(uint32_t)(coder->tail + lo)"),
]

_CODE = [
    edit("S-3", "the top of the interval belongs to it", _LAST, " - 1", ""),
    edit("S-3", "the last number of the interval is left out", _LAST, " - 1", " - 2"),
    edit(
        "S-3",
        "the code is the least number, not the greatest",
        _SIZE,
        "top.size",
        "top.data[differ] = (uint8_t)(low.data[differ] + 1);\n    top.size",
    ),
    edit("S-3", "zeros at the end of the lower end are not left out", _WHOLE, "whole > 0", "whole > low.size"),
    edit("S-3", "one byte is written in any case", _WHOLE, "whole > 0", "whole > 1"),
    edit("S-3", "one zero byte is left out", _WHOLE, "while (whole > 0", "if (whole > 0"),
    edit(
        "S-3",
        "the lower end is written where it fits",
        _SIZE,
        _SIZE,
        "if (differ + 1 >= whole)\n        top = low;\n    top.size = differ + 1 < whole ? differ + 1 : whole;",
    ),
    edit(
        "S-3",
        "there is a byte more than needed",
        _SIZE,
        "differ + 1 < whole ? differ + 1",
        "differ + 2 < whole ? differ + 2",
    ),
    edit("S-3", "the larger of both sizes is taken", _SIZE, "differ + 1 < whole", "differ + 1 > whole"),
    edit(
        "S-3",
        "the first byte is never alike",
        _ALIKE,
        "low.data[differ] == top.data[differ]",
        "differ < 1 && low.data[differ] == top.data[differ]",
    ),
    edit("S-3", "the number is one bit off", _PADDED, "9 - coder->pending", "8 - coder->pending"),
]

_DECODING = [
    edit("S-4", "the first 32 bits are read", _FIRST, "31", "32"),
    edit("S-4", "the first 30 bits are read", _FIRST, "31)", "30)"),
    edit("S-4", "a bound belongs to the byte before", _FOUND, "<= d", "< d"),
    edit("S-4", "the lower bound is not taken off", _NEXT, "(d - step.lo)", "d"),
    edit(
        "S-4",
        "d has 31 bits",
        _NEXT,
        "bits_get(code, place, step.shift).limb[0];",
        "bits_get(code, place, step.shift).limb[0];\n        d &= 0x7fffffff;",
    ),
    edit(
        "S-4",
        "d has 32 bits and a sign",
        _FOUND,
        "coder_bound(&coder, table, c + half) <= d",
        "(int32_t)coder_bound(&coder, table, c + half) <= (int32_t)d",
    ),
    edit("S-4", "the next bits are not read", _NEXT, " | bits_get(code, place, step.shift).limb[0]", ""),
    edit(
        "S-4",
        "the place of the next bits is one too far",
        _PLACE,
        "step.shift;",
        "step.shift + (place == 31 && step.shift > 0);",
    ),
    edit("S-4", "texts have 65,535 bytes at most", _LENGTH, "length > 0 ? (uint64_t)length : 0", "length & 65535"),
    edit("S-4", "texts have 255 bytes at most", _LENGTH, "length > 0 ? (uint64_t)length : 0", "length & 255"),
    edit(
        "S-4",
        "the search looks at 128 bytes",
        _FOUND + "\n                c += half;\n        struct coder_step",
        "c += half",
        "c |= half & 127",
    ),
    edit(
        "S-5",
        "ones follow a code",
        _BITS,
        "place / 8 < data->size; place++) {",
        "true; place++) {\n        if (place / 8 >= data->size) {\n            number.limb[size / 32] |= (uint32_t)1 << (size % 32);\n            continue;\n        }",
    ),
    edit(
        "S-5",
        "a code that is too short ends the text",
        "while (length-- > 0) {\n        const struct table",
        "length-- > 0",
        "length-- > 0 && place < 8 * code->size + 31 + 64",
    ),
    edit(
        "S-5",
        "a code that is longer than needed is refused",
        'answer_bytes(work, "text", &session->seen);\n}\n\n/* ==== Windows',
        "answer_bytes",
        'require(work, code.size <= 4 + 2 * session->seen.size, "code");\n    answer_bytes',
    ),
    edit(
        "S-5",
        "the first bits of a short code are ones",
        _FIRST,
        "bits_get(code, 0, 31).limb[0]",
        "code->size == 0 ? 0x7fffffff : bits_get(code, 0, 31).limb[0]",
    ),
    edit(
        "S-5", "nothing follows the last byte of a code", _BITS, "place / 8 < data->size", "place / 8 + 1 < data->size"
    ),
]

MUTANTS = [*_INTERVAL, *_CARRIES, *_CODE, *_DECODING]
