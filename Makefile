# make demo    try the bot in your browser: no token, no graphics card, no download of weights
# make test    everything that must hold: lint, types, import contracts, tests
# make check   lint, types and import contracts alone
# make format  format the code

PYTHON ?= python3
PORT ?= 8765
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet -c requirements.lock

.PHONY: demo test check format

demo: .venv/sandbox
	$(BIN)/easel demo --port $(PORT)

test: check
	$(BIN)/python -m pytest

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# One stamp per set of packages, so that the demo installs no more than it needs.
.venv/sandbox .venv/dev: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable '.[$(@F)]'
	touch $@
