"""Mutants of the token ids of windows.md."""

from __future__ import annotations

from .mutant import edit

_TOKEN_BITS = 'return read_size(work, request, "token_bits", 1, 16, "token_bits");'
_BOTH = "unsigned bits = read_bits(work, request), token_bits = read_token_bits(work, request);"
_ID = 'item->number >= 0 && item->number < (int64_t)1 << bits, "id");'
_COUNT = "count = (stream.count + token_bits - 1) / token_bits;"
_PUT = "bits_put(work, &stream, codes[i], bits);"
_CUT = "ids[i] = bits_get(&stream.bytes, i * token_bits, token_bits).limb[0];"
_JOINED = "for (size_t i = 0; i < stream.count / bits; i++)"
_ADDED = "bits_put(work, &stream, wide_from(ids[i]), token_bits);"
_GOT = "bits_get(&stream.bytes, i * bits, bits), bits, i);"
_CUT_BOTH = f"{_BOTH}\n    struct bits stream = {{0}};\n    size_t count;\n    wide"
_JOIN_BOTH = f"{_BOTH}\n    struct bits stream = {{0}};\n    size_t count;\n    uint32_t"
_TURNED = "unsigned token_bits = read_token_bits(work, request), bits = read_bits(work, request);"

MUTANTS = [
    edit("W-13", "ids of 17 bits are taken", _TOKEN_BITS, "16", "17"),
    edit("W-13", "ids of 16 bits are refused", _TOKEN_BITS, "16", "15"),
    edit("W-13", "ids of 1 bit are refused", _TOKEN_BITS, "1,", "2,"),
    edit("W-13", "another cause for a wrong size of ids", _TOKEN_BITS, '16, "token_bits"', '16, "bits"'),
    edit("W-13", "the size of ids is looked at first, to cut", _CUT_BOTH, _BOTH, _TURNED),
    edit("W-14", "the size of ids is looked at first, to join", _JOIN_BOTH, _BOTH, _TURNED),
    edit("W-13", "an id that is not whole is dropped", _COUNT, " + token_bits - 1", ""),
    edit("W-13", "an id more is written where all are whole", _COUNT, "token_bits - 1", "token_bits"),
    edit("W-13", "windows are put in whole bytes", _PUT, "bits);", "(bits + 7) / 8 * 8);"),
    edit("W-13", "ids are read one bit off", _CUT, "i * token_bits,", "i * token_bits + (i > 0),"),
    edit(
        "W-13",
        "the last id is filled at its front",
        _CUT,
        ".limb[0];",
        ".limb[0];\n    if (count > 0 && stream.count % token_bits > 0)\n        ids[count - 1] >>= token_bits - stream.count % token_bits;",
    ),
    edit("W-13", "windows are put the last bits first", _PUT, "codes[i]", "codes[count - 1 - i]"),
    edit("W-14", "an id of 2^bits is taken", _ID, "< (int64_t)1 << bits", "<= (int64_t)1 << bits"),
    edit("W-14", "the largest id is refused", _ID, "< (int64_t)1 << bits", "< ((int64_t)1 << bits) - 1"),
    edit("W-14", "ids below 0 are taken", _ID, "item->number >= 0 && ", ""),
    edit("W-14", "another cause for a wrong id", _ID, '"id"', '"code"'),
    edit(
        "W-14",
        "a window that is not whole is filled",
        _JOINED,
        "stream.count / bits",
        "(stream.count + bits - 1) / bits",
    ),
    edit(
        "W-14",
        "a window is dropped where ids end with it",
        _JOINED,
        "stream.count / bits",
        "(stream.count - (stream.count > 0)) / bits",
    ),
    edit(
        "W-14",
        "windows that are 0 at the end are dropped",
        _JOINED,
        "stream.count / bits",
        "stream.count / bits - (stream.count >= bits && wide_is_zero(bits_get(&stream.bytes, (stream.count / bits - 1) * bits, bits)))",
    ),
    edit("W-14", "ids are joined in 16 bits", _ADDED, "token_bits);", "16);"),
    edit("W-14", "windows begin one bit off", _GOT, "i * bits,", "i * bits + (i > 0),"),
]
