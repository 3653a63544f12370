"""The test run's settings: how many examples a property gets, which tests wait for the deep run, how XLA compiles.

HYPOTHESIS_PROFILE picks the profile. `fast` and `default` draw the same examples every time, so that a run says
something about the change and not about luck; `deep` draws new ones. The annotations of the package are checked at run
time by jaxtyping and beartype, which pyproject.toml switches on (`--jaxtyping-packages`).

Most of the time would go into compiling functions that run once. So `fast` and `default` have XLA optimise little,
which halves it; golden/test_digests.py and `deep` run the code as users have it, and so does any run with an XLA_FLAGS
of its own, be it empty.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("fast", max_examples=10, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("default", max_examples=25, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("deep", max_examples=1000, deadline=None, derandomize=False, print_blob=True)

PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or "default"
PROFILES = ("fast", "default", "deep")
if PROFILE != "deep":  # before JAX starts, which reads it once
    quick_to_compile = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    os.environ.setdefault("XLA_FLAGS", quick_to_compile)

# Commands keep compiled code in the user's cache; those of a test run leave that alone and begin without any. What this
# process and its own compile is in one folder, empty at the run's beginning and gone at its end, which worker processes
# and all that tests start inherit. The size limit makes them lock JAX's. In a deep run each process compiles by itself.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _KEPT = tempfile.TemporaryDirectory(prefix="ecjax-cache-", ignore_cleanup_errors=True)
    os.environ["XDG_CACHE_HOME"] = os.path.join(_KEPT.name, "user")
    os.environ["NUMBA_CACHE_DIR"] = os.path.join(_KEPT.name, "numba")
    if PROFILE != "deep" and "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # which `make check` sets
        os.environ["JAX_COMPILATION_CACHE_DIR"] = os.path.join(_KEPT.name, "jax")
        os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] = str(1 << 30)
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

_MANY_MAPPINGS = 30_000  # of 65,530 that Linux gives a process; each compiled program takes several


@pytest.fixture(autouse=True, scope="module")
def room_for_programs() -> Iterator[None]:
    """Forgets compiled programs before there are so many that the system has no room for another."""
    yield
    if "jax" in sys.modules and os.path.exists("/proc/self/maps"):
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            mappings = sum(1 for _ in maps)
        if mappings > _MANY_MAPPINGS:
            sys.modules["jax"].clear_caches()
            gc.collect()


def pytest_configure(config: pytest.Config) -> None:
    if PROFILE not in PROFILES:
        raise pytest.UsageError(f"HYPOTHESIS_PROFILE is {PROFILE!r}; it must be one of {', '.join(PROFILES)}")
    settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE != "deep":
        skip = pytest.mark.skip(reason="runs only under HYPOTHESIS_PROFILE=deep (make test-deep)")
        for item in items:
            if "deep" in item.keywords:
                item.add_marker(skip)
