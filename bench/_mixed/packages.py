"""Packages of three registries: fetched by their ordinary clients, read without being installed."""

from __future__ import annotations

import email
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from bench._mixed.sources import Source

_LARGEST = 8_000_000
_NESTED = re.compile(r"usr/src/[^/]+/[^/]+\.tar\.xz$|/openjdk-\d+/(lib/)?src\.zip$")
"""Where Debian packages of sources have them."""

Wanted = Callable[[str], bool]
"""Says by its path whether a file is to be read."""


def fetch(source: Source, folder: Path) -> Path:
    """The package's file below `folder`, downloaded if it is not there yet.

    Raises ValueError, with the client's last words, if it gives none or is not there.
    """
    folder = folder / source.registry
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command, pattern = {
        "debian": (["apt-get", "download", source.package], f"{source.name}_*.deb"),
        "npm": (
            ["npm", "pack", "--silent", source.package],
            f"{source.name.removeprefix('@').replace('/', '-')}-[0-9]*.tgz",
        ),
        # Of the packages that are made for one Python, that for a current one.
        "pypi": (
            [*pip, "--quiet", "--python-version", "3.13", source.package],
            f"{source.name.replace('-', '_')}-[0-9]*.whl",
        ),
    }[source.registry]
    if not any(folder.glob(pattern)):
        if shutil.which(command[0]) is None:
            raise ValueError(f"there is no {command[0]}, which fetches packages of {source.registry}; install it")
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if not any(folder.glob(pattern)):
            words = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise ValueError(f"`{' '.join(command)}` gave no {pattern}: {words[-1]}")
    return min(folder.glob(pattern))


def version(package: Path) -> str:
    """The package's version, as its file's name has it."""
    if package.suffix == ".tgz":
        return re.split(r"-(?=\d)", package.name.removesuffix(".tgz"), maxsplit=1)[1]
    return package.name.split("_" if package.suffix == ".deb" else "-")[1].replace("%3a", ":")


def members(package: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of the wanted files in a package, and in archives that a Debian package holds."""
    if package.suffix == ".whl":
        yield from _zip_members(zipfile.ZipFile(package), wanted)
    elif package.suffix == ".tgz":
        with tarfile.open(package) as archive:
            yield from _tar_members(archive, wanted)
    else:
        command = ["dpkg-deb", "--fsys-tarfile", package]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as process,
            tarfile.open(fileobj=process.stdout, mode="r|") as archive,
        ):
            yield from _tar_members(archive, wanted, nested=True)


def licence(package: Path) -> str:
    """What the package says of its licence, in a few words."""
    if package.suffix == ".tgz":
        content = next(
            (c for p, c in members(package, lambda p: p.count("/") == 1 and p.endswith("package.json"))), b""
        )
        return str(json.loads(content or "{}").get("license", "not stated"))
    if package.suffix == ".whl":
        fields = email.message_from_bytes(next(c for _, c in members(package, lambda p: p.endswith("-info/METADATA"))))
        classified = [c.split(" :: ")[-1] for c in fields.get_all("Classifier", []) if c.startswith("License ::")]
        stated = (fields["License-Expression"] or fields["License"] or "").strip().splitlines()
        return stated[0] if stated and len(stated[0]) < 60 else ", ".join(classified) or "not stated"
    text = b"".join(c for p, c in members(package, lambda p: re.search(r"share/doc/[^/]+/copyright$", p) is not None))
    names = re.findall(r"^License: *(\S.{,40})$", text.decode("utf-8", "replace"), re.MULTILINE)
    names = names or re.findall(r"common-licenses/([\w.-]*\w)", text.decode("utf-8", "replace"))
    return ", ".join(name for name, _ in Counter(names).most_common(3)) or "see its copyright file"


def _zip_members(archive: zipfile.ZipFile, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    for entry in archive.infolist():
        if wanted(entry.filename) and 0 < entry.file_size < _LARGEST:
            yield _unpacked(entry.filename, archive.read(entry))


def _tar_members(archive: tarfile.TarFile, wanted: Wanted, nested: bool = False) -> Iterator[tuple[str, bytes]]:
    for entry in archive:
        if not entry.isfile():
            continue
        file = archive.extractfile(entry)
        assert file is not None
        if nested and _NESTED.search(entry.name):
            content = io.BytesIO(file.read())
            if entry.name.endswith("zip"):
                yield from _zip_members(zipfile.ZipFile(content), wanted)
            else:
                with tarfile.open(fileobj=content) as inner:
                    yield from _tar_members(inner, wanted)
        elif wanted(entry.name) and 0 < entry.size < _LARGEST:
            yield _unpacked(entry.name, file.read())


def _unpacked(path: str, content: bytes) -> tuple[str, bytes]:
    return (path.removesuffix(".gz"), gzip.decompress(content)) if path.endswith(".gz") else (path, content)
