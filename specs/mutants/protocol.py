"""Mutants of how requests are read and answers are written (P), of texts (C-4), and of numbers that are cut off."""

from __future__ import annotations

from .mutant import Mutant, edit

_TEXT = "bytes.data[bytes.size++] = (uint8_t)(hex_digit(value->string[i]) << 4 | hex_digit(value->string[i + 1]));"
_SIZE = "    int64_t size = json_integer(object, key);\n"
_RUN = "        require(work, run->first->next->number >= low && run->first->next->number <= high, cause);\n"
_ID = 'item->number >= 0 && item->number < (int64_t)1 << bits, "id");'
_LENGTH = "require(work, runs_length(work, runs, cause) == count, cause);"
_ANSWERED = 'printf("{\\"id\\": %" PRId64, json_integer(request, "id"));'
_FOUND = "    for (const struct json *field = object->first; field != NULL; field = field->next)\n        if (strcmp(field->key, key) == 0)"
_TRACED = "work->trace = trace != NULL && trace->is_true ? &work->steps : NULL;"
_INTEGER = "return field != NULL && field->kind == JSON_INTEGER ? field->number : 0;"

MUTANTS = [
    edit(
        "C-4",
        "a text ends at its first byte 0",
        _TEXT,
        _TEXT,
        f"{{\n            if (value->string[i] == '0' && value->string[i + 1] == '0')\n                break;\n            {_TEXT}\n        }}",
    ),
    edit("C-4", "bytes have 7 bits", _TEXT, "(uint8_t)(", "127 & (uint8_t)("),
    edit(
        "C-4",
        "a line end at the end of a text is left out",
        "        bytes.data[bytes.size++] = (uint8_t)(hex_digit(value->string[i]) << 4 | hex_digit(value->string[i + 1]));\n    return bytes;",
        "    return bytes;",
        "    if (bytes.size > 0 && bytes.data[bytes.size - 1] == '\\n')\n        bytes.size--;\n    return bytes;",
    ),
    edit("C-1", "single numbers that are read have 32 bits", _INTEGER, "field->number :", "(int32_t)field->number :"),
    edit(
        "C-1",
        "numbers in runs have 32 bits",
        _RUN,
        _RUN,
        "        require(work, (int32_t)run->first->next->number >= low && (int32_t)run->first->next->number <= high, cause);\n",
    ),
    edit(
        "C-1",
        "numbers in runs have 32 bits and no sign below 0",
        _RUN,
        _RUN,
        "        require(work, (low < 0 ? run->first->next->number : (uint32_t)run->first->next->number) >= low && (low < 0 ? run->first->next->number : (uint32_t)run->first->next->number) <= high, cause);\n",
    ),
    edit(
        "C-1",
        "numbers in runs have 16 bits where that is enough",
        _RUN,
        _RUN,
        "        require(work, (high == 65535 ? (uint16_t)run->first->next->number : run->first->next->number) >= low && (high == 65535 ? (uint16_t)run->first->next->number : run->first->next->number) <= high, cause);\n",
    ),
    edit(
        "C-1",
        "numbers in runs have 8 bits where that is enough",
        _RUN,
        _RUN,
        "        require(work, (high <= 255 ? (uint8_t)run->first->next->number : run->first->next->number) >= low && (high <= 255 ? (uint8_t)run->first->next->number : run->first->next->number) <= high, cause);\n",
    ),
    edit(
        "C-1",
        "ids that are read have 32 bits",
        _ID,
        _ID,
        '(int32_t)item->number >= 0 && (int32_t)item->number < (int64_t)1 << bits, "id");',
    ),
    edit("C-1", "ids that are read have 16 bits", _ID, _ID, '(uint16_t)item->number < (int64_t)1 << bits, "id");'),
    edit("P-1", "there is an empty line after each answer", 'fputs("}\\n", stdout);', '"}\\n"', '"}\\n\\n"'),
    edit(
        "P-1",
        "the status at the end is not 0",
        "free(work.chunks);\n    return EXIT_SUCCESS;",
        "EXIT_SUCCESS",
        "EXIT_FAILURE",
    ),
    edit(
        "P-1",
        "the program ends after its first refusal",
        "fflush(stdout);\n    arena_reset(work);",
        "arena_reset(work);",
        "arena_reset(work);\n    if (work->cause != NULL)\n        exit(EXIT_SUCCESS);",
    ),
    edit(
        "P-2",
        "an answer has the number of its line, from 1, as its id",
        _ANSWERED,
        'json_integer(request, "id")',
        'json_integer(request, "id") + 1',
    ),
    edit(
        "P-2",
        "ids of requests have 8 bits",
        _ANSWERED,
        'json_integer(request, "id")',
        '(int64_t)(uint8_t)json_integer(request, "id")',
    ),
    edit(
        "P-2",
        "the operation must come first",
        'const struct json *name = json_find(request, "op");',
        'json_find(request, "op")',
        'request == NULL || request->first == NULL ? NULL : request->first->next != NULL && strcmp(request->first->next->key, "op") == 0 ? request->first->next : NULL',
    ),
    edit(
        "P-3",
        "an operation is not there",
        '{"container.info", op_container_info},',
        '"container.info"',
        '"container.information"',
    ),
    edit("P-3", "what is refused is an error", ', \\"refused\\": \\"%s\\""', "refused", "error"),
    edit("P-4", "digits of bytes are upper-case", 'static const char hex[] = "0123456789abcdef";', "abcdef", "ABCDEF"),
    edit(
        "P-4",
        "runs that could be longer are refused",
        _LENGTH,
        _LENGTH,
        f"{_LENGTH}\n    for (const struct json *run = runs->first; run != NULL && run->next != NULL; run = run->next)\n        require(work, run->first->next->number != run->next->first->next->number, cause);",
    ),
    Mutant("a trace is answered to every request", "P-5", _TRACED, "work->trace = &work->steps;"),
    edit(
        "P-5",
        "an empty trace is answered to every request",
        '    if (work->trace != NULL) {\n        struct bytes *out = answer_field(work, "trace");',
        "work->trace != NULL",
        "true",
    ),
]
