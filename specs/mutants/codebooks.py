"""Mutants of codebooks.md."""

from __future__ import annotations

from .mutant import Mutant, drop, edit

_SIZE = 'require(work, count >= 1 << BITS_LOW && count <= 1 << CODEBOOK_HIGH && count == 1 << book->bits, "codebook");'
_NODES = 'require(work, size <= NODES_LIMIT, "codebook");'
_ALL = 'require(work, count < size, "codebook");'
_PARENTS = 'book->parents = read_runs(work, parents, size, 0, size - 1, "codebook");'
_BYTES = 'json_find(value, "last_bytes"), size, 0, BYTES - 1, "codebook");'
_MEMBERS = 'book->members = read_runs(work, members, size, 0, 1, "codebook");'
_NEEDED = "bool needed = book->parents[i] == 0 || last_child[i] == 0;"
_IDS = "book->ids[i] = member ? id : -1;"
_COSTS = 'book->costs = read_runs(work, costs, book->count, 0, COST_LIMIT, "codebook");'
_FREE = 'require(work, book->costs[0] == 0, "codebook");'
_LIMITED = "bool limited = book->members != NULL || book->costs != NULL;"
_ROOT = 'require(work, book->parents[0] == 0 && book->last_bytes[0] == 0, "codebook");'
_ABOVE = "while (above > parent)"
_PLACE = "    if (above != parent)\n        return false;\n"
_RISING = "return before == 0 || book->last_bytes[before] < book->last_bytes[i];"
_EARLIER = 'require(work, book->parents[i] < i && link_node(book, last_child, i), "codebook");'
_CHILDREN = 'require(work, children == BYTES, "codebook");'
_BITS = 'unsigned bits = read_size(work, request, "bits", BITS_LOW, CODEBOOK_HIGH, "bits");'
_COMPILE_MODEL = (
    f'struct session *session = session_new(work, read_model(work, json_find(request, "model")));\n    {_BITS}'
)
_CHILD = "while (child != 0 && book->last_bytes[child] < byte)"
_WALK = "for (size_t i = 0; i < size && (node = find_child(book, node, text[i])) != 0; i++)\n        if (book->ids"
_LONGEST = "for (size_t at = 0; at < size; count++)"
_FOUND = "if (book->ids[node] >= 0) {"
_GREEDY = "if (book->costs == NULL) {"
_WAY = "if (id >= 0 && ways[i + 1].cost + (uint64_t)book->costs[id] <= best.cost)"
_BEST = "best = (struct way){ways[i + 1].cost + (uint64_t)book->costs[id], i + 1, (uint32_t)id};"
_MANY = "By P-2 no list of runs stands for more than 2^18 numbers."
_HASHED_BITS = 'bytes_print(work, &message, "[\\"ecjax.codebook\\", {\\"bits\\": %u}]", book->bits);'
_HASHED_COSTS = 'add_list(work, &message, "costs", book->costs, book->count, 2);'
_HASHED_BYTES = 'add_list(work, &message, "last_bytes", book->last_bytes, book->size, 1);'
_HASHED_MEMBERS = 'add_list(work, &message, "members", book->members, book->size, 1);'
_WIDTH = "book->size <= 1 << 16 ? 2 : 4"
_SEEN = "session_rewind(session, child.depth - 1);\n            session_see(session, child.byte);"
_NUMBERED = "(struct child){code, (uint8_t)c, end - start - 1, node->depth + 1};"
_CODE_ID = 'uint32_t *ids = read_ids(work, json_find(request, "ids"), book->bits, &count);'

