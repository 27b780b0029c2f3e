# Each target bootstraps what it needs into .venv; nothing is installed globally.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NPM := $(VENV)/npm/.installed

# Where this is set, each of hundreds of processes would compile all of its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench up clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Show the main job in one minute: a run that survives being killed
	@$(BIN)/perdure demo $(ARGS)

up: $(INSTALLED) ## Start NATS, Temporal and the four services, and keep them running
	@$(BIN)/perdure up $(ARGS)

test: $(INSTALLED) $(NPM) ## Run the whole test suite, four tests at a time: most of them wait
	$(BIN)/pytest -n 4 --dist worksteal $(ARGS)

check: $(INSTALLED) ## Lint, format, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports

format: $(INSTALLED) ## Bring the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED) ## Measure against hand-written temporalio, on the same servers in the same run
	@$(BIN)/python -m bench $(ARGS)

clean: ## Forget the virtual environment and all local state
	rm -rf $(VENV) .perdure

$(INSTALLED): pyproject.toml
	@echo "Setting up $(VENV): once, less than a minute."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Perdure needs Python 3.11 or newer: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]' \
		|| $(BIN)/pip install --disable-pip-version-check --editable '.[dev]' # knows the mirrors of its own configuration
	@touch $@

$(NPM): tests/npm/package.json
	@command -v npm >/dev/null || { echo "The tests talk to MCP servers from npm: install Node.js 20 or newer, it brings npm."; exit 1; }
	@mkdir -p $(@D) && cp $< $(@D)
	@npm install --prefix $(@D) --silent --no-audit --no-fund --no-package-lock
	@touch $@
