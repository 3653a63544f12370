"""Puts the playground together: its own files, the port in JavaScript, and the shipped model and codebooks.

    python docs/playground/assemble.py OUT

needs nothing but Python. OUT is then a static site of its own: every server of files can serve it.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PORT = ROOT / "specs/ports/javascript"
ASSETS = ROOT / "src/ecjax/assets"
PAGE = (".html", ".css", ".mjs", ".svg")
_KINDS = {"ecjax.codebook": "codebook", "ecjax.integer_transformer": "model"}


def described(path: Path) -> dict[str, str | int]:
    """What the page has to know of a shipped file before it loads it: `name`, `kind`, `bits`, `fingerprint`, `size`."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    return {
        "name": path.stem,
        "kind": _KINDS[metadata["kind"]],
        "bits": json.loads(metadata["settings"]).get("bits", 0),
        "fingerprint": metadata["fingerprint"],
        "size": len(data),
    }


def assemble(out: Path) -> None:
    """Writes the whole playground into a folder. Files of the same names are replaced, others stay."""
    shipped = sorted(ASSETS.glob("*.safetensors"))
    for folder, files in {
        out: [path for path in sorted(HERE.iterdir()) if path.suffix in PAGE],
        out / "port": [PORT / "ecjax.mjs", PORT / "sha256.mjs"],
        out / "assets": shipped,
    }.items():
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copyfile(path, folder / path.name)
    index = [described(path) for path in shipped]
    (out / "assets/index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/playground/assemble.py OUT, where OUT is the folder to write")
    assemble(Path(sys.argv[1]))
