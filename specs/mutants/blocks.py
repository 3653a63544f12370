"""Mutants of the blocks of container.md."""

from __future__ import annotations

from .mutant import Mutant, drop, edit

_SUM = 'require_sum(reader, start - SUM_SIZE, reader->at, "checksum");'
_STORED = "take_text(reader, &block, size == block.length);"
_CODED = "take_text(reader, &block, false);"
_SHORTER = "if (code.size < size)"
_MARKER = 'require(work, marker <= 1, "block");'
_LONGEST = 'require(work, block.length <= BLOCK_LIMIT, "block");'
_TEXT = 'require(work, block.length > 0 || block.last, "block");'
_SIZE = 'require(work, size <= block.length, "block");'
_TEXT_SUM = "bytes_add_number(work, file, crc32(text->data, text->size), SUM_SIZE);"
_RIGHT_TEXT = "number_at(reader, at, SUM_SIZE) == crc32(reader->text.data, reader->text.size)"
_TEXT_ASKED = "    if (reader->coding != NULL)\n        require(work, number_at"
_TRAILING = '    require(work, reader->at == reader->file.size, "trailing");\n'
_LAST = "block.last = left <= most;"
_CODE = 'require(reader->work, !wide_is_zero(code), "payload");'
_ROOM = 'require(reader->work, reader->text.size - before <= room, "payload");'
_FILLED = "bool filled = size - at < 8 && wide_is_zero(bits_get(payload, at, (unsigned)(size - at)));"
_END = 'require(reader->work, filled && reader->text.size == end, "payload");'
_BYTES = 'require(reader->work, reader->file.size - reader->at >= size, "truncated");'
_BLOCK_BYTES = "require_bytes(reader, size + (block.last ? 2 : 1) * SUM_SIZE);"
_START = "    require_bytes(reader, 7);\n"

_SUMS = [
    edit(
        "K-8",
        "a writer does not chain the blocks",
        "add_sum(work, file, start - SUM_SIZE);",
        "start - SUM_SIZE",
        "start",
    ),
    edit("K-8", "a reader does not chain the blocks", _SUM, "start - SUM_SIZE", "start"),
    edit("K-8", "the chain is of the whole file so far", _SUM, "start - SUM_SIZE", "0"),
    drop("K-8", "the checksums of blocks are not looked at", _SUM),
    edit("K-8", "another cause for a wrong checksum", _SUM, '"checksum"', '"block"'),
    edit("K-11", "the text's checksum is not looked at", _RIGHT_TEXT, _RIGHT_TEXT, "true"),
    edit(
        "K-11",
        "the text's checksum is not looked at where there is no text",
        _RIGHT_TEXT,
        _RIGHT_TEXT,
        f"reader->text.size == 0 || {_RIGHT_TEXT}",
    ),
    edit(
        "K-11",
        "a writer sums up the last block's text only",
        _TEXT_SUM,
        "text->data, text->",
        "block->payload.data, block->payload.",
    ),
    edit(
        "K-11",
        "the text's checksum stands in every block",
        "if (block->last)\n        bytes_add_number",
        "block->last",
        "block->payload.size > 0",
    ),
    Mutant(
        "the text's checksum is looked at before the block's",
        "K-12",
        _SUM,
        "if (block.last && reader->coding != NULL && size == block.length && reader->text.size == 0)\n        "
        f'require(work, number_at(reader, text_sum, SUM_SIZE) == crc32(block.payload.data, size), "text");\n    {_SUM}',
    ),
    Mutant(
        "what follows the last block is looked at before the text's checksum",
        "K-12",
        _TEXT_ASKED,
        _TRAILING + _TEXT_ASKED,
    ),
    drop("K-11", "what follows the end of a file is not looked at", _TRAILING),
    edit(
        "K-11",
        "a byte may follow the end of a file",
        _TRAILING,
        "reader->at == reader->file.size",
        "reader->at + 1 >= reader->file.size",
    ),
    edit("K-8", "a checksum begins with 0", "uint32_t crc = 0xffffffff;", "0xffffffff", "0"),
    edit("K-8", "a checksum is not inverted", "return ~crc;", "~crc", "crc"),
    edit("K-8", "a checksum is that of Castagnoli", "0xedb88320", "0xedb88320", "0x82f63b78"),
]

