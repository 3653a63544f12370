"""Mutants of the oracle: codebooks and the container."""

from __future__ import annotations

from functools import partial

from .mutant import edit

_book = partial(edit, file="oracle/codebook.py")
_file = partial(edit, file="oracle/container.py")
_protocol = partial(edit, file="oracle/protocol.py")

_NODES = 'require(nodes <= 2**22 and len(book.last_bytes) == nodes, "codebook")'
_MEMBERS = 'require_range(book.members, 0, 1, "codebook")'
_HOLE = '        require(0 in book.members, "codebook")\n'
_SIZE = 'require(9 <= book.bits <= 16 and book.size == 2**book.bits, "codebook")'
_NEEDED = "required = node == 0 or book.parents[node] == 0 or node in childless"
_COSTS = 'require_range(book.costs, 0, 65_535, "codebook")'
_COUNTED = 'require(len(book.costs) == book.size, "codebook")'
_FREE = '        require(book.costs[0] == 0, "codebook")\n'
_PARENTS = 'require_range(book.parents, 0, nodes - 1, "codebook")'
_BYTES = 'require_range(book.last_bytes, 0, 255, "codebook")'
_ROOT = 'require(book.parents[0] == book.last_bytes[0] == 0, "codebook")'
_LONGEST = "longest = nodes if book.members is None and book.costs is None else 255"
_ABOVE = "while path and path[-1] != parent:"
_RISING = 'require(bool(path) and byte > newest[parent], "codebook")'
_DEPTH = 'require(len(path) - 1 <= longest, "codebook")'
_CHILDREN = 'require(sum(parent == 0 for parent in book.parents[1:]) == 256, "codebook")'
_BITS = 'require_range([bits], 9, 16, "bits")'
_WAITING = "nodes.append((child, text + bytes([byte]), count - 1))"
_SHARED = "apportion(below, model(text), root=code == 0)"
_NUMBERED = "parents[child], last_bytes[child] = code, byte"
_IDS = "ids = {spelled: number for number, spelled in enumerate(strings(book)) if number}"
_STRINGS = "[s for s, member in zip(spelled, book.members, strict=True) if member]"
_END = "end = min(start + longest, len(text))"
_SUMS = "sums = {stop: costs[ids[text[place:stop]]] + best[stop] for stop in stops if text[place:stop] in ids}"
_TIE = "ends[place] = max(stop for stop in sums if sums[stop] == best[place])"
_ID = 'require_range(codes, 0, book.size - 1, "id")'
_TYPES = '"<u2" if nodes <= 2**16 else "<u4"'
_KIND = 'return fingerprint("ecjax.codebook", {"bits": book.bits}, tensors, types)'
_HASHED_COSTS = '= book.costs, ("<u2", (book.size,))'
_HASHED_MEMBERS = '= book.members, ("|u1", (nodes,))'

