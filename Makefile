# Needs git, make and Python 3.10 to 3.13. `make` alone lists what can be made.

VENV := .venv
AZ_VENV := .venv-az
AZ_VERSION := 2.91.0
UV_VERSION := 0.13.9
PIP_INSTALL := bin/python -m pip install --quiet --disable-pip-version-check

# The first of these that runs and is of a supported version makes .venv; PYTHON=... names another.
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3.10 python3)

# Stamps: each is renewed when the files it was made from change, and only then.
RELEASE_STAMP := $(VENV)/.installed
DEVELOPMENT_STAMP := $(VENV)/.installed-development
AZ_STAMP := $(AZ_VENV)/.azure-cli-$(AZ_VERSION)
POSTGRESQL_STAMP := $(VENV)/.installed-postgresql

DEMO := PYTHONPATH=include $(VENV)/bin/python -m demo
SOURCES := plugins dags include tests $(wildcard benchmarks) $(wildcard guards) $(wildcard chaos) $(wildcard docs/*.py)
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help release airflow simulator stop test lint faults guards bench bench-judge chaos screenshots az lock clean
.DELETE_ON_ERROR:

help: ## list what can be made
	@echo "Canary releases for Azure App Service, run by Apache Airflow"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make release takes VERSION=2.0.0 APPROVE=terminal|ui|auto|reject BAD=SAMPLE_FAIL_AFTER_S=30"
	@echo "                     WEIGHTS=10,25,50 BAKE=15s SPEED=60 PORT=8080 KEEP=1; any make takes PYTHON=python3.12"
	@echo "  make chaos takes CASES=12 SEED=2 CASE='swap POST after' DATABASE=postgresql ABREAST=12"

release: $(RELEASE_STAMP) ## a whole canary release on this machine, shown live, with a report
	@$(DEMO) release

airflow: $(RELEASE_STAMP) ## simulator, visitors and the Airflow UI, to play with; Ctrl-C ends them
	@$(DEMO) airflow

simulator: $(RELEASE_STAMP) ## the App Service simulator alone, for curl and az; Ctrl-C ends it
	@$(DEMO) simulator

stop: ## end what KEEP=1 or a crash left running
	@if [ -x $(VENV)/bin/python ]; then $(DEMO) stop; fi

test: lint $(AZ_STAMP) ## lint, then every test; TESTS=tests/demo for some of them
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile $(TESTS)

lint: $(DEVELOPMENT_STAMP) ## ruff and mypy
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/mypy $(SOURCES)

faults: $(DEVELOPMENT_STAMP) ## every fault at every call of a release, and random stories for long; INTERLEAVINGS=500
	FAULTS=all INTERLEAVINGS=$(or $(INTERLEAVINGS),200) $(VENV)/bin/python -m pytest -n 2 --dist loadfile tests/faults

guards: $(DEVELOPMENT_STAMP) ## take away each guard of docs/guards.md, and expect its tests to fail; GUARD=name for one
	$(VENV)/bin/python -m guards $(GUARD)

bench: $(DEVELOPMENT_STAMP) $(AZ_STAMP) ## measure, and print the figures of the README
	PYTHONPATH=plugins:include $(VENV)/bin/python -m benchmarks

bench-judge: $(DEVELOPMENT_STAMP) ## put the judge and its rivals to the same simulated releases; writes docs/judge-benchmark.md
	PYTHONPATH=plugins:. $(VENV)/bin/python -m benchmarks.judge $(if $(RUNS),--runs $(RUNS))

chaos: $(RELEASE_STAMP) $(if $(filter postgresql,$(DATABASE)),$(POSTGRESQL_STAMP)) ## kill what runs a release at every call; CASES=12 tries a sample
	PYTHONPATH=plugins:include $(VENV)/bin/python -m chaos

screenshots: $(DEVELOPMENT_STAMP) ## renew the README's pictures with headless Chromium
	PYTHONPATH=include $(VENV)/bin/python docs/screenshots.py

az: $(AZ_STAMP) ## the az command line, in .venv-az, for the contract tests

lock: $(VENV)/bin/python ## renew constraints.txt from the requirements files, for every supported Python
	$(VENV)/$(PIP_INSTALL) uv==$(UV_VERSION)
	$(VENV)/bin/python -m uv pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate \
	  --upgrade requirements-dev.txt --output-file constraints.txt

clean: stop ## end what was left running; remove .run and caches (.venv stays)
	rm -rf .run .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

# A name on the path can be a launcher with no Python behind it, so each is run, not only looked for.
$(VENV)/bin/python:
	@for python in $(PYTHONS); do \
	  if $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$python --version)"; \
	    $$python -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian, install python3-venv." >&2; exit 1; }; \
	    exit 0; \
	  fi; \
	done; \
	echo "Python 3.10, 3.11, 3.12 or 3.13 is needed; none of these is one: $(PYTHONS)." >&2; \
	echo "Install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1

$(RELEASE_STAMP): requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing requirements.txt into $(VENV) (a few minutes the first time)"
	@$(VENV)/$(PIP_INSTALL) --requirement requirements.txt --constraint constraints.txt
	@touch $@

$(DEVELOPMENT_STAMP): requirements-dev.txt $(RELEASE_STAMP)
	@echo "Installing requirements-dev.txt into $(VENV)"
	@$(VENV)/$(PIP_INSTALL) --requirement requirements-dev.txt --constraint constraints.txt
	@touch $@

$(POSTGRESQL_STAMP): requirements-postgresql.txt $(RELEASE_STAMP)
	@echo "Installing requirements-postgresql.txt into $(VENV)"
	@$(VENV)/$(PIP_INSTALL) --requirement requirements-postgresql.txt --constraint constraints.txt
	@touch $@

# az pins Microsoft's clients to other versions than the product uses, hence an environment of its own.
$(AZ_STAMP): | $(VENV)/bin/python
	@echo "Installing azure-cli $(AZ_VERSION) into $(AZ_VENV) (a few minutes the first time)"
	@test -x $(AZ_VENV)/bin/python || $(VENV)/bin/python -m venv $(AZ_VENV)
	@$(AZ_VENV)/$(PIP_INSTALL) azure-cli==$(AZ_VERSION)
	@touch $@
