#!/bin/sh
# unit tests, under the sanitizers
. "$(dirname "$0")/stage.sh"

# JSONTestSuite is not ours to keep; without it the test runs a subset of the same kinds.
suite=$ROOT/../shared/data/suites/JSONTestSuite.tar.zst
if [ -f "$suite" ]; then
	mkdir -p "$TEST_DIR/json"
	tar --zstd -xf "$suite" -C "$TEST_DIR/json" &&
		export JSON_SUITE="$TEST_DIR/json/JSONTestSuite/test_parsing"
else
	say "JSONTestSuite is not there: its own subset is run instead"
fi
run_suite unit
