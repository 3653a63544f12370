"""Mutants of T-9 to T-13."""

from __future__ import annotations

from .mutant import edit

_QKV = "pass->qkv[i] = (int32_t)clamp(pass->qkv[i], 127);"
_QKV_ALL = f"for (size_t i = 0; i < 3 * width; i++)\n        {_QKV}"
_KEYS = "bytes_push(pass->work, &cache->keys, (uint8_t)pass->qkv[width + i]);"
_VALUES = "bytes_push(pass->work, &cache->values, (uint8_t)pass->qkv[2 * width + i]);"
_GREATEST = "int32_t greatest = scores[0], total = 0;"
_FIRST = "first = position + 1 > context ? position + 1 - context : 0;"
_DOT = "sum += query[i] * key[i];"
_SCORE = "sum = rescale(sum, tensors[SCORES_MULTIPLIER].numbers[head], tensors[SCORES_SHIFT].numbers[head]);"
_BIASED = "weights[q] = (int32_t)clamp(sum, 1 << 20) + bias[seen - 1 - q];"
_WEIGHT = "scores[i] = (int32_t)nearest(E[d % 256], d / 256 < 15 ? (unsigned)d / 256 : 15);"
_DIFFERENCE = "int32_t d = greatest - scores[i];"
_TOP = "greatest = scores[i] > greatest ? scores[i] : greatest;"
_TOTAL = "unsigned t = digits((uint64_t)total) - 1, k = t < 15 ? t : 15;"
_INVERSE = "int64_t inverse = ((int64_t)1 << (k + 15)) / (total >> (t - k));"
_G = "int64_t g = nearest(inverse * tensors[AVERAGE_MULTIPLIER].numbers[head], 7);"
_SUMMED = "means[i] += weights[q] * value[i];"
_MEAN = "means[i] = (int32_t)clamp(nearest(nearest(means[i], t - 7) * g, average_shift), 127);"
_ZERO_13 = "From 12 octaves and a half below on every weight is 0."

