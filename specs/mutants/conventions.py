"""Mutants of conventions.md: rounding, bits, bytes, and what is refused."""

from __future__ import annotations

from .mutant import Mutant, drop, edit

_NEAREST = "return shift == 0 ? x : shift_down(x + ((int64_t)1 << (shift - 1)), shift);"
_FLOOR = "return x >= 0 ? x >> shift : ~(~x >> shift);"
_CLAMP = "return x > limit ? limit : x < -limit ? -limit : x;"
_PUT = "bits->bytes.data[bits->count / 8] |= (uint8_t)(bit << (7 - bits->count % 8));"
_GET = "uint32_t bit = data->data[place / 8] >> (7 - place % 8) & 1;"
_NUMBER = "bytes_push(work, bytes, (uint8_t)(number >> (8 * count)));"
_CARRY = "        x.limb[i] = (uint32_t)carry;\n        carry >>= 32;\n    }\n    return x;"
_BORROW = "uint64_t difference = (uint64_t)x.limb[i] - y.limb[i] - borrow;"
_TOP = "product[LIMBS] = (uint32_t)carry;"

MUTANTS = [
    edit("C-1", "numbers below zero are rounded towards zero", _FLOOR, "~(~x >> shift)", "-(-x >> shift)"),
    edit(
        "C-1", "shifts are those of numbers without a sign", _FLOOR, _FLOOR, "return (int64_t)((uint64_t)x >> shift);"
    ),
    edit("C-1", "a carry between limbs is lost", _CARRY, "carry >>= 32", "carry = 0"),
    edit("C-1", "a borrow between limbs is lost", _BORROW, " - borrow", ""),
    drop("C-1", "the top of a product is lost", _TOP),
    edit(
        "C-1",
        "numbers are compared from their last limb",
        "for (int i = LIMBS - 1; i >= 0; i--)\n        if (x.limb",
        "int i = LIMBS - 1; i >= 0; i--",
        "int i = 0; i < LIMBS; i++",
    ),
    edit(
        "C-1",
        "numbers are compared as having signs",
        "return x.limb[i] < y.limb[i] ? -1 : 1;",
        "x.limb[i] < y.limb[i]",
        "(int32_t)x.limb[i] < (int32_t)y.limb[i]",
    ),
    edit(
        "C-1",
        "limbs are small from 2^16 - 1",
        "wide_compare(x, wide_from(1 << 16)) < 0",
        "1 << 16",
        "(1 << 16) - 1",
        "m of 2^15 and more keeps every child, by either way of computing.",
    ),
    edit(
        "C-1",
        "limbs are small up to 2^16",
        "wide_compare(x, wide_from(1 << 16)) < 0",
        "< 0",
        "<= 0",
    ),
    edit(
        "C-1",
        "limbs are small up to 2^40",
        "wide_compare(x, wide_from(1 << 16)) < 0",
        "wide_compare(x, wide_from(1 << 16)) < 0",
        "!x.limb[2] && !x.limb[3] && x.limb[1] < 256",
    ),
    Mutant(
        "halves are rounded to even",
        "C-2",
        _NEAREST,
        "return shift == 0 ? x : shift_down(x + ((int64_t)1 << (shift - 1)) - !(shift_down(x, shift) & 1), shift);",
    ),
    edit("C-2", "halves are rounded down", _NEAREST, "(shift - 1))", "(shift - 1)) - 1"),
    edit("C-2", "halves are rounded away from zero", _NEAREST, "(shift - 1))", "(shift - 1)) - (x < 0)"),
    edit("C-2", "nothing is rounded, but cut off", _NEAREST, "x + ((int64_t)1 << (shift - 1))", "x"),
    edit(
        "C-2", "a number is rounded to even where nothing is cut off", _NEAREST, "shift == 0 ? x", "shift == 0 ? x & ~1"
    ),
    edit(
        "C-2",
        "halves are added in 32 bits",
        _NEAREST,
        "x + ((int64_t)1 << (shift - 1))",
        "(int32_t)(x + ((int64_t)1 << (shift - 1)))",
        "By T-3, T-6, T-8 and T-12 every number that is rounded has 32 bits, its half included.",
    ),
    edit("C-3", "there is no upper clamp", _CLAMP, "x > limit ? limit : ", ""),
    edit("C-3", "there is no lower clamp", _CLAMP, "x < -limit ? -limit : x", "x"),
    edit(
        "C-3",
        "the lower limit is one lower, as in two's complement",
        _CLAMP,
        "x < -limit ? -limit",
        "x < -limit - 1 ? -limit - 1",
    ),
    edit("C-3", "the upper limit is one lower", _CLAMP, "x > limit ? limit", "x > limit - 1 ? limit - 1"),
    edit("C-5", "the first bit written is the least significant", _PUT, "7 - bits->count % 8", "bits->count % 8"),
    edit("C-5", "the first bit read is the least significant", _GET, "7 - place % 8", "place % 8"),
    edit("C-5", "the byte order of numbers is turned round", _NUMBER, "8 * count", "8 * (3 - count % 4)"),
    edit(
        "C-5",
        "numbers read are turned round",
        "number = number << 8 | reader->file.data[at + i];",
        "number << 8 | reader->file.data[at + i]",
        "number | (uint64_t)reader->file.data[at + i] << (8 * i)",
    ),
    edit(
        "C-5",
        "windows are written the last byte first",
        "data[i] = (uint8_t)wide_byte(code, size - 1 - i);",
        "size - 1 - i",
        "i",
    ),
    edit(
        "C-7",
        "what was computed before is answered too",
        "        work->answer.size = 0;\n        bytes_print",
        "        work->answer.size = 0;\n",
        "",
        "Every operation looks at all of its input before it begins its answer.",
    ),
]