_TRIE = [
    edit("B-1", "any number of strings is taken", _SIZE, _SIZE, ""),
    edit(
        "B-1",
        "256 strings are taken",
        _SIZE,
        "count >= 1 << BITS_LOW && ",
        "",
        "The root and the 256 bytes are strings by B-3 and B-10.",
    ),
    edit("B-1", "512 strings are refused", _SIZE, "count >= 1", "count > 1"),
    edit("B-1", "2^17 strings are taken", _SIZE, " && count <= 1 << CODEBOOK_HIGH", ""),
    edit("B-1", "2^16 strings are refused", _SIZE, "count <= 1", "count < 1"),
    edit("B-1", "numbers of strings are no powers of two", _SIZE, " && count == 1 << book->bits", ""),
    edit(
        "B-1",
        "a parent may be the number of nodes",
        _PARENTS,
        "size - 1",
        "size",
        "Such a parent comes later, and is refused for that.",
    ),
    edit("B-1", "a last byte of 256 is taken", _BYTES, "BYTES - 1", "BYTES"),
    edit("B-1", "a last byte of 255 is refused", _BYTES, "BYTES - 1", "BYTES - 2"),
    edit("B-1", "a last byte below 0 is taken", _BYTES, "size, 0", "size, -1"),
    edit("B-1", "the root may have a parent", _ROOT, "book->parents[0] == 0 && ", ""),
    edit("B-1", "the root may have a last byte", _ROOT, " && book->last_bytes[0] == 0", ""),
    edit("B-2", "a node may be anywhere after its parent", _PLACE, _PLACE, ""),
    edit(
        "B-2",
        "a node may come before its parent",
        _EARLIER,
        "book->parents[i] < i && ",
        "",
        "The walk from i - 1 to the root does not meet a later node, so it is refused all the same.",
    ),
    edit("B-2", "a node must follow its parent, or its parent's child", _ABOVE, "while", "if"),
    edit("B-2", "the same byte may come twice", _RISING, "<", "<="),
    edit(
        "B-2",
        "bytes may fall",
        _RISING,
        "return before == 0 || book->last_bytes[before] < book->last_bytes[i];",
        "return true;",
    ),
    edit("B-2", "only the root's bytes must rise", _RISING, "before == 0", "before == 0 || parent != 0"),
    edit("B-3", "the root may have fewer children", _CHILDREN, _CHILDREN, ""),
    edit("B-12", "a trie may have any number of nodes", _NODES, _NODES, "", _MANY),
    edit("B-12", "a trie of 2^22 nodes is refused", _NODES, "<=", "<", _MANY),
    edit("B-12", "a trie of 2^22 + 1 nodes is taken", _NODES, "<= NODES_LIMIT", "<= NODES_LIMIT + 1", _MANY),
]

_COMPILED = [
    edit("B-4", "codebooks of 8 bits are compiled", _BITS, "BITS_LOW", "BITS_LOW - 1"),
    edit("B-4", "codebooks of 9 bits are not compiled", _BITS, "BITS_LOW", "BITS_LOW + 1"),
    edit("B-4", "codebooks of 17 bits are compiled", _BITS, "CODEBOOK_HIGH", "CODEBOOK_HIGH + 1"),
    edit("B-4", "codebooks of 16 bits are not compiled", _BITS, "CODEBOOK_HIGH", "CODEBOOK_HIGH - 1"),
    edit(
        "C-7",
        "the size is looked at before the model, to compile",
        _COMPILE_MODEL,
        "struct session",
        f"{_BITS.replace('unsigned bits = ', '')}\n    struct session",
    ),
    edit("B-4", "the model has seen a byte too many", _SEEN, "child.depth - 1", "child.depth"),
    edit("B-4", "the model sees the last byte only", _SEEN, "child.depth - 1", "0"),
    edit("B-4", "a string has one point too many", _NUMBERED, "end - start - 1", "end - start"),
    edit(
        "B-4",
        "compiled strings have 255 bytes at most",
        "if (wide_is_zero(node->below))\n        return count;",
        "wide_is_zero(node->below)",
        "wide_is_zero(node->below) || node->depth >= 255",
    ),
    edit(
        "B-4",
        "compiled strings have 4,096 bytes at most",
        "if (wide_is_zero(node->below))\n        return count;",
        "wide_is_zero(node->below)",
        "wide_is_zero(node->below) || node->depth >= 4096",
    ),
    edit(
        "B-4",
        "compiled strings have 10,000 bytes at most",
        "if (wide_is_zero(node->below))\n        return count;",
        "wide_is_zero(node->below)",
        "wide_is_zero(node->below) || node->depth >= 10000",
    ),
]

