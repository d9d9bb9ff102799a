# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Idle threads sleep instead of spinning: on a busy machine two spinning pools slow each other down many times.
export GOMP_SPINCOUNT ?= 1000
# Tests of layers, run once more with each of the other kernels; compilers and export choose none.
LAYERS = tests/nn --ignore tests/nn/test_compile_export.py
# Tests of kernels, run once more with the matrix unit and without compiled code.
KERNELS = tests/kernels/test_passes.py tests/kernels/test_memory.py
UNIT = tests/kernels/test_tiles.py tests/kernels/test_tiled_lstm.py $(KERNELS)
# The matrix unit itself where the processor has one, plain C in its place elsewhere.
TILES ?= $(shell grep -qsw amx_bf16 /proc/cpuinfo && echo 1 || echo emulate)
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: demo test check bench mutants setup clean

demo: setup  ## train, test and report in a few minutes
	$(BIN)/framecast demo forecast

test: setup check  ## every check that CI runs: all tests, then those of layers and kernels in each of their ways
	FRAMECAST_TILES=0 $(PYTEST) --cov=framecast --cov-report=
	FRAMECAST_TILES=$(TILES) $(PYTEST) $(UNIT) --cov=framecast --cov-append --cov-report=term-missing:skip-covered --cov-fail-under=90
	FRAMECAST_NATIVE=0 $(PYTEST) $(KERNELS)
	$(PYTEST) $(LAYERS) --kernel reference
	TRITON_INTERPRET=1 $(PYTEST) $(LAYERS) tests/kernels/test_memory.py::test_triton --kernel triton

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup  ## speed and memory beside the textbook loop, other libraries and the convolutions alone
	env -u GOMP_SPINCOUNT $(BIN)/python -m benchmarks --parts layers growth dense training --output docs/results

mutants: setup  ## plant faults in the layers; every one must be caught by their tests
	$(BIN)/python tools/mutants.py

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Framecast needs Python 3.11 or newer; say which with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip setuptools wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