CODEBOOKS = [
    _book("B-1", "any number of strings is taken", _SIZE, " and book.size == 2**book.bits", ""),
    _book("B-1", "2^17 strings are taken", _SIZE, "16", "17"),
    _book("B-1", "512 strings are refused", _SIZE, "9 <=", "9 <"),
    _book("B-1", "last bytes may be too few", _NODES, "== nodes", "<= nodes"),
    _book("B-1", "a last byte of 256 is taken", _BYTES, "255", "256"),
    _book(
        "B-1",
        "parents may be below 0",
        _PARENTS,
        " 0,",
        " -1,",
        "A node whose parent is below 0 is never found on the path, and is refused for that.",
    ),
    _book(
        "B-1",
        "the root may have a last byte",
        _ROOT,
        "book.parents[0] == book.last_bytes[0] == 0",
        "book.parents[0] == 0",
    ),
    _book(
        "B-1",
        "the root may have a parent",
        _ROOT,
        "book.parents[0] == book.last_bytes[0] == 0",
        "book.last_bytes[0] == 0",
    ),
    _book("B-2", "the same byte may come twice", _RISING, "byte >", "byte >="),
    _book("B-2", "bytes may fall", _RISING, " and byte > newest[parent]", ""),
    _book("B-2", "a node must follow its parent, or its parent's child", _ABOVE, "while path", "if path"),
    _book("B-3", "the root may have fewer children", _CHILDREN, "== 256", "<= 256"),
    _book("B-3", "the root needs no children", f"    {_CHILDREN}\n", f"    {_CHILDREN}\n", ""),
    _book("B-4", "codebooks of 8 bits are compiled", _BITS, "9", "8"),
    _book("B-4", "codebooks of 17 bits are compiled", _BITS, "16", "17"),
    _book("B-4", "a string has one point too many", _WAITING, "count - 1", "count"),
    _book(
        "B-4",
        "the model sees the last byte only",
        _WAITING,
        "text + bytes([byte])",
        "bytes([byte])",
    ),
    _book("B-4", "every node is the root", _SHARED, "code == 0", "below > 511"),
    _book("B-4", "parents are numbered from 1", _NUMBERED, "code, byte", "code + 1, byte"),
    _book(
        "B-5",
        "the shortest string is taken",
        "while text[start:end] not in ids:\n            end -= 1",
        "while text[start:end] not in ids:\n            end -= 1",
        "end = start + 1",
    ),
    _book("B-5", "strings have 255 bytes at most", _END, "longest", "min(longest, 255)"),
    _book(
        "B-5", "the last byte of a text is a string of its own", _END, "len(text))", "max(start + 1, len(text) - 1))"
    ),
    _book("B-6", "an id of 2^b is taken", _ID, "book.size - 1", "book.size"),
    _book("B-6", "the last id is refused", _ID, "- 1", "- 2"),
    _book("B-6", "ids below 0 are taken", _ID, "0,", "-1,"),
    _book(
        "B-7",
        "ids are one less than codes",
        "found.append(ids[text[start:end]])",
        "ids[text[start:end]]",
        "ids[text[start:end]] - 1",
    ),
    _book("B-7", "a codebook has no string of one point", "if count:\n", "if count:", "if count > (code > 0):"),
    _book("B-8", "the kind is that of a model", _KIND, "ecjax.codebook", "ecjax.integer_transformer"),
    _book("B-8", "parents have two bytes always", _TYPES, "<u4", "<u2"),
    _book("B-8", "parents of 65,536 nodes have four bytes", _TYPES, "<=", "<"),
    _book("B-8", "costs have four bytes", _HASHED_COSTS, "<u2", "<u4"),
    _book("B-8", "members are types without a bar", _HASHED_MEMBERS, "|u1", "<u1"),
    _book("B-10", "members may be 2", _MEMBERS, "1,", "2,"),
    _book("B-10", "members may all be 1", _HOLE, _HOLE, ""),
    _book(
        "B-10",
        "the empty string may be no member",
        _NEEDED,
        "node == 0 or book.parents[node] == 0",
        "book.parents[node] == 0 and node",
    ),
    _book("B-10", "bytes may be no members", _NEEDED, " or book.parents[node] == 0", ""),
    _book("B-10", "nodes without children may be no members", _NEEDED, " or node in childless", ""),
    _book(
        "B-10",
        "ids are the numbers of nodes",
        _STRINGS,
        "[s for s, member in zip(spelled, book.members, strict=True) if member]",
        "[s if member else b'' for s, member in zip(spelled, book.members, strict=True)]",
    ),
    _book("B-11", "a cost of 65,536 is taken", _COSTS, "65_535", "65_536"),
    _book("B-11", "costs may be below 0", _COSTS, " 0,", " -1,"),
    _book("B-11", "costs may be too many", _COUNTED, "==", ">="),
    _book("B-11", "the empty string may cost something", _FREE, _FREE, ""),
    _book("B-12", "strings of 256 bytes are taken", _LONGEST, "255", "256"),
    _book("B-12", "strings of 255 bytes are refused", _DEPTH, "<=", "<"),
    _book(
        "B-12",
        "the size of strings is limited with members only",
        _LONGEST,
        "book.members is None and book.costs is None",
        "book.members is None",
    ),
    _book(
        "B-12",
        "a trie may have any number of nodes",
        _NODES,
        "nodes <= 2**22 and ",
        "",
        "By P-2 no list of runs stands for more than 2^18 numbers.",
    ),
    _book("B-13", "a tie is won by the shortest string", _TIE, "max", "min"),
    _book("B-13", "what follows a string costs nothing", _SUMS, " + best[stop]", ""),
    _book("B-13", "the fewest ids win", _SUMS, "costs[ids[text[place:stop]]]", "1"),
    _book(
        "B-13",
        "of the same sum the fewest ids win",
        _SUMS,
        "costs[ids[text[place:stop]]]",
        "(costs[ids[text[place:stop]]] << 20) + 1",
    ),
    _book(
        "B-13",
        "sums have 16 bits",
        "best[place] = min(sums.values())",
        "min(sums.values())",
        "min(sums.values()) & 65535",
    ),
]

