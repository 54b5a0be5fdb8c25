# Everything happens in a virtual environment beside this file; nothing else is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust python -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi')

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'

.PHONY: tools
tools:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.10 or newer, or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is $$($(PYTHON) --version): Python 3.10 or newer is needed, say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks venv: on Debian and Ubuntu, apt install python3-venv"; exit 1; }
	@command -v cargo >/dev/null || { echo "cargo is missing: install the Rust toolchain, https://rustup.rs"; exit 1; }

$(BIN)/python: | tools
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

WORKS_WITH := sed -n '/^works-with = \[/,/^\]/ s/^ *"\(.*\)",$$/\1/p' pyproject.toml

$(VENV)/dependencies: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group dev
	@$(BIN)/python -m pip install --quiet --only-binary :all: --group packers 2>/dev/null \
		|| echo "some of the packers are not to be had ready-made for this Python: tested without"
	@# All at once if all can be had, which is faster.
	@$(BIN)/python -m pip install --quiet --only-binary :all: --group works-with 2>/dev/null \
		|| $(WORKS_WITH) | while read -r package; do \
			$(BIN)/python -m pip install --quiet --only-binary :all: "$$package" 2>/dev/null \
				|| echo "not to be had ready-made for this Python, tested without: $$package"; \
		done
	@touch $@

$(VENV)/built: $(SOURCES) $(VENV)/dependencies
	@# Whatever environment is active, it is ours that is built for.
	env -u CONDA_PREFIX VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --locked --quiet >/dev/null
	@touch $@

.PHONY: build
build: $(VENV)/built ## Build the module into .venv

# It needs CPython 3.13 or newer. Without warnings about what it misses, which is so on purpose.
$(VENV)/nanover: $(VENV)/dependencies
	$(BIN)/python -m pip install --quiet --only-binary :all: --group nanover
	$(BIN)/python -m pip install --quiet --no-warn-conflicts --no-deps --group nanover-without-dependencies
	@touch $@

.PHONY: nanover
nanover: $(VENV)/nanover

# One of your own, or the newest that is found or can be fetched; its environment is one by itself.
NANOVER_PYTHON ?=
WITH_NANOVER = python="$(NANOVER_PYTHON)"; \
	python="$${python:-$$($(PYTHON) tools/interpreters.py --find for-nanover)}" && test -n "$$python" \
	|| { echo "NanoVer needs CPython 3.13 or newer: say make NANOVER_PYTHON=/path/to/python"; exit 1; }; \
	$(MAKE) --no-print-directory PYTHON="$$python" VENV=.venv-nanover

.PHONY: test-nanover
test-nanover: | tools ## Run the tests against NanoVer's own released package
	@$(WITH_NANOVER) test-in-nanover

.PHONY: test-in-nanover
test-in-nanover: build nanover
	CHANGE_BUFFERS_TESTS_NEED_NANOVER=1 $(BIN)/python -m pytest --numprocesses=2 tests -k 'with_nanover or nanover.md'

.PHONY: test-firefox
test-firefox: build ## Run the tests of the browser client in Firefox, with geckodriver on the PATH
	BROWSER=firefox $(BIN)/python -m pytest tests/server/browser

.PHONY: demo
demo: build ## Show the main job: a server with 50 clients
	$(BIN)/python examples/room.py

.PHONY: demo-hosts
demo-hosts: build ## Show several servers on one room, through a Redis; one of them is killed
	$(BIN)/python examples/hosts.py $(OPTIONS)

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
test-miri: | tools ## Run the tests of the Rust core under Miri, if there is a toolchain with it
	@for toolchain in '' +nightly; do \
		if cargo $$toolchain miri --version >/dev/null 2>&1; then \
			exec cargo $$toolchain miri test --quiet --locked --package change-buffers-core --lib --tests; \
		fi; \
	done; \
	echo "this needs a toolchain with Miri: rustup toolchain install nightly --component miri"; exit 1

FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: | tools ## Try random operations on the Rust core for FUZZ_SECONDS, 60 if not given
	FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --quiet --locked --package change-buffers-core --profile proof \
		--test operations -- --ignored --nocapture

.PHONY: test-python
test-python: build ## Run the Python tests
	$(BIN)/python -m pytest --numprocesses=2

SOAK_SECONDS ?= 900
SOAK_OPERATIONS ?= 10000000

# What is more convincing the longer it takes goes on so many times as long as in `make test`.
TEST_LONGER ?= 10
LONG_TESTS := live_values thread_switches stopping_the_world caller_arguments fork_exit

.PHONY: test-long
test-long: build ## Run everything at once for 15 minutes (SOAK_SECONDS=900)
	TEST_LONGER=$(TEST_LONGER) $(BIN)/python -m pytest --timeout=1200 $(LONG_TESTS:%=tests/lifetime/test_%.py)
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
test-tsan: | tools ## Look for data races in the Rust core, with a nightly toolchain or Debian's packages
	@if cargo +nightly --version >/dev/null 2>&1; then \
		TSAN_OPTIONS=suppressions=$(abspath rust/core/tsan.supp) \
		RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" \
		exec cargo +nightly test --quiet --locked --package change-buffers-core --lib \
			--target $$(rustc --print host-tuple) -- --test-threads=1; \
	fi; \
	exec $(PYTHON) tools/cross.py core tsan

.PHONY: lint
lint: build ## Check style, types and stubs
	cargo fmt --all --check
	cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings
	$(LOOM) clippy --quiet $(IN_LOOM) --all-targets -- --deny warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy tools
	$(BIN)/stubtest --mypy-config-file pyproject.toml change_buffers

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

