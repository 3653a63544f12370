"""Mutants of the oracle: frequencies, streams, windows and token ids."""

from __future__ import annotations

from functools import partial

from .mutant import edit

_frequencies = partial(edit, file="oracle/frequencies.py")
_stream = partial(edit, file="oracle/stream.py")
_windows = partial(edit, file="oracle/windows.py")
_tokens = partial(edit, file="oracle/tokens.py")
_refusal = partial(edit, file="oracle/refusal.py")
_protocol = partial(edit, file="oracle/protocol.py")

_NEAREST = "return (2 * numerator + denominator) // (2 * denominator)"
_POWER = "return nearest(table[below % 256], 2 ** min(below // 256, most))"
_HALVED = "nearest(table[below % 256], 2 ** min(below // 256, most))"
_PRECISION = 'require_range([precision], 9, 16, "precision")'
_CHECKED = '    check_precision(precision)\n    require(len(logits) == 256, "logits")\n'
_LOGITS = 'require(len(logits) == 256, "logits")'
_LOGIT = 'require_range(logits, -(2**30), 2**30, "logits")'
_WEIGHTS = "weights = [power(POWERS, min(largest - x, 2**20), 2**12) for x in logits]"
_ENTRY = "table.append(cumulative * (2**precision - 256) // total + i + 1)"
_SHARE = "cumulative * (2**precision - 256) // total"
_SUM = 'require(sum(frequencies) == 2**precision, "table")'
_ROW = 'require_range(frequencies, 1, 2**precision, "table")'
_RANGE = "require(all(low <= x <= high for x in numbers), cause)"
_AFTER = "return lambda text: tables[after[text[-1] if text else 256]], precision"
_NEXT = "transformer.logits(model, [*text, 0])[-1]"

FREQUENCIES = [
    _frequencies("C-1", "a quotient is rounded towards zero", _NEAREST, _NEAREST, f"{_NEAREST} + (numerator < 0)"),
    _frequencies("C-2", "halves are rounded down", _NEAREST, "+ denominator)", "+ denominator - 1)"),
    _frequencies(
        "C-2", "halves are rounded away from zero", _NEAREST, "+ denominator)", "+ denominator - (numerator < 0))"
    ),
    _frequencies("C-2", "a number is halved where nothing is cut off", _NEAREST, "//", "- (denominator == 1) //"),
    _refusal("C-7", "the smallest number that is allowed is refused", _RANGE, "low <=", "low <"),
    _refusal("C-7", "the greatest number that is allowed is refused", _RANGE, "<= high", "< high"),
    _refusal("C-7", "only the first number of a list is looked at", _RANGE, "in numbers)", "in list(numbers)[:1])"),
    _frequencies("F-1", "a precision of 8 is taken", _PRECISION, "9", "8"),
    _frequencies("F-1", "a precision of 17 is taken", _PRECISION, "16", "17"),
    _frequencies("F-1", "a frequency may be 0", _ROW, "1,", "0,"),
    _frequencies("F-1", "sums that are too small are taken", _SUM, "==", "<="),
    _frequencies("F-1", "sums that are too large are taken", _SUM, "==", ">="),
    _frequencies("F-2", "257 logits are taken", _LOGITS, "==", ">="),
    _frequencies("F-2", "255 logits are taken", _LOGITS, "==", "<="),
    _frequencies("F-2", "logits may be too large", _LOGIT, " 2**30,", " 2**31,"),
    _frequencies("F-2", "logits may be too small", _LOGIT, "-(2**30)", "-(2**31)"),
    _frequencies(
        "F-2", "the precision is looked at after the logits", _CHECKED, "    check_precision(precision)\n", ""
    ),
    _frequencies("F-3", "powers are rounded down", "table.append((root + 1) // 2)", "root + 1", "root"),
    _frequencies("F-3", "powers are of a seventh root", "for _ in range(8):", "8", "7"),
    _frequencies("F-3", "powers rise instead of falling", "2 ** (256 * (bits + 1) - i)", "- i", "+ i"),
    _frequencies("F-4", "the least logit is taken for the greatest", "largest = max(logits)", "max", "min"),
    _frequencies("F-4", "differences are cut off at 6144", _WEIGHTS, "2**20", "6144"),
    _frequencies("F-4", "there are 23 halvings at most", _WEIGHTS, "2**12", "23"),
    _frequencies("F-4", "there are 24 halvings at most", _WEIGHTS, "2**12", "24"),
    _frequencies("F-4", "weights are rounded down", _POWER, _HALVED, "table[below % 256] >> min(below // 256, most)"),
    _frequencies("F-4", "steps within an octave are left out", _POWER, "below % 256", "0"),
    _frequencies(
        "F-5", "shares are rounded to the nearest", _ENTRY, _SHARE, "nearest(cumulative * (2**precision - 256), total)"
    ),
    _frequencies("F-5", "255 counts are set aside", _ENTRY, "- 256", "- 255"),
    _frequencies("F-5", "a byte has no count of its own", _ENTRY, " + i + 1", ""),
    _frequencies("F-5", "the weights' sum is one too small", _ENTRY, "// total", "// (total - 1)"),
    _protocol(
        "C-6", "the byte before the last chooses the row", _AFTER, "text[-1] if text", "text[-2] if len(text) > 1"
    ),
    _protocol("C-6", "before the first byte comes the byte 0", _AFTER, "256", "0"),
    _protocol("C-6", "no byte before is the same as the byte 0", _AFTER, "if text else", "if any(text) else"),
]

