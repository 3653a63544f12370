import functools
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src import compilation_cache

from ecjax import compilation, programs
from ecjax.caching import Folder
from ecjax.coding.published import Published
from ecjax.coding.windows import Preorder
from ecjax.models.unigram import Unigram
from ecjax.tokenizers import arithmetic
from tests.strategies import Markov, make_table

ROOT = Path(__file__).parents[1]
GOLDEN = json.loads((ROOT / "tests/golden/digests.json").read_text())
TEXT = b"the quick brown fox jumps over the lazy dog"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache for this process, which knows no program yet and in which nobody edits the sources."""
    monkeypatch.setattr(programs, "_sources", lambda: "these")
    settings = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: compilation.setting(name) for name in settings}
    jax.config.update("jax_compilation_cache_dir", None)  # which `make check` sets
    compilation_cache.reset_cache()
    forget()
    assert compilation.cache(tmp_path) is not None
    yield tmp_path
    compilation._State.folder = None
    compilation_cache.reset_cache()
    for name, value in before.items():
        jax.config.update(name, value)
    forget()


def forget() -> None:
    """As if this process had just begun."""
    for function in (arithmetic._encode, arithmetic._decode):
        function._programs.clear()
    jax.clear_caches()


def opened() -> Folder:
    found = compilation.folder()
    assert found is not None
    return found


def kept(folder: Path, name: str) -> list[Path]:
    return sorted(folder.rglob(f"{name}-*.kept"))


def model(text: bytes = TEXT) -> Unigram:
    return Unigram.fit(text)


def encoded(text: bytes = TEXT) -> bytes:
    (code,) = arithmetic.encode_blocks(model(), [text])
    return code


def decoded() -> bytes:
    (text,) = arithmetic.decode_blocks(model(), [bytes(range(20))], [20])
    return text


def test_a_kept_program_is_not_traced_again(folder, monkeypatch):
    expected = encoded()
    (path,) = kept(folder, "encode")
    before = path.read_bytes()
    forget()

    @functools.wraps(arithmetic._encode)
    def traced(*_: object) -> None:
        raise AssertionError("it was traced again")

    monkeypatch.setattr(arithmetic._encode, "_function", traced)
    monkeypatch.setattr(arithmetic._encode, "_jitted", traced)
    assert encoded() == expected and path.read_bytes() == before
    with pytest.raises(AssertionError, match="traced again"):
        encoded(TEXT * 1000)  # of another shape


def test_it_gives_what_it_gives_without_a_cache(folder):
    cached = [encoded(), decoded()]
    assert kept(folder, "encode") and kept(folder, "decode")
    compilation._State.folder = None
    forget()
    assert cached == [encoded(), decoded()]


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:99] + b"\0" + b[100:], lambda b: b""])
def test_a_damaged_program_is_compiled_anew(folder, damage):
    expected = encoded()
    (path,) = kept(folder, "encode")
    path.write_bytes(damage(path.read_bytes()))
    forget()
    assert encoded() == expected and opened().get(path.stem) is not None


@pytest.mark.parametrize("contents", [b"", b"no pickle", pickle.dumps((b"no code", (0,))), pickle.dumps(5)])
def test_what_cannot_be_loaded_is_compiled_anew(folder, contents):
    expected = encoded()
    (path,) = kept(folder, "encode")
    opened().put(path.stem, contents)
    forget()
    assert encoded() == expected
    assert opened().get(path.stem) not in (None, contents)


def test_code_that_was_loaded_is_not_kept_again(folder):
    """It can be run, but once it has been written and read again it lacks what it calls."""
    expected = encoded()
    for path in kept(folder, "encode"):  # which leaves what JAX's own cache has
        path.unlink()
    for _ in range(2):  # it is compiled and kept, then loaded
        forget()
        assert encoded() == expected
    assert kept(folder, "encode")


class Renamed(Markov):
    """A user's own model."""


def markov(kind: type[Markov] = Markov, precision: int = 16) -> Markov:
    return kind(jnp.asarray(np.tile(make_table("random", precision, np.random.default_rng(0)), (257, 1))), precision)


