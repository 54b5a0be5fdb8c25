# Everything happens in a virtual environment beside this file; nothing else is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust python -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi')

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'

.PHONY: tools
tools:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.10 or newer, or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is $$($(PYTHON) --version): Python 3.10 or newer is needed, say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks venv: on Debian and Ubuntu, apt install python3-venv"; exit 1; }
	@command -v cargo >/dev/null || { echo "cargo is missing: install the Rust toolchain, https://rustup.rs"; exit 1; }

$(BIN)/python: | tools
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/dependencies: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group dev
	@$(BIN)/python -m pip install --quiet --only-binary :all: --group packers 2>/dev/null \
		|| echo "some of the packers are not to be had ready-made for this Python: tested without"
	@$(BIN)/python -m pip install --quiet --only-binary :all: --group works-with 2>/dev/null \
		|| echo "some of what it works with is not to be had ready-made for this Python: tested without"
	@touch $@

$(VENV)/built: $(SOURCES) $(VENV)/dependencies
	@# Whatever environment is active, it is ours that is built for.
	env -u CONDA_PREFIX VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --locked --quiet >/dev/null
	@touch $@

.PHONY: build
build: $(VENV)/built ## Build the module into .venv

.PHONY: demo
demo: build ## Show the main job: a room of 50 clients
	$(BIN)/python examples/room.py

.PHONY: test
test: test-rust test-python ## Run all tests

.PHONY: test-rust
test-rust: | tools ## Run the tests of the Rust core
	cargo test --quiet --locked --package change-buffers-core

# Apart, so that the other builds stay as they are; without the flags that concern the binding.
LOOM := RUSTFLAGS='--cfg loom' cargo
IN_LOOM := --locked --package change-buffers-core --target-dir $(or $(CARGO_TARGET_DIR),target)/loom

.PHONY: test-loom
test-loom: | tools ## Run the models of the Rust core in every order of threads
	$(LOOM) test --quiet $(IN_LOOM) --profile proof --test 'loom*'

.PHONY: test-miri
test-miri: | tools ## Run the tests of the Rust core under Miri, where it is there
	@for toolchain in '' +nightly; do \
		if cargo $$toolchain miri --version >/dev/null 2>&1; then \
			exec cargo $$toolchain miri test --quiet --locked --package change-buffers-core --lib --tests; \
		fi; \
	done; \
	echo "test-miri: skipped, no toolchain here has Miri; rustup +nightly component add miri"

FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: | tools ## Try random operations on the Rust core for FUZZ_SECONDS, 60 if not given
	FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --quiet --locked --package change-buffers-core --profile proof \
		--test operations -- --ignored --nocapture

# Processes that encode keep what is published in another way, from the import of the codecs on.
# So what is about the data itself is tested in both.
.PHONY: test-python
test-python: build ## Run the Python tests
	$(BIN)/python -m pytest --numprocesses=2 --ignore=tests/encode
	$(BIN)/python -m pytest --numprocesses=2 @tests/with_codecs.txt

SOAK_SECONDS ?= 900
SOAK_OPERATIONS ?= 10000000

# What is more convincing the longer it takes goes on so many times as long as in `make test`.
TEST_LONGER ?= 10
LONG_TESTS := live_values thread_switches stopping_the_world caller_arguments fork_exit

.PHONY: test-long
test-long: build ## Run everything at once for 15 minutes (SOAK_SECONDS=900)
	TEST_LONGER=$(TEST_LONGER) $(BIN)/python -m pytest --timeout=1200 $(LONG_TESTS:%=tests/test_%.py)
	cd tests && $(abspath $(BIN))/python -m soak --seconds $(SOAK_SECONDS) --operations $(SOAK_OPERATIONS)

# PyO3 aborts this one when a reference is dropped by a thread that does not hold the GIL, instead of
# leaking it as .cargo/config.toml has it, and Rust checks what it otherwise takes for granted.
ABORTING_VENV := $(VENV)/aborting
ABORTING_BIN := $(ABORTING_VENV)/$(notdir $(BIN))
ABORTING := RUSTFLAGS="--cfg pyo3_disable_reference_pool" CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

