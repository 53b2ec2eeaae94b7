# Set-up needs Python 3.11 or newer, git and make; uv is fetched where it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
ROUNDS ?= 1000
EXAMPLES ?= 100000
# uv trusts what the machine trusts, as pip does: some networks have a certificate of their own.
export UV_SYSTEM_CERTS := 1
# What starts Python hundreds of times compiles each module once, whatever the machine prefers.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install lock demo test check chaos fuzz bench neo4j

help: ## Say what there is
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(VENV)/.installed ## Fill .venv from the lock; costs nothing the second time

$(VENV)/.installed: requirements/dev.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Anabranch needs Python 3.11 or newer, and $(PYTHON) is %d.%d: name another one, such as `make install PYTHON=python3.12`" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x "$(UV)" || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11

lock: ## Write the lock anew from pyproject.toml: hashes, no download addresses
	@$(COMPILE) --no-binary claude-agent-sdk --emit-build-options --all-extras --group dev pyproject.toml -o requirements/dev.txt
	@$(COMPILE) --extra all --constraints requirements/dev.txt pyproject.toml -o requirements/all.txt
	@$(COMPILE) --extra graph --extra embedder --extra service --constraints requirements/dev.txt pyproject.toml -o requirements/runtime.txt
	@$(COMPILE) --constraints requirements/dev.txt pyproject.toml -o requirements/base.txt
	@echo uv | $(COMPILE) --constraints requirements/dev.txt - -o requirements/uv.txt
	@$(COMPILE) requirements/outside.in -o requirements/outside.txt

demo: install ## Watch a thought branch, be consolidated, remembered, recalled and replayed
	@$(BIN)/anabranch demo

test: install ## Run the tests, on a real nats-server, the embedded graph and a real Neo4j
	@$(BIN)/python -m tests.support.class_archive
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadgroup --no-loadscope-reorder

check: ## Run what CI runs
	@bash .ci/run

chaos: install ## Kill processes for long: make chaos ROUNDS=1000
	@ANABRANCH_TEST_ENGINE=jvm ANABRANCH_CHAOS_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -m chaos -s --timeout=0

fuzz: install ## Send what nobody should, and hold properties to new examples: make fuzz EXAMPLES=100000
	@ANABRANCH_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -s --timeout=0 tests/unit tests/service/app/commands/test_command_service_fuzz.py tests/service/app/memory/test_recall_fuzz.py

bench: install ## Measure, side by side: make bench ONLY=log JSON=out.json
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON))

neo4j: install ## Start a real Neo4j by hand and print what to export
	@$(BIN)/python -m tests.support.neo4j_server