_MAGIC = 'require(file[:8] == MAGIC, "magic")'
_VERSION = 'require(file[8] in (1, VERSION), "version")'
_PART = '    require(len(file) > 8, "truncated")\n'
_HEADER = 'require(len(file) >= HEADER, "truncated")'
_SUM = 'require(checksum(file[: HEADER - 4]) == file[HEADER - 4 : HEADER], "header")'
_METHOD = 'require(header.method == CODEBOOK, "method")'
_STREAMS = 'require(header.bits == 0 and 9 <= header.precision <= 16, "parameters")'
_WINDOWS = 'require(9 <= header.bits <= 128 and 9 <= header.precision <= 16, "parameters")'
_CODEBOOKS = 'require(9 <= header.bits <= 16 and header.precision == 0, "parameters")'
_MODEL = 'require(read_header(file) == coding.header, "model")'
_BLOCK = 'require(last <= 1 and 1 - last <= length <= LONGEST and size <= length, "block")'
_START = 'require(len(file) >= at + 7, "truncated")'
_CHAIN = 'require(checksum(file[at - 4 : end]) == file[end : end + 4], "checksum")'
_STORED = "yield Block(length, file[at + 7 : payload_end], size == length, file[payload_end:end])"
_TRAILING = '        at = end + 4\n    require(len(file) == at, "trailing")\n\n\ndef read_blocks_1'
_UNPACKED = 'require(0 not in codes and pack(codes, bits) == payload, "payload")'
_SHORTER = "payload = code if len(code) < len(part) else part"
_PARTS = 'parts = [text[i : i + block] for i in range(0, len(text), block)] or [b""]'
_LAST = 'checksum(text) if place == len(parts) else b""'
_WRITTEN = "return block + checksum(before[-4:] + block)"
_SIZES = 'sizes = length.to_bytes(3, "big") + len(payload).to_bytes(3, "big")'
_FIELDS = "fields = MAGIC + bytes([VERSION, header.method, header.bits, header.precision]) + header.fingerprint"
_LENGTH = 'require(len(part) == block.length, "payload")'
_TEXT = 'require(block.text_sum == checksum(text), "text")'
_SIZES_1 = 'require(length <= LONGEST and size <= 16 * length if length else size == 12, "block")'
_SUM_1 = 'require(checksum(file[at:end]) == file[end : end + 4], "checksum")'
_TOTAL_1 = 'require(number(payload[:8]) == total, "length")'
_BLOCK_1 = 'yield Block(length, payload, False, b"" if length else payload[8:])'
_NUMBER = 'return int.from_bytes(data, "big")'
_STREAM_CODING = "lambda text: stream.encode(model, text),"
_FOUND = "found = [block for block in blocks(file) if block.length]"
_SUMMARY = "return Summary(file[8], header, sum(block.length for block in found), len(found), stored)"
_SUMMED = "stored = sum(block.stored for block in found)"