$(ABORTING_VENV)/built: $(SOURCES) $(VENV)/dependencies
	$(PYTHON) -m venv $(ABORTING_VENV)
	$(ABORTING_BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(ABORTING_BIN)/python -m pip install --quiet --group test
	rm -rf $(ABORTING_VENV)/wheels
	$(ABORTING) CARGO_TARGET_DIR=$(abspath $(ABORTING_VENV)/target) $(BIN)/maturin build --release --locked --quiet --interpreter $(ABORTING_BIN)/python --out $(ABORTING_VENV)/wheels
	$(ABORTING_BIN)/python -m pip install --quiet --force-reinstall --no-deps $(ABORTING_VENV)/wheels/*.whl
	@touch $@

.PHONY: test-aborting
test-aborting: $(ABORTING_VENV)/built ## Run the Python tests on a build that aborts at a misstep
	$(ABORTING_BIN)/python -m pytest

# Debian's python3-dbg is one; so is what `./configure --with-pydebug` gives.
DEBUG_PYTHON ?= python3-dbg
DEBUG_VENV := $(VENV)/debug-python
DEBUG_BIN := $(DEBUG_VENV)/bin

$(DEBUG_VENV)/built: $(SOURCES) $(VENV)/dependencies
	@command -v $(DEBUG_PYTHON) >/dev/null || { echo "$(DEBUG_PYTHON) is missing, a debug build of Python: on Debian and Ubuntu, apt install python3-dbg, or say make DEBUG_PYTHON=/path/to/python"; exit 1; }
	@$(DEBUG_PYTHON) -c 'import sys; sys.exit(not hasattr(sys, "gettotalrefcount"))' || { echo "$(DEBUG_PYTHON) is no debug build of Python: it does not count references"; exit 1; }
	$(DEBUG_PYTHON) -m venv $(DEBUG_VENV)
	$(DEBUG_BIN)/python -m pip install --quiet pytest
	rm -rf $(DEBUG_VENV)/wheels
	CARGO_TARGET_DIR=$(abspath $(DEBUG_VENV)/target) $(BIN)/maturin build --release --locked --quiet --interpreter $(DEBUG_BIN)/python --out $(DEBUG_VENV)/wheels
	$(DEBUG_BIN)/python -m pip install --quiet --force-reinstall --no-deps $(DEBUG_VENV)/wheels/*.whl
	@touch $@

.PHONY: test-refcounts
test-refcounts: $(DEBUG_VENV)/built ## Count references on a debug build of Python
	cd tests && $(abspath $(DEBUG_BIN))/python refcounts.py

# One of your own, or whichever is found or can be fetched.
FREETHREADED_PYTHON ?= free-threaded

.PHONY: test-freethreaded
test-freethreaded: | tools ## Run the Python tests in parallel threads, without the GIL
	$(PYTHON) tools/interpreters.py $(FREETHREADED_PYTHON)

.PHONY: test-all
test-all: | tools ## Run the Python tests on all interpreters, found or fetched
	$(PYTHON) tools/interpreters.py 3.10 3.11 3.12 3.13 3.14 $(FREETHREADED_PYTHON)

.PHONY: test-tsan
test-tsan: ## Look for data races in the Rust core, if there is a nightly toolchain
	@cargo +nightly --version >/dev/null 2>&1 || { echo "this needs a nightly toolchain: rustup toolchain install nightly"; exit 1; }
	TSAN_OPTIONS=suppressions=$(abspath rust/core/tsan.supp) \
	RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" \
	cargo +nightly test --quiet --locked --package change-buffers-core --lib \
		--target $$(rustc --print host-tuple) -- --test-threads=1

.PHONY: lint
lint: build ## Check style, types and stubs
	cargo fmt --all --check
	cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings
	$(LOOM) clippy --quiet $(IN_LOOM) --all-targets -- --deny warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy tools
	$(BIN)/stubtest change_buffers

.PHONY: format
format: build ## Format all sources
	cargo fmt --all
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(VENV)/docs-dependencies: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@

# What it says about a successor of MkDocs is of no interest here.
docs docs-serve: export NO_MKDOCS_2_WARNING = 1

.PHONY: docs
docs: $(VENV)/docs-dependencies ## Build the documentation into site/, strictly
	$(BIN)/mkdocs build --strict

.PHONY: docs-serve
docs-serve: $(VENV)/docs-dependencies ## Show the documentation at http://127.0.0.1:8000/
	$(BIN)/mkdocs serve

$(VENV)/wheels-dependencies: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group wheels
	@touch $@

WHEELS ?= 3.10 3.11 3.12 3.13 3.14 3.14t
WHEELS_TARGET := $(or $(CARGO_TARGET_DIR),target)/wheels

# Zig stands in for the old compiler and C library of manylinux2014, and maturin knows what it has to
# know of each interpreter, so none of them has to be there. The wheels are built from the source
# distribution, and from scratch: by the dates in the archive Cargo would take anything that was built
# earlier to be up to date. RUSTFLAGS would replace the flags in .cargo/config.toml.
# The stack has to be unwound by the system's library, not by zig's, which would go into the module:
# up to Python 3.13, a daemon thread that comes back while Python ends is unwound by the system, and
# crashes where it meets the other kind.
.PHONY: wheels
wheels: $(VENV)/wheels-dependencies ## Build the source distribution and wheels for Linux, in dist/
	rm -rf dist $(WHEELS_TARGET)
	env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS PATH="$(abspath $(BIN)):$$PATH" \
		CARGO_TARGET_DIR=$(abspath $(WHEELS_TARGET)) \
		$(BIN)/maturin build --release --locked --quiet --sdist --zig --compatibility manylinux2014 \
		--interpreter $(WHEELS) --out dist -- -C link-arg=$$(cc -print-file-name=libgcc_s.so.1)
	$(BIN)/python tools/check_dist.py dist

# All tests on every interpreter that is there, unless some are named.
CHECK_TESTS ?=

.PHONY: check-wheels
check-wheels: $(VENV)/wheels-dependencies ## Test what is in dist/, in empty environments without Rust
	$(BIN)/python tools/check_dist.py --build dist
	$(BIN)/python tools/check_wheels.py --tests '$(CHECK_TESTS)' dist

.PHONY: bench
bench: build ## Measure against the pure-Python model, as ratios
	cargo bench --quiet --locked --package change-buffers-core --bench journal -- --quiet
	$(BIN)/python -m pytest benches --quiet --benchmark-only --benchmark-quiet

$(VENV)/report-dependencies: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group report
	@touch $@

.PHONY: bench-report
bench-report: build $(VENV)/report-dependencies ## Measure all of docs/performance.md anew (OPTIONS=--quick)
	cd benches && $(abspath $(BIN))/python -m report $(OPTIONS)

.PHONY: bench-builds
bench-builds: build ## Measure against the build of another commit (OPTIONS=COMMIT)
	$(BIN)/python benches/builds.py $(OPTIONS)

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf $(VENV) .venv-* target dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