def test_a_users_own_model_goes_as_it_did(folder):
    for kind in (Markov, Renamed):
        codes = arithmetic.encode_blocks(markov(kind), [TEXT])
        assert arithmetic.decode_blocks(markov(kind), codes, [len(TEXT)]) == [TEXT]
    assert not kept(folder, "encode") and not kept(folder, "decode")


def test_within_a_trace_it_goes_as_it_did(folder):
    args = (model(), jnp.zeros((1, 8), jnp.uint8), jnp.array([8], jnp.int32))
    expected = arithmetic._encode(*args)
    (path,) = kept(folder, "encode")
    path.unlink()
    forget()
    assert eqx.tree_equal(eqx.filter_jit(arithmetic._encode)(*args), expected)
    with jax.disable_jit():
        assert eqx.tree_equal(arithmetic._encode(*args), expected)
    assert not kept(folder, "encode")


def test_a_program_of_another_meaning_has_another_name(folder, monkeypatch):
    book, other = model(), Preorder(18)
    texts, lengths = jnp.zeros((1, 8), jnp.uint8), jnp.zeros(1, jnp.int32)

    def name(function: Any = arithmetic._encode, args: Any = (book, texts, lengths)):
        return function._name(args, [leaf for leaf in jax.tree.leaves(args) if eqx.is_array(leaf)])

    assert name() == name() == name(args=(book, texts + 1, lengths)) and name() is not None
    names = [
        name(),
        name(function=arithmetic._decode),
        name(args=(other, texts, lengths)),
        name(args=(book, jnp.zeros((2, 8), jnp.uint8), lengths)),
        name(args=(book, texts.astype(jnp.int8), lengths)),
        name(args=(book, texts, 1)),
        name(args=(book, texts, True)),
        name(args=(book, texts, "1")),
        name(args=(book, texts, None)),
        name(args=(book, texts, jnp.asarray(1))),  # weakly typed
        name(args=(book, texts, jnp.asarray(np.int32(1)))),
        name(args=(book, [texts, lengths])),
        name(args=(book, (texts, lengths))),
        *(name(args=(code, texts)) for code in (Preorder(16), Preorder(17), Published(16), Published(16, True))),
    ]
    with jax.enable_x64(True):
        names.append(name())
    with jax.default_matmul_precision("float32"):
        names.append(name())
    monkeypatch.setattr(programs, "_sources", lambda: "others")
    names.append(name())
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    names.append(name())
    assert None not in names and len(set(names)) == len(names)
    for value in (Markov, np.zeros(3), {"a": 1}, object(), lambda: 0):
        assert name(args=(book, texts, value)) is None
    monkeypatch.setattr(programs, "_sources", lambda: None)
    assert name() is None


def test_a_function_has_the_name_that_it_is_found_by(folder):
    again = programs.jit(arithmetic._encode._function)  # which could be another of that name
    again(model(), jnp.zeros((1, 8), jnp.uint8), jnp.zeros(1, jnp.int32))
    assert not kept(folder, "encode")


def test_sources_are_told_apart_and_must_be_older_than_the_process(tmp_path, monkeypatch):
    sources = programs._sources.__wrapped__
    monkeypatch.setattr(programs, "__file__", str(tmp_path / "programs.py"))
    found = set()
    for name, text in (("a.py", "x = 1"), ("a.py", "x = 2"), ("b/a.py", "x = 1"), ("b.py", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (0, 0))
        assert sources() is None  # it changed after this process began, whatever it says itself
        with monkeypatch.context() as later:
            later.setattr(programs, "_IMPORTED", (tmp_path / name).stat().st_ctime_ns)
            found.add(sources())
    assert len(found) == 4 and None not in found


def digests(cache: Path, names: list[str]) -> dict[str, str]:
    code = f"from ecjax import compilation; assert compilation.cache({str(cache)!r})\n"
    code += "import runpy; runpy.run_module('tests.golden.digests', run_name='__main__')"
    # Without another cache; in the deep run with optimised code, as users have it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "TF_CPP_"))}
    run = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [["windows-16", "tables-short"], pytest.param(list(GOLDEN), marks=pytest.mark.deep)], ids=["few", "all"]
)
def test_with_a_cache_every_digest_is_the_golden_one(names, tmp_path):
    for _ in range(2):  # without anything kept, then with all of it
        assert digests(tmp_path, names) == {name: GOLDEN[name] for name in names}
    assert kept(tmp_path, "walk")
