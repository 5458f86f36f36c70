# The front door to Meson: `make help` lists what there is.

MAKEFLAGS += --no-print-directory
PYTHON = /usr/bin/python3
FORMAT = clang-format-14
C_FILES = $$(git ls-files 'src/*.[ch]' 'edge/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' 'examples/*.[ch]')
JOBS = 2
# The stages that have a short form.
TORTURE_STAGES = sim plants kills slow memory power

# The compiler of each build folder; the options of each kind of build.
debug_setup = CC=gcc meson setup build/debug -Db_sanitize=address,undefined
release_setup = CC=gcc meson setup build/release --buildtype=release -Doptimization=2 \
	-Ddebug=true -Db_lto=true -Db_pie=true
tsan_setup = CC=clang-14 meson setup build/tsan -Db_sanitize=thread
fuzz_setup = CC=clang-14 meson setup build/fuzz -Dfuzz=true
clang_setup = CC=clang-14 meson setup build/clang -Dwerror=true

.PHONY: help release debug clang check test torture bench fuzz tsan tidy format style clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

release: build/release/build.ninja ## build/release/tillbridge: optimised and hardened
	@ninja -j$(JOBS) -C build/release tillbridge

debug: build/debug/build.ninja ## build/debug: with AddressSanitizer and UBSan, tests included
	@ninja -j$(JOBS) -C build/debug

clang: build/clang/build.ninja ## build/clang: everything once more, warning-free under clang
	@ninja -j$(JOBS) -C build/clang

check: debug style ## the quick loop: unit and simulation tests, fuzz corpora, house rules
	@TEST_ROUNDS=$${TEST_ROUNDS:-100} meson test -C build/debug --no-rebuild --print-errorlogs \
		--suite unit --suite sim --suite fuzz

test: ## script/test: everything that CI runs
	@script/test

torture: ## the proofs under fault in full: hours (script/test runs their short forms)
	@TORTURE=full script/test $(TORTURE_STAGES)

bench: ## durable intake against the disk's limit and a Node.js peer (bench/results.json)
	@bench/run.sh

fuzz: build/fuzz/build.ninja ## libFuzzer on every parser, FUZZ_SECONDS each (default 60)
	@ninja -j$(JOBS) -C build/fuzz
	@script/fuzz build/fuzz $${FUZZ_SECONDS:-60}

tsan: build/tsan/build.ninja ## unit and simulation tests under ThreadSanitizer
	@ninja -j$(JOBS) -C build/tsan
	@TEST_ROUNDS=$${TEST_ROUNDS:-50} meson test -C build/tsan --no-rebuild --print-errorlogs \
		--suite unit --suite sim

tidy: build/clang/build.ninja ## clang-tidy over src/
	@script/stages/tidy.sh

format: ## clang-format over every C file
	@clang-format-14 -i $(C_FILES)

style: ## layers, sizes, words and format of the sources
	@$(PYTHON) tests/check_layers.py
	@$(PYTHON) tests/check_style.py
	@$(FORMAT) --dry-run -Werror $(C_FILES)

clean: ## removes build/
	@rm -rf build

# A build folder is set up once; Meson itself sees when its files change.
build/%/build.ninja:
	@$($*_setup)