_READING = [
    edit(
        "B-10",
        "the nodes are counted, not the strings",
        "count += book->members[i];",
        "count += book->members[i];",
        "count++;",
    ),
    edit("B-10", "members may all be 1", _ALL, _ALL, ""),
    edit("B-10", "members may be 2", _MEMBERS, "0, 1", "0, 2"),
    edit("B-10", "members may be -1", _MEMBERS, "0, 1", "-1, 1"),
    edit("B-10", "the empty string may be no member", _NEEDED, "book", "i > 0 && book"),
    edit("B-10", "bytes may be no members", _NEEDED, "book->parents[i]", "i"),
    edit("B-10", "nodes without children may be no members", _NEEDED, " || last_child[i] == 0", ""),
    edit("B-11", "a cost is wanted for each node", _COSTS, "count", "size"),
    edit("B-11", "costs have 17 bits", _COSTS, "COST_LIMIT", "2 * COST_LIMIT"),
    edit("B-11", "a cost of 65536 is taken", _COSTS, "COST_LIMIT", "COST_LIMIT + 1"),
    edit("B-11", "costs may be below 0", _COSTS, "0, COST", "-COST_LIMIT, COST"),
    edit("B-11", "the largest cost is refused", _COSTS, "COST_LIMIT", "COST_LIMIT - 1"),
    drop("B-11", "the empty string may cost something", _FREE),
    edit("B-12", "strings may have any size", _LIMITED, _LIMITED, "bool limited = false;"),
    edit("B-12", "the size of strings is limited where nothing else is", _LIMITED, _LIMITED, "bool limited = true;"),
    edit("B-12", "the size of strings is limited with members only", _LIMITED, " || book->costs != NULL", ""),
    edit("B-12", "the size of strings is limited with costs only", _LIMITED, "book->members != NULL || ", ""),
    edit("B-12", "strings of 255 bytes are refused", "depths[i] <= STRING_LIMIT", "<=", "<"),
    edit("B-12", "strings of 256 bytes are taken", "depths[i] <= STRING_LIMIT", "STRING_LIMIT", "STRING_LIMIT + 1"),
]

