"""Mutants of T-17."""

from __future__ import annotations

from .mutant import Mutant, edit

_HEAD = 'put_text(work, &message, "[\\"ecjax.integer_transformer\\", {");'
_TENSOR = 'bytes_print(work, message, "[\\"%s\\", \\"%s\\", [", tensor->name, types[kind->size]);'
_ROWS = 'bytes_print(work, message, "%" PRId64, model->lengths[kind->rows]);'
_COLUMNS = 'bytes_print(work, message, ", %" PRId64, model->lengths[kind->columns]);'
_NUMBER = "bytes_push(work, message, (uint8_t)((uint32_t)tensor->numbers[i] >> (8 * byte)));"
_SORT = "    qsort(sorted, (size_t)model->tensor_count, sizeof *sorted, compare_names);\n"
_NAMES = "return strcmp((*(const struct tensor *const *)a)->name, (*(const struct tensor *const *)b)->name);"
_TYPES = '{[1] = "|i1", [2] = "<i2", [4] = "<i4"}'
_REST = "size = rest < 56 ? 64 : 128;"
_SIZE = "(uint8_t)((uint64_t)message->size * 8 >> (8 * i));"

MUTANTS = [
    edit("T-17", "the kind is left out", _HEAD, "ecjax.integer_transformer", ""),
    edit("T-17", "a shape has no space after its comma", _COLUMNS, '", %"', '",%"'),
    edit(
        "T-17",
        "a shape of one number ends with a comma, as in Python",
        _ROWS,
        _ROWS,
        _ROWS.replace('"%" PRId64', '"%" PRId64 "%s"').replace(
            "[kind->rows]", '[kind->rows], kind->columns == NONE ? "," : ""'
        ),
    ),
    edit("T-17", "settings have no space after their commas", 'i == 0 ? "" : ", ", setting_names[i]', '", "', '","'),
    edit("T-17", "types are those without a sign", _TYPES, "|i1", "|u1"),
    edit("T-17", "types of one byte have an order", _TYPES, "|i1", "<i1"),
    edit("T-17", "numbers are big-endian", _NUMBER, "8 * byte", "8 * (kind->size - 1 - byte)"),
    edit("T-17", "a line ends each part", _TENSOR, '"[\\"%s\\"', '"\\n[\\"%s\\"'),
    edit("T-17", "tensors are in the order of the table", _SORT, _SORT, ""),
    edit("T-17", "names are in the reverse order", _NAMES, "return strcmp", "return -strcmp"),
    edit(
        "T-17",
        "names are sorted without their brackets",
        _NAMES,
        _NAMES,
        'const char *x = (*(const struct tensor *const *)a)->name, *y = (*(const struct tensor *const *)b)->name;\n    long i = strncmp(x, ".layers", 7) ? -1 : atol(x + 8), j = strncmp(y, ".layers", 7) ? -1 : atol(y + 8);\n    return i >= 0 && j >= 0 && i != j ? (i < j ? -1 : 1) : strcmp(x, y);',
    ),
    edit("T-17", "the last word of a hash is padded in one block up to 60 bytes", _REST, "56", "60"),
    edit("T-17", "55 bytes are padded in two blocks", _REST, "56", "55"),
    edit("T-17", "the size that is hashed is in bytes", _SIZE, " * 8 ", " "),
    edit(
        "T-17",
        "the size that is hashed has 16 bits",
        _SIZE,
        "(uint64_t)message->size * 8",
        "(uint16_t)(message->size * 8)",
    ),
    Mutant(
        "a round of SHA-256 is left out",
        "T-17",
        "for (int i = 0; i < 64; i++) {\n        uint32_t s1",
        "for (int i = 0; i < 63; i++) {\n        uint32_t s1",
    ),
]
