"""Mutants of what is refused: another cause than the right one (C-7), and causes in another order (C-7, K-12, K-19).

Mutants of single limits, such as a precision of 8 that is taken, are with the rules that set them.
"""

from __future__ import annotations

from .mutant import Mutant, edit

_TABLE_SUM = 'require(work, table->entry[BYTES] == 1u << precision, "table");'
_ROW = 'read_runs(work, row, BYTES, 1, 1 << precision, "table");'
_MODEL = "    *model = (struct model){.precision = read_precision(work, value)};\n"
_SEVEN = 'require(work, settings != NULL && settings->count == SETTINGS, "settings");'
_SHAPE = 'value[HEADS] * value[HEAD_DIM] <= SETTING_LIMIT, "settings");'
_COUNTED = 'require(work, tensors != NULL && (int64_t)tensors->count == model->tensor_count, "tensors");'
_LIMIT = 'limit - 1, "tensors");'
_SETTINGS = '    read_settings(work, model, json_find(value, "settings"));\n'
_SIZE = 'count <= 1 << CODEBOOK_HIGH && count == 1 << book->bits, "codebook");'
_CHILDREN = 'require(work, children == BYTES, "codebook");'
_NEEDED = 'require(work, member || !needed, "codebook");'
_MEMBERS = 'book->members = read_runs(work, members, size, 0, 1, "codebook");'
_COSTS = 'book->costs = read_runs(work, costs, book->count, 0, COST_LIMIT, "codebook");'
_BOOK = 'json_find(request, "codebook"));\n    struct bytes text = {0};\n'
_CUT = "unsigned bits = read_bits(work, request), token_bits = read_token_bits(work, request);\n    struct bits stream = {0};\n    size_t count;\n    wide"
_JOIN = _CUT.replace("wide", "uint32_t")
_MAGIC = 'memcmp(file->data, magic, sizeof magic) == 0, "magic");'
_VERSION = 'reader->version == VERSION || reader->version == 1, "version");'
_HEADER_SUM = 'require_sum(reader, 0, HEADER_SIZE - SUM_SIZE, "header");'
_METHOD = 'require(work, method >= STREAMS && method <= CODEBOOK, "method");'
_PRECISION = 'method == CODEBOOK ? precision == 0 : precision >= 9 && precision <= 16, "parameters");'
_SAME = 'own->fingerprint, FINGERPRINT) == 0, "model");'
_MARKER = 'require(work, marker <= 1, "block");'
_PAYLOAD = 'require(reader->work, !wide_is_zero(code), "payload");'
_SUM = 'require_sum(reader, start - SUM_SIZE, reader->at, "checksum");'
_TAKEN = "take_text(reader, &block, size == block.length); /* K-16 */\n"
_SUM_1 = 'require_sum(reader, start, reader->at, "checksum");'
_LENGTH = '== reader->length, "length");'
_TEXT = '== crc32(reader->text.data, reader->text.size), "text");'
_TRAILING = 'require(work, reader->at == reader->file.size, "trailing");'
_DECODED = (
    "    const struct reader *reader = read_container(work, request, read_coding(work, request));\n    answer_bytes"
)
_BITS = '    const struct model *model = read_model(work, json_find(request, "model"));\n    coding->session'
_BYTES_1 = "    require_bytes(reader, size + SUM_SIZE);\n    take_payload"
_BLOCK_1 = "require(work, length <= BLOCK_LIMIT && (block.last"

_WORDS = [
    edit("C-7", "another cause for a wrong sum of frequencies", _TABLE_SUM, '"table"', '"precision"'),
    edit("C-7", "another cause for a wrong frequency", _ROW, '"table"', '"logits"'),
    edit("C-7", "another cause for missing settings", _SEVEN, '"settings"', '"tensors"'),
    edit("C-7", "another cause for heads that are too wide", _SHAPE, '"settings"', '"tensors"'),
    edit("C-7", "another cause for a missing tensor", _COUNTED, '"tensors"', '"settings"'),
    edit("C-7", "another cause for a tensor's wrong number", _LIMIT, '"tensors"', '"scale"'),
    edit("C-7", "another cause for a wrong number of strings", _SIZE, '"codebook"', '"bits"'),
    edit("C-7", "another cause for a missing byte", _CHILDREN, '"codebook"', '"table"'),
    edit("C-7", "another cause for a string that must be a member", _NEEDED, '"codebook"', '"table"'),
    edit("C-7", "another cause for wrong members", _MEMBERS, '"codebook"', '"id"'),
    edit("C-7", "another cause for wrong costs", _COSTS, '"codebook"', '"id"'),
    edit("C-7", "another cause for another magic", _MAGIC, '"magic"', '"header"'),
    edit("C-7", "another cause for another version", _VERSION, '"version"', '"header"'),
    edit("C-7", "another cause for wrong parameters", _PRECISION, '"parameters"', '"precision"'),
    edit("C-7", "another cause for another model", _SAME, '"model"', '"parameters"'),
    edit("C-7", "another cause for another marker", _MARKER, '"block"', '"header"'),
    edit("C-7", "another cause for a window that is 0", _PAYLOAD, '"payload"', '"code"'),
    edit("C-7", "another cause for a wrong checksum of version 1", _SUM_1, '"checksum"', '"block"'),
    edit("C-7", "another cause for a wrong length", _LENGTH, '"length"', '"block"'),
    edit("C-7", "another cause for a wrong text", _TEXT, '"text"', '"checksum"'),
    edit("C-7", "another cause for what follows a file", _TRAILING, '"trailing"', '"truncated"'),
]

