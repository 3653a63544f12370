"""Equal-Info windows by preorder numbering, as Python integers say it. Standard library only; this is the definition.

A model is a function from the bytes so far in the window to a frequency table: 257 integers, rising strictly from 0
to 2**F.
"""

from collections.abc import Callable, Sequence

Model = Callable[[bytes], Sequence[int]]


def apportion(points: int, table: Sequence[int], root: bool) -> list[int]:
    """How many of a node's points below each child gets, in byte order. They sum to `points`."""
    frequencies = [table[c + 1] - table[c] for c in range(256)]
    total = table[256]
    reserved = 1 if root else 0
    m = points - 256 * reserved
    likeliest = frequencies.index(max(frequencies))
    kept = [f if 2 * m * f >= total or c == likeliest else 0 for c, f in enumerate(frequencies)]
    counts, cumulative = [], 0
    for f in kept:
        start = m * cumulative // sum(kept)
        cumulative += f
        counts.append(reserved + m * cumulative // sum(kept) - start)
    return counts


def encode_window(model: Model, context: bytes, text: bytes, bits: int) -> tuple[int, int]:
    """The code of a text's first window and its size, if the model has seen `context` since it began anew."""
    code, below, size = 0, 2**bits - 1, 0
    while size < len(text):
        byte = text[size]
        counts = apportion(below, model(context + text[:size]), root=size == 0)
        if counts[byte] == 0:
            break
        code += 1 + sum(counts[:byte])
        below = counts[byte] - 1
        size += 1
    return code, size


def encode(model: Model, text: bytes, bits: int) -> list[int]:
    """The codes of a text's windows."""
    codes, position = [], 0
    while position < len(text):
        code, size = encode_window(model, b"", text[position:], bits)
        codes.append(code)
        position += size
    return codes


def decode_window(model: Model, code: int, bits: int, context: bytes = b"") -> bytes:
    """The string of one code, `0 <= code < 2**bits`."""
    window, rank, below = b"", code, 2**bits - 1
    while rank > 0:
        rank -= 1
        counts = apportion(below, model(context + window), root=not window)
        byte = 0
        while rank >= counts[byte]:
            rank -= counts[byte]
            byte += 1
        below = counts[byte] - 1
        window += bytes([byte])
    return window


def encode_blocks(model: Model, text: bytes, bits: int, every: int | None, block: int = 10_240) -> list[int]:
    """The codes of a text whose windows pass the model's state on (arXiv 2404.03626, A.2).

    The model begins anew with every so many windows of a block of text, `every` None: with the first only. Window 0,
    the empty one, stands between two blocks.
    """
    codes: list[int] = []
    for origin in range(0, len(text), block):
        codes += [0] if origin else []
        part, position, count, begin = text[origin : origin + block], 0, 0, 0
        while position < len(part):
            if every is not None and count % every == 0:
                begin = position
            code, size = encode_window(model, part[begin:position], part[position:], bits)
            codes.append(code)
            position, count = position + size, count + 1
    return codes


def decode_blocks(model: Model, codes: Sequence[int], bits: int, every: int | None) -> bytes:
    """The text of a sequence of codes of such windows; any sequence has one."""
    text, context, count = b"", b"", 0
    for code in codes:
        if code == 0:
            context, count = b"", 0
            continue
        if every is not None and count % every == 0:
            context = b""
        window = decode_window(model, code, bits, context)
        text, context, count = text + window, context + window, count + 1
    return text


def decode(model: Model, codes: Sequence[int], bits: int) -> bytes:
    """The text of a sequence of codes; any sequence of numbers below `2**bits` has one."""
    return b"".join(decode_window(model, code, bits) for code in codes)


def cut_tokens(codes: Sequence[int], bits: int, token_bits: int) -> list[int]:
    """The stream of windows cut into ids of `token_bits` bits, first bits first, the last id filled with zeros."""
    stream = "".join(format(code, f"0{bits}b") for code in codes)
    stream += "0" * (-len(stream) % token_bits)
    return [int(stream[i : i + token_bits], 2) for i in range(0, len(stream), token_bits)]


def join_tokens(ids: Sequence[int], bits: int, token_bits: int) -> list[int]:
    """The windows of a stream of ids; bits at the end that are no whole window are dropped."""
    stream = "".join(format(i, f"0{token_bits}b") for i in ids)
    return [int(stream[i : i + bits], 2) for i in range(0, len(stream) - bits + 1, bits)]