CONTAINERS = [
    _file(
        "K-1",
        "the last block is marked by 0",
        "block = bytes([1 if text_sum else 0])",
        "1 if text_sum else 0",
        "0 if text_sum else 1",
    ),
    _file("K-1", "method and version are swapped", _FIELDS, "VERSION, header.method", "header.method, VERSION"),
    _file("K-1", "numbers of blocks are little-endian", _SIZES, '"big") + len', '"little") + len'),
    _file("K-2", "the first 7 bytes are looked at", _MAGIC, "file[:8] == MAGIC", "file[:7] == MAGIC[:7]"),
    _file(
        "K-2",
        "a file that is cut off within the first bytes is truncated",
        _MAGIC,
        "file[:8] == MAGIC",
        "file[:8] == MAGIC[: len(file)]",
    ),
    _file("K-3", "version 1 is refused", _VERSION, "(1, VERSION)", "(VERSION,)"),
    _file("K-3", "version 0 is taken", _VERSION, "(1, VERSION)", "(0, 1, VERSION)"),
    _file("K-3", "version 3 is taken", _VERSION, "(1, VERSION)", "(1, VERSION, 3)"),
    _file("K-4", "a header of 47 bytes is taken", _HEADER, "HEADER,", "HEADER - 1,"),
    _file("K-4", "the header's checksum is not looked at", f"    {_SUM}\n", f"    {_SUM}\n", ""),
    _file("K-4", "a block begins with 6 bytes", _START, "at + 7", "at + 6"),
    _file("K-5", "any method is a codebook's", f"        {_METHOD}\n", f"        {_METHOD}\n", ""),
    _file("K-5", "streams may have bits", _STREAMS, "header.bits == 0 and ", ""),
    _file("K-5", "windows of 8 bits are taken", _WINDOWS, "9", "8"),
    _file("K-5", "codebooks may have a precision", _CODEBOOKS, " and header.precision == 0", ""),
    _file(
        "K-6",
        "the fingerprint is not looked at",
        _MODEL,
        "read_header(file) == coding.header",
        "read_header(file)[:3] == coding.header[:3]",
    ),
    _file(
        "K-6",
        "nothing but the fingerprint is looked at",
        _MODEL,
        "read_header(file) == coding.header",
        "read_header(file)[3] == coding.header[3]",
    ),
    _file("K-7", "a marker of 2 is taken", _BLOCK, "last <= 1", "last <= 2"),
    _file("K-7", "a block in the middle may have no text", _BLOCK, "1 - last", "0"),
    _file("K-7", "blocks of 65,537 bytes are taken", _BLOCK, "LONGEST", "LONGEST + 1"),
    _file("K-7", "a payload may be longer than its text", _BLOCK, " and size <= length", ""),
    _file("K-8", "a writer does not chain the blocks", _WRITTEN, "before[-4:] + ", ""),
    _file("K-8", "a reader does not chain the blocks", _CHAIN, "at - 4", "at"),
    _file("K-8", "the checksums of blocks are not looked at", f"        {_CHAIN}\n", f"        {_CHAIN}\n", ""),
    _file(
        "K-9",
        "a block is coded with one byte 0 before it",
        _STREAM_CODING,
        "(model, text)",
        '(lambda seen: model(b"\\0" + seen), text)',
    ),
    _file(
        "K-9",
        "a payload of method 1 ends with a byte of 0",
        _STREAM_CODING,
        "stream.encode(model, text)",
        'stream.encode(model, text) + b"\\0"',
    ),
    _file("K-10", "code 0 is taken", _UNPACKED, "0 not in codes and ", ""),
    _file("K-10", "bits after the windows are not looked at", _UNPACKED, " and pack(codes, bits) == payload", ""),
    _file("K-10", "another length of the text is taken", f"            {_LENGTH}\n", f"            {_LENGTH}\n", ""),
    _file(
        "K-10",
        "windows are put in whole bytes",
        "return bytes(tokens.cut(codes, bits, 8))",
        "bytes(tokens.cut(codes, bits, 8))",
        'b"".join(code.to_bytes(-(-bits // 8), "big") for code in codes)',
    ),
    _file("K-11", "the text's checksum is not looked at", f"            {_TEXT}\n", _TEXT, "pass"),
    _file(
        "K-11",
        "what follows the last block is not looked at",
        _TRAILING,
        '    require(len(file) == at, "trailing")\n',
        "",
    ),
    _file("K-11", "the text's checksum is of the last block's text", _LAST, "checksum(text)", "checksum(part)"),
    _file("K-12", "a version comes after the size of the header", _PART, "8", "47"),
    _file(
        "K-12",
        "what follows the file is looked at before the text",
        f"            {_TEXT}\n",
        _TEXT,
        f'require(file[-8:-4] == block.text_sum, "trailing")\n            {_TEXT}',
    ),
    _file("K-13", "the empty text has no block", _PARTS, ' or [b""]', ""),
    _file("K-13", "a block without text ends every file", _PARTS, ' or [b""]', ' + [b""]'),
    _file("K-15", "blocks without text are counted", _FOUND, " if block.length", ""),
    _file("K-15", "stored blocks are those that are coded", _SUMMED, "block.stored", "not block.stored"),
    _file("K-15", "the length is that of all payloads", _SUMMARY, "sum(block.length", "sum(len(block.payload)"),
    _file("K-16", "a code as long as its text is written", _SHORTER, "<", "<="),
    _file("K-16", "nothing is stored", _SHORTER, " if len(code) < len(part) else part", ""),
    _file("K-16", "a stored block is decoded", _STORED, "size == length", "False"),
    _file("K-17", "blocks of 65,536 bytes are refused", "LONGEST = 65_536", "65_536", "65_535"),
    _file("K-17", "blocks of 65,537 bytes are allowed", "LONGEST = 65_536", "65_536", "65_537"),
    _file("K-18", "a payload of version 1 may have any size", _SIZES_1, " and size <= 16 * length", ""),
    _file("K-18", "a payload of version 1 has 15 bytes for each of text at most", _SIZES_1, "16", "15"),
    _file("K-18", "blocks of version 1 have any size", _SIZES_1, "length <= LONGEST and ", ""),
    _file("K-18", "the blocks of version 1 are chained", _SUM_1, "file[at:end]", "file[at - 4 : end]"),
    _file("K-18", "version 1 has stored blocks", _BLOCK_1, "False", "size == length"),
    _file("K-19", "the end of version 1 may have any size", _SIZES_1, "size == 12", "size >= 12"),
    _file("K-19", "the length in version 1 is not looked at", _TOTAL_1, "number(payload[:8]) == total", "True"),
    _file("K-19", "the length in version 1 has 32 bits", _TOTAL_1, "[:8]", "[4:8]"),
    _file("C-5", "numbers are read the last byte first", _NUMBER, "big", "little"),
    _protocol(
        "C-7",
        "the file is looked at before its coding",
        'return {"text": container.decode(from_coding(request)',
        "return",
        'container.read_header(bytes.fromhex(request["file"]))\n    return',
    ),
]
