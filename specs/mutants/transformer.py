"""Mutants of transformer.md: its reader, norm and MLP, and what its logits are used for."""

from __future__ import annotations

from .mutant import Mutant, drop, edit

_SIZES = "value[i] = read_size(work, settings, setting_names[i], 1, i == CONTEXT ? CONTEXT_LIMIT : SETTING_LIMIT,"
_SHAPE = 'require(work, value[VOCAB_SIZE] == BYTES && value[HEADS] * value[HEAD_DIM] <= SETTING_LIMIT, "settings");'
_SEVEN = 'require(work, settings != NULL && settings->count == SETTINGS, "settings");'
_COUNTED = 'require(work, tensors != NULL && (int64_t)tensors->count == model->tensor_count, "tensors");'
_LIMIT = "tensor_length(model, tensor->kind), -limit,\n                                    limit - 1, "
_RANGES = '{".multiplier", 0, 127}, {".shift", 1, 24}, {".gain", 1 << 29, 1 << 30}, {".gain_shift", 16, 24},'
_SYMBOL = "symbol = position == 0 ? START : text[position - 1];"
_ADD = "rows[i] = (int32_t)clamp(rows[i] + clamp(added[i], RESIDUAL_LIMIT), RESIDUAL_LIMIT);"
_RESCALE = "return (int32_t)nearest(clamp(x, (1 << 24) - 1) * multiplier, (unsigned)shift);"
_PRODUCT = "result[j] += x[i] * weight[j];"
_SCALED = "result[j] = rescale(result[j], multiplier[j], shift[j]);"
_B = "while ((int64_t)d << 2 * (b + 1) <= 1 << 30)"
_GREATEST = "greatest = abs(x[i]) > greatest ? abs(x[i]) : greatest;"
_E = "while (greatest >= (int64_t)1 << (b + e))"
_Y = "result[i] = (int32_t)nearest(x[i], e);"
_SQUARES = "    if (squares == 0)\n        squares = 1;\n"
_H = "while (squares << 2 * (h + 1) < (int64_t)1 << 31)"
_V = "int64_t v = gain / (int32_t)square_root((uint32_t)(squares << 2 * h));"
_NORMED = "result[i] = (int32_t)clamp(nearest(result[i] * v, (unsigned)gain_shift - h), 127);"
_ROOT = "if ((root | bit) * (root | bit) <= x)"
_GATE = "int64_t gate = pass->gate[j] < 0 ? 0 : clamp(pass->gate[j], 2047), up = clamp(pass->up[j], 2047);"
_HIDDEN = (
    "int32_t hidden = rescale(gate * up, tensors[HIDDEN_MULTIPLIER].numbers[0], tensors[HIDDEN_SHIFT].numbers[0]);"
)
_CLAMPED = "pass->gate[j] = (int32_t)clamp(hidden, 127);"
_LOGITS = "pass->logits[i] = (int32_t)clamp(pass->logits[i], 1 << 20);"
_NEXT = "const int32_t *logits = pass_logits(session->pass, session->seen.data, count);"