_SPLIT = "return r * table[byte] // table[-1], r * table[byte + 1] // table[-1]"
_START = "low, r, shift = 0, 1 << 31, 0\n    for"
_DIGITS = "byte)\n        s = 32 - (hi - lo).bit_length()\n        low, r, shift = (low + lo) << s, (hi - lo) << s, shift + s\n"
_TOP = "number = ((low + r - 1) << 8 * k) >> (31 + shift)"
_FITS = "if number << (31 + shift) >= low << 8 * k:"
_DISTANCE = "distance = (number << (31 + shift) >> 8 * len(code)) - low"
_BYTE = "byte = max(c for c in range(256) if split(r, table, c)[0] <= distance)"

STREAMS = [
    _stream("S-1", "the first range is 2^32", _START, "1 << 31", "1 << 32"),
    _stream("S-1", "the first range is 2^31 - 1", _START, "1 << 31", "(1 << 31) - 1"),
    _stream(
        "S-2",
        "the upper bound is rounded up",
        _SPLIT,
        "r * table[byte + 1] // table[-1]",
        "-(-r * table[byte + 1] // table[-1])",
    ),
    _stream(
        "S-2",
        "the range is divided first",
        _SPLIT,
        _SPLIT,
        "return r // table[-1] * table[byte], r // table[-1] * table[byte + 1]",
    ),
    _stream("S-2", "the shift is one too small", _DIGITS, "32 -", "31 -"),
    _stream(
        "S-2",
        "the digits of a power of two are one too few",
        _DIGITS,
        "(hi - lo).bit",
        "(hi - lo - 1).bit",
        "A range of 2^32 stands for the same interval as one of 2^31, both are shared exactly, and the next is the same.",
    ),
    _stream("S-2", "the lower bound is not shifted with the number", _DIGITS, "(low + lo) << s", "(low << s) + lo"),
    _stream(
        "S-2", "the model sees the byte that it is to predict", "split(r, model(text[:i]), byte)", "[:i]", "[: i + 1]"
    ),
    _stream("S-3", "the end of the interval belongs to it", _TOP, " - 1", ""),
    _stream("S-3", "the last number of the interval is left out", _TOP, "- 1", "- 2"),
    _stream("S-3", "the lower end of the interval is left out", _FITS, ">=", ">"),
    _stream("S-3", "a code has at least one byte", "    k = 0\n", "0", "1"),
    _stream("S-3", "the number is written the last byte first", 'number.to_bytes(k, "big")', "big", "little"),
    _stream("S-4", "a bound belongs to the byte before", _BYTE, "<=", "<"),
    _stream("S-4", "the byte 255 is never found", _BYTE, "256", "255"),
    _stream(
        "S-4", "a text has at least one byte", "while len(text) < length:", "len(text) <", "not text or len(text) <"
    ),
    _stream("S-4", "the code is read the last byte first", 'number = int.from_bytes(code, "big")', "big", "little"),
    _stream("S-4", "the lower end has 32 bits", _DISTANCE, " - low", " - (low & 0xffffffff)"),
    _stream(
        "S-5",
        "ones follow a code",
        _DISTANCE,
        "(number <<",
        "(((number + 1) << (31 + shift)) - 1 if len(code) < 99 else number <<",
    ),
    _stream(
        "S-5",
        "bytes after the fourth are not read",
        _DISTANCE,
        "number <<",
        "number >> 8 * max(0, len(code) - 4) << 8 * max(0, len(code) - 4) <<",
    ),
]

