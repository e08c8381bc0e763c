# Every target says in one line what it does; `make help` prints these lines. On a machine with Python 3.11 or later and
# make, each of them does its own set-up first.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
NODE_READY := tests/asyncapi/node_modules/.ready
PROVIDER_READY := tests/oidc/node_modules/.ready
KAFKA := .kafka/.ready
JOURNAL := .journal/.ready
PROMTOOL := .promtool/.ready
CHROMIUM := /usr/bin/chromium
PYTEST := $(BIN)/python -m pytest
# A process more than there are cores, each with servers of its own; a file's tests stay together, and what takes long
# begins first (tests/fixtures/spread.py). SPREAD= runs them in one.
SPREAD ?= --numprocesses auto --dist loadfile

# What the tests need that is not Python.
NEEDED := $(KAFKA) $(NODE_READY) $(PROVIDER_READY) $(JOURNAL) $(PROMTOOL) $(CHROMIUM)

# Empty is off, wherever it was set: servers and `dt` are started hundreds of times, and would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo up up-kafka kafka test check lint types arrows faults simulate prove bench screenshots reference schemas format locks

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'Give options by ARGS, for example: make demo ARGS=--once'

setup: $(READY) $(KAFKA) $(CHROMIUM) ## Make .venv from the hashed locks, fetch Kafka and a browser (other targets do what they need by themselves)

# The stamp is written last: a set-up that was interrupted is done again.
$(READY): requirements-dev.lock requirements.lock pyproject.toml infra/setup.sh
	@PYTHON='$(PYTHON)' sh infra/setup.sh
	@touch $@

# The official parser of AsyncAPI is JavaScript; its lock has hashes and no address, like the others.
$(NODE_READY): tests/asyncapi/package-lock.json infra/setup-node.sh
	@sh infra/setup-node.sh tests/asyncapi
	@touch $@

# As above: a real OpenID provider, which tests of signing in start.
$(PROVIDER_READY): tests/oidc/package-lock.json infra/setup-node.sh
	@sh infra/setup-node.sh tests/oidc
	@touch $@

# As above. What is fetched lies in .kafka/, and serves until pom.xml names another version.
$(KAFKA): infra/kafka/pom.xml infra/kafka/jars.sha256 infra/kafka/setup.sh
	@sh infra/kafka/setup.sh
	@touch $@

# As above: what writes a real journal, for the tests that read one.
$(JOURNAL): infra/setup-journal.sh
	@sh infra/setup-journal.sh
	@touch $@

# As above: what Prometheus itself says of our figures.
$(PROMTOOL): infra/setup-promtool.sh
	@sh infra/setup-promtool.sh
	@touch $@

# The browser in which pages are tested: the system's, where there is one.
$(CHROMIUM):
	@sh infra/setup-chromium.sh

demo: $(READY) ## Watch two weeks of releases, then try to break a rule
	@$(BIN)/dt demo $(ARGS)

up: $(READY) ## Start the server here, with an embedded database
	@$(BIN)/dt up $(ARGS)

up-kafka: $(READY) $(KAFKA) ## The same with Kafka, and each part of the server as a process
	@$(BIN)/python -m infra.kafka -- $(BIN)/dt up --kafka {kafka} $(ARGS)

kafka: $(READY) $(KAFKA) ## Start a Kafka broker here, with its log in .kafka/broker
	@$(BIN)/python -m infra.kafka $(ARGS)

test: $(READY) ## Lint, types, arrows and every test
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types .beside
	$(PYTEST) $(SPREAD) $(ARGS)

check: lint types arrows $(NODE_READY) $(JOURNAL) ## Lint, types, arrows and the quick tests, which need no server: about a minute
	$(PYTEST) -m 'not server and not proof' $(ARGS)

lint: $(READY) ## Style of every file (ruff)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY) ## Types of every file (mypy --strict)
	$(BIN)/mypy

# What is done while the types are checked; one after the other, as two of apt-get would stand in each other's way.
.beside: $(READY)
	@MAKEFLAGS= $(MAKE) --no-print-directory lint arrows $(NEEDED)

arrows: $(READY) ## Which package may import which (import-linter)
	$(BIN)/lint-imports --no-logo

faults: $(READY) $(KAFKA) ## Break the running product in every way, for about an hour, as root
	$(PYTEST) -m faults $(ARGS)

simulate: $(READY) ## Simulate a thousand seeds of six hours of trouble, on one core (ARGS='--seeds 100 --hours 24')
	@$(BIN)/python -m tests.simulation $(ARGS)

prove: $(READY) ## Search every state of the rules, also without each implied guard (hours), and write docs/PROOF.md
	@$(BIN)/python -m tests.proof --long

bench: $(READY) ## Measure ledger, desk, HTTP and read models beside other stores, in about ten minutes
	$(BIN)/python -m bench.side_by_side $(ARGS)

screenshots: $(READY) $(CHROMIUM) ## Take the README's pictures of the demo anew (ARGS=board takes one)
	$(BIN)/python -m tests.web.screenshots $(ARGS)

reference: $(READY) ## Write docs/DT.md from the commands of dt
	$(BIN)/python -m interlock.cli.reference docs/DT.md

schemas: $(READY) ## Freeze a JSON Schema for each event type that has none yet
	$(BIN)/python -m interlock.events.schemas $(ARGS)

format: $(READY) ## Lay out every file, and mend what lint can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The locks name versions and hashes, and no registry: whoever installs brings their own.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make locks' pyproject.toml

locks: ## Write both locks anew from pyproject.toml (UPGRADE=--upgrade takes newer versions)
	@test -x $(BIN)/uv || { $(MAKE) setup; }
	$(COMPILE) $(UPGRADE) --output-file requirements.lock
	$(COMPILE) $(UPGRADE) --group dev --constraints requirements.lock --output-file requirements-dev.lock