_READING = [
    edit("T-1", "a setting may be 0", _SIZES, "1, i ==", "0, i =="),
    edit("T-1", "a setting of 1 is refused", _SIZES, "1, i ==", "2, i =="),
    edit("T-1", "a context of 3880 is taken", "#define CONTEXT_LIMIT 3879", "3879", "3880"),
    edit("T-1", "a context of 3879 is refused", "#define CONTEXT_LIMIT 3879", "3879", "3878"),
    edit("T-1", "settings of 132105 are taken", "#define SETTING_LIMIT 132104", "132104", "132105"),
    edit("T-1", "settings of 132104 are refused", "#define SETTING_LIMIT 132104", "132104", "132103"),
    edit("T-1", "another number of bytes is taken", _SHAPE, "value[VOCAB_SIZE] == BYTES && ", ""),
    edit(
        "T-1", "heads may be of any width together", _SHAPE, " && value[HEADS] * value[HEAD_DIM] <= SETTING_LIMIT", ""
    ),
    edit("T-1", "heads of 132104 together are refused", _SHAPE, "<= SETTING_LIMIT", "< SETTING_LIMIT"),
    edit(
        "T-1",
        "the width of all heads is computed in 16 bits",
        _SHAPE,
        "value[HEADS] * value[HEAD_DIM]",
        "(value[HEADS] * value[HEAD_DIM] & 0xffff)",
    ),
    edit("T-1", "a setting too many is taken", _SEVEN, "== SETTINGS", ">= SETTINGS"),
    edit("T-2", "a tensor too many is taken", _COUNTED, "== model", ">= model"),
    edit("T-2", "the smallest number of a type is refused", _LIMIT, "-limit", "1 - limit"),
    edit("T-2", "numbers may be one above their type", _LIMIT, "limit - 1", "limit"),
    edit("T-2", "the largest number of a type is refused", _LIMIT, "limit - 1", "limit - 2"),
    edit("T-2", "numbers may be one below their type", _LIMIT, "-limit", "-limit - 1"),
    edit("T-2", "biases have 8 bits", '{".attention.bias", 2, OF_HEADS', "2", "1"),
    edit("T-2", "biases have 32 bits", '{".attention.bias", 2, OF_HEADS', "2", "4"),
    edit("T-2", "embeddings have 32 bits", '{".embedding", 2,', "2", "4"),
    edit("T-2", "gains have 16 bits", '{".norm.gain", 4,', "4", "2"),
    edit(
        "T-2",
        "the weights of attention's output have rows and columns swapped",
        'PRODUCT(OUT, ".attention.out", OF_MEANS, OF_ROW)',
        "OF_MEANS, OF_ROW",
        "OF_ROW, OF_MEANS",
    ),
    edit("T-3", "multipliers may be below 0", _RANGES, "0, 127", "-128, 127"),
    edit("T-3", "a multiplier of 0 is refused", _RANGES, "0, 127", "1, 127"),
    edit("T-3", "a multiplier of 127 is refused", _RANGES, "0, 127", "0, 126"),
    edit("T-3", "a shift of 0 is taken", _RANGES, '1, 24}, {".gain"', '0, 24}, {".gain"'),
    edit("T-3", "a shift of 1 is refused", _RANGES, '1, 24}, {".gain"', '2, 24}, {".gain"'),
    edit("T-3", "a shift of 25 is taken", _RANGES, '1, 24}, {".gain"', '1, 25}, {".gain"'),
    edit("T-3", "a shift of 24 is refused", _RANGES, '1, 24}, {".gain"', '1, 23}, {".gain"'),
    edit("T-3", "a gain below 2^29 is taken", _RANGES, "1 << 29", "(1 << 29) - 1"),
    edit("T-3", "a gain of 2^29 is refused", _RANGES, "1 << 29", "(1 << 29) + 1"),
    edit("T-3", "a gain above 2^30 is taken", _RANGES, "1 << 30", "(1 << 30) + 1"),
    edit("T-3", "a gain of 2^30 is refused", _RANGES, "1 << 30", "(1 << 30) - 1"),
    edit("T-3", "a gain's shift of 15 is taken", _RANGES, "16, 24", "15, 24"),
    edit("T-3", "a gain's shift of 16 is refused", _RANGES, "16, 24", "17, 24"),
    edit("T-3", "a gain's shift of 25 is taken", _RANGES, "16, 24", "16, 25"),
    edit("T-3", "a gain's shift of 24 is refused", _RANGES, "16, 24", "16, 23"),
    edit("T-3", "another cause for a wrong scale", 'numbers[j] <= ranges[k].high, "scale");', '"scale"', '"tensors"'),
    edit(
        "T-3",
        "of each tensor the first number is looked at",
        "j < tensor_length(model, tensor->kind); j++)\n                require",
        "j < tensor_length(model, tensor->kind)",
        "j < 1",
    ),
]

