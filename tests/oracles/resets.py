"""Windows that pass M1's state on, as Python integers say it: what `ecjax.coding.resets` is tested against."""

from collections.abc import Sequence

from specs.oracle.windows import Model, decode_window, encode_window


def after(model: Model, context: bytes) -> Model:
    """The model once it has seen some bytes."""
    return lambda text: model(context + text)


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
            code, size = encode_window(after(model, part[begin:position]), part[position:], bits)
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
        window = decode_window(after(model, context), code, bits)
        text, context, count = text + window, context + window, count + 1
    return text
