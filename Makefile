# Headrace. Two commands matter: make run, make test.
# Needs GNU make, a POSIX shell, Python 3.11 or newer and pip.

.SUFFIXES:
.DEFAULT_GOAL := help

PYTHON ?= $(shell tools/find-python.sh)
VENV := .venv/bin
# An empty PYTHON means that none fits; find-python.sh has said so.
SETUP = python="$(PYTHON)"; test -n "$$python" && "$$python" tools/setup.py

.PHONY: help run demo setup setup-dev test test-fast check lint types imports format docs examples \
	bench bench-quick bench-load bench-peers chaos lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; \
		do printf '  make %-12s %s\n' "$$name" "$$what"; done

run: setup ## set up, start with sample data, answer a question, stay up until Ctrl-C
	@$(VENV)/python -m serve_app.demo --stay

demo: setup ## the same, then stop
	@$(VENV)/python -m serve_app.demo

setup: ## make .venv with what running needs
	@$(SETUP)

setup-dev: ## make .venv with what tests and checks need, too
	@$(SETUP) --dev

# What starts Ray or kills something has the machine to itself.
PARALLEL = -n auto --maxprocesses 4 --dist loadfile

test: setup-dev ## all tests
	@$(VENV)/python -m pytest -q $(PARALLEL) -m "not slow"
	@$(VENV)/python -m pytest -q -m slow

test-fast: setup-dev ## the tests that start no Ray and kill nothing
	@$(VENV)/python -m pytest -q $(PARALLEL) -m "not slow"

check: lint types imports test ## everything that has to pass before a merge

lint: setup-dev ## style
	@$(VENV)/ruff check . && $(VENV)/ruff format --check .

types: setup-dev ## types, strict in our packages
	@$(VENV)/mypy

imports: setup-dev ## the layers' rules
	@$(VENV)/lint-imports --no-cache

format: setup-dev ## put the style right
	@$(VENV)/ruff check --fix . && $(VENV)/ruff format .

docs: setup-dev ## write the generated pages anew
	@$(VENV)/python -m tools.settings_reference > docs/configuration.md
	@$(VENV)/python -m tools.cli_reference > docs/cli.md

examples: setup-dev ## write the sample data anew
	@$(VENV)/python -m examples.generate

bench: setup-dev ## all benchmarks, results in docs/benchmarks
	@$(VENV)/python -m benchmarks

SEEDS ?= 1
FAULTS ?= 100

chaos: setup-dev ## break everything, SEEDS="1 2 3" FAULTS=100; results in docs/reliability.md
	@$(VENV)/python -m tests.chaos --seed $(SEEDS) --faults $(FAULTS) --report docs/reliability.md

bench-quick: setup-dev ## the same, smaller, results on the terminal
	@$(VENV)/python -m benchmarks --quick

bench-load: setup-dev ## load that does not wait, for hours; results in docs/benchmarks/load.md
	@$(VENV)/python -m benchmarks.open_loop --write
	@$(VENV)/python -m benchmarks.mixed_load --write
	@$(VENV)/python -m benchmarks.files_a_day --write
	@$(VENV)/python -m benchmarks.files_a_day --rate 0 --minutes 5 --write

bench-peers: setup-dev ## Headrace beside txtai, LlamaIndex and FAISS; results in docs/benchmarks
	@$(VENV)/python -m benchmarks.peers --write

lock: ## resolve the versions anew (both lock files)
	@tools/lock.sh "$(PYTHON)"

clean: ## remove .venv, caches and nothing that holds data
	rm -rf .venv .venv.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis build ./*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
