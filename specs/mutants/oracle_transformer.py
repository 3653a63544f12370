"""Mutants of the oracle: the Transformer, its tensors and its fingerprint."""

from __future__ import annotations

from functools import partial

from .mutant import edit

_model = partial(edit, file="oracle/transformer.py")
_tensors = partial(edit, file="oracle/tensors.py")
_protocol = partial(edit, file="oracle/protocol.py")

_NAMES = 'require(sorted(settings) == list(SETTINGS), "settings")'
_SIZES = 'require_range(list(settings.values()), 1, 132_104, "settings")'
_SHAPE = 'require(settings["context"] <= 3879 and settings["vocab_size"] == 256, "settings")'
_HEADS = 'require(settings["heads"] * settings["head_dim"] <= 132_104, "settings")'
_KEYS = 'require(tensors.keys() == expected.keys(), "tensors")'
_LENGTH = '        require(len(tensors[name]) == prod(shape), "tensors")\n'
_TYPE = 'require_range(tensors[name], -half, half - 1, "tensors")'
_RANGES = 'RANGES = {"multiplier": (0, 127), "shift": (1, 24), "gain": (2**29, 2**30), "gain_shift": (16, 24)}'
_ENDING = 'RANGES.get(name.rpartition(".")[2], (-(2**31), 2**31))'
_ROWS = "return [tensors[name][i : i + width] for i in range(0, len(tensors[name]), width)]"
_SCALE_CHECK = '        require_range(numbers, low, high, "scale")\n'
_BOTH = '    require_range(list(settings.values()), 1, 132_104, "settings")\n'

SETTINGS = [
    _tensors(
        "T-1",
        "a setting too many is taken",
        _NAMES,
        "sorted(settings) == list(SETTINGS)",
        "set(settings) >= set(SETTINGS)",
    ),
    _tensors("T-1", "a setting may be 0", _SIZES, "1,", "0,"),
    _tensors("T-1", "settings of 132,105 are taken", _SIZES, "132_104", "132_105"),
    _tensors("T-1", "settings may have any size", _BOTH, _BOTH, ""),
    _tensors("T-1", "a context of 3,880 is taken", _SHAPE, "3879", "3880"),
    _tensors("T-1", "a context of 3,879 is refused", _SHAPE, "<=", "<"),
    _tensors("T-1", "any number of bytes is taken", _SHAPE, ' and settings["vocab_size"] == 256', ""),
    _tensors("T-1", "heads of 132,105 together are taken", _HEADS, "132_104", "132_105"),
    _tensors("T-1", "heads of 132,104 together are refused", _HEADS, "<=", "<"),
    _tensors("T-2", "a tensor too many is taken", _KEYS, "==", ">="),
    _tensors("T-2", "tensors may have any number of numbers", _LENGTH, _LENGTH, ""),
    _tensors("T-2", "tensors may have numbers too many", _LENGTH, "==", ">="),
    _tensors("T-2", "numbers may be one above their type", _TYPE, "half - 1", "half"),
    _tensors("T-2", "numbers may be one below their type", _TYPE, "-half,", "-half - 1,"),
    _tensors(
        "T-2",
        "matrices are in column-major order",
        _ROWS,
        _ROWS,
        "height = len(tensors[name]) // width\n        return [tensors[name][i::height] for i in range(height)]",
    ),
    _tensors(
        "T-2",
        "biases are by distance first",
        'bias=rows(f"{name}.attention.bias")',
        'rows(f"{name}.attention.bias")',
        '[tensors[f"{name}.attention.bias"][head :: settings["heads"]] for head in range(settings["heads"])]',
    ),
    _tensors("T-3", "multipliers may be below 0", _RANGES, "(0, 127)", "(-128, 127)"),
    _tensors("T-3", "a shift of 0 is taken", _RANGES, "(1, 24)", "(0, 24)"),
    _tensors("T-3", "a shift of 25 is taken", _RANGES, "(1, 24)", "(1, 25)"),
    _tensors("T-3", "gains may be below 2^29", _RANGES, "2**29", "2**29 - 1"),
    _tensors("T-3", "gains may be above 2^30", _RANGES, "2**30", "2**30 + 1"),
    _tensors("T-3", "a gain's shift of 15 is taken", _RANGES, "(16, 24)", "(15, 24)"),
    _tensors("T-3", "a gain's shift of 25 is taken", _RANGES, "(16, 24)", "(16, 25)"),
    _tensors(
        "T-3",
        "a gain's shift is looked at as a shift",
        _ENDING,
        'name.rpartition(".")[2]',
        'name.rpartition(".")[2].rpartition("_")[2]',
    ),
    _tensors("T-3", "a gain's number is not looked at as a scale", _RANGES, '"gain"', '"gains"'),
]

