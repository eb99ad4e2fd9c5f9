# Two commands: `make lab` to learn, `make test` to check. Both set up `.venv` first, which is
# quick when nothing changed. GPU=1 or GPU=0 decides the flavour; without it the driver is asked.
PYTHON ?= python3
GPU ?= auto
BIN := .venv/bin
SETUP := $(PYTHON) packaging/install.py --gpu $(GPU)
SCRIPTS := packaging/install.py packaging/lock.py packaging/start_lab.py
NOTEBOOKS := $(wildcard labs/*.ipynb)
NBVAL := --nbval-lax --nbval-current-env --nbval-sanitize-with tests/nbval.cfg \
	--nbval-cell-timeout=120 -p leftovers

.PHONY: lab setup test bench outputs lock clean

lab: setup
	@$(PYTHON) packaging/start_lab.py

setup:
	@$(SETUP)

test:
	@$(SETUP) --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy lab_kit $(SCRIPTS)
	$(BIN)/python -m pytest tests --durations=25
ifneq ($(NOTEBOOKS),)
	PYTHONPATH=tests/notebooks $(BIN)/python -m pytest $(NBVAL) labs
endif

# Prints measurements of this machine; they pass or fail nothing.
bench:
	@$(SETUP) --dev
	$(BIN)/python tests/benchmarks/live.py
	$(BIN)/python tests/benchmarks/live.py --streams 8
	$(BIN)/python tests/benchmarks/drafts.py
	$(BIN)/python tests/benchmarks/engine.py
	$(BIN)/python tests/benchmarks/graphs.py
	$(BIN)/python tests/benchmarks/batching.py
	$(BIN)/python tests/benchmarks/frameworks.py
	$(BIN)/python tests/benchmarks/concurrency.py
	$(BIN)/python tests/benchmarks/soak.py

# Runs the notebooks and keeps the outputs that `make test` compares with.
outputs:
	@$(SETUP) --dev
	$(BIN)/python labs/refresh_outputs.py

# Resolves every package afresh and rewrites constraints.txt.
lock:
	$(PYTHON) packaging/lock.py

clean:
	rm -rf .venv