# Wheels for other systems, cross-built, beside those that are in dist/ already; tools/toolchain.py says
# with what. The interpreters need not be there, nor does anything of these systems.
.PHONY: wheels-windows
wheels-windows: $(VENV)/wheels-dependencies ## Build wheels for Windows, in dist/ (WHEELS=3.14)
	$(BIN)/python tools/cross.py wheels windows $(WHEELS) --out dist

.PHONY: wheels-aarch64
wheels-aarch64: $(VENV)/wheels-dependencies ## Build wheels for Linux on aarch64, in dist/ (WHEELS=3.13)
	$(BIN)/python tools/cross.py wheels aarch64 $(WHEELS) --out dist

.PHONY: wheels-musl
wheels-musl: $(VENV)/wheels-dependencies ## Build wheels for Linux with musl, in dist/ (WHEELS=3.13)
	$(BIN)/python tools/cross.py wheels musl $(WHEELS) --out dist

# The core's tests, then those of the wheels that are in dist/, under Wine or an emulator. One Python, for
# all of them would take hours.
FOREIGN_PYTHON ?= 3.13
FOREIGN_NAME = *-cp$(subst .,,$(FOREIGN_PYTHON))-*
CHECK_FOREIGN = $(BIN)/python tools/check_wheels.py --tests '$(CHECK_TESTS)' dist --foreign

.PHONY: test-windows
test-windows: $(VENV)/wheels-dependencies ## Run the tests of the core and of the wheel on Windows' Python, under Wine
	$(BIN)/python tools/cross.py core windows
	$(MAKE) --no-print-directory wheels-windows WHEELS=$(FOREIGN_PYTHON)
	$(CHECK_FOREIGN) '$(FOREIGN_NAME)-win_amd64.whl'

.PHONY: test-aarch64
test-aarch64: $(VENV)/wheels-dependencies ## Run the tests of the core and of the wheel for aarch64, under QEMU
	$(BIN)/python tools/cross.py core aarch64
	$(MAKE) --no-print-directory wheels-aarch64 WHEELS=$(FOREIGN_PYTHON)
	$(CHECK_FOREIGN) '$(FOREIGN_NAME)_aarch64.whl'

.PHONY: test-musl
test-musl: $(VENV)/wheels-dependencies ## Run the tests of the core and of the wheel for musl
	$(BIN)/python tools/cross.py core musl
	$(MAKE) --no-print-directory wheels-musl WHEELS=$(FOREIGN_PYTHON)
	$(CHECK_FOREIGN) '$(FOREIGN_NAME)-musllinux_*.whl'

# What is measured is the interpreter that PYTHON names, else the newest at hand. Each has an
# environment of its own, with NanoVer in it if that can be.
GIVEN_PYTHON := $(if $(filter file,$(origin PYTHON)),,$(PYTHON))
VERSION := import sys, sysconfig; print("%d.%d.%d" % sys.version_info[:3], end="t" * bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
IN_BENCH = python="$(GIVEN_PYTHON)"; \
	python="$${python:-$$($(PYTHON) tools/interpreters.py --find for-nanover || echo $(PYTHON))}"; \
	venv=".venv-$$("$$python" -c '$(VERSION)')" && \
	$(MAKE) --no-print-directory PYTHON="$$python" VENV="$$venv"

$(VENV)/rival: $(VENV)/built
	@if $(BIN)/python -c '$(VERSION); sys.exit(sys.version_info < (3, 13) or bool(sysconfig.get_config_var("Py_GIL_DISABLED")))' >/dev/null; \
		then $(MAKE) --no-print-directory nanover; \
		else echo "NanoVer needs CPython 3.13 or newer, with the GIL: measured against a model of it"; fi
	@touch $@

.PHONY: bench
bench: | tools ## Measure against NanoVer's module, as ratios (PYTHON=python3.14)
	@$(IN_BENCH) bench-here

.PHONY: bench-here
bench-here: build $(VENV)/rival
	cargo bench --quiet --locked --package change-buffers-core --bench journal -- --quiet
	$(BIN)/python -m pytest benches --quiet --benchmark-only --benchmark-quiet

$(VENV)/report-dependencies: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group report
	@touch $@

.PHONY: bench-report
bench-report: | tools ## Measure all of docs/performance.md anew (OPTIONS=--quick, PYTHON=python3.14)
	@$(IN_BENCH) bench-report-here

.PHONY: bench-report-here
bench-report-here: build $(VENV)/rival $(VENV)/report-dependencies
	cd benches && $(abspath $(BIN))/python -m report $(OPTIONS)

.PHONY: bench-nanover
bench-nanover: | tools ## Measure NanoVer's own server with its clients, a quarter of an hour (OPTIONS=--quick)
	@$(WITH_NANOVER) bench-in-nanover

.PHONY: bench-in-nanover
bench-in-nanover: build nanover $(VENV)/report-dependencies
	@cd benches && $(abspath $(BIN))/python -m sockets $(OPTIONS)

.PHONY: bench-redis
bench-redis: build ## Measure several processes on one room, through a Redis (OPTIONS=--quick)
	@cd benches && $(abspath $(BIN))/python -m hosts $(OPTIONS)
.PHONY: bench-server
bench-server: | tools ## Measure our own server with many clients, five minutes (OPTIONS=--quick)
	@$(WITH_NANOVER) bench-server-in-nanover

.PHONY: bench-server-in-nanover
bench-server-in-nanover: build nanover $(VENV)/report-dependencies
	@cd benches && $(abspath $(BIN))/python -m sockets.room_bench $(OPTIONS)

.PHONY: bench-builds
bench-builds: build ## Measure against the build of another commit (OPTIONS=COMMIT)
	$(BIN)/python benches/builds.py $(OPTIONS)

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf $(VENV) .venv-* target dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