_SYMBOLS = "rows = [model.embedding[token] for token in [256, *text][:-1]]"
_NORMED = 'attention_norm", (normed := [norm(layer.attention_norm, row) for row in rows])'
_MLP_NORM = "norm(layer.mlp_norm, row)"
_ADD = "return [clamp(x + clamp(u, 2**23), 2**23) for x, u in zip(row, update, strict=True)]"
_RESCALE = "return nearest(clamp(x, 2**24 - 1) * scale[0], 2 ** scale[1])"
_LINEAR = "return [rescale(sum(x * w for x, w in zip(row, column, strict=True)), scale) for column, scale in columns]"
_B = "bits = max(b for b in range(16) if len(row) * 4**b <= 2**30)"
_E = "excess = min(e for e in range(32) if max(map(abs, row)) < 2 ** (bits + e))"
_Y = "row = [nearest(x, 2**excess) for x in row]"
_Q = "squares = max(1, sum(x * x for x in row))"
_H = "half = max(h for h in range(16) if squares * 4**h < 2**31)"
_R = "inverse = gain // isqrt(squares * 4**half)"
_NORM = "return [clamp(nearest(x * inverse, 2 ** (shift - half)), 127) for x in row]"
_CLAMP = "return max(-limit, min(limit, x))"

LAYERS = [
    _model("C-3", "there is no lower limit", _CLAMP, "max(-limit, min(limit, x))", "min(limit, x)"),
    _model("C-3", "the lower limit is one lower, as in two's complement", _CLAMP, "-limit", "-limit - 1"),
    _model("T-4", "the start symbol is the byte 255", _SYMBOLS, "256", "255"),
    _model("T-4", "a position sees its own byte", _SYMBOLS, "[256, *text][:-1]", "text"),
    _model("T-4", "the norm of the MLP is that of attention", _MLP_NORM, "mlp_norm", "attention_norm"),
    _model(
        "T-4",
        "attention is not normed",
        "updates := attention(layer, normed)",
        "normed",
        "[[clamp(x, 127) for x in row] for row in rows]",
    ),
    _model("T-5", "a residual is not clamped", _ADD, "clamp(x + clamp(u, 2**23), 2**23)", "x + clamp(u, 2**23)"),
    _model("T-5", "an update is not clamped", _ADD, "clamp(u, 2**23)", "u"),
    _model("T-5", "residuals are below 2^23", _ADD, "u, 2**23), 2**23", "u, 2**23), 2**23 - 1"),
    _model("T-6", "sums are not clamped", _RESCALE, "clamp(x, 2**24 - 1)", "x"),
    _model("T-6", "sums are clamped to 2^24", _RESCALE, "2**24 - 1", "2**24"),
    _model(
        "T-6",
        "products are rounded down",
        _RESCALE,
        "nearest(clamp(x, 2**24 - 1) * scale[0], 2 ** scale[1])",
        "(clamp(x, 2**24 - 1) * scale[0]) >> scale[1]",
    ),
    _model("T-7", "a row is multiplied by absolute weights", _LINEAR, "x * w", "x * abs(w)"),
    _model(
        "T-7",
        "sums are clamped as they grow",
        _LINEAR,
        "sum(x * w for x, w in zip(row, column, strict=True))",
        "sum(sorted((x * w for x, w in zip(row, column, strict=True)), key=abs)[-900:])",
    ),
    _model("T-8", "B is one too small where 4^B d is 2^30", _B, "<=", "<"),
    _model("T-8", "B is one larger", _B, "2**30", "2**32"),
    _model("T-8", "E is one too small where a number is 2^(B + E)", _E, "<", "<="),
    _model("T-8", "the greatest number of a row has its sign", _E, "map(abs, row)", "row"),
    _model("T-8", "a row is rounded down before it is squared", _Y, "nearest(x, 2**excess)", "x >> excess"),
    _model("T-8", "squares may be 0", _Q, "max(1, sum(x * x for x in row))", "sum(x * x for x in row)"),
    _model("T-8", "H is one too large where Q 4^H is 2^31", _H, "<", "<="),
    _model("T-8", "H is one too small", _H, "2**31", "2**29"),
    _model("T-8", "the root is rounded up", _R, "isqrt(squares * 4**half)", "(isqrt(squares * 4**half - 1) + 1)"),
    _model(
        "T-8",
        "the quotient is rounded to the nearest",
        _R,
        "gain // isqrt(squares * 4**half)",
        "nearest(gain, isqrt(squares * 4**half))",
    ),
    _model(
        "T-8",
        "a normed row is not clamped",
        _NORM,
        "clamp(nearest(x * inverse, 2 ** (shift - half)), 127)",
        "nearest(x * inverse, 2 ** (shift - half))",
    ),
    _model("T-8", "H is left out of the shift", _NORM, "shift - half", "shift"),
]

