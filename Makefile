# Three commands: `make lab` to learn, `make check` while changing the code, `make test` before
# handing it over. All set up `.venv` first, which is quick when nothing changed.
# GPU=1 or GPU=0 decides the flavour; without it the driver is asked.
PYTHON ?= python3
GPU ?= auto
BIN := .venv/bin
SETUP := $(PYTHON) packaging/install.py --gpu $(GPU)
# Python compiles a module when it is first imported; compiling all of torch takes 25 s more. pip
# reads the variable as the value of `compile`, whatever its name says. The images compile all.
export PIP_NO_COMPILE := 0
# Containers often set this. Here it would have every process compile every module again, torch's
# two thousand too: a server would take twice as long to start, and the tests half as long again.
unexport PYTHONDONTWRITEBYTECODE
SCRIPTS := packaging/install.py packaging/lock.py packaging/start_lab.py docs/book/make_book.py
# Without nbval, which only the labs need: each start of it would cost two seconds.
PYTEST := $(BIN)/python -m pytest --durations=25 -p no:nbval

# The parts of `make check` and `make test`; each can be run alone, as in `make types`. Those that
# talk to a server at the pace of speech mostly wait. What computes gives way to them, three to one:
# a stream on a machine that is taken would be refused, as it should be. It gives way no further,
# or it would stand still on a machine that is busy with something else.
CHECK := unit_server unit_gateway unit_rest types lint
TEST := labs integration_wires integration_rest models browser packaging fuzz_short unit_server \
	unit_gateway unit_rest notebooks types lint
SPARE := nice -n 5
# Only reached when something hangs, and what gives way takes several times as long as alone.
PATIENCE_S := 1200
lint = $(SPARE) $(BIN)/ruff check . && $(SPARE) $(BIN)/ruff format --check .
types = $(SPARE) $(BIN)/mypy lab_kit $(SCRIPTS)
# How calls are received and let in, by real connections: these wait as much as they compute.
SERVER := tests/unit/gateway/run tests/unit/gateway/door
unit_server = $(SPARE) $(PYTEST) $(SERVER)
unit_gateway = $(SPARE) $(PYTEST) tests/unit/gateway $(SERVER:%=--ignore %)
unit_rest = $(SPARE) $(PYTEST) tests/unit tests/benchmarks --ignore tests/unit/gateway
integration_wires = $(PYTEST) tests/integration/wires
integration_rest = $(PYTEST) tests/integration --ignore tests/integration/wires
fuzz_short = $(PYTEST) tests/fuzz
models = $(SPARE) $(PYTEST) --timeout=$(PATIENCE_S) tests/models
browser = $(PYTEST) tests/browser
packaging = $(SPARE) $(PYTEST) tests/packaging
notebooks = $(SPARE) $(PYTEST) tests/notebooks
labs = $(BIN)/python -m pytest --durations=25 --nbval-lax --nbval-current-env \
	--nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout=600 -p leftovers -p short_runs labs

# Four at once: two or three that wait beside one that computes. One at a time where make cannot
# keep their outputs apart, as the one that macOS brings.
LANES := $(if $(filter output-sync,$(.FEATURES)),-j4 --output-sync=target)
PARTS := build/parts

.PHONY: lab setup tools check test fuzz bench gpu book outputs contract lock clean $(TEST)

lab: setup
	@$(PYTHON) packaging/start_lab.py

setup:
	@$(SETUP)

tools:
	@$(SETUP) --dev

# Every part runs, whatever became of the others; how each ended is said together at the end, with
# the tests that failed.
check test:
	@rm -rf $(PARTS); mkdir -p $(PARTS); : >$(PARTS)/summary
	@$(MAKE) --no-print-directory --keep-going $(LANES) $(if $(filter check,$@),$(CHECK),$(TEST)); \
	ended=$$?; echo; cat $(PARTS)/summary; \
	grep -hE '^(FAILED|ERROR) ' $(PARTS)/*.log | cut -c 1-300; exit $$ended

$(TEST): tools
	@mkdir -p $(PARTS); began=$$(date +%s); echo "--- make $@"; \
	{ { $($@); } 2>&1; echo $$? >$(PARTS)/$@.code; } | tee $(PARTS)/$@.log; \
	code=$$(cat $(PARTS)/$@.code); seconds=$$(($$(date +%s) - began)); \
	[ $$code = 0 ] && word=passed || word=FAILED; \
	printf '%-18s %s %5d s  %s\n' $@ $$word $$seconds "$$(tail -n 1 $(PARTS)/$@.log)" >>$(PARTS)/summary; \
	exit $$code

# Minutes of every attack on a server beside callers who speak; fails where they notice. Seeded by
# FUZZ_SEED. What does not depend on the machine is in `make test`, ten seconds of each.
fuzz:
	@$(SETUP) --dev
	$(BIN)/python tests/fuzz/fuzz.py

# Prints measurements of this machine; they pass or fail nothing.
bench:
	@$(SETUP) --dev
	$(BIN)/python tests/benchmarks/live.py
	$(BIN)/python tests/benchmarks/live.py --streams 8
	$(BIN)/python tests/benchmarks/words.py
	$(BIN)/python tests/benchmarks/protected.py
	$(BIN)/python tests/benchmarks/turns.py
	$(BIN)/python tests/benchmarks/talk.py --echo
	$(BIN)/python tests/benchmarks/drafts.py
	$(BIN)/python tests/benchmarks/engine.py
	$(BIN)/python tests/benchmarks/graphs.py
	$(BIN)/python tests/benchmarks/batching.py
	$(BIN)/python tests/benchmarks/frameworks.py
	$(BIN)/python tests/benchmarks/concurrency.py
	-$(BIN)/python tests/benchmarks/predicted.py
	$(BIN)/python tests/benchmarks/operations.py
	$(BIN)/python tests/benchmarks/soak.py

# Shows what the GPU path does on this machine's GPU, in under eight minutes and without a network.
# Where no driver answers it runs the tests of what it would select, which need the test tools.
gpu:
	@$(SETUP) $$(nvidia-smi >/dev/null 2>&1 || echo --dev)
	$(BIN)/python tests/benchmarks/gpu.py

# The labs with what they showed and the documents, as pages to read without a server.
book:
	@$(SETUP) --dev
	$(BIN)/python docs/book/make_book.py

# Runs the notebooks and keeps the outputs that `make test` compares with.
outputs:
	@$(SETUP) --dev
	$(BIN)/python labs/refresh_outputs.py

# Publishes what the server says of its interface, to which `make test` compares what it says then.
# BREAKING=1 publishes what breaks clients, too.
contract:
	@$(SETUP) --dev
	$(BIN)/python tests/unit/gateway/served_contract.py $(if $(BREAKING),--breaking)

# Resolves every package afresh and rewrites constraints.txt.
lock:
	$(PYTHON) packaging/lock.py

clean:
	rm -rf .venv
