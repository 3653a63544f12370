"""Bits per byte of a byte-level language model from its file, by nothing but numpy: python FILE.safetensors TEXT.

A second opinion on `ecjax evaluate`, in float64 and one position's context at a time; no line is shared with it.
"""

import json
import math
import sys

import numpy as np
from safetensors import safe_open


def read(path):
    with safe_open(path, "np") as file:
        tensors = {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["settings"])


def norm(x, scale):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * scale


def loss(tensors, config, ids):
    """The sum of the losses, in nats, of an example no longer than the context."""
    n, heads = len(ids), config["heads"]
    x = tensors[".embedding"][[config["vocab_size"], *ids[:-1]]]
    for i in range(config["layers"]):
        layer = {name.split("]", 1)[1]: t for name, t in tensors.items() if name.startswith(f".layers[{i}]")}
        h = norm(x, layer[".attention_norm.scale"]) @ layer[".attention.qkv.weight"]
        q, k, v = h.reshape(n, 3, heads, -1).transpose(1, 2, 0, 3)
        mixed = np.zeros_like(q)
        for p in range(n):
            scores = np.einsum("he,hse->hs", q[:, p], k[:, : p + 1]) / math.sqrt(q.shape[-1])
            scores += layer[".attention.bias"][:, p::-1]
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            mixed[:, p] = np.einsum("hs,hse->he", weights / weights.sum(-1, keepdims=True), v[:, : p + 1])
        x = x + mixed.transpose(1, 0, 2).reshape(n, -1) @ layer[".attention.out.weight"]
        h = norm(x, layer[".mlp_norm.scale"])
        hidden = np.maximum(h @ layer[".mlp.gate.weight"], 0) * (h @ layer[".mlp.up.weight"])
        x = x + hidden @ layer[".mlp.down.weight"]
    logits = norm(x, tensors[".norm.scale"]) @ tensors[".unembedding.weight"]
    return float((np.log(np.exp(logits).sum(-1)) - logits[range(n), ids]).sum())


def bits_per_byte(path, text):
    """The file's ids are bytes and one, `vocab_size` 257, as `ecjax.Bytes` has them."""
    tensors, config = read(path)
    ids, context = [byte + 1 for byte in text], config["context"]
    nats = sum(loss(tensors, config, ids[begin : begin + context]) for begin in range(0, len(ids), context))
    return nats / math.log(2) / len(text)


if __name__ == "__main__":
    with open(sys.argv[2], "rb") as file:
        print(bits_per_byte(sys.argv[1], file.read()))