_ORDER = [
    Mutant(
        "tables are looked at before the precision",
        "C-7",
        _MODEL,
        '    for (const struct json *row = json_list(json_find(value, "rows")); row != NULL; row = row->next)\n'
        '        require(work, runs_length(work, row, "table") == BYTES, "table");\n' + _MODEL,
    ),
    Mutant(
        "a Transformer is looked at before the precision",
        "C-7",
        _MODEL,
        '    if (json_find(value, "transformer") != NULL)\n'
        '        read_transformer(work, json_find(value, "transformer"));\n' + _MODEL,
    ),
    Mutant(
        "tensors are looked at before settings",
        "C-7",
        _SETTINGS,
        '    require(work, json_list(json_find(value, "tensors")) != NULL || json_find(value, "tensors")->count > 0, "tensors");\n'
        + _SETTINGS,
    ),
    edit(
        "C-7",
        "a multiplier's sign is looked at before all tensors are",
        _LIMIT,
        _LIMIT,
        _LIMIT
        + '\n        if (strstr(tensor->name, ".multiplier") != NULL)\n            require(work, tensor->numbers[0] >= 0, "scale");',
    ),
    edit(
        "C-7",
        "ids are looked at before their codebook",
        "static void op_codebook_decode(struct work *work, const struct json *request) {\n",
        "{\n",
        '{\n    size_t wide;\n    read_ids(work, json_find(request, "ids"), 16, &wide);\n',
    ),
    edit(
        "C-7",
        "the size is looked at before the model, to write a file",
        _BITS,
        "    const struct model",
        '    if (json_find(request, "bits") != NULL)\n        read_bits(work, request);\n    const struct model',
    ),
    edit(
        "C-7",
        "a file is looked at before its coding",
        _DECODED,
        "    const struct reader *reader",
        "    read_container(work, request, NULL);\n    const struct reader *reader",
    ),
    edit(
        "W-13",
        "codes are looked at before the size of ids",
        _CUT,
        "unsigned bits = read_bits(work, request), token_bits",
        'unsigned bits = read_bits(work, request);\n    size_t wide_codes;\n    read_windows(work, json_find(request, "codes"), bits, &wide_codes);\n    unsigned token_bits',
    ),
    edit(
        "W-14",
        "ids below 0 are looked at before the size of ids",
        _JOIN,
        "unsigned bits = read_bits(work, request), token_bits",
        'unsigned bits = read_bits(work, request);\n    size_t wide_ids;\n    read_ids(work, json_find(request, "ids"), 17, &wide_ids);\n    unsigned token_bits',
    ),
    Mutant(
        "the method is looked at before the header's checksum",
        "K-12",
        _HEADER_SUM,
        f'require(work, file->data[9] >= STREAMS && file->data[9] <= CODEBOOK, "method");\n    {_HEADER_SUM}',
    ),
    Mutant(
        "parameters are looked at before the method",
        "K-12",
        _METHOD,
        f'require(work, bits <= BITS_HIGH && precision <= 16, "parameters");\n    {_METHOD}',
    ),
    Mutant(
        "the model is looked at before the parameters",
        "K-12",
        _METHOD,
        f'{_METHOD}\n    if (reader->coding != NULL)\n        require(work, precision == reader->coding->header.precision, "model");',
    ),
    Mutant(
        "a payload is decoded before its checksum is looked at",
        "K-12",
        _SUM,
        f"if (reader->coding != NULL && size < block.length) {{\n        struct reader copy = *reader;\n        decode_payload(&copy, &block.payload, block.length);\n    }}\n    {_SUM}",
    ),
    edit(
        "K-12",
        "what is cut off is looked for before the sizes",
        "    require_bytes(reader, 7);\n",
        "7",
        "reader->file.size - reader->at < 7 ? 7 : 11",
    ),
    edit(
        "K-19",
        "the end of a block of version 1 is looked for before its sizes",
        _BLOCK_1,
        "require(work",
        "require_bytes(reader, 8 + size + SUM_SIZE);\n    require(work",
    ),
    edit(
        "K-19",
        "the length in version 1 is looked at before its block's checksum",
        _SUM_1,
        _SUM_1,
        f'if (block.last)\n        require(work, number_at(reader, start + 8, 8) == reader->length, "length");\n    {_SUM_1}',
    ),
    edit(
        "K-19",
        "what follows version 1 is looked at before its length",
        _SUM_1,
        _SUM_1,
        f'{_SUM_1}\n    if (block.last)\n        require(work, reader->at + SUM_SIZE == reader->file.size, "trailing");',
    ),
]

MUTANTS = [*_WORDS, *_ORDER]
