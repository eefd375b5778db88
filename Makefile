# Two commands are enough: `make run` and `make test`. Both prepare the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
ARGS ?=
SETS ?=
# A file of tests stays with one process: its fixtures are made once.
PARALLEL ?= -n logical --maxprocesses 4 --dist loadfile
# The server alone, for any x86-64 or ARM machine of the last ten years, compiled in half the time.
LLAMA_CMAKE_ARGS := -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
	-DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF \
	-DCMAKE_CXX_FLAGS_RELEASE='-O1 -DNDEBUG'

# Compiled files are kept, whatever the machine's habit: every process of the tests starts a second sooner.
export PYTHONDONTWRITEBYTECODE :=
# The environments of tests do without the console; `run` and `console` build it.
export CONSOLE_BUILD := later

.PHONY: help run console console-or-without setup setup-dev test test-peers test-slow retrieval chaos lint lint-console check fmt lock bench tiny-llama docs clean
.DEFAULT_GOAL := help

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

run: setup console-or-without ## Start Roundhouse on http://127.0.0.1:8000 (ARGS="--port 9000" adds options)
	@$(BIN)/roundhouse run $(ARGS)

# Without a console the API is as good as ever: a build that fails is told, and the server starts.
console-or-without: setup
	@$(BIN)/python scripts/build_console.py --uv "$(UV)" || true

console: setup ## Build the console unless it is fresh; without Node on this machine as well
	@$(BIN)/python scripts/build_console.py --uv "$(UV)"

setup: $(VENV)/.ready ## Prepare .venv with what the service needs

setup-dev: $(VENV)/.ready-dev ## Prepare .venv with what the tests need as well

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12"; exit 1; }
	@if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) $(VENV); \
	else $(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing (Debian: apt install python3-venv)"; exit 1; }; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv; fi

$(VENV)/.ready: $(BIN)/python requirements.lock pyproject.toml
	@echo "Preparing $(VENV) ..."
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.ready-dev: $(BIN)/python requirements-dev.lock pyproject.toml
	@echo "Preparing $(VENV) for tests ..."
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@ $(VENV)/.ready

test: setup-dev ## Run the tests
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-peers: setup-dev .venv-peers-llama/.ready .venv-peers-openai2/.ready .venv-peers-chunkformer/.ready .venv-peers-transformers/.ready ## Run the tests against real model servers and other clients (installs them once)
	@$(BIN)/python -m pytest -m peer tests/peers $(ARGS)

# By pip, which keeps a wheel that it compiled: the next environment on this machine is ready in seconds.
.venv-peers-llama/.ready: tests/peers/requirements-llama.txt | $(VENV)/.ready-dev
	@echo "Preparing .venv-peers-llama (compiles llama.cpp the first time: some minutes) ..."
	@$(UV) venv --quiet --clear --seed --python $(BIN)/python .venv-peers-llama
	@LLAMA_CPP_BUILD_JOBS=$$(nproc 2>/dev/null || echo 2) CMAKE_ARGS="$(LLAMA_CMAKE_ARGS)" \
	  .venv-peers-llama/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv-peers-openai2/.ready: tests/peers/requirements-openai2.txt | $(VENV)/.ready-dev
	@echo "Preparing .venv-peers-openai2 ..."
	@$(UV) venv --quiet --clear --python $(BIN)/python .venv-peers-openai2
	@$(UV) pip install --quiet --python .venv-peers-openai2/bin/python -r $<
	@touch $@

# As `models pull chunkformer` does it, but for the last line: where pip is set up to take a PyTorch without CUDA,
# torchaudio's compiled part does not load. Hearing does not need it, and the tests do without.
.venv-peers-chunkformer/.ready: src/roundhouse/backends/asr/chunkformer_requirements.txt | $(VENV)/.ready-dev
	@echo "Preparing .venv-peers-chunkformer (PyTorch: some minutes, and some GB) ..."
	@$(UV) venv --quiet --clear --seed --python $(BIN)/python .venv-peers-chunkformer
	@.venv-peers-chunkformer/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: -r $<
	@.venv-peers-chunkformer/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
	  $$($(BIN)/python -c 'from roundhouse.backends.asr.chunkformer_models import PACKAGE; print(PACKAGE)')
	@.venv-peers-chunkformer/bin/python -c 'import torchaudio' 2>/dev/null \
	  || rm -rf .venv-peers-chunkformer/lib/python*/site-packages/torchaudio/lib
	@touch $@

.venv-peers-transformers/.ready: tests/peers/requirements-transformers.txt | $(VENV)/.ready-dev
	@echo "Preparing .venv-peers-transformers (PyTorch: some minutes, and some GB) ..."
	@$(UV) venv --quiet --clear --seed --python $(BIN)/python .venv-peers-transformers
	@.venv-peers-transformers/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r $<
	@touch $@

test-slow: setup-dev ## Run the campaigns that take minutes
	@ROUNDHOUSE_TEST_HYPOTHESIS=campaign $(BIN)/python -m pytest -m slow $(ARGS)

retrieval: setup-dev ## Measure search and answers on public sets of questions, on every kind of vectors (SETS=FOLDER, ARGS="-k milvus")
	@test -f "$(SETS)/xquad.en.json" || { echo "SETS names the folder of the sets: bench/knowledge/README.md says which."; exit 1; }
	@ROUNDHOUSE_RETRIEVAL_DATA="$(abspath $(SETS))" ROUNDHOUSE_TEST_REQUIRE_SERVERS=1 $(BIN)/python -m pytest -m slow tests/flows/test_knowledge_quality.py $(ARGS)

chaos: setup-dev ## Kill executors under four hundred flows, on both databases
	@$(BIN)/python -m pytest -m chaos tests/faults $(ARGS)

lint: setup-dev ## Format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lint-console: setup-dev ## Build the console unless it is fresh; its types, directions and strings
	@$(BIN)/python scripts/build_console.py --uv "$(UV)" --check

check: lint test ## All that must pass before a commit

fmt: setup-dev ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: ## Write the lock files anew from pyproject.toml
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements.lock pyproject.toml
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements-dev.lock --extra postgres --extra redis --extra s3 --extra mongo --extra milvus --group dev pyproject.toml

tiny-llama: ## Teach the model of `make test-peers` anew, into build/tiny-llama (some minutes on one core)
	@test -x .venv-tiny-llama/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-tiny-llama
	@$(UV) pip install --quiet --python .venv-tiny-llama/bin/python -r scripts/tiny_llama/requirements.txt
	@.venv-tiny-llama/bin/python -m scripts.tiny_llama build/tiny-llama

docs: setup-dev ## Write the reference pages anew from the code
	@$(BIN)/python scripts/write_reference.py

bench: setup ## Measure the gateway against nginx and LiteLLM
	@$(BIN)/python -m bench.gateway $(ARGS)

clean: ## Remove the environment and caches
	@rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis dist src/roundhouse/ui web/node_modules