_STREAM = [
    edit("T-4", "the start symbol is the byte 0", _SYMBOL, "START", "0"),
    edit("T-4", "a position sees its own byte", _SYMBOL, "text[position - 1]", "text[position]"),
    edit(
        "T-4",
        "the second update is added to the row before the first",
        'trace_stage(pass, layer, "attention", pass->added, count, d);\n    add_rows(pass->rows, pass->added, count * d);\n    normalize_rows',
        "    add_rows(pass->rows, pass->added, count * d);\n    normalize_rows",
        "    normalize_rows",
    ),
    edit("T-4", "the norm of the MLP is that of attention", "&tensors[MLP_GAIN]);", "MLP_GAIN", "ATTENTION_GAIN"),
    edit(
        "T-4",
        "layers use the first layer's tensors in the MLP",
        "const struct tensor *tensors = model->tensors + layer * LAYER_TENSORS;\n    multiply(model, normed, &tensors[GATE]",
        "layer * LAYER_TENSORS",
        "0 * layer",
    ),
    edit(
        "T-5",
        "a residual is not clamped",
        _ADD,
        "clamp(rows[i] + clamp(added[i], RESIDUAL_LIMIT), RESIDUAL_LIMIT)",
        "(rows[i] + clamp(added[i], RESIDUAL_LIMIT))",
    ),
    edit("T-5", "what is added is not clamped", _ADD, "clamp(added[i], RESIDUAL_LIMIT), RES", "(int64_t)added[i], RES"),
    edit("T-5", "residuals are below 2^23", "#define RESIDUAL_LIMIT (1 << 23)", "(1 << 23)", "((1 << 23) - 1)"),
    edit(
        "T-5",
        "what is added is below 2^23",
        _ADD,
        "clamp(added[i], RESIDUAL_LIMIT)",
        "clamp(added[i], RESIDUAL_LIMIT - 1)",
    ),
    edit(
        "T-5",
        "what is added is at most 2^22",
        _ADD,
        "clamp(added[i], RESIDUAL_LIMIT)",
        "clamp(added[i], RESIDUAL_LIMIT / 2)",
    ),
    edit("T-6", "sums are not clamped", _RESCALE, "clamp(x, (1 << 24) - 1)", "x"),
    edit(
        "T-6",
        "sums are not clamped, and products have 32 bits",
        _RESCALE,
        "clamp(x, (1 << 24) - 1) * multiplier",
        "(int32_t)(x * multiplier)",
    ),
    edit("T-6", "sums are clamped to 2^24", _RESCALE, "(1 << 24) - 1", "1 << 24"),
    edit("T-6", "sums are clamped to 2^23", _RESCALE, "(1 << 24) - 1", "1 << 23"),
    edit("T-6", "products are rounded down", _RESCALE, "nearest", "shift_down"),
    edit(
        "T-6",
        "products are clamped, not sums",
        _RESCALE,
        "clamp(x, (1 << 24) - 1) * multiplier",
        "clamp(x * multiplier, (int64_t)127 * ((1 << 24) - 1))",
    ),
    edit(
        "T-6",
        "the multiplier is used after the shift",
        _RESCALE,
        "nearest(clamp(x, (1 << 24) - 1) * multiplier, (unsigned)shift)",
        "(nearest(clamp(x, (1 << 24) - 1), (unsigned)shift) * multiplier)",
    ),
    edit("T-6", "sums have 16 bits", _RESCALE, "clamp(x, (1 << 24) - 1)", "(int16_t)x"),
    edit("T-7", "a product leaves its last row out", _PRODUCT, "x[i]", "(i + 1 < rows || rows == 1 ? x[i] : 0)"),
    edit(
        "T-7",
        "a product has 24 bits in its sums",
        _PRODUCT,
        "+= x[i] * weight[j];",
        "= (int32_t)clamp(result[j] + x[i] * weight[j], (1 << 24) - 1);",
    ),
    edit(
        "T-7",
        "a product has 29 bits in its sums",
        _PRODUCT,
        "+= x[i] * weight[j];",
        "= (int32_t)((uint32_t)(result[j] + x[i] * weight[j]) << 3) >> 3;",
    ),
    edit(
        "T-7",
        "products are floats",
        _PRODUCT,
        "result[j] += x[i] * weight[j];",
        "result[j] = (int32_t)((float)result[j] + (float)(x[i] * weight[j]));",
    ),
    edit("T-7", "all outputs have the first one's multiplier", _SCALED, "multiplier[j]", "multiplier[0]"),
    edit("T-7", "all outputs have the first one's shift", _SCALED, "shift[j]", "shift[0]"),
]

