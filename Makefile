# Everything here works on a fresh clone with Python 3.11 or newer and a package index.
# PYTHON=… chooses the interpreter; ARGS=… is passed on to what a target runs.

ARGS ?=
ENVIRONMENT := .ci/environment
BIN := .venv/bin

# What the caller's shell happens to hold must not change what is imported here, nor keep imports uncompiled.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS VIRTUAL_ENV

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-engines engines lint format lock bench bench-peers docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## Compile the example pipeline to a DAG file, run it on a real Airflow, show the results
	@$(ENVIRONMENT) demo
	@$(BIN)/python docs/examples/demo.py $(ARGS)

test: ## Run the tests (ARGS="-k cache" runs some of them)
	@$(ENVIRONMENT) test
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

engines: ## Start Docker, an image registry and Kubernetes for the tests (as root on Debian; minutes the first time)
	@$(ENVIRONMENT) test
	@for engine in docker registry kubernetes; do PYTHON=$(BIN)/python tests/engines/$$engine up || exit 1; done

test-engines: engines ## Run the tests of steps in containers, all of them, on engines of this project's own
	@PIPES_REQUIRE_ENGINES=1 $(BIN)/python -m pytest -n 2 --dist loadgroup tests/engines $(ARGS)

lint: ## Check style, types and the direction of imports
	@$(ENVIRONMENT) test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

format: ## Sort imports, fix what can be fixed, format
	@$(ENVIRONMENT) test
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

lock: ## Resolve requirements/*.txt again (ARGS=--upgrade takes newer versions)
	@$(ENVIRONMENT) lock $(ARGS)

bench: ## Measure speed against the targets
	@$(ENVIRONMENT) test
	@$(BIN)/python -m benchmarks $(ARGS)

docs: ## Write the reference pages again and build the site into build/site (ARGS goes to mkdocs)
	@$(ENVIRONMENT) test
	@$(BIN)/python -m docs.generate
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)
	@echo "the site is build/site/index.html; $(BIN)/python -m http.server -d build/site shows it"

bench-peers: ## Measure what ZenML, Metaflow, Kedro, dag-factory and Cosmos take for the same pipeline
	@$(ENVIRONMENT) test
	@$(BIN)/python -m benchmarks.peers $(ARGS)

clean: ## Remove the environments, caches and build results made here
	rm -rf .venv .venv-peers .venv-uv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
