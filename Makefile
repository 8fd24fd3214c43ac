# Seven verbs: setup, demo, test, check, fix, docs, bench. Each sets up first what it needs, in .venv at the root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
ARGS ?=

.DEFAULT_GOAL := all
.PHONY: all setup demo test check fix docs bench lock

all: check
	$(MAKE) test FAST=1

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit("nines needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(READY): pyproject.toml requirements.lock | $(BIN)/uv
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --compile-bytecode --constraint requirements.lock --editable '.[demo]'
	@touch $@

$(READY_DEV): pyproject.toml requirements.lock | $(BIN)/uv
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --compile-bytecode --requirement requirements.lock --editable .
	@touch $@ $(READY)

setup: $(READY)  ## make .venv with nines in it

demo: $(READY)  ## the whole product on embedded defaults with live traffic; ARGS=--once prints standings and ends
	$(BIN)/nines demo $(ARGS)

test: $(READY_DEV)  ## the whole suite; FAST=1 leaves out what takes long
	$(BIN)/pytest -n 2 --dist loadgroup $(if $(FAST),-m "not slow") $(ARGS)

check: $(READY_DEV)  ## lint, types, import rules
	$(BIN)/ruff check src tests bench examples
	$(BIN)/ruff format --check src tests bench examples
	$(BIN)/mypy
	$(BIN)/lint-imports
	for folder in examples/*/; do $(BIN)/nines check $$folder || exit 1; done

fix: $(READY_DEV)  ## what can be mended by a machine
	$(BIN)/ruff check --fix src tests bench examples
	$(BIN)/ruff format src tests bench examples

docs: $(READY_DEV)  ## write the generated parts of docs/reference anew
	$(BIN)/python docs/generate.py

bench: $(READY_DEV)  ## ratios against peers measured in the same run; ARGS=--quick for a small one
	$(BIN)/python -m bench.run $(ARGS)

lock: $(READY_DEV)  ## resolve requirements.lock anew
	$(BIN)/uv pip compile --quiet --universal --no-header --no-annotate --no-emit-index-url --all-extras --upgrade pyproject.toml --output-file requirements.lock