_NORM = [
    edit("T-8", "B is one too large at powers of four", _B, "(b + 1) <= 1 << 30", "b <= 1 << 30"),
    edit("T-8", "B is one too small where 4^B d is 2^30", _B, "<= 1 << 30", "< 1 << 30"),
    edit("T-8", "B is always 10", _B, "(int64_t)d << 2 * (b + 1) <= 1 << 30", "b < 10"),
    edit(
        "T-8",
        "the greatest number of a row has its sign",
        _GREATEST,
        "abs(x[i]) > greatest ? abs(x[i])",
        "x[i] > greatest ? x[i]",
    ),
    edit("T-8", "E is one too small where a number is 2^(B + E)", _E, ">=", ">"),
    edit("T-8", "E is 0", _E, "greatest >= (int64_t)1 << (b + e)", "false"),
    edit("T-8", "E is one larger", _E, "(b + e)", "(b + e - 1)"),
    edit("T-8", "a row is rounded down before it is squared", _Y, "nearest", "shift_down"),
    edit("T-8", "a row is rounded towards zero before it is squared", _Y, "nearest(x[i], e)", "(x[i] / (1 << e))"),
    drop("T-8", "squares may be 0", _SQUARES),
    edit(
        "T-8", "H is one too small where Q 4^H is near 2^31", _H, "(int64_t)1 << 31", "((int64_t)1 << 31) - (1 << 20)"
    ),
    edit("T-8", "H is one too large where Q 4^H is 2^31", _H, ") < (int64_t)", ") <= (int64_t)"),
    edit("T-8", "H is one too small", _H, "1 << 31", "1 << 29"),
    edit(
        "T-8",
        "the quotient is rounded to the nearest",
        _V,
        "gain / (int32_t)square_root((uint32_t)(squares << 2 * h));",
        "square_root((uint32_t)(squares << 2 * h));\n    v = (gain + v / 2) / v;",
    ),
    edit(
        "T-8",
        "the root is rounded to the nearest",
        _V,
        "(int32_t)square_root((uint32_t)(squares << 2 * h));",
        "1, q = squares << 2 * h, r = square_root((uint32_t)q);\n    v = gain / (r + (q > r * r + r));",
    ),
    edit("T-8", "the root of a square is one too small", _ROOT, "<=", "<"),
    edit("T-8", "the root has 15 bits", "for (uint32_t bit = 1 << 15; bit > 0; bit >>= 1)", "1 << 15", "1 << 14"),
    edit("T-8", "H is left out of the shift", _NORMED, "gain_shift - h", "gain_shift"),
    edit("T-8", "a normed row is rounded down", _NORMED, "nearest", "shift_down"),
    edit(
        "T-8",
        "a normed row is not clamped",
        _NORMED,
        "clamp(nearest(result[i] * v, (unsigned)gain_shift - h), 127)",
        "nearest(result[i] * v, (unsigned)gain_shift - h)",
    ),
    edit("T-8", "a normed row is clamped to 126", _NORMED, "127", "126"),
    edit("T-8", "a normed row is clamped to 128", _NORMED, "127", "128"),
    edit(
        "T-8",
        "products of a norm have 32 bits",
        _NORMED,
        "nearest(result[i] * v,",
        "nearest((int32_t)(result[i] * v),",
        "|y| is at most R 2^-H + 1, so y v is below 2^31.",
    ),
    edit("T-8", "a norm takes the plain row", _NORMED, "result[i] * v", "x[i] * v"),
]