_BITS = 'require_range([bits], 9, 128, "bits")'
_RESERVED = "reserved = 1 if root else 0"
_M = "m = points - 256 * reserved"
_KEPT = "kept = [f if 2 * m * f >= total or c == likeliest else 0 for c, f in enumerate(frequencies)]"
_LIKELIEST = "likeliest = frequencies.index(max(frequencies))"
_END = "end = m * cumulative // kept_total"
_COUNT = "counts.append(reserved + end - start)"
_ROOT = "code, below, size = 0, 2**bits - 1, 0"
_CODE = "code += 1 + sum(counts[:byte])"
_BELOW = "below = counts[byte] - 1\n        size"
_NO_CHILD = "if counts[byte] == 0:"
_TABLE = "counts = apportion(below, model(text[:size]), root=size == 0)"
_RANGED = 'require_range([code], 0, 2**bits - 1, "code")'
_STRINGS = 'return {"strings": [windows.decode_window(model, code, request["bits"]).hex() for code in codes]}'
_RANK = 'window, rank, below = b"", code, 2**bits - 1'
_OWN = "        rank -= 1\n"
_FOUND = "while rank >= counts[byte]:"

WINDOWS = [
    _windows("W-1", "windows of 8 bits are taken", _BITS, "9", "8"),
    _windows("W-1", "windows of 129 bits are taken", _BITS, "128", "129"),
    _windows("W-2", "the root has one point less", _ROOT, "2**bits - 1", "2**bits - 2"),
    _windows("W-2", "a node keeps no point", _BELOW, " - 1", ""),
    _windows("W-2", "a child without points is there", _NO_CHILD, "== 0", "< 0"),
    _windows("W-3", "no points are set aside at the root", _RESERVED, "1 if root else 0", "0"),
    _windows("W-3", "points are set aside at every node", _RESERVED, "root", "points > 511"),
    _windows("W-3", "255 points are set aside at the root", _M, "256", "255"),
    _windows("W-4", "a share of exactly one half is dropped", _KEPT, ">=", ">"),
    _windows("W-4", "a share of one is needed", _KEPT, "2 * m", "m"),
    _windows("W-4", "no child is kept in any case", _KEPT, " or c == likeliest", " or m * f > 9**99"),
    _windows(
        "W-4",
        "of two that are alike the last is kept",
        _LIKELIEST,
        "frequencies.index(max(frequencies))",
        "max(range(256), key=lambda c: (frequencies[c], c))",
    ),
    _windows("W-4", "all points below count at the root", _KEPT, "2 * m", "2 * points"),
    _windows("W-5", "points are rounded to the nearest", _END, "m * cumulative", "(m * cumulative + kept_total // 2)"),
    _windows("W-5", "points are shared by all frequencies", _END, "kept_total", "total"),
    _windows(
        "W-5", "points are shared in doubles", _END, "m * cumulative // kept_total", "int(m * cumulative / kept_total)"
    ),
    _windows("W-5", "each child's share is rounded by itself", _COUNT, "end - start", "m * f // kept_total"),
    _windows("W-6", "a child's number does not count its parent", _CODE, "1 + ", ""),
    _windows("W-6", "children are numbered from the last on", _CODE, "counts[:byte]", "counts[byte + 1 :]"),
    _windows("W-7", "the model has seen what is before the window", _TABLE, "text[:size]", "text[: size + 1]"),
    _windows("W-7", "a window ends where one point is left", _NO_CHILD, "== 0", "<= (size > 0)"),
    _windows(
        "W-8",
        "the empty text has a window",
        "while position < len(text):",
        "position < len(text)",
        "position < len(text) or not codes",
    ),
    _windows(
        "W-8",
        "a window of one byte at the end is left out",
        "while position < len(text):",
        "len(text)",
        "len(text) - (position > 0)",
    ),
    _windows("W-9", "a node's own point is not taken off", _OWN, _OWN, ""),
    _windows("W-9", "a start belongs to the child before", _FOUND, ">=", ">"),
    _windows("W-10", "codes from 2^b on are taken", _RANGED, "2**bits - 1", "2**bits"),
    _windows("W-10", "the last code is refused", _RANGED, "- 1", "- 2"),
    _windows("W-11", "code 0 is refused", _RANGED, " 0,", " 1,"),
    _windows("W-11", "code 0 stands for the byte 0", _RANK, "code,", "code or 1,"),
    _protocol(
        "W-12",
        "codes that are not canonical are refused",
        _STRINGS,
        "return",
        'if windows.encode(model, windows.decode(model, codes, request["bits"]), request["bits"]) != codes:\n        raise Refused("code")\n    return',
    ),
    _protocol(
        "W-12",
        "codes are answered as an encoder would write them",
        _STRINGS,
        "return",
        'codes = windows.encode(model, windows.decode(model, codes, request["bits"]), request["bits"])\n    return',
    ),
    _protocol(
        "W-1",
        "the size is looked at only where there are codes",
        f'    windows.check_bits(request["bits"])\n    {_STRINGS}',
        '    windows.check_bits(request["bits"])\n',
        "",
    ),
    _protocol(
        "P-4",
        "windows are written the last byte first",
        'return code.to_bytes(-(-bits // 8), "big").hex()',
        "big",
        "little",
    ),
    _protocol(
        "P-4",
        "runs are of one number each",
        "return [[len(list(group)), number] for number, group in groupby(numbers)]",
        "[[len(list(group)), number] for number, group in groupby(numbers)]",
        "[[1, number] for number in numbers]",
    ),
]

