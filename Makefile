# Every target starts from a bare Python 3.11 to 3.14 with pip and sets up the rest by itself, once, in .venv.
# `make help` lists the targets.

PYTHON ?= python3
# Worker processes of the test run.
JOBS ?= 2
# Releases of JAX for `make test-jax`.
JAX ?= 0.10.0
# Passed on to pytest, to the demo and to the lock's resolver: make check PYTEST_ARGS="-k windows", make lock LOCK_ARGS=--upgrade
PYTEST_ARGS ?=
DEMO_ARGS ?=
LOCK_ARGS ?=

BIN := .venv/bin
PYTEST := $(BIN)/pytest -n $(JOBS)
# What each of `make test-tpu` and `make test-cuda` installs, in an environment of its own beside the locked one: where
# libtpu is installed, JAX looks for TPUs whenever it starts.
EXTRA_tpu := tpu
EXTRA_cuda := cuda-compiler
COMPILE = JAX_PLATFORMS=cpu HYPOTHESIS_PROFILE=deep build/$(1)/bin/python -m \
    $(if $(TABLE),tests.compilers.table,pytest tests/compilers -k "$(1) or page or proved" $(PYTEST_ARGS))
# Compiled functions kept from one `make check` to the next. The other runs compile afresh, so that what must pass before
# a change goes in rests on nothing kept. The size limit also makes the worker processes lock the cache.
KEEP_COMPILED := JAX_COMPILATION_CACHE_DIR="$(CURDIR)/.cache/jax" JAX_COMPILATION_CACHE_MAX_SIZE=1073741824 \
    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0.1

.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-deep test-tpu test-cuda test-jax docs package lint format bench lock clean

help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: .venv/.installed ## Makes .venv with the locked dependencies and this checkout; PYTHON=python3.12 picks the interpreter.

demo: .venv/.installed ## Runs the whole way from text to tokens and back; TEXT=FILE runs it on your own text. Writes build/demo/report.html.
	$(BIN)/ecjax demo $(if $(TEXT),--text "$(TEXT)") --out build/demo --force $(DEMO_ARGS)

check: .venv/.installed ## The fast loop, under 90 seconds once compiled: lint rules, and the tests not marked slow with few examples.
	$(BIN)/ruff check .
	HYPOTHESIS_PROFILE=fast $(KEEP_COMPILED) $(PYTEST) -m "not slow" $(PYTEST_ARGS)

test: lint ## What must pass before a change goes in: lint, types and the whole test suite.
	$(PYTEST) $(PYTEST_ARGS)

test-deep: .venv/.installed ## The whole suite with a thousand fresh examples for each property, and the tests marked deep.
	HYPOTHESIS_PROFILE=deep $(PYTEST) $(PYTEST_ARGS)
	$(MAKE) test-tpu test-cuda PYTEST_ARGS=

test-tpu: build/tpu/.installed ## Compiles every array function with the TPU's own compiler, without a TPU; TABLE=1 writes docs/compilers.md anew.
	$(call COMPILE,tpu)

test-cuda: build/cuda/.installed ## The same with CUDA's, without a GPU.
	$(call COMPILE,cuda)

test-jax: ## The golden digests, and the audit's knowledge of JAX, under other releases: make test-jax JAX="0.10.0 0.10.1" PYTHON=python3.11
	@for version in $(JAX); do \
	    $(PYTHON) -m venv --clear build/jax-$$version && \
	    build/jax-$$version/bin/python -m pip install --disable-pip-version-check --quiet jax==$$version -e . && \
	    build/jax-$$version/bin/python -m tests.golden.digests | diff tests/golden/digests.json - && \
	    build/jax-$$version/bin/python -m tests.exactness.parameters --check && \
	    echo "JAX $$version gives the golden digests, and no parameter that the audit does not know" || exit 1; \
	done

docs: .venv/.installed ## Builds the site into build/site, strictly: a link or an anchor that leads nowhere is an error. Runs the tutorials.
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

package: ## Builds the wheel and the source archive, checks them, and runs the wheel in an environment of its own.
	rm -rf dist build/package
	$(PYTHON) -m venv build/package
	build/package/bin/python -m pip install --disable-pip-version-check --quiet build twine
	build/package/bin/python -m build --outdir dist .
	build/package/bin/twine check --strict dist/*
	$(PYTHON) -m venv --clear build/package
	build/package/bin/python -m pip install --disable-pip-version-check --quiet dist/*.whl
	cd build/package && bin/python -c "import ecjax; b = ecjax.load_codebook('books-16'); assert b.decode(b.encode(b'It was')) == b'It was'" \
	    && printf 'It was the best of times.' > text && bin/ecjax encode --force text && bin/ecjax decode --force text.ecj copy && cmp text copy

lint: .venv/.installed ## Lint rules, format and types; changes nothing.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: .venv/.installed ## Formats the code and mends what the lint rules can mend safely.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: ## Says how to run a measurement and lists them.
	@echo 'Run one:  make setup && $(BIN)/python -m bench NAME --json OUT'
	@echo 'NAME is one of:'
	@for file in bench/[a-z]*.py; do [ -e "$$file" ] && basename "$$file" .py | sed 's/^/  /'; done; true

lock: .venv/.python ## Writes requirements.lock anew from pyproject.toml; LOCK_ARGS=--upgrade takes newer versions.
	$(BIN)/python -m pip install --quiet 'uv>=0.8'
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev --quiet \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(LOCK_ARGS) -o requirements.lock

clean: ## Removes what was built and the caches; .venv stays.
	rm -rf build dist .cache .hypothesis .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

# The stamps: .python when the environment is whole, .installed when what is in it matches the lock.
.venv/.python:
	@command -v $(PYTHON) > /dev/null || { echo 'No $(PYTHON) here. Name one: make PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 14) and \
	    "ecjax needs Python 3.11 to 3.14, and $(PYTHON) is %d.%d. Name another: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.installed: pyproject.toml requirements.lock | .venv/.python
	@# Measured with CPython 3.11 on Linux x86-64 and two cores, from an empty folder.
	@echo 'Setting up .venv: it downloads up to 520 MB, fills 2 GB of disk, and takes 2 to 4 minutes and the download.'
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps -e .
	@touch $@

build/%/.installed: pyproject.toml requirements.lock | .venv/.python
	.venv/bin/python -m venv --clear build/$*
	build/$*/bin/python -m pip install --disable-pip-version-check --quiet -r requirements.lock
	build/$*/bin/python -m pip install --disable-pip-version-check --quiet -c requirements.lock -e '.[$(EXTRA_$*)]'
	@touch $@
