"""Mutants of container.md: headers, and files of version 1."""

from __future__ import annotations

from .mutant import Mutant, drop, edit

_VERSION = 'require(work, reader->version == VERSION || reader->version == 1, "version");'
_LENGTH = "require(work, number_at(reader, start + 8, 8) == reader->length,"
_MAGIC = 'require(work, file->size >= sizeof magic && memcmp(file->data, magic, sizeof magic) == 0, "magic");'
_HEADER = "require_bytes(reader, HEADER_SIZE);"
_HEADER_SUM = 'require_sum(reader, 0, HEADER_SIZE - SUM_SIZE, "header");'
_METHOD = 'require(work, method >= STREAMS && method <= CODEBOOK, "method");'
_PRECISION = 'method == CODEBOOK ? precision == 0 : precision >= 9 && precision <= 16, "parameters");'
_BITS = 'method == STREAMS ? bits == 0 : bits >= BITS_LOW, "parameters");'
_BITS_HIGH = 'require(work, bits <= (method == CODEBOOK ? CODEBOOK_HIGH : BITS_HIGH), "parameters");'
_MODEL = "require(work, method == own->method && bits == own->bits && precision == own->precision"
_SAME = "&& memcmp(header->fingerprint, own->fingerprint, FINGERPRINT) == 0, "
_SIZES_1 = 'require(work, length <= BLOCK_LIMIT && (block.last ? size == END_SIZE_1 : size <= 16 * length), "block");'
_SUM_1 = 'require_sum(reader, start, reader->at, "checksum");'

_HEADERS = [
    edit(
        "K-2",
        "the first 7 bytes are looked at",
        _MAGIC,
        "memcmp(file->data, magic, sizeof magic)",
        "memcmp(file->data, magic, 7)",
    ),
    edit(
        "K-2",
        "the first byte is not looked at",
        _MAGIC,
        "memcmp(file->data, magic, sizeof magic)",
        "memcmp(file->data + 1, magic + 1, 7)",
    ),
    edit(
        "K-2",
        "a file that is cut off within the first bytes is truncated",
        _MAGIC,
        _MAGIC,
        'require(work, file->size >= sizeof magic, "truncated");\n    require(work, memcmp(file->data, magic, sizeof magic) == 0, "magic");',
    ),
    edit("K-3", "version 1 is refused", _VERSION, " || reader->version == 1", ""),
    edit("K-3", "version 3 is taken", _VERSION, "== VERSION || reader->version == 1", "<= 3"),
    edit("K-3", "version 0 is taken", _VERSION, "== VERSION || reader->version == 1", "<= VERSION"),
    edit("K-3", "version 1 is written", "bytes_push(work, file, VERSION);", "VERSION", "1"),
    Mutant("the header's size is looked at before the version", "K-12", _VERSION, f"{_HEADER}\n    {_VERSION}"),
    Mutant(
        "the header's checksum is looked at before the version",
        "K-12",
        _VERSION,
        f"if (file->size >= HEADER_SIZE)\n        {_HEADER_SUM}\n    {_VERSION}",
    ),
    drop("K-4", "the header's checksum is not looked at", _HEADER_SUM),
    edit("K-4", "a header of 47 bytes is taken", _HEADER, "HEADER_SIZE", "HEADER_SIZE - 1"),
    edit("K-4", "a header needs a byte after it", _HEADER, "HEADER_SIZE", "HEADER_SIZE + 1"),
    edit("K-4", "another cause for a wrong header", _HEADER_SUM, '"header"', '"checksum"'),
    edit("K-5", "method 0 is taken", _METHOD, "method >= STREAMS && ", ""),
    edit("K-5", "method 4 is taken", _METHOD, " && method <= CODEBOOK", ""),
    edit("K-5", "another cause for a wrong method", _METHOD, '"method"', '"parameters"'),
    edit("K-5", "codebooks may have a precision", _PRECISION, "precision == 0", "true"),
    edit("K-5", "precision 8 is taken", _PRECISION, "precision >= 9", "precision >= 8"),
    edit("K-5", "precision 9 is refused", _PRECISION, "precision >= 9", "precision >= 10"),
    edit("K-5", "precision 17 is taken", _PRECISION, "precision <= 16", "precision <= 17"),
    edit("K-5", "precision 16 is refused", _PRECISION, "precision <= 16", "precision <= 15"),
    edit("K-5", "streams may have bits", _BITS, "bits == 0", "true"),
    edit("K-5", "8 bits are taken", _BITS, "bits >= BITS_LOW", "bits >= 8"),
    edit("K-5", "9 bits are refused", _BITS, "bits >= BITS_LOW", "bits > BITS_LOW"),
    edit("K-5", "129 bits are taken", _BITS_HIGH, ": BITS_HIGH", ": BITS_HIGH + 1"),
    edit("K-5", "128 bits are refused", _BITS_HIGH, ": BITS_HIGH", ": BITS_HIGH - 1"),
    edit("K-5", "17 bits of a codebook are taken", _BITS_HIGH, "? CODEBOOK_HIGH", "? CODEBOOK_HIGH + 1"),
    edit("K-5", "16 bits of a codebook are refused", _BITS_HIGH, "? CODEBOOK_HIGH", "? CODEBOOK_HIGH - 1"),
    edit(
        "K-6",
        "the method may be another",
        _MODEL,
        "method == own->method && ",
        "",
        "bits and precision tell methods apart: 0 bits are streams', precision 0 is codebooks'.",
    ),
    edit("K-6", "bits may be others", _MODEL, " && bits == own->bits", ""),
    edit("K-6", "the precision may be another", _MODEL, " && precision == own->precision", ""),
    edit("K-6", "the fingerprint is not looked at", _SAME, _SAME, ", "),
    edit("K-6", "31 bytes of the fingerprint are looked at", _SAME, "FINGERPRINT) ==", "FINGERPRINT - 1) =="),
    edit(
        "K-6",
        "a file is told apart without a coding too",
        "    if (reader->coding != NULL) {\n        const struct header",
        "    if (reader->coding != NULL) {",
        "    {\n        static const struct coding none;\n        if (reader->coding == NULL)\n            reader->coding = &none;",
    ),
]