_END = [
    edit("T-14", "a gate below 0 is let through", _GATE, "pass->gate[j] < 0 ? 0 : ", ""),
    edit("T-14", "a gate is not clamped", _GATE, "clamp(pass->gate[j], 2047), up", "pass->gate[j], up"),
    edit("T-14", "a gate is clamped to 2048", _GATE, "clamp(pass->gate[j], 2047)", "clamp(pass->gate[j], 2048)"),
    edit("T-14", "a gate is clamped to 2046", _GATE, "clamp(pass->gate[j], 2047)", "clamp(pass->gate[j], 2046)"),
    edit("T-14", "the other factor is not clamped", _GATE, "up = clamp(pass->up[j], 2047)", "up = pass->up[j]"),
    edit(
        "T-14",
        "the other factor is clamped to 2048",
        _GATE,
        "up = clamp(pass->up[j], 2047)",
        "up = clamp(pass->up[j], 2048)",
    ),
    edit(
        "T-14",
        "the other factor is clamped to 2046",
        _GATE,
        "up = clamp(pass->up[j], 2047)",
        "up = clamp(pass->up[j], 2046)",
    ),
    edit(
        "T-14",
        "the other factor is gated too",
        _GATE,
        "up = clamp(pass->up[j], 2047)",
        "up = pass->up[j] < 0 ? 0 : clamp(pass->up[j], 2047)",
    ),
    edit("T-14", "the product is not clamped", _CLAMPED, "clamp(hidden, 127)", "hidden"),
    edit("T-14", "the product is clamped to 128", _CLAMPED, "127", "128"),
    edit("T-14", "the product is clamped to 126", _CLAMPED, "127", "126"),
    edit("T-14", "the product has 16 bits", _HIDDEN, "gate * up", "(int16_t)(gate * up)"),
    edit(
        "T-14",
        "the last number of the MLP is left out",
        "for (int64_t j = 0; j < model->settings[MLP_DIM]; j++) {",
        "j < model->settings[MLP_DIM]",
        "j + (j > 0) < model->settings[MLP_DIM]",
    ),
    edit("T-15", "logits are not clamped", _LOGITS, "clamp(pass->logits[i], 1 << 20)", "pass->logits[i]"),
    edit("T-15", "logits are clamped to 2^20 - 1", _LOGITS, "1 << 20", "(1 << 20) - 1"),
    edit("T-15", "logits are clamped to 2^21", _LOGITS, "1 << 20", "1 << 21"),
    edit(
        "T-15",
        "the last norm is left out",
        'normalize_rows(pass, -1, "norm", count, &tensors[NORM_GAIN]);',
        "&tensors[NORM_GAIN]",
        "&tensors[NORM_GAIN]);\n    for (size_t i = 0; i < count * d; i++)\n        pass->normed[i] = (int32_t)clamp(pass->rows[i], 127",
    ),
    edit("T-16", "the last byte is not read", _NEXT, "count);", "count > 0 ? count - 1 : 0);"),
    edit(
        "T-16",
        "a text that is decoded has 64 bytes at most for the model",
        _NEXT,
        "count);",
        "count > 64 ? 64 : count);",
    ),
    Mutant(
        "the cache keeps what was forgotten",
        "T-16",
        "    if (pass->done > positions)\n        pass->done = positions;",
        "    if (pass->done > positions && positions == 0)\n        pass->done = pass->done > 1 ? 1 : positions;",
    ),
]

MUTANTS = [*_READING, *_STREAM, *_NORM, *_END]