_PARSING = [
    edit("B-5", "the last id of a text is dropped", _LONGEST, "at < size", "at < size - (at > 0)"),
    edit(
        "B-5",
        "a child is looked for among the bytes below 255",
        _CHILD,
        "book->last_bytes[child] < byte",
        "book->last_bytes[child] < byte && byte < 255",
    ),
    edit(
        "B-5",
        "the first child is never found",
        "int32_t child = parent + 1 < book->size && book->parents[parent + 1] == parent ? parent + 1 : 0;",
        "parent + 1 < book->size",
        "parent + 2 < book->size",
    ),
    edit("B-5", "strings have 255 bytes at most", _WALK, "i < size", "i < size && i < 255"),
    edit("B-5", "strings have 254 bytes at most", _WALK, "i < size", "i < size && i < 254"),
    edit("B-5", "strings have 10,000 bytes at most", _WALK, "i < size", "i < size && i < 10000"),
    edit("B-5", "the last byte of a text is not walked along", _WALK, "i < size", "i < size - (i > 0)"),
    edit("B-6", "an id of 2^b is taken", _CODE_ID, "book->bits", "book->bits + 1"),
    edit("B-6", "ids have 15 bits", "int32_t first = book->nodes[id];", "[id]", "[id & 32767]"),
    edit(
        "B-6",
        "a string's first byte is left out where it has 256 and more",
        "for (int32_t node = first; node != 0; node = book->parents[node])\n        depth++;",
        "node != 0",
        "node != 0 && depth < 255",
    ),
    edit(
        "B-6",
        "strings have 10,000 bytes at most, to decode",
        "for (int32_t node = first; node != 0; node = book->parents[node])\n        depth++;",
        "node != 0",
        "node != 0 && depth < 10000",
    ),
    edit("B-10", "ids are the numbers of nodes", _IDS, "? id", "? i"),
    edit("B-10", "nodes that are no members count too", _IDS, "member ? id : -1", "id"),
    edit("B-10", "a decoder takes ids for nodes", "int32_t first = book->nodes[id];", "book->nodes[id]", "(int32_t)id"),
    edit("B-10", "after a dead end the text goes on where the walk ended", _FOUND, "if (", "if (longest = i + 1, "),
    edit("B-13", "costs are not looked at", _GREEDY, "book->costs == NULL", "book != NULL"),
    edit("B-13", "a tie is won by the shortest string", _WAY, "<= best", "< best"),
    edit("B-13", "costs are those of the ids before", _BEST, "costs[id]", "costs[id - 1]"),
    edit("B-13", "what follows a string costs nothing", _WAY, "ways[i + 1].cost", "0"),
    edit("B-13", "sums have 16 bits", _BEST, "[id],", "[id] & 0xffff,"),
    edit("B-13", "sums have 24 bits", _BEST, "[id],", "[id] & 0xffffff,"),
    edit("B-13", "sums have 31 bits", _BEST, "[id],", "[id] & 0x7fffffff,"),
    edit("B-13", "sums have 32 bits", _BEST, "[id],", "[id] & 0xffffffff,"),
    edit(
        "B-13", "sums have 32 bits and a sign", _WAY, "ways[i + 1].cost", "(uint64_t)(int64_t)(int32_t)ways[i + 1].cost"
    ),
    edit(
        "B-13",
        "sums are floats",
        _BEST,
        "ways[i + 1].cost + (uint64_t)book->costs[id]",
        "(uint64_t)(float)(ways[i + 1].cost + (uint64_t)book->costs[id])",
    ),
    edit("B-13", "strings of 255 bytes are not looked at", _WAY, "id >= 0", "id >= 0 && i < 254"),
    edit("B-13", "strings of 128 bytes and more are not looked at", _WAY, "id >= 0", "id >= 0 && i < 127"),
]

_FINGERPRINTS = [
    edit("B-8", "bits are a string", _HASHED_BITS, "%u}", '\\"%u\\"}'),
    edit("B-8", "costs are not in the fingerprint", _HASHED_COSTS, _HASHED_COSTS, ""),
    edit("B-8", "members are not in the fingerprint", _HASHED_MEMBERS, _HASHED_MEMBERS, ""),
    edit("B-8", "there are as many costs as nodes in the fingerprint", _HASHED_COSTS, "count", "size"),
    edit("B-8", "members have two bytes in the fingerprint", _HASHED_MEMBERS, "1)", "2)"),
    Mutant(
        "costs come after the last bytes",
        "B-8",
        f"{_HASHED_COSTS}\n    {_HASHED_BYTES}",
        f"{_HASHED_BYTES}\n    {_HASHED_COSTS}",
    ),
    edit("B-8", "parents have two bytes always", _WIDTH, _WIDTH, "2"),
    edit(
        "B-8",
        "parents have four bytes wherever there are members",
        _WIDTH,
        "book->size <= 1 << 16",
        "book->members == NULL",
    ),
    edit("B-8", "parents of 65,536 nodes have four bytes", _WIDTH, "<=", "<"),
    edit(
        "B-8",
        "parents are big-endian",
        "bytes_push(work, message, (uint8_t)(numbers[i] >> (8 * byte)));",
        "8 * byte",
        "8 * (size - 1 - byte)",
    ),
    edit("B-8", "numbers of one byte have an order", "size == 1 ? '|' : '<'", "size == 1 ? '|' : '<'", "'<'"),
]

MUTANTS = [*_TRIE, *_COMPILED, *_READING, *_PARSING, *_FINGERPRINTS]