_TOKEN_BITS = 'require_range([token_bits], 1, 16, "token_bits")'
_PADDED = 'stream += "0" * (-len(stream) % token_bits)'
_JOINED = "return [int(stream[i : i + bits], 2) for i in range(0, len(stream) - bits + 1, bits)]"
_BOTH = "    check_bits(bits)\n    check_token_bits(token_bits)\n    require_range"
_TURNED = "    check_token_bits(token_bits)\n    check_bits(bits)\n    require_range"
_CODES = 'require_range(codes, 0, 2**bits - 1, "code")'
_IDS = 'require_range(ids, 0, 2**token_bits - 1, "id")'

TOKENS = [
    _tokens(
        "C-5",
        "ids are written the last bit first",
        "return [int(stream[i : i + token_bits], 2)",
        "stream[i : i + token_bits]",
        "stream[i : i + token_bits][::-1]",
    ),
    _tokens("W-13", "ids of 17 bits are taken", _TOKEN_BITS, "16", "17"),
    _tokens("W-13", "ids of 0 bits are taken", _TOKEN_BITS, "1,", "0,"),
    _tokens("W-13", "the last id is filled with ones", _PADDED, '"0"', '"1"'),
    _tokens(
        "W-13",
        "the last id is filled at its front",
        _PADDED,
        _PADDED,
        'rest = len(stream) % token_bits\n    stream = stream[: len(stream) - rest] + (stream[len(stream) - rest :].zfill(token_bits) if rest else "")',
    ),
    _tokens(
        "W-13",
        "an id that is not whole is dropped",
        _PADDED,
        _PADDED,
        "stream = stream[: len(stream) - len(stream) % token_bits]",
    ),
    _tokens(
        "W-13",
        "an id more is written where all are whole",
        _PADDED,
        "(-len(stream) % token_bits)",
        "(token_bits - len(stream) % token_bits)",
    ),
    _tokens("W-13", "codes are looked at first", f"{_BOTH}(codes", f"{_BOTH}(codes", f"    {_CODES}\n{_BOTH}(codes"),
    _tokens("W-13", "the size of ids is looked at first, to cut", f"{_BOTH}(codes", _BOTH, _TURNED),
    _tokens("W-14", "the size of ids is looked at first, to join", f"{_BOTH}(ids", _BOTH, _TURNED),
    _tokens("W-14", "ids are looked at first", f"{_BOTH}(ids", f"{_BOTH}(ids", f"    {_IDS}\n{_BOTH}(ids"),
    _tokens("W-14", "an id of 2^v is taken", _IDS, " - 1", ""),
    _tokens("W-14", "a code that is not whole is taken", _JOINED, " - bits + 1", ""),
    _tokens("W-14", "a code is dropped where the ids end with it", _JOINED, " + 1,", ","),
    _tokens(
        "W-14",
        "zeros at the end are dropped",
        'stream = "".join(format(i, f"0{token_bits}b") for i in ids)',
        "for i in ids)",
        'for i in ids).rstrip("0")',
    ),
]