_PAYLOADS = [
    edit("K-16", "a stored block is decoded", _STORED, "size == block.length", "false"),
    edit("K-18", "version 1 has stored blocks", _CODED, "false", "size == block.length"),
    edit("K-16", "a code is taken for a text from n - 1 bytes on", _STORED, "size ==", "size + 1 >="),
    edit("K-16", "a code of no bytes is none", _STORED, "size ==", "size == 0 || size =="),
    edit("K-16", "a code as long as its text is written", _SHORTER, "<", "<="),
    edit("K-16", "a code must be two bytes shorter than its text", _SHORTER, "code.size", "code.size + 1"),
    edit("K-16", "a code of no bytes is not written", _SHORTER, "code.size", "code.size > 0 && code.size"),
    edit("K-16", "every block is stored", _SHORTER, "code.size < size", "false"),
    edit(
        "K-15",
        "all blocks with text are told as stored",
        "reader->stored += stored;",
        "+= stored",
        "+= block->length > 0",
    ),
    edit("K-15", "no block is told as stored", "reader->stored += stored;", "+= stored", "+= 0 * stored"),
    edit(
        "K-15",
        "a block without text is told as stored",
        "    if (block->length == 0)\n        return;\n",
        "block->length == 0",
        "false",
    ),
    edit("K-15", "the length is that of the last block", "reader->length += block->length;", "+=", "="),
    edit(
        "K-15",
        "the length has 16 bits",
        "reader->length += block->length;",
        "reader->length += block->length;",
        "reader->length = (reader->length + block->length) & 65535;",
    ),
    edit(
        "K-9",
        "the model goes on from block to block",
        "session_rewind(session, 0);\n    for (size_t i = 0; i < size; i++)",
        "session_rewind(session, 0);",
        "if (session->pass == NULL)\n        session_rewind(session, 0);",
    ),
    drop("K-10", "code 0 is taken", _CODE),
    drop(
        "K-10",
        "more text than a block has is taken",
        _ROOM,
        "A text that is too long is noticed at the end of the block, with the same cause.",
    ),
    edit(
        "K-10",
        "more text than a block has is taken, and cut off",
        _ROOM,
        _ROOM,
        "if (reader->text.size - before > room)\n        reader->text.size = before + room;",
    ),
    edit(
        "K-10",
        "bits after the windows are not looked at",
        _FILLED,
        "size - at < 8 && wide_is_zero(bits_get(payload, at, (unsigned)(size - at)))",
        "true",
    ),
    edit("K-10", "any number of zeros may follow the windows", _FILLED, "size - at < 8 && ", ""),
    edit(
        "K-10",
        "ones may follow the windows",
        _FILLED,
        " && wide_is_zero(bits_get(payload, at, (unsigned)(size - at)))",
        "",
    ),
    edit("K-10", "six bits may follow the windows", _FILLED, "size - at < 8", "size - at < 7"),
    edit("K-10", "eight bits may follow the windows", _FILLED, "size - at < 8", "size - at <= 8"),
    edit("K-10", "less text than a block has is taken", _END, "reader->text.size == end", "reader->text.size <= end"),
    edit("K-10", "another cause for a wrong payload", _END, '"payload"', '"block"'),
]

_SIZES = [
    edit("K-7", "a block in the middle may have no text", _TEXT, _TEXT, ""),
    edit("K-7", "the last block must have text", _TEXT, " || block.last", ""),
    edit("K-7", "a last block with text is refused", _TEXT, "block.length > 0 ||", "(block.length > 0) !="),
    edit("K-7", "a block without text is the last", _TEXT, _TEXT, "block.last |= block.length == 0;"),
    drop("K-7", "a payload may be longer than its text", _SIZE),
    edit("K-7", "a payload may be one byte longer than its text", _SIZE, "size <=", "size <= 1 +"),
    edit("K-7", "a payload may have 16 bytes for each of text", _SIZE, "block.length", "16 * block.length"),
    edit("K-7", "a payload must be shorter than its text", _SIZE, "<= block.length", "< block.length + !size"),
    drop("K-7", "blocks may be of any size", _LONGEST),
    edit("K-7", "the largest blocks are refused", _LONGEST, "<=", "<"),
    edit("K-7", "blocks of 65,537 bytes are taken", _LONGEST, "<= BLOCK_LIMIT", "<= BLOCK_LIMIT + 1"),
    edit(
        "K-7",
        "sizes of blocks have 16 bits",
        ".length = (size_t)number_at(reader, start + 1, 3), .last",
        "number_at(reader, start + 1, 3)",
        "number_at(reader, start + 2, 2)",
    ),
    edit(
        "K-7",
        "sizes of payloads have 16 bits",
        "size = (size_t)number_at(reader, start + 4, 3);",
        "start + 4, 3",
        "start + 5, 2",
    ),
    edit(
        "K-7",
        "a marker of more than 1 is that of the last block",
        f"marker == 1}};\n    {_MARKER}",
        f"marker == 1}};\n    {_MARKER}",
        "marker > 0};",
    ),
    drop("K-7", "a marker of more than 1 is none", _MARKER),
    Mutant(
        "the payload is read before its size is looked at",
        "K-12",
        _MARKER,
        f"require_bytes(reader, 11 + size);\n    {_MARKER}",
    ),
    edit("K-4", "the end of a block is not looked for", _BLOCK_BYTES, "(block.last ? 2 : 1)", "0"),
    edit("K-4", "the last block may lack its last checksum", _BLOCK_BYTES, "(block.last ? 2 : 1)", "1"),
    edit("K-4", "another block needs two checksums", _BLOCK_BYTES, "(block.last ? 2 : 1)", "2", None),
    edit("K-4", "a block begins with 6 bytes", _START, "7", "6"),
    edit("K-4", "another cause for what is cut off", _BYTES, '"truncated"', '"block"'),
    edit("K-13", "a block without text ends every file", _LAST, "left <= most", "left == 0"),
    edit(
        "K-13",
        "the empty text has no block",
        "do { /* K-13: the empty text has a block too */",
        "do {",
        "if (text.size > 0) do {",
    ),
    edit("K-13", "a full block is not the last", _LAST, "<=", "<"),
    edit("K-17", "blocks of 65,536 bytes are not written", "#define BLOCK_LIMIT 65536", "65536", "65535"),
    edit("K-17", "blocks of 65,537 bytes are read", "#define BLOCK_LIMIT 65536", "65536", "65537"),
]

MUTANTS = [*_SUMS, *_PAYLOADS, *_SIZES]
