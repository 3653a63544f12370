"""Packages whose names are imported when they are first used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

CODE = """
import sys, ecjax
assert "jax" not in sys.modules
assert set(dir(ecjax)) >= {*ecjax.__all__, "container", "compilation", "__name__"}
assert "jax" not in sys.modules
assert issubclass(ecjax.container.Refused, ValueError) and callable(ecjax.compilation.cache)
assert "jax" not in sys.modules
import ecjax.models.unigram
assert ecjax.Unigram is ecjax.models.unigram.Unigram and "models" in dir(ecjax)
"""


def test_modules_are_names_of_the_package() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True)


@pytest.mark.parametrize("package", ["ecjax", "ecjax.container", "ecjax.training"])
def test_all_names_are_there(package: str) -> None:
    module = importlib.import_module(package)
    everything: dict[str, object] = {}
    exec(f"from {package} import *", everything)
    assert everything.keys() - {"__builtins__"} == set(module.__all__)
    assert all(everything[name] is getattr(module, name) for name in module.__all__)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018
