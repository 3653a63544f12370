"""Deliberate faults in how the port in C reads and writes files: what to replace in its source by what."""

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
_VERSION = 'require(work, reader->version == VERSION || reader->version == 1, "version");'
_LENGTH = "require(work, number_at(reader, start + 8, 8) == reader->length,"
_LAST = "block.last = left <= most;"

_SUMS = [
    ("a writer does not chain the blocks", "add_sum(work, file, start - SUM_SIZE);", "add_sum(work, file, start);"),
    ("a reader does not chain the blocks", _SUM, _SUM.replace("start - SUM_SIZE", "start")),
    ("the chain is of the whole file so far", _SUM, _SUM.replace("start - SUM_SIZE", "0")),
    ("the checksums of blocks are not looked at", _SUM, ""),
    ("the text's checksum is not looked at", _RIGHT_TEXT, "true"),
    ("a writer sums up the last block's text only", _TEXT_SUM, _TEXT_SUM.replace("text->", "block->payload.")),
    (
        "the text's checksum stands in every block",
        "if (block->last)\n        bytes_add_number",
        "if (block->payload.size > 0)\n        bytes_add_number",
    ),
    (
        "the text's checksum is looked at before the block's",
        _SUM,
        "if (block.last && reader->coding != NULL && size == block.length && reader->text.size == 0)\n        "
        f'require(work, number_at(reader, text_sum, SUM_SIZE) == crc32(block.payload.data, size), "text");\n    {_SUM}',
    ),
    (
        "what follows the last block is looked at before the text's checksum",
        "    if (reader->coding != NULL)\n        require(work, number_at",
        '    require(work, reader->at == reader->file.size, "trailing");\n'
        "    if (reader->coding != NULL)\n        require(work, number_at",
    ),
]

_PAYLOADS = [
    ("a stored block is decoded", _STORED, _CODED),
    ("version 1 has stored blocks", _CODED, _STORED),
    ("a code is taken for a text from n - 1 bytes on", _STORED, _STORED.replace("size ==", "size + 1 >=")),
    ("a code of no bytes is none", _STORED, _STORED.replace("size ==", "size == 0 || size ==")),
    ("a code as long as its text is written", _SHORTER, _SHORTER.replace("<", "<=")),
    ("a code must be two bytes shorter than its text", _SHORTER, _SHORTER.replace("code.size", "code.size + 1")),
    ("a code of no bytes is not written", _SHORTER, _SHORTER.replace("code.size", "code.size > 0 && code.size")),
    ("all blocks with text are told as stored", "reader->stored += stored;", "reader->stored += block->length > 0;"),
    ("a block without text is told as stored", "    if (block->length == 0)\n        return;\n", ""),
]

_SIZES = [
    ("a block in the middle may have no text", _TEXT, ""),
    ("the last block must have text", _TEXT, _TEXT.replace(" || block.last", "")),
    ("a last block with text is refused", _TEXT, _TEXT.replace("block.length > 0 ||", "(block.length > 0) !=")),
    ("a block without text is the last", _TEXT, "block.last |= block.length == 0;"),
    ("a payload may be longer than its text", _SIZE, ""),
    ("a payload may have 16 bytes for each of text", _SIZE, _SIZE.replace("block.length", "16 * block.length")),
    ("a payload must be shorter than its text", _SIZE, _SIZE.replace("<= block.length", "< block.length + !size")),
    ("blocks may be of any size", _LONGEST, ""),
    ("the largest blocks are refused", _LONGEST, _LONGEST.replace("<=", "<")),
    ("a marker of more than 1 is that of the last block", f"marker == 1}};\n    {_MARKER}", "marker > 0};"),
    ("a marker of more than 1 is none", _MARKER, ""),
    ("the payload is read before its size is looked at", _MARKER, f"require_bytes(reader, 11 + size);\n    {_MARKER}"),
]

_ENDS = [
    ("a block without text ends every file", _LAST, "block.last = left == 0;"),
    ("the empty text has no block", "do { /* K-13: the empty text has a block too */", "if (text.size > 0) do {"),
    ("a full block is not the last", _LAST, _LAST.replace("<=", "<")),
    ("version 1 is refused", _VERSION, _VERSION.replace(" || reader->version == 1", "")),
    ("version 3 is taken", _VERSION, _VERSION.replace("== VERSION || reader->version == 1", "<= 3")),
    ("version 0 is taken", _VERSION, _VERSION.replace("== VERSION || reader->version == 1", "<= VERSION")),
    ("version 1 is written", "bytes_push(work, file, VERSION);", "bytes_push(work, file, 1);"),
    ("the length in version 1 is not looked at", _LENGTH, _LENGTH.replace("==", "> 0 ||")),
]

CONTAINER_FAULTS = [*_SUMS, *_PAYLOADS, *_SIZES, *_ENDS]