_VERSION_1 = [
    edit("K-19", "the length in version 1 is not looked at", _LENGTH, "==", "> 0 ||"),
    edit(
        "K-19",
        "the length in version 1 has 32 bits",
        _LENGTH,
        "number_at(reader, start + 8, 8)",
        "(uint32_t)number_at(reader, start + 8, 8)",
    ),
    edit(
        "K-19",
        "both halves of the length in version 1 are added",
        _LENGTH,
        "number_at(reader, start + 8, 8)",
        "number_at(reader, start + 8, 4) + number_at(reader, start + 12, 4)",
    ),
    edit(
        "K-19",
        "the length in version 1 has 53 bits",
        _LENGTH,
        "number_at(reader, start + 8, 8)",
        "(number_at(reader, start + 8, 8) & 0x1fffffffffffff)",
    ),
    edit(
        "K-19",
        "the length in version 1 is a double",
        _LENGTH,
        "number_at(reader, start + 8, 8) == reader->length",
        "(double)number_at(reader, start + 8, 8) == (double)reader->length",
        "Lengths of files that exist are below 2^53, and no larger number is rounded to one.",
    ),
    edit(
        "K-19",
        "the end of version 1 is looked at after its text's checksum",
        "    if (block.last) {\n        require(work, number_at(reader, start + 8",
        "    if (block.last) {\n",
        "    if (block.last) {\n        read_end(reader, start + 16);\n",
    ),
    edit(
        "K-19",
        "the end of version 1 may have any size",
        _SIZES_1,
        "block.last ? size == END_SIZE_1 : size <= 16 * length",
        "size <= 16 * length || block.last",
    ),
    edit("K-18", "a payload of version 1 may have any size", _SIZES_1, " : size <= 16 * length", " : true"),
    edit(
        "K-18", "a payload of version 1 has 15 bytes for each of text at most", _SIZES_1, "16 * length", "15 * length"
    ),
    edit(
        "K-18", "a payload of version 1 has 17 bytes for each of text at most", _SIZES_1, "16 * length", "17 * length"
    ),
    edit("K-18", "blocks of version 1 have any size", _SIZES_1, "length <= BLOCK_LIMIT && ", ""),
    edit(
        "K-18", "the largest block of version 1 is refused", _SIZES_1, "length <= BLOCK_LIMIT", "length < BLOCK_LIMIT"
    ),
    edit(
        "K-18",
        "sizes of version 1 have 31 bits",
        "size_t length = (size_t)number_at(reader, start, 4), size",
        "number_at(reader, start, 4)",
        "(number_at(reader, start, 4) & 0x7fffffff)",
    ),
    edit(
        "K-18",
        "sizes of version 1 have 24 bits",
        "size_t length = (size_t)number_at(reader, start, 4), size",
        "number_at(reader, start, 4)",
        "(number_at(reader, start, 4) & 0xffffff)",
    ),
    edit("K-18", "16 times the text is computed in 16 bits", _SIZES_1, "16 * length", "(uint16_t)(16 * length)"),
    drop("K-18", "checksums of version 1 are not looked at", _SUM_1),
    edit("K-18", "the blocks of version 1 are chained", _SUM_1, "start,", "start - SUM_SIZE,"),
]

MUTANTS = [*_HEADERS, *_VERSION_1]
