"""The playground, which is put together from docs/playground, the JavaScript port and the shipped codebooks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent.parent


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Puts its files in the place of those of docs/playground, which are only parts of it."""
    for part in [file for file in files if file.src_uri.startswith("playground/")]:
        files.remove(part)
    spec = importlib.util.spec_from_file_location("assemble", ROOT / "docs/playground/assemble.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = ROOT / "build/playground"
    module.assemble(folder)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            place = path.relative_to(folder.parent).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files