_TOTAL = "kept = min(top, 15)"
_INVERSE = "inverse = 2 ** (kept + 15) // (total // 2 ** (top - kept))"
_FACTOR = "factor = nearest(inverse * scale[0], 2**7)"
_MEAN = "return [clamp(nearest(nearest(x, 2 ** (top - 7)) * factor, 2 ** scale[1]), 127) for x in sums]"
_PROJECTED = "projected = [[clamp(x, 127) for x in linear(layer.qkv, row)] for row in rows]"
_SEEN = "seen = range(max(0, i - context + 1), i + 1)"
_PARTS = "for i in (head, heads + head, 2 * heads + head))"
_SCORES = "scores = [clamp(rescale(product, layer.scores[h]), 2**20) for product in products]"
_BIAS = "scores = [score + layer.bias[h][i - j] for score, j in zip(scores, seen, strict=True)]"
_WEIGHTS = "weights = [power(WEIGHTS, max(scores) - score, 15) for score in scores]"
_MIXED = "mixed += mean(values, weights, layer.average[h])"
_OUT = "updates.append(linear(layer.out, mixed))"
_GATE = "gate = [max(0, min(2047, x)) for x in linear(layer.gate, row)]"
_UP = "up = [clamp(x, 2047) for x in linear(layer.up, row)]"
_HIDDEN = "[clamp(rescale(g * u, layer.hidden), 127) for g, u in zip(gate, up, strict=True)]"
_LOGITS = "[[clamp(x, 2**20) for x in linear(model.unembedding, row)] for row in normed]"
_LAST = '"norm", (normed := [norm(model.norm, row) for row in rows])'
_NEXT = "transformer.logits(model, [*text, 0])[-1]"
_DIGEST = "digest = hashlib.sha256(json.dumps([kind, dict(settings)], sort_keys=True).encode())"
_SORTED = "for name in sorted(tensors):"
_TENSOR = "digest.update(json.dumps([name, dtype, shape]).encode())"
_NUMBER = 'digest.update(number.to_bytes(SIZES[dtype[1:]], "little", signed=dtype[1] == "i"))'

