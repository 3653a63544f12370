"""Names of a package that are imported when they are first used, so that importing the package costs nothing."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

IMPORTED = time.time_ns()
"""When the import of this package began: a source that changed later is perhaps not what was imported."""


def attach(
    package: str, names: Mapping[str, Sequence[str]], modules: Collection[str] = (), extra: str | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions `__getattr__` and `__dir__` of a package (PEP 562).

    Args:
      package: Its name.
      names: For each of its modules, as in `from .module import name`, the names that come from it.
      modules: Those of its modules that are names of the package themselves.
      extra: What of the project's optional dependencies the names may need. If a package is missing, the error that is
        raised says how to install it.
    """
    module_of = {name: module for module, group in names.items() for name in group}

    def get(name: str) -> Any:
        if name in module_of:
            try:
                module = importlib.import_module(module_of[name], package)
            except ModuleNotFoundError as error:
                if extra is None or not error.name or error.name.startswith("ecjax"):
                    raise
                raise ImportError(f"{package}.{name} needs {error.name}: pip install 'ecjax[{extra}]'") from error
            return getattr(module, name)
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names_of_package() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of, *modules})

    return get, names_of_package
