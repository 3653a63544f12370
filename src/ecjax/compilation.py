"""Compiled code that is kept from one process to the next.

Compiling a model takes seconds, and so a short command would spend nearly all its time. After

    ecjax.compilation.cache()

what JAX compiles is kept in the user's cache folder: for every jitted function, the user's own too, through JAX's own
persistent compilation cache; and for those of this package that code whole texts, in a form that needs no tracing
either (`ecjax.programs`). Results are the same, bit for bit: it is the same code.

Code is only good for the processor that it was compiled for, and a home folder may be shared by machines. JAX finds
code by the program, the settings and the versions; that the processor's instructions are among them is nowhere said. So
they are part of the folder's name here (`machine`).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from ecjax.caching import Folder, private_folder

__all__ = ["cache"]

LIMIT = 256 << 20
"""Bytes of compiled code that are kept, for all machines together."""

_CPUINFO = Path("/proc/cpuinfo")
_CPU_FACTS = (  # lines of it, on x86 and Arm, that say what a processor is
    *("vendor_id", "cpu family", "model", "model name", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
)


def cache(folder: str | Path | None = None) -> Path | None:
    """Keeps compiled code in a folder from now on, and uses what was kept there before.

    Call it before JAX has compiled anything. It changes nothing if JAX has a compilation cache of yours already
    (JAX_COMPILATION_CACHE_DIR), or was told to have none (JAX_ENABLE_COMPILATION_CACHE=false).

    The folder never grows above `LIMIT`, and you may remove it at any time. Kept code runs with your rights, so a
    folder that others may write to is not used. If the folder cannot be used, or not be made, that is no error: code is
    compiled again. Short compilations are kept too: JAX's setting `jax_persistent_cache_min_compile_time_secs` becomes
    0.

    Args:
      folder: Where to keep code. By default `ecjax/compiled` in the user's cache folder, which is XDG_CACHE_HOME or
        ~/.cache on Linux, and ~/Library/Caches on macOS.

    Returns:
      The folder below it that has the code for this machine and this JAX; JAX's own folder if it has one; None if no
      code is kept.
    """
    if "jaxlib" not in sys.modules:
        # XLA tells on stderr of tuning preferences that it takes for a processor's missing instructions.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    if own := setting("jax_compilation_cache_dir"):
        return Path(own)
    instructions = machine()
    if not setting("jax_enable_compilation_cache") or instructions is None:
        return None
    root = _default_folder() if folder is None else Path(folder).absolute()
    path = root / f"jax-{jax.__version__}-{instructions}"
    # It is relative where there is no home.
    if not (root.is_absolute() and private_folder(root) and private_folder(path)):
        return None
    return path if _install(Folder(path, root, LIMIT)) else None


def machine() -> str | None:
    """A name for the processor and all that it can do; None where that cannot be told."""
    facts = [platform.machine(), platform.processor()]
    try:
        if sys.platform == "darwin":
            asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
            facts.append(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
        else:
            lines = _CPUINFO.read_text(errors="replace").splitlines()
            facts += sorted({line for line in lines if line.split(":")[0].strip() in _CPU_FACTS})
    except (OSError, subprocess.SubprocessError):
        return None
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def folder() -> Folder | None:
    """Where this process keeps compiled code, if `cache` was called and found a place."""
    if _State.folder is None:
        return None
    from jax._src import compilation_cache

    in_use = isinstance(compilation_cache._cache, _cache_class())
    return _State.folder if in_use else None  # not if JAX was given another cache since


@contextlib.contextmanager
def afresh() -> Iterator[None]:
    """Within it, JAX compiles anew and keeps nothing itself."""
    _State.paused.add(threading.get_ident())
    try:
        yield
    finally:
        _State.paused.discard(threading.get_ident())


def setting(name: str) -> Any:
    """JAX's setting of that name, as it is in this thread."""
    import jax

    return getattr(jax.config, name)


class _State:
    """What `cache` has set up in this process."""

    folder: Folder | None = None
    paused: ClassVar[set[int]] = set()  # threads


def _default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("ecjax", appauthor=False)) / "compiled"


def _install(folder: Folder) -> bool:
    """Has JAX keep its compiled code in a folder. Whether it does.

    Not through its setting jax_compilation_cache_dir: the files that this writes may be left half-written, and then
    draw a warning each time; it never drops one unless told to, and then stumbles over a process that was killed; and
    what was compressed with zstandard has no checksum.
    """
    import jax
    from jax._src import compilation_cache

    try:
        if compilation_cache._cache is None or isinstance(compilation_cache._cache, _cache_class()):
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            compilation_cache._cache = _cache_class()(folder)
            compilation_cache._cache_initialized = True
            _State.folder = folder
            return True
    except (AttributeError, ImportError, TypeError):  # a JAX that does this differently
        pass
    return False


@functools.cache
def _cache_class() -> Any:
    from jax._src.compilation_cache_interface import CacheInterface

    class Cache(CacheInterface):
        """What JAX asks for compiled code. A second `put` takes the place of the first, which was then no good."""

        def __init__(self, folder: Folder) -> None:
            self._folder, self._path = folder, folder.path

        def get(self, key: str) -> bytes | None:  # type: ignore[override]
            return None if threading.get_ident() in _State.paused else self._folder.get(key)

        def put(self, key: str, value: bytes) -> None:
            if threading.get_ident() not in _State.paused:
                self._folder.put(key, value)

    return Cache