_ATTENTION = [
    edit("T-9", "queries, keys and values are not clamped", _QKV, "clamp(pass->qkv[i], 127)", "pass->qkv[i]"),
    edit("T-9", "queries, keys and values are clamped to 128", _QKV, "127", "128"),
    edit("T-9", "queries, keys and values are clamped to 126", _QKV, "127", "126"),
    edit("T-9", "queries are not clamped", _QKV_ALL, "size_t i = 0", "size_t i = width"),
    edit("T-9", "values are not clamped", _QKV_ALL, "3 * width", "2 * width"),
    edit("T-9", "keys are values", _KEYS, "width + i", "2 * width + i"),
    edit("T-9", "values are keys", _VALUES, "2 * width + i", "width + i"),
    edit("T-9", "all heads have the first one's query", "*query = pass->qkv + head * e;", "head * e", "0 * head"),
    edit(
        "T-10",
        "attention sees one position too few",
        _FIRST,
        "first = ",
        "first = position + 2 > context && context > 1 ? position + 2 - context : ",
    ),
    edit(
        "T-10",
        "attention sees one position too many",
        _FIRST,
        "position + 1 > context ? position + 1 - context",
        "position > context ? position - context",
    ),
    edit(
        "T-10",
        "attention sees 64 positions at most",
        _FIRST,
        "position + 1 > context ? position + 1 - context",
        "position + 1 > 64 && context > 64 ? position + 1 - 64 : position + 1 > context ? position + 1 - context",
    ),
    edit(
        "T-10",
        "biases are those of the first head",
        "tensors[BIAS].numbers + head * context",
        "head * context",
        "0 * head",
    ),
    edit("T-10", "biases run from the first position on", _BIASED, "seen - 1 - q", "q"),
    edit("T-10", "scores are not clamped", _BIASED, "clamp(sum, 1 << 20)", "sum"),
    edit("T-10", "scores are clamped to 2^20 - 1", _BIASED, "1 << 20", "(1 << 20) - 1"),
    edit("T-10", "scores are clamped to 2^19", _BIASED, "1 << 20", "1 << 19"),
    edit(
        "T-10",
        "scores are clamped with their bias",
        _BIASED,
        "clamp(sum, 1 << 20) + bias[seen - 1 - q]",
        "clamp(sum + bias[seen - 1 - q], 1 << 20)",
    ),
    edit(
        "T-10",
        "sums of scores have 16 bits",
        _DOT,
        "sum += query[i] * key[i];",
        "sum = (int16_t)(sum + query[i] * key[i]);",
    ),
    edit(
        "T-10",
        "sums of scores have 20 bits",
        _DOT,
        "sum += query[i] * key[i];",
        "sum = (int32_t)clamp(sum + query[i] * key[i], (1 << 19) - 1);",
    ),
    edit(
        "T-10",
        "all heads have the first one's scale of scores",
        _SCORE,
        "SCORES_SHIFT].numbers[head]",
        "SCORES_SHIFT].numbers[0]",
    ),
    edit(
        "T-10", "scores are not rescaled by their multiplier", _SCORE, "tensors[SCORES_MULTIPLIER].numbers[head]", "127"
    ),
    edit(
        "T-11",
        "the greatest score is that of the last position",
        _TOP,
        "scores[i] > greatest ? scores[i] : greatest",
        "scores[i]",
    ),
    edit("T-11", "the greatest score is -2^20 at least", _GREATEST, "scores[0]", "-(1 << 20)"),
    edit("T-11", "the greatest score is never below 0", _GREATEST, "scores[0]", "0"),
    edit("T-11", "15 is 12", _WEIGHT, "d / 256 < 15 ? (unsigned)d / 256 : 15", "d / 256 < 12 ? (unsigned)d / 256 : 12"),
    edit(
        "T-11",
        "15 is 13",
        _WEIGHT,
        "d / 256 < 15 ? (unsigned)d / 256 : 15",
        "d / 256 < 13 ? (unsigned)d / 256 : 13",
        _ZERO_13,
    ),
    edit("T-11", "15 is 11", _WEIGHT, "d / 256 < 15 ? (unsigned)d / 256 : 15", "d / 256 < 11 ? (unsigned)d / 256 : 11"),
    edit(
        "T-11", "shifts are taken modulo 32", _WEIGHT, "d / 256 < 15 ? (unsigned)d / 256 : 15", "(unsigned)d / 256 & 31"
    ),
    edit(
        "T-11", "shifts are taken modulo 64", _WEIGHT, "d / 256 < 15 ? (unsigned)d / 256 : 15", "(unsigned)d / 256 & 63"
    ),
    edit("T-11", "weights are rounded down", _WEIGHT, "nearest", "shift_down"),
    edit("T-11", "the last octave is left out", _WEIGHT, "(int32_t)nearest", "d >= 12 * 256 ? 0 : (int32_t)nearest"),
    edit(
        "T-11", "the last two octaves are left out", _WEIGHT, "(int32_t)nearest", "d >= 11 * 256 ? 0 : (int32_t)nearest"
    ),
    edit("T-11", "differences have 16 bits", _DIFFERENCE, "greatest - scores[i]", "(greatest - scores[i]) & 0xffff"),
    edit("T-11", "steps within an octave are left out", _WEIGHT, "E[d % 256]", "E[0]"),
    edit("T-11", "E[255] is one too large", "1030, 1027,", "1027", "1028"),
    edit("T-11", "E[255] is one too small", "1030, 1027,", "1027", "1026"),
    edit("T-11", "E[1] is one too small", "2048, 2042, 2037", "2042", "2041"),
    edit("T-11", "E[128] is one too large", "1452, 1448, 1444", "1448", "1449"),
    edit("T-12", "k is t", _TOTAL, "t < 15 ? t : 15", "t"),
    edit("T-12", "k is 14 at most", _TOTAL, "t < 15 ? t : 15", "t < 14 ? t : 14"),
    edit("T-12", "k is 16 at most", _TOTAL, "t < 15 ? t : 15", "t < 16 ? t : 16"),
    edit("T-12", "k is 12 at most", _TOTAL, "t < 15 ? t : 15", "t < 12 ? t : 12"),
    edit("T-12", "the sum is rounded before it is divided by", _INVERSE, "(total >> (t - k))", "nearest(total, t - k)"),
    edit(
        "T-12",
        "the inverse is rounded to the nearest",
        _INVERSE,
        "((int64_t)1 << (k + 15)) /",
        "(((int64_t)1 << (k + 15)) + (total >> (t - k)) / 2) /",
    ),
    edit("T-12", "g is rounded down", _G, "nearest", "shift_down"),
    edit("T-12", "g has the first head's multiplier", _G, "numbers[head]", "numbers[0]"),
    edit("T-12", "V is rounded down", _MEAN, "nearest(means[i], t - 7)", "shift_down(means[i], t - 7)"),
    edit("T-12", "V is rounded towards zero", _MEAN, "nearest(means[i], t - 7)", "(means[i] / (1 << (t - 7)))"),
    edit("T-12", "V has one bit less", _MEAN, "nearest(means[i], t - 7) * g", "(nearest(means[i], t - 6) * 2) * g"),
    edit("T-12", "means are rounded down", _MEAN, "clamp(nearest(nearest(", "clamp(shift_down(nearest("),
    edit(
        "T-12",
        "means are not clamped",
        _MEAN,
        "clamp(nearest(nearest(means[i], t - 7) * g, average_shift), 127)",
        "nearest(nearest(means[i], t - 7) * g, average_shift)",
    ),
    edit("T-12", "means are clamped to 126", _MEAN, "127", "126"),
    edit("T-12", "means are clamped to 128", _MEAN, "127", "128"),
    edit("T-12", "values below 0 are not below 0", _SUMMED, "value[i]", "(uint8_t)value[i]"),
    edit(
        "T-12",
        "V g has 32 bits",
        _MEAN,
        "nearest(nearest(means[i], t - 7) * g, average_shift)",
        "nearest((int32_t)(nearest(means[i], t - 7) * g), average_shift)",
        "V and g are at most 32,512 each.",
    ),
    edit(
        "T-13",
        "what attention gives is rescaled by the queries' scale",
        "multiply(model, pass->means, &tensors[OUT], added);",
        "multiply(model, pass->means, &tensors[OUT], added);",
        "multiply(model, pass->means, &tensors[OUT], added);\n    for (int64_t j = 0; j < model->lengths[OF_ROW]; j++)\n        added[j] = (int32_t)clamp(added[j], 1 << 15);",
    ),
    edit(
        "T-13",
        "the heads' means are in the reverse order",
        "attend(pass, layer, head, position, pass->means + head * e);",
        "pass->means + head * e",
        "pass->means + ((size_t)model->settings[HEADS] - 1 - head) * e",
    ),
]

MUTANTS = [*_ATTENTION]