ATTENTION = [
    _model("T-9", "queries, keys and values are not clamped", _PROJECTED, "clamp(x, 127)", "x"),
    _model("T-9", "queries, keys and values are clamped to 128", _PROJECTED, "127", "128"),
    _model(
        "T-9",
        "queries, keys and values of a head stand together",
        _PARTS,
        "(head, heads + head, 2 * heads + head)",
        "(3 * head, 3 * head + 1, 3 * head + 2)",
    ),
    _model("T-9", "keys are queries", _PARTS, "heads + head, 2", "head, 2"),
    _model("T-10", "attention sees one position too many", _SEEN, " + 1), i", "), i"),
    _model("T-10", "attention does not see its own position", _SEEN, "i + 1)", "max(i, 1))"),
    _model(
        "T-10",
        "scores are not clamped",
        _SCORES,
        "clamp(rescale(product, layer.scores[h]), 2**20)",
        "rescale(product, layer.scores[h])",
    ),
    _model(
        "T-10",
        "scores are clamped with their bias",
        _BIAS,
        "score + layer.bias[h][i - j]",
        "clamp(score + layer.bias[h][i - j], 2**20)",
    ),
    _model("T-10", "biases run from the first position on", _BIAS, "[i - j]", "[j - seen[0]]"),
    _model("T-10", "the scale of scores is the first head's", _SCORES, "[h]", "[0]"),
    _model("T-11", "E is one binary order too large", "WEIGHTS = powers(11)", "11", "12"),
    _model("T-11", "15 is 11", _WEIGHTS, "15", "11"),
    _model("T-11", "15 is 12", _WEIGHTS, "15", "12"),
    _model("T-11", "15 is 14", _WEIGHTS, "15", "14", "From 13 on all weights are 0."),
    _model("T-11", "the greatest score is never below 0", _WEIGHTS, "max(scores)", "max(0, *scores)"),
    _model("T-12", "k is 14 at most", _TOTAL, "15", "14"),
    _model("T-12", "k is 16 at most", _TOTAL, "15", "16"),
    _model(
        "T-12",
        "the sum is rounded before it is divided by",
        _INVERSE,
        "(total // 2 ** (top - kept))",
        "nearest(total, 2 ** (top - kept))",
    ),
    _model(
        "T-12",
        "the inverse is rounded to the nearest",
        _INVERSE,
        "2 ** (kept + 15) // (total // 2 ** (top - kept))",
        "nearest(2 ** (kept + 15), total // 2 ** (top - kept))",
    ),
    _model("T-12", "g is rounded down", _FACTOR, "nearest(inverse * scale[0], 2**7)", "(inverse * scale[0]) >> 7"),
    _model("T-12", "V is rounded down", _MEAN, "nearest(x, 2 ** (top - 7))", "(x >> (top - 7))"),
    _model(
        "T-12",
        "means are not clamped",
        _MEAN,
        "clamp(nearest(nearest(x, 2 ** (top - 7)) * factor, 2 ** scale[1]), 127)",
        "nearest(nearest(x, 2 ** (top - 7)) * factor, 2 ** scale[1])",
    ),
    _model(
        "T-13",
        "the heads' means are in the reverse order",
        _MIXED,
        "mixed += mean(values, weights, layer.average[h])",
        "mixed = mean(values, weights, layer.average[h]) + mixed",
    ),
    _model(
        "T-13",
        "what attention gives is clamped",
        _OUT,
        "linear(layer.out, mixed)",
        "[clamp(x, 2**15 - 1) for x in linear(layer.out, mixed)]",
    ),
    _model("T-14", "a gate below 0 is let through", _GATE, "max(0, min(2047, x))", "clamp(x, 2047)"),
    _model("T-14", "a gate is clamped to 2048", _GATE, "2047", "2048"),
    _model("T-14", "the other factor is gated too", _UP, "clamp(x, 2047)", "max(0, min(2047, x))"),
    _model("T-14", "the other factor is clamped to 2048", _UP, "2047", "2048"),
    _model(
        "T-14",
        "the product is not clamped",
        _HIDDEN,
        "clamp(rescale(g * u, layer.hidden), 127)",
        "rescale(g * u, layer.hidden)",
    ),
    _model("T-15", "logits are not clamped", _LOGITS, "clamp(x, 2**20)", "x"),
    _model("T-15", "the last norm is left out", _LAST, "norm(model.norm, row)", "[clamp(x, 127) for x in row]"),
    _protocol("T-16", "the last byte is not read", _NEXT, "[*text, 0]", "[*text[:-1], 0]"),
    _protocol("T-16", "the model sees 7 bytes at most", _NEXT, "[*text, 0]", "[*text[-7:], 0]"),
    _tensors("T-17", "keys are in the order of the request", _DIGEST, ", sort_keys=True", ""),
    _tensors("T-17", "there are no spaces", _DIGEST, "sort_keys=True", "sort_keys=True, separators=(',', ':')"),
    _tensors("T-17", "tensors are in the order of the request", _SORTED, "sorted(tensors)", "tensors"),
    _tensors("T-17", "tensors are in the order of the table", _SORTED, "sorted(tensors)", "types"),
    _tensors(
        "T-17",
        "a shape of one number ends with a comma",
        _TENSOR,
        "json.dumps([name, dtype, shape])",
        "json.dumps([name, dtype, shape]).replace(']]', ',]]' if len(shape) == 1 else ']]')",
    ),
    _tensors("T-17", "numbers are big-endian", _NUMBER, "little", "big"),
]
