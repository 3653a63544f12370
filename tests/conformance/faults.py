"""Deliberate faults in the port in C: each is a mistake that a porter may make, and must be caught by a stored case."""

from typing import NamedTuple

from tests.conformance.codebook_faults import CODEBOOK_FAULTS
from tests.conformance.container_faults import CONTAINER_FAULTS


class Fault(NamedTuple):
    """What to replace in the source, and the section whose stored cases must notice."""

    name: str
    old: str
    new: str
    section: str


FAULTS = [
    Fault(
        "points are shared one off",
        "shares->m.limb[0] * shares->kept[c] /",
        "(shares->m.limb[0] - 1) * shares->kept[c] /",
        "windows",
    ),
    Fault(
        "the first point of each byte is forgotten",
        "return shares->at_root ? wide_add(start, wide_from(c)) : start;",
        "return shares->at_root && c == BYTES ? wide_add(start, wide_from(c)) : start;",
        "windows",
    ),
    Fault(
        "of two that are alike the last is kept", "if (frequency > greatest)", "if (frequency >= greatest)", "windows"
    ),
    Fault(
        "a share of exactly one half is dropped",
        "2 * m * frequency >= (uint64_t)1",
        "2 * m * frequency > (uint64_t)1",
        "windows",
    ),
    Fault(
        "a carry between limbs is lost",
        "        x.limb[i] = (uint32_t)carry;\n        carry >>= 32;\n    }\n    return x;",
        "        x.limb[i] = (uint32_t)carry;\n        carry = 0;\n    }\n    return x;",
        "windows",
    ),
    Fault(
        "a carry of the coder runs one byte only",
        "for (size_t i = coder->head.size; carry > 0; carry >>= 8) {",
        "for (size_t i = coder->head.size; carry > 0; carry = 0) {",
        "streams",
    ),
    Fault(
        "the code is the least number, not the greatest",
        "top.size = differ + 1 < whole ? differ + 1 : whole;",
        "top.data[differ] = (uint8_t)(low.data[differ] + 1);\n    top.size = differ + 1 < whole ? differ + 1 : whole;",
        "streams",
    ),
    Fault(
        "halves are rounded to even",
        "return shift == 0 ? x : shift_down(x + ((int64_t)1 << (shift - 1)), shift);",
        "return shift == 0 ? x : shift_down(x + ((int64_t)1 << (shift - 1)) - !(shift_down(x, shift) & 1), shift);",
        "frequencies",
    ),
    Fault(
        "numbers below zero are rounded towards zero",
        "return x >= 0 ? x >> shift : ~(~x >> shift);",
        "return x >= 0 ? x >> shift : -(-x >> shift);",
        "transformers",
    ),
    Fault(
        "the byte order of numbers is turned round",
        "bytes_push(work, bytes, (uint8_t)(number >> (8 * count)));",
        "bytes_push(work, bytes, (uint8_t)(number >> (8 * (3 - count % 4))));",
        "containers",
    ),
    Fault(
        "the first bit is the least significant",
        "bits->bytes.data[bits->count / 8] |= (uint8_t)(bit << (7 - bits->count % 8));",
        "bits->bytes.data[bits->count / 8] |= (uint8_t)(bit << (bits->count % 8));",
        "containers",
    ),
    Fault(
        "a residual is not saturated",
        "clamp(rows[i] + clamp(added[i], RESIDUAL_LIMIT), RESIDUAL_LIMIT)",
        "(rows[i] + clamp(added[i], RESIDUAL_LIMIT))",
        "transformers",
    ),
    Fault(
        "a residual is not rounded before it is squared",
        "result[i] = (int32_t)nearest(x[i], e);",
        "result[i] = (int32_t)shift_down(x[i], e);",
        "transformers",
    ),
    Fault(
        "attention sees one position too few",
        "first = position + 1 > context ? position + 1 - context : 0",
        "first = position + 2 > context && context > 1 ? position + 2 - context : position + 1 > context ? position + 1 - context : 0",
        "transformers",
    ),
    Fault(
        "what follows the end of a file is not looked at",
        '    require(work, reader->at == reader->file.size, "trailing");\n',
        "",
        "containers",
    ),
    Fault(
        "bits after the windows are not looked at",
        "bool filled = size - at < 8 && wide_is_zero(bits_get(payload, at, (unsigned)(size - at)));",
        "bool filled = true;",
        "containers",
    ),
]
FAULTS += [Fault(name, old, new, "containers") for name, old, new in CONTAINER_FAULTS]
FAULTS += [Fault(name, old, new, "codebooks") for name, old, new in CODEBOOK_FAULTS]
