"""Deliberate faults in how the port in C reads codebooks and parses by them: what to replace in its source by what."""

_SIZE = 'require(work, count >= 1 << BITS_LOW && count <= 1 << CODEBOOK_HIGH && count == 1 << book->bits, "codebook");'
_ALL = 'require(work, count < size, "codebook");'
_MEMBERS = 'book->members = read_runs(work, members, size, 0, 1, "codebook");'
_NEEDED = "bool needed = book->parents[i] == 0 || last_child[i] == 0;"
_IDS = "book->ids[i] = member ? id : -1;"
_COSTS = 'book->costs = read_runs(work, costs, book->count, 0, COST_LIMIT, "codebook");'
_FREE = 'require(work, book->costs[0] == 0, "codebook");'
_LIMITED = "bool limited = book->members != NULL || book->costs != NULL;"
_LONGEST = "for (size_t at = 0; at < size; count++)"
_FOUND = "if (book->ids[node] >= 0) {"
_GREEDY = "if (book->costs == NULL) {"
_WAY = "if (id >= 0 && ways[i + 1].cost + (uint64_t)book->costs[id] <= best.cost)"
_BEST = "best = (struct way){ways[i + 1].cost + (uint64_t)book->costs[id], i + 1, (uint32_t)id};"
_HASHED_COSTS = 'add_list(work, &message, "costs", book->costs, book->count, 2);'
_HASHED_BYTES = 'add_list(work, &message, "last_bytes", book->last_bytes, book->size, 1);'
_HASHED_MEMBERS = 'add_list(work, &message, "members", book->members, book->size, 1);'
_WIDTH = "book->size <= 1 << 16 ? 2 : 4"

_READING = [
    ("any number of strings is taken", _SIZE, ""),
    ("the nodes are counted, not the strings", "count += book->members[i];", "count++;"),
    ("members may all be 1", _ALL, ""),
    ("members may be 2", _MEMBERS, _MEMBERS.replace("0, 1", "0, 2")),
    ("members may be -1", _MEMBERS, _MEMBERS.replace("0, 1", "-1, 1")),
    ("the empty string may be no member", _NEEDED, _NEEDED.replace("book", "i > 0 && book", 1)),
    ("bytes may be no members", _NEEDED, _NEEDED.replace("book->parents[i]", "i")),
    ("nodes without children may be no members", _NEEDED, _NEEDED.replace("|| last_child[i] == 0", "")),
    ("a cost is wanted for each node", _COSTS, _COSTS.replace("count", "size")),
    ("costs have 17 bits", _COSTS, _COSTS.replace("COST_LIMIT", "2 * COST_LIMIT")),
    ("costs may be below 0", _COSTS, _COSTS.replace("0, COST", "-COST_LIMIT, COST")),
    ("the largest cost is refused", _COSTS, _COSTS.replace("COST_LIMIT", "COST_LIMIT - 1")),
    ("the empty string may cost something", _FREE, ""),
    ("strings may have any size", _LIMITED, "bool limited = false;"),
    ("the size of strings is limited where nothing else is", _LIMITED, "bool limited = true;"),
    ("the size of strings is limited with members only", _LIMITED, _LIMITED.replace(" || book->costs != NULL", "")),
    ("the size of strings is limited with costs only", _LIMITED, _LIMITED.replace("book->members != NULL || ", "")),
    ("strings of 255 bytes are refused", "depths[i] <= STRING_LIMIT", "depths[i] < STRING_LIMIT"),
    ("strings of 256 bytes are taken", "depths[i] <= STRING_LIMIT", "depths[i] <= STRING_LIMIT + 1"),
]

_PARSING = [
    ("the last id of a text is dropped", _LONGEST, _LONGEST.replace("at < size", "at < size - (at > 0)")),
    ("ids are the numbers of nodes", _IDS, _IDS.replace("? id", "? i")),
    ("nodes that are no members count too", _IDS, "book->ids[i] = id;"),
    ("a decoder takes ids for nodes", "int32_t first = book->nodes[id];", "int32_t first = (int32_t)id;"),
    ("after a dead end the text goes on where the walk ended", _FOUND, f"if (longest = i + 1, {_FOUND[4:]}"),
    ("costs are not looked at", _GREEDY, "if (book != NULL) {"),
    ("a tie is won by the shortest string", _WAY, _WAY.replace("<= best", "< best")),
    ("costs are those of the ids before", _BEST, _BEST.replace("costs[id]", "costs[id - 1]")),
    ("what follows a string costs nothing", _WAY, _WAY.replace("ways[i + 1].cost", "0")),
    ("sums have 16 bits", _BEST, _BEST.replace("[id],", "[id] & 0xffff,")),
    ("sums have 24 bits", _BEST, _BEST.replace("[id],", "[id] & 0xffffff,")),
    ("strings of 255 bytes are not looked at", _WAY, _WAY.replace("id >= 0", "id >= 0 && i < 254")),
]

_FINGERPRINTS = [
    ("costs are not in the fingerprint", _HASHED_COSTS, ""),
    ("members are not in the fingerprint", _HASHED_MEMBERS, ""),
    ("there are as many costs as nodes in the fingerprint", _HASHED_COSTS, _HASHED_COSTS.replace("count", "size")),
    ("members have two bytes in the fingerprint", _HASHED_MEMBERS, _HASHED_MEMBERS.replace("1)", "2)")),
    (
        "costs come after the last bytes",
        f"{_HASHED_COSTS}\n    {_HASHED_BYTES}",
        f"{_HASHED_BYTES}\n    {_HASHED_COSTS}",
    ),
    ("parents have two bytes always", _WIDTH, "2"),
    ("parents have four bytes wherever there are members", _WIDTH, "book->members == NULL ? 2 : 4"),
]

CODEBOOK_FAULTS = [*_READING, *_PARSING, *_FINGERPRINTS]
